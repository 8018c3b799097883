"""Random relabellings of a stratum's answers, for tests whose law has no closed form."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from confound.statistics.arrays import BoolArray, FloatArray, IntArray
from confound.statistics.validation import check_positive

__all__ = [
    "drawn_without_replacement",
    "gaps_of_means",
    "grown_tail",
    "relabelled_counts",
    "relabelled_gaps",
    "sequential_pvalue",
]


# By how much a drawn statistic may fall short of the observed one, relative to 1 or to itself if larger, and still
# count as tied: far more than rounding, so that a tie is never missed.
TIE_TOLERANCE = 1e-9
# Draws as extreme as the observed after which drawing stops: p = .05 then has a standard error of .0035.
ENOUGH_REACHED = 200
DRAWN_AT_ONCE = 1000
# Labels held at once, or numbers of their units: 32 MB.
LABELS_AT_ONCE = 2**22
# Where fewer draws than this are as extreme as the observed, so many times as many are drawn: a p-value that can fall
# no further than 1/10,000 would be lost among 500 tests.
FEW_REACHED = 10
GROWTH = 20


def relabelled_counts(counts: IntArray, *, rng: np.random.Generator, n_resamples: int) -> IntArray:
    """Draw what the arms' counts in one stratum would be if its answers fell to the arms at random.

    Parameters
    ----------
    counts : ndarray of int64, shape (arms, answers)
        Only the sums over arms and over answers matter.
    rng : numpy.random.Generator
    n_resamples : int
        B, at least 1.

    Returns
    -------
    ndarray of int64, shape (B, arms, answers)
        Multivariate hypergeometric, with the sums of `counts`.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.array([[5, 0], [1, 4]])
    >>> drawn = relabelled_counts(counts, rng=np.random.default_rng(0), n_resamples=3)
    >>> drawn.sum(axis=1).tolist()  # how often each answer was given in all does not change
    [[6, 4], [6, 4], [6, 4]]
    """
    sizes, margin = counts.sum(axis=1), counts.sum(axis=0)
    drawn = np.zeros((n_resamples, *counts.shape), dtype=np.int64)
    drawn[:, 0] = rng.multivariate_hypergeometric(margin, sizes[0], size=n_resamples, method="marginals")
    rest = margin - drawn[:, 0]
    for arm in range(1, len(sizes) - 1):
        drawn[:, arm] = drawn_without_replacement(rest, int(sizes[arm]), rng)
        rest -= drawn[:, arm]
    drawn[:, -1] = rest
    return drawn


def drawn_without_replacement(urns: IntArray, size: int, rng: np.random.Generator) -> IntArray:
    """Draw `size` answers from each row; numpy's own multivariate draw takes one urn for all rows."""
    drawn = np.zeros_like(urns)
    left: Any = np.full(len(urns), size)
    others = urns.sum(axis=1)
    for answer in range(urns.shape[1] - 1):
        others = others - urns[:, answer]
        drawn[:, answer] = rng.hypergeometric(urns[:, answer], others, left)
        left = left - drawn[:, answer]
    drawn[:, -1] = left
    return drawn


def relabelled_gaps(
    values: FloatArray, n_treated: int, *, rng: np.random.Generator, n_resamples: int
) -> Iterator[FloatArray]:
    """Draw the differences between the arms' means if whole units fell to the arms at random.

    Parameters
    ----------
    values : ndarray of float64, shape (units, Q)
        Such as each persona's answer shares.
    n_treated : int
        Units in the treated arm.
    rng : numpy.random.Generator
    n_resamples : int
        B, at least 1.

    Yields
    ------
    ndarray of float64, shape (draws, Q)
        B rows in all, in parts of `LABELS_AT_ONCE` labels.

    Examples
    --------
    >>> import numpy as np
    >>> (part,) = relabelled_gaps(np.array([[1.0], [0.0]]), 1, rng=np.random.default_rng(0), n_resamples=50)
    >>> np.unique(part).tolist()
    [-1.0, 1.0]
    """
    in_treated = np.arange(len(values)) < n_treated
    at_once = max(1, LABELS_AT_ONCE // max(values.shape))
    for start in range(0, n_resamples, at_once):
        labels = np.broadcast_to(in_treated, (min(at_once, n_resamples - start), len(values)))
        yield gaps_of_means(values, rng.permuted(labels, axis=1))


def gaps_of_means(values: FloatArray, in_treated: BoolArray) -> FloatArray:
    """Return the treated units' mean less the others' for each row of labels, shape (rows, Q)."""
    n_treated = in_treated[0].sum()
    sums = in_treated.astype(np.float64) @ values
    return np.asarray(sums / n_treated - (values.sum(axis=0) - sums) / (len(values) - n_treated))


def sequential_pvalue(draw: Callable[[int], FloatArray], observed: float, *, n_resamples: int) -> tuple[float, int]:
    """Draw a statistic under the null hypothesis until the p-value is known well enough.

    Drawing stops at the l-th draw if that is the `ENOUGH_REACHED`-th (h-th) to reach the observed statistic, with
    p = h/l; else after all, with p = (1 + b) / (1 + B), as `grown_tail`. Either way P(p <= u) <= u under the null
    hypothesis, the observed statistic being exchangeable with the draws. So large p-values cost few draws, with a
    relative standard error of about ``1/sqrt(h)``.

    Parameters
    ----------
    draw : callable
        Given a number of draws, returns as many statistics, shape (that number,).
    observed : float
        On the scale of the draws, which is not far below 1.
    n_resamples : int
        B, the most that are drawn unless p is very small; at least 1.

    Returns
    -------
    pvalue : float
        In (0, 1].
    n_drawn : int
        Draws that it rests on.

    Raises
    ------
    ValueError
        If `n_resamples` is below 1.

    Notes
    -----
    Besag and Clifford (1991), Biometrika 78, 301-304; Phipson and Smyth (2010), Statistical Applications in
    Genetics and Molecular Biology 9(1), article 39.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> pvalue, drawn = sequential_pvalue(rng.standard_normal, 1.0, n_resamples=9999)
    >>> round(pvalue, 2), drawn < 9999
    (0.15, True)
    """
    check_positive(n_resamples=n_resamples)
    least = observed - TIE_TOLERANCE * max(1.0, abs(observed))
    reached = drawn = 0
    while drawn < n_resamples:
        batch = draw(min(DRAWN_AT_ONCE, n_resamples - drawn)) >= least
        if reached + np.count_nonzero(batch) >= ENOUGH_REACHED:
            drawn += int(np.flatnonzero(batch)[ENOUGH_REACHED - reached - 1]) + 1
            return ENOUGH_REACHED / drawn, drawn
        reached += int(np.count_nonzero(batch))
        drawn += batch.size

    def count(n: int) -> int:
        sizes = [min(DRAWN_AT_ONCE, n - start) for start in range(0, n, DRAWN_AT_ONCE)]
        return sum(int(np.count_nonzero(draw(size) >= least)) for size in sizes)

    return grown_tail(count, reached, drawn)


def grown_tail(count: Callable[[int], int], reached: int, drawn: int) -> tuple[float, int]:
    """Return (1 + b) / (1 + B), after further draws where b is small.

    Still P(p <= u) <= u under the null hypothesis: where draws are added, p is that of all of them or, had they not
    been added, above ``FEW_REACHED / (1 + drawn)``; so it is below u only if one of two valid p-values is, and which of
    the two counts is decided by u.

    Parameters
    ----------
    count : callable
        Given a number of draws, makes them and returns how many reach the observed statistic.
    reached, drawn : int
        b and B so far.

    Returns
    -------
    pvalue : float
        In (0, 1].
    n_drawn : int
        B in the end: `drawn`, or `GROWTH` times it.

    Examples
    --------
    >>> grown_tail(lambda n: 0, 0, 9999)
    (5.0004750451292875e-06, 199980)
    >>> grown_tail(lambda n: 0, 99, 9999)
    (0.01, 9999)
    """
    if reached < FEW_REACHED:
        more = (GROWTH - 1) * drawn
        reached, drawn = reached + count(more), drawn + more
    return (1 + reached) / (1 + drawn), drawn
