"""A table has the columns of its schema, no more and no fewer."""

import numpy as np
import pandas as pd
import pytest

from confound.findings import schema
from confound.findings.schema import Column, Schema, SchemaError
from confound.findings.tables import TABLES

PAIRS = Schema(
    "pairs",
    "A pair",
    (
        Column("name", "text", "A name"),
        Column("n", "count", "A number of things"),
        Column("share", "number", "A share", optional=True),
        Column("sure", "flag", "Whether it is sure"),
    ),
)
ROW = {"name": "a", "n": 1, "share": 0.5, "sure": True}


def test_an_unknown_column_raises() -> None:
    """A key that the table does not know is not dropped without a word."""
    with pytest.raises(SchemaError, match="table pairs: a row has the unknown column 'shear'"):
        schema.frame([ROW, {**ROW, "shear": 0.5}], PAIRS)


def test_a_missing_column_raises() -> None:
    """A key that every row must have is not filled in without a word."""
    with pytest.raises(SchemaError, match="table pairs: a row lacks the column 'n'"):
        schema.frame([{"name": "a", "sure": False}], PAIRS)


def test_an_optional_column_may_be_left_out() -> None:
    """What a row may lack is missing in the frame; the columns keep their order."""
    made = schema.frame([ROW, {"sure": False, "n": 2, "name": "b"}], PAIRS)
    assert list(made) == list(PAIRS.names)
    assert made["share"].tolist()[0] == 0.5
    assert np.isnan(made["share"].tolist()[1])


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_an_empty_table_has_types(table: Schema) -> None:
    """A table without rows can be compared and sorted like one with rows."""
    made = schema.frame([], table)
    assert list(made) == list(table.names)
    for column in table.columns:
        expected = {"text": schema.TEXT, "count": np.int64, "flag": bool}.get(column.kind, np.float64)
        assert made[column.name].dtype == expected


def test_whole_numbers_stay_whole() -> None:
    """Counts are integers unless one is missing; text without a value is missing, not the word nan."""
    assert schema.frame([ROW], PAIRS)["n"].dtype == np.int64
    assert schema.frame([{**ROW, "n": np.nan}, ROW], PAIRS)["n"].dtype == np.float64
    assert pd.isna(schema.frame([{**ROW, "name": np.nan}], PAIRS)["name"].iloc[0])


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_is_described(table: Schema) -> None:
    """Names are snake_case and unlike one another, meanings are sentences, an interval's ends both exist."""
    assert len(set(table.names)) == len(table.names)
    for column in table.columns:
        assert column.name.replace("_", "").isalnum()
        assert column.name == column.name.lower()
        assert column.meaning
        assert not column.meaning.endswith(".")
        assert not column.to or table.column(column.to)
    with pytest.raises(SchemaError, match="there is no column 'nothing'"):
        table.column("nothing")
