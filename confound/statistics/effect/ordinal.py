"""Arm comparisons that use the order of the answers and no numbers behind them (arrays only)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr, xlogy

from confound.statistics.arrays import FloatArray, IntArray

# Newton's steps of a cumulative logit: how many at most, how small one is that needs no check since rounding hides what
# it gains, and how small the last one is.
MOST_STEPS = 100
NEAR = 1e-4
CONVERGED = 1e-8
TINY = float(np.finfo(np.float64).tiny)


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

    Examples
    --------
    >>> import numpy as np
    >>> superiority(np.array([0.2, 0.8]), np.array([0.5, 0.5]))
    0.65
    """
    below = np.concatenate([[0.0], np.cumsum(control)[:-1]])
    return float(treated @ (below + control / 2))


def cumulative_logit(treated: IntArray, control: IntArray, *, paired: bool) -> OddsRatio:
    """Fit a proportional odds model of the answer on the arm, with errors clustered by persona.

    A second opinion on an ordinal outcome, free of the distances between its numbers. Null hypothesis: odds ratio 1.
    Not a number where an arm's answers all lie at or beyond the other's, or there is one persona only.

    Parameters
    ----------
    treated, control : ndarray of int64, shapes (P1, K) and (P0, K)
        Counts of the answers, from low to high.
    paired : bool
        Whether row i is the same persona in both.

    References
    ----------
    McCullagh (1980), "Regression models for ordinal data", J. R. Statist. Soc. B 42. Errors as Stata's:
    Liang and Zeger (1986), "Longitudinal data analysis using generalized linear models", Biometrika 73, times
    G / (G - 1) (N - 1) / (N - K) for G personas, N answers and K parameters.

    Examples
    --------
    >>> import numpy as np
    >>> treated, control = np.array([[2, 3, 5], [1, 4, 5]]), np.array([[5, 3, 2], [4, 4, 2]])
    >>> round(cumulative_logit(treated, control, paired=True).estimate, 2)
    1.45
    """
    nothing = OddsRatio(np.nan, np.nan, np.nan)
    used = (treated.sum(axis=0) + control.sum(axis=0)) > 0
    if used.sum() < 2 or len(treated) + (0 if paired else len(control)) < 2:
        return nothing
    sides = [control[:, used], treated[:, used]]
    with np.errstate(all="ignore"):  # a fit that failed is told by its result
        try:
            slope, scores, information = _proportional_odds(np.stack([side.sum(axis=0) for side in sides]))
            # Each persona's score: both arms' together, if it is in both.
            by_arm = [side @ score for side, score in zip(sides, scores, strict=True)]
            by_persona = by_arm[0] + by_arm[1] if paired else np.concatenate(by_arm)
            influence = np.linalg.solve(information, by_persona.T)[-1]
        except np.linalg.LinAlgError:
            return nothing
        n, n_personas, n_parameters = treated.sum() + control.sum(), np.float64(len(by_persona)), len(information)
        se = np.sqrt(influence @ influence * n_personas / (n_personas - 1) * (n - 1) / (n - n_parameters))
        if max(abs(slope), se) < CONVERGED:  # each persona answers alike in both arms
            return OddsRatio(0.0, 0.0, 1.0)
        pvalue = 2 * ndtr(-abs(slope) / se)
    # Beyond 15 the arms' answers are separated: there is no finite estimate.
    usable = np.isfinite([slope, se, pvalue]).all() and abs(slope) <= 15
    return OddsRatio(slope, float(se), float(pvalue)) if usable else nothing


def _proportional_odds(counts: IntArray) -> tuple[float, FloatArray, FloatArray]:
    """Fit ``P(answer <= k) = logistic(threshold_k - slope arm)`` by Newton's method; the likelihood is concave.

    Parameters
    ----------
    counts : ndarray of int64, shape (2, K)
        Of each arm; each answer was given.

    Returns
    -------
    tuple of float, ndarray, shape (2, K, K), and ndarray, shape (K, K)
        The slope, NaN where it did not converge; each arm's and answer's derivatives of the log chance, and the
        information, by thresholds and then slope.
    """
    n_answers = counts.shape[1]
    # How an answer's upper and lower ends depend on the parameters; the first has no lower end, the last no upper.
    upper = np.tile(np.eye(n_answers), (2, 1, 1))
    upper[:, :, -1] = np.array([0.0, -1.0])[:, None]
    lower = np.roll(upper, 1, axis=1)
    upper[:, -1], lower[:, 0] = 0.0, 0.0

    def ends(parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        high, low = expit(upper @ parameters), expit(lower @ parameters)
        high[:, -1], low[:, 0] = 1.0, 0.0
        return high, low

    def log_likelihood(parameters: FloatArray) -> float:
        high, low = ends(parameters)
        return float(xlogy(counts, high - low).sum())  # not a number where thresholds are out of order

    parameters = np.append(logit(np.cumsum(counts.sum(axis=0))[:-1] / counts.sum()), 0.0)
    size = np.inf
    for _ in range(MOST_STEPS):
        high, low = ends(parameters)
        chance, rise, fall = np.maximum(high - low, TINY), high * (1 - high), low * (1 - low)
        scores = (rise[..., None] * upper - fall[..., None] * lower) / chance[..., None]
        information = np.einsum("ak,aki,akj->ij", counts, scores, scores)
        for end, slope, design, sign in ((high, rise, upper, 1), (low, fall, lower, -1)):
            information -= sign * np.einsum("ak,aki,akj->ij", counts * slope * (1 - 2 * end) / chance, design, design)
        if size < CONVERGED:
            return float(parameters[-1]), scores, information
        step = np.linalg.solve(information, np.einsum("ak,aki->i", counts, scores))
        size = float(np.abs(step).max())
        while size > NEAR and not log_likelihood(parameters + step) >= log_likelihood(parameters):
            step, size = step / 2, size / 2
            if not size < np.inf:
                return np.nan, scores, information
        parameters = parameters + step
    return np.nan, scores, information
