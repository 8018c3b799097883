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


def pool_of_shares(*arms: ArrayLike) -> FloatArray:
    """Draw the shares of personas of whom some answers are known, for `answers` of the functions in `power`.

    Shares seen in a few answers are far sharper than the personas' own, and a design looks more powerful than it is.
    So each persona's shares are drawn from their posterior, given the answers in all arms, under a Dirichlet
    distribution about the mean of all. Its precision is the one at which two answers of a persona in one arm agree as
    often as seen.

    Parameters
    ----------
    *arms : array_like of int, shape (personas, answers)
        How often each persona gave each answer, in one arm or more; every persona has an answer in each. Personas of
        different arms, between subjects, are one such array, end to end.

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
    rows = [checked_rows(arm, f"arm {i}", unit="persona") for i, arm in enumerate(arms)]
    given = canonical.several_strata(np.stack(rows, axis=1))
    counts = given.sum(axis=1)
    parameters = counts + _precision(given) * (counts / counts.sum(axis=1, keepdims=True)).mean(axis=0)
    each = -(-SHARES_DRAWN // len(counts))
    gammas = content_rng(given).standard_gamma(np.tile(parameters, (each, 1))) + np.finfo(np.float64).tiny
    return np.asarray(gammas / gammas.sum(axis=1, keepdims=True))


def _precision(given: IntArray) -> float:
    """Return the precision at which answers of one persona agree as often as seen, and those of two.

    Answers of different arms are compared only where no persona has two in one arm: drift makes them differ.
    """
    own = given if (given.sum(axis=2) > 1).any() else given.sum(axis=1, keepdims=True)
    agreed, pairs = (own * (own - 1)).sum(axis=(1, 2)), (own.sum(axis=2) * (own.sum(axis=2) - 1)).sum(axis=1)
    if not pairs.any() or len(given) < 2:
        return 1.0
    alike = float((agreed[pairs > 0] / pairs[pairs > 0]).mean())
    counts = given.sum(axis=1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    n = len(shares)
    of_two = float((shares.sum(axis=0) ** 2).sum() - (shares**2).sum()) / (n * (n - 1))
    least = max(alike - of_two, (1 - alike) / MOST_PRECISION, np.finfo(np.float64).tiny)
    return float(np.clip((1 - alike) / least, LEAST_PRECISION, MOST_PRECISION))
