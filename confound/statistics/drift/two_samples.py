"""Total variation distance of two samples: estimate and interval, computed without random numbers.

One table of two samples cannot tell whether many answers drift a little or one answer drifts more. So the
distance is averaged over drift of several shapes and sizes, each weighted by how well it explains the counts, and
the interval spans the shapes that the counts leave open.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln, ndtr, xlog1py, xlogy

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.validation import check_inside, checked_counts

__all__ = ["TwoSampleDistance", "two_sample_distance"]

# Prior: chance of no drift; distances if there is some, and the power of the distance that their chances follow. Chosen
# by simulation over distances 0 to .5 (`benchmarks/validity/two_samples.md`): more mass at 0 gains where there is no
# drift and loses more elsewhere.
NO_DRIFT = 0.15
DISTANCES = np.geomspace(0.01, 0.9, 14)
DISTANCE_POWER = 0.75
# Parts of the chance of missing the truth below and above the interval. They are less than halves, since the drift
# that the prior expects is not the drift that occurs; chosen by simulation.
LOWER_TAIL, UPPER_TAIL = 0.4, 0.25
# Means of |x|/sd of a normal variable, and the spread of an even drift's sizes as a part of their mean.
MEAN_ABSOLUTE = float(np.sqrt(2 / np.pi))
EVEN_SPREAD = 0.33
# Points where an answer's likelihood is evaluated, in standard errors: about the observed difference, about 0 (where
# small drift lies), and for the average of both arms.
ABOUT_OBSERVED = np.linspace(-6, 6, 37)
ABOUT_NONE = np.concatenate([-np.geomspace(2, 0.02, 8), [0.0], np.geomspace(0.02, 2, 8)])
ABOUT_AVERAGE = np.linspace(-4, 4, 9)
# Explanations less likely than this, beside the likeliest, do not move an end of the interval.
NEGLIGIBLE = 1e-4
HALVINGS = 20
TINY = float(np.finfo(np.float64).tiny)


class TwoSampleDistance(NamedTuple):
    """Total variation distance of two samples.

    Attributes
    ----------
    estimate : float
        In [0, 1].
    low, high : float
        Ends of the interval given that there is drift, ``0 <= low <= estimate <= high <= 1``. Whether it reaches
        down to 0 is for a test of no drift to say.
    """

    estimate: float
    low: float
    high: float


class _Cells(NamedTuple):
    """Likelihoods of the differences of each answer.

    `difference` (K, G) is that of the arms' arcsines of the root of the share, rising; `moments` (K, G, 4) are the
    likelihood there and its products with ``|d|``, ``d^2`` and the sign of ``d``, the difference of the shares.
    Likelihoods are over that of no drift, times ``exp(log_scale)`` (K, 1) to keep them within what a float holds.
    """

    difference: FloatArray
    moments: FloatArray
    log_scale: FloatArray


class _Drifts(NamedTuple):
    """Explanations of the counts by drift: mean and variance of the distance, and log likelihood over no drift."""

    mean: FloatArray
    variance: FloatArray
    log_likelihood: FloatArray
    prior: FloatArray


def two_sample_distance(treated: ArrayLike, control: ArrayLike, *, confidence: float = 0.95) -> TwoSampleDistance:
    """Estimate the total variation distance between the distributions that two samples come from.

    Parameters
    ----------
    treated, control : array_like of int, shape (answers,)
        How often each answer was given in each arm, at least one answer an arm. The sizes may differ.
    confidence : float, default 0.95
        Of the interval, in (0, 1).

    Returns
    -------
    TwoSampleDistance
        The same to the last digit for answers in any order, and for arms exchanged.

    Raises
    ------
    ValueError
        As `validation.checked_counts`, or if `confidence` is not in (0, 1).

    Notes
    -----
    A posterior mean and quantiles, by sums over fixed points. With shares ``p_1k, p_0k``, an answer's drift is measured
    by ``x_k = arcsin sqrt(p_1k) - arcsin sqrt(p_0k)``, whose standard error depends on neither share (Anscombe 1948).
    Its likelihood is the product of two binomials, averaged over the arms' average on that scale. Drift of a given
    size is of one of three shapes:

    - *normal*: each ``x_k`` is normal about 0 with the same variance;
    - *even*: each ``|x_k|`` is about the same, up or down. For a given distance this shape moves the plug-in least,
      so it is what a small plug-in can hide;
    - *one answer* moves, to or from all others in proportion to their shares. Its distance is the binomial one of
      that answer against the rest.

    The shapes are equally likely beforehand. In the first two the answers' likelihoods are multiplied and raised to
    ``(K - 1) / K``, since shares sum to one and K of them are worth K - 1, and the distance's variance counts
    the correlation of shares. The law of the distance given shape and size is approximated by the beta law with the
    same mean and variance.

    Where all gave one answer, the estimate is 0 and the upper end the largest distance at which that is as likely as
    ``1 - confidence``: at a distance of d one arm has a share d of other answers or more.

    This holds for the counts of independent answers. The interval is checked by simulation (`benchmarks/validity`),
    not proved: no interval can be short for all shapes, since distances that are sums of absolute values have no
    unbiased estimator and converge slowly (Cai and Low 2011).

    References
    ----------
    Anscombe (1948), Biometrika 35, 246-254. Cai and Low (2011), Annals of Statistics 39(2), 1012-1041. Hoeting,
    Madigan, Raftery and Volinsky (1999), Statistical Science 14(4), 382-417, on averaging over models. Varin, Reid and
    Firth (2011), Statistica Sinica 21, 5-42, on likelihoods composed of parts.

    Examples
    --------
    >>> found = two_sample_distance([40, 12, 8], [20, 22, 18])
    >>> [round(value, 2) for value in found]
    [0.3, 0.12, 0.51]
    """
    treated, control = checked_counts(np.atleast_2d(treated), np.atleast_2d(control))
    check_inside("confidence", confidence)
    counts = _canonical(treated[0], control[0])
    missed = 1 - confidence
    if counts.shape[1] < 2:
        return TwoSampleDistance(0.0, 0.0, 1 - missed ** (1 / int(counts.sum(axis=1).min())))
    drifts = _drifts(counts)
    weights = _posterior(drifts)
    estimate = float(weights @ drifts.mean)
    low, high = _quantiles(drifts, weights, np.array([LOWER_TAIL * missed, 1 - UPPER_TAIL * missed]))
    return TwoSampleDistance(estimate, min(low, estimate), max(high, estimate))


def _canonical(treated: IntArray, control: IntArray) -> IntArray:
    """Return both arms' counts of the answers given, in an order that names of answers and arms do not affect."""
    pairs = [pair for pair in zip(treated.tolist(), control.tolist(), strict=True) if any(pair)]
    return np.array(min(sorted(pairs), sorted(pair[::-1] for pair in pairs))).T


def _cells(counts: IntArray) -> _Cells:
    """Evaluate the likelihood of each answer's difference."""
    sizes = counts.sum(axis=1)
    total = int(sizes.sum())
    arcs = np.arcsin(np.sqrt((counts + 0.25) / (sizes + 0.5)[:, None]))
    error = np.sqrt((1 / (4 * sizes)).sum())
    near_none = np.broadcast_to(error * ABOUT_NONE, (counts.shape[1], len(ABOUT_NONE)))
    difference = np.concatenate([(arcs[0] - arcs[1])[:, None] + error * ABOUT_OBSERVED, near_none], axis=1)
    difference = np.clip(np.sort(difference, axis=1), -np.pi / 2, np.pi / 2)
    weights = sizes / total
    steps = ABOUT_AVERAGE / (2 * np.sqrt(total))
    average = ((weights @ arcs)[:, None] + steps)[:, None, :]
    points = average + weights[1] * difference[:, :, None], average - weights[0] * difference[:, :, None]
    likelihood, gap = _binomials(counts, points)
    top = likelihood.max(axis=(1, 2))[:, None]
    of_gap = np.stack([np.ones_like(gap), np.abs(gap), gap**2, np.sign(gap)])
    moments = (of_gap * np.exp(likelihood - top[:, :, None])).sum(axis=3) * (steps[1] - steps[0])
    return _Cells(difference, moments.transpose(1, 2, 0), top - _log_none(counts)[:, None])


def _binomials(counts: IntArray, points: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Return log likelihoods and differences of shares at points on the arcsine scale; none outside it."""
    log_likelihood = np.zeros(points[0].shape)
    for count, size, point in zip(counts[:, :, None, None], counts.sum(axis=1), points, strict=True):
        share = np.sin(point) ** 2
        log_likelihood += xlogy(count, share) + xlog1py(size - count, -share)
        log_likelihood[(point < 0) | (point > np.pi / 2)] = -np.inf
    return log_likelihood, np.sin(points[0]) ** 2 - np.sin(points[1]) ** 2


def _log_none(counts: IntArray) -> FloatArray:
    """Return each answer's log likelihood of no drift, integrated over the arms' common arcsine."""
    given, total = counts.sum(axis=0), counts.sum()
    return np.asarray(betaln(given + 0.5, total - given + 0.5) - np.log(2))


def _drifts(counts: IntArray) -> _Drifts:
    """Return every shape and size of drift, with how well it explains the counts."""
    cells = _cells(counts)
    shares = counts.sum(axis=0) / counts.sum()
    # A difference x moves a share by about 2 sqrt(p (1 - p)) x, and the distance is half the sum of such moves.
    moves = np.sqrt(shares * (1 - shares))
    chances = DISTANCES**DISTANCE_POWER / (DISTANCES**DISTANCE_POWER).sum() / 3
    everywhere = np.broadcast_to(DISTANCES / moves.sum(), (len(shares), len(DISTANCES)))
    normal = _centred(cells, everywhere / MEAN_ABSOLUTE)
    even = _two_sided(cells, everywhere)
    alone = _centred(cells, DISTANCES / (2 * MEAN_ABSOLUTE * moves[:, None]))
    log_likelihood, mean, variance, _ = _distances(cells, alone)
    one = _Drifts(mean, variance, log_likelihood, np.broadcast_to(chances / len(shares), mean.shape))
    parts = [_together(cells, normal, shares, chances), _together(cells, even, shares, chances), one]
    return _Drifts(*(np.concatenate([np.ravel(array) for array in arrays]) for arrays in zip(*parts, strict=True)))


def _centred(cells: _Cells, sd: FloatArray) -> FloatArray:
    """Return the chances of each point, shape (K, H, G), under normal differences about 0."""
    return np.diff(ndtr(_edges(cells) / sd[:, :, None]), axis=2)


def _two_sided(cells: _Cells, size: FloatArray) -> FloatArray:
    """Return the chances of each point, shape (K, H, G), under differences of about one size, up or down."""
    edges, size = _edges(cells), size[:, :, None]
    sd = EVEN_SPREAD * size
    return np.diff(ndtr((edges - size) / sd) + ndtr((edges + size) / sd), axis=2) / 2


def _edges(cells: _Cells) -> FloatArray:
    """Return the borders between an answer's points. Chances beyond them are lost: no likelihood lies there."""
    points = cells.difference
    return np.concatenate([points[:, :1], (points[:, 1:] + points[:, :-1]) / 2, points[:, -1:]], axis=1)[:, None, :]


def _distances(cells: _Cells, chances: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return by answer and size the log likelihood over no drift, mean and variance of ``|d|``, and the mean sign."""
    moments = chances @ cells.moments
    likelihood = np.maximum(moments[:, :, 0], TINY)
    mean, square, sign = (moments[:, :, i] / likelihood for i in (1, 2, 3))
    return np.log(likelihood) + cells.log_scale, mean, np.maximum(square - mean**2, 0.0), sign


def _together(cells: _Cells, chances: FloatArray, shares: FloatArray, prior: FloatArray) -> _Drifts:
    """Return the drift of all answers at once, by size."""
    log_likelihood, mean, variance, sign = _distances(cells, chances)
    n_answers = len(shares)
    sd = np.sqrt(variance)
    correlation = _correlations(shares, sign)
    return _Drifts(
        mean.sum(axis=0) / 2,
        ((correlation * sd).sum(axis=1) * sd).sum(axis=0) / 4,
        log_likelihood.sum(axis=0) * (n_answers - 1) / n_answers,
        prior,
    )


def _correlations(shares: FloatArray, sign: FloatArray) -> FloatArray:
    """Return the correlations of ``|d_j|`` and ``|d_k|``, shape (K, K, H).

    Those of multinomial shares where both signs are known; about their squares where neither is, as for the absolute
    values of two normal variables about 0.
    """
    odds = np.sqrt(shares / (1 - shares))
    of_shares = -np.outer(odds, odds)[:, :, None]
    known = sign[:, None] * sign
    correlations = known * of_shares + (1 - np.abs(known)) * of_shares**2
    correlations[np.diag_indices(len(shares))] = 1.0
    return np.asarray(correlations)


def _posterior(drifts: _Drifts) -> FloatArray:
    """Return the chance of each drift; what is missing to 1 is the chance of none."""
    top = max(0.0, float(drifts.log_likelihood.max()))
    weights = (1 - NO_DRIFT) * drifts.prior * np.exp(drifts.log_likelihood - top)
    return np.asarray(weights / (weights.sum() + NO_DRIFT * np.exp(-top)))


def _quantiles(drifts: _Drifts, weights: FloatArray, levels: FloatArray) -> tuple[float, float]:
    """Return quantiles of the distance given that there is drift, by halving [0, 1]."""
    used = weights > NEGLIGIBLE * weights.max()
    chances = weights[used] / weights[used].sum()
    mean = np.clip(drifts.mean[used], 1e-6, 1 - 1e-6)
    size = np.maximum(mean * (1 - mean) / np.maximum(drifts.variance[used], TINY) - 1, 1e-3)
    up, down = (mean * size)[:, None], ((1 - mean) * size)[:, None]
    low, high = np.zeros(2), np.ones(2)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = chances @ betainc(up, down, middle) < levels
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return float(low[0]), float(high[1])
