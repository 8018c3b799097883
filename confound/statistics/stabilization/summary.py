"""What a fit says: quantities with intervals, diagnostics and sensitivities, and its checks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from confound.statistics.arrays import FloatArray
from confound.statistics.stabilization import draws as drawing
from confound.statistics.stabilization.diagnostics import Check, compared, diagnose, sensitivity, stacking_weights
from confound.statistics.stabilization.fit import MemberFit, PathFit
from confound.statistics.stabilization.inputs import Priors, Trajectory
from confound.statistics.stabilization.prediction import predictive_checks

N_PRIOR = 1000  # draws from the prior


@dataclass(frozen=True, slots=True)
class Quantity:
    """The posterior of one quantity, beside what the prior alone expects.

    Attributes
    ----------
    quantity : str
        `observed`, `settled`, `sbt`, `sbc`, `asb`, in units of the outcome; or a parameter of the path: `scale`,
        `step`, `kept`, and `change`, the iteration from which on the path is constant.
    mean, sd : float
        Over the draws; of `change`, over those in which there is such an iteration.
    ci_low, ci_high : float
        Quantiles.
    rhat, ess_bulk, ess_tail : float
        NaN for `change`, which is drawn afterwards.
    prior_low, prior_high : float
        The same quantiles of the prior; NaN for parameters.
    prior_sensitivity, likelihood_sensitivity : float
        Not negative, see `diagnostics.sensitivity`; NaN for `change`.
    """

    quantity: str
    mean: float
    sd: float
    ci_low: float
    ci_high: float
    rhat: float = np.nan
    ess_bulk: float = np.nan
    ess_tail: float = np.nan
    prior_low: float = np.nan
    prior_high: float = np.nan
    prior_sensitivity: float = np.nan
    likelihood_sensitivity: float = np.nan


def quantities(
    found: PathFit, i: int, data: Trajectory, prior: Mapping[str, FloatArray], confidence: float
) -> Iterator[Quantity]:
    """Summarise the quantities of one member, then the path's own parameters.

    Parameters
    ----------
    found : PathFit
    i : int
        The member's place in the pool.
    data : Trajectory
        Of this member.
    prior : dict
        From `prior_quantities`.
    confidence : float
        Of the intervals, in (0, 1).
    """
    member, sample = found.members[i], found.sample
    ends = ((1 - confidence) / 2, (1 + confidence) / 2)
    densities = (
        sample.posterior["log_prior"].ravel() + member.paths.log_prior,
        np.sum([other.paths.log_likelihood for other in found.members], axis=0),
    )
    for name, draws in {**drawing.quantities(member.outcome), **member.theta.path}.items():
        more = _diagnosed(draws, sample.energy.shape, densities)
        if name in prior:
            more |= dict(zip(("prior_low", "prior_high"), np.quantile(prior[name], ends), strict=True))
        yield _summarised(name, draws, ends, more)
    if found.path == "changepoint":
        yield _summarised("change", np.append(data.times[:-1], np.nan)[member.paths.change], ends, {})


def _summarised(name: str, draws: FloatArray, ends: tuple[float, float], more: Mapping[str, float]) -> Quantity:
    there = draws[~np.isnan(draws)]
    if not len(there):
        return Quantity(name, np.nan, np.nan, np.nan, np.nan, **more)
    low, high = np.quantile(there, ends)
    return Quantity(name, there.mean(), there.std(ddof=1) if len(there) > 1 else np.nan, low, high, **more)


def _diagnosed(draws: FloatArray, shape: tuple[int, ...], densities: tuple[FloatArray, FloatArray]) -> dict[str, float]:
    """Return diagnostics of draws, chains end to end, and their sensitivity to prior and likelihood."""
    found = diagnose(draws.reshape(shape))
    prior, likelihood = (sensitivity(draws, density) for density in densities)
    return {
        "rhat": found.rhat,
        "ess_bulk": found.ess_bulk,
        "ess_tail": found.ess_tail,
        "prior_sensitivity": prior,
        "likelihood_sensitivity": likelihood,
    }


def prior_quantities(path: str, data: Trajectory, priors: Priors, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Draw what the prior alone expects of each quantity, in units of the outcome; arrays of shape (1000,)."""
    n_cuts = 1 if data.numbers is None else len(data.numbers) - 1
    theta = drawing.draw_prior(path, n_cuts, N_PRIOR, priors=priors, rng=rng)
    means = drawing.draw_prior_paths(path, data.times, theta, rng)
    return drawing.quantities(drawing.expected(means, theta.persons, data.times, data.numbers, data.unit()))


def stacked(made: Sequence[PathFit], i: int) -> FloatArray:
    """Return the stacking weight of each path for one member, shape (paths,), summing to 1."""
    if len(made) == 1:
        return np.ones(1)
    return stacking_weights(np.stack([found.members[i].elpd for found in made], axis=1))


def checks(found: PathFit, i: int, data: Trajectory, weight: float, rng: np.random.Generator) -> list[Check]:
    """Return all checks of one member: gates, posterior predictive checks, and how its path compares with the others.

    Parameters
    ----------
    found : PathFit
    i : int
        The member's place in the pool.
    data : Trajectory
        Of this member.
    weight : float
        Its path's stacking weight, in [0, 1].
    rng : numpy.random.Generator
        Of the replicated logs.
    """
    member = found.members[i]
    comparison = compared(member.pareto_k, member.left_out[..., 0].size)
    return [
        *found.gates,
        comparison,
        *predictive_checks(member.theta, member.paths, member.outcome, data, rng),
        *_comparison(member, weight),
    ]


def _comparison(member: MemberFit, weight: float) -> Iterator[Check]:
    own = member.elpd
    told = {"elpd": own.sum(), "elpd_se": own.std(ddof=1) * np.sqrt(len(own)), "weight": weight}
    for name, value in told.items():
        yield Check(name, float(value), np.nan, passed=True)
