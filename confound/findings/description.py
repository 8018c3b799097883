"""What `confound check` shows: the questions and the contrasts of a log, before any statistic."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from confound.counts.prepare import CountedLog
from confound.findings import data, schema, warnings
from confound.findings.findings import Description
from confound.findings.schema import CONTRAST, ITERATION, MODEL, QUESTION, STUDY, Column, Schema

QUESTIONS = Schema(
    "questions",
    "A question in a study",
    (
        STUDY,
        QUESTION,
        Column("role", "text", "outcome, negative_control, confounder or retention"),
        Column("scale", "text", "nominal, ordinal or continuous"),
        Column("answers", "text", "From low to high if ordinal"),
        Column("order", "text", "Where the order of the answers comes from"),
    ),
)
CONTRASTS = Schema(
    "contrasts",
    "A comparison of two arms",
    (
        *(STUDY, MODEL, ITERATION, CONTRAST),
        Column("design", "text", "within or between"),
        Column("n_personas", "count", "Personas"),
        Column("n_control", "count", "Answers in the control arm"),
        Column("n_treated", "count", "Answers in the treated arm"),
    ),
)


COLUMNS = Schema(
    "columns",
    "A column of the log",
    (
        Column("column", "text", "Of the response table; empty if nothing reads it"),
        Column("taken_from", "text", "The log's own column or columns"),
    ),
)


def described(counted: CountedLog, settings: Mapping[str, Any]) -> Description:
    """Describe a counted log."""
    tables = (_columns(counted), _questions(counted), _contrasts(counted), data.frame(counted.cells))
    return Description(*tables, _warnings(counted), settings)


def _columns(counted: CountedLog) -> pd.DataFrame:
    read = [{"column": column, "taken_from": own} for column, own in counted.origin.items()]
    return schema.frame([*read, *({"column": "", "taken_from": own} for own in counted.unused)], COLUMNS)


def _questions(counted: CountedLog) -> pd.DataFrame:
    rows = {
        (cell.study, cell.question): {
            "study": cell.study,
            "question": cell.question,
            "role": cell.role,
            "scale": cell.scale.kind,
            "answers": ", ".join(cell.scale.answers) or "numbers",
            "order": cell.scale.source,
        }
        for cell in counted.cells
    }
    return schema.frame(rows.values(), QUESTIONS)


def _contrasts(counted: CountedLog) -> pd.DataFrame:
    keys = ("study", "model", "iteration", "contrast")
    rows = {}
    for contrast in counted.contrasts:
        place = {key: contrast.place[key] for key in keys}
        sizes = {"n_personas": contrast.n_personas, "n_control": contrast.control.n, "n_treated": contrast.treated.n}
        rows[tuple(place.values())] = {**place, "design": contrast.design, **sizes}
    return schema.frame(rows.values(), CONTRASTS)


def _warnings(counted: CountedLog) -> pd.DataFrame:
    return warnings.frame(warnings.data_notes(counted))
