"""The excess T of the plug-in: its distance less the exact mean with no drift given the margins."""

from typing import NamedTuple

import numpy as np

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift import distance

__all__ = ["Excess", "null_means", "of_sizes"]


class Excess(NamedTuple):
    """What is needed for the excess T: the arms' sizes (P, 1), and the null mean of an answer by its margin."""

    n_treated: IntArray
    n_control: IntArray
    offsets: IntArray
    null_means: FloatArray

    def of(self, treated: IntArray, control: IntArray) -> FloatArray:
        """Return T, averaged over personas, of logs of shape (..., P, K)."""
        return np.asarray(self.by_persona(treated, control).mean(axis=-1))

    def by_persona(self, treated: IntArray, control: IntArray) -> FloatArray:
        """Return T of each persona of logs of shape (..., P, K)."""
        distance = 0.5 * np.abs(treated / self.n_treated - control / self.n_control)
        return np.asarray((distance - self.null_means[self.offsets + treated + control]).sum(axis=-1))


def of_sizes(n_treated: IntArray, n_control: IntArray) -> Excess:
    """Return what is needed for T of personas with these numbers of answers, shape (P,).

    Examples
    --------
    >>> excess = of_sizes(np.array([5]), np.array([5]))
    >>> [float(excess.of(np.array([[5, 0]]), np.array([[k, 5 - k]])).round(3)) for k in (5, 4, 0)]
    [0.0, 0.0, 0.714]
    """
    sizes, which = np.unique(np.column_stack([n_treated, n_control]), axis=0, return_inverse=True)
    tables = [null_means(int(n1), int(n0)) for n1, n0 in sizes]
    starts = np.cumsum([0, *(len(table) for table in tables[:-1])])
    offsets = starts[which.ravel()]
    return Excess(n_treated[:, None], n_control[:, None], offsets[:, None], np.concatenate(tables))


def null_means(n1: int, n0: int) -> FloatArray:
    """Return half the expected difference of an answer's shares with no drift, by how often it was given in all.

    For every margin at once, shape (n1 + n0 + 1,).
    """
    return distance.margin_null_means(np.arange(n1 + n0 + 1)[:, None], np.array([[n1]]), np.array([[n0]]))
