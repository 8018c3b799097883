"""Counts in an order of their own, so that no draw depends on what personas, answers or controls are called."""

from typing import NamedTuple

import numpy as np

from confound.statistics.arrays import IntArray

__all__ = ["Conversations", "conversations", "samples", "several_strata", "strata"]


class Conversations(NamedTuple):
    """Conversations in canonical order.

    Attributes
    ----------
    codes : ndarray of int64, shape (personas, 2, trials, Q)
    controls : ndarray of int64, shape (Q,)
        Which of the given controls stands at each place.
    """

    codes: IntArray
    controls: IntArray


def strata(treated: IntArray, control: IntArray) -> tuple[IntArray, IntArray]:
    """Put strata and answers of two arms into an order that only their counts decide; answers never given are left out.

    Parameters
    ----------
    treated, control : ndarray of int64, shape (strata, answers)

    Returns
    -------
    tuple of two ndarrays of int64, shape (strata, answers given)

    Examples
    --------
    >>> import numpy as np
    >>> one = strata(np.array([[1, 0, 2], [4, 0, 0]]), np.array([[0, 0, 3], [1, 0, 3]]))
    >>> other = strata(np.array([[0, 0, 4], [2, 0, 1]]), np.array([[3, 0, 1], [3, 0, 0]]))
    >>> all((a == b).all() for a, b in zip(one, other))
    True
    """
    ordered = several_strata(np.stack([treated, control], axis=1))
    return ordered[:, 0], ordered[:, 1]


def several_strata(counts: IntArray) -> IntArray:
    """Put strata and answers into an order that only their counts decide; answers never given are left out.

    Parameters
    ----------
    counts : ndarray of int64, shape (strata, arms, answers)

    Returns
    -------
    ndarray of int64, shape (strata, arms, answers given)
    """
    by_arm = np.moveaxis(counts, 1, 2)
    by_arm = by_arm[:, by_arm.any(axis=(0, 2))]
    by_arm = by_arm[:, _by_column(by_arm)]
    return np.moveaxis(by_arm[_order(by_arm.reshape(len(by_arm), -1))], 2, 1)


def samples(*arms: IntArray) -> list[IntArray]:
    """Put the personas of each arm, and the answers of all, into an order that only their counts decide.

    Parameters
    ----------
    *arms : ndarray of int64, shape (personas in the arm, answers)

    Returns
    -------
    list of ndarray of int64, shape (personas in the arm, answers given)
    """
    given = np.any([arm.any(axis=0) for arm in arms], axis=0)
    kept = [arm[:, given] for arm in arms]
    keys = [tuple(tuple(sorted(arm[:, k].tolist())) for arm in kept) for k in range(int(given.sum()))]
    answers = sorted(range(len(keys)), key=lambda k: ([arm[:, k].sum().tolist() for arm in kept], keys[k]))
    return [arm[:, answers][_order(arm[:, answers])] for arm in kept]


def conversations(codes: IntArray) -> Conversations:
    """Put personas, conversations, controls and answers into an order that only the answers given decide.

    Parameters
    ----------
    codes : ndarray of int64, shape (personas, 2, trials, Q)
        As `several_controls.step_down_maxt` takes them.
    """
    recoded = np.stack([_recoded(codes[..., q]) for q in range(codes.shape[3])], axis=3)
    keys = [sorted(_by_persona(recoded[..., q]).tolist()) for q in range(codes.shape[3])]
    controls = np.asarray(sorted(range(len(keys)), key=lambda q: keys[q]), dtype=np.int64)
    ordered = recoded[..., controls]
    for persona in ordered:
        for arm in persona:
            arm[:] = arm[_order(arm)]
    return Conversations(ordered[_order(ordered.reshape(len(ordered), -1))], controls)


def _recoded(codes: IntArray) -> IntArray:
    """Return a control's answers numbered by how often they were given, those of fewest first; -1 stays."""
    width = int(codes.max()) + 1
    counts = np.stack([(codes == answer).sum(axis=2) for answer in range(width)], axis=1)  # (personas, answers, 2)
    given = np.flatnonzero(counts.any(axis=(0, 2)))
    place = np.full(width + 1, -1, dtype=np.int64)
    place[given[_by_column(counts[:, given])]] = np.arange(len(given))
    return np.asarray(place[codes])  # -1 takes the last entry, which is -1


def _by_persona(codes: IntArray) -> IntArray:
    """Return each persona's count of each answer by arm, shape (personas, 2 answers)."""
    width = int(codes.max()) + 1
    return np.stack([(codes == answer).sum(axis=2) for answer in range(width)], axis=2).reshape(len(codes), -1)


def _by_column(counts: IntArray) -> list[int]:
    """Order answers (strata, answers, arms) by their sums by arm, then by their counts in whatever order of strata."""
    keys = [tuple(map(tuple, sorted(counts[:, k].tolist()))) for k in range(counts.shape[1])]
    return sorted(range(counts.shape[1]), key=lambda k: (*counts[:, k].sum(axis=0).tolist(), keys[k]))


def _order(rows: IntArray) -> IntArray:
    return np.asarray(np.lexsort(rows.T[::-1]))
