"""Arm differences with the persona as the cluster (arrays only)."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


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


@dataclass(frozen=True, slots=True)
class OddsRatio:
    """A cumulative logit model's effect of the arm.

    Attributes
    ----------
    estimate : float
        Log odds ratio of a higher answer, treated over control; NaN where the fit did not converge.
    se : float
        Standard error, clustered by persona.
    pvalue : float
        Two-sided Wald test.
    """

    estimate: float
    se: float
    pvalue: float


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
    """
    differences = treated - control
    n = len(differences)
    return _difference(treated, control, _sem(differences), np.full(differences.shape[1], n - 1.0), confidence)


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
    """
    v1, v0 = _sem(treated) ** 2, _sem(control) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = v1**2 / (len(treated) - 1) + v0**2 / (len(control) - 1)
        df = np.where(parts > 0, (v1 + v0) ** 2 / parts, np.inf)
    return _difference(treated, control, np.sqrt(v1 + v0), df, confidence)


def _sem(values: FloatArray) -> FloatArray:
    """Return the standard error of each column's mean; NaN with one row, exactly 0 if nothing varies."""
    if len(values) < 2:
        return np.full(values.shape[1], np.nan)
    constant = np.ptp(values, axis=0) <= 1e-12 * np.maximum(1.0, np.abs(values).max(axis=0))
    return np.where(constant, 0.0, values.std(axis=0, ddof=1) / np.sqrt(len(values)))


def _difference(
    treated: FloatArray, control: FloatArray, se: FloatArray, df: FloatArray, confidence: float
) -> Difference:
    mean_treated, mean_control = treated.mean(axis=0), control.mean(axis=0)
    estimate = mean_treated - mean_control
    estimate = np.where(np.abs(estimate) < 1e-14, 0.0, estimate)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((se == 0) & (estimate == 0), 0.0, np.abs(estimate) / se)
        half = stats.t.ppf((1 + confidence) / 2, df) * se
    pvalue = np.where(np.isnan(se), np.nan, 2 * stats.t.sf(t, df))
    return Difference(mean_control, mean_treated, estimate, se, estimate - half, estimate + half, pvalue)


def superiority(treated: FloatArray, control: FloatArray) -> float:
    """Return the probability that a treated answer is above a control answer, ties counting half.

    Of two answers drawn from the arms' persona-averaged distributions; 0.5 if these are alike.

    Parameters
    ----------
    treated, control : ndarray of float64, shape (K,)
        Shares of the answers, from low to high, each summing to 1.

    References
    ----------
    Vargha and Delaney (2000), "A critique and improvement of the CL common language effect size statistics",
    J. Educational and Behavioral Statistics 25.
    """
    below = np.concatenate([[0.0], np.cumsum(control)[:-1]])
    return float(treated @ (below + control / 2))


def cumulative_logit(treated: IntArray, control: IntArray, *, paired: bool) -> OddsRatio:
    """Fit a proportional odds model of the answer on the arm, with errors clustered by persona.

    A second opinion on an ordinal outcome, free of the distances between its numbers. Null hypothesis: odds ratio 1.

    Parameters
    ----------
    treated, control : ndarray of int64, shapes (P1, K) and (P0, K)
        Counts of the answers, from low to high.
    paired : bool
        Whether row i is the same persona in both.

    References
    ----------
    McCullagh (1980), "Regression models for ordinal data", J. R. Statist. Soc. B 42. Fitted by statsmodels.
    """
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    used = (treated.sum(axis=0) + control.sum(axis=0)) > 0
    if used.sum() < 2:
        return OddsRatio(np.nan, np.nan, np.nan)
    sides = [control[:, used], treated[:, used]]
    answer = np.concatenate([np.tile(np.arange(side.shape[1]), len(side)) for side in sides])
    persona = [np.repeat(np.arange(len(side)), side.shape[1]) for side in sides]
    persona[1] = persona[1] if paired else persona[1] + len(control)
    arm = np.repeat([0.0, 1.0], [sides[0].size, sides[1].size])
    times = np.concatenate([side.ravel() for side in sides])
    endog, exog, groups = (np.repeat(a, times) for a in (answer, arm, np.concatenate(persona)))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a fit that failed is reported as NaN below
        try:
            model = OrderedModel(endog, exog[:, None], distr="logit")
            fit = model.fit(method="bfgs", disp=0, cov_type="cluster", cov_kwds={"groups": groups})
        except (np.linalg.LinAlgError, ValueError, ZeroDivisionError):  # the last: one persona, or too few answers
            return OddsRatio(np.nan, np.nan, np.nan)
    estimate, se, pvalue = float(fit.params[0]), float(fit.bse[0]), float(fit.pvalues[0])
    if not fit.mle_retvals["converged"] or not np.isfinite([estimate, se]).all() or abs(estimate) > 15:
        return OddsRatio(
            np.nan, np.nan, np.nan
        )  # beyond 15 the arms' answers are separated: there is no finite estimate
    return OddsRatio(estimate, se, pvalue)
