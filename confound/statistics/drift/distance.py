"""Distances between two arms' answers, stratum by stratum or of their averages, and what they are with no drift."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln
from scipy.stats import t as student

from confound.statistics.arrays import FloatArray, IntArray

__all__ = [
    "SquaredDistance",
    "checked_arm",
    "checked_counts",
    "l2_squared",
    "l2_squared_between",
    "null_mean",
    "plugin",
    "population_null_mean",
    "population_plugin",
    "stratum_distances",
    "stratum_l2_squared",
    "stratum_null_means",
]


# Points of the common lattice of all strata, over the reach of their sum, up to which the no-drift mean of
# `population_plugin` is exact; and points of the grid that atoms are split onto beyond that.
LATTICE_POINTS = 2**14
GRID_POINTS = 2**12
# Standard deviations of a sum beyond which its mass cannot matter: 1e-15 of the mean absolute deviation.
REACH = 9.0


@dataclass(frozen=True, slots=True)
class SquaredDistance:
    """Squared Euclidean distance of two arms' answer shares.

    Attributes
    ----------
    estimate : float
        Unbiased, so below 0 about half of the time where nothing drifts; at most 2. NaN where too few answers.
    ci_low, ci_high : float
        Ends of the interval; NaN where it cannot be had.
    n_personas : int
        Personas it rests on, both arms together if they differ.
    """

    estimate: float
    ci_low: float
    ci_high: float
    n_personas: int


def checked_counts(treated: ArrayLike, control: ArrayLike) -> tuple[IntArray, IntArray]:
    """Return both arms' counts as integer arrays, or refuse them.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum.

    Returns
    -------
    treated, control : ndarray of int64, shape (strata, answers)

    Raises
    ------
    ValueError
        If the shapes differ or are not two-dimensional, a count is negative or no integer, or a stratum has
        no answer in an arm; the message names the argument and the first bad stratum.
    """
    arms = checked_arm(treated, "treated"), checked_arm(control, "control")
    if arms[0].shape != arms[1].shape:
        raise ValueError(
            f"treated and control must have one shape but got {arms[0].shape} and {arms[1].shape}: "
            "strata and answers must match, row by row and column by column"
        )
    return arms


def checked_arm(counts: ArrayLike, name: str, *, unit: str = "stratum") -> IntArray:
    """Return one arm's counts as an integer array, or refuse them.

    Parameters
    ----------
    counts : array_like of int, shape (rows, answers)
        How often each answer was given in each row.
    name : str
        What the caller names the counts, for the message.
    unit : str, default "stratum"
        What a row is, for the message.

    Returns
    -------
    ndarray of int64, shape (rows, answers)

    Raises
    ------
    ValueError
        If the counts are not two-dimensional, hold no row, a negative count or no integers, or a row has no
        answer.
    """
    array = np.asarray(counts)
    if array.ndim != 2:
        raise ValueError(f"{name} must have two dimensions ({unit}, answer) but got shape {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integer counts but got dtype {array.dtype}")
    if array.shape[0] == 0:
        raise ValueError(f"{name} must hold at least one {unit}")
    array = array.astype(np.int64)
    for bad, complaint in (
        ((array < 0).any(axis=1), "a negative count"),
        (array.sum(axis=1) == 0, "no answers"),
    ):
        if bad.any():
            raise ValueError(f"{name}: {unit} {int(bad.argmax())} has {complaint}")
    return array


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
        As `checked_counts`.
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
        As `checked_counts`.
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
        As `checked_counts`.
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
        As `checked_counts`.

    Notes
    -----
    With no drift an answer's gap is a sum over strata of independent scaled hypergeometric counts. Its law is
    their convolution, by one FFT an answer, and the mean of its absolute value follows. Where the strata's
    lattices have a common multiple of at most `LATTICE_POINTS` points within reach (all strata with the same
    two arm sizes, above all) that is exact up to rounding; else each atom is split between the two nearest of
    `GRID_POINTS` so that its mean is kept, which is off by less than one part in a thousand. One stratum:
    `null_mean`.
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
        As `checked_counts`.
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
        As `checked_counts`.

    Notes
    -----
    Of the ``m`` times an answer was given, ``a`` fall to the treated arm: hypergeometric, with ``n1`` draws
    out of ``N = n1 + n0``. As ``a/n1 - (m - a)/n0 = N (a - E a) / (n1 n0)``, the expectation is the mean
    absolute deviation of ``a``, which has a closed form like De Moivre's for the binomial. With
    ``h(a) = a (n0 - m + a) P(a)`` we have ``h(a) - h(a + 1) = N (a - E a) P(a)``, so the sum over ``a >= c``,
    the first integer above ``E a``, telescopes to ``h(c)``, and ``E|a/n1 - (m - a)/n0| = 2 h(c) / (n1 n0)``.
    On such identities: Diaconis and Zabell (1991), Statistical Science 6(3), 284-302.
    """
    treated, control = checked_counts(treated, control)
    n1 = treated.sum(axis=1, keepdims=True)
    n0 = control.sum(axis=1, keepdims=True)
    margin = treated + control
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


def stratum_l2_squared(treated: ArrayLike, control: ArrayLike) -> FloatArray:
    """Unbiased squared Euclidean distance of each stratum's answer shares.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum; every stratum has at least one answer in each arm.

    Returns
    -------
    ndarray of float, shape (strata,)
        ``sum_k a(a-1)/(n1(n1-1)) + b(b-1)/(n0(n0-1)) - 2ab/(n1 n0)``, at most 2, often negative; NaN where an arm has
        fewer than two answers.

    Raises
    ------
    ValueError
        As `checked_counts`.

    Notes
    -----
    The maximum mean discrepancy with the identity kernel: Gretton et al. (2012), JMLR 13, 723-773, Lemma 6.
    """
    treated, control = checked_counts(treated, control)
    n1, n0 = treated.sum(axis=1), control.sum(axis=1)
    cross = 2 * (treated * control).sum(axis=1) / (n1 * n0)
    return np.asarray(_pairs_alike(treated) + _pairs_alike(control) - cross)


def _pairs_alike(counts: IntArray) -> FloatArray:
    """Return the share of pairs of different answers that agree, NaN with a single answer."""
    n = counts.sum(axis=1)
    alike = (counts * (counts - 1)).sum(axis=1)
    return np.where(n > 1, alike / np.maximum(1, n * (n - 1)), np.nan)


def l2_squared(treated: ArrayLike, control: ArrayLike, *, confidence: float = 0.95) -> SquaredDistance:
    """Squared Euclidean distance of a persona's two distributions, averaged over personas (within subjects).

    The estimand is ``mean_i sum_k (p_i1k - p_i0k)^2``. It brackets the total variation distance of each persona:
    ``1/2 ||.|| <= TVD <= 1/2 sqrt(K) ||.||``.

    Parameters
    ----------
    treated, control : array_like of int, shape (personas, answers)
        How often each persona gave each answer; row i is the same persona in both.
    confidence : float, default 0.95
        In (0, 1).

    Returns
    -------
    SquaredDistance
        With a t interval over personas, which are taken as drawn from a population. Personas with fewer than two
        answers in an arm are left out; with none left the estimate is NaN, with one the interval. The variance is
        the larger of the personas' own and what they would have with no drift, without which skewness lets ten
        personas' interval cover .87 to .90.

    Raises
    ------
    ValueError
        As `checked_counts`.
    """
    treated, control = checked_counts(treated, control)
    used = (treated.sum(axis=1) > 1) & (control.sum(axis=1) > 1)
    n = int(used.sum())
    if n == 0:
        return SquaredDistance(math.nan, math.nan, math.nan, 0)
    values = stratum_l2_squared(treated[used], control[used])
    estimate = float(values.mean())
    if n == 1:
        return SquaredDistance(estimate, math.nan, math.nan, 1)
    variance = max(float(values.var(ddof=1)), float(_no_drift_variances(treated[used], control[used]).mean()))
    half = _t_quantile(confidence, n - 1) * math.sqrt(variance / n)
    return SquaredDistance(estimate, estimate - half, estimate + half, n)


def _no_drift_variances(treated: IntArray, control: IntArray) -> FloatArray:
    """Return what `stratum_l2_squared` would vary by if both arms had the shares of their pooled answers."""
    n1, n0 = treated.sum(axis=1), control.sum(axis=1)
    shares = (treated + control) / (n1 + n0)[:, None]
    alike = (shares**2).sum(axis=1)
    spread = alike - 2 * (shares**3).sum(axis=1) + alike**2  # of diag(p) - p p', the sum of squares
    return np.asarray(2 * (1 / (n1 * (n1 - 1)) + 1 / (n0 * (n0 - 1)) + 2 / (n1 * n0)) * spread)


def _t_quantile(confidence: float, df: float) -> float:
    return float(student.ppf((1 + confidence) / 2, df))


def l2_squared_between(treated: ArrayLike, control: ArrayLike, *, confidence: float = 0.95) -> SquaredDistance:
    """Squared Euclidean distance of the arms' persona-averaged distributions (between subjects).

    The estimand is ``sum_k (mean_i p_i1k - mean_j p_j0k)^2``, its estimator the U-statistic over pairs of different
    personas, so that it is unbiased however many answers a persona gave.

    Parameters
    ----------
    treated, control : array_like of int, shape (personas in the arm, answers)
        How often each persona gave each answer. The arms may differ in size.
    confidence : float, default 0.95
        In (0, 1).

    Returns
    -------
    SquaredDistance
        NaN with fewer than two personas in an arm.

    Raises
    ------
    ValueError
        As `checked_arm`, or if the arms differ in their number of answers.

    Notes
    -----
    With ``d`` the gap between the arms' means, of covariance ``S``, the estimator's variance is about
    ``4 d'S d + 2 tr(S^2)``. The interval holds every ``|d|^2`` from which the estimate is less than a t quantile of
    standard deviations away, with ``d'S d`` put in proportion to ``|d|^2``: as Wilson's interval (1927, JASA 22,
    209-212) it widens upwards, where a jackknife interval covers only .92 near 0.
    """
    rows = checked_arm(treated, "treated", unit="persona"), checked_arm(control, "control", unit="persona")
    if rows[0].shape[1] != rows[1].shape[1]:
        raise ValueError(
            f"treated and control must have one number of answers but got {rows[0].shape[1]} and {rows[1].shape[1]}"
        )
    x, y = (counts / counts.sum(axis=1, keepdims=True) for counts in rows)
    n = len(x) + len(y)
    if min(len(x), len(y)) < 2:
        return SquaredDistance(math.nan, math.nan, math.nan, n)
    estimate = float(_mean_product(x) + _mean_product(y) - 2 * x.mean(axis=0) @ y.mean(axis=0))
    spread = np.atleast_2d(np.cov(x.T)) / len(x) + np.atleast_2d(np.cov(y.T)) / len(y)
    quantile_sq = _t_quantile(confidence, min(len(x), len(y)) - 1) ** 2
    squares = float((spread**2).sum())
    slope = 2 * quantile_sq * _variance_along(x.mean(axis=0) - y.mean(axis=0), spread)
    # The roots of (estimate - value)^2 = quantile^2 (4 variance value + 2 squares).
    root = math.sqrt(max(0.0, slope**2 + 2 * slope * estimate + 2 * quantile_sq * squares))
    return SquaredDistance(estimate, estimate + slope - root, estimate + slope + root, n)


def _variance_along(gap: FloatArray, spread: FloatArray) -> float:
    """Return the variance in the gap's direction, but no less than a gap made of noise would show on average."""
    if not spread.any():
        return 0.0
    typical = float((spread**2).sum() / np.trace(spread))
    return max(typical, float(gap @ spread @ gap / (gap @ gap))) if gap.any() else typical


def _mean_product(rows: FloatArray) -> float:
    """Return the mean inner product of different rows."""
    total = rows.sum(axis=0)
    return float(total @ total - (rows**2).sum()) / (len(rows) * (len(rows) - 1))
