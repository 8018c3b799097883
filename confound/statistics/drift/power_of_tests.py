"""The power of each test of drift as a function of the drift and of the number of personas, by simulation.

Answers before drift are those of a pool of personas. Drift moves a share of each persona's answers to one answer: the
same for all ("common") or drawn for each ("varied"), so that the total variation distance is as asked on average.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import chdtri, gammaln, ndtr, ndtri, xlog1py, xlogy

from confound.statistics.arrays import FloatArray
from confound.statistics.drift.distance import stratum_null_means

__all__ = ["Design", "Direction", "PowerAt", "PowerOf", "Scenario"]

Direction = Literal["common", "varied"]
Design = Literal["within", "between"]
# Power as a function of the number of personas, all else being settled; and that as a function of the distance.
PowerOf = Callable[[float], float]
PowerAt = Callable[[float], PowerOf]

# Personas simulated of a given pool: enough for 3 % of the distance found.
POOL_DRAWN = 400
# Numbers behind the exact mean excess. It is then of some 100 personas or more, and right to 2 % of the distance found.
NUMBERS_AT_ONCE = 2**15
# Pairs of arms simulated between subjects.
GAPS_DRAWN = 5000


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a power calculation is about, apart from the distance and the size of the design.

    Attributes
    ----------
    pool : ndarray of float64, shape (personas, answers)
        Answer shares before drift, each row summing to 1.
    level : float
        Of the test, in (0, 1).
    direction : {"varied", "common"}
    design : {"within", "between"}
    seed : int
        Of the simulations: the same for each distance, so that power rises with the distance.
    """

    pool: FloatArray
    level: float
    direction: Direction
    design: Design
    seed: int

    def largest(self) -> float:
        """Return the largest mean distance that moving answers can make."""
        away = 1 - self.pool
        return float(away.mean() if self.direction == "varied" and self.design == "within" else away.mean(axis=0).max())

    def power_at(self, trials: int) -> PowerAt:
        """Return the power for so many answers of a persona in an arm, as a function of the distance."""
        if self.design == "between":
            return partial(_between, self, trials)
        return _summed(self, trials) if self.direction == "varied" else partial(_common, self, trials)


def _summed(scenario: Scenario, trials: int) -> PowerAt:
    """Power of the summed distance: each persona drifts towards an answer of its own."""
    before = np.tile(scenario.pool, (math.ceil(POOL_DRAWN / len(scenario.pool)), 1))
    # Of fewer personas than are drawn: their means differ far less than their draws.
    few = max(50, NUMBERS_AT_ONCE // (before.shape[1] * trials))
    counts_before = _counts(trials, before[:few])
    z = -float(ndtri(scenario.level))

    def power_at(distance: float) -> PowerOf:
        rng = np.random.default_rng(scenario.seed)
        after = _drifted(before, distance, rng)
        mean = float(_mean_excess(_counts(trials, after[:few]), counts_before, trials).mean())
        drifting = _drawn_excess(after, before, trials, rng)
        pooled = (after + before) / 2
        none = _drawn_excess(pooled, pooled, trials, rng)
        sd = math.sqrt(float((none**2).mean()))
        skewness = float((none**3).mean()) / sd**3 if sd > 0 else 0.0

        def power_of(personas: float) -> float:
            if sd == 0:
                return 0.0
            # Cornish and Fisher's first term.
            critical = sd * (z + skewness * (z * z - 1) / (6 * math.sqrt(personas)))
            return float(ndtr((math.sqrt(personas) * mean - critical) / drifting.std()))

        return power_of

    return power_at


def _drifted(before: FloatArray, distance: float, rng: np.random.Generator) -> FloatArray:
    """Move a share of each persona's answers to one drawn for it, so that the mean distance is as asked."""
    target = np.eye(before.shape[1])[rng.integers(before.shape[1], size=len(before))]
    moved = distance / float((1 - (before * target).sum(axis=1)).mean())
    return np.asarray(before + min(1.0, moved) * (target - before))


def _drawn_excess(after: FloatArray, before: FloatArray, trials: int, rng: np.random.Generator) -> FloatArray:
    """Simulate both arms; return each persona's distance less its exact no-drift mean."""
    treated, control = rng.multinomial(trials, after), rng.multinomial(trials, before)
    distances = np.abs(treated - control).sum(axis=1) / (2 * trials)
    return np.asarray(distances - _mean_gaps(trials)[treated + control].sum(axis=1) / 2)


class _Counts(NamedTuple):
    """The law of the count of each persona's each answer."""

    below: FloatArray  # (personas, answers, trials): chance of a count of at most 0, 1, ...
    transform: NDArray[np.complex128]  # Fourier's, of the law


def _counts(trials: int, shares: FloatArray) -> _Counts:
    law = _binomial(trials, shares)
    return _Counts(np.cumsum(law, axis=-1)[..., :-1], rfft(law, next_fast_len(2 * trials + 1, real=True)))


def _mean_excess(after: _Counts, before: _Counts, trials: int) -> FloatArray:
    """Return the expectation of `_drawn_excess`, exactly: for small drift it is far below what is drawn."""
    gaps = (after.below * (1 - before.below) + before.below * (1 - after.below)).sum(axis=-1) / trials
    size = 2 * trials + 1
    given = irfft(after.transform * before.transform, next_fast_len(size, real=True))[..., :size]
    return np.asarray((gaps - given @ _mean_gaps(trials)).sum(axis=-1) / 2)


def _binomial(trials: int, shares: FloatArray) -> FloatArray:
    """Return the chances of each count, shape (..., trials + 1)."""
    count = np.arange(trials + 1)
    ways = gammaln(trials + 1) - gammaln(count + 1) - gammaln(trials - count + 1)
    p = shares[..., None]
    # One logarithm a share; where it is infinite, none of nothing is 0.
    with np.errstate(invalid="ignore"):
        given, not_given = count * xlogy(1.0, p), (trials - count) * xlog1py(1.0, -p)
    given[..., 0] = not_given[..., -1] = 0.0
    return np.asarray(np.exp(ways + given + not_given))


@lru_cache(maxsize=64)
def _mean_gaps(trials: int) -> FloatArray:
    """Return the no-drift mean of an answer's gap, for each number of times that it was given in all."""
    given = np.arange(2 * trials + 1)
    treated = np.minimum(given, trials)
    control = given - treated
    # With two answers the distance is the gap of either.
    arms = [np.column_stack([arm, trials - arm]) for arm in (treated, control)]
    return stratum_null_means(*arms)


def _targets(scenario: Scenario, distance: float) -> list[FloatArray]:
    """Return the pool after drift to each answer that lets all personas drift by this distance on average."""
    room = (1 - scenario.pool).mean(axis=0)
    answers = np.eye(scenario.pool.shape[1])
    return [
        scenario.pool + distance / room[k] * (answers[k] - scenario.pool)
        for k in range(len(room))
        if room[k] >= distance * (1 - 1e-12)
    ]


def _common(scenario: Scenario, trials: int, distance: float) -> PowerOf:
    """Power of the common-direction test, averaged over the answer that all personas drift towards."""
    from scipy.stats import ncx2  # half a second to import, and most designs do not need it

    per_persona, df = [], []
    for after in _targets(scenario, distance):
        pooled = (scenario.pool + after) / 2
        covariance = _mean_spread(pooled)
        gap = (after - scenario.pool).mean(axis=0)
        per_persona.append(trials / 2 * float(gap @ np.linalg.pinv(covariance, rcond=1e-9, hermitian=True) @ gap))
        df.append(np.linalg.matrix_rank(covariance, tol=1e-9, hermitian=True))
    noncentrality, degrees = np.array(per_persona), np.maximum(1, df)
    critical = chdtri(degrees, scenario.level)

    def power_of(personas: float) -> float:
        found = ncx2.sf(critical, degrees, np.maximum(1e-12, personas * noncentrality))
        return float(np.mean(found))

    return power_of


def _mean_spread(shares: FloatArray) -> FloatArray:
    """Return the mean over personas of ``diag(p) - p p'``."""
    return np.asarray(np.diag(shares.mean(axis=0)) - shares.T @ shares / len(shares))


def _between(scenario: Scenario, trials: int, distance: float) -> PowerOf:
    """Power of the distance of two samples of personas, averaged over the answer that they drift towards."""
    noise = np.random.default_rng(scenario.seed).standard_normal((GAPS_DRAWN, scenario.pool.shape[1]))
    before = _covariance_of_shares(scenario.pool, trials)
    cases: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for after in _targets(scenario, distance):
        drifted = _covariance_of_shares(after, trials)
        both = np.concatenate([scenario.pool, after])
        gap = np.asarray((after - scenario.pool).mean(axis=0))
        none = noise @ _root(2 * _covariance_of_shares(both, trials))
        cases.append((gap, noise @ _root(drifted + before), none))

    def power_of(personas: float) -> float:
        found = []
        for gap, drifting, none in cases:
            critical = np.quantile(np.abs(none).sum(axis=1), 1 - scenario.level) / math.sqrt(personas)
            reached = np.abs(gap + drifting / math.sqrt(personas)).sum(axis=1) > critical
            found.append(np.count_nonzero(reached) / len(reached))
        return float(np.mean(found))

    return power_of


def _covariance_of_shares(shares: FloatArray, trials: int) -> FloatArray:
    """Return the covariance of one persona's observed shares: personas differ, and answers are drawn."""
    return np.asarray(np.cov(shares.T, ddof=0) + _mean_spread(shares) / trials)


def _root(covariance: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
