"""Tests of drift in a common direction: generalized Cochran-Mantel-Haenszel, general association.

Where all personas drift the same way, adding up the differences of counts over personas before squaring
them has far more power than summing each persona's distance; where they drift in different ways it has
none. So this test stands beside `permutation`, and neither replaces the other.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift.relabelling import relabelled_counts, sequential_pvalue
from confound.statistics.validation import check_positive, checked_counts, checked_samples, checked_strata

__all__ = [
    "DirectionTest",
    "QuadraticForm",
    "cluster_direction_test",
    "common_direction_test",
    "general_association_test",
]


# Counts by which each sum over strata must be free to move, down and up, for chi-square: Mantel and Fleiss
# (1980), American Journal of Epidemiology 112, 129-134, who ask for five. Below it, in simulation without drift at
# level .01, chi-square rejects .001 to .008 with equal arms, so power is lost; and .02 to .06 with arms of 30 and 3.
ROOM_FOR_CHI_SQUARE = 5.0
# Eigenvalue of the correlation matrix, relative to the largest, below which a direction cannot vary.
RANK_TOLERANCE = 1e-9

Method = Literal["chi-square", "monte carlo"]


@dataclass(frozen=True, slots=True)
class DirectionTest:
    """Result of a test of drift in a common direction.

    Attributes
    ----------
    statistic : float
        Quadratic form of the summed differences, not negative; its mean with no drift is `df`.
    df : int
        Degrees of freedom: (arms - 1)(answers - 1) less the directions in which nothing could vary.
    pvalue : float
        Probability with no drift of a statistic at least as large, in (0, 1]; 1 where `df` is 0.
    method : {"chi-square", "monte carlo"}
        How `pvalue` was found.
    n_strata : int
        Strata summed over; 1 between subjects.
    n_resamples : int
        Relabellings drawn, fewer than asked for where `pvalue` is large; 0 unless `method` is ``"monte carlo"``.
    """

    statistic: float
    df: int
    pvalue: float
    method: Method
    n_strata: int
    n_resamples: int


class QuadraticForm(NamedTuple):
    """``|W d|^2`` for a sum's deviations ``d``: W whitens their covariance, directions without variance left out."""

    whitener: FloatArray

    @classmethod
    def of(cls, covariance: FloatArray) -> "QuadraticForm":
        """Return the form in a generalized inverse of a covariance matrix."""
        sd = np.sqrt(np.diag(covariance))
        scale = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0)
        values, vectors = np.linalg.eigh(covariance * np.outer(scale, scale))
        kept = values > RANK_TOLERANCE * max(values[-1], RANK_TOLERANCE)
        return cls((vectors[:, kept] / np.sqrt(values[kept])).T * scale)

    @property
    def rank(self) -> int:
        """Directions in which the sum can vary: the form's degrees of freedom."""
        return len(self.whitener)

    def __call__(self, deviations: FloatArray) -> FloatArray:
        """Return the form of each row of deviations."""
        return np.asarray(((deviations @ self.whitener.T) ** 2).sum(axis=-1))


def common_direction_test(
    treated: ArrayLike, control: ArrayLike, *, rng: np.random.Generator, n_resamples: int = 9999
) -> DirectionTest:
    """Test two arms for drift in a common direction.

    Null hypothesis: within each stratum the answers are exchangeable between the arms. Exchangeable unit:
    the answer. Powerful against shifts of the answers that strata share. Within subjects a stratum is a
    persona, and its answers are its trials; between subjects there is one stratum, and each persona gave one
    answer (several: `cluster_direction_test`).

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum; every stratum has at least one answer in each arm.
    rng : numpy.random.Generator
        Drawn from only where counts are too small for chi-square.
    n_resamples : int, default 9999
        Relabellings drawn in that case at most; at least 1.

    Returns
    -------
    DirectionTest

    Raises
    ------
    ValueError
        As `validation.checked_counts`, or if `n_resamples` is below 1.

    See Also
    --------
    general_association_test : The same for more arms; states the method.

    Examples
    --------
    >>> import numpy as np
    >>> treated, control = [[18, 12], [20, 10]], [[10, 20], [11, 19]]
    >>> test = common_direction_test(treated, control, rng=np.random.default_rng(0))
    >>> test.method, test.df, round(test.statistic, 2), round(test.pvalue, 4)
    ('chi-square', 1, 9.5, 0.0021)
    """
    arms = checked_counts(treated, control)
    return general_association_test(np.stack(arms, axis=1), rng=rng, n_resamples=n_resamples)


def general_association_test(counts: ArrayLike, *, rng: np.random.Generator, n_resamples: int = 9999) -> DirectionTest:
    """Test two arms or more for drift in a common direction.

    Null hypothesis: within each stratum the answers are exchangeable between the arms. Exchangeable unit:
    the answer.

    Parameters
    ----------
    counts : array_like of int, shape (strata, arms, answers)
        How often each answer was given in each arm of each stratum. A stratum may lack an arm; with a single
        answer in all it says nothing.
    rng : numpy.random.Generator
        Drawn from only where counts are too small for chi-square.
    n_resamples : int, default 9999
        Relabellings drawn in that case at most; at least 1.

    Returns
    -------
    DirectionTest
        The p-value is chi-square's where every arm's count of every answer that varies, summed over strata,
        lies at least `ROOM_FOR_CHI_SQUARE` above the least and below the greatest sum that the margins allow
        (the criterion of Mantel and Fleiss, 1980); else that of relabellings within strata, by
        `relabelling.sequential_pvalue`.

    Raises
    ------
    ValueError
        As `validation.checked_strata`, or if `n_resamples` is below 1.

    Notes
    -----
    With ``n`` a stratum's sums over answers, ``m`` over arms and ``N`` over both, the counts have covariance
    ``(diag n - n n'/N) x (diag m - m m'/N) / (N - 1)``. Deviations and covariances are summed over strata;
    the statistic is the quadratic form in a generalized inverse of the sum. One stratum: Pearson's
    chi-square times (N - 1)/N. Landis, Heyman and Koch (1978), International Statistical Review 46, 237-254;
    as R's ``mantelhaen.test`` and coin's ``cmh_test``.

    Examples
    --------
    >>> import numpy as np
    >>> counts = [[[18, 12], [10, 20], [14, 16]], [[20, 10], [11, 19], [15, 15]]]
    >>> test = general_association_test(counts, rng=np.random.default_rng(0))
    >>> test.method, test.df, round(test.statistic, 2), round(test.pvalue, 4)
    ('chi-square', 2, 9.56, 0.0084)
    """
    checked = checked_strata(counts)
    check_positive(n_resamples=n_resamples)
    n_strata = len(checked)
    # With one answer only, the counts are what they are whatever the labels.
    varied = checked[np.count_nonzero(checked.sum(axis=1), axis=1) > 1]
    expected = _expected(varied)
    form = QuadraticForm.of(_covariance(varied))
    statistic = float(form((varied - expected)[:, 1:].sum(axis=0).ravel()))
    if form.rank == 0:
        return DirectionTest(0.0, 0, 1.0, "chi-square", n_strata, 0)
    if _room(varied, expected) >= ROOM_FOR_CHI_SQUARE:
        return DirectionTest(statistic, form.rank, _chi_square_tail(statistic, form.rank), "chi-square", n_strata, 0)

    def draw(n: int) -> FloatArray:
        sums = np.zeros((n, *varied.shape[1:]), dtype=np.int64)
        for stratum in varied:
            sums += relabelled_counts(stratum, rng=rng, n_resamples=n)
        return form((sums - expected.sum(axis=0))[:, 1:].reshape(n, -1))

    pvalue, drawn = sequential_pvalue(draw, statistic, n_resamples=n_resamples)
    return DirectionTest(statistic, form.rank, pvalue, "monte carlo", n_strata, drawn)


def _chi_square_tail(statistic: float, df: int) -> float:
    return max(float(chdtrc(df, statistic)), float(np.finfo(np.float64).tiny))


def _expected(counts: IntArray) -> FloatArray:
    sizes, margins = counts.sum(axis=2), counts.sum(axis=1)
    return np.asarray(sizes[:, :, None] * margins[:, None, :] / sizes.sum(axis=1)[:, None, None])


def _covariance(counts: IntArray) -> FloatArray:
    """Return the covariance of the summed counts, shape ((arms - 1) answers, same); the first arm is left out."""
    sizes, margins = counts.sum(axis=2)[:, 1:].astype(float), counts.sum(axis=1).astype(float)
    total = margins.sum(axis=1)
    by_arm = _spread(sizes, total) / (total - 1)[:, None, None]
    size = sizes.shape[1] * margins.shape[1]
    joint = np.einsum("sab,skl->akbl", by_arm, _spread(margins, total), optimize=True)
    return np.asarray(joint.reshape(size, size))


def _spread(sums: FloatArray, total: FloatArray) -> FloatArray:
    outer = sums[:, :, None] * sums[:, None, :] / total[:, None, None]
    return np.asarray(sums[:, :, None] * np.eye(sums.shape[1]) - outer)


def _room(counts: IntArray, expected: FloatArray) -> float:
    """Return how far the tightest sum over strata is from where the margins stop it."""
    sizes, margins = counts.sum(axis=2)[:, :, None], counts.sum(axis=1)[:, None, :]
    least = np.maximum(0, sizes + margins - counts.sum(axis=(1, 2))[:, None, None])
    below, above = (expected - least).sum(axis=0), (np.minimum(sizes, margins) - expected).sum(axis=0)
    room = np.minimum(below, above)
    # An answer given always or never, in each stratum, does not vary and is no obstacle.
    varies = np.maximum(below, above) > 0.5 * np.finfo(np.float64).eps * counts.sum()
    return float(room[varies].min())


def cluster_direction_test(*arms: ArrayLike, rng: np.random.Generator, n_resamples: int = 9999) -> DirectionTest:
    """Test for drift between subjects, where a persona may have given several answers.

    Null hypothesis: personas are exchangeable between the arms. Exchangeable unit: the persona, with all its
    answers. Every persona weighs the same.

    Parameters
    ----------
    *arms : array_like of int, shape (personas in the arm, answers)
        Two arms or more, of any sizes: how often each persona gave each answer, at least one.
    rng : numpy.random.Generator
    n_resamples : int, default 9999
        Relabellings of the personas drawn at most; at least 1.

    Returns
    -------
    DirectionTest
        With `n_strata` 1. Where every persona gave one answer, that of `general_association_test`; else the
        quadratic form in the arms' summed answer shares, with its covariance over all relabellings of the
        personas, and p by `relabelling.sequential_pvalue`.

    Raises
    ------
    ValueError
        If there are fewer than two arms, they differ in their number of answers, a count is negative or no
        integer, a persona has no answer or an arm no persona; or if `n_resamples` is below 1.

    Notes
    -----
    Strasser and Weber (1999), Mathematical Methods of Statistics 8, 220-250; the quadratic statistic of
    coin's ``independence_test``.

    Examples
    --------
    >>> import numpy as np
    >>> treated = [[3, 0], [2, 1], [3, 0], [3, 0]]
    >>> control = [[1, 2], [0, 3], [1, 2], [0, 3]]
    >>> test = cluster_direction_test(treated, control, rng=np.random.default_rng(0), n_resamples=999)
    >>> round(test.statistic, 2), test.pvalue < 0.1
    (5.97, True)
    """
    check_positive(n_resamples=n_resamples)
    rows = checked_samples({f"arm {i}": arm for i, arm in enumerate(arms)})
    counts = np.concatenate(rows)
    if (counts.sum(axis=1) == 1).all():
        pooled = np.stack([arm.sum(axis=0) for arm in rows])
        return general_association_test(pooled[None], rng=rng, n_resamples=n_resamples)
    labels = np.repeat(np.arange(len(rows)), [len(arm) for arm in rows])
    shares = counts / counts.sum(axis=1, keepdims=True)
    return _cluster_test(shares - shares.mean(axis=0), labels, rng, n_resamples)


def _cluster_test(
    deviations: FloatArray, labels: IntArray, rng: np.random.Generator, n_resamples: int
) -> DirectionTest:
    n = len(labels)
    sizes = np.bincount(labels)[1:].astype(float)
    by_arm = np.diag(sizes) - np.outer(sizes, sizes) / n
    form = QuadraticForm.of(np.kron(by_arm, deviations.T @ deviations) / (n - 1))
    if form.rank == 0:
        return DirectionTest(0.0, 0, 1.0, "chi-square", 1, 0)
    arms = np.arange(1, len(sizes) + 1)[:, None]
    statistic = float(form(((labels == arms).astype(float) @ deviations).ravel()))

    def draw(size: int) -> FloatArray:
        permuted = rng.permuted(np.broadcast_to(labels, (size, n)), axis=1)
        sums = (permuted[:, None, :] == arms).astype(float) @ deviations
        return form(sums.reshape(size, -1))

    pvalue, drawn = sequential_pvalue(draw, statistic, n_resamples=n_resamples)
    return DirectionTest(statistic, form.rank, pvalue, "monte carlo", 1, drawn)
