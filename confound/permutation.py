"""Permutation tests that two arms give the same answers, exact wherever the exact law can be had.

The statistic is the total variation distance (TVD) summed over strata. In a stratum with ``n1`` treated and
``n0`` control answers let ``g = gcd(n1, n0)`` and ``L = n1 n0 / g``. If answer ``k`` was given ``a_k`` and
``b_k`` times, ``d = sum_k max(0, (n0/g) a_k - (n1/g) b_k)`` is an integer and the distance is ``d / L``.
Given how often each answer was given in all, the law of ``d`` with no drift follows from a dynamic program
over answers; the law of the sum over strata from convolution. Everything is a sum of non-negative terms, or
is made as accurate by exponential tilting, so small p-values are right to many digits and not only in
absolute terms.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import gammaln

from confound import tvd

__all__ = ["PermutationTest", "cluster_permutation_test", "permutation_test"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# Cost of the dynamic program: adding an answer by scattering the states one by one, or by sliding the whole
# lattice along. Nanoseconds an element, measured; only their ratio and the limit below depend on them.
SCATTER_NS = 8.0
SLIDE_NS = 1.0
# Beyond about this long the exact law is given up for Monte Carlo, which takes some 5 ms a stratum.
EXACT_LIMIT_NS = 3e9
# Points of all strata's lattices, or of one stratum's states, held at once: 80 MB as float64, and up to eight
# such arrays while the laws are tilted.
LATTICE_LIMIT = 10_000_000
# Lattices up to which the laws of many strata are found together, by a matrix product for each.
SMALL_LATTICE = 100
# States of such strata held at once: 2 MB, so that they stay in the cache.
STATES_AT_ONCE = 2**18
# Points of the lattices' common multiple up to which strata of different lattices are added exactly: 0.3 s
# of FFTs.
COMMON_LATTICE_POINTS = 2**21
# Points of the grid they are rounded to beyond that. At 100 strata of 20 to 30 answers an arm, some sixty
# lattices, the p-value's bounds then differ by 0.3 to 0.5 % and take 0.3 s; twice the points, half the gap.
GRID_POINTS = 2**19
# Products of two laws' lengths up to which they are convolved term by term; the FFT is faster above.
DIRECT_LIMIT = 2**17
# Mass, relative to the largest, below which a tilted law is cut off: FFT noise is about as large.
NEGLIGIBLE = 1e-15
# Length up to which cutting a law costs more than it saves.
SHORT = 256
# Relative error allowed to sums of thousands of floats.
ROUNDING = 1e-12
# Standard deviations of a tilted sum that hold all but NEGLIGIBLE of it.
TILTED_WIDTH = 9.0
# Smallest p-value reported: with thousands of answers the exact one can lie below what a float can hold.
SMALLEST_PVALUE = float(np.finfo(np.float64).tiny)
# By how much a drawn distance between mean shares may fall short of the observed one and still count as
# tied: far more than rounding, so that a tie is never missed.
TIE_TOLERANCE = 1e-10
# Numbers held at once while personas' labels are drawn: 32 MB.
LABELS_AT_ONCE = 2**22

Method = Literal["exact", "bounds", "monte carlo"]


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """Result of a permutation test of no drift.

    Attributes
    ----------
    statistic : float
        Total variation distance, averaged over strata, in [0, 1].
    null_mean : float
        Its expectation with no drift, in [0, 1].
    pvalue : float
        Probability with no drift of a distance at least as large, given how often each answer was given, in
        (0, 1]; `SMALLEST_PVALUE` where no float can hold it. Where `method` is ``"bounds"``, an upper bound.
    pvalue_low : float
        Where `method` is ``"bounds"``, a lower bound on that probability, in [0, 1]; else equal to `pvalue`.
    method : {"exact", "bounds", "monte carlo"}
        How `pvalue` was found.
    n_strata : int
        Strata summed over; 1 between subjects.
    n_resamples : int
        Relabellings drawn; 0 unless `method` is ``"monte carlo"``.
    """

    statistic: float
    null_mean: float
    pvalue: float
    pvalue_low: float
    method: Method
    n_strata: int
    n_resamples: int


class _Stratum(NamedTuple):
    """What the null law of a stratum depends on: arms and answers may be exchanged without changing it."""

    n_small: int
    n_large: int
    margin: tuple[int, ...]

    @property
    def lattice(self) -> int:
        return math.lcm(self.n_small, self.n_large)


class _Law(NamedTuple):
    """Masses at the integers ``first, first + 1, ...``."""

    first: int
    mass: FloatArray


def permutation_test(
    treated: ArrayLike, control: ArrayLike, *, rng: np.random.Generator, n_resamples: int = 9999
) -> PermutationTest:
    """Exact stratified permutation test of the summed total variation distance.

    Null hypothesis: within each stratum the answers are exchangeable between the arms. Exchangeable unit:
    the answer. Within subjects a stratum is a persona, and its answers are its trials; between subjects
    there is one stratum, and each persona gave one answer (several: `cluster_permutation_test`).

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum; every stratum has at least one answer in each arm.
    rng : numpy.random.Generator
        Drawn from only where the exact law is too costly.
    n_resamples : int, default 9999
        Relabellings drawn in that case, at least 1. At 9999 the p-value's standard error is at most 0.005.

    Returns
    -------
    PermutationTest
        With `method` ``"exact"`` where the law can be had (most data); ``"bounds"`` where strata have so
        many different sizes that their distances share no affordable lattice: they are then rounded down to
        a grid of `GRID_POINTS` and the p-value is bounded by what the rounding can have cost; ``"monte
        carlo"`` with p = (1 + b) / (1 + B) where a stratum is too large: with five levels, above about 200
        answers an arm if the arms differ in size, 1,000 if they do not.

    Raises
    ------
    ValueError
        As `confound.tvd.checked_counts`, or if `n_resamples` is below 1.

    Notes
    -----
    Exact conditional tests by convolution: Pagano and Tritchler (1983), JASA 78, 435-440. The tilting that
    keeps small tails right under the FFT is that of Keich (2005), Journal of Computational Biology 12(4),
    416-430. Monte Carlo p-values: Phipson and Smyth (2010), Statistical Applications in Genetics and
    Molecular Biology 9(1).
    """
    treated, control = tvd.checked_counts(treated, control)
    _check_resamples(n_resamples)
    distances, lattices = _lattice_distances(treated, control)
    # With one answer only, a stratum's distance is 0 whatever the labels.
    strata = Counter(stratum for stratum in _strata(treated, control) if len(stratum.margin) > 1)
    draws = 0
    if _affordable(strata):
        low, high = _tail_bounds(strata, _exact_sum(distances, lattices))
        method: Method = "exact" if low == high else "bounds"
    else:
        method, draws = "monte carlo", n_resamples
        low = high = _monte_carlo_tail(treated, control, rng, n_resamples)
    pvalue = min(1.0, max(high, SMALLEST_PVALUE))
    return PermutationTest(
        statistic=tvd.plugin(treated, control),
        null_mean=tvd.null_mean(treated, control),
        pvalue=pvalue,
        pvalue_low=min(1.0, low) if method == "bounds" else pvalue,
        method=method,
        n_strata=len(treated),
        n_resamples=draws,
    )


def _check_resamples(n_resamples: int) -> None:
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1 but got {n_resamples}")


def _lattice_distances(treated: IntArray, control: IntArray) -> tuple[IntArray, IntArray]:
    """Return each stratum's distance as an integer, and the lattice it counts in."""
    n1, n0 = treated.sum(axis=1), control.sum(axis=1)
    shared = np.gcd(n1, n0)
    excess = (n0 // shared)[:, None] * treated - (n1 // shared)[:, None] * control
    return np.maximum(0, excess).sum(axis=1), n1 // shared * n0


def _strata(treated: IntArray, control: IntArray) -> Iterable[_Stratum]:
    sizes = np.sort(np.column_stack([treated.sum(axis=1), control.sum(axis=1)]), axis=1)
    margins = np.sort(treated + control, axis=1)
    for (n_small, n_large), margin in zip(sizes.tolist(), margins.tolist(), strict=True):
        yield _Stratum(n_small, n_large, tuple(m for m in margin if m))


# The exact law of one stratum.


def _affordable(strata: Iterable[_Stratum]) -> bool:
    strata = list(strata)
    points = sum(stratum.lattice + 1 for stratum in strata)
    return points <= LATTICE_LIMIT and sum(_cost_ns(stratum) for stratum in strata) <= EXACT_LIMIT_NS


def _cost_ns(stratum: _Stratum) -> float:
    """Estimate what `_stratum_law` takes, infinite where it would not fit in memory."""
    lattice = stratum.lattice + 1
    dense = (stratum.n_small + 1) * lattice
    states, cost = 1, SCATTER_NS * lattice
    for margin in stratum.margin[:-1]:
        moved = states * (margin + 1)
        if moved > dense:
            cost += min(SCATTER_NS * moved, SLIDE_NS * dense * (margin + 1))
        else:
            cost += SCATTER_NS * moved
        states = min(moved, dense)
    return cost if states <= LATTICE_LIMIT else math.inf


@lru_cache(maxsize=4096)
def _moves(margin: int, n_small: int, n_large: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Return what an answer given `margin` times may add: to the count, to the distance, with what weight.

    Binomial weights, with the count of the small arm fixed in the end, give the hypergeometric law and
    neither overflow nor cancel.
    """
    shared = math.gcd(n_small, n_large)
    counts = np.arange(margin + 1)
    distances = np.maximum(0, n_large // shared * counts - n_small // shared * (margin - counts))
    share = n_small / (n_small + n_large)
    weights = np.exp(
        gammaln(margin + 1)
        - gammaln(counts + 1)
        - gammaln(margin - counts + 1)
        + counts * math.log(share)
        + (margin - counts) * math.log1p(-share)
    )
    return counts, distances, weights


def _stratum_laws(strata: Iterable[_Stratum]) -> dict[_Stratum, FloatArray]:
    """Return the null law of each stratum's distance, shape (lattice + 1,), summing to 1."""
    laws: dict[_Stratum, FloatArray] = {}
    small: dict[tuple[int, int], list[_Stratum]] = {}
    for stratum in strata:
        if stratum.lattice <= SMALL_LATTICE:
            small.setdefault((stratum.n_small, stratum.n_large), []).append(stratum)
        else:
            laws[stratum] = _stratum_law(stratum)
    for alike in small.values():
        at_once = STATES_AT_ONCE // ((alike[0].n_small + 1) * (alike[0].lattice + 1))
        for start in range(0, len(alike), at_once):
            laws.update(_small_laws(alike[start : start + at_once]))
    return laws


def _small_laws(strata: list[_Stratum]) -> Iterable[tuple[_Stratum, FloatArray]]:
    """Find the laws of strata with equal arms, joining the two commonest answers to the others.

    The halves' counts add up to the small arm, which is a matrix product, and their distances add up.
    """
    n_small, n_large = strata[0].n_small, strata[0].n_large
    n_answers = max(2, *(len(stratum.margin) for stratum in strata))
    margins = np.array([(0,) * (n_answers - len(s.margin)) + s.margin for s in strata])
    rest = _half_states(margins[:, :-2], margins[:, -2:].sum(axis=1), n_small, n_large)
    common = _half_states(margins[:, -2:], margins[:, :-2].sum(axis=1), n_small, n_large)
    joined = rest.transpose(0, 2, 1) @ common[:, ::-1]
    n_strata, width, _ = joined.shape
    # Written in rows one longer than they are read in, row i moves i to the right, under its summed distance.
    sheared = np.zeros((n_strata, width, 2 * width))
    sheared[:, :, :width] = joined
    sheared = sheared.reshape(n_strata, -1)[:, : width * (2 * width - 1)]
    laws = sheared.reshape(n_strata, width, -1).sum(axis=1)[:, :width]
    return zip(strata, laws / laws.sum(axis=1, keepdims=True), strict=True)


def _half_states(margins: IntArray, others: IntArray, n_small: int, n_large: int) -> FloatArray:
    """Return chances of (count in the small arm, distance), shape (strata, n_small + 1, lattice + 1).

    `margins` has shape (strata, answers of this half); `others` is how often the other half's were given.
    """
    n_strata, width = len(margins), math.lcm(n_small, n_large) + 1
    size = (n_small + 1) * width
    keys: IntArray = np.arange(n_strata) * size
    weights: FloatArray = np.ones(n_strata)
    left = others + margins.sum(axis=1)
    for margin in margins.T:
        left = left - margin
        stratum, state = np.divmod(keys, size)
        missing = n_small - state // width
        # What is missing from the small arm bounds what this answer can add, and must add.
        least = np.maximum(0, missing - left[stratum])
        ways = np.minimum(margin[stratum], missing) - least + 1
        kinds, kind = np.unique(margin, return_inverse=True)
        moves = [_moves(m, n_small, n_large) for m in kinds.tolist()]
        shifts = np.concatenate([counts * width + distances for counts, distances, _ in moves])
        chances = np.concatenate([part for _, _, part in moves])
        first = (np.cumsum(kinds + 1) - (kinds + 1))[kind][stratum] + least
        move = np.arange(ways.sum()) + np.repeat(first - (np.cumsum(ways) - ways), ways)
        keys = np.repeat(keys, ways) + shifts[move]
        weights = np.repeat(weights, ways) * chances[move]
        if keys.size > n_strata * size:
            merged = np.bincount(keys, weights).astype(np.float64)
            keys = np.flatnonzero(merged)
            weights = merged[keys]
    return (
        np.bincount(keys, weights, n_strata * size).reshape(n_strata, n_small + 1, width).astype(np.float64)
    )


def _stratum_law(stratum: _Stratum) -> FloatArray:
    """Return the null law of one stratum's distance, shape (lattice + 1,), summing to 1.

    Dynamic program over answers, rarest first; the state is (count in the small arm so far, distance so far),
    held as one key. The last answer's count is what is left.
    """
    n_small, n_large, margins = stratum
    width = stratum.lattice + 1
    keys, weights = np.zeros(1, dtype=np.int64), np.ones(1)
    left = n_small + n_large
    for margin in margins[:-1]:
        left -= margin
        counts, distances, chances = _moves(margin, n_small, n_large)
        keys, weights = _add_answer(keys, weights, counts * width + distances, chances, (n_small + 1) * width)
        reachable = keys >= (n_small - left) * width  # the answers to come can still fill the small arm
        keys, weights = keys[reachable], weights[reachable]
    counts, distances = np.divmod(keys, width)
    _, last_distances, last_chances = _moves(margins[-1], n_small, n_large)
    rest = n_small - counts
    law = np.bincount(distances + last_distances[rest], weights * last_chances[rest], minlength=width)
    return np.asarray(law / law.sum())


def _add_answer(
    keys: IntArray, weights: FloatArray, shifts: IntArray, chances: FloatArray, size: int
) -> tuple[IntArray, FloatArray]:
    """Let one more answer move every state; equal states are merged once there are more moves than states."""
    if SLIDE_NS * size < SCATTER_NS * keys.size:
        before = np.bincount(keys, weights, minlength=size)
        lattice = np.zeros(size)
        for shift, chance in zip(shifts.tolist(), chances.tolist(), strict=True):
            if shift < size:
                lattice[shift:] += chance * before[: size - shift]
    else:
        moved = np.add.outer(keys, shifts).ravel()
        moved_weights = np.multiply.outer(weights, chances).ravel()
        inside = moved < size  # the small arm is not overfull
        moved, moved_weights = moved[inside], moved_weights[inside]
        if moved.size <= size:
            return moved, moved_weights
        lattice = np.bincount(moved, moved_weights, minlength=size).astype(np.float64)
    keys = np.flatnonzero(lattice)
    return keys, lattice[keys]


# The sum over strata.


def _exact_sum(distances: IntArray, lattices: IntArray) -> Fraction:
    kinds = np.unique(lattices).tolist()
    parts = (Fraction(int(distances[lattices == lattice].sum()), lattice) for lattice in kinds)
    return sum(parts, Fraction(0))


def _tail_bounds(strata: Counter[_Stratum], observed: Fraction) -> tuple[float, float]:
    """Return bounds on the chance of a summed distance as large as observed, equal where it is exact."""
    if observed == 0:
        return 1.0, 1.0
    laws = _stratum_laws(strata)
    largest: Counter[int] = Counter()
    for stratum, law in laws.items():
        largest[stratum.lattice] += strata[stratum] * int(law.nonzero()[0][-1])
    if observed > sum(Fraction(top, lattice) for lattice, top in largest.items()):
        return 0.0, 0.0  # the chance is below what a float can hold
    if strata.total() == 1:
        ((stratum, law),) = laws.items()
        tail = float(law[int(observed * stratum.lattice) :].sum())
        return tail, tail
    return _sum_tail_bounds(_tilt(laws, strata, float(observed)), strata, observed)


def _sum_tail_bounds(tilt: "_Tilt", strata: Counter[_Stratum], observed: Fraction) -> tuple[float, float]:
    kinds: dict[int, list[_Law]] = {}
    for stratum, law in tilt.laws.items():
        kinds.setdefault(stratum.lattice, []).extend([law] * strata[stratum])
    sums = {lattice: _convolve(laws) for lattice, laws in kinds.items()}
    grid = _grid(sums, tilt.sd)
    total = _convolve([_on_grid(law, lattice, grid, tilt.slope) for lattice, law in sums.items()])
    low = _untilted_tail(total, math.ceil(observed * grid), grid, tilt)
    rounded = sum(grid % lattice != 0 for lattice in sums)
    if not rounded:
        return low, low
    # Rounding down took less than one grid step from each lattice's sum.
    return low, _untilted_tail(total, math.floor(observed * grid) - rounded + 1, grid, tilt)


class _Tilt(NamedTuple):
    """Laws made proportional to ``law(d) exp(slope d / lattice)``, their sum centred on the observed one."""

    slope: float
    log_scale: float  # log of what the product of the tilted laws was divided by
    sd: float  # of the tilted sum, in units of the distance
    laws: dict[_Stratum, _Law]


class _Atoms(NamedTuple):
    """The points of all laws end to end: where each law starts, its size, and how many strata share it."""

    starts: IntArray
    sizes: IntArray
    copies: IntArray
    distance: FloatArray
    log_mass: FloatArray

    def tilted(self, slope: float) -> tuple[FloatArray, float, float, float]:
        """Return the tilted masses, and of their sum the log scale, the mean and the standard deviation."""
        exponent = self.log_mass + slope * self.distance
        peak = np.maximum.reduceat(exponent, self.starts)
        mass = np.exp(exponent - np.repeat(peak, self.sizes))
        norm = np.add.reduceat(mass, self.starts)
        mass /= np.repeat(norm, self.sizes)
        means = np.add.reduceat(mass * self.distance, self.starts)
        squares = mass * (self.distance - np.repeat(means, self.sizes)) ** 2
        variance = float(self.copies @ np.add.reduceat(squares, self.starts))
        log_scale = float(self.copies @ (peak + np.log(norm)))
        return mass, log_scale, float(self.copies @ means), math.sqrt(variance)


def _tilt(laws: dict[_Stratum, FloatArray], strata: Counter[_Stratum], observed: float) -> _Tilt:
    places = [np.flatnonzero(law) for law in laws.values()]
    sizes = np.array([place.size for place in places])
    atoms = _Atoms(
        starts=np.cumsum(sizes) - sizes,
        sizes=sizes,
        copies=np.array([strata[stratum] for stratum in laws]),
        distance=np.concatenate([d / stratum.lattice for d, stratum in zip(places, laws, strict=True)]),
        log_mass=np.log(np.concatenate([law[d] for d, law in zip(places, laws.values(), strict=True)])),
    )
    slope = _centring_slope(atoms, observed)
    mass, log_scale, _, sd = atoms.tilted(slope)
    tilted_laws = {}
    for stratum, place, part in zip(laws, places, np.split(mass, atoms.starts[1:]), strict=True):
        spread = np.zeros(place[-1] - place[0] + 1)
        spread[place - place[0]] = part
        tilted_laws[stratum] = _trimmed(int(place[0]), spread)
    return _Tilt(slope, log_scale, sd, tilted_laws)


def _centring_slope(atoms: _Atoms, observed: float) -> float:
    """Return the slope at which the tilted sum's mean is the observed one, by guarded Newton steps.

    Half a standard deviation off centre loses no accuracy, and a sum below the mean needs no tilt at all.
    """
    slope, low, high = 0.0, 0.0, math.inf
    _, _, mean, sd = atoms.tilted(slope)
    # Without the rounding term a sum of constants would never be centred.
    while abs(mean - observed) > sd / 2 + ROUNDING * observed and (slope > 0 or mean < observed):
        low, high = (slope, high) if mean < observed else (low, slope)
        slope += (observed - mean) / sd**2
        if not low < slope < high:
            slope = (low + high) / 2
        _, _, mean, sd = atoms.tilted(slope)
    return slope


def _untilted_tail(total: _Law, first: int, grid: int, tilt: _Tilt) -> float:
    mass = total.mass[max(0, first - total.first) :]
    start = max(first, total.first)
    decay = np.exp(-tilt.slope / grid * np.arange(mass.size))
    return float(np.exp(tilt.log_scale - tilt.slope * start / grid) * (mass @ decay))


def _convolve(laws: Sequence[_Law]) -> _Law:
    """Return the law of the sum of independent variables."""
    laws = sorted(laws, key=lambda law: law.mass.size)
    while len(laws) > 1:
        odd = laws[-1:] if len(laws) % 2 else []
        laws = [_convolve_two(a, b) for a, b in zip(laws[0::2], laws[1::2], strict=False)] + odd
    return laws[0]


def _convolve_two(a: _Law, b: _Law) -> _Law:
    first = a.first + b.first
    if a.mass.size * b.mass.size <= DIRECT_LIMIT:
        return _trimmed(first, np.convolve(a.mass, b.mass))
    size = a.mass.size + b.mass.size - 1
    length = next_fast_len(size, real=True)
    mass = irfft(rfft(a.mass, length) * rfft(b.mass, length), length)[:size]
    mass[mass < NEGLIGIBLE * mass.max()] = 0.0
    return _trimmed(first, mass)


def _trimmed(first: int, mass: FloatArray) -> _Law:
    if mass.size <= SHORT:
        return _Law(first, mass)
    kept = np.flatnonzero(mass > NEGLIGIBLE * mass.max())
    return _Law(first + int(kept[0]), mass[kept[0] : kept[-1] + 1])


def _grid(sums: dict[int, _Law], sd: float) -> int:
    """Return how many grid steps make a distance of one: the lattices' common multiple, where that fits."""
    width = min(2 * TILTED_WIDTH * sd, sum(law.mass.size / lattice for lattice, law in sums.items()))
    common = math.lcm(*sums)
    if common * width <= COMMON_LATTICE_POINTS or len(sums) == 1:
        return common
    return max(1, int(GRID_POINTS / width))


def _on_grid(law: _Law, lattice: int, grid: int, slope: float) -> _Law:
    if grid == lattice:
        return law
    places = law.first + np.arange(law.mass.size)
    whole, part = np.divmod(places, lattice)
    steps = whole * grid + part * grid // lattice
    # The grid's distance is a little below the lattice's, and the tilt is by the former.
    mass = law.mass * np.exp(slope * (steps / grid - places / lattice))
    return _Law(int(steps[0]), np.bincount(steps - steps[0], mass).astype(np.float64))


# Monte Carlo.


def _monte_carlo_tail(
    treated: IntArray, control: IntArray, rng: np.random.Generator, n_resamples: int
) -> float:
    distances, lattices = _lattice_distances(treated, control)
    common = math.lcm(*lattices.tolist())
    # Ties are compared as integers; those too long for 64 bits, as Python's own.
    integer: type = np.int64 if common * len(lattices) < 2**62 else object
    n1, n0 = treated.sum(axis=1), control.sum(axis=1)
    drawn: NDArray[Any] = np.zeros(n_resamples, dtype=integer)
    observed = 0
    for s, lattice in enumerate(lattices.tolist()):
        step = common // lattice
        margin = treated[s] + control[s]
        a = rng.multivariate_hypergeometric(margin, n1[s], size=n_resamples, method="marginals")
        excess = n0[s] * a - n1[s] * (margin - a)
        drawn += (np.maximum(0, excess).sum(axis=1) // np.gcd(n1[s], n0[s])).astype(integer) * step
        observed += int(distances[s]) * step
    return (1 + int(np.count_nonzero(drawn >= observed))) / (1 + n_resamples)


def cluster_permutation_test(
    treated: ArrayLike, control: ArrayLike, *, rng: np.random.Generator, n_resamples: int = 9999
) -> PermutationTest:
    """Permutation test between subjects, where a persona may have given several answers.

    Null hypothesis: personas are exchangeable between the arms. Exchangeable unit: the persona, with all
    its answers. The statistic is the distance between the arms' means of the personas' answer shares, so
    every persona weighs the same.

    Parameters
    ----------
    treated, control : array_like of int, shape (personas in the arm, answers)
        How often each persona gave each answer; every persona has at least one. The arms may differ in size.
    rng : numpy.random.Generator
        Drawn from unless every persona gave one answer, which is `permutation_test` with one stratum.
    n_resamples : int, default 9999
        Relabellings of the personas drawn, at least 1.

    Returns
    -------
    PermutationTest
        With `n_strata` 1. Where `method` is ``"monte carlo"``, the p-value is (1 + b) / (1 + B) and
        `null_mean` is the mean over the draws.

    Raises
    ------
    ValueError
        If a count is negative or no integer, a persona has no answer, an arm no persona, or the arms differ
        in their number of answers; or if `n_resamples` is below 1.

    Notes
    -----
    Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9(1), article 39.
    """
    treated = tvd.checked_arm(treated, "treated", unit="persona")
    control = tvd.checked_arm(control, "control", unit="persona")
    if treated.shape[1] != control.shape[1]:
        raise ValueError(
            "treated and control must have one number of answers "
            f"but got {treated.shape[1]} and {control.shape[1]}"
        )
    _check_resamples(n_resamples)
    counts = np.concatenate([treated, control])
    if (counts.sum(axis=1) == 1).all():
        pooled = [arm.sum(axis=0, keepdims=True) for arm in (treated, control)]
        return permutation_test(*pooled, rng=rng, n_resamples=n_resamples)
    shares = counts / counts.sum(axis=1, keepdims=True)
    in_treated = np.arange(len(counts)) < len(treated)
    observed = float(_share_distances(shares, in_treated[None, :])[0])
    drawn = _relabelled_share_distances(shares, in_treated, rng, n_resamples)
    pvalue = (1 + int(np.count_nonzero(drawn >= observed - TIE_TOLERANCE))) / (1 + n_resamples)
    return PermutationTest(observed, float(drawn.mean()), pvalue, pvalue, "monte carlo", 1, n_resamples)


def _relabelled_share_distances(
    shares: FloatArray, in_treated: NDArray[np.bool_], rng: np.random.Generator, n_resamples: int
) -> FloatArray:
    drawn = np.empty(n_resamples)
    at_once = max(1, LABELS_AT_ONCE // len(shares))
    for start in range(0, n_resamples, at_once):
        part = drawn[start : start + at_once]
        labels = np.broadcast_to(in_treated, (part.size, len(shares)))
        part[:] = _share_distances(shares, rng.permuted(labels, axis=1))
    return drawn


def _share_distances(shares: FloatArray, in_treated: NDArray[np.bool_]) -> FloatArray:
    """Return the distance between the arms' mean shares for each row of labels."""
    n1 = in_treated[0].sum()
    treated_sums = in_treated.astype(np.float64) @ shares
    gaps = treated_sums / n1 - (shares.sum(axis=0) - treated_sums) / (len(shares) - n1)
    return np.asarray(0.5 * np.abs(gaps).sum(axis=1))
