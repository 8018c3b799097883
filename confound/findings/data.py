"""The table `data`: how much was asked and answered."""

from collections.abc import Iterable

import pandas as pd

from confound.counts.cells import Cell
from confound.findings import schema
from confound.findings.schema import ARM, ITERATION, MODEL, N_PERSONAS, QUESTION, STUDY, Column, Schema

SCHEMA = Schema(
    "data",
    "A question in an arm",
    (
        *(STUDY, MODEL, ITERATION, ARM, QUESTION),
        Column("role", "text", "outcome, negative_control, confounder or retention"),
        N_PERSONAS,
        Column("n_answers", "count", "Answers, Unknown included", "answers", head="Answers"),
        Column("n_unknown", "count", "Answers that are missing, or none of the options", "answers", head="Unknown"),
    ),
)


def frame(cells: Iterable[Cell]) -> pd.DataFrame:
    """Count personas, answers and Unknown by arm."""
    rows = [
        {
            **cell.place(arm),
            "n_personas": (cell.answers[:, column].sum(axis=1) > 0).sum(),
            "n_answers": cell.answers[:, column].sum(),
            "n_unknown": cell.unknown[:, column].sum(),
        }
        for cell in cells
        for column, arm in enumerate(cell.arms)
    ]
    return schema.frame(rows, SCHEMA)
