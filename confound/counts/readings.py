"""What columns of a counted log mean where their names do not say it, and what follows: the log, read anew.

The first count shows every label. Where it shows that a column means something else than its name says (an iteration
that numbers repetitions, items that cross personas, row numbers that are no persona) or that labels are to be written
otherwise, the log is counted once more in that reading. A log that needs none of this is counted once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from confound.counts import by_arm, scales, spelling
from confound.counts.counting import UNKNOWN_CODE, Grouped
from confound.counts.notes import Note
from confound.counts.options import Options
from confound.counts.totals import totals
from confound.errors import InputError
from confound.log.layout import Layout
from confound.log.response_table import ALONE, Responses

MOST_ARMS = 300
FEW_MEET = 0.2  # share of personas and items that are in several arms
ROUNDED = re.compile(r"\d(?:\.\d+)?[eE]\+?\d{2,}")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a log is to be read.

    Attributes
    ----------
    log : Responses
        The log in this reading.
    changed : bool
        Whether it has to be counted once more.
    notes : tuple of Note
        What was decided.
    """

    log: Responses
    changed: bool
    notes: tuple[Note, ...]


def settled(log: Responses, grouped: Grouped, options: Options, layout: Layout, *, adjusted: bool) -> Reading:
    """Settle how a counted log is to be read.

    Parameters
    ----------
    log, grouped : Responses, Grouped
        The log as it stands, and its count.
    options, layout : Options, Layout
        What the user says.
    adjusted : bool
        Whether a run's own files say that the iterations are those of adjustment.

    Raises
    ------
    InputError
        Where personas cannot be told apart.
    """
    _check_personas(grouped, log)
    if len(grouped.labels["arm"]) > MOST_ARMS:
        raise InputError(
            f"{log.name}: column '{log.origin.get('arm', 'arm')}' holds {len(grouped.labels['arm']):,} different "
            f"labels, and {MOST_ARMS:,} arms can be compared. If another column is the arm, name it with --arm"
        )
    read, notes = log, [Note("note", sentence) for sentence in log.said]
    notes += _persona_notes(grouped)
    if not (adjusted or layout.says_iteration) and _is_repetition(grouped, log):
        read = read.with_repetitions()
        notes.append(
            Note(
                "warning",
                "Column 'iteration' was read as the number of a repetition (trial): it numbers the answers of each "
                "persona, arm and question, and nothing says that personas were changed between. If it counts "
                "iterations of adjustment, say --iteration iteration.",
            )
        )
    stray = by_arm.stray_arms(grouped, log.origin.get("arm", "arm"))
    if stray:
        read = read.without_arms(_raw(log, "arm", list(stray)))
        reasons = "; ".join(f"'{name}': {why}" for name, why in stray.items())
        notes.append(Note("warning", f"Arms were left out that seem to be stray rows. {reasons}."))
    labels = spelling.settled(grouped, options)
    read = _respelled(read, labels)
    notes += labels.notes
    crossed = _crossed(grouped, options)
    if crossed and not _items_meet(grouped):
        notes.append(
            Note(
                "warning",
                "Column 'item' is not used: personas are in several arms, but hardly any met the same item in two, so "
                "that it seems to number rows, or to be written otherwise in each arm.",
            )
        )
    elif crossed:
        once = _once(grouped, crossed)
        read = read.with_strata(_raw(log, "question", crossed), by_item=once)
        notes.append(_strata_note(grouped, crossed, once=once))
    if options.design == "between" and _shared(grouped):
        read = read.with_personas_by_arm()
        notes.append(
            Note(
                "note",
                "The same names of personas stand in several arms. --design between says that different people are in "
                "each arm, so equal names are taken for different people.",
            )
        )
    if "item" in read.columns:  # from here on it is part of the persona, or does not count
        read = replace(read, columns=read.columns - {"item"})
    return Reading(read, read is not log, tuple(notes))


def _persona_notes(grouped: Grouped) -> list[Note]:
    """Say where there is one stratum, and ask where personas and arms look exchanged."""
    if grouped.labels["persona"] == (ALONE,):
        message = (
            "No column says who answered, so all answers are of one persona, the model itself: one stratum. If there "
            "are personas, name their column with --persona."
        )
        return [Note("warning", message)]
    n_personas, n_arms = len(grouped.labels["persona"]), len(grouped.labels["arm"])
    if n_arms > max(2, n_personas):
        message = (
            f"There are {n_arms:,} arms and {n_personas:,} personas. If these columns are exchanged, say which is "
            "which with --persona and --arm."
        )
        return [Note("warning", message)]
    return []


def _check_personas(grouped: Grouped, log: Responses) -> None:
    rounded = [name for name in grouped.labels["persona"] if ROUNDED.fullmatch(name)]
    if rounded:
        raise InputError(
            f"{log.where('persona', rounded[:10])}: numbers rounded to {len(grouped.labels['persona'])} names, so that "
            "different personas may have one name. Write the column as text, such as with pandas.read_csv(..., "
            "dtype={'persona': str}) where it was made"
        )


def _is_repetition(grouped: Grouped, log: Responses) -> bool:
    """Tell whether the iteration numbers single answers: one of each persona, arm and question in each iteration."""
    roles = grouped.labels["role"]
    adjusted = any(role in roles for role in ("retention", "confounder")) or grouped.labels["specified"]
    several = len(grouped.labels["iteration"]) > 1
    if not several or "trial" in log.columns or adjusted or grouped.labels["source_arm"]:
        return False
    return bool((totals(grouped, *_ASKED)[1] == 1).all())


_ASKED = ("study", "model", "iteration", "persona", "arm", "question", "item")


def _respelled(log: Responses, labels: spelling.Spelling) -> Responses:
    """Write answers and arms as settled, whatever their spelling in the log."""
    read = log
    if labels.answers:
        new: dict[tuple[str, str], str | None] = {}
        for question, response in log.distinct("question", "response"):
            if question is not None and response is not None:
                key = (scales.label(question) or "", scales.canonical(response) or "")
                if key in labels.answers:
                    new[question, response] = labels.answers[key]
        read = read.respelled(new)
    for column, names in (("arm", labels.arms), ("question", labels.questions)):
        if names:
            held = [text for (text,) in log.distinct(column) if text is not None]
            written = {text: names[name] for text in held if (name := scales.label(text) or "") in names}
            read = read.renamed(column, written)
    return read


def _raw(log: Responses, column: str, names: Sequence[str]) -> list[str]:
    """Return how labels stand in the log."""
    return [text for (text,) in log.distinct(column) if text is not None and scales.label(text) in names]


def _crossed(grouped: Grouped, options: Options) -> list[str]:
    """Return the negative controls about which one persona was asked for several items, the same in several arms."""
    if len(grouped.labels["item"]) < 2:
        return []
    rows = grouped.rows(grouped.codes["item"] != UNKNOWN_CODE)
    pairs, _ = totals(rows, "question", "study", "model", "persona", "item")
    held, n_items = np.unique(pairs[:4], axis=1, return_counts=True)
    several = {grouped.labels["question"][code] for code in np.unique(held[0, n_items > 1])}
    controls = [code for code, role in enumerate(grouped.labels["role"]) if role == "negative_control"]
    recorded = np.unique(grouped.codes["question"][np.isin(grouped.codes["role"], controls)])
    by_role = {grouped.labels["question"][code]: "negative_control" for code in recorded}
    return sorted(q for q in several if (options.role(q) or by_role.get(q)) == "negative_control")


def _items_meet(grouped: Grouped) -> bool:
    """Tell whether personas who are in several arms meet the same items there."""
    rows = grouped.rows(grouped.codes["item"] != UNKNOWN_CODE)
    place, _ = totals(rows, "study", "model", "persona", "item", "arm")
    strata, arms = np.unique(place[:4], axis=1, return_counts=True)
    people = np.unique(place[[0, 1, 2, 4]], axis=1)
    crossing = np.unique(people[:3], axis=1, return_counts=True)[1].max() > 1
    return not crossing or bool((arms > 1).mean() >= FEW_MEET) or not strata.size


def _once(grouped: Grouped, questions: Sequence[str]) -> bool:
    """Tell whether personas answer some questions once about each item."""
    codes = [grouped.labels["question"].index(name) for name in questions]
    rows = grouped.rows(np.isin(grouped.codes["question"], codes) & (grouped.codes["item"] != UNKNOWN_CODE))
    return bool((totals(rows, *_ASKED)[1] == 1).all())


def _strata_note(grouped: Grouped, questions: Sequence[str], *, once: bool) -> Note:
    n = len(grouped.labels["item"])
    if once:
        return Note(
            "note",
            f"The stratum of {', '.join(questions)} is the item (column 'item', {n:,} of them), for each persona "
            "answered once about each: the personas stand in the place of trials, and 'n_personas' counts items. The "
            "distance is that between the arms' answers about the same item; single users may be farther apart.",
        )
    return Note(
        "note",
        f"The stratum of {', '.join(questions)} is the persona and the item (column 'item', {n:,} of them): distances "
        "are taken between answers about the same item, and 'n_personas' counts these strata.",
    )


def _shared(grouped: Grouped) -> bool:
    """Tell whether a name of a persona stands in several arms of a study and model."""
    place, _ = totals(grouped, "study", "model", "persona", "arm")
    return bool(np.unique(place[:3], axis=1).shape[1] < place.shape[1])


def row_number_notes(grouped: Grouped, log: Responses) -> list[Note]:
    """Warn where personas are called 0, 1, 2, ... in every arm, which row numbers of separate files are too."""
    names = grouped.labels["persona"]
    if "trial" in log.columns or not all(name.isdecimal() for name in names):
        return []
    numbers = sorted(map(int, names))
    if len(numbers) < 2 or numbers not in (list(range(len(numbers))), list(range(1, len(numbers) + 1))):
        return []
    if not _shared(grouped) or (totals(grouped, *_ASKED)[1] != 1).any():
        return []
    return [
        Note(
            "warning",
            f"Personas are called {numbers[0]} to {numbers[-1]} in every arm, and each answers once. If these are row "
            "numbers, different people have one name: say --design between, which takes them for different people.",
        )
    ]
