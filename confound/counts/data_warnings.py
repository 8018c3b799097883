"""Input that can be analysed but is suspect: what to tell the analyst before any number is trusted."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from confound.counts.contrasts import Contrast
from confound.counts.counting import Grouped, IntArray
from confound.counts.notes import Note

MOSTLY = 0.5  # share of answers that are Unknown
SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Asked:
    """Each combination of persona, arm and question that was asked, with the range of a column of whole numbers.

    All arrays have shape (combinations,); `first` is the first grouped row of each; the range is empty (low > high)
    where the column holds no number.
    """

    first: IntArray
    n: IntArray
    n_numbered: IntArray
    low: IntArray
    high: IntArray


def _asked(grouped: Grouped, column: str) -> _Asked:
    """Gather the answers to what was asked, whatever was answered."""
    combined = np.zeros(len(grouped.n), dtype=np.int64)
    for key in ("study", "model", "iteration", "persona", "arm", "question", "source_arm", "item"):
        combined = combined * (len(grouped.labels[key]) + 1) + grouped.codes[key] + 1
    _, first, place = np.unique(combined, return_index=True, return_inverse=True)
    numbered = getattr(grouped, f"{column}_n")
    low, high = np.full(len(first), np.iinfo(np.int64).max), np.full(len(first), np.iinfo(np.int64).min)
    np.minimum.at(low, place[numbered > 0], getattr(grouped, f"{column}_low")[numbered > 0])
    np.maximum.at(high, place[numbered > 0], getattr(grouped, f"{column}_high")[numbered > 0])
    return _Asked(first, _sums(place, grouped.n), _sums(place, numbered), low, high)


def _sums(place: IntArray, values: IntArray) -> IntArray:
    return np.bincount(place, weights=values).astype(np.int64)


def repeats(grouped: Grouped) -> bool:
    """Tell whether a persona, arm and question has several answers that trial numbers do not tell apart."""
    asked = _asked(grouped, "trial")
    numbered = asked.n_numbered == asked.n
    told = numbered & (asked.n <= np.where(numbered, asked.high - asked.low, 0) + 1)
    return bool((~told & (asked.n > 1)).any())


def duplicate_notes(grouped: Grouped) -> list[Note]:
    """Warn where one persona, arm and question has more answers than its trial numbers can tell apart.

    With n answers numbered from `low` to `high`, n > high - low + 1 proves that a number stands there twice. Retention
    with a source arm is left out: the mixture and the 2 x 2 of one run may both hold it.
    """
    retention = [code for code, role in enumerate(grouped.labels["role"]) if role == "retention"]
    sourced = np.isin(grouped.codes["role"], retention) & (grouped.codes["source_arm"] >= 0)
    asked = _asked(grouped.rows(~sourced), "trial")
    numbered = np.flatnonzero(asked.n_numbered == asked.n)
    doubled = numbered[asked.n[numbered] > asked.high[numbered] - asked.low[numbered] + 1]
    if not len(doubled):
        return []
    row = np.flatnonzero(~sourced)[asked.first[doubled[0]]]
    example = " / ".join(
        f"{key} {grouped.labels[key][grouped.codes[key][row]]}" for key in ("persona", "arm", "question")
    )
    message = (
        f"Answers repeat a trial number in {len(doubled):,} of {len(asked.n):,} combinations of persona, arm and "
        f"question, such as {example}: the log may hold rows twice, which makes every test too sure."
    )
    return [Note("warning", message)]


def seed_notes(grouped: Grouped) -> list[Note]:
    """Warn where every persona and arm of a study and model was given the same seeds, and so the same noise."""
    asked = _asked(grouped, "seed")
    n_models = np.int64(len(grouped.labels["model"]))
    group = grouped.codes["study"][asked.first] * n_models + grouped.codes["model"][asked.first]
    notes = []
    for code in np.unique(group):
        rows = group == code
        seeds = np.stack([asked.low[rows], asked.high[rows]])
        if rows.sum() > 2 and (asked.n_numbered == asked.n)[rows].all() and (seeds == seeds[:, :1]).all():
            study, model = divmod(int(code), len(grouped.labels["model"]))
            message = (
                "Every persona, arm and question was given the same seed or seeds. An engine gives equal seeds equal "
                "noise, so that answers may not be independent, which every test here assumes."
            )
            notes.append(
                Note("warning", message, study=grouped.labels["study"][study], model=grouped.labels["model"][model])
            )
    return notes


def unasked_notes(contrasts: Sequence[Contrast]) -> list[Note]:
    """Warn of negative controls whose answers are mostly missing: blanks of what was not asked hide drift."""
    named: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for contrast in contrasts:
        share = (contrast.treated.n_unknown + contrast.control.n_unknown) / (contrast.treated.n + contrast.control.n)
        if contrast.cell.role == "negative_control" and share > MOSTLY:
            held = named[contrast.cell.study, contrast.cell.model]
            held[contrast.cell.question] = max(share, held.get(contrast.cell.question, 0))
    notes = []
    for place, shares in named.items():
        shown = ", ".join(f"{question} ({share:.0%})" for question, share in sorted(shares.items())[:SHOWN])
        message = (
            f"Most answers are Unknown in {shown}. Where a question was not asked there should be no row or, in a wide "
            "table, another file: Unknown counts as an answer, and so many hide a distance."
        )
        notes.append(Note("warning", message, *place))
    return notes


def constant_notes(contrasts: Sequence[Contrast]) -> list[Note]:
    """Note negative controls that everyone answered alike: they cannot show drift."""
    named: dict[tuple[str, str], set[str]] = defaultdict(set)
    for contrast in contrasts:
        if contrast.cell.role == "negative_control":
            seen = contrast.treated.answers.sum(axis=0) + contrast.control.answers.sum(axis=0)
            if (seen > 0).sum() == 1:
                named[contrast.cell.study, contrast.cell.model].add(contrast.cell.question)
    return [
        Note("note", f"Everyone gave the same answer to {', '.join(sorted(questions))}: no drift can show there.", *key)
        for key, questions in named.items()
    ]
