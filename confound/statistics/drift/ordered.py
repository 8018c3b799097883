"""How far two arms' answers lie apart where answers have an order and numbers: Wasserstein distance and its test.

The total variation distance sees that answers differ, not by how much: a slider moved by 1 or by 50 is as far for it.
The Wasserstein distance is how far answers must be moved on their own scale to turn one arm's distribution into the
other's. Like the total variation distance it is above 0 by chance, so its expectation with no drift stands beside it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift import distance, law_sum, ordered_law
from confound.statistics.drift.permutation import SMALLEST_PVALUE, Method
from confound.statistics.drift.relabelling import relabelled_gaps
from confound.statistics.randomness import content_rng
from confound.statistics.validation import check_positive, checked_counts, checked_samples

__all__ = ["OrderedTest", "cluster_ordered_test", "ordered_test"]

# By how much a drawn distance may fall short of the observed one, relative to the range of the values, and still count
# as tied: far more than rounding, so that a tie is never missed.
TIE_TOLERANCE = 1e-10
# Numbers held at once while relabellings are drawn: 32 MB.
NUMBERS_AT_ONCE = 2**22
# Drawing answers one by one takes a tenth of drawing the count of an answer at once.
DRAWS_A_COUNT = 10


@dataclass(frozen=True, slots=True)
class OrderedTest:
    """Wasserstein distance of two arms, and its permutation test.

    Attributes
    ----------
    statistic : float
        Wasserstein-1 distance, in the units of the values, at least 0.
    null_mean : float
        Its expectation with no drift.
    pvalue : float
        Probability with no drift of a distance at least as large, given how often each answer was given; an upper bound
        of it where `method` is ``"bounds"``; (1 + b) / (1 + B), where it is ``"monte carlo"``, b of B relabellings
        reaching the observed distance.
    method : {"exact", "bounds", "monte carlo"}
        How `pvalue` was found.
    n_resamples : int
        B; 0 unless `method` is ``"monte carlo"``.
    """

    statistic: float
    null_mean: float
    pvalue: float
    method: Method
    n_resamples: int


def ordered_test(treated: ArrayLike, control: ArrayLike, values: ArrayLike, *, n_resamples: int = 9999) -> OrderedTest:
    """Permutation test of the Wasserstein distance within strata.

    Null hypothesis: within each stratum the answers are exchangeable between the arms. Exchangeable unit: the answer.
    Within subjects a stratum is a persona, and its answers are its trials.

    The statistic is the mean over strata of each stratum's own distance. Where every stratum has one answer in each
    arm, relabelling cannot change that mean; the statistic is then the distance of the strata-averaged distributions.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum; every stratum has at least one answer in each arm.
    values : array_like of float, shape (answers,)
        The number behind each answer, in any order; answers with one number count as one.
    n_resamples : int, default 9999
        Relabellings drawn where the exact law is too costly, at least 1. The draws depend on the counts and on nothing
        else: neither on the order of the strata nor on a seed.

    Returns
    -------
    OrderedTest
        `null_mean` is exact. So is `pvalue` where the steps between values share a unit and the lattice of the
        distances is affordable, as of levels 1 to 5, or of a slider with few trials; ``"bounds"`` as of
        `permutation.permutation_test`.

    Raises
    ------
    ValueError
        As `validation.checked_counts`, if a value is missing or not finite, or if `n_resamples` is below 1.

    Notes
    -----
    With values ``v_1 < ... < v_K`` and distribution functions ``F`` the distance is
    ``sum_k |F_1(k) - F_0(k)| (v_{k+1} - v_k)``. Permutation tests of it: Ramdas, Garcia Trillos and Cuturi (2017),
    Entropy 19(2), article 47. P-values by drawing: Phipson and Smyth (2010), Statistical Applications in Genetics and
    Molecular Biology 9(1), article 39. ``|F_1(k) - F_0(k)|`` is the total variation distance of two answers, "at most
    k" and "above k", whose expectation has a closed form (`distance.stratum_null_means`).

    Examples
    --------
    >>> treated = [[0, 2, 8], [1, 1, 8]]
    >>> control = [[6, 2, 2], [5, 4, 1]]
    >>> test = ordered_test(treated, control, [1, 2, 3])
    >>> round(test.statistic, 3), round(test.null_mean, 3), round(test.pvalue, 6), test.method
    (1.15, 0.336, 6.7e-05, 'exact')
    """
    treated, control = checked_counts(treated, control)
    check_positive(n_resamples=n_resamples)
    scale = _scale(values, treated.sum(axis=0) + control.sum(axis=0))
    arms = _sorted_rows(np.hstack([scale.merged(treated), scale.merged(control)]))
    treated, control = np.hsplit(arms, 2)
    if (arms.sum(axis=1) > 2).any():
        return _stratified(treated, control, scale, n_resamples)
    gaps = _cumulative(treated) - _cumulative(control)
    null_mean = _null_mean(treated, control, scale.steps, averaged=True)
    drawn = _swapped(gaps, scale.steps, content_rng(treated, control), n_resamples)
    return _drawn_test(float(np.abs(gaps.mean(axis=0)) @ scale.steps), null_mean, drawn, scale.width)


def cluster_ordered_test(
    treated: ArrayLike, control: ArrayLike, values: ArrayLike, *, n_resamples: int = 9999
) -> OrderedTest:
    """Permutation test of the Wasserstein distance between subjects.

    Null hypothesis: personas are exchangeable between the arms. Exchangeable unit: the persona, with all its answers.
    The statistic is the distance between the arms' means of the personas' distributions, so every persona weighs the
    same.

    Parameters
    ----------
    treated, control : array_like of int, shape (personas in the arm, answers)
        How often each persona gave each answer; every persona has at least one. The arms may differ in size.
    values : array_like of float, shape (answers,)
        The number behind each answer, in any order; answers with one number count as one.
    n_resamples : int, default 9999
        Relabellings drawn unless each persona gave one answer and the exact law can be had, at least 1. The draws
        depend on the counts and on nothing else.

    Returns
    -------
    OrderedTest
        `null_mean` is exact if every persona gave one answer, else the mean over the draws.

    Raises
    ------
    ValueError
        As `validation.checked_samples`, if a value is missing or not finite, or if `n_resamples` is below 1.

    Notes
    -----
    As `ordered_test`.

    Examples
    --------
    >>> treated = [[0, 3], [1, 2], [0, 3], [0, 3]]
    >>> control = [[2, 1], [3, 0], [2, 1], [3, 0]]
    >>> test = cluster_ordered_test(treated, control, [0, 10])
    >>> round(test.statistic, 3), test.pvalue < 0.05
    (7.5, True)
    """
    arms = checked_samples({"treated": treated, "control": control})
    check_positive(n_resamples=n_resamples)
    scale = _scale(values, arms[0].sum(axis=0) + arms[1].sum(axis=0))
    one, other = (_sorted_rows(scale.merged(arm)) for arm in arms)
    if (one.sum(axis=1) == 1).all() and (other.sum(axis=1) == 1).all():
        return _stratified(one.sum(axis=0, keepdims=True), other.sum(axis=0, keepdims=True), scale, n_resamples)
    shares = _cumulative(one), _cumulative(other)
    drawn = _relabelled_personas(*shares, scale.steps, content_rng(one, other), n_resamples)
    gaps = shares[0].mean(axis=0) - shares[1].mean(axis=0)
    return _drawn_test(float(np.abs(gaps) @ scale.steps), float(drawn.mean()), drawn, scale.width)


def _stratified(treated: IntArray, control: IntArray, scale: "_Scale", n_resamples: int) -> OrderedTest:
    """Test the mean of the strata's own distances, exactly if that can be had."""
    observed = float((np.abs(_cumulative(treated) - _cumulative(control)) @ scale.steps).mean())
    null_mean = _null_mean(treated, control, scale.steps, averaged=False)
    bounds = _tail_bounds(treated, control, scale.steps)
    if bounds is None:
        drawn = _relabelled(treated, control, scale.steps, content_rng(treated, control), n_resamples)
        return _drawn_test(observed, null_mean, drawn, scale.width)
    low, high = bounds
    pvalue = min(1.0, max(high, SMALLEST_PVALUE))
    method: Method = "exact" if low == high else "bounds"
    return OrderedTest(observed * scale.width, null_mean * scale.width, pvalue, method, 0)


def _tail_bounds(treated: IntArray, control: IntArray, steps: FloatArray) -> tuple[float, float] | None:
    """Return bounds on the p-value, equal where it is exact, or None where the exact laws are too costly."""
    varied = ((treated + control) > 0).sum(axis=1) > 1
    if not varied.any():
        return 1.0, 1.0
    treated, control, whole = treated[varied], control[varied], ordered_law.whole_steps(steps)
    if whole is None:
        return None
    strata = ordered_law.strata_of(treated, control, whole)
    if not ordered_law.affordable(strata):
        return None
    distances = ordered_law.lattice_distances(treated, control, whole)
    lattices = np.lcm(treated.sum(axis=1), control.sum(axis=1)) * whole.sum()
    observed = law_sum.exact_sum(distances, lattices)
    if observed == 0:
        return 1.0, 1.0
    laws = {stratum: ordered_law.stratum_law(stratum) for stratum in strata}
    return law_sum.tail_bounds_of(laws, strata, observed)


def _drawn_test(observed: float, null_mean: float, drawn: FloatArray, width: float) -> OrderedTest:
    """Return the result in the units of the values; what is given is relative to their range."""
    reached = int(np.count_nonzero(drawn >= observed - TIE_TOLERANCE))
    pvalue = (1 + reached) / (1 + drawn.size)
    return OrderedTest(observed * width, null_mean * width, pvalue, "monte carlo", drawn.size)


@dataclass(frozen=True, slots=True)
class _Scale:
    """The distinct values given: their range, the steps from each to the next relative to it, each answer's place.

    An answer never given has place -1.
    """

    width: float
    steps: FloatArray
    place: IntArray

    def merged(self, counts: IntArray) -> IntArray:
        """Add the counts of answers with one value, in the order of the values."""
        made = np.zeros((len(counts), len(self.steps) + 1), dtype=np.int64)
        given = np.flatnonzero(self.place >= 0)
        np.add.at(made.T, self.place[given], counts.T[given])
        return made


def _scale(values: ArrayLike, often: IntArray) -> _Scale:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != often.shape or not np.isfinite(numbers).all():
        raise ValueError(f"values must be {often.size} finite numbers, one an answer, but got {numbers}")
    distinct, inverse = np.unique(numbers[often > 0], return_inverse=True)
    place = np.full(often.size, -1, dtype=np.int64)
    place[often > 0] = inverse
    width = float(distinct[-1] - distinct[0])
    return _Scale(width, np.diff(distinct) / (width or 1.0), place)


def _sorted_rows(counts: IntArray) -> IntArray:
    """Put rows into an order that depends on nothing but their counts."""
    return np.asarray(counts[np.lexsort(counts.T[::-1])])


def _cumulative(counts: IntArray) -> FloatArray:
    """Return each row's share of answers up to each but the last, shape (rows, answers - 1)."""
    return np.asarray(counts.cumsum(axis=1)[:, :-1] / counts.sum(axis=1, keepdims=True))


def _null_mean(treated: IntArray, control: IntArray, steps: FloatArray, *, averaged: bool) -> float:
    """Return the exact expectation of the distance, from those of "at most k" against "above k"."""
    halves = [_halves(arm) for arm in (treated, control)]
    pairs = list(zip(*halves, strict=True))
    if averaged:
        return float(sum(step * distance.population_null_mean(*pair) for step, pair in zip(steps, pairs, strict=True)))
    means = [distance.stratum_null_means(*pair).mean() for pair in pairs]
    return float(steps @ np.asarray(means)) if len(means) else 0.0


def _halves(counts: IntArray) -> IntArray:
    """Return how often an answer was at most, and above, each but the last: shape (answers - 1, rows, 2)."""
    most = counts.cumsum(axis=1)[:, :-1]
    return np.stack([most, counts.sum(axis=1, keepdims=True) - most], axis=2).swapaxes(0, 1)


def _relabelled(
    treated: IntArray, control: IntArray, steps: FloatArray, rng: np.random.Generator, n: int
) -> FloatArray:
    """Draw the mean over strata of their distances, each stratum's answers falling to its arms at random."""
    places = np.concatenate([[0.0], np.cumsum(steps)])
    drawn = np.zeros(n)
    for own, other in zip(treated, control, strict=True):
        given = np.flatnonzero(own + other)
        drawn += _drawn_distances((own + other)[given], int(own.sum()), np.diff(places[given]), rng, n)
    return drawn / len(treated)


def _drawn_distances(margin: IntArray, n1: int, steps: FloatArray, rng: np.random.Generator, n: int) -> FloatArray:
    """Draw one stratum's distance; of the `margin` answers `n1` are treated."""
    total = int(margin.sum())
    method: Literal["count", "marginals"] = (
        "count" if min(n1, total - n1) < DRAWS_A_COUNT * len(margin) else "marginals"
    )
    most = margin.cumsum()[:-1]
    distances = np.empty(n)
    at_once = max(1, NUMBERS_AT_ONCE // len(margin))
    for start in range(0, n, at_once):
        part = distances[start : start + at_once]
        a = rng.multivariate_hypergeometric(margin, n1, size=part.size, method=method)
        # F_1 - F_0, of which a is the treated part of all answers up to k.
        gaps = a.cumsum(axis=1)[:, :-1] * (total / (n1 * (total - n1))) - most / (total - n1)
        part[:] = np.abs(gaps) @ steps
    return distances


def _swapped(gaps: FloatArray, steps: FloatArray, rng: np.random.Generator, n: int) -> FloatArray:
    """Draw the distance of the averaged distributions, each stratum's two answers changing arms by a coin."""
    drawn = np.empty(n)
    at_once = max(1, NUMBERS_AT_ONCE // max(gaps.shape))
    for start in range(0, n, at_once):
        part = drawn[start : start + at_once]
        signs = rng.choice([-1.0, 1.0], size=(part.size, len(gaps)))
        part[:] = np.abs(signs @ gaps) @ steps / len(gaps)
    return drawn


def _relabelled_personas(
    treated: FloatArray, control: FloatArray, steps: FloatArray, rng: np.random.Generator, n: int
) -> FloatArray:
    """Draw the distance of the arms' averaged distributions, whole personas falling to the arms at random."""
    parts = relabelled_gaps(np.concatenate([treated, control]), len(treated), rng=rng, n_resamples=n)
    return np.concatenate([np.abs(gaps) @ steps for gaps in parts])
