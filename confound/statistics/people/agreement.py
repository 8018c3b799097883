"""How well simulated users answer as the people whose profiles they carry (arrays only)."""

from dataclasses import dataclass

import numpy as np

from confound.statistics.arrays import BoolArray, FloatArray
from confound.statistics.people.jackknife import Estimate, Scale, jackknifed
from confound.statistics.validation import check_inside

# What is summed over personas: see `_moments`.
N, X, Y, XX, YY, XY, X2, Y2, DISTANCE = range(9)
FLAT = 1e-12  # a deviation or a variance below this part of the values is rounding


@dataclass(frozen=True, slots=True)
class Answers:
    """What one model's (or the people's) personas answered to one question.

    Attributes
    ----------
    means, squares : ndarray of float64, shape (P, A)
        Mean of a persona's answers in an arm, and mean of their squares; NaN where it gave none, or has no numbers.
    """

    means: FloatArray
    squares: FloatArray

    @property
    def known(self) -> BoolArray:
        """Where there is an answer, shape (P, A)."""
        return ~np.isnan(self.means)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of personas with people, over pairs of a person and the persona in the same arm.

    Attributes
    ----------
    n_personas : int
        Personas with a pair.
    r, r_within_arms : Estimate
        Correlation of the persona's mean answers, over all pairs, and about the means of each arm.
    distance : Estimate
        Mean over pairs of the expected distance between an answer of each.
    mean_people, mean_simulated, sd_people, sd_simulated : float
        Of single answers, each pair counting alike.
    sd_ratio : Estimate
        ``sd_simulated / sd_people``.
    """

    n_personas: int
    r: Estimate
    r_within_arms: Estimate
    distance: Estimate
    mean_people: float
    mean_simulated: float
    sd_people: float
    sd_simulated: float
    sd_ratio: Estimate


def agreement(
    people: Answers, simulated: Answers, distances: FloatArray, *, confidence: float = 0.95
) -> Agreement | None:
    """Compare each persona with the person of the same name, arm by arm.

    Estimands: over the population that the people come from, the correlation between a person's and its persona's mean
    answer, their mean distance, and the ratio of the standard deviations of single answers. The persona is the unit,
    with all of its arms. Intervals leave out one persona at a time (`jackknife.jackknifed`).

    Parameters
    ----------
    people, simulated : Answers
        Row i is the same persona in both, column j the same arm.
    distances : ndarray of float64, shape (P, A)
        Expected distance between an answer of each, in whatever unit; NaN where one is missing.
    confidence : float
        In (0, 1).

    Returns
    -------
    Agreement or None
        None without a pair. A correlation is NaN where one side does not vary.

    References
    ----------
    Fisher (1921), "On the probable error of a coefficient of correlation deduced from a small sample", Metron 1, for
    the scale of the correlation.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([[1.0], [2.0], [4.0], [5.0]]), np.array([[2.0], [2.0], [3.0], [4.0]])
    >>> found = agreement(Answers(x, x**2), Answers(y, y**2), abs(x - y))
    >>> round(found.r.value, 3), found.distance.value, round(found.sd_ratio.value, 3)
    (0.953, 0.75, 0.524)
    """
    check_inside("confidence", confidence)
    both = ~np.isnan(distances)
    if not both.any():
        return None
    used = both.any(axis=1)
    centers = np.array([_mean(side.means[both]) for side in (people, simulated)])
    moments = _moments(people, simulated, distances, both, centers)[used]
    whole = moments.sum(axis=0)
    parts = whole - moments
    n = int(used.sum())

    def found(of: FloatArray, without: FloatArray, scale: Scale = "plain") -> Estimate:
        return jackknifed(float(of), without, scale=scale, confidence=confidence)

    total, totals = whole.sum(axis=0), parts.sum(axis=1)
    sds = _sds(total)
    return Agreement(
        n_personas=n,
        r=found(_correlation(total), _correlation(totals), "atanh"),
        r_within_arms=found(_within(whole), _within(parts), "atanh"),
        distance=found(total[DISTANCE] / total[N], totals[..., DISTANCE] / totals[..., N]),
        mean_people=float(centers[0]),
        mean_simulated=float(centers[1]),
        sd_people=float(sds[0]),
        sd_simulated=float(sds[1]),
        sd_ratio=found(_ratio(total), _ratio(totals), "log"),
    )


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else np.nan


def _moments(
    people: Answers, simulated: Answers, distances: FloatArray, both: BoolArray, centers: FloatArray
) -> FloatArray:
    """Return what is summed over pairs, about the centers, shape (P, A, 9); 0 where there is no pair."""
    (x, within_x), (y, within_y) = (_about(side, c) for side, c in zip((people, simulated), centers, strict=True))
    xx, yy = x * x, y * y
    stacked = np.stack([np.ones_like(x), x, y, xx, yy, x * y, xx + within_x, yy + within_y, distances], axis=-1)
    return np.where(both[..., None], stacked, 0.0)


def _about(side: Answers, center: float) -> tuple[FloatArray, FloatArray]:
    """Return a side's means about a center, and the variance of a persona's answers in an arm; rounding becomes 0."""
    means = side.means - center
    within = side.squares - side.means**2
    with np.errstate(invalid="ignore"):
        means = np.where(abs(means) <= FLAT * max(1.0, abs(center)), 0.0, means)
        return means, np.where(within <= FLAT * np.maximum(1.0, side.squares), 0.0, within)


def _spreads(moments: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the sums of squares and products about the means of each side."""
    n = moments[..., N]
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(n > 0, 1 / n, 0.0)
    x, y = moments[..., X], moments[..., Y]
    return moments[..., XX] - x * x * inverse, moments[..., YY] - y * y * inverse, moments[..., XY] - x * y * inverse


def _of_spreads(xx: FloatArray, yy: FloatArray, xy: FloatArray, moments: FloatArray) -> FloatArray:
    flat = (xx <= FLAT * moments[..., XX]) | (yy <= FLAT * moments[..., YY])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(flat, np.nan, xy / np.sqrt(xx * yy))


def _correlation(moments: FloatArray) -> FloatArray:
    return _of_spreads(*_spreads(moments), moments)


def _within(moments: FloatArray) -> FloatArray:
    """Return the correlation about the means of the arms, the last axis but one."""
    xx, yy, xy = (spread.sum(axis=-1) for spread in _spreads(moments))
    return _of_spreads(xx, yy, xy, moments.sum(axis=-2))


def _sds(moments: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the standard deviations of single answers of both sides."""
    n = moments[..., N]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = [(moments[..., two] - moments[..., one] ** 2 / n) / (n - 1) for one, two in ((X, X2), (Y, Y2))]
        return np.sqrt(np.maximum(spread[0], 0)), np.sqrt(np.maximum(spread[1], 0))


def _ratio(moments: FloatArray) -> FloatArray:
    people, simulated = _sds(moments)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(people > 0, simulated / people, np.nan)
