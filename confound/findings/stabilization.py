"""Does the effect settle? Bayesian models of an outcome over adjustment iterations, summarised as tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import pandas as pd

from confound import parallel
from confound.counts.outcome_series import Series
from confound.counts.scales import FloatArray
from confound.errors import InputError
from confound.statistics.stabilization import diagnostics as checks
from confound.statistics.stabilization import draws as drawing
from confound.statistics.stabilization import quadratic
from confound.statistics.stabilization.inputs import PATHS, Priors, Sampler
from confound.statistics.stabilization.law import Persons, Quadratic

if TYPE_CHECKING:
    from confound.statistics.stabilization.model import Sample

_PLACE = ("study", "model", "contrast", "question", "path")
STABILIZATION = (
    *_PLACE,
    *("quantity", "mean", "sd", "ci_low", "ci_high", "rhat", "ess_bulk", "ess_tail"),
    *("prior_low", "prior_high", "prior_sensitivity", "likelihood_sensitivity"),
)
SETTLED = (*_PLACE, "iteration", "probability", "tolerance")
CHECKS = (*_PLACE, "check", "value", "limit", "passed")

TOLERANCE = 0.1  # of the outcome's standard deviation: what is smaller is commonly called negligible
KEPT = 20_000  # draws, times groups, that are summarised
N_PRIOR = 1000
N_REPLICATES = 200
FEW = 4  # series whose draws are sooner followed up without workers, which load ArviZ first
N_LEFT_OUT = 1000  # draws, about, in which personas are left out
N_MOVED = 10  # personas at most, of each series and path, for which draws are moved: it takes a second or more each
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stabilization:
    """What the models say of the effect over iterations.

    Attributes
    ----------
    stabilization : pandas.DataFrame
        A row a quantity of a path: observed (the effect at the first iteration), settled, sbt, sbc, asb on the
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


NOTHING = Stabilization(
    stabilization=pd.DataFrame(columns=list(STABILIZATION)),
    settled=pd.DataFrame(columns=list(SETTLED)),
    checks=pd.DataFrame(columns=list(CHECKS)),
    fits={},
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What one path says of one series.

    Attributes
    ----------
    theta : Theta
    paths : Paths
    outcome : ndarray, shape (draws, 2, T + 1)
        Expected outcome, treated arm first; the last column is the settled one.
    left_out : ndarray, shape (chains, some of the draws, personas)
        Log density of each persona's answers given all others'.
    elpd, pareto_k : ndarray, shape (personas,)
        Expected log density of each persona, left out, and the Pareto k of its estimate.
    """

    theta: drawing.Theta
    paths: drawing.Paths
    outcome: FloatArray
    left_out: FloatArray
    elpd: FloatArray
    pareto_k: FloatArray


@dataclass(frozen=True, slots=True)
class Fit:
    """One path of one pool of series.

    Attributes
    ----------
    path : str
    sample : Sample
        As many draws as are summarised.
    gates : list of Check
        Of all draws.
    series : list of Fitted
    """

    path: str
    sample: "Sample"
    gates: list[checks.Check]
    series: list[Fitted]


def fit(
    data: Sequence[Series],
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

    Series of the same question, contrast and iterations are pooled over studies and models: their settled effects,
    biases and scales are drawn from common normal laws, as far as the data say that they are alike.

    Parameters
    ----------
    data : sequence of Series
        From `confound.counts.outcome_series.series`.
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
        Where a path is unknown.

    References
    ----------
    Lin et al. (2026), arXiv 2605.20767; Vehtari, Gelman and Gabry (2017) on leave-one-out, Yao et al. (2018) on
    stacking.
    """
    unknown = set(paths) - set(PATHS)
    if unknown:
        raise InputError(f"path {min(unknown)}: no such path. Paths are {', '.join(PATHS)}")
    priors, sampler = priors or Priors(), sampler or Sampler()
    tables: dict[str, list[dict[str, Any]]] = {"stabilization": [], "settled": [], "checks": []}
    fits: dict[str, Any] = {}
    for pool in _pools(data):
        made = fit_paths(pool, paths, priors, sampler, seed=seed, progress=progress, tell=tell)
        weights = [_weights(made, i) for i in range(len(pool))]
        for m, found in enumerate(made):
            for i, each in enumerate(pool):
                prior = _prior(found.path, each, priors, _rng(seed, found.path, each.name, "prior"))
                allowed = TOLERANCE * each.sd if tolerance is None else tolerance
                tables["stabilization"] += _rows(found, i, each, prior, confidence)
                tables["settled"] += _settled_rows(found, i, each, allowed)
                tables["checks"] += _check_rows(
                    found, i, each, weights[i][m], _rng(seed, found.path, each.name, "replicates")
                )
            fits[f"{_key(pool)}/{found.path}"] = _tree(found, pool)
    columns = {"stabilization": STABILIZATION, "settled": SETTLED, "checks": CHECKS}
    frames = {name: pd.DataFrame(rows, columns=list(columns[name])) for name, rows in tables.items()}
    return Stabilization(**frames, fits=fits)


def fit_paths(
    pool: Sequence[Series],
    paths: Sequence[str],
    priors: Priors,
    sampler: Sampler,
    *,
    seed: int,
    again: bool = True,
    progress: bool = False,
    tell: Tell = lambda _: None,
) -> list[Fit]:
    """Fit each path to series that are pooled; the arguments are those of `fit`.

    With `again` a fit that fails a gate is sampled once more with tighter settings.
    """
    laws = [_quadratic(each) for each in pool]
    made = []
    for path in paths:
        tell(f"Fitting the {path.replace('_', ' ')} path of {_what(pool)} ...")
        found = _fit(path, pool, laws, priors, sampler, seed=seed, progress=progress)
        if again and not all(gate.passed for gate in found.gates):
            failed = ", ".join(f"{gate.name} {gate.value:.3g}" for gate in found.gates if not gate.passed)
            tell(f"  once more with shorter steps and more draws, for it failed its checks: {failed} ...")
            found = _fit(path, pool, laws, priors, sampler.tighter(), seed=seed + 1, progress=progress)
        made.append(found)
    return made


def _pools(data: Sequence[Series]) -> Iterator[list[Series]]:
    """Put together what is pooled."""
    pools: dict[Any, list[Series]] = {}
    for each in data:
        pools.setdefault((each.contrast, each.question, tuple(each.times)), []).append(each)
    yield from pools.values()


def _what(pool: Sequence[Series]) -> str:
    more = f" in {len(pool)} studies and models" if len(pool) > 1 else ""
    return f"{pool[0].question}, {pool[0].contrast}{more}"


def _key(pool: Sequence[Series]) -> str:
    """Name a pool as a group of a netCDF file, which knows no slash."""
    names = (pool[0].name,) if len(pool) == 1 else (pool[0].contrast, pool[0].question, f"{len(pool)} pooled")
    return " | ".join(names).replace("/", "_")


def _rng(seed: int, *place: str) -> np.random.Generator:
    return np.random.default_rng([seed, crc32("\0".join(place).encode())])


def _quadratic(each: Series) -> Quadratic:
    if each.counts is not None:
        return quadratic.of_counts(each.counts.astype(float), each.times)
    mean, sd = _unit(each)
    return quadratic.of_means((each.means - mean) / sd, each.errors / sd, each.times)


def _unit(each: Series) -> tuple[float, float]:
    """Return the mean and standard deviation that a numeric outcome is measured in."""
    return float(np.nansum(each.means * each.sizes) / each.sizes.sum()), each.sd


def _fit(
    path: str,
    pool: Sequence[Series],
    laws: Sequence[Quadratic],
    priors: Priors,
    sampler: Sampler,
    *,
    seed: int,
    progress: bool,
) -> Fit:
    from confound.statistics.stabilization.model import sample

    study, model = (_codes([getattr(each, key) for each in pool]) for key in ("study", "model"))
    sampled = sample(
        *(path, quadratic.stacked(laws)),
        study=study,
        model=model,
        priors=priors,
        sampler=sampler,
        seed=crc32(f"{seed}\0{path}\0{_key(pool)}".encode()),
        progress=progress,
    )
    kept = _thinned(sampled, len(pool))
    thetas = [_theta(kept.posterior, i, each, priors, len(pool)) for i, each in enumerate(pool)]
    task = partial(_follow, path=path, shape=kept.energy.shape, priors=priors, seed=seed)
    with parallel.one_thread():
        series = list(parallel.spread(task, zip(pool, laws, thetas, strict=True), workers=sampler.cores, few=FEW))
    diagnosed = [checks.diagnose(draws) for draws in _scalars(sampled.posterior)]
    diagnosed += [
        checks.diagnose(draws.reshape(kept.energy.shape))
        for each in series
        for draws in drawing.quantities(each.outcome).values()
    ]
    return Fit(path, kept, checks.gates(diagnosed, int(sampled.diverging.sum()), sampled.energy), series)


def _follow(
    given: tuple[Series, Quadratic, drawing.Theta], *, path: str, shape: tuple[int, ...], priors: Priors, seed: int
) -> Fitted:
    """Draw what follows for one series from the parameters that were sampled."""
    each, law, theta = given
    paths = drawing.draw_paths(path, law, theta, _rng(seed, path, each.name, "paths"))
    outcome = drawing.expected(paths.means, theta.persons, each.times, each.numbers, _unit(each))
    return Fitted(theta, paths, outcome, *_left_out(path, law, theta, shape, priors))


def _codes(labels: Sequence[str]) -> tuple[int, ...]:
    names = sorted(set(labels))
    return tuple(names.index(label) for label in labels)


def _thinned(sampled: "Sample", n_groups: int) -> "Sample":
    """Keep as many draws as are summarised."""
    from confound.statistics.stabilization.model import Sample

    chains, draws = sampled.energy.shape
    step = max(1, chains * draws * n_groups // KEPT)
    posterior = {name: values[:, ::step] for name, values in sampled.posterior.items()}
    return Sample(posterior, sampled.diverging[:, ::step], sampled.energy[:, ::step])


def _theta(posterior: Mapping[str, FloatArray], i: int, each: Series, priors: Priors, n: int) -> drawing.Theta:
    """Take the parameters of one series out of the posterior, chains end to end."""
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in posterior.items()}
    first = flat["cut"][:, i : i + 1]
    cuts = first
    if each.numbers is not None and len(each.numbers) > 2:
        gaps = flat["gap"][:, i, : len(each.numbers) - 2]
        cuts = np.concatenate([first, first + np.cumsum(gaps, axis=1)], axis=1)
    own: dict[str, FloatArray] = {name: flat[name][:, i] for name in ("scale", "step", "kept") if name in flat}
    persons = Persons(cuts, flat["persona_sd"][:, i], flat["noise"][:, i], flat["growth"][:, i])
    n_draws = len(first)
    if n == 1:
        return drawing.Theta(
            persons, np.zeros((n_draws, 3)), np.full(n_draws, priors.effect), np.full(n_draws, priors.bias), own
        )
    centre = np.zeros((n_draws, 3))
    centre[:, : flat["centre"].shape[-1]] = flat["centre"][:, i]
    return drawing.Theta(persons, centre, flat["effect_sd"], flat.get("bias_sd", np.ones(n_draws)), own)


def _scalars(posterior: Mapping[str, FloatArray]) -> Iterator[FloatArray]:
    """Return the draws of every parameter, one number at a time."""
    for name, values in posterior.items():
        if name != "log_prior":
            flat = values.reshape(*values.shape[:2], -1)
            yield from np.moveaxis(flat, -1, 0)


def _left_out(
    path: str, data: Quadratic, theta: drawing.Theta, shape: tuple[int, ...], priors: Priors
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Leave each persona out, with as many draws as that takes.

    Returns its density given all others, shape (chains, draws, P), what is expected of that, and the Pareto k of the
    estimate, shapes (P,); where k is too large, after the draws were moved for it, if it is among the largest.
    """
    from confound.statistics.stabilization.arviz_versions import loo
    from confound.statistics.stabilization.leave_one_out import leave_out

    step = max(1, shape[0] * shape[1] // N_LEFT_OUT)
    used = np.arange(shape[0] * shape[1]).reshape(shape)[:, ::step]
    some = theta.rows(used.ravel())
    told = drawing.left_out(path, data, some)
    densities = told.reshape(*used.shape, -1)
    elpd, pareto_k = loo(densities)
    worst = np.argsort(-pareto_k)[:N_MOVED]
    for persona in worst[pareto_k[worst] > checks.largest_k(used.size)]:
        elpd[persona], pareto_k[persona] = leave_out(path, data, some, persona, told[:, persona], priors)
    return densities, elpd, pareto_k


def _weights(made: Sequence[Fit], i: int) -> FloatArray:
    if len(made) == 1:
        return np.ones(1)
    return checks.stacking_weights(np.stack([found.series[i].elpd for found in made], axis=1))


def _prior(path: str, each: Series, priors: Priors, rng: np.random.Generator) -> Mapping[str, FloatArray]:
    """Draw what the prior alone expects, on the outcome's own scale."""
    n_cuts = 1 if each.numbers is None else len(each.numbers) - 1
    theta = drawing.draw_prior(path, n_cuts, N_PRIOR, priors=priors, rng=rng)
    means = drawing.draw_prior_paths(path, each.times, theta, rng)
    return drawing.quantities(drawing.expected(means, theta.persons, each.times, each.numbers, _unit(each)))


def _place(found: Fit, each: Series) -> dict[str, str]:
    return {**{key: getattr(each, key) for key in _PLACE[:-1]}, "path": found.path}


def _rows(
    found: Fit, i: int, each: Series, prior: Mapping[str, FloatArray], confidence: float
) -> Iterator[dict[str, Any]]:
    """Summarise the quantities of one series, then the path's own."""
    place, ends = _place(found, each), ((1 - confidence) / 2, (1 + confidence) / 2)
    shape = found.sample.energy.shape
    fitted = found.series[i]
    log_prior = found.sample.posterior["log_prior"].ravel() + fitted.paths.log_prior
    log_likelihood = np.sum([other.paths.log_likelihood for other in found.series], axis=0)
    named = {**drawing.quantities(fitted.outcome), **fitted.theta.path}
    if found.path == "changepoint":
        named["change"] = np.append(each.times[:-1], np.nan)[fitted.paths.change]
    for name, draws in named.items():
        there = draws[~np.isnan(draws)]
        row = {**place, "quantity": name, "mean": there.mean() if len(there) else np.nan}
        low, high = np.quantile(there, ends) if len(there) else (np.nan, np.nan)
        row |= {"sd": there.std(ddof=1) if len(there) > 1 else np.nan, "ci_low": low, "ci_high": high}
        if name != "change":
            diagnosed = checks.diagnose(draws.reshape(shape))
            row |= {"rhat": diagnosed.rhat, "ess_bulk": diagnosed.ess_bulk, "ess_tail": diagnosed.ess_tail}
            row["prior_sensitivity"] = checks.sensitivity(draws, log_prior)
            row["likelihood_sensitivity"] = checks.sensitivity(draws, log_likelihood)
        if name in prior:
            row |= dict(zip(("prior_low", "prior_high"), np.quantile(prior[name], ends), strict=True))
        yield row


def _settled_rows(found: Fit, i: int, each: Series, tolerance: float) -> Iterator[dict[str, Any]]:
    probabilities = drawing.settled_by(found.series[i].outcome, tolerance)
    for iteration, probability in zip(each.times, probabilities, strict=True):
        yield {
            **_place(found, each),
            "iteration": int(iteration),
            "probability": probability,
            "tolerance": tolerance,
        }


def _check_rows(found: Fit, i: int, each: Series, weight: float, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    own = found.series[i].elpd
    told = {"elpd": own.sum(), "elpd_se": own.std(ddof=1) * np.sqrt(len(own)), "weight": weight}
    comparison = [checks.Check(name, float(value), np.nan, passed=True) for name, value in told.items()]
    compared = checks.compared(found.series[i].pareto_k, found.series[i].left_out[..., 0].size)
    for check in [*found.gates, compared, *_predictive(found, i, each, rng), *comparison]:
        yield {
            **_place(found, each),
            "check": check.name,
            "value": check.value,
            "limit": check.limit,
            "passed": check.passed,
        }


def _predictive(found: Fit, i: int, each: Series, rng: np.random.Generator) -> Iterator[checks.Check]:
    """Compare the log with logs of new personas that the model makes (Gelman, Meng and Stern 1996)."""
    fitted = found.series[i]
    theta, paths, outcome = fitted.theta, fitted.paths, fitted.outcome[..., :-1]
    seen: dict[str, list[bool]] = {}
    for s in rng.choice(len(outcome), N_REPLICATES, replace=len(outcome) < N_REPLICATES):
        made = _replicate(each, theta.rows(slice(s, s + 1)).persons, paths.means[s, :, :-1], rng)
        replicated, own = (checks.statistics(means, outcome[s]) for means in (made, each.means))
        for name, value in replicated.items():
            seen.setdefault(name, []).append(value >= own[name])
    for name, above in seen.items():
        share = float(np.mean(above))
        yield checks.Check(f"ppc_{name}", share, checks.EXTREME, checks.EXTREME <= share <= 1 - checks.EXTREME)


def _replicate(each: Series, persons: Persons, means: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw the persona means of a log of new personas."""
    if each.numbers is not None:
        counts = drawing.simulate(means, persons, each.times, each.sizes, rng)
        with np.errstate(invalid="ignore"):
            return np.asarray((counts @ each.numbers) / np.where(each.sizes > 0, each.sizes, np.nan))
    mean, sd = _unit(each)
    eta = drawing.simulate_predictors(means, persons, each.times, len(each.sizes), rng)
    scattered = mean + sd * (eta - persons.cuts[0, 0]) + each.errors * rng.standard_normal(each.errors.shape)
    return np.where(np.isnan(each.means), np.nan, scattered)


def _tree(found: Fit, pool: Sequence[Series]) -> Any:
    """Keep the draws as ArviZ does."""
    from confound.statistics.stabilization.arviz_versions import tree

    chains, draws = found.sample.energy.shape

    def laid(values: FloatArray) -> FloatArray:
        return values.reshape(chains, draws, *values.shape[1:])

    outcome = np.stack([laid(each.outcome) for each in found.series], axis=2)
    named = [drawing.quantities(each.outcome) for each in found.series]
    reported = {
        f"{name}_effect" if name in ("observed", "settled") else name: np.stack(
            [laid(each[name]) for each in named], axis=2
        )
        for name in named[0]
    }
    groups = {
        "posterior": {**found.sample.posterior, "outcome": outcome, **reported},
        "sample_stats": {"diverging": found.sample.diverging, "energy": found.sample.energy},
        "log_likelihood": {f"personas_{i}": each.left_out for i, each in enumerate(found.series)},
    }
    dims = {"outcome": ["series", "arm", "when"], **{name: ["series"] for name in reported}}
    coords = {
        "series": [each.name for each in pool],
        "arm": ["treated", "control"],
        "when": [*(f"{time:g}" for time in pool[0].times), "settled"],
    }
    return tree(groups, coords, dims)
