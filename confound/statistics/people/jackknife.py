"""Intervals from leaving out one unit at a time, on a scale where the estimate is nearly normal (arrays only)."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import stdtrit

from confound.statistics.arrays import FloatArray
from confound.statistics.validation import check_inside

Scale = Literal["plain", "log", "atanh"]
ROUNDING = 1e-12  # values that differ by less, relative to their size, are equal


class Estimate(NamedTuple):
    """An estimate and its interval; NaN where there is none.

    Attributes
    ----------
    value, low, high : float
        In the units of the quantity.
    """

    value: float
    low: float
    high: float


NOTHING = Estimate(np.nan, np.nan, np.nan)


def jackknifed(
    value: float, left_out: FloatArray, *, scale: Scale = "plain", confidence: float = 0.95, groups: int = 1
) -> Estimate:
    """Return an estimate with its delete-one interval; no random numbers are used.

    The exchangeable unit is what was left out, a persona or a study. The interval is Student's t with one degree of
    freedom less than there are units, about the estimate on a scale that steadies its variance: `log` for ratios,
    `atanh` (Fisher's z) for correlations.

    Parameters
    ----------
    value : float
        Of all units.
    left_out : ndarray of float64, shape (U,)
        The same without each unit in turn.
    scale : {"plain", "log", "atanh"}
    confidence : float, default 0.95
        In (0, 1).
    groups : int, default 1
        Means that the value rests on, each of units of its own; they take the degrees of freedom.

    Returns
    -------
    Estimate
        Without an interval where there are too few units, or one of the values is missing or off the scale.

    References
    ----------
    Tukey (1958), "Bias and confidence in not-quite large samples", Annals of Mathematical Statistics 29; Arvesen
    (1969), "Jackknifing U-statistics", Annals of Mathematical Statistics 40, for functions of means such as these.

    Examples
    --------
    >>> import numpy as np
    >>> answers = np.array([1.0, 2.0, 3.0, 6.0])
    >>> found = jackknifed(answers.mean(), (answers.sum() - answers) / 3)
    >>> tuple(round(float(end), 3) for end in found)  # the t interval of a mean
    (3.0, -0.437, 6.437)
    """
    check_inside("confidence", confidence)
    n = len(left_out)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = MOVES[scale][0](np.append(left_out, value))
    if n <= groups or not np.isfinite(moved).all():
        return Estimate(value, np.nan, np.nan)
    others, here = moved[:-1], moved[-1]
    variance = (n - 1) / n * np.sum((others - others.mean()) ** 2)
    half = float(stdtrit(n - groups, 0.5 + confidence / 2) * np.sqrt(variance))
    low, high = MOVES[scale][1](np.array([here - half, here + half]))
    return Estimate(value, float(low), float(high))


def _same(values: FloatArray) -> FloatArray:
    return values


# Scale -> there, and back.
MOVES: Mapping[Scale, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "plain": (_same, _same),
    "log": (np.log, np.exp),
    "atanh": (np.arctanh, np.tanh),
}


def jackknifed_ratio(
    top: float, bottom: float, tops: FloatArray, bottoms: FloatArray, *, confidence: float = 0.95
) -> Estimate:
    """Return a ratio with Fieller's interval from leaving out one unit at a time: also where its bottom is noisy.

    Parameters
    ----------
    top, bottom : float
        Of all units.
    tops, bottoms : ndarray of float64, shape (U,)
        The same without each unit in turn.
    confidence : float, default 0.95
        In (0, 1).

    Returns
    -------
    Estimate
        The ends are infinite where the bottom may be 0.

    References
    ----------
    Fieller (1954), "Some problems in interval estimation", Journal of the Royal Statistical Society B 16.

    Examples
    --------
    >>> import numpy as np
    >>> tops, bottoms = np.array([2.0, 2.1, 1.9, 2.0]), np.array([4.0, 4.1, 4.0, 3.9])
    >>> [round(end, 2) for end in jackknifed_ratio(2.0, 4.0, tops, bottoms)]
    [0.5, 0.42, 0.58]
    """
    check_inside("confidence", confidence)
    n, value = len(tops), top / bottom if bottom else np.nan
    if n < 2 or not np.isfinite([value, *tops, *bottoms]).all():
        return Estimate(value, np.nan, np.nan)
    about = np.stack([tops - tops.mean(), bottoms - bottoms.mean()])
    spread = (n - 1) / n * about @ about.T * stdtrit(n - 1, 0.5 + confidence / 2) ** 2
    square = bottom**2 - spread[1, 1]
    if square <= 0:
        return Estimate(value, -np.inf, np.inf)
    middle = (top * bottom - spread[0, 1]) / square
    half = np.sqrt(max(middle**2 - (top**2 - spread[0, 0]) / square, 0.0))
    return Estimate(value, float(middle - half), float(middle + half))
