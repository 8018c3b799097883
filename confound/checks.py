"""Input that can be analysed but is suspect: what to tell the analyst before any number is trusted."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from confound import effects
from confound.cells import Cell
from confound.contrasts import Contrast
from confound.counts import Grouped, IntArray
from confound.notes import Note

CACHE_TRIALS = 5  # fewer equal answers in a row are no surprise
CACHE_SHARE = 0.95
UNKNOWN_LEVEL = 0.01
UNKNOWN_GAP = 0.02  # a significant difference below two points cannot move a distance by much
SHOWN = 3


def duplicate_notes(grouped: Grouped) -> list[Note]:
    """Warn where one persona, arm and question has more answers than its trial numbers can tell apart.

    With n answers numbered from `low` to `high`, n > high - low + 1 proves that a number stands there twice.
    """
    keys = ("study", "model", "iteration", "persona", "arm", "question")
    combined = np.zeros(len(grouped.n), dtype=np.int64)
    for key in keys:
        combined = combined * len(grouped.labels[key]) + grouped.codes[key]
    _, first, place = np.unique(combined, return_index=True, return_inverse=True)
    n, trial_n = _sums(place, grouped.n), _sums(place, grouped.trial_n)
    low, high = np.full(len(first), np.iinfo(np.int64).max), np.full(len(first), np.iinfo(np.int64).min)
    numbered = grouped.trial_n > 0
    np.minimum.at(low, place[numbered], grouped.trial_low[numbered])
    np.maximum.at(high, place[numbered], grouped.trial_high[numbered])
    doubled = np.flatnonzero((trial_n == n) & (n > np.maximum(high - low, 0) + 1))
    if not len(doubled):
        return []
    examples = [
        " / ".join(
            f"{key} {grouped.labels[key][grouped.codes[key][first[i]]]}" for key in ("persona", "arm", "question")
        )
        for i in doubled[:SHOWN]
    ]
    return [
        Note(
            "warning",
            f"Answers repeat a trial number in {len(doubled):,} of {len(first):,} combinations of persona, arm and "
            f"question, such as {examples[0]}: the log may hold rows twice, which makes every test too sure.",
        )
    ]


def _sums(place: IntArray, values: IntArray) -> IntArray:
    return np.bincount(place, weights=values).astype(np.int64)


def seed_notes(grouped: Grouped) -> list[Note]:
    """Warn where all conversations of a study and model used the same seeds, which gives them the same noise."""
    notes = []
    for study in np.unique(grouped.codes["study"]):
        for model in np.unique(grouped.codes["model"][grouped.codes["study"] == study]):
            rows = (grouped.codes["study"] == study) & (grouped.codes["model"] == model)
            seeds = grouped.seeds[rows]
            conversations = np.unique(np.stack([grouped.codes["persona"][rows], grouped.codes["arm"][rows]]), axis=1)
            if all(seed is not None for seed in seeds) and len(set(seeds)) == 1 and conversations.shape[1] > 2:
                message = (
                    "Every persona and arm used the same seed or seeds. An engine given one seed for all gives all the "
                    "same noise; answers are then not independent, and no test here holds."
                )
                notes.append(
                    Note("warning", message, study=grouped.labels["study"][study], model=grouped.labels["model"][model])
                )
    return notes


def cache_notes(cells: Sequence[Cell]) -> list[Note]:
    """Warn where trials hardly ever differ, as from a cache or at temperature 0."""
    tally: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    varied: set[tuple[str, str]] = set()
    for cell in cells:
        if not cell.scale.answers:
            continue
        totals = cell.answers.sum(axis=2)
        many = totals >= CACHE_TRIALS
        tally[cell.study, cell.model][0] += int((cell.answers.max(axis=2) == totals)[many].sum())
        tally[cell.study, cell.model][1] += int(many.sum())
        if (cell.answers[many].sum(axis=0) > 0).sum() > 1:
            varied.add((cell.study, cell.model))
    return [
        Note(
            "warning",
            f"In {equal:,} of {total:,} combinations of persona, arm and question all trials gave one answer: a cache "
            "or temperature 0 repeats answers, and repeated answers are not independent trials.",
            study=study,
            model=model,
        )
        for (study, model), (equal, total) in tally.items()
        if (study, model) in varied and equal >= CACHE_SHARE * total
    ]


def contrast_notes(contrasts: Sequence[Contrast]) -> list[Note]:
    """Note personas left out and Unknown that differs by arm, gathered over the questions of a study and model."""
    left_out: dict[tuple[str, str, str, str], int] = defaultdict(int)
    unknown: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for contrast in contrasts:
        cell = contrast.cell
        if contrast.left_out:
            key = (cell.study, cell.model, contrast.label, contrast.design)
            left_out[key] = max(left_out[key], contrast.left_out)
        gap = _unknown_gap(contrast)
        if gap is not None:
            unknown[cell.study, cell.model, contrast.label].append(f"{cell.question} ({gap:+.0%})")
    notes = []
    for (study, model, label, design), n in left_out.items():
        reason = "being in one arm alone" if design == "within" else "being in both arms of a between-subjects design"
        notes.append(
            Note("warning", f"{label}: up to {n:,} personas are left out, {reason}.", study=study, model=model)
        )
    for (study, model, label), named in unknown.items():
        shown = ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")
        message = f"{label}: the share of Unknown differs by arm for {shown}; refusals can make or mask a distance."
        notes.append(Note("warning", message, study=study, model=model))
    return notes


def _unknown_gap(contrast: Contrast) -> float | None:
    """Return the difference in the share of Unknown if it is both sure and large, else None."""
    if not contrast.treated.n_unknown + contrast.control.n_unknown:
        return None
    shares = [
        side.answers[:, -1:] / side.answers.sum(axis=1, keepdims=True) for side in (contrast.treated, contrast.control)
    ]
    compare = effects.paired_difference if contrast.design == "within" else effects.welch_difference
    result = compare(*shares)
    gap = float(result.estimate[0])
    return gap if abs(gap) >= UNKNOWN_GAP and result.pvalue[0] < UNKNOWN_LEVEL else None


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
