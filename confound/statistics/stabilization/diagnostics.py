"""Whether a fit can be trusted, and what it rests on (arrays only, but for ArviZ's diagnostics)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from confound.statistics.arrays import FloatArray

MAX_RHAT = 1.01  # Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021)
MIN_ESS = 400
MIN_EBFMI = 0.3  # Betancourt (2016)
COMPARED = "pareto_k"  # the gate of leaving personas out, which only the comparison of paths rests on
POWER = 1.01  # by how much prior and likelihood are scaled


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a fit.

    Attributes
    ----------
    name : str
    value, limit : float
    passed : bool
        NaN values pass: what does not vary has no diagnostic.
    """

    name: str
    value: float
    limit: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Of one quantity's draws."""

    rhat: float
    ess_bulk: float
    ess_tail: float


def diagnose(draws: FloatArray) -> Diagnostics:
    """Return R-hat and effective sample sizes of draws of shape (chains, draws)."""
    from confound.statistics.stabilization import arviz_versions as adapter

    return Diagnostics(adapter.rank_rhat(draws), adapter.effective(draws, "bulk"), adapter.effective(draws, "tail"))


def gates(found: Sequence[Diagnostics], diverging: int, energy: FloatArray) -> list[Check]:
    """Hold a fit against its gates.

    Parameters
    ----------
    found : sequence of Diagnostics
        Of every sampled parameter and reported quantity.
    diverging : int
        Divergent transitions.
    energy : ndarray, shape (chains, draws)
    """
    rhat = max((each.rhat for each in found if not np.isnan(each.rhat)), default=np.nan)
    bulk = min((each.ess_bulk for each in found if not np.isnan(each.ess_bulk)), default=np.nan)
    tail = min((each.ess_tail for each in found if not np.isnan(each.ess_tail)), default=np.nan)
    steps, spread = (np.diff(energy, axis=1) ** 2).mean(axis=1), energy.var(axis=1)
    ebfmi = float((steps / spread).min())
    return [
        Check("rhat", rhat, MAX_RHAT, not rhat > MAX_RHAT),
        Check("ess_bulk", bulk, MIN_ESS, not bulk < MIN_ESS),
        Check("ess_tail", tail, MIN_ESS, not tail < MIN_ESS),
        Check("divergences", float(diverging), 0.0, diverging == 0),
        Check("ebfmi", ebfmi, MIN_EBFMI, not ebfmi < MIN_EBFMI),
    ]


def largest_k(n_draws: int) -> float:
    """Return the Pareto k up to which an estimate of so many draws is good (Vehtari et al. 2024)."""
    return float(min(1 - 1 / np.log10(max(n_draws, 11)), 0.7))


def compared(pareto_k: FloatArray, n_draws: int) -> Check:
    """Hold the comparison of the paths of one series, which leaves out each of its personas, against its gate."""
    largest, limit = float(pareto_k.max()), largest_k(n_draws)
    return Check(COMPARED, largest, limit, largest <= limit)


def stacking_weights(elpd: FloatArray) -> FloatArray:
    """Return the weights of models whose mixture predicts a left-out persona best (Yao et al. 2018).

    Parameters
    ----------
    elpd : ndarray, shape (personas, models)
        Expected log density of each persona, left out.

    Examples
    --------
    >>> import numpy as np
    >>> stacking_weights(np.array([[-1.0, -2.0], [-1.5, -2.5], [-1.0, -3.0]])).round(2).tolist()
    [1.0, 0.0]
    """
    from scipy import optimize  # a tenth of a second to import, which the page's constants do not need

    densities = np.exp(elpd - elpd.max(axis=1, keepdims=True))
    n = densities.shape[1]

    def loss(free: FloatArray) -> tuple[float, FloatArray]:
        weights = np.exp(free - free.max())
        weights /= weights.sum()
        mixed = densities @ weights
        slope = (densities / mixed[:, None]).mean(axis=0)
        return -float(np.log(mixed).mean()), -weights * (slope - slope @ weights)

    found = optimize.minimize(loss, np.zeros(n), jac=True, method="BFGS")
    weights = np.exp(found.x - found.x.max())
    return np.asarray(weights / weights.sum())


def sensitivity(draws: FloatArray, log_density: FloatArray) -> float:
    """Return how much a posterior changes as a part of its density is raised to a power near 1.

    The Cumulative Jensen-Shannon distance between the posterior and its power-scaled selves, by the log2 of the power
    (Kallioinen et al. 2024, eq. 11); above .05 the part matters.

    Parameters
    ----------
    draws, log_density : ndarray, shape (draws,)
        Of a quantity, and of the part: the prior or the likelihood.
    """
    if np.ptp(draws) == 0:
        return 0.0
    found = []
    for power in (1 / POWER, POWER):
        weights = np.exp((power - 1) * (log_density - log_density.mean()))
        found.append(_distance(draws, weights / weights.sum()))
    return float(np.sum(found) / (2 * np.log2(POWER)))


def _distance(draws: FloatArray, weights: FloatArray) -> float:
    """Return the larger of the distances of draws, and of their negatives, to the same draws weighted."""
    sides = []
    for sign in (1, -1):
        order = np.argsort(sign * draws)
        x = sign * draws[order]
        p, q = np.arange(1, len(x) + 1)[:-1] / len(x), np.cumsum(weights[order])[:-1]
        gaps = np.diff(x)
        middle = (p + q) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            one = np.where(p > 0, p * np.log2(p / middle), 0) + (q - p) / (2 * np.log(2))
            two = np.where(q > 0, q * np.log2(q / middle), 0) + (p - q) / (2 * np.log(2))
        bound = (gaps * (p + q)).sum()
        sides.append(np.sqrt(max(0.0, (gaps * (one + two)).sum()) / bound))
    return float(max(sides))
