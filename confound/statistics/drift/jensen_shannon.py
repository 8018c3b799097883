"""The Jensen-Shannon divergence of two arms' answers, as seen."""

import numpy as np
from scipy.special import rel_entr

from confound.statistics.arrays import IntArray


def plugin(treated: IntArray, control: IntArray) -> float:
    """Return the mean over strata of the divergence of the arms' shares (Lin 1991), in bits, in [0, 1].

    Parameters
    ----------
    treated, control : ndarray of int, shape (strata, answers)
        Counts; every stratum has an answer in both.

    Examples
    --------
    >>> import numpy as np
    >>> plugin(np.array([[4, 0]]), np.array([[0, 4]]))
    1.0
    """
    p, q = (side / side.sum(axis=1, keepdims=True) for side in (treated, control))
    middle = (p + q) / 2
    return float(0.5 * (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=1).mean() / np.log(2))
