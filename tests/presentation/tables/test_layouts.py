"""Layouts of tables for a paper follow the schemas."""

import pandas as pd
import pytest

from confound.findings.schema import Column, Schema, SchemaError
from confound.findings.tables import TABLES
from confound.presentation.tables import layouts


def test_a_column_with_a_head_is_shown_and_noted() -> None:
    """A column added to a schema appears as a column, written by its kind, with its note, touching nothing else."""
    more = Column("jsd", "number", "Jensen-Shannon divergence", "bits", head="JSD", note="JSD: in bits.", places=4)
    drift = TABLES["drift"]
    before = layouts.of_schema(drift)
    after = layouts.of_schema(Schema(drift.name, drift.rows, (*drift.columns, more)))
    assert after[:-1] != ()
    assert [s.head for s in after] == [*(s.head for s in before), "JSD"]
    assert after[-1].note == "JSD: in bits."
    assert after[-1].write({"jsd": 0.12345}, 2) == "0.1235"


def test_kinds_of_columns_are_written_as_such() -> None:
    """Counts have no decimals, an interval has brackets, other numbers have the shared decimals."""
    written = {s.head: s for s in layouts.of_schema(TABLES["drift"])}
    row = pd.Series({"n_personas": 100, "tvd": 0.1234, "ci_low": 0.1, "ci_high": 0.2, "pvalue": 0.04})
    assert [written[head].write(row, 2) for head in ("Personas", "Corrected", "{ci}", "Distance")] == [
        "100",
        "0.12",
        "[0.10, 0.20]",
        ".040",
    ]


def test_a_layout_names_only_columns_that_exist() -> None:
    """A layout that asks for a column that its table does not have raises when the module is loaded."""
    for place in ("panel", "row", "unit"):
        parts = {"panel": ("contrast",), "row": ("question",), "unit": (), place: ("nothing",)}
        wrong = layouts.Layout("T", "S", full=(), beside=(), under=(), notes=lambda _: iter(()), **parts)
        with pytest.raises(SchemaError, match="no column 'nothing'"):
            layouts.check("drift", wrong)
