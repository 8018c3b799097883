"""An effect on people, sharpened by simulated users: prediction-powered inference (arrays only)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from confound.statistics.arrays import FloatArray
from confound.statistics.people.jackknife import NOTHING, Estimate
from confound.statistics.validation import check_inside

TINY = 1e-300
FEWEST = 3  # people an arm, for a variance that leaves one out


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of people and their personas, and the personas of nobody in it.

    Attributes
    ----------
    people, simulated : ndarray of float64, shape (n,)
        Each person's mean answer, and that of its persona in the same arm.
    """

    people: FloatArray
    simulated: FloatArray


@dataclass(frozen=True, slots=True)
class Others:
    """Simulated users without a person.

    Attributes
    ----------
    values : tuple of ndarray of float64
        Within subjects one array, the differences of each persona's mean answers, treated less control; between
        subjects the personas' mean answers in the treated and in the control arm.
    """

    values: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True)
class Combined:
    """An effect on people, from people alone and with simulated users.

    Attributes
    ----------
    people, people_se : float
        From people alone: Welch's.
    estimate, se, low, high, pvalue : float
        With simulated users.
    weight : float
        Lambda, in [0, 1]: how much simulated users count.
    worth : Estimate
        How many people would give the same error without simulated users.
    n_people : int
    """

    people: float
    people_se: float
    estimate: float
    se: float
    low: float
    high: float
    pvalue: float
    weight: float
    worth: Estimate
    n_people: int


def effective_size(n: int, others: int, rho: float) -> float:
    """Return how many people n people and so many simulated users are worth, whose answers correlate by rho.

    References
    ----------
    Broska, Howes and van Loon (2024), "The mixed subjects design", on PPI++ of a mean.

    Examples
    --------
    >>> int(effective_size(10_000, 100_000, 0.353)), int(effective_size(10_000, 100_000, 0.055))
    (11277, 10027)
    """
    return n * (others + n) / (others * (1 - rho**2) + n)


def combined(treated: Arm, control: Arm, others: Others, *, confidence: float = 0.95) -> Combined | None:
    """Estimate an effect on people with the help of simulated users, whatever these are like.

    Estimand: the effect on people. Simulated users cannot bias it, for what they say of these people is subtracted
    again. The persona is the unit. Assumes that people and the profiles of the other personas are samples of one
    population. The standard error is the jackknife's, in which the weight is estimated anew.

    Parameters
    ----------
    treated, control : Arm
    others : Others
    confidence : float
        In (0, 1).

    Returns
    -------
    Combined or None
        None with fewer than three people in an arm, or fewer than two other personas.

    References
    ----------
    Angelopoulos, Duchi and Zrnic (2023), "PPI++: efficient prediction-powered inference", arXiv 2311.01453; with
    personas in both arms the difference of predictions as in Broska, Howes and van Loon (2024).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> def arm(effect):
    ...     twin = rng.normal(effect, 1, 40)
    ...     return Arm(twin + rng.normal(0, 0.5, 40), twin)
    >>> found = combined(arm(0.5), arm(0.0), Others((rng.normal(0.5, 1, 4000), rng.normal(0, 1, 4000))))
    >>> found.se < found.people_se, found.worth.value > found.n_people
    (True, True)
    """
    check_inside("confidence", confidence)
    arms = treated, control
    if min(len(arm.people) for arm in arms) < FEWEST or min(len(values) for values in others.values) < 2:
        return None
    groups = [_moments(arm.people, arm.simulated) for arm in arms] + [_moments(v, v) for v in others.values]
    totals = [group.sum(axis=0) for group in groups]
    whole = _found(totals)
    left = [_found([t - group if g is group else t for t, g in zip(totals, groups, strict=True)]) for group in groups]
    n = sum(len(arm.people) for arm in arms)
    sharpened = _spread([part.estimate for part in left])
    alone_se = float(np.sqrt(whole.alone_variance))
    df = n - 2
    half = float(stdtrit(df, 0.5 + confidence / 2) * sharpened)
    return Combined(
        people=float(whole.alone),
        people_se=alone_se,
        estimate=float(whole.estimate),
        se=sharpened,
        low=float(whole.estimate) - half,
        high=float(whole.estimate) + half,
        pvalue=float(2 * stdtr(df, -abs(float(whole.estimate)) / sharpened)) if sharpened > 0 else np.nan,
        weight=float(whole.weight),
        worth=_worth(n, whole, left, confidence),
        n_people=n,
    )


class _Found(NamedTuple):
    """What follows from sums over all groups, or over all but one unit: arrays of that shape."""

    alone: FloatArray
    alone_variance: FloatArray
    estimate: FloatArray
    variance: FloatArray
    weight: FloatArray


def _moments(people: FloatArray, simulated: FloatArray) -> FloatArray:
    """Return what is summed over a group: 1, both values, their squares and product, shape (n, 6)."""
    ones = np.ones_like(people)
    return np.stack([ones, people, simulated, people**2, simulated**2, people * simulated], axis=-1)


def _found(sums: Sequence[FloatArray]) -> _Found:
    """Combine the sums of the treated arm, the control arm, and the others (one group or two)."""
    treated, control, *others = [_described(group) for group in np.broadcast_arrays(*sums)]
    top = treated.product + control.product
    noise = treated.of_simulated + control.of_simulated
    further = sum((group.of_simulated for group in others), np.zeros_like(top))
    weight = np.clip(np.where(noise + further > 0, top / np.maximum(noise + further, TINY), 0.0), 0, 1)
    alone = treated.people - control.people
    predicted = others[0].simulated - (others[1].simulated if len(others) > 1 else 0.0)
    estimate = alone - weight * (treated.simulated - control.simulated - predicted)
    alone_variance = treated.of_people + control.of_people
    variance = alone_variance - 2 * weight * top + weight**2 * (noise + further)
    return _Found(alone, alone_variance, estimate, variance, weight)


class _Described(NamedTuple):
    """Means of a group, and the variances and covariance of these means."""

    people: FloatArray
    simulated: FloatArray
    of_people: FloatArray
    of_simulated: FloatArray
    product: FloatArray


def _described(sums: FloatArray) -> _Described:
    n, y, f, yy, ff, yf = np.moveaxis(sums, -1, 0)
    mean_y, mean_f, scale = y / n, f / n, n * (n - 1)
    pairs = (yy, mean_y, mean_y), (ff, mean_f, mean_f), (yf, mean_y, mean_f)
    spread = [(two - n * a * b) / scale for two, a, b in pairs]
    return _Described(mean_y, mean_f, np.maximum(spread[0], 0), np.maximum(spread[1], 0), spread[2])


def _spread(left: Sequence[FloatArray]) -> float:
    """Return the jackknife standard error over independent groups."""
    variance = sum((len(part) - 1) / len(part) * np.sum((part - part.mean()) ** 2) for part in left)
    return float(np.sqrt(variance))


def _worth(n: int, whole: _Found, left: Sequence[_Found], confidence: float) -> Estimate:
    """Return how many people the estimate is worth, with an interval by leaving out each unit."""
    if not whole.variance > 0:
        return NOTHING
    ratios = [np.log(part.alone_variance / part.variance) for part in left]
    value, se = n * float(whole.alone_variance / whole.variance), _spread(ratios)
    half = float(stdtrit(n - 2, 0.5 + confidence / 2)) * se
    return Estimate(value, value * float(np.exp(-half)), value * float(np.exp(half)))
