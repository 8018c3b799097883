"""Total variation distance between two arms' answers, stratum by stratum, and what it is with no drift."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

__all__ = ["checked_arm", "checked_counts", "null_mean", "plugin", "stratum_distances"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


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
    shares = treated / treated.sum(axis=1, keepdims=True) - control / control.sum(axis=1, keepdims=True)
    return np.asarray(0.5 * np.abs(shares).sum(axis=1))


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


def null_mean(treated: ArrayLike, control: ArrayLike) -> float:
    """Exact expectation of `plugin` when nothing drifts, given how often each answer was given in all.

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
    return float(0.5 * deviation.sum(axis=1).mean())


def _log_hypergeometric(a: IntArray, margin: IntArray, n1: IntArray, n0: IntArray) -> FloatArray:
    return np.asarray(_log_choose(n1, a) + _log_choose(n0, margin - a) - _log_choose(n1 + n0, margin), dtype=np.float64)


def _log_choose(n: IntArray, k: IntArray) -> FloatArray:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), dtype=np.float64)
