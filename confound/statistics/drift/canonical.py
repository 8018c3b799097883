"""Counts in an order of their own, so that no draw depends on what personas, answers or controls are called."""

from typing import Any, NamedTuple

import numpy as np

from confound.statistics.arrays import IntArray
from confound.statistics.drift.refinement import Table, distinct_ranks, ranked

# Sums and sorted counts: what is known of an answer or a control whatever the order of the rest.
Key = tuple[Any, ...]

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
    entries = ranked(by_arm.reshape(-1, by_arm.shape[2])).reshape(by_arm.shape[:2])
    by_arm = by_arm[:, _columns(entries, np.zeros(len(by_arm), dtype=np.int64), _keys(by_arm))]
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
    keys: list[Key] = [
        (*(int(arm[:, k].sum()) for arm in kept), *(tuple(sorted(arm[:, k].tolist())) for arm in kept))
        for k in range(int(given.sum()))
    ]
    answers = _columns(np.concatenate(kept), np.repeat(np.arange(len(arms)), [len(arm) for arm in kept]), keys)
    return [arm[:, answers][_order(arm[:, answers])] for arm in kept]


def conversations(codes: IntArray) -> Conversations:
    """Put personas, conversations, controls and answers into an order that only the answers given decide.

    Parameters
    ----------
    codes : ndarray of int64, shape (personas, 2, trials, Q)
        As `several_controls.step_down_maxt` takes them.
    """
    recoded, controls = _in_order(codes)
    ordered = recoded[..., controls]
    for persona in ordered:
        for arm in persona:
            arm[:] = arm[_order(arm)]
    return Conversations(ordered[_order(ordered.reshape(len(ordered), -1))], controls)


def _in_order(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the codes and the order of the controls that how the answers were given decides."""
    questions = [codes[..., q] for q in range(codes.shape[3])]
    given = [np.unique(question[question >= 0]) for question in questions]
    keys = [_keys(_by_answer(question, answers)) for question, answers in zip(questions, given, strict=True)]
    recoded = _recoded(questions, given, [_places(key) for key in keys])
    of_controls: list[Key] = [tuple(map(tuple, sorted(_by_persona(question).tolist()))) for question in recoded]
    if all(len(set(key)) == len(key) for key in (of_controls, *keys)):
        return np.stack(recoded, axis=3), np.argsort(_places(of_controls))
    return _told_apart(questions, given, keys)


def _told_apart(questions: list[IntArray], given: list[IntArray], keys: list[list[Key]]) -> tuple[IntArray, IntArray]:
    """Do as `_in_order` where keys of answers or of controls are equal: by the conversations that they share."""
    n_personas, _, n_trials = questions[0].shape
    entries = [question[..., None] == answers for question, answers in zip(questions, given, strict=True)]
    sizes = [len(answers) for answers in given]
    table = Table(
        np.concatenate(entries, axis=3).reshape(n_personas * 2 * n_trials, -1).astype(np.int64),
        row_families=np.repeat(np.arange(n_personas), 2 * n_trials),
        column_families=np.repeat(np.arange(len(given)), sizes),
    )
    columns = _places([(tuple(sorted(key)), answer) for key in keys for answer in key])
    ranks = distinct_ranks(table, np.tile(np.repeat([0, 1], n_trials), n_personas), columns)
    by_control = np.split(ranks, np.cumsum(sizes)[:-1])
    recoded = _recoded(questions, given, by_control)
    return np.stack(recoded, axis=3), np.argsort(_places([tuple(sorted(rank.tolist())) for rank in by_control]))


def _recoded(questions: list[IntArray], given: list[IntArray], places: list[IntArray]) -> list[IntArray]:
    """Return codes that are the answers' places; -1 stays."""
    recoded = []
    for question, answers, place in zip(questions, given, places, strict=True):
        # -1 takes the last entry, which is -1.
        numbers = np.full(int(question.max()) + 2, -1, dtype=np.int64)
        numbers[answers[np.argsort(place, kind="stable")]] = np.arange(len(answers))
        recoded.append(numbers[question])
    return recoded


def _by_answer(codes: IntArray, answers: IntArray) -> IntArray:
    """Return each persona's count of each answer by arm, shape (personas, answers, 2)."""
    return np.asarray((codes[..., None] == answers).sum(axis=2).swapaxes(1, 2))


def _by_persona(codes: IntArray) -> IntArray:
    """Return each persona's count of each answer, arm after arm, shape (personas, 2 answers)."""
    return np.asarray((codes[..., None] == np.arange(int(codes.max()) + 1)).sum(axis=2).reshape(len(codes), -1))


def _keys(counts: IntArray) -> list[Key]:
    """Return answers' sums by arm, then their counts in whatever order of strata; counts (strata, answers, arms)."""
    sums, by_answer = counts.sum(axis=0).tolist(), counts.swapaxes(0, 1).tolist()
    return [(*total, *map(tuple, sorted(rows))) for total, rows in zip(sums, by_answer, strict=True)]


def _places(keys: list[Key]) -> IntArray:
    """Return the place of each key in their order, equal keys having equal places."""
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([places[key] for key in keys], dtype=np.int64)


def _columns(entries: IntArray, groups: IntArray, keys: list[Key]) -> IntArray:
    """Return the order of the columns by their keys, or where keys are equal by the rows; rows of a group are alike."""
    places = _places(keys)
    if len(set(keys)) < len(keys):
        n_rows, n_columns = entries.shape
        places = distinct_ranks(Table(entries, np.arange(n_rows), np.arange(n_columns)), groups, places)
    return np.argsort(places)


def _order(rows: IntArray) -> IntArray:
    return np.asarray(np.lexsort(rows.T[::-1]))
