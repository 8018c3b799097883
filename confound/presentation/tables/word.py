"""A table in Word, by way of python-docx."""

import io
from collections.abc import Sequence
from dataclasses import replace

import docx
import docx.table
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.table import _Cell, _Row

from confound.presentation.tables.layout import Piece, Table, aligned, spaced
from confound.text import printable

WIDE = 7  # columns from which the page is turned
SIZE = Pt(8)
THICK, THIN = "12", "4"  # of rules, in eighths of a point


def to_word(table: Table) -> bytes:
    """Write a table as a Word document with the rules of a printed table; heads repeat on every page."""
    document = docx.Document()
    if len(table.columns) >= WIDE:
        _turn(document.sections[0])
    caption = document.add_paragraph()
    caption.add_run(printable(table.title)).bold = True
    groups = table.groups()
    grid = document.add_table(rows=0, cols=1 + len(table.columns))
    if groups:
        _groups(_row(grid), groups)
    _fill(_row(grid), _shown(table.stub), [_shown(column.head) for column in table.columns])
    for row in grid.rows:
        _repeat(row)
    _rule(grid.rows[0], "top", THICK)
    _rule(grid.rows[-1], "bottom", THIN)
    _body(grid, table)
    _rule(grid.rows[-1], "bottom", THICK)
    notes = document.add_paragraph()
    notes.add_run("Notes. ").italic = True
    notes.add_run(printable(" ".join(table.notes)))
    for run in notes.runs:
        run.font.size = SIZE
    held = io.BytesIO()
    document.save(held)
    return held.getvalue()


def _body(grid: docx.table.Table, table: Table) -> None:
    pieces, r = aligned(table), 0
    for panel in table.panels:
        if panel.title:
            heading = _row(grid)
            _write(heading.cells[0].merge(heading.cells[-1]), _shown(panel.title), left=True, italic=True)
        for row in panel.rows:
            lines = [[_line(pieces[r, c, i]) for i in range(len(cell))] for c, cell in enumerate(row.cells)]
            _fill(_row(grid), _shown(row.label), ["\n".join(cell) for cell in lines])
            r += 1


def _line(pieces: Sequence[Piece]) -> str:
    """Escape the text of a cell's line, but not the blanks that align it."""
    return spaced([replace(piece, text=printable(piece.text)) if piece.seen else piece for piece in pieces])


def _shown(text: str) -> str:
    """Escape what is not printable, but for the ends of lines."""
    return "\n".join(map(printable, text.split("\n")))


def _row(grid: docx.table.Table) -> _Row:
    row: _Row = grid.add_row()  # type: ignore[no-untyped-call]  # python-docx has it untyped
    return row


def _groups(row: _Row, groups: Sequence[tuple[str, int]]) -> None:
    at = 1
    for head, n in groups:
        merged = row.cells[at].merge(row.cells[at + n - 1])
        _write(merged, _shown(head))
        if head:
            _edge(merged, "bottom", THIN)
        at += n


def _fill(row: _Row, label: str, texts: Sequence[str]) -> None:
    _write(row.cells[0], label, left=True)
    for cell, text in zip(row.cells[1:], texts, strict=True):
        _write(cell, text)


def _write(cell: _Cell, text: str, *, left: bool = False, italic: bool = False) -> None:
    """Write a text that is fit to be shown."""
    paragraph = cell.paragraphs[0]
    paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT if left else WD_ALIGN_PARAGRAPH.CENTER
    paragraph.paragraph_format.space_after = Pt(0)
    run = paragraph.add_run(text)
    run.font.size, run.italic = SIZE, italic


def _turn(section: docx.section.Section) -> None:
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = section.page_height, section.page_width
    section.left_margin = section.right_margin = Cm(2)


def _repeat(row: _Row) -> None:
    properties = row._tr.get_or_add_trPr()  # noqa: SLF001 -- python-docx has no name for it
    properties.append(OxmlElement("w:tblHeader"))


def _rule(row: _Row, edge: str, width: str) -> None:
    for cell in row.cells:
        _edge(cell, edge, width)


def _edge(cell: _Cell, edge: str, width: str) -> None:
    """Draw a rule along one edge of a cell."""
    properties = cell._tc.get_or_add_tcPr()  # noqa: SLF001 -- python-docx has no name for it
    borders = properties.find(qn("w:tcBorders"))
    if borders is None:
        borders = OxmlElement("w:tcBorders")
        properties.append(borders)
    for old in borders.findall(qn(f"w:{edge}")):
        borders.remove(old)
    line = OxmlElement(f"w:{edge}")
    for name, value in (("val", "single"), ("sz", width), ("space", "0"), ("color", "auto")):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
