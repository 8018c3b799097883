"""Fit each path to a pool of outcomes: sample the parameters, then draw what follows for each outcome.

PyMC, nutpie and ArviZ are imported by the functions that need them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from confound.statistics.arrays import FloatArray
from confound.statistics.randomness import keyed_rng
from confound.statistics.stabilization import draws as drawing
from confound.statistics.stabilization import quadratic
from confound.statistics.stabilization.diagnostics import Check, diagnose, gates
from confound.statistics.stabilization.inputs import PATHS, Pool, Priors, Sampler, Trajectory
from confound.statistics.stabilization.law import Persons, Quadratic

if TYPE_CHECKING:
    from confound.statistics.stabilization.model import Sample

KEPT = 20_000  # draws, times members, that are summarised

# Told the path that is being fitted, and which checks it failed before: none the first time.
Tell = Callable[[str, Sequence[Check]], None]
# Does independent pieces of work as `map` does, in their order.
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class MemberFit:
    """What one path says of one member of a pool; S draws.

    Attributes
    ----------
    theta : Theta
        Draws of the parameters.
    paths : Paths
        Draws of the arms' means.
    outcome : ndarray of float64, shape (S, 2, T + 1)
        Expected outcome in its own units, treated arm first; the last column is the settled one.
    left_out : ndarray of float64, shape (chains, some of the draws, P)
        Log density of each persona's answers given all others'.
    elpd, pareto_k : ndarray of float64, shape (P,)
        Expected log density of each persona's answers, left out, and the Pareto k of its estimate.
    """

    theta: drawing.Theta
    paths: drawing.Paths
    outcome: FloatArray
    left_out: FloatArray
    elpd: FloatArray
    pareto_k: FloatArray


@dataclass(frozen=True, slots=True)
class PathFit:
    """One path of one pool.

    Attributes
    ----------
    path : {"exponential", "random_walk", "changepoint"}
    sample : Sample
        As many draws of the parameters as are summarised.
    gates : list of Check
        Of all draws.
    members : list of MemberFit
        In the order of the pool's.
    """

    path: str
    sample: "Sample"
    gates: list[Check]
    members: list[MemberFit]


def fit_paths(
    pool: Pool,
    paths: Sequence[str] = PATHS,
    *,
    priors: Priors | None = None,
    sampler: Sampler | None = None,
    seed: int = 0,
    again: bool = True,
    progress: bool = False,
    tell: Tell = lambda _path, _failed: None,
    spread: Spread = map,
) -> list[PathFit]:
    """Fit each path to a pool.

    Parameters
    ----------
    pool : Pool
    paths : sequence of {"exponential", "random_walk", "changepoint"}
    priors : Priors, optional
    sampler : Sampler, optional
    seed : int
        The same seed gives the same draws on the same machine.
    again : bool
        Whether a fit that fails a gate is sampled once more with shorter steps and twice the draws.
    progress : bool
        Whether the sampler shows how far it is.
    tell : callable
        Is told the path that is being fitted, and which checks it failed before.
    spread : callable
        Does the members' work as `map` does; a pool of processes may.

    Returns
    -------
    list of PathFit
        In the order of `paths`.
    """
    priors, sampler = priors or Priors(), sampler or Sampler()
    laws = [_quadratic(each) for each in pool.members]
    made = []
    for path in paths:
        fit = partial(_fit, path, pool, laws, priors, progress=progress, spread=spread)
        tell(path, ())
        found = fit(sampler, seed)
        failed = [gate for gate in found.gates if not gate.passed]
        if again and failed:
            tell(path, failed)
            found = fit(sampler.tighter(), seed + 1)
        made.append(found)
    return made


def _quadratic(each: Trajectory) -> Quadratic:
    if each.counts is not None:
        return quadratic.of_counts(each.counts.astype(float), each.times)
    mean, sd = each.unit()
    return quadratic.of_means((each.means - mean) / sd, each.errors / sd, each.times)


def _fit(
    path: str,
    pool: Pool,
    laws: Sequence[Quadratic],
    priors: Priors,
    sampler: Sampler,
    seed: int,
    *,
    progress: bool,
    spread: Spread,
) -> PathFit:
    from confound.statistics.stabilization.model import sample

    sampled = sample(
        *(path, quadratic.stacked(laws)),
        study=pool.study,
        model=pool.model,
        priors=priors,
        sampler=sampler,
        seed=crc32(f"{seed}\0{path}\0{pool.name}".encode()),
        progress=progress,
    )
    kept = _thinned(sampled, len(pool.members))
    thetas = [_theta(kept.posterior, i, each, priors, len(laws)) for i, each in enumerate(pool.members)]
    task = partial(_follow, path=path, shape=kept.energy.shape, priors=priors, seed=seed)
    members = list(spread(task, zip(pool.members, pool.names, laws, thetas, strict=True)))
    return PathFit(path, kept, _gates(sampled, kept, members), members)


def _follow(
    given: tuple[Trajectory, str, Quadratic, drawing.Theta],
    *,
    path: str,
    shape: tuple[int, ...],
    priors: Priors,
    seed: int,
) -> MemberFit:
    """Draw what follows for one member from the parameters that were sampled."""
    from confound.statistics.stabilization.leave_one_out import leave_each_out

    each, name, law, theta = given
    paths = drawing.draw_paths(path, law, theta, keyed_rng(seed, path, name, "paths"))
    outcome = drawing.expected(paths.means, theta.persons, each.times, each.numbers, each.unit())
    return MemberFit(theta, paths, outcome, *leave_each_out(path, law, theta, shape, priors))


def _gates(sampled: "Sample", kept: "Sample", members: Sequence[MemberFit]) -> list[Check]:
    """Hold all that was sampled, and all that is reported, against the gates."""
    diagnosed = [diagnose(draws) for draws in _scalars(sampled.posterior)]
    diagnosed += [
        diagnose(draws.reshape(kept.energy.shape))
        for each in members
        for draws in drawing.quantities(each.outcome).values()
    ]
    return gates(diagnosed, int(sampled.diverging.sum()), sampled.energy)


def _scalars(posterior: Mapping[str, FloatArray]) -> Iterator[FloatArray]:
    """Return the draws of every parameter, one number at a time."""
    for name, values in posterior.items():
        if name != "log_prior":
            flat = values.reshape(*values.shape[:2], -1)
            yield from np.moveaxis(flat, -1, 0)


def _thinned(sampled: "Sample", n_groups: int) -> "Sample":
    """Keep as many draws as are summarised."""
    from confound.statistics.stabilization.model import Sample

    chains, draws = sampled.energy.shape
    step = max(1, chains * draws * n_groups // KEPT)
    posterior = {name: values[:, ::step] for name, values in sampled.posterior.items()}
    return Sample(posterior, sampled.diverging[:, ::step], sampled.energy[:, ::step])


def _theta(posterior: Mapping[str, FloatArray], i: int, each: Trajectory, priors: Priors, n: int) -> drawing.Theta:
    """Take the parameters of one member of n out of the posterior, chains end to end."""
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in posterior.items()}
    own: dict[str, FloatArray] = {name: flat[name][:, i] for name in ("scale", "step", "kept") if name in flat}
    persons = Persons(_cuts(flat, i, each), flat["persona_sd"][:, i], flat["noise"][:, i], flat["growth"][:, i])
    n_draws = len(flat["cut"])
    centre = np.zeros((n_draws, 3))
    if n == 1:
        return drawing.Theta(persons, centre, np.full(n_draws, priors.effect), np.full(n_draws, priors.bias), own)
    centre[:, : flat["centre"].shape[-1]] = flat["centre"][:, i]
    return drawing.Theta(persons, centre, flat["effect_sd"], flat.get("bias_sd", np.ones(n_draws)), own)


def _cuts(flat: Mapping[str, FloatArray], i: int, each: Trajectory) -> FloatArray:
    """Return the cutpoints of one member, shape (S, C); the negative level of a numeric outcome."""
    first = flat["cut"][:, i : i + 1]
    if each.numbers is None or len(each.numbers) <= 2:
        return first
    gaps = flat["gap"][:, i, : len(each.numbers) - 2]
    return np.concatenate([first, first + np.cumsum(gaps, axis=1)], axis=1)
