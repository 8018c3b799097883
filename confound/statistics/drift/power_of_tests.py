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
from scipy.special import chdtri, ndtr, ndtri

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift.binomial import binomial_law
from confound.statistics.drift.distance import stratum_null_means
from confound.statistics.drift.relabelling import drawn_without_replacement

__all__ = [
    "Design",
    "Direction",
    "Excess",
    "Gap",
    "PowerAt",
    "PowerOf",
    "Scenario",
    "excess_at",
    "gaps_between",
    "gaps_within",
    "lattice_step",
    "root_of",
]

Direction = Literal["common", "varied"]
Design = Literal["within", "between"]
# Power as a function of the number of personas, all else being settled; and that as a function of the distance.
PowerOf = Callable[[float], float]
PowerAt = Callable[[float], PowerOf]

# Personas simulated of a pool: enough for 1 % of the distance found.
POOL_DRAWN = 2000
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


def lattice_step(scenario: Scenario, trials: int) -> float:
    """Return by how much the distance summed over personas changes at least, given how often each answer was given.

    An answer that changes arms moves a distance by one answer's share; with two answers there are no others to make up
    for it, and it moves by two.
    """
    return (2 if np.count_nonzero(scenario.pool.any(axis=0)) == 2 else 1) / trials


class Excess(NamedTuple):
    """A persona's distance less its exact mean without drift, within subjects."""

    mean: float  # with drift
    sd: float  # with drift
    null_sd: float  # over relabellings
    null_skewness: float


def _summed(scenario: Scenario, trials: int) -> PowerAt:
    """Power of the summed distance: each persona drifts towards an answer of its own."""
    excess_of = excess_at(scenario, trials)
    z = -float(ndtri(scenario.level))
    # An exact test has its level at the best and, with a lattice, half a step less than that on average.
    half_step = lattice_step(scenario, trials) / 2

    def power_at(distance: float) -> PowerOf:
        excess = excess_of(distance)

        def power_of(personas: float) -> float:
            if excess.null_sd == 0:
                return 0.0
            root = math.sqrt(personas)
            # Cornish and Fisher's first term.
            critical = excess.null_sd * (z + excess.null_skewness * (z * z - 1) / (6 * root)) + half_step / root
            return float(ndtr((root * excess.mean - critical) / excess.sd))

        return power_of

    return power_at


def excess_at(scenario: Scenario, trials: int) -> Callable[[float], Excess]:
    """Return the law of a persona's excess as a function of the distance."""
    drawn = _rows(len(scenario.pool), POOL_DRAWN)
    # Of fewer personas than are drawn: their means differ far less than their draws.
    few = _rows(len(scenario.pool), max(50, NUMBERS_AT_ONCE // (scenario.pool.shape[1] * trials)))
    counts_before = _counts(trials, scenario.pool[few])

    def excess_of(distance: float) -> Excess:
        rng = np.random.default_rng(scenario.seed)
        mean = _mean_excess(_counts(trials, _drifted(scenario, few, distance)), counts_before, trials).mean()
        treated = rng.multinomial(trials, _drifted(scenario, drawn, distance))
        control = rng.multinomial(trials, scenario.pool[drawn])
        relabelled = drawn_without_replacement(treated + control, trials, rng)
        none = _excess(relabelled, treated + control - relabelled)
        null_sd = math.sqrt(float((none**2).mean()))
        skewness = float((none**3).mean()) / null_sd**3 if null_sd > 0 else 0.0
        return Excess(float(mean), float(_excess(treated, control).std()), null_sd, skewness)

    return excess_of


def _rows(size: int, n: int) -> IntArray:
    """Return some n rows of a pool: each equally often, or spread over it."""
    if n < size:
        return np.linspace(0, size - 1, n).astype(np.int64)
    return np.tile(np.arange(size), n // size)


def _drifted(scenario: Scenario, rows: IntArray, distance: float) -> FloatArray:
    """Move answers of these personas to all possible targets in turn, so that the mean distance is as asked."""
    before, moves = scenario.pool[rows], _moves(scenario, distance)
    in_turn = np.resize(np.flatnonzero(moves), len(rows))
    target = np.eye(before.shape[1])[np.random.default_rng(scenario.seed).permutation(in_turn)]
    moved = target @ moves
    reached = float((moved * (1 - (before * target).sum(axis=1))).mean())
    return np.asarray(before + np.minimum(1.0, moved * distance / reached)[:, None] * (target - before))


def _moves(scenario: Scenario, distance: float) -> FloatArray:
    """Return the share of answers that moves to each answer; 0 where not enough can."""
    room = (1 - scenario.pool).mean(axis=0)
    if scenario.direction == "varied" and scenario.design == "within":
        return np.full(len(room), min(1.0, distance / float(room.mean())), dtype=np.float64)
    possible = room >= distance * (1 - 1e-12)
    return np.asarray(np.divide(distance, room, out=np.zeros_like(room), where=possible))


def _excess(treated: IntArray, control: IntArray) -> FloatArray:
    """Return each persona's distance less its exact no-drift mean; both arms have as many answers."""
    trials = int(treated[0].sum())
    distances = np.abs(treated - control).sum(axis=1) / (2 * trials)
    return np.asarray(distances - _mean_gaps(trials)[treated + control].sum(axis=1) / 2)


class _Counts(NamedTuple):
    """The law of the count of each persona's each answer."""

    below: FloatArray  # (personas, answers, trials): chance of a count of at most 0, 1, ...
    transform: NDArray[np.complex128]  # Fourier's, of the law


def _counts(trials: int, shares: FloatArray) -> _Counts:
    law = binomial_law(trials, shares)
    return _Counts(np.cumsum(law, axis=-1)[..., :-1], rfft(law, next_fast_len(2 * trials + 1, real=True)))


def _mean_excess(after: _Counts, before: _Counts, trials: int) -> FloatArray:
    """Return the expectation of `_excess`, exactly: for small drift it is far below what is drawn."""
    gaps = (after.below * (1 - before.below) + before.below * (1 - after.below)).sum(axis=-1) / trials
    size = 2 * trials + 1
    given = irfft(after.transform * before.transform, next_fast_len(size, real=True))[..., :size]
    return np.asarray((gaps - given @ _mean_gaps(trials)).sum(axis=-1) / 2)


@lru_cache(maxsize=64)
def _mean_gaps(trials: int) -> FloatArray:
    """Return the no-drift mean of an answer's gap, for each number of times that it was given in all."""
    given = np.arange(2 * trials + 1)
    treated = np.minimum(given, trials)
    control = given - treated
    # With two answers the distance is the gap of either.
    arms = [np.column_stack([arm, trials - arm]) for arm in (treated, control)]
    return stratum_null_means(*arms)


class Gap(NamedTuple):
    """The gap between the arms' mean shares, times the root of the number of personas, as a normal law."""

    mean: FloatArray  # with drift, to be multiplied by that root
    covariance: FloatArray  # with drift
    null_covariance: FloatArray  # over relabellings


def gaps_within(scenario: Scenario, trials: int, distance: float) -> list[Gap]:
    """Return the gap's law where personas drift in different ways; or towards each answer that they can, one by one."""
    after = _after(scenario, distance)
    if scenario.direction == "varied":
        after = np.concatenate(after)[None]
    return [_gap_within(scenario.pool, shares, trials) for shares in after]


def _after(scenario: Scenario, distance: float) -> FloatArray:
    """Return the pool after drift to each answer that lets it drift so far, shape (targets, personas, answers)."""
    moves = _moves(scenario, distance)
    targets = np.flatnonzero(moves)
    aims = np.eye(len(moves))[targets][:, None]
    return np.asarray(scenario.pool + moves[targets][:, None, None] * (aims - scenario.pool))


def _gap_within(pool: FloatArray, after: FloatArray, trials: int) -> Gap:
    before = np.tile(pool, (len(after) // len(pool), 1))
    moved = after - before
    squares = moved.T @ moved / len(moved)
    mean = moved.mean(axis=0)
    covariance = squares - np.outer(mean, mean) + (_mean_spread(after) + _mean_spread(before)) / trials
    none = 2 * _mean_spread((after + before) / 2) / trials + squares / (2 * trials * (2 * trials - 1))
    return Gap(mean, covariance, none)


def gaps_between(scenario: Scenario, trials: int, distance: float) -> list[Gap]:
    """Return the gap's law between subjects, for each answer that personas can drift towards."""
    before = _covariance_of_shares(scenario.pool, trials)
    return [
        Gap(
            (after - scenario.pool).mean(axis=0),
            _covariance_of_shares(after, trials) + before,
            2 * _covariance_of_shares(np.concatenate([scenario.pool, after]), trials),
        )
        for after in _after(scenario, distance)
    ]


def _common(scenario: Scenario, trials: int, distance: float) -> PowerOf:
    """Power of the common-direction test, averaged over the answer that all personas drift towards."""
    from scipy.stats import ncx2  # half a second to import, and most designs do not need it

    per_persona, df = [], []
    for after in _after(scenario, distance):
        covariance = _mean_spread((scenario.pool + after) / 2)
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
    gaps = gaps_between(scenario, trials, distance)
    drawn = [(gap.mean, noise @ root_of(gap.covariance), noise @ root_of(gap.null_covariance)) for gap in gaps]
    half_step = lattice_step(scenario, trials)  # of the summed gaps, twice the distance

    def power_of(personas: float) -> float:
        found = []
        for gap, drifting, none in drawn:
            critical = np.quantile(np.abs(none).sum(axis=1), 1 - scenario.level) / math.sqrt(personas)
            reached = np.abs(gap + drifting / math.sqrt(personas)).sum(axis=1) > critical + half_step / personas
            found.append(np.count_nonzero(reached) / len(reached))
        return float(np.mean(found))

    return power_of


def _covariance_of_shares(shares: FloatArray, trials: int) -> FloatArray:
    """Return the covariance of one persona's observed shares: personas differ, and answers are drawn."""
    return np.asarray(np.cov(shares.T, ddof=0) + _mean_spread(shares) / trials)


def root_of(covariance: FloatArray) -> FloatArray:
    """Return the symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
