"""How probable it is that independent answers look like copies: upper bounds of probabilities, as logarithms."""

import numpy as np
import numpy.typing as npt

from confound.counts.counting import IntArray
from confound.counts.scales import FloatArray

BoolArray = npt.NDArray[np.bool_]


def log_chance_of_share(hold: BoolArray, honest: FloatArray) -> float:
    """Bound the probability that at least so many independent events happen.

    Parameters
    ----------
    hold : ndarray of bool, shape (n,)
        Which events happened.
    honest : ndarray of float64, shape (n,)
        Upper bound of each event's probability, in [0, 1].

    Returns
    -------
    float
        Logarithm of the bound; 0 where there are no events, or no more happened than are expected.

    References
    ----------
    Hoeffding (1963), "Probability inequalities for sums of bounded random variables", theorem 1.

    Examples
    --------
    >>> round(log_chance_of_share(np.ones(10, dtype=bool), np.full(10, 0.5)), 2)
    -6.93
    """
    if not len(hold):
        return 0.0
    share, mean = float(hold.mean()), float(honest.mean())
    if share <= mean:
        return 0.0
    rest = 0.0 if share == 1 else (1 - share) * np.log((1 - share) / (1 - mean))
    return -len(hold) * float(share * np.log(share / mean) + rest)


def log_chance_of_counts(group: IntArray, n: IntArray) -> FloatArray:
    """Bound the probability that independent trials give just these counts of answers, whatever their shares.

    A multinomial law gives counts its largest probability where its shares are the counts' own.

    Parameters
    ----------
    group : ndarray of int64, shape (rows,)
        Number of the group, from 0 on, that each distinct answer belongs to.
    n : ndarray of int64, shape (rows,)
        Its count, 1 or more.

    Returns
    -------
    ndarray of float64, shape (groups,)
        Logarithm of the bound; 0 where all answers are equal.

    Examples
    --------
    >>> log_chance_of_counts(np.array([0, 0, 1]), np.array([1, 1, 2])).round(4).tolist()
    [-0.6931, 0.0]
    """
    from scipy.special import gammaln

    total = np.bincount(group, weights=n)
    of_rows = n * np.log(n / total[group]) - gammaln(n + 1.0)
    return np.asarray(np.minimum(0.0, gammaln(total + 1.0) + np.bincount(group, weights=of_rows)))


def log_chance_of_doubles(n_all: int, n_distinct: int, log_chances: FloatArray) -> float:
    """Bound the probability that some of many independent units equal another one.

    It is summed over all choices of the units that are doubles, and of those whose doubles they are; doubles that tell
    least may be passed over.

    Parameters
    ----------
    n_all, n_distinct : int
        Units, and different ones among them.
    log_chances : ndarray of float64, shape (doubles,)
        Logarithm of the largest probability that another unit comes out as this one.

    Returns
    -------
    float
        Logarithm of the bound, 0 or less.

    Examples
    --------
    >>> round(log_chance_of_doubles(10, 5, np.full(5, -20.0)), 2)
    -84.81
    """
    from scipy.special import gammaln

    if not len(log_chances):
        return 0.0
    taken = np.arange(1, len(log_chances) + 1)
    choices = gammaln(n_all + 1) - gammaln(taken + 1) - gammaln(n_all - taken + 1) + taken * np.log(n_distinct)
    bounds = np.cumsum(np.sort(log_chances)) + choices
    return float(min(0.0, bounds.min() + np.log(len(log_chances))))
