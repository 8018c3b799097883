"""Tables before any format: shape, alignment, pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound.presentation.tables.layout import MARK, Column, Panel, Row, Table, aligned, pages, spaced, wrapped
from confound.text import MINUS, MISSING


def table(texts: list[str], *, panels: int = 1) -> Table:
    """Lay texts out as one column."""
    rows = tuple(Row(f"r{i}", ((text,),)) for i, text in enumerate(texts))
    titles = [f"Panel {p}" if panels > 1 else "" for p in range(panels)]
    return Table("drift", "Title", "Stub", (Column("x"),), tuple(Panel(title, rows) for title in titles), ("Note.",))


def widths(texts: list[str]) -> set[int]:
    """Return the characters of each aligned line, those not printed included."""
    return {sum(len(piece.text) for piece in pieces) for pieces in aligned(table(texts)).values()}


def test_every_row_fills_every_column() -> None:
    """A row with a cell too few is refused."""
    with pytest.raises(ValueError, match="0 cells for 1 columns"):
        Table("drift", "", "", (Column("x"),), (Panel("", (Row("a", ()),)),), ())


numbers = st.builds(
    lambda sign, whole, places: f"{sign}{whole:,}" + (f".{'5' * places}" if places else ""),
    st.sampled_from(["", MINUS]),
    st.integers(0, 99_999),
    st.integers(0, 3),
)


@given(st.lists(st.builds(lambda n, mark: n + mark, numbers, st.sampled_from(["", MARK])), min_size=1))
def test_numbers_take_the_same_room(texts: list[str]) -> None:
    """Centred lines of equal length align at the decimal point; what is printed is the text itself."""
    made = aligned(table(texts))
    assert len(widths(texts)) == 1
    for r, text in enumerate(texts):
        pieces = made[r, 0, 0]
        assert "".join(piece.text for piece in pieces if piece.seen) == text
        assert len(spaced(pieces)) == sum(len(piece.text) for piece in pieces)


@given(st.lists(st.tuples(numbers, numbers), min_size=1))
def test_intervals_align_at_both_ends(pairs: list[tuple[str, str]]) -> None:
    """Low ends align with low ends and high with high, whatever their signs and digits."""
    assert len(widths([f"[{low}, {high}]" for low, high in pairs])) == 1


def test_what_is_no_number_stays() -> None:
    """A dash is centred as it is, and does not widen the numbers."""
    made = aligned(table([MISSING, ".043", "< .001"]))
    assert [spaced(made[r, 0, 0]) for r in range(3)] == [MISSING, "\u2002 .043", "< .001"]


@given(st.integers(1, 30), st.integers(1, 6), st.integers(5, 40))
def test_pages_hold_all_rows_and_no_more_than_fits(rows: int, panels: int, lines: int) -> None:
    """Each row is on one page, no page is longer than allowed, and the last alone has the notes."""
    whole = table(["1"] * rows, panels=panels)
    parts = pages(whole, lines=lines)
    assert sum(len(list(part.rows())) for part in parts) == rows * panels
    for part in parts:
        assert sum(bool(panel.title) + len(panel.rows) for panel in part.panels) <= lines
    assert [part.notes == whole.notes for part in parts] == [False] * (len(parts) - 1) + [True]


@given(st.text(min_size=1, max_size=200).map(lambda text: " ".join(text.split())), st.integers(3, 40))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    """Lines joined again are the text, but for blanks."""
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
