"""How much drift a design can find, and what design it takes to find a given drift.

Answers before drift are those of a pool of personas: drawn with flat Dirichlet shares, or given. Drift moves a share
of each persona's answers to one answer: the same for all ("common") or drawn for each ("varied"); so much that the
total variation distance is, averaged over personas, as asked.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import brentq
from scipy.special import gammaln, ndtr, ndtri, xlog1py, xlogy
from scipy.stats import chi2, ncx2

from confound.statistics.arrays import FloatArray
from confound.statistics.drift import distance as tvd

__all__ = ["Direction", "detectable_tvd", "needed_personas", "needed_trials", "power_to_detect"]

Direction = Literal["common", "varied"]
Design = Literal["within", "between"]
# Power as a function of the number of personas, all else being settled; and that as a function of the distance.
PowerOf = Callable[[float], float]
PowerAt = Callable[[float], PowerOf]

# Personas simulated, and personas of a given pool: enough for 1 % and 3 % of the distance found.
PERSONAS_DRAWN = 2000
POOL_DRAWN = 400
# Numbers behind the exact mean excess. It is then of some 100 personas or more, and right to 2 % of the distance found.
NUMBERS_AT_ONCE = 2**15
# Pairs of arms simulated between subjects.
GAPS_DRAWN = 5000
# Distances below this are no drift; those found are right to this share of themselves, given the simulation.
SMALLEST_DISTANCE = 1e-6
LOG_TOLERANCE = 1e-2
# Where the search for a design gives up.
MOST_PERSONAS = 10_000_000
MOST_TRIALS = 10_000


@dataclass(frozen=True, slots=True)
class _Question:
    """What a power calculation is about, apart from the distance and the size of the design."""

    pool: FloatArray  # (personas, answers): shares before drift
    level: float
    direction: Direction
    design: Design
    seed: int

    def largest(self) -> float:
        """Return the largest mean distance that moving answers can make."""
        away = 1 - self.pool
        return float(away.mean() if self.direction == "varied" and self.design == "within" else away.mean(axis=0).max())

    def power_at(self, trials: int) -> PowerAt:
        if self.design == "between":
            return partial(_between, self, trials)
        return _summed(self, trials) if self.direction == "varied" else partial(_common, self, trials)


def power_to_detect(
    distance: float,
    *,
    personas: int,
    trials: int,
    answers: int | ArrayLike,
    rng: np.random.Generator,
    level: float = 0.05,
    direction: Direction = "varied",
    design: Design = "within",
) -> float:
    """Return the chance that a test finds a given drift.

    Within subjects the test is the summed distance's (`permutation.permutation_test`) where drift is varied,
    and the common-direction test (`common_direction.common_direction_test`) where it is common. Between subjects varied
    drift cancels and cannot be found: drift is common whatever `direction` says, and the test is the distance's
    (`permutation.cluster_permutation_test`).

    Parameters
    ----------
    distance : float
        Total variation distance, averaged over personas (within) or of the persona-averaged answers (between), in
        (0, 1).
    personas : int
        Personas in each arm: within, the same in both.
    trials : int
        Answers of a persona in an arm. Unequal arms: the harmonic mean.
    answers : int, or array_like of float, shape (personas, answers)
        Number of answers, with shares before drift drawn from the flat Dirichlet distribution; or those shares, of any
        number of personas, each row summing to 1.
    rng : numpy.random.Generator
    level : float, default 0.05
        Of the test, in (0, 1).
    direction : {"varied", "common"}
    design : {"within", "between"}

    Returns
    -------
    float
        In [0, 1]; the level itself or little more where `distance` is next to none.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Notes
    -----
    Varied: the mean of a persona's excess over its no-drift mean is computed exactly, its spread simulated; the sum
    over personas is taken as normal, its critical value with the Cornish-Fisher term for skewness. Common: noncentral
    chi-square. Between: normal gaps of the arms' mean shares, simulated. Where .80 is stated, the tests themselves had
    .72 to .83 in simulation: .79 to .82 at 100 personas, the lowest with 10 personas and few trials, where they are
    too discrete to use their level up.
    """
    question = _question(answers, level, direction, design, rng)
    _check(personas=personas, trials=trials)
    _check_distance(distance, question)
    return question.power_at(trials)(distance)(personas)


def detectable_tvd(
    personas: int,
    trials: int,
    answers: int | ArrayLike,
    *,
    rng: np.random.Generator,
    level: float = 0.05,
    power: float = 0.8,
    direction: Direction = "varied",
    design: Design = "within",
) -> float:
    """Return the smallest drift that a design finds with the power asked for.

    Parameters
    ----------
    personas, trials, answers, rng, level, direction, design
        As in `power_to_detect`.
    power : float, default 0.8
        In (level, 1).

    Returns
    -------
    float
        Total variation distance in (0, 1), to about 2 % of itself (3 % where shares are given); NaN if no drift,
        however large, is found so often.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    question = _question(answers, level, direction, design, rng)
    _check(personas=personas, trials=trials)
    _check_power(power, level)

    power_at = question.power_at(trials)

    def missing(log_distance: float) -> float:
        found = power_at(math.exp(log_distance))(personas)
        return float(ndtri(min(max(found, 1e-9), 1 - 1e-9)) - ndtri(power))

    largest = question.largest()
    if largest < SMALLEST_DISTANCE or missing(math.log(largest)) < 0:
        return math.nan
    # On these scales close to a straight line, but for where power is next to one.
    high = math.log(largest)
    while missing(high - math.log(2)) > 0:
        high -= math.log(2)
        if high < math.log(SMALLEST_DISTANCE):
            return SMALLEST_DISTANCE
    return math.exp(brentq(missing, high - math.log(2), high, xtol=LOG_TOLERANCE))


def needed_personas(
    distance: float,
    *,
    trials: int,
    answers: int | ArrayLike,
    rng: np.random.Generator,
    level: float = 0.05,
    power: float = 0.8,
    direction: Direction = "varied",
    design: Design = "within",
) -> int | None:
    """Return how many personas in each arm it takes to find a given drift.

    Parameters
    ----------
    distance, trials, answers, rng, level, direction, design
        As in `power_to_detect`.
    power : float, default 0.8
        In (level, 1).

    Returns
    -------
    int or None
        At least 2; None if ten million are too few.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    question = _question(answers, level, direction, design, rng)
    _check(trials=trials)
    _check_power(power, level)
    _check_distance(distance, question)
    power_of = question.power_at(trials)(distance)
    return _smallest(lambda personas: power_of(personas) >= power, MOST_PERSONAS)


def needed_trials(
    distance: float,
    *,
    personas: int,
    answers: int | ArrayLike,
    rng: np.random.Generator,
    level: float = 0.05,
    power: float = 0.8,
    direction: Direction = "varied",
    design: Design = "within",
) -> int | None:
    """Return how many answers of each persona in each arm it takes to find a given drift.

    Parameters
    ----------
    distance, personas, answers, rng, level, direction, design
        As in `power_to_detect`.
    power : float, default 0.8
        In (level, 1).

    Returns
    -------
    int or None
        At least 2; None if ten thousand are too few, as often between subjects, where personas differ however often
        they are asked.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    question = _question(answers, level, direction, design, rng)
    _check(personas=personas)
    _check_power(power, level)
    _check_distance(distance, question)
    return _smallest(lambda trials: question.power_at(trials)(distance)(personas) >= power, MOST_TRIALS)


def _smallest(enough: Callable[[int], bool], most: int) -> int | None:
    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if low >= most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _question(
    answers: int | ArrayLike, level: float, direction: Direction, design: Design, rng: np.random.Generator
) -> _Question:
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1) but got {level}")
    if direction not in ("common", "varied"):
        raise ValueError(f"direction must be 'common' or 'varied' but got {direction!r}")
    if design not in ("within", "between"):
        raise ValueError(f"design must be 'within' or 'between' but got {design!r}")
    return _Question(_pool(answers, rng), level, direction, design, int(rng.integers(2**63)))


def _pool(answers: int | ArrayLike, rng: np.random.Generator) -> FloatArray:
    given = np.asarray(answers)
    if given.ndim == 0:
        if given < 2:
            raise ValueError(f"answers must be at least 2 but got {given}")
        return rng.dirichlet(np.ones(int(given)), size=PERSONAS_DRAWN)
    pool = given.astype(np.float64)
    if pool.ndim != 2 or pool.shape[1] < 2 or (pool < 0).any() or not np.allclose(pool.sum(axis=1), 1):
        raise ValueError("answers must be a number, or shares in rows (persona) that sum to 1, two answers or more")
    return pool


def _check(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1 but got {size}")


def _check_power(power: float, level: float) -> None:
    if not level < power < 1:
        raise ValueError(f"power must be between the level, {level}, and 1 but got {power}")


def _check_distance(distance: float, question: _Question) -> None:
    if not 0 < distance <= question.largest():
        raise ValueError(f"distance must be above 0 and at most {question.largest():.3g} here but got {distance}")


def _summed(question: _Question, trials: int) -> PowerAt:
    """Power of the summed distance: each persona drifts towards an answer of its own."""
    before = np.tile(question.pool, (math.ceil(POOL_DRAWN / len(question.pool)), 1))
    # Of fewer personas than are drawn: their means differ far less than their draws.
    few = max(50, NUMBERS_AT_ONCE // (before.shape[1] * trials))
    counts_before = _counts(trials, before[:few])
    z = -float(ndtri(question.level))

    def power_at(distance: float) -> PowerOf:
        rng = np.random.default_rng(question.seed)
        target = np.eye(before.shape[1])[rng.integers(before.shape[1], size=len(before))]
        moved = distance / float((1 - (before * target).sum(axis=1)).mean())
        after = before + min(1.0, moved) * (target - before)
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
    return tvd.stratum_null_means(*arms)


def _targets(question: _Question, distance: float) -> list[FloatArray]:
    """Return the pool after drift to each answer that lets all personas drift by this distance on average."""
    room = (1 - question.pool).mean(axis=0)
    answers = np.eye(question.pool.shape[1])
    return [
        question.pool + distance / room[k] * (answers[k] - question.pool)
        for k in range(len(room))
        if room[k] >= distance * (1 - 1e-12)
    ]


def _common(question: _Question, trials: int, distance: float) -> PowerOf:
    """Power of the common-direction test, averaged over the answer that all personas drift towards."""
    per_persona, df = [], []
    for after in _targets(question, distance):
        pooled = (question.pool + after) / 2
        covariance = _mean_spread(pooled)
        gap = (after - question.pool).mean(axis=0)
        per_persona.append(trials / 2 * float(gap @ np.linalg.pinv(covariance, rcond=1e-9, hermitian=True) @ gap))
        df.append(np.linalg.matrix_rank(covariance, tol=1e-9, hermitian=True))
    noncentrality, degrees = np.array(per_persona), np.maximum(1, df)
    critical = chi2.isf(question.level, degrees)

    def power_of(personas: float) -> float:
        found = ncx2.sf(critical, degrees, np.maximum(1e-12, personas * noncentrality))
        return float(np.mean(found))

    return power_of


def _mean_spread(shares: FloatArray) -> FloatArray:
    """Return the mean over personas of ``diag(p) - p p'``."""
    return np.asarray(np.diag(shares.mean(axis=0)) - shares.T @ shares / len(shares))


def _between(question: _Question, trials: int, distance: float) -> PowerOf:
    """Power of the distance of two samples of personas, averaged over the answer that they drift towards."""
    noise = np.random.default_rng(question.seed).standard_normal((GAPS_DRAWN, question.pool.shape[1]))
    before = _covariance_of_shares(question.pool, trials)
    cases: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for after in _targets(question, distance):
        drifted = _covariance_of_shares(after, trials)
        both = np.concatenate([question.pool, after])
        gap = np.asarray((after - question.pool).mean(axis=0))
        none = noise @ _root(2 * _covariance_of_shares(both, trials))
        cases.append((gap, noise @ _root(drifted + before), none))

    def power_of(personas: float) -> float:
        found = []
        for gap, drifting, none in cases:
            critical = np.quantile(np.abs(none).sum(axis=1), 1 - question.level) / math.sqrt(personas)
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
