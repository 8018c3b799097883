"""Frames as text: rounded for people, exact enough for machines, harmless for both."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound.presentation import frames

HOSTILE = [
    "=HYPERLINK(1)",
    "@SUM(A1)",
    "+cmd|x",
    "-2+3",
    "\t=1",
    "<script>",
    "a|b",
    "`x`",
    "[a](b)",
    "\\input{x}",
    "a\nb",
]


@pytest.mark.parametrize("text", [*HOSTILE[:5], "+A1", "\uff1d1+1", "-A1"])
def test_csv_formulas_are_disarmed(text: str) -> None:
    """A label that a spreadsheet would run is led by an apostrophe."""
    written = frames.to_csv(pd.DataFrame({"arm": [text]}))
    (_, (value,)) = list(csv.reader(io.StringIO(written)))
    assert value == f"'{text}"


@pytest.mark.parametrize("text", ["-5%", "+10pct", "-3", "25pct", "a=b"])
def test_csv_leaves_plain_labels(text: str) -> None:
    """Labels that no spreadsheet runs stay as they are."""
    (_, (value,)) = list(csv.reader(io.StringIO(frames.to_csv(pd.DataFrame({"arm": [text]})))))
    assert value == text


@pytest.mark.parametrize("text", ["a\r=1+1", "a\r\nb", 'say "no"', "a,b;c", " x"])
def test_csv_labels_are_one_field(text: str) -> None:
    """Returns, quotes and separators in a label stay in its field."""
    written = frames.to_csv(pd.DataFrame({"arm": [text], "n": [1]}))
    rows = list(csv.reader(io.StringIO(written)))
    assert rows == [["arm", "n"], [text.replace("\r\n", "\n").replace("\r", "\n"), "1"]]
    assert pd.read_csv(io.StringIO(written))["arm"].tolist() == [rows[1][0]]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_csv_numbers_survive(values: list[float]) -> None:
    """Numbers read back agree to nine digits."""
    read = pd.read_csv(io.StringIO(frames.to_csv(pd.DataFrame({"x": values}))))["x"]
    assert read.tolist() == pytest.approx(values, rel=1e-9, abs=0)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_keeps_one_cell_a_label(text: str) -> None:
    """No label breaks a row, adds a column, or becomes markup."""
    lines = frames.to_markdown(pd.DataFrame({"arm": [text], "n": [1]})).strip().splitlines()
    assert len(lines) == 3
    assert lines[2].replace("\\|", "").count("|") == 3
    assert "<script>" not in lines[2].replace("\\<", "")


def test_terminal_shows_control_characters() -> None:
    """An escape sequence in a label is printed, not obeyed."""
    assert "\x1b" not in frames.to_terminal(pd.DataFrame({"arm": ["\x1b[2J"]}))
