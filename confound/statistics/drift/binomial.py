"""The law of how often an answer is given; scipy's `binom` takes half a second to import."""

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from confound.statistics.arrays import FloatArray

__all__ = ["binomial_law"]


def binomial_law(trials: int, shares: FloatArray) -> FloatArray:
    """Return the chances of each count, shape (..., trials + 1)."""
    count = np.arange(trials + 1)
    ways = gammaln(trials + 1) - gammaln(count + 1) - gammaln(trials - count + 1)
    p = shares[..., None]
    # One logarithm a share; where it is infinite, none of nothing is 0.
    with np.errstate(invalid="ignore"):
        given, not_given = count * xlogy(1.0, p), (trials - count) * xlog1py(1.0, -p)
    given[..., 0] = not_given[..., -1] = 0.0
    return np.asarray(np.exp(ways + given + not_given))
