"""Labels that differ by arm: people, items and answers that would be the same if they were written the same.

An arm with its own spelling of everything looks like an arm with other people. What cannot be merged safely is told.
"""

from collections.abc import Collection, Iterator

import numpy as np

from confound.counts.counting import UNKNOWN_CODE, Grouped
from confound.counts.notes import Note
from confound.counts.scales import FloatArray
from confound.counts.totals import totals

LARGE = 10  # personas of an arm beside which an arm of one is a stray row
APART = 0.5  # share of answers in one arm alone, in both arms, that is told
SHOWN = 3
MOST_CELLS = 2e7
MOST_LABELS = 30  # answers of a question, beyond which they are measurements


def stray_arms(grouped: Grouped, arm_column: str) -> dict[str, str]:
    """Return arms that are no arms, and why: repeated headers, and arms of one persona who is in no other.

    Parameters
    ----------
    grouped : Grouped
        The counted log.
    arm_column : str
        What the log calls the column.
    """
    pairs, _ = totals(grouped, "arm", "persona")
    arms = np.bincount(pairs[1], minlength=len(grouped.labels["persona"]))
    found: dict[str, str] = {}
    sizes = {code: pairs[1, pairs[0] == code] for code in np.unique(pairs[0])}
    largest = max(map(len, sizes.values()))
    for code, personas in sizes.items():
        name = grouped.labels["arm"][code]
        alone = len(personas) == 1 and arms[personas[0]] == 1
        if alone and name.casefold() == arm_column.casefold():
            found[name] = "a row repeats the header"
        elif alone and largest >= LARGE:
            found[name] = f"it holds one persona, {grouped.labels['persona'][personas[0]]!r}, who is in no other arm"
    return found if len(sizes) - len(found) >= 2 else {}


def notes(grouped: Grouped, questions: Collection[str]) -> Iterator[Note]:
    """Tell where arms share no personas, or few answers, that they would share in another spelling."""
    yield from _personas(grouped)
    yield from _answers(grouped, questions)


def folded(name: str) -> str:
    """Return what spellings of one person share: no case, no blanks and signs, no leading zeros.

    >>> folded("Ann A.") == folded("ANN-a") and folded("007") == folded("7")
    True
    """
    plain = "".join(letter for letter in name.casefold() if letter.isalnum())
    return plain.lstrip("0") or plain


def _personas(grouped: Grouped) -> Iterator[Note]:
    place, _ = totals(grouped, "study", "model", "arm", "persona")
    labels = grouped.labels
    for study, model in np.unique(place[:2], axis=1).T:
        mine = place[:, (place[0] == study) & (place[1] == model)]
        names = {arm: {labels["persona"][p] for p in mine[3, mine[2] == arm]} for arm in np.unique(mine[2])}
        if len(names) < 2 or set.intersection(*names.values()):
            continue
        alike = [{folded(name) for name in held} for held in names.values()]
        shared = set.intersection(*alike)
        if 2 * len(shared) >= min(map(len, alike)) > 1:
            both = min(shared)
            example = [next(name for name in sorted(held) if folded(name) == both) for held in names.values()]
            message = (
                f"No persona is in two arms, but {len(shared):,} would be if case, blanks and leading zeros did not "
                f"count, such as {' and '.join(map(repr, example[:2]))}. They count as different people. If they are "
                "not, write their names alike."
            )
            yield Note("warning", message, study=labels["study"][study], model=labels["model"][model])


def _answers(grouped: Grouped, questions: Collection[str]) -> Iterator[Note]:
    keys = ("study", "question", "arm", "response")
    labels = grouped.labels
    shape = tuple(len(labels[key]) for key in keys)
    if np.prod(shape, dtype=np.float64) > MOST_CELLS:  # measurements, which rarely repeat
        return
    codes, n = totals(grouped, *keys)
    known = codes[-1] != UNKNOWN_CODE
    counts = np.zeros(shape)
    counts[tuple(codes[:, known])] = n[known]
    for study, by_question in zip(labels["study"], counts, strict=True):
        for question, table in zip(labels["question"], by_question, strict=True):
            own = _own_answers(table[table.sum(axis=1) > 0]) if question in questions else []
            if len(own) > 1:
                shown = " and ".join(repr(labels["response"][answer]) for answer in own[:SHOWN])
                message = (
                    f"Most answers of an arm are given in no other, such as {shown}. If they are the same answers "
                    "written otherwise, say --merge: now they make most of the distance."
                )
                yield Note("warning", message, study=study, question=question)


def _own_answers(table: FloatArray) -> list[int]:
    """Return, of each arm most of whose answers no other arm gives, the most frequent of these."""
    given = (table > 0).sum(axis=0)
    if len(table) < 2 or (given > 0).sum() > MOST_LABELS:
        return []
    alone = given == 1
    share = table[:, alone].sum(axis=1) / table.sum(axis=1)
    return [int(np.argmax(np.where(alone, row, 0))) for row, part in zip(table, share, strict=True) if part >= APART]
