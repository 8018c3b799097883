"""Permutation tests that two arms give the same answers, exact wherever the exact law can be had.

The statistic is the total variation distance summed over strata; its exact law comes from `null_law` and
`law_sum`.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift import distance, law_sum, null_law
from confound.statistics.drift.relabelling import gaps_of_means, grown_tail, relabelled_gaps
from confound.statistics.validation import check_positive, checked_counts, checked_samples

__all__ = ["PermutationTest", "cluster_permutation_test", "permutation_test"]


# Smallest p-value reported: with thousands of answers the exact one can lie below what a float can hold.
SMALLEST_PVALUE = float(np.finfo(np.float64).tiny)
# By how much a drawn distance between mean shares may fall short of the observed one and still count as
# tied: far more than rounding, so that a tie is never missed.
TIE_TOLERANCE = 1e-10
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
        a grid of `law_sum.GRID_POINTS` and the p-value is bounded by what the rounding can have cost; ``"monte
        carlo"`` with p = (1 + b) / (1 + B) where a stratum is too large: with five levels, above about 200
        answers an arm if the arms differ in size, 1,000 if they do not.

    Raises
    ------
    ValueError
        As `validation.checked_counts`, or if `n_resamples` is below 1.

    Notes
    -----
    Exact conditional tests by convolution: Pagano and Tritchler (1983), JASA 78, 435-440. The tilting that
    keeps small tails right under the FFT is that of Keich (2005), Journal of Computational Biology 12(4),
    416-430. Monte Carlo p-values: Phipson and Smyth (2010), Statistical Applications in Genetics and
    Molecular Biology 9(1).

    Examples
    --------
    >>> import numpy as np
    >>> treated = [[6, 2, 2], [1, 8, 1]]
    >>> control = [[2, 6, 2], [3, 4, 3]]
    >>> test = permutation_test(treated, control, rng=np.random.default_rng(0))
    >>> test.method, round(test.statistic, 3), round(test.pvalue, 3)
    ('exact', 0.4, 0.105)
    """
    treated, control = checked_counts(treated, control)
    check_positive(n_resamples=n_resamples)
    distances, lattices = _lattice_distances(treated, control)
    # With one answer only, a stratum's distance is 0 whatever the labels.
    strata = Counter(stratum for stratum in null_law.strata_of(treated, control) if len(stratum.margin) > 1)
    draws = 0
    if null_law.affordable(strata):
        low, high = law_sum.tail_bounds(strata, law_sum.exact_sum(distances, lattices))
        method: Method = "exact" if low == high else "bounds"
    else:
        method = "monte carlo"
        high, draws = _monte_carlo_tail(treated, control, rng, n_resamples)
        low = high
    pvalue = min(1.0, max(high, SMALLEST_PVALUE))
    return PermutationTest(
        statistic=distance.plugin(treated, control),
        null_mean=distance.null_mean(treated, control),
        pvalue=pvalue,
        pvalue_low=min(1.0, low) if method == "bounds" else pvalue,
        method=method,
        n_strata=len(treated),
        n_resamples=draws,
    )


def _lattice_distances(treated: IntArray, control: IntArray) -> tuple[IntArray, IntArray]:
    """Return each stratum's distance as an integer, and the lattice it counts in."""
    n1, n0 = treated.sum(axis=1), control.sum(axis=1)
    shared = np.gcd(n1, n0)
    excess = (n0 // shared)[:, None] * treated - (n1 // shared)[:, None] * control
    return np.maximum(0, excess).sum(axis=1), n1 // shared * n0


def _monte_carlo_tail(
    treated: IntArray, control: IntArray, rng: np.random.Generator, n_resamples: int
) -> tuple[float, int]:
    """Return the p-value and how many relabellings it rests on."""
    distances, lattices = _lattice_distances(treated, control)
    common = math.lcm(*lattices.tolist())
    # Ties are compared as integers; those too long for 64 bits, as Python's own.
    integer: type = np.int64 if common * len(lattices) < 2**62 else object
    n1, n0 = treated.sum(axis=1), control.sum(axis=1)
    observed = sum(int(one) * (common // lattice) for one, lattice in zip(distances, lattices.tolist(), strict=True))

    def count(n: int) -> int:
        drawn: NDArray[Any] = np.zeros(n, dtype=integer)
        for s, lattice in enumerate(lattices.tolist()):
            margin = treated[s] + control[s]
            a = rng.multivariate_hypergeometric(margin, n1[s], size=n, method="marginals")
            excess = n0[s] * a - n1[s] * (margin - a)
            step = common // lattice
            drawn += (np.maximum(0, excess).sum(axis=1) // np.gcd(n1[s], n0[s])).astype(integer) * step
        return int(np.count_nonzero(drawn >= observed))

    return grown_tail(count, count(n_resamples), n_resamples)


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
        With `n_strata` 1. Where `method` is ``"monte carlo"``, the p-value is (1 + b) / (1 + B), with more draws
        where it is very small (`relabelling.grown_tail`), and `null_mean` is the mean over the first draws.

    Raises
    ------
    ValueError
        If a count is negative or no integer, a persona has no answer, an arm no persona, or the arms differ
        in their number of answers; or if `n_resamples` is below 1.

    Notes
    -----
    Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9(1), article 39.

    Examples
    --------
    >>> import numpy as np
    >>> treated = [[3, 0], [2, 1], [3, 0], [3, 0]]
    >>> control = [[1, 2], [0, 3], [1, 2], [0, 3]]
    >>> test = cluster_permutation_test(treated, control, rng=np.random.default_rng(0), n_resamples=999)
    >>> round(test.statistic, 3), test.pvalue < 0.1
    (0.75, True)
    """
    treated, control = checked_samples({"treated": treated, "control": control})
    check_positive(n_resamples=n_resamples)
    counts = np.concatenate([treated, control])
    if (counts.sum(axis=1) == 1).all():
        pooled = [arm.sum(axis=0, keepdims=True) for arm in (treated, control)]
        return permutation_test(*pooled, rng=rng, n_resamples=n_resamples)
    shares = counts / counts.sum(axis=1, keepdims=True)
    in_treated = np.arange(len(counts)) < len(treated)
    observed = float(_total(gaps_of_means(shares, in_treated[None, :]))[0])

    def reaching(drawn: FloatArray) -> int:
        return int(np.count_nonzero(drawn >= observed - TIE_TOLERANCE))

    def count(n: int) -> int:
        return reaching(_relabelled_distances(shares, len(treated), rng, n))

    first = _relabelled_distances(shares, len(treated), rng, n_resamples)
    pvalue, n_drawn = grown_tail(count, reaching(first), n_resamples)
    return PermutationTest(observed, float(first.mean()), pvalue, pvalue, "monte carlo", 1, n_drawn)


def _relabelled_distances(shares: FloatArray, n_treated: int, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    parts = relabelled_gaps(shares, n_treated, rng=rng, n_resamples=n_resamples)
    return np.concatenate([_total(gaps) for gaps in parts])


def _total(gaps: FloatArray) -> FloatArray:
    """Return the distance between mean shares with these gaps."""
    return np.asarray(0.5 * np.abs(gaps).sum(axis=1))
