"""Answers by a few keys of a counted log: what the checks of labels look at."""

from collections.abc import Iterator

import numpy as np

from confound.counts.counting import Grouped, IntArray

BLOCK = 1 << 17  # rows; what is worked on stays in the processor's cache, for memory touched anew costs most
DENSE = 1 << 22  # cells that are cheap to hold at once


def totals(grouped: Grouped, *keys: str) -> tuple[IntArray, IntArray]:
    """Sum answers over all other keys.

    Parameters
    ----------
    grouped : Grouped
        The counted log.
    *keys : str
        Keys of its labels.

    Returns
    -------
    codes : ndarray of int64, shape (keys, combinations)
        The distinct combinations of labels' codes, in order; -1 where a label is missing.
    n : ndarray of int64, shape (combinations,)
        Answers of each.
    """
    shape = tuple(len(grouped.labels[key]) + 1 for key in keys)  # a missing label comes first
    size = np.prod(shape, dtype=np.float64)
    if size > np.iinfo(np.int64).max:  # no number for each combination
        rows = np.stack([np.asarray(grouped.codes[key], dtype=np.int64) for key in keys])
        codes, place = np.unique(rows, axis=1, return_inverse=True)
        return codes, np.bincount(place, weights=grouped.n).astype(np.int64)
    blocks = _blocks(grouped, keys, shape)
    if size <= min(DENSE, 4 * len(grouped.n)):
        sums = np.zeros(int(size), dtype=np.int64)
        for place, n in blocks:
            np.add.at(sums, place, n)
        found = np.flatnonzero(sums)
        sums = sums[found]
    else:
        found, place = np.unique(np.concatenate([place for place, _ in blocks]), return_inverse=True)
        sums = np.bincount(place, weights=grouped.n).astype(np.int64)
    return np.stack(np.unravel_index(found, shape)) - 1, sums


def _blocks(grouped: Grouped, keys: tuple[str, ...], shape: tuple[int, ...]) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the number of each row's combination and its answers, block by block."""
    for start in range(0, len(grouped.n), BLOCK):
        rows = slice(start, start + BLOCK)
        place = np.zeros(len(grouped.n[rows]), dtype=np.int64)
        for key, size in zip(keys, shape, strict=True):
            place *= size
            place += grouped.codes[key][rows]
            place += 1
        yield place, grouped.n[rows]
