"""Arm differences with the persona as the cluster (arrays only)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from confound.statistics.arrays import FloatArray
from confound.statistics.validation import check_inside


@dataclass(frozen=True, slots=True)
class Difference:
    """Differences between two arms' means, each entry a quantity (a mean, or the share of an answer).

    Attributes
    ----------
    mean_control, mean_treated, estimate : ndarray of float64, shape (Q,)
        Means over personas of the persona's mean, and treated minus control.
    se : ndarray of float64, shape (Q,)
        Standard error of `estimate`; NaN with a single persona a side.
    ci_low, ci_high : ndarray of float64, shape (Q,)
        Ends of the t interval.
    pvalue : ndarray of float64, shape (Q,)
        Two-sided, in [0, 1]; NaN where `se` is.
    """

    mean_control: FloatArray
    mean_treated: FloatArray
    estimate: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    pvalue: FloatArray


def paired_difference(treated: FloatArray, control: FloatArray, *, confidence: float = 0.95) -> Difference:
    """Compare two arms that hold the same personas (design within).

    The estimand is the mean over personas of the difference between the persona's two means; every persona weighs the
    same. Null hypothesis: it is 0. The persona is the unit. With equal trials throughout this equals the regression of
    the answer on the arm with persona fixed effects and errors clustered by persona (with the factor P / (P - 1)).

    Parameters
    ----------
    treated, control : ndarray of float64, shape (P, Q)
        Persona means of Q quantities; row i is the same persona in both.
    confidence : float
        In (0, 1).

    References
    ----------
    Student (1908), "The probable error of a mean", Biometrika 6.

    Examples
    --------
    >>> import numpy as np
    >>> treated, control = np.array([[3.0], [2.5], [4.0]]), np.array([[2.0], [2.0], [3.5]])
    >>> found = paired_difference(treated, control)
    >>> found.estimate.round(3).tolist(), found.pvalue.round(3).tolist()
    ([0.667], [0.057])
    """
    check_inside("confidence", confidence)
    differences = treated - control
    n = len(differences)
    return compared(treated, control, standard_error(differences), np.full(differences.shape[1], n - 1.0), confidence)


def welch_difference(treated: FloatArray, control: FloatArray, *, confidence: float = 0.95) -> Difference:
    """Compare two arms that hold different personas (design between).

    The estimand is the difference between the arms' means over personas of the persona's mean. Null hypothesis: it is
    0. The persona is the unit; variances may differ.

    Parameters
    ----------
    treated, control : ndarray of float64, shapes (P1, Q) and (P0, Q)
        Persona means of Q quantities.
    confidence : float
        In (0, 1).

    References
    ----------
    Welch (1947), "The generalization of Student's problem when several different population variances are involved",
    Biometrika 34.

    Examples
    --------
    >>> import numpy as np
    >>> treated, control = np.array([[3.0], [2.5], [4.0]]), np.array([[2.0], [2.0], [3.5], [2.5]])
    >>> found = welch_difference(treated, control)
    >>> found.estimate.round(3).tolist(), found.pvalue.round(3).tolist()
    ([0.667], [0.3])
    """
    check_inside("confidence", confidence)
    v1, v0 = standard_error(treated) ** 2, standard_error(control) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = v1**2 / (len(treated) - 1) + v0**2 / (len(control) - 1)
        df = np.where(parts > 0, (v1 + v0) ** 2 / parts, np.inf)
    return compared(treated, control, np.sqrt(v1 + v0), df, confidence)


def standard_error(values: FloatArray) -> FloatArray:
    """Return the standard error of each column's mean; NaN with one row, exactly 0 if nothing varies.

    Examples
    --------
    >>> import numpy as np
    >>> standard_error(np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])).round(3).tolist()
    [0.577, 0.0]
    """
    if len(values) < 2:
        return np.full(values.shape[1], np.nan)
    constant = np.ptp(values, axis=0) <= 1e-12 * np.maximum(1.0, np.abs(values).max(axis=0))
    return np.where(constant, 0.0, values.std(axis=0, ddof=1) / np.sqrt(len(values)))


def compared(treated: FloatArray, control: FloatArray, se: FloatArray, df: FloatArray, confidence: float) -> Difference:
    """Compare the means of two sides by a standard error and degrees of freedom, shape (Q,) each.

    Examples
    --------
    >>> import numpy as np
    >>> found = compared(np.array([[2.0]]), np.array([[1.0]]), np.array([0.5]), np.array([10.0]), 0.95)
    >>> found.estimate.tolist(), found.pvalue.round(4).tolist()
    ([1.0], [0.0734])
    """
    mean_treated, mean_control = treated.mean(axis=0), control.mean(axis=0)
    estimate = mean_treated - mean_control
    estimate = np.where(np.abs(estimate) < 1e-14, 0.0, estimate)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((se == 0) & (estimate == 0), 0.0, np.abs(estimate) / se)
        half = stdtrit(df, (1 + confidence) / 2) * se
    pvalue = np.where(np.isnan(se), np.nan, 2 * stdtr(df, -t))
    return Difference(mean_control, mean_treated, estimate, se, estimate - half, estimate + half, pvalue)
