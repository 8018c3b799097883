"""How unequally simulated users stand for groups of people (arrays only)."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.people.jackknife import NOTHING, Estimate
from confound.statistics.validation import check_inside

FEWEST = 5  # people of a group, for a variance that means something


class Gap(NamedTuple):
    """The largest difference between groups.

    Attributes
    ----------
    difference : Estimate
        Largest group mean less smallest; 0 or more.
    lowest, highest : int
        Codes of these groups; -1 where there is no difference to be had.
    """

    difference: Estimate
    lowest: int
    highest: int


def parity_gap(values: FloatArray, groups: IntArray, *, confidence: float = 0.95) -> Gap:
    """Compare groups of people by a mean, and take the largest difference.

    Estimand: the largest difference between the means of two groups in the population. The largest of several estimates
    is too large on average; the interval allows for that, because it holds for all pairs together: each pair has
    Welch's interval at the level of Sidak, and the ends are the largest of their ends. The person is the unit.

    Parameters
    ----------
    values : ndarray of float64, shape (P,)
        Such as the accuracy of each person's persona.
    groups : ndarray of int64, shape (P,)
        Codes of the groups; below 0: in none. Groups of fewer than five are left out.
    confidence : float
        In (0, 1).

    References
    ----------
    Sidak (1967), "Rectangular confidence regions for the means of multivariate normal distributions", Journal of the
    American Statistical Association 62; the parity difference as in Park et al. (2024), arXiv 2411.10109.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([0.8, 0.9, 0.7, 0.8, 0.8, 0.5, 0.6, 0.4, 0.5, 0.5])
    >>> found = parity_gap(values, np.repeat([0, 1], 5))
    >>> round(found.difference.value, 3), found.lowest, found.highest
    (0.3, 1, 0)
    """
    check_inside("confidence", confidence)
    codes, sizes = np.unique(groups[groups >= 0], return_counts=True)
    codes = codes[sizes >= FEWEST]
    if len(codes) < 2:
        return Gap(NOTHING, -1, -1)
    own = [values[groups == code] for code in codes]
    n = np.array([len(v) for v in own])
    mean = np.array([v.mean() for v in own])
    variance = np.array([v.var(ddof=1) for v in own]) / n
    one, other = np.triu_indices(len(codes), k=1)
    apart, squared = abs(mean[one] - mean[other]), variance[one] + variance[other]
    parts = variance**2 / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(squared > 0, squared**2 / (parts[one] + parts[other]), np.inf)
    level = confidence ** (1 / len(one))
    half = stdtrit(df, 0.5 + level / 2) * np.sqrt(squared)
    difference = Estimate(float(apart.max()), float(max((apart - half).max(), 0.0)), float((apart + half).max()))
    return Gap(difference, int(codes[np.argmin(mean)]), int(codes[np.argmax(mean)]))
