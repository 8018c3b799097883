"""A table as it is printed: heads, panels, rows and notes, as text and in no format yet."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from confound.text import MINUS

MARK = "\N{DAGGER}"
LABEL_WIDTH = 40  # characters of a label on one line of a printed page
PAGE = 52  # lines of a table that fit on a printed page, with caption and notes
_KINDS = ("<", " ", MINUS, "0", ",", ".", "%", MARK)  # what a number is made of; 0 for any digit, < for any relation
# A figure space is as wide as a digit, an en space about as a sign, a punctuation space as a point.
_BLANKS = {ord(kind): blank for kind, blank in zip(_KINDS, "\u2002 \u2002\u2007\u2008\u2008\u2003\u2002", strict=True)}
_NUMBER = re.compile(rf"(?P<left>[<>=] )?(?P<sign>{MINUS})?(?P<whole>\d+(?:,\d{{3}})*)?(?P<rest>(?:\.\d+)?%?{MARK}?)")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of numbers.

    Attributes
    ----------
    head : str
        What it holds.
    group : str
        Head over this column and its neighbours of the same group; empty for none.
    """

    head: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes
    ----------
    label : str
        What it is about.
    cells : tuple of tuple of str
        A cell a column, each of one line or more.
    apart : bool
        Whether it is set off from the rows above, as numbers of personas are.
    """

    label: str
    cells: tuple[tuple[str, ...], ...]
    apart: bool = False

    @property
    def height(self) -> int:
        """Lines of the tallest cell, or of the label."""
        return max(len(wrapped(self.label, LABEL_WIDTH)), *map(len, self.cells))


@dataclass(frozen=True, slots=True)
class Panel:
    """Rows under a heading.

    Attributes
    ----------
    title : str
        Empty where the table has one panel.
    rows : tuple of Row
    """

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table for a publication.

    Attributes
    ----------
    name : str
        Of the frame that it shows, such as ``drift``.
    title : str
        Its caption.
    stub : str
        Head of the labels' column.
    columns : tuple of Column
        C of them.
    panels : tuple of Panel
        Each row has C cells.
    notes : tuple of str
        Sentences to stand under it.
    """

    name: str
    title: str
    stub: str
    columns: tuple[Column, ...]
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        for row in self.rows():
            if len(row.cells) != len(self.columns):
                raise ValueError(f"row {row.label!r} has {len(row.cells)} cells for {len(self.columns)} columns")

    def rows(self) -> Iterator[Row]:
        """Yield the rows of all panels."""
        for panel in self.panels:
            yield from panel.rows

    def groups(self) -> list[tuple[str, int]]:
        """Return the heads over the columns and how many columns each spans; empty where there are none."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group and column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return spans if any(group for group, _ in spans) else []


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a line.

    Attributes
    ----------
    text : str
    seen : bool
        Whether it is printed, or only as much space is left as it would take.
    """

    text: str
    seen: bool = True


def aligned(table: Table) -> dict[tuple[int, int, int], tuple[Piece, ...]]:
    """Give the numbers of a column unprinted digits, so that centred they align at the decimal point.

    Returns
    -------
    dict
        (Row, column, line) -> the pieces of the line. Lines after the first, and rows set apart, stay as they are.
    """
    rows = list(table.rows())
    made: dict[tuple[int, int, int], tuple[Piece, ...]] = {}
    for c in range(len(table.columns)):
        lines = [(r, i, text) for r, row in enumerate(rows) for i, text in enumerate(row.cells[c])]
        made |= {(r, c, i): (Piece(text),) for r, i, text in lines}
        first = [(r, text) for r, i, text in lines if i == 0 and not rows[r].apart]
        made |= {(r, c, 0): pieces for r, pieces in _column(first)}
    return made


def _column(texts: Sequence[tuple[int, str]]) -> Iterator[tuple[int, tuple[Piece, ...]]]:
    """Align lines that hold equally many numbers: each first number with the first numbers, and so on."""
    parsed = [(r, text, _numbers(text)) for r, text in texts]
    for count in {len(numbers) for *_, numbers in parsed} - {0}:
        alike = [(r, text, numbers) for r, text, numbers in parsed if len(numbers) == count]
        widest = [_widest([numbers[k] for *_, numbers in alike]) for k in range(count)]
        for r, text, numbers in alike:
            yield r, tuple(_spaced(text, numbers, widest))


def _numbers(text: str) -> list[re.Match[str]]:
    return [match for match in _NUMBER.finditer(text) if any(c.isdigit() for c in match.group())]


def _widest(numbers: Sequence[re.Match[str]]) -> tuple[str, str]:
    """Return all that some numbers have before the decimal point, and after it."""
    rests = [number["rest"] for number in numbers]
    befores = [number.group().removesuffix(rest) for number, rest in zip(numbers, rests, strict=True)]
    return _most(befores), _most(rests)


def _most(texts: Sequence[str]) -> str:
    return "".join(kind * max(_count(text, kind) for text in texts) for kind in _KINDS)


def _count(text: str, kind: str) -> int:
    of_kind = {"0": "0123456789", "<": "<>="}.get(kind, kind)
    return sum(c in of_kind for c in text)


def _spaced(text: str, numbers: Sequence[re.Match[str]], widest: Sequence[tuple[str, str]]) -> Iterator[Piece]:
    """Put what a number lacks before and behind it, but leave brackets and commas beside their numbers."""
    end = 0
    for number, (before, after) in zip(numbers, widest, strict=True):
        between, rest = text[end : number.start()], number["rest"]
        opening = "[" if between.endswith("[") else ""
        closing = text[number.end() : number.end() + 1].strip()
        yield Piece(between.removesuffix(opening))
        yield Piece(_lacking(number.group().removesuffix(rest), before), seen=False)
        yield Piece(opening + number.group() + closing)
        yield Piece(_lacking(rest, after), seen=False)
        end = number.end() + len(closing)
    yield Piece(text[end:])


def _lacking(own: str, widest: str) -> str:
    """Return the signs and digits (as zeros) that a text has fewer of than the widest."""
    return "".join(kind * (_count(widest, kind) - _count(own, kind)) for kind in _KINDS)


def spaced(pieces: Sequence[Piece]) -> str:
    """Join the pieces of a line, with blanks as wide as what is not printed."""
    return "".join(piece.text if piece.seen else piece.text.translate(_BLANKS) for piece in pieces)


def pages(table: Table, *, lines: int = PAGE) -> tuple[Table, ...]:
    """Break a long table into parts that fit on a page each; a panel is broken only if it is longer than a page."""
    parts: list[list[Panel]] = [[]]
    left = lines
    for panel in table.panels:
        for piece in _pieces(panel, lines):
            height = _height(piece)
            if height > left and parts[-1]:
                parts.append([])
                left = lines
            parts[-1].append(piece)
            left -= height
    if len(parts) == 1:
        return (table,)
    later = [replace(table, panels=tuple(part), title=f"{table.title} (continued)") for part in parts[1:]]
    made = [replace(table, panels=tuple(parts[0])), *later]
    return (*(replace(part, notes=("Continued on the next page, with notes.",)) for part in made[:-1]), made[-1])


def _height(panel: Panel) -> int:
    return bool(panel.title) + sum(row.height for row in panel.rows)


def _pieces(panel: Panel, lines: int) -> Iterator[Panel]:
    rows: list[Row] = []
    title = panel.title
    for row in panel.rows:
        if rows and _height(Panel(title, (*rows, row))) > lines:
            yield Panel(title, tuple(rows))
            rows, title = [], f"{panel.title} (continued)" if panel.title else ""
        rows.append(row)
    yield Panel(title, tuple(rows))


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines at blanks and after the signs that join words in names.

    >>> wrapped("Qwen/Qwen3-30B-A3B-Instruct-2507", 18)
    ['Qwen/Qwen3-30B-', 'A3B-Instruct-2507']
    """
    lines = [""]
    for word in re.findall(rf"[^\s_/:.-]{{1,{width}}}[_/:.-]*\s*|[\s_/:.-]+", text):
        if lines[-1] and len(lines[-1] + word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [line.strip() for line in lines]


def right_to_left(text: str) -> bool:
    """Tell whether a text holds letters that are written from right to left."""
    return any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)
