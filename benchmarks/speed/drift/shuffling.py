"""The label shuffles that the exact test replaces, from the fastest to the plainest.

Each takes both arms' counts, shape (personas, answers), with as many answers from every persona in every arm, and
returns the Monte Carlo p-value of the mean total variation distance.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Labels = Callable[[np.random.Generator, tuple[int, int, int]], NDArray[np.float32]]
LABELS_AT_ONCE = 2**20  # larger blocks leave the processor's cache, and are slower


def counts_only(treated: IntArray, control: IntArray, *, rng: np.random.Generator, n_resamples: int) -> float:
    """Draw a persona's shuffled counts without any label: they are multivariate hypergeometric."""
    margins = treated + control
    drawn = np.zeros(n_resamples)
    for margin, size in zip(margins, treated.sum(axis=1), strict=True):
        drawn += _excess(rng.multivariate_hypergeometric(margin, size, size=n_resamples, method="marginals"), margin)
    return _pvalue(drawn, _excess(treated, margins).sum())


def random_keys(treated: IntArray, control: IntArray, *, rng: np.random.Generator, n_resamples: int) -> float:
    """Treat the half of each persona's answers that drew the smaller random keys."""

    def labels(rng: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.float32]:
        keys, half = rng.random(shape), shape[-1] // 2
        return (keys < np.partition(keys, half, axis=-1)[..., half, None]).astype(np.float32)

    return _in_blocks(treated, control, labels, rng, n_resamples)


def permuted(treated: IntArray, control: IntArray, *, rng: np.random.Generator, n_resamples: int) -> float:
    """Shuffle each persona's labels by numpy's `Generator.permuted`."""

    def labels(rng: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.float32]:
        ordered = (np.arange(shape[-1]) < shape[-1] // 2).astype(np.float32)
        return rng.permuted(np.broadcast_to(ordered, shape), axis=-1)

    return _in_blocks(treated, control, labels, rng, n_resamples)


def plain(treated: IntArray, control: IntArray, *, rng: np.random.Generator, n_resamples: int) -> float:
    """Shuffle the labels of one persona after the other and count again: the loop as it is first written."""
    answers, margins = in_rows(treated, control), treated + control
    in_treated = np.arange(answers.shape[1]) < answers.shape[1] // 2
    drawn = np.zeros(n_resamples)
    for resample in range(n_resamples):
        for persona, margin in zip(answers, margins, strict=True):
            counts = np.bincount(persona[rng.permutation(in_treated)], minlength=margin.size)
            drawn[resample] += _excess(counts, margin)
    return _pvalue(drawn, _excess(treated, margins).sum())


def in_rows(treated: IntArray, control: IntArray) -> IntArray:
    """Return each persona's answers in a row, the treated arm's first, shape (personas, 2 n)."""
    kinds = np.arange(treated.shape[1])
    rows = [np.concatenate([np.repeat(kinds, a), np.repeat(kinds, b)]) for a, b in zip(treated, control, strict=True)]
    return np.stack(rows)


def _in_blocks(
    treated: IntArray, control: IntArray, labels: Labels, rng: np.random.Generator, n_resamples: int
) -> float:
    """Draw a block of resamples at a time, and count by a matrix product."""
    answers, margins = in_rows(treated, control), treated + control
    is_kind = (answers[..., None] == np.arange(treated.shape[1])).astype(np.float32)
    drawn = np.empty(n_resamples)
    at_once = max(1, LABELS_AT_ONCE // answers.size)
    for start in range(0, n_resamples, at_once):
        part = drawn[start : start + at_once]
        counts = labels(rng, (len(answers), part.size, answers.shape[1])) @ is_kind
        part[:] = _excess(counts, margins[:, None]).sum(axis=0)
    return _pvalue(drawn, _excess(treated, margins).sum())


def _excess(counts: NDArray[Any], margins: NDArray[Any]) -> NDArray[Any]:
    """Return n times the distance: whole numbers, so that a tie is a tie."""
    return np.maximum(0, 2 * counts - margins).sum(axis=-1)


def _pvalue(drawn: NDArray[np.float64], observed: float) -> float:
    return float((1 + np.count_nonzero(drawn >= observed)) / (1 + drawn.size))
