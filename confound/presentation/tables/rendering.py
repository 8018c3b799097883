"""A table in HTML, Markdown and Word."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from confound.errors import InputError
from confound.presentation.frames import markdown
from confound.presentation.tables.latex import to_latex
from confound.presentation.tables.layout import Piece, Table, aligned, right_to_left, spaced
from confound.text import printable

if TYPE_CHECKING:
    from confound.presentation.figures.pictures import Picture  # imports Matplotlib, which takes a second

STYLE = """<style>
.confound-table { overflow-x: auto; margin: 1em 0; }
.confound-table table { border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid;
  font-variant-numeric: tabular-nums; font-size: 0.9em; color: inherit; background: none; }
.confound-table caption { text-align: left; font-weight: bold; padding-bottom: 0.4em; color: inherit; }
.confound-table table th, .confound-table table td { padding: 0.15em 0.6em; text-align: center; white-space: nowrap;
  vertical-align: top; border: 0; background: none; font-weight: normal; }
.confound-table table th:first-child, .confound-table table td:first-child { text-align: left; }
.confound-table table tbody th { white-space: normal; min-width: 9em; text-align: left; overflow-wrap: anywhere; }
.confound-table table thead tr:last-child > * { border-bottom: 1px solid; }
.confound-table table thead th { white-space: normal; vertical-align: bottom; }
.confound-table table thead th[colspan] { text-align: center;
  background: linear-gradient(currentColor, currentColor) center bottom / calc(100% - 1.2em) 1px no-repeat; }
.confound-table table th.panel { font-style: italic; padding-top: 0.7em; }
.confound-table tr.apart > * { opacity: 0.85; font-size: 0.92em; }
.confound-table p { font-size: 0.8em; max-width: 60em; margin: 0.5em 0 0; }
</style>
"""
_DOCUMENT = """<style>
main { max-width: 60em; margin: auto; line-height: 1.5; }
h1 { line-height: 1.2; }
h1 + p { font-size: 1.15em; }
figure { margin: 1.5em 0; }
figure img { max-width: 100%; background: white; }
figcaption { font-size: 0.8em; }
</style>
"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ font-family: system-ui, sans-serif; margin: 2em; }}</style>
{style}</head>
<body>
<main>
{table}</main>
</body>
</html>
"""


def to_html(table: Table) -> str:
    """Write a table as part of an HTML page; `STYLE`, once a page, is what it needs to look right."""
    groups = table.groups()
    stub = f'<th scope="col" rowspan="{2 if groups else 1}">{_text(table.stub)}</th>'
    heads = "".join(f'<th scope="col">{_text(column.head)}</th>' for column in table.columns)
    rows = [f"<tr>{stub}{_groups(groups)}</tr>", f"<tr>{heads}</tr>"] if groups else [f"<tr>{stub}{heads}</tr>"]
    title = escape(printable(table.title))
    lines = [
        f'<div class="confound-table" role="region" aria-label="{title}" tabindex="0">',
        "<table>",
        f"<caption>{title}</caption>",
        "<thead>",
        *rows,
        "</thead>",
        *_bodies(table),
        "</table>",
        f"<p>{_text(' '.join(table.notes))}</p>",
        "</div>",
    ]
    return "\n".join(lines) + "\n"


def to_page(table: Table) -> str:
    """Write a table as an HTML page of its own."""
    return _PAGE.format(title=escape(table.title), style=STYLE, table=to_html(table))


def to_document(title: str, sections: Mapping[str, "Sequence[str | Table | Picture]"]) -> str:
    """Write texts, tables and figures as one HTML page that needs no other file.

    Parameters
    ----------
    title : str
    sections : mapping
        Heading, or nothing for the opening -> its parts in their order; a text is a paragraph. All text is text.
    """
    lines = [f"<h1>{_text(title)}</h1>"]
    for heading, parts in sections.items():
        lines += [f"<h2>{_text(heading)}</h2>"] if heading else []
        lines += [_part(part) for part in parts]
    return _PAGE.format(title=escape(title), style=STYLE + _DOCUMENT, table="\n".join([*lines, ""]))


def _part(part: "str | Table | Picture") -> str:
    if isinstance(part, str):
        return f"<p>{_text(part)}</p>"
    if isinstance(part, Table):
        return to_html(part)
    image = f'<img src="{escape(part.source)}" alt="{escape(printable(part.alt))}">'
    return f"<figure>{image}<figcaption>{_text(part.caption)}</figcaption></figure>"


def _groups(groups: Sequence[tuple[str, int]]) -> str:
    return "".join(
        f'<th scope="colgroup" colspan="{n}">{_text(head)}</th>' if head else f'<td colspan="{n}"></td>'
        for head, n in groups
    )


def _bodies(table: Table) -> Iterator[str]:
    pieces, r = aligned(table), 0
    for panel in table.panels:
        yield "<tbody>"
        if panel.title:
            span = 1 + len(table.columns)
            yield f'<tr><th class="panel" scope="rowgroup" colspan="{span}">{_text(panel.title)}</th></tr>'
        for row in panel.rows:
            cells = [[_line(pieces[r, c, i]) for i in range(len(cell))] for c, cell in enumerate(row.cells)]
            numbers = "".join(f"<td>{'<br>'.join(cell)}</td>" for cell in cells)
            kind = ' class="apart"' if row.apart else ""
            yield f'<tr{kind}><th scope="row">{_text(row.label)}</th>{numbers}</tr>'
            r += 1
        yield "</tbody>"


def _line(pieces: Sequence[Piece]) -> str:
    """Escape the text of a cell's line, but not the blanks that align it."""
    return spaced([replace(piece, text=_text(piece.text)) if piece.seen else piece for piece in pieces])


def _text(text: str) -> str:
    """Escape a text; what is written from right to left must not turn round what stands beside it."""
    safe = escape(printable(text))
    return f"<bdi>{safe}</bdi>" if right_to_left(text) else safe


def to_markdown(table: Table) -> str:
    """Write a table in Markdown (pipe tables, as GitHub, Quarto and pandoc read them); a cell's lines on one line."""
    heads = [markdown(table.stub), *(markdown(f"{c.group}: {c.head}" if c.group else c.head) for c in table.columns)]
    lines = [f"**{markdown(table.title)}**", "", _piped(heads), _piped([":---", *["---:"] * len(table.columns)])]
    for panel in table.panels:
        if panel.title:
            lines.append(_piped([f"**{markdown(panel.title)}**", *[""] * len(table.columns)]))
        lines += [_piped([markdown(row.label), *map(" ".join, row.cells)]) for row in panel.rows]
    return "\n".join([*lines, "", f"*Notes.* {markdown(' '.join(table.notes))}", ""])


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


TEXTS: dict[str, Callable[[Table], str]] = {"tex": to_latex, "md": to_markdown, "html": to_page}
FORMATS = (*TEXTS, "docx")


def rendered(table: Table, form: str) -> bytes:
    """Write a table in one of `FORMATS`, as the content of a file.

    Raises
    ------
    InputError
        Where there is no such format, or it is Word and python-docx is not installed.
    """
    if form not in FORMATS:
        raise InputError(f"--format {form}: no such format. There are {', '.join(FORMATS)}, and csv for the frame")
    if form in TEXTS:
        return TEXTS[form](table).encode()
    try:
        from confound.presentation.tables.word import to_word
    except ImportError:
        raise InputError("Word tables need python-docx, which is not installed: pip install 'confound[word]'") from None
    return to_word(table)
