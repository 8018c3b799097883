"""What people and simulated users answered, side by side, without regard to who is who (arrays only)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, stdtrit

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift.corrected_distance import corrected_tvd, effective_counts
from confound.statistics.people.jackknife import NOTHING, Estimate, jackknifed

TINY = 1e-300  # a p-value of 0 is refused


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of single answers, each row counting alike.

    Attributes
    ----------
    n : int
        Rows.
    mean, sd : float
    log_sd_variance : float
        Jackknife variance of ``log(sd)``; NaN where it has none.
    """

    n: int
    mean: float
    sd: float
    log_sd_variance: float


def spread(means: FloatArray, squares: FloatArray) -> Spread:
    """Describe one side's answers.

    Parameters
    ----------
    means, squares : ndarray of float64, shape (n,)
        Mean of a persona's answers, and mean of their squares.

    Examples
    --------
    >>> import numpy as np
    >>> found = spread(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0]))
    >>> found.mean, found.sd
    (2.0, 1.0)
    """
    n = len(means)
    if n < 2:
        return Spread(n, float(means.mean()) if n else np.nan, np.nan, np.nan)
    x = means - means.mean()
    square = x * x + np.maximum(squares - means**2, 0)
    sd = np.sqrt(square.sum() / (n - 1))
    if n < 3 or sd <= 1e-12 * max(1.0, abs(float(means.mean()))):
        return Spread(n, float(means.mean()), float(sd), np.nan)
    left = (square.sum() - square - x * x / (n - 1)) / (n - 2)
    return Spread(n, float(means.mean()), float(sd), _jackknife_variance(left))


def gini_spread(shares: FloatArray) -> Spread:
    """Describe unordered answers by the root of Gini's variance, the chance that two single answers differ.

    Parameters
    ----------
    shares : ndarray of float64, shape (n, K)
        How often each persona gave each answer, as parts of 1.

    References
    ----------
    Light and Margolin (1971), "An analysis of variance for categorical data", Journal of the American Statistical
    Association 66.

    Examples
    --------
    >>> import numpy as np
    >>> found = gini_spread(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    >>> round(found.sd**2, 3)  # of four persons' six pairs, four differ
    0.667
    """
    n, total = len(shares), shares.sum(axis=0)
    if n < 2:
        return Spread(n, np.nan, np.nan, np.nan)
    sd = float(np.sqrt(max(1 - np.sum((total / n) ** 2), 0) * n / (n - 1)))
    if n < 3 or sd <= 1e-6:
        return Spread(n, np.nan, sd if sd > 1e-6 else 0.0, np.nan)
    left = (1 - (((total - shares) / (n - 1)) ** 2).sum(axis=1)) * (n - 1) / (n - 2)
    return Spread(n, np.nan, sd, _jackknife_variance(left))


def _jackknife_variance(left: FloatArray) -> float:
    """Return the jackknife variance of the logarithm of a standard deviation, from the variances without each row."""
    n = len(left)
    if (left <= 0).any():
        return np.nan
    logs = np.log(left) / 2
    return float((n - 1) / n * np.sum((logs - logs.mean()) ** 2))


def sd_ratio(people: Spread, simulated: Spread, *, confidence: float = 0.95) -> Estimate:
    """Return the ratio of the standard deviations of independent groups, simulated to people.

    The interval is that of its logarithm, from both groups' jackknife variances, with the degrees of freedom of Welch
    and Satterthwaite.

    Examples
    --------
    >>> sd_ratio(Spread(50, 0, 2.0, 0.01), Spread(40, 0, 1.0, 0.01)).value
    0.5
    """
    if not (people.sd > 0 and simulated.sd >= 0):
        return NOTHING
    value, variances = simulated.sd / people.sd, np.array([people.log_sd_variance, simulated.log_sd_variance])
    if np.isnan(variances).any() or value == 0:
        return Estimate(value, np.nan, np.nan)
    df = variances.sum() ** 2 / np.sum(variances**2 / (np.array([people.n, simulated.n]) - 1))
    half = float(stdtrit(df, 0.5 + confidence / 2) * np.sqrt(variances.sum()))
    return Estimate(value, float(value * np.exp(-half)), float(value * np.exp(half)))


def distance(people: ArrayLike, simulated: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Return the total variation distance between what people and simulated users answered, corrected.

    Null hypothesis, which decides whether the interval reaches 0: both give each answer equally often. It is tested by
    Pearson's chi-square; the two groups count as independent, which widens the interval where they are alike person by
    person. The estimate is that of two samples (`drift.two_samples`).

    Parameters
    ----------
    people, simulated : array_like of int, shapes (P, K) and (Q, K)
        How often each persona gave each answer; every row has one.

    References
    ----------
    Pearson (1900), "On the criterion that a given system of deviations ...", Philosophical Magazine 50.

    Examples
    --------
    >>> found = distance([[1, 0]] * 60 + [[0, 1]] * 40, [[1, 0]] * 20 + [[0, 1]] * 80)
    >>> round(found.value, 2), found.low > 0
    (0.39, True)
    """
    samples = [effective_counts(side)[None] for side in (people, simulated)]
    found = corrected_tvd(*samples, pvalue=_chi_square(*samples), confidence=confidence)
    return Estimate(found.estimate, found.ci_low, found.ci_high)


def _chi_square(one: IntArray, other: IntArray) -> float:
    """Return the p-value of Pearson's test that two samples are alike."""
    table = np.vstack([one, other]).astype(np.float64)
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    df = table.shape[1] - 1
    return 1.0 if df == 0 else float(np.clip(chdtrc(df, statistic), TINY, 1.0))


def normalized(accuracy: FloatArray, ceiling: FloatArray, *, confidence: float = 0.95) -> tuple[Estimate, float]:
    """Relate the accuracy of personas to that with which people repeat their own answers.

    Parameters
    ----------
    accuracy, ceiling : ndarray of float64, shape (P,)
        In [0, 1], of the same persons.

    Returns
    -------
    tuple of (Estimate, float)
        Ratio of the means, with an interval by leaving out persons; and the mean of the persons' ratios (Park et al.
        2024), which leaves out who never repeats an answer.

    References
    ----------
    Park et al. (2024), "Generative agent simulations of 1,000 people", arXiv 2411.10109.

    Examples
    --------
    >>> import numpy as np
    >>> ratio, of_ratios = normalized(np.array([0.5, 1.0, 0.5]), np.array([1.0, 1.0, 0.5]))
    >>> round(ratio.value, 3), round(of_ratios, 3)
    (0.8, 0.833)
    """
    n = len(accuracy)
    if not n or ceiling.sum() <= 0:
        return NOTHING, np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        left = (accuracy.sum() - accuracy) / (ceiling.sum() - ceiling)
    some = ceiling > 0
    ratio = jackknifed(float(accuracy.sum() / ceiling.sum()), left, scale="log", confidence=confidence)
    return ratio, float((accuracy[some] / ceiling[some]).mean())
