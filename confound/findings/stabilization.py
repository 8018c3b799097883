"""Does the effect settle? The tables of Bayesian models of each outcome over adjustment iterations."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pandas as pd

from confound import parallel
from confound.counts.contrasts import Contrast
from confound.counts.notes import Note
from confound.errors import InputError
from confound.findings import schema
from confound.findings.schema import Row
from confound.findings.stabilization_columns import CHECKS, SCHEMA, SETTLED
from confound.findings.trajectories import OutcomeTrajectory, trajectories
from confound.statistics.randomness import keyed_rng
from confound.statistics.stabilization import engines, summary
from confound.statistics.stabilization.diagnostics import Check
from confound.statistics.stabilization.draws import settled_by
from confound.statistics.stabilization.fit import PathFit, fit_paths
from confound.statistics.stabilization.inputs import PATHS, Pool, Priors, Sampler

TOLERANCE = 0.1  # of the outcome's standard deviation: what is smaller is commonly called negligible
FEW = 4  # trajectories whose draws are sooner followed up without workers, which load ArviZ first
SCHEMAS = {"stabilization": SCHEMA, "settled": SETTLED, "checks": CHECKS}
LONG = 2.0  # minutes that nobody should wait unasked
SECONDS_A_POOL, SECONDS_A_PATH = 10.0, 0.027  # a persona's answers at one iteration; measured on two cores
INSTALL = "pip install 'confound[bayes]'"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stabilization:
    """What the models say of the effect over iterations.

    Attributes
    ----------
    stabilization : pandas.DataFrame
        A row for each quantity of a path: observed (the effect at the first iteration), settled, sbt, sbc, asb on the
        outcome's own scale, averaged over personas; scale, step, kept, change of the path.
    settled : pandas.DataFrame
        The probability that from an iteration on the effect is within the tolerance of the settled effect.
    checks : pandas.DataFrame
        Gates (rhat to pareto_k), posterior predictive checks (ppc_...: the share of replicated logs above the log's
        own), and the comparison of the paths: elpd, its standard error, stacking weight.
    fits : dict
        Name -> the draws, as ArviZ keeps them.
    """

    stabilization: pd.DataFrame
    settled: pd.DataFrame
    checks: pd.DataFrame
    fits: Mapping[str, Any]


NOTHING = Stabilization(schema.frame([], SCHEMA), schema.frame([], SETTLED), schema.frame([], CHECKS), fits={})


def wanted(contrasts: Sequence[Contrast], *, asked: bool = False) -> tuple[list[OutcomeTrajectory], list[Note]]:
    """Return the outcomes to be modelled: iterations allow it, the packages are installed, and it takes no long time.

    Parameters
    ----------
    contrasts : sequence of Contrast
        Those of outcomes are used.
    asked : bool
        Whether the models are wanted however long they take.

    Returns
    -------
    trajectories : list of OutcomeTrajectory
    notes : list of Note
        What is not modelled, and why.
    """
    made, notes = trajectories(contrasts)
    if not made:
        return [], notes
    if missing := engines.missing():
        message = f"Whether effects settle was not modelled: {_lacking(missing)}."
        return [], [*notes, Note("note", message)]
    if not asked and (minutes := predicted_seconds(made) / 60) > LONG:
        message = (
            f"Whether effects settle was not modelled: Bayesian models of {len(made):,} outcomes would take some "
            f"{minutes:.0f} minutes. Ask for them with --stabilization."
        )
        return [], [*notes, Note("note", message)]
    return made, notes


def predicted_seconds(data: Sequence[OutcomeTrajectory]) -> float:
    """Predict how long models take on two cores, by what was measured: what is asked decides, not the machine."""
    work = sum(len(each.data.means) * len(each.data.times) for each in data)
    return len(list(_pooled(data))) * SECONDS_A_POOL + work * SECONDS_A_PATH


def modelled(
    series: Sequence[OutcomeTrajectory], *, confidence: float, seed: int, workers: int | None, tell: Tell | None
) -> Stabilization:
    """Model outcomes that are `wanted`; `tell` is told what is being fitted, and None where nobody watches."""
    sampler, told = Sampler(cores=workers), tell or (lambda _: None)
    return fit(series, sampler=sampler, confidence=confidence, seed=seed, progress=tell is not None, tell=told)


def _lacking(missing: Sequence[str]) -> str:
    """Say which packages are missing and how to install them."""
    names = "PyMC" if "pymc" in missing else ", ".join(missing)
    return f"{names} is not installed. Install it with: {INSTALL}"


def fit(
    data: Sequence[OutcomeTrajectory],
    *,
    paths: Sequence[str] = PATHS,
    priors: Priors | None = None,
    sampler: Sampler | None = None,
    tolerance: float | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
    tell: Tell = lambda _: None,
) -> Stabilization:
    """Fit models of the path of each outcome's effect over iterations.

    Outcomes of the same question, contrast and iterations are pooled over studies and models: their settled effects,
    biases and scales are drawn from common normal laws, as far as the data say that they are alike.

    Parameters
    ----------
    data : sequence of OutcomeTrajectory
        From `confound.findings.trajectories.trajectories`.
    paths : sequence of {"exponential", "random_walk", "changepoint"}
    priors : Priors, optional
    sampler : Sampler, optional
        Of nutpie's no-U-turn sampler. A fit that fails a gate is sampled once more with tighter settings.
    tolerance : float, optional
        What counts as settled, in units of the outcome; by default a tenth of its standard deviation.
    confidence : float
        Of the intervals, in (0, 1).
    seed : int
        The same seed gives the same draws on the same machine.
    progress : bool
        Whether the sampler shows how far it is.
    tell : callable
        Is told what is being fitted.

    Returns
    -------
    Stabilization

    Raises
    ------
    InputError
        If a path is unknown, or if the packages that fit Bayesian models are not installed.

    References
    ----------
    Lin et al. (2026), arXiv 2605.20767; Vehtari, Gelman and Gabry (2017) on leave-one-out, Yao et al. (2018) on
    stacking.
    """
    unknown = set(paths) - set(PATHS)
    if unknown:
        raise InputError(f"path {min(unknown)}: no such path. Paths are {', '.join(PATHS)}")
    if missing := engines.missing():
        raise InputError(f"Bayesian models cannot be fitted: {_lacking(missing)}")
    from confound.statistics.stabilization.inference_data import inference_data

    priors, sampler = priors or Priors(), sampler or Sampler()
    tables: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
    fits: dict[str, Any] = {}
    for together in _pooled(data):
        pool, said = _pool(together), partial(_said, together, tell)
        spread = partial(_spread, workers=sampler.cores)
        made = fit_paths(
            *(pool, paths), priors=priors, sampler=sampler, seed=seed, progress=progress, tell=said, spread=spread
        )
        for found, i, each, weight in _members(made, together):
            allowed = TOLERANCE * each.data.sd if tolerance is None else tolerance
            tables["stabilization"] += _rows(found, i, each, priors, confidence=confidence, seed=seed)
            tables["settled"] += _settled_rows(found, i, each, allowed)
            tables["checks"] += _check_rows(found, i, each, weight, seed)
        fits |= {f"{pool.name}/{found.path}": inference_data(found, pool) for found in made}
    return Stabilization(**{name: schema.frame(rows, SCHEMAS[name]) for name, rows in tables.items()}, fits=fits)


def _pooled(data: Sequence[OutcomeTrajectory]) -> Iterator[list[OutcomeTrajectory]]:
    """Put together what is pooled."""
    pools: dict[Any, list[OutcomeTrajectory]] = {}
    for each in data:
        pools.setdefault((each.contrast, each.question, tuple(each.data.times)), []).append(each)
    yield from pools.values()


def _pool(together: Sequence[OutcomeTrajectory]) -> Pool:
    """Leave of the labels what the models need: which study and model each is of, and names for random numbers."""
    return Pool(
        name=_name(together),
        members=tuple(each.data for each in together),
        names=tuple(each.name for each in together),
        study=_codes([each.study for each in together]),
        model=_codes([each.model for each in together]),
    )


def _codes(labels: Sequence[str]) -> tuple[int, ...]:
    names = sorted(set(labels))
    return tuple(names.index(label) for label in labels)


def _name(together: Sequence[OutcomeTrajectory]) -> str:
    """Name a pool as a group of a netCDF file, which knows no slash."""
    first = together[0]
    names = (first.name,) if len(together) == 1 else (first.contrast, first.question, f"{len(together)} pooled")
    return " | ".join(names).replace("/", "_")


def _said(together: Sequence[OutcomeTrajectory], tell: Tell, path: str, failed: Sequence[Check]) -> None:
    """Tell in words what is being fitted."""
    if failed:
        which = ", ".join(f"{gate.name} {gate.value:.3g}" for gate in failed)
        tell(f"  once more with shorter steps and more draws, for it failed its checks: {which} ...")
        return
    more = f" in {len(together)} studies and models" if len(together) > 1 else ""
    tell(f"Fitting the {path.replace('_', ' ')} path of {together[0].question}, {together[0].contrast}{more} ...")


def _spread(task: Callable[[Any], Any], items: Iterable[Any], *, workers: int | None) -> list[Any]:
    with parallel.one_thread():
        return list(parallel.spread(task, items, workers=workers, few=FEW))


def _members(
    made: Sequence[PathFit], together: Sequence[OutcomeTrajectory]
) -> Iterator[tuple[PathFit, int, OutcomeTrajectory, float]]:
    """Return each path's fit of each member: the fit, the member's place, the member, and the path's weight for it."""
    weights = [summary.stacked(made, i) for i in range(len(together))]
    for m, found in enumerate(made):
        for i, each in enumerate(together):
            yield found, i, each, float(weights[i][m])


def _place(found: PathFit, each: OutcomeTrajectory) -> dict[str, str]:
    labels = {"study": each.study, "model": each.model, "contrast": each.contrast, "question": each.question}
    return {**labels, "path": found.path}


def _rows(
    found: PathFit, i: int, each: OutcomeTrajectory, priors: Priors, *, confidence: float, seed: int
) -> Iterator[Row]:
    prior = summary.prior_quantities(found.path, each.data, priors, keyed_rng(seed, found.path, each.name, "prior"))
    for quantity in summary.quantities(found, i, each.data, prior, confidence):
        yield {**_place(found, each), **asdict(quantity)}


def _settled_rows(found: PathFit, i: int, each: OutcomeTrajectory, tolerance: float) -> Iterator[Row]:
    probabilities = settled_by(found.members[i].outcome, tolerance)
    for iteration, probability in zip(each.data.times, probabilities, strict=True):
        said = {"iteration": int(iteration), "probability": probability, "tolerance": tolerance}
        yield {**_place(found, each), **said}


def _check_rows(found: PathFit, i: int, each: OutcomeTrajectory, weight: float, seed: int) -> Iterator[Row]:
    rng = keyed_rng(seed, found.path, each.name, "replicates")
    for check in summary.checks(found, i, each.data, weight, rng):
        said = {"check": check.name, "value": check.value, "limit": check.limit, "passed": check.passed}
        yield {**_place(found, each), **said}
