"""Total variation distances between two arms, by stratum or of the arms' averages, and their means with no drift."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.validation import checked_counts

__all__ = [
    "margin_null_means",
    "null_mean",
    "plugin",
    "population_null_mean",
    "population_plugin",
    "split_null_means",
    "stratum_distances",
    "stratum_null_means",
]

# Points of the common lattice of all strata, over the reach of their sum, up to which the no-drift mean of
# `population_plugin` is exact; and points of the grid that atoms are split onto beyond that.
LATTICE_POINTS = 2**14
GRID_POINTS = 2**12
# Standard deviations of a sum beyond which its mass cannot matter: 1e-15 of the mean absolute deviation.
REACH = 9.0


def stratum_distances(treated: ArrayLike, control: ArrayLike) -> FloatArray:
    """Plug-in total variation distance of each stratum.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum; every stratum has at least one answer in each arm.

    Returns
    -------
    ndarray of float, shape (strata,)
        ``1/2 sum_k |p_1k - p_0k|`` of the observed shares, in [0, 1]. Biased upwards: see `null_mean`.

    Raises
    ------
    ValueError
        As `validation.checked_counts`.

    Examples
    --------
    >>> treated = [[6, 2, 2], [1, 8, 1]]
    >>> control = [[2, 6, 2], [3, 4, 3]]
    >>> stratum_distances(treated, control).round(3).tolist()
    [0.4, 0.4]
    """
    treated, control = checked_counts(treated, control)
    return np.asarray(0.5 * np.abs(_share_gaps(treated, control)).sum(axis=1))


def plugin(treated: ArrayLike, control: ArrayLike) -> float:
    """Plug-in total variation distance, averaged over strata.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum. One stratum: the distance of two samples.

    Returns
    -------
    float
        Mean of `stratum_distances`, in [0, 1].

    Raises
    ------
    ValueError
        As `validation.checked_counts`.

    Examples
    --------
    >>> treated = [[6, 2, 2], [1, 8, 1]]
    >>> control = [[2, 6, 2], [3, 4, 3]]
    >>> round(plugin(treated, control), 3)
    0.4
    """
    return float(stratum_distances(treated, control).mean())


def population_plugin(treated: ArrayLike, control: ArrayLike) -> float:
    """Plug-in total variation distance of the arms' answer shares, averaged over strata first.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum; every stratum weighs the same.

    Returns
    -------
    float
        In [0, 1], at most `plugin`. Drift in varied directions cancels in it. Biased upwards, much less than
        `plugin`: see `population_null_mean`.

    Raises
    ------
    ValueError
        As `validation.checked_counts`.

    Examples
    --------
    >>> treated = [[6, 2, 2], [1, 8, 1]]
    >>> control = [[2, 6, 2], [3, 4, 3]]
    >>> round(population_plugin(treated, control), 3)
    0.1
    """
    treated, control = checked_counts(treated, control)
    return float(0.5 * np.abs(_share_gaps(treated, control).mean(axis=0)).sum())


def _share_gaps(treated: IntArray, control: IntArray) -> FloatArray:
    return np.asarray(treated / treated.sum(axis=1, keepdims=True) - control / control.sum(axis=1, keepdims=True))


def population_null_mean(treated: ArrayLike, control: ArrayLike) -> float:
    """Mean of `population_plugin` when nothing drifts, given how often each answer was given in all.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum. Only the sums over arms and over answers matter.

    Returns
    -------
    float
        In [0, 1]. Null hypothesis: within each stratum the answers are exchangeable between the arms.

    Raises
    ------
    ValueError
        As `validation.checked_counts`.

    Notes
    -----
    With no drift an answer's gap is a sum over strata of independent scaled hypergeometric counts. Its law is
    their convolution, by one FFT an answer, and the mean of its absolute value follows. Where the strata's
    lattices have a common multiple of at most `LATTICE_POINTS` points within reach (all strata with the same
    two arm sizes, above all) that is exact up to rounding; else each atom is split between the two nearest of
    `GRID_POINTS` so that its mean is kept, which is off by less than one part in a thousand. One stratum:
    `null_mean`.

    Examples
    --------
    >>> treated = [[6, 2, 2], [1, 8, 1]]
    >>> control = [[2, 6, 2], [3, 4, 3]]
    >>> round(population_null_mean(treated, control), 3)
    0.167
    """
    treated, control = checked_counts(treated, control)
    if len(treated) == 1:
        return null_mean(treated, control)
    n1, n0 = treated.sum(axis=1), control.sum(axis=1)
    margin = treated + control
    lattice = math.lcm(*np.unique(n1 // np.gcd(n1, n0) * n0).tolist())
    deviations = [_mean_absolute_sum(margin[:, k], n1, n0, lattice) for k in range(margin.shape[1])]
    return 0.5 * sum(deviations) / len(treated)


def _mean_absolute_sum(margin: IntArray, n1: IntArray, n0: IntArray, lattice: int) -> float:
    """Return E|sum of one answer's gaps over strata|, `lattice` the points to a gap of one."""
    varies = (margin > 0) & (margin < n1 + n0)
    if not varies.any():
        return 0.0
    margin, n1, n0 = (sums[varies, None] for sums in (margin, n1, n0))
    a = np.arange(int(np.minimum(margin, n1).max()) + 1)
    possible = (a >= margin - n0) & (a <= np.minimum(margin, n1))
    kept = np.clip(a, np.maximum(0, margin - n0), np.minimum(margin, n1))
    mass = np.where(possible, np.exp(_log_hypergeometric(kept, margin, n1, n0)), 0.0)
    gaps = kept / n1 - (margin - kept) / n0
    sd = math.sqrt(float((mass * gaps**2).sum()))
    width = 2 * min(REACH * sd, float(np.abs(gaps).max(axis=1).sum())) + 1.0
    exact = lattice * width <= LATTICE_POINTS
    grid = float(lattice) if exact else GRID_POINTS / width
    size = math.ceil(grid * width) + 1
    place = gaps * grid
    below = np.rint(place) if exact else np.floor(place)
    upper = place - below if not exact else np.zeros_like(place)
    index = (below.astype(np.int64) % size, (below.astype(np.int64) + 1) % size)
    row = np.broadcast_to(np.arange(len(margin))[:, None], mass.shape)
    laws = np.zeros((len(margin), size))
    np.add.at(laws, (row, index[0]), mass * (1 - upper))
    np.add.at(laws, (row, index[1]), mass * upper)
    law = np.fft.irfft(np.fft.rfft(laws, axis=1).prod(axis=0), size)
    # The law sits on a circle: positions beyond half of it are negative.
    position = np.minimum(np.arange(size), size - np.arange(size))
    return float(np.abs(law) @ position) / grid


def null_mean(treated: ArrayLike, control: ArrayLike) -> float:
    """Exact expectation of `plugin` when nothing drifts, given how often each answer was given in all.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum. Only the sums over arms and over answers matter.

    Returns
    -------
    float
        Mean of `stratum_null_means`, in [0, 1].

    Raises
    ------
    ValueError
        As `validation.checked_counts`.

    Examples
    --------
    >>> treated = [[6, 2, 2], [1, 8, 1]]
    >>> control = [[2, 6, 2], [3, 4, 3]]
    >>> round(null_mean(treated, control), 3)
    0.226
    """
    return float(stratum_null_means(treated, control).mean())


def stratum_null_means(treated: ArrayLike, control: ArrayLike) -> FloatArray:
    """Exact expectation of each stratum's distance when nothing drifts, given its answers in all.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum. Only the sums over arms and over answers matter.

    Returns
    -------
    ndarray of float, shape (strata,)
        In [0, 1]. Null hypothesis: within each stratum the answers are exchangeable between the arms.

    Raises
    ------
    ValueError
        As `validation.checked_counts`.

    Notes
    -----
    Of the ``m`` times an answer was given, ``a`` fall to the treated arm: hypergeometric, with ``n1`` draws
    out of ``N = n1 + n0``. As ``a/n1 - (m - a)/n0 = N (a - E a) / (n1 n0)``, the expectation is the mean
    absolute deviation of ``a``, which has a closed form like De Moivre's for the binomial. With
    ``h(a) = a (n0 - m + a) P(a)`` we have ``h(a) - h(a + 1) = N (a - E a) P(a)``, so the sum over ``a >= c``,
    the first integer above ``E a``, telescopes to ``h(c)``, and ``E|a/n1 - (m - a)/n0| = 2 h(c) / (n1 n0)``.
    On such identities: Diaconis and Zabell (1991), Statistical Science 6(3), 284-302.

    Examples
    --------
    >>> treated = [[6, 2, 2], [1, 8, 1]]
    >>> control = [[2, 6, 2], [3, 4, 3]]
    >>> stratum_null_means(treated, control).round(3).tolist()
    [0.235, 0.218]
    """
    treated, control = checked_counts(treated, control)
    return margin_null_means(treated + control, treated.sum(axis=1, keepdims=True), control.sum(axis=1, keepdims=True))


def split_null_means(margin: ArrayLike) -> FloatArray:
    """Exact expectation of a stratum's distance when nothing drifts, for every number of its answers that are treated.

    Parameters
    ----------
    margin : array_like of int, shape (answers,)
        How often each answer was given in all, N times together.

    Returns
    -------
    ndarray of float, shape (N + 1,)
        Entry ``n`` has n answers in the treated arm, in [0, 1]; 0 at both ends, where an arm is empty.

    Examples
    --------
    >>> split_null_means([2, 2]).round(3).tolist()
    [0.0, 0.667, 0.333, 0.667, 0.0]
    """
    counts = np.asarray(margin, dtype=np.int64)
    n1 = np.arange(1, counts.sum())[:, None]
    return np.concatenate([[0.0], margin_null_means(counts[None], n1, counts.sum() - n1), [0.0]])


def margin_null_means(margin: IntArray, n1: IntArray, n0: IntArray) -> FloatArray:
    """Exact expectation of strata's distances when nothing drifts, given their answers in all and the arms' sizes.

    Parameters
    ----------
    margin : ndarray of int64, shape (strata, answers)
        How often each answer was given in all. Of one answer by itself the expectation is half that of the absolute
        difference of its shares.
    n1, n0 : ndarray of int64, shape (strata, 1)
        Answers in the treated and the control arm.

    Returns
    -------
    ndarray of float, shape (strata,)

    Examples
    --------
    >>> margin_null_means(np.array([[8, 8, 4]]), np.array([[10]]), np.array([[10]])).round(3).tolist()
    [0.235]
    """
    above = margin * n1 // (n1 + n0) + 1
    # Beyond the largest possible count there is nothing to sum: the answer is always given, or never.
    possible = above <= np.minimum(margin, n1)
    above = np.where(possible, above, np.maximum(0, margin - n0))
    mass = np.exp(_log_hypergeometric(above, margin, n1, n0))
    deviation = np.where(possible, 2.0 * above * (n0 - margin + above) * mass / (n1 * n0), 0.0)
    return np.asarray(0.5 * deviation.sum(axis=1))


def _log_hypergeometric(a: IntArray, margin: IntArray, n1: IntArray, n0: IntArray) -> FloatArray:
    return np.asarray(_log_choose(n1, a) + _log_choose(n0, margin - a) - _log_choose(n1 + n0, margin), dtype=np.float64)


def _log_choose(n: IntArray, k: IntArray) -> FloatArray:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), dtype=np.float64)
