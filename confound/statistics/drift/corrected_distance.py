"""Total variation distance corrected for the bias of the plug-in, by the ways in use and by ours.

Estimand, for all: the total variation distance (TVD) between the arms' answer distributions, averaged over
personas, these personas being given; with one persona (between subjects), the distance of two samples. The
plug-in is biased upwards by sampling error, which averaging over personas does not reduce.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlog1py, xlogy

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift import distance
from confound.statistics.drift.calibration import Calibrated, calibrated
from confound.statistics.drift.canonical import strata
from confound.statistics.drift.two_samples import TwoSampleDistance, two_sample_distance
from confound.statistics.randomness import content_rng
from confound.statistics.validation import check_inside, check_share, checked_counts

__all__ = ["METHODS", "CorrectedTvd", "corrected_tvd", "effective_counts"]


DEFAULT = "mixture"
METHODS = ("plugin", "null", "jackknife", "bootstrap", "folded", "npmle", "mixture")
BOOTSTRAP_DRAWS = 200
# Grid points an axis of the mixing distribution, evenly spaced in arcsine of the root, and EM steps.
NPMLE_POINTS = 25
NPMLE_STEPS = 300
# The lower end where the exact test rejects but the interval would reach 0, which the test has excluded.
SMALLEST_END = 1e-4


@dataclass(frozen=True, slots=True)
class CorrectedTvd:
    """Corrected total variation distance.

    Attributes
    ----------
    estimate : float
        In [0, 1].
    ci_low, ci_high : float
        Ends of the interval, ``0 <= ci_low <= estimate <= ci_high <= 1``; NaN where the method has none.
    method : str
        One of `METHODS`.
    """

    estimate: float
    ci_low: float
    ci_high: float
    method: str


def corrected_tvd(
    treated: ArrayLike,
    control: ArrayLike,
    *,
    pvalue: float,
    method: str = DEFAULT,
    confidence: float = 0.95,
) -> CorrectedTvd:
    """Estimate the total variation distance between two arms, averaged over personas.

    Parameters
    ----------
    treated, control : array_like of int, shape (personas, answers)
        How often each persona gave each answer in each arm; every persona has at least one answer in each arm.
        One row: the distance of two samples.
    pvalue : float
        Of the exact test of no drift (`permutation.permutation_test`) on the same counts, in (0, 1].
    method : {"mixture", "plugin", "null", "jackknife", "bootstrap", "folded", "npmle"}
        How to correct, see Notes.
    confidence : float, default 0.95
        Of the interval, in (0, 1).

    Returns
    -------
    CorrectedTvd

    Raises
    ------
    ValueError
        As `validation.checked_counts`; or if `method` is unknown, `pvalue` is not in [0, 1] or `confidence`
        not in (0, 1).

    Notes
    -----
    Random numbers, where a method draws any, depend on the counts alone: the same counts give the same digits in any
    order of personas and answers.

    - ``plugin``: the distance of the observed shares, no correction.
    - ``null``: less its exact mean with no drift given the margins; too low where there is drift.
    - ``jackknife``: both arms' answers left out one at a time. Nearly unbiased for large distances, variable.
    - ``bootstrap``: twice the plug-in less its mean over answers drawn anew within persona and arm.
    - ``folded``: each ``|p_1k - p_0k|`` is the likeliest mean of the folded normal that was observed. Allen,
      Burgess, Davidson and Windmeijer (2015), Econometrics Journal 18(1), 40-66.
    - ``npmle``: nonparametric maximum likelihood of the law of ``(p_1k, p_0k)`` pooled over personas and
      answers, then half the sum of posterior means of ``|p_1k - p_0k|``. Tian, Kong and Valiant (2017),
      NeurIPS 30; Vinayak, Kong, Valiant and Kakade (2019), ICML.
    - ``mixture``: a mixture over kinds of persona, calibrated by simulation (`calibration`); with one row, an average
      over shapes of drift without random numbers (`two_samples`).

    *Interval of* ``mixture``. The lower end is 0 unless the exact test rejects no drift at level
    ``1 - confidence``, so that with no drift it covers as often as the test holds its level; where the test
    rejects it is above 0. The other ends come from the calibrated draws and from the shapes of drift the
    likelihood allows; they are checked by simulation (`benchmarks/validity`), not proved.

    *Intervals of the others* are what they come with in practice: the percentile interval of personas drawn
    anew, which does not know the bias that is left. Not a number with one persona, where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> treated, control = (rng.multinomial(30, [0.5, 0.3, 0.2], size=50) for _ in range(2))  # no drift
    >>> found = {m: corrected_tvd(treated, control, pvalue=0.5, method=m) for m in ("plugin", "mixture")}
    >>> round(found["plugin"].estimate, 2), found["mixture"].estimate < 0.05, found["mixture"].ci_low
    (0.11, True, 0.0)
    """
    treated, control = checked_counts(treated, control)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)} but got {method!r}")
    check_share("pvalue", pvalue)
    check_inside("confidence", confidence)
    treated, control = strata(treated, control)
    rng = content_rng(treated, control)
    one_answer = treated.shape[1] < 2
    if method == "mixture" and (len(treated) == 1 or not one_answer):
        rejects = pvalue <= 1 - confidence and not one_answer
        return _mixture(treated, control, rejects=rejects, confidence=confidence, rng=rng)
    if one_answer:
        return CorrectedTvd(0.0, 0.0, 0.0, method)
    estimates = _BY_PERSONA[method](treated, control, rng)
    estimate = min(max(float(estimates.mean()), 0.0), 1.0)
    low, high = _persona_interval(estimates, estimate, confidence, rng)
    return CorrectedTvd(estimate, low, high, method)


def effective_counts(answers: ArrayLike) -> IntArray:
    """Return the counts of one sample whose shares are as precise as the average of these personas'.

    Between subjects a persona's answers are alike, so that many answers of few personas say less than as many
    personas would. The size is Kish's: that at which independent answers would have the variance that the average of
    the personas' shares has, from one answer a persona to all that were given.

    Parameters
    ----------
    answers : array_like of int, shape (personas, answers)
        Counts; every persona has an answer.

    Returns
    -------
    ndarray of int64, shape (answers,)
        Rounded, so that they sum to the effective size.

    References
    ----------
    Kish (1965), Survey Sampling, section 8.2.

    Examples
    --------
    >>> effective_counts([[5, 0], [0, 5], [5, 0], [0, 5]]).tolist()  # each persona of one mind
    [2, 2]
    >>> effective_counts([[3, 2], [2, 3], [3, 2], [2, 3]]).tolist()
    [10, 10]
    """
    counts = np.asarray(answers, dtype=np.int64)
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean, n = shares.mean(axis=0), len(shares)
    least, most = n, int(counts.sum())
    variance = shares.var(axis=0, ddof=1).sum() / n if n > 1 else 0.0
    size = most if variance == 0 else int(np.clip(round((mean * (1 - mean)).sum() / variance), least, most))
    whole = np.floor(mean * size + 1e-9).astype(np.int64)
    # The largest remainders round up; between equal ones the first answer, so the order of the rows plays no part.
    up = np.argsort(whole - mean * size, kind="stable")[: size - int(whole.sum())]
    whole[up] += 1
    return np.asarray(whole, dtype=np.int64)


def _mixture(
    treated: IntArray, control: IntArray, *, rejects: bool, confidence: float, rng: np.random.Generator
) -> CorrectedTvd:
    if len(treated) == 1:
        found: Calibrated | TwoSampleDistance = two_sample_distance(treated[0], control[0], confidence=confidence)
    else:
        found = calibrated(treated, control, confidence=confidence, rng=rng)
    low = max(found.low, SMALLEST_END) if rejects else 0.0
    estimate = max(found.estimate, low)
    return CorrectedTvd(estimate, low, max(found.high, estimate), "mixture")


def _persona_interval(
    estimates: FloatArray, estimate: float, confidence: float, rng: np.random.Generator
) -> tuple[float, float]:
    n_personas = len(estimates)
    if n_personas == 1:
        return np.nan, np.nan
    means = estimates[rng.integers(n_personas, size=(2000, n_personas))].mean(axis=1)
    low, high = np.clip(np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2]), 0.0, 1.0)
    return min(float(low), estimate), max(float(high), estimate)


# One value a persona, before the mean over personas is cut to [0, 1].


def _plugin(treated: IntArray, control: IntArray, _rng: np.random.Generator) -> FloatArray:
    return distance.stratum_distances(treated, control)


def _null(treated: IntArray, control: IntArray, _rng: np.random.Generator) -> FloatArray:
    null = [distance.null_mean(t[None], c[None]) for t, c in zip(treated, control, strict=True)]
    return np.asarray(distance.stratum_distances(treated, control) - np.array(null))


def _jackknife(treated: IntArray, control: IntArray, _rng: np.random.Generator) -> FloatArray:
    whole = distance.stratum_distances(treated, control)
    return np.asarray(whole - _jackknife_bias(treated, control, whole) - _jackknife_bias(control, treated, whole))


def _jackknife_bias(one: IntArray, other: IntArray, whole: FloatArray) -> FloatArray:
    """Return the jackknife's bias from leaving out one arm's answers; 0 where it has one answer only."""
    n_personas, n_answers = one.shape
    left = one[:, None, :] - np.eye(n_answers, dtype=np.int64)
    sizes = one.sum(axis=1)
    possible = (sizes > 1)[:, None] & (one > 0)
    left[~possible] = np.broadcast_to(one[:, None, :], left.shape)[~possible]
    others = np.broadcast_to(other[:, None, :], left.shape)
    distances = distance.stratum_distances(left.reshape(-1, n_answers), others.reshape(-1, n_answers))
    without = (distances.reshape(n_personas, n_answers) * one).sum(axis=1) / sizes
    return np.asarray(np.where(sizes > 1, (sizes - 1) * (without - whole), 0.0))


def _bootstrap(treated: IntArray, control: IntArray, rng: np.random.Generator) -> FloatArray:
    drawn = []
    for arm in (treated, control):
        sizes = arm.sum(axis=1)
        drawn.append(rng.multinomial(sizes, arm / sizes[:, None], size=(BOOTSTRAP_DRAWS, len(arm))) / sizes[:, None])
    mean = 0.5 * np.abs(drawn[0] - drawn[1]).sum(axis=2).mean(axis=0)
    return np.asarray(2 * distance.stratum_distances(treated, control) - mean)


def _folded(treated: IntArray, control: IntArray, _rng: np.random.Generator) -> FloatArray:
    n1, n0 = treated.sum(axis=1, keepdims=True), control.sum(axis=1, keepdims=True)
    p1, p0 = treated / n1, control / n0
    difference = np.abs(p1 - p0)
    error = np.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
    standard = np.divide(difference, error, out=np.zeros_like(error), where=error > 0)
    return np.asarray(0.5 * np.where(error > 0, error * _folded_mean(standard), difference).sum(axis=1))


def _folded_mean(observed: FloatArray) -> FloatArray:
    """Return the mean of the unit normal likeliest to be observed, folded: 0 up to 1, then ``m = x tanh(m x)``."""
    mean = observed.copy()
    for _ in range(200):
        mean = observed * np.tanh(mean * observed)
    return np.asarray(np.where(observed <= 1, 0.0, mean))


def _npmle(treated: IntArray, control: IntArray, _rng: np.random.Generator) -> FloatArray:
    sizes = np.stack([np.broadcast_to(arm.sum(axis=1, keepdims=True), arm.shape) for arm in (treated, control)])
    rows = np.stack([treated, sizes[0], control, sizes[1]], axis=-1).reshape(-1, 4)
    cells, which, times = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    grid = np.sin(np.linspace(0, np.pi / 2, NPMLE_POINTS)) ** 2
    treated_part = _log_binomial(cells[:, 0], cells[:, 1], grid)[:, :, None]
    control_part = _log_binomial(cells[:, 2], cells[:, 3], grid)[:, None, :]
    log_likelihood = (treated_part + control_part).reshape(len(cells), -1)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    weights = np.full(likelihood.shape[1], 1.0 / likelihood.shape[1])
    for _ in range(NPMLE_STEPS):
        weights = weights * ((times / (likelihood @ weights)) @ likelihood) / times.sum()
    gap = np.abs(grid[:, None] - grid).ravel()
    mean = (likelihood @ (weights * gap)) / (likelihood @ weights)
    return np.asarray(0.5 * mean[which.ravel()].reshape(treated.shape).sum(axis=1))


def _log_binomial(count: IntArray, size: IntArray, grid: FloatArray) -> FloatArray:
    """Return log probabilities, shape (cells, points), up to a constant for each cell."""
    return np.asarray(xlogy(count[:, None], grid) + xlog1py((size - count)[:, None], -grid))


_BY_PERSONA: dict[str, Callable[[IntArray, IntArray, np.random.Generator], FloatArray]] = {
    "plugin": _plugin,
    "null": _null,
    "jackknife": _jackknife,
    "bootstrap": _bootstrap,
    "folded": _folded,
    "npmle": _npmle,
}
