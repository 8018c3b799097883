"""The table `warnings`: what an analyst should know about the data before trusting a number."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from confound.counts import data_warnings
from confound.counts.contrasts import Contrast, gathered
from confound.counts.notes import Note
from confound.counts.prepare import CountedLog
from confound.failures import Failure
from confound.findings import schema
from confound.findings.schema import Column, Schema
from confound.statistics.effect import difference
from confound.statistics.multiplicity import holm

UNKNOWN_LEVEL = 0.05  # of all contrasts and questions of a study and model together
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
    return [
        *counted.notes,
        *contrast_notes(made_of),
        *data_warnings.constant_notes(made_of),
        *data_warnings.unasked_notes(made_of),
        *counted.unasked,
    ]


def contrast_notes(contrasts: Sequence[Contrast]) -> list[Note]:
    """Note personas left out and Unknown that differs by arm, gathered over the questions of a study and model."""
    left_out: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for contrast in contrasts:
        cell = contrast.cell
        if contrast.left_out:
            key = (cell.study, cell.model, contrast.label, contrast.design)
            left_out[key] = max(left_out[key], contrast.left_out)
    notes = []
    for (study, model, label, design), n in left_out.items():
        reason = "being in one arm alone" if design == "within" else "being in both arms of a between-subjects design"
        notes.append(
            Note("warning", f"{label}: up to {n:,} personas are left out, {reason}.", study=study, model=model)
        )
    return notes + _unknown_notes(contrasts)


def _unknown_notes(contrasts: Sequence[Contrast]) -> list[Note]:
    """Warn of Unknown that differs by arm: one warning for a study and model, whose contrasts are one family."""
    notes = []
    for (study, model), group in gathered(contrasts, "study", "model").items():
        tested = [(contrast, *_unknown_gap(contrast)) for contrast in group if contrast.has_unknown]
        adjusted = holm([pvalue for _, _, pvalue in tested])
        stand: dict[tuple[str, str], float] = {}
        for (contrast, gap, _), pvalue in zip(tested, adjusted, strict=True):
            key = contrast.label, contrast.cell.question
            if pvalue < UNKNOWN_LEVEL and abs(gap) >= max(UNKNOWN_GAP, abs(stand.get(key, 0))):
                stand[key] = gap
        if stand:
            message = f"{_unknown_named(stand)}; refusals can make or mask a distance."
            notes.append(Note("warning", message, study=study, model=model))
    return notes


def _unknown_named(stand: Mapping[tuple[str, str], float]) -> str:
    """Name the questions, by contrast where there are several; of the iterations the largest gap is shown."""
    labels = dict.fromkeys(label for label, _ in stand)
    said = []
    for label in labels:
        named = [f"{question} ({gap:+.0%})" for (of, question), gap in stand.items() if of == label]
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        said.append(f"{label}: the share of Unknown differs by arm for {', '.join(named[:SHOWN])}{more}")
    shown = "; ".join(said[:SHOWN])
    return shown + (f"; and in {len(said) - SHOWN} more contrasts" if len(said) > SHOWN else "")


def _unknown_gap(contrast: Contrast) -> tuple[float, float]:
    """Return the difference in the share of Unknown, and its p-value."""
    shares = [side.missing[:, None] for side in (contrast.treated, contrast.control)]
    compare = difference.paired_difference if contrast.design == "within" else difference.welch_difference
    result = compare(*shares)
    return float(result.estimate[0]), float(result.pvalue[0])
