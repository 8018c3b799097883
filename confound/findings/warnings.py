"""The table `warnings`: what an analyst should know about the data before trusting a number."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import pandas as pd

from confound.counts import data_warnings
from confound.counts.contrasts import Contrast
from confound.counts.notes import Note
from confound.counts.prepare import CountedLog
from confound.failures import Failure
from confound.findings import schema
from confound.findings.schema import Column, Schema
from confound.statistics.effect import difference

UNKNOWN_LEVEL = 0.01
UNKNOWN_GAP = 0.02  # a significant difference below two points cannot move a distance by much
SHOWN = 3
SCHEMA = Schema(
    "warnings",
    "A remark on the data, or on what could not be made",
    (
        Column("level", "text", "`note`: what was done; `warning`: what may be wrong; `failure`: what is missing"),
        Column("study", "text", "The study that it is about, or empty"),
        Column("model", "text", "The model that it is about, or empty"),
        Column("question", "text", "The question that it is about, or empty"),
        Column("message", "text", "One sentence or two"),
    ),
)


def frame(notes: Iterable[Note], failures: Iterable[Failure] = ()) -> pd.DataFrame:
    """Return the table; of equal remarks one is kept."""
    told = [asdict(note) for note in dict.fromkeys(notes)]
    nowhere = {"study": "", "model": "", "question": ""}
    return schema.frame([*told, *({"level": "failure", **nowhere, "message": f.message} for f in failures)], SCHEMA)


LEVELS = ("failure", "warning", "note")


def remarks(warnings: pd.DataFrame, failures: Iterable[Failure] = ()) -> list[dict[str, str]]:
    """Return what to tell a reader: the table's rows and later failures, what is missing first and notes last."""
    told = frame([], failures)
    later = told[~told["message"].isin(warnings["message"])]
    rows = [{column: row[column] for column in SCHEMA.names} for f in (warnings, later) for _, row in f.iterrows()]
    return sorted(rows, key=lambda row: LEVELS.index(row["level"]))


def data_notes(counted: CountedLog) -> list[Note]:
    """Return all remarks on the data, in the order in which they are made."""
    made_of = counted.contrasts
    return [*counted.notes, *contrast_notes(made_of), *data_warnings.constant_notes(made_of), *counted.unasked]


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
    compare = difference.paired_difference if contrast.design == "within" else difference.welch_difference
    result = compare(*shares)
    gap = float(result.estimate[0])
    return gap if abs(gap) >= UNKNOWN_GAP and result.pvalue[0] < UNKNOWN_LEVEL else None
