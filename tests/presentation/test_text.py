"""Frames as text: rounded for people, exact enough for machines, harmless for both."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound.presentation import text as tables

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


@pytest.mark.parametrize("text", HOSTILE[:5])
def test_csv_formulas_are_disarmed(text: str) -> None:
    """A label that a spreadsheet would run is led by an apostrophe."""
    written = tables.to_csv(pd.DataFrame({"arm": [text]}))
    (_, (value,)) = list(csv.reader(io.StringIO(written)))
    assert value == f"'{text}"


@pytest.mark.parametrize("text", ["-5%", "+10pct", "-3", "25pct", "a=b"])
def test_csv_leaves_plain_labels(text: str) -> None:
    """Labels that no spreadsheet runs stay as they are."""
    (_, (value,)) = list(csv.reader(io.StringIO(tables.to_csv(pd.DataFrame({"arm": [text]})))))
    assert value == text


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_csv_numbers_survive(values: list[float]) -> None:
    """Numbers read back agree to nine digits."""
    read = pd.read_csv(io.StringIO(tables.to_csv(pd.DataFrame({"x": values}))))["x"]
    assert read.tolist() == pytest.approx(values, rel=1e-9, abs=0)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_keeps_one_cell_a_label(text: str) -> None:
    """No label breaks a row, adds a column, or becomes markup."""
    lines = tables.to_markdown(pd.DataFrame({"arm": [text], "n": [1]})).strip().splitlines()
    assert len(lines) == 3
    assert lines[2].replace("\\|", "").count("|") == 3
    assert "<script>" not in lines[2].replace("\\<", "")


def test_terminal_shows_control_characters() -> None:
    """An escape sequence in a label is printed, not obeyed."""
    assert "\x1b" not in tables.to_terminal(pd.DataFrame({"arm": ["\x1b[2J"]}))


def test_joined_letters_stay_joined() -> None:
    """What Persian words and many emoji are joined by is no control character."""
    assert tables.printable("\U0001f469\u200d\U0001f4bb") == "\U0001f469\u200d\U0001f4bb"
    assert tables.printable("\u202ea\n") == "\\u202ea\\n"


@given(st.floats(0, 1))
def test_p_is_never_written_as_zero(p: float) -> None:
    """However small, a p-value is shown as a bound or with its leading digits."""
    text = tables.format_p(p)
    assert float(text.lstrip("<")) > 0
    if not text.startswith("<") and p < 0.995:
        assert float(text) == pytest.approx(p, rel=0.06)
