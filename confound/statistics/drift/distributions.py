"""Distance between distributions that are known without sampling noise, such as a model's own probabilities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from confound.statistics.arrays import FloatArray
from confound.statistics.randomness import content_rng

ENUMERATED = 14  # personas up to whose number all signs are tried
N_RESAMPLES = 9_999
DIGITS = 5  # of a probability; further ones would break ties by rounding alone


@dataclass(frozen=True, slots=True)
class KnownDistance:
    """The distance between two arms whose distributions are known, persona by persona.

    Attributes
    ----------
    tvd : float
        Mean over personas of the total variation distance, in [0, 1].
    ci_low, ci_high : float
        Ends of the t interval for its mean in the population that the personas are drawn from; NaN of one persona.
    tvd_population : float
        Distance of the arms' mean distributions, in [0, 1]; at most `tvd`.
    pvalue : float
        Null hypothesis: the mean distance in that population is at most the margin; one-sided t test with the persona
        as the unit. NaN of one persona.
    pvalue_direction : float
        Null hypothesis: in each persona the difference of the arms is as likely as its opposite, so that there is no
        direction common to the personas; sign flips, all of them or at random.
    """

    tvd: float
    ci_low: float
    ci_high: float
    tvd_population: float
    pvalue: float
    pvalue_direction: float


def known_distance(treated: ArrayLike, control: ArrayLike, *, margin: float, confidence: float = 0.95) -> KnownDistance:
    """Compare the same personas' distributions in two arms.

    Parameters
    ----------
    treated, control : array_like of float, shape (P, K)
        Row i is the same persona in both; rows are divided by their sums.
    margin : float
        Distance in [0, 1) that the test asks to be exceeded.
    confidence : float
        In (0, 1).

    Returns
    -------
    KnownDistance

    References
    ----------
    Student (1908), "The probable error of a mean", Biometrika 6. Fisher (1935), "The design of experiments", for the
    sign flips.

    Examples
    --------
    >>> found = known_distance([[0.5, 0.5], [0.4, 0.6], [0.6, 0.4]], [[0.2, 0.8], [0.2, 0.8], [0.2, 0.8]], margin=0.05)
    >>> round(found.tvd, 3), round(found.ci_low, 3), round(found.pvalue, 3), found.pvalue_direction
    (0.3, 0.052, 0.025, 0.25)
    """
    shares = [np.asarray(arm, dtype=np.float64) for arm in (treated, control)]
    moved: FloatArray = shares[0] / shares[0].sum(axis=1, keepdims=True)
    moved = moved - shares[1] / shares[1].sum(axis=1, keepdims=True)
    distances = abs(moved).sum(axis=1) / 2
    mean, n = float(distances.mean()), len(distances)
    se = float(distances.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * se) if n > 1 else np.nan
    return KnownDistance(
        tvd=mean,
        ci_low=float(np.clip(mean - half, 0, 1)),
        ci_high=float(np.clip(mean + half, 0, 1)),
        tvd_population=float(abs(moved.mean(axis=0)).sum() / 2),
        pvalue=_above(mean, se, margin, n),
        pvalue_direction=_sign_flips(moved),
    )


def _above(mean: float, se: float, margin: float, n: int) -> float:
    if n < 2:
        return float(np.nan)
    if se == 0:  # all personas alike
        return 0.0 if mean > margin else 1.0
    return float(stats.t.sf((mean - margin) / se, n - 1))


def _sign_flips(moved: FloatArray) -> float:
    """Return the share of sign patterns whose summed difference is as large as the one seen."""
    n, moved = len(moved), moved.round(DIGITS) + 0.0  # no negative zeros, which would be another key
    if n <= ENUMERATED:
        patterns = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        signs, start = 1.0 - 2.0 * patterns, 0
    else:
        ordered = np.sort(moved, axis=0)  # names and order of personas do not move the draws
        signs, start = content_rng(ordered).choice([-1.0, 1.0], size=(N_RESAMPLES, n)), 1
        moved = moved[np.lexsort(moved.T)]
    seen = (moved.sum(axis=0) ** 2).sum()
    drawn = ((signs @ moved) ** 2).sum(axis=1)
    return float((start + (drawn >= seen * (1 - 1e-9)).sum()) / (start + len(signs)))
