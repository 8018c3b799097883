"""How small and how large the distance can be, whatever the shape of drift, given the excess of the plug-in.

A persona gives an answer with chance ``pi - d`` in one arm and ``pi + d`` in the other. The counts of both arms
together show how ``pi`` is distributed. How ``d`` is they hardly show with few trials: the same excess T comes from
a little drift of all, much drift of few, and whatever lies between. So the mean distance, the mean of ``d``, is made
as large and as small as the mean of T allows, over all laws of ``d`` given ``pi``. That is a linear program with one
constraint, solved by its multiplier. The mean of T given ``(pi, d)`` is exact, a sum over two binomials.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, xlog1py, xlogy

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift.binomial import binomial_law
from confound.statistics.drift.excess import null_means

__all__ = ["any_shape_bounds"]


# Grid of the average share of both arms, fine near 0, and of d as a share of the largest that is possible.
SHARES = np.concatenate([np.geomspace(1e-4, 1.6e-3, 6), np.sin(np.linspace(0, np.pi / 2, 33)[1:]) ** 2])
U = np.linspace(0.0, 1.0, 41)
# Steps of the EM for the law of the average share.
STEPS = 100
# Multipliers of the mean of T. A distance is at least as large as its mean of T, and may be many times as large.
MULTIPLIERS = np.concatenate([[0.0], np.geomspace(0.8, 1000, 120)])
# Trials an arm above which the difference of two shares is taken to be normal.
MANY_TRIALS = 80

# Of a standard normal variable.
MEAN_ABSOLUTE = np.sqrt(2 / np.pi)
TINY = 1e-12


class _Drift(NamedTuple):
    """An answer's mean of T and its distance, by average share (rows) and drift, upwards and downwards (columns)."""

    excess: FloatArray
    distance: FloatArray


def any_shape_bounds(treated: IntArray, control: IntArray, low: float, high: float) -> tuple[float, float]:
    """Bound the distance averaged over personas, given the ends between which the mean of T lies.

    Parameters
    ----------
    treated, control : ndarray of int, shape (personas, answers)
        Counts; each persona has an answer in each arm.
    low, high : float
        Ends of an interval of the mean of T.

    Returns
    -------
    tuple of two floats
        In [0, 1].

    Notes
    -----
    The idea is that of intervals for functionals of a mixing distribution that rest on what the data identify and
    on nothing else: Ignatiadis and Wager (2022), Journal of the American Statistical Association 117, 1149-1166.
    Personas of unlike numbers of trials are taken to have their harmonic mean.

    Examples
    --------
    With two trials little is known; with 30 the bounds are near one another.

    >>> from confound.statistics.drift.excess import of_sizes
    >>> rng = np.random.default_rng(0)
    >>> shares = [0.5, 0.3, 0.2], [0.3, 0.5, 0.2]  # distance 0.2
    >>> for n in (2, 30):
    ...     treated, control = (rng.multinomial(n, p, size=1000) for p in shares)
    ...     T = float(of_sizes(treated.sum(axis=1), control.sum(axis=1)).of(treated, control))
    ...     print([round(end, 1) for end in any_shape_bounds(treated, control, T, T)])
    [0.0, 0.3]
    [0.1, 0.2]
    """
    sizes = [round(len(arm) / (1.0 / arm.sum(axis=1)).sum()) for arm in (treated, control)]
    drift = _drift(*sizes)
    weights = treated.shape[1] * _law_of_shares(treated + control)
    return _extreme(drift, weights, max(low, 0.0), sign=-1.0), _extreme(drift, weights, max(high, 0.0), sign=1.0)


@lru_cache(maxsize=16)
def _drift(n_treated: int, n_control: int) -> _Drift:
    """Return drift upwards and downwards beside one another; counts of both arms together keep their mean."""
    moves = np.array([n_control, n_treated]) * 2 / (n_treated + n_control)
    mean = _normal_excess if max(n_treated, n_control) > MANY_TRIALS else _exact_excess
    directions = []
    for sign, (rise, fall) in ((1, moves), (-1, moves[::-1])):
        distance = np.minimum((1 - SHARES) / rise, SHARES / fall)[:, None] * U
        p = np.clip(SHARES[:, None] + sign * moves[0] * distance, 0, 1)
        q = np.clip(SHARES[:, None] - sign * moves[1] * distance, 0, 1)
        directions.append(_Drift(mean(p, q, n_treated, n_control), distance))
    return _Drift(*(np.hstack(parts) for parts in zip(*directions, strict=True)))


def _exact_excess(p: FloatArray, q: FloatArray, n_treated: int, n_control: int) -> FloatArray:
    """Sum an answer's part of T over both arms' counts; its shares are p in the treated and q in the control arm."""
    treated, control = np.arange(n_treated + 1), np.arange(n_control + 1)
    gap = 0.5 * np.abs(treated[:, None] / n_treated - control / n_control)
    gap -= null_means(n_treated, n_control)[treated[:, None] + control]
    drawn = binomial_law(n_treated, p) @ gap
    return np.asarray((drawn * binomial_law(n_control, q)).sum(axis=2))


def _normal_excess(p: FloatArray, q: FloatArray, n_treated: int, n_control: int) -> FloatArray:
    """Do as `_exact_excess` for a normal difference of shares: the mean of a folded normal."""
    error = np.sqrt(p * (1 - p) / n_treated + q * (1 - q) / n_control) + TINY
    pooled = (n_treated * p + n_control * q) / (n_treated + n_control)
    without = np.sqrt(pooled * (1 - pooled) * (1 / n_treated + 1 / n_control))
    standard = np.abs(p - q) / error
    folded = error * (MEAN_ABSOLUTE * np.exp(-(standard**2) / 2) + standard * (2 * ndtr(standard) - 1))
    return np.asarray((folded - MEAN_ABSOLUTE * without) / 2)


def _law_of_shares(margins: IntArray) -> FloatArray:
    """Return the likeliest weights of `SHARES` over personas and answers, by EM; margins of shape (P, K)."""
    sizes = np.broadcast_to(margins.sum(axis=1, keepdims=True), margins.shape)
    cells, times = np.unique(np.column_stack([margins.ravel(), sizes.ravel()]), axis=0, return_counts=True)
    count, rest = cells[:, :1], cells[:, 1:] - cells[:, :1]
    log_likelihood = xlogy(count, SHARES) + xlog1py(rest, -SHARES)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    weights = np.full(len(SHARES), 1.0 / len(SHARES))
    for _ in range(STEPS):
        weights = weights * ((times / (likelihood @ weights)) @ likelihood) / times.sum()
    return np.asarray(weights)


def _extreme(drift: _Drift, weights: FloatArray, mean: float, *, sign: float) -> float:
    """Return the largest mean distance (sign 1) or the smallest (sign -1) at this mean of T."""
    gain = drift.distance[:, None, :] - MULTIPLIERS[:, None] * drift.excess[:, None, :]
    at = (np.arange(len(SHARES))[:, None], (sign * gain).argmax(axis=2))
    means, distances = weights @ drift.excess[at], weights @ drift.distance[at]
    order = np.lexsort([distances, means])
    return float(min(np.interp(mean, means[order], distances[order]), 1.0))
