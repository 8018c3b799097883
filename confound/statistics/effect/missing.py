"""What missing answers can do to an effect: bounds whatever they would have been, and under monotone refusing.

Unknown is left out of an observed effect. If users of one kind refuse more in one arm, those who are left differ
between the arms, and an effect arises that the treatment did not have.
"""

from dataclasses import dataclass

import numpy as np

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.effect.difference import paired_difference, welch_difference

__all__ = ["Bounds", "lee_bounds", "manski_bounds"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the effect may lie.

    Attributes
    ----------
    low, high : float
        Estimated ends, in the outcome's units.
    ci_low, ci_high : float
        Ends of an interval that holds the whole range between the true ends with the given confidence or more.
    """

    low: float
    high: float
    ci_low: float
    ci_high: float


def manski_bounds(
    treated: FloatArray,
    control: FloatArray,
    *,
    missing: tuple[FloatArray, FloatArray],
    low: float,
    high: float,
    paired: bool,
    confidence: float = 0.95,
) -> Bounds:
    """Bound an effect without any assumption on why answers are missing.

    The estimand is the difference of the arms' means over all personas asked, every answer counted. The ends put the
    lowest possible number for missing answers of one arm and the highest for those of the other.

    Parameters
    ----------
    treated, control : ndarray of float64, shapes (P1,) and (P0,)
        Persona means of the known answers; whatever where none is known.
    missing : tuple of ndarray of float64, shapes (P1,) and (P0,)
        Share of the persona's answers that are missing in the treated and the control arm, in [0, 1].
    low, high : float
        Smallest and largest number that an answer may have.
    paired : bool
        Whether row i is the same persona in both arms.
    confidence : float, default 0.95
        Of the interval, in (0, 1).

    Returns
    -------
    Bounds
        Each end with the interval of a mean difference over personas; together they hold the range between the true
        ends with at least the given confidence, since each of the two can be missed on one side only.

    References
    ----------
    Manski (1990), American Economic Review 80(2), 319-323; Horowitz and Manski (2000), JASA 95, 77-84.

    Examples
    --------
    >>> import numpy as np
    >>> means, none = np.array([2.0, 3.0, 4.0]), np.zeros(3)
    >>> found = manski_bounds(means, means, missing=(np.full(3, 0.1), none), low=1, high=5, paired=True)
    >>> round(found.low, 2), round(found.high, 2)
    (-0.2, 0.2)
    """
    compare = paired_difference if paired else welch_difference
    ends = []
    for first, second in ((low, high), (high, low)):
        filled = [
            np.where(share < 1, mean, 0.0) * (1 - share) + value * share
            for mean, share, value in zip((treated, control), missing, (first, second), strict=True)
        ]
        ends.append(compare(filled[0][:, None], filled[1][:, None], confidence=confidence))
    lowest, highest = ends
    return Bounds(
        float(lowest.estimate[0]), float(highest.estimate[0]), float(lowest.ci_low[0]), float(highest.ci_high[0])
    )


def lee_bounds(treated: IntArray, control: IntArray, values: FloatArray) -> tuple[float, float]:
    """Bound an effect where the treatment moves refusing one way only: nobody who would answer there refuses here.

    The estimand is the difference of means over the answers that would be given in either arm. The arm that answers
    more often is trimmed by what it answers more, once from above and once from below.

    Parameters
    ----------
    treated, control : ndarray of int64, shapes (P1, K + 1) and (P0, K + 1)
        Counts of each persona's answers, the last column missing. Every persona counts the same.
    values : ndarray of float64, shape (K,)
        The number behind each answer.

    Returns
    -------
    tuple of (float, float)
        In the outcome's units; NaN where an arm has no answer.

    References
    ----------
    Lee (2009), Review of Economic Studies 76, 1071-1102, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> treated, control = np.array([[4, 6, 0]]), np.array([[3, 3, 4]])
    >>> low, high = lee_bounds(treated, control, np.array([0.0, 1.0]))
    >>> round(low, 3), round(high, 3)
    (-0.167, 0.5)
    """
    weights = [(side / side.sum(axis=1, keepdims=True)).mean(axis=0)[:-1] for side in (treated, control)]
    answered = [float(weight.sum()) for weight in weights]
    if min(answered) == 0:
        return np.nan, np.nan
    kept = min(answered)
    means = [_trimmed_means(weight, values, kept) for weight in weights]
    return means[0][0] - means[1][1], means[0][1] - means[1][0]


def _trimmed_means(weights: FloatArray, values: FloatArray, kept: float) -> tuple[float, float]:
    """Return the mean of the lowest answers of a mass, and of the highest."""
    order = np.argsort(values, kind="stable")
    found = []
    for places in (order, order[::-1]):
        below = np.minimum(np.cumsum(weights[places]), kept)
        mass = np.diff(below, prepend=0.0)
        found.append(float(mass @ values[places] / kept))
    return found[0], found[1]
