"""Personas' shares of the answers, drawn from the few answers that each gave."""

import numpy as np
from numpy.typing import ArrayLike

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift import canonical
from confound.statistics.randomness import content_rng
from confound.statistics.validation import checked_rows

__all__ = ["pool_of_shares"]

# Shares drawn, at least: enough for 1 % of the distance that they are said to show.
SHARES_DRAWN = 400
# Of the Dirichlet distribution of personas' shares.
LEAST_PRECISION, MOST_PRECISION = 0.05, 1000.0


def pool_of_shares(counts: ArrayLike) -> FloatArray:
    """Draw the shares of personas of whom some answers are known, for `answers` of the functions in `power`.

    Shares seen in a few answers are far sharper than the personas' own, and a design looks more powerful than it is.
    So each persona's shares are drawn from their posterior under a Dirichlet distribution about the mean of all, whose
    precision is the one at which two answers of a persona agree as often as seen.

    Parameters
    ----------
    counts : array_like of int, shape (personas, answers)
        How often each persona gave each answer, both arms together; every persona has one.

    Returns
    -------
    ndarray of float64, shape (draws, answers given)
        Each row sums to 1; each persona is drawn equally often, `SHARES_DRAWN` shares in all or more. The draws depend
        on the counts alone: on no seed, and on no order of personas or answers.

    Raises
    ------
    ValueError
        If a count is negative or no integer, or a persona has no answer.

    Notes
    -----
    Precision of a Dirichlet distribution by moments: Mosimann (1962), Biometrika 49, 65-82.

    Examples
    --------
    >>> import numpy as np
    >>> pool = pool_of_shares([[2, 0], [1, 1], [0, 2], [2, 0]])
    >>> bool(np.allclose(pool.sum(axis=1), 1)), bool((pool < 1).all())
    (True, True)
    """
    (given,) = canonical.samples(checked_rows(counts, "counts", unit="persona"))
    parameters = given + _precision(given) * (given / given.sum(axis=1, keepdims=True)).mean(axis=0)
    each = -(-SHARES_DRAWN // len(given))
    gammas = content_rng(given).standard_gamma(np.tile(parameters, (each, 1))) + np.finfo(np.float64).tiny
    return np.asarray(gammas / gammas.sum(axis=1, keepdims=True))


def _precision(counts: IntArray) -> float:
    """Return the precision at which answers of one persona agree as often as seen, and those of two."""
    sizes = counts.sum(axis=1)
    several = sizes > 1
    if not several.any() or len(counts) < 2:
        return 1.0
    own = (counts * (counts - 1)).sum(axis=1)[several] / (sizes * (sizes - 1))[several]
    shares = counts / sizes[:, None]
    n = len(counts)
    of_two = float((shares.sum(axis=0) ** 2).sum() - (shares**2).sum()) / (n * (n - 1))
    more = float(own.mean()) - of_two
    differ = 1 - float(own.mean())
    return float(np.clip(differ / max(more, differ / MOST_PRECISION, 1e-12), LEAST_PRECISION, MOST_PRECISION))
