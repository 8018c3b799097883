"""A table in LaTeX, with booktabs and threeparttable; compiles by itself or inside a document."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from confound.presentation.tables.layout import (
    LABEL_WIDTH,
    MARK,
    Piece,
    Row,
    Table,
    aligned,
    pages,
    right_to_left,
    wrapped,
)
from confound.text import MINUS, MISSING, printable

HEAD_WIDTH = 18  # characters of a column's head on one line
_ESCAPES = {
    **{c: f"\\{c}" for c in "{}$&#%_"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "`": r"\textasciigrave{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    '"': "''",
    MINUS: "$-$",
    MISSING: "--",
    MARK: r"$^{\dagger}$",
}
_LIGATURES = "-,'"  # two of these in a row would become one sign
_ACCENTS = frozenset("\u0300\u0301\u0302\u0303\u0308\u030a\u030b\u030c\u0304\u0306\u0307\u0327")
_EXTENDED = 0x180  # where the letters end that LaTeX composes
_ALSO = frozenset("ßæœøåłıÆŒØÅŁ“”‘’—…°±×÷µ²³¹½¼¾§¶©®™¡¿\N{NO-BREAK SPACE}")  # noqa: RUF001 -- pdflatex sets them
_START = r"""% Needs booktabs, graphicx and threeparttable. Compiles by itself, or \input it in a document.
\expandafter\ifx\csname @nodocument\endcsname\relax
  \let\confoundend\relax
\else
  \documentclass{article}
  \usepackage[margin=1in]{geometry}
  \usepackage{booktabs,graphicx,threeparttable}
\begin{document}
  \def\confoundend{\end{document}}
\fi
"""
_START_ANY_SCRIPT = r"""% Holds letters that pdflatex has not, so it prints code points; for the letters use lualatex.
\providecommand\anyscript[2]{{\ifdefined\directlua #1\else #2\fi}}
"""
_FONTS = r"""  \ifdefined\directlua \ifnum\directlua{tex.sprint(luaotfload and 1 or 0)}>0
    \usepackage{fontspec}
    \newcommand\confoundfonts{}
    \newcommand\confoundfont[1]{%
      \IfFontExistsTF{#1}{\edef\confoundfonts{\confoundfonts "#1:mode=harf;", }}{}}
    \confoundfont{DejaVu Sans}\confoundfont{FreeSerif}\confoundfont{Noto Color Emoji}\confoundfont{Noto Sans CJK SC}
    \directlua{luaotfload.add_fallback("anyscript", {\confoundfonts})}
    \setmainfont{Latin Modern Roman}[RawFeature={fallback=anyscript}]
  \fi\fi
"""


def to_latex(table: Table) -> str:
    r"""Write a table as LaTeX; a long one in parts of a page each, under one number.

    The text can be pasted or ``\input`` into a document that loads booktabs, graphicx and threeparttable, and compiles
    by itself. It is for pdflatex, or lualatex where labels hold letters that pdflatex has not (a comment says so).
    A table wider than the line is shrunk to it.
    """
    parts = "\n".join(_float(part, first=i == 0) for i, part in enumerate(pages(table)))
    start = _START
    if r"\anyscript" in parts:
        start = _START.replace(r"\begin{document}", _FONTS + r"\begin{document}") + _START_ANY_SCRIPT
    return f"{start}{parts}\\confoundend\n"


def escaped(text: str) -> str:
    r"""Write a text so that LaTeX prints it and obeys none of it.

    >>> print(escaped("50% of a_b & c"))
    50\% of a\_b \& c
    """
    return "".join(_any_script(run) if foreign else _latin(run) for foreign, run in _runs(printable(text)))


def _runs(text: str) -> Iterator[tuple[bool, str]]:
    """Split a text into what pdflatex can set and what it cannot; blanks between foreign words are theirs."""
    kinds = "".join(" " if c == " " else "l" if _settable(c) else "f" for c in text)
    for match in re.finditer(r"f(?:[f ]*f)?|[l ]+", kinds):
        yield match.group()[0] == "f", text[match.start() : match.end()]


def _settable(c: str) -> bool:
    """Tell whether pdflatex prints a character in its default encoding."""
    base, *accents = list(unicodedata.normalize("NFD", c))
    composed = base.isascii() and base.isalpha() and len(accents) == 1 and accents[0] in _ACCENTS
    return c.isascii() or c in _ESCAPES or c in _ALSO or (composed and ord(c) < _EXTENDED)


def _latin(text: str) -> str:
    pairs = zip(text, text[1:] + " ", strict=True)
    return "".join(_ESCAPES.get(c, c) + ("\\/" if c == following and c in _LIGATURES else "") for c, following in pairs)


def _any_script(run: str) -> str:
    codes = "U+" + " ".join(f"{ord(c):04X}" for c in run if c != " ")
    direction = r"\textdir TRT " if right_to_left(run) else ""
    return rf"\anyscript{{{direction}{run}}}{{{codes}}}"


def _float(table: Table, *, first: bool) -> str:
    width = len(table.columns)
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            *([] if first else [r"\addtocounter{table}{-1}"]),
            r"\centering",
            r"\setlength{\belowcaptionskip}{4pt}",
            rf"\caption{{{escaped(table.title)}}}",
            *([rf"\label{{tab:{table.name}}}"] if first else []),
            r"\footnotesize",
            r"\setlength{\tabcolsep}{4pt}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            r"\begin{threeparttable}",
            rf"\begin{{tabular}}{{@{{}}l{'c' * width}@{{}}}}",
            r"\toprule",
            *_heads(table),
            r"\midrule",
            *_body(table),
            r"\bottomrule",
            r"\end{tabular}",
            r"\begin{tablenotes}[flushleft]",
            r"\item \textit{Notes.}",
            *map(escaped, table.notes),
            r"\end{tablenotes}",
            r"\end{threeparttable}%",
            r"}",
            r"\end{table}",
            "",
        ]
    )


def _heads(table: Table) -> Iterator[str]:
    """Yield the groups of columns with rules under them, then the columns' heads."""
    groups, at = table.groups(), 2
    if groups:
        yield _line("", [rf"\multicolumn{{{n}}}{{c}}{{{escaped(head)}}}" for head, n in groups])
        rules = []
        for head, n in groups:
            rules += [rf"\cmidrule(lr){{{at}-{at + n - 1}}}"] if head else []
            at += n
        yield " ".join(rules)
    heads = [wrapped(column.head, HEAD_WIDTH) for column in table.columns]
    deepest = max(map(len, heads))
    heads = [[""] * (deepest - len(head)) + head for head in heads]
    for i in range(deepest):
        yield _line(table.stub if i == deepest - 1 else "", [escaped(head[i]) for head in heads])


def _body(table: Table) -> Iterator[str]:
    pieces, r = aligned(table), 0
    for p, panel in enumerate(table.panels):
        if p:
            yield r"\addlinespace"
        if panel.title:
            yield from _title(panel.title, table)
        for before, row in zip((None, *panel.rows), panel.rows, strict=False):
            if row.apart and before is not None and not before.apart:
                yield r"\addlinespace[2pt]"
            yield from _row(row, [[pieces[r, c, i] for i in range(len(cell))] for c, cell in enumerate(row.cells)])
            r += 1


def _title(title: str, table: Table) -> Iterator[str]:
    """Yield a panel's heading, on as many lines as keep it from widening the table."""
    room = max(LABEL_WIDTH, 12 * len(table.columns))
    for line in wrapped(title, room):
        yield rf"\multicolumn{{{1 + len(table.columns)}}}{{@{{}}l@{{}}}}{{\textit{{{escaped(line)}}}}} \\"


def _row(row: Row, cells: Sequence[Sequence[Sequence[Piece]]]) -> Iterator[str]:
    label = wrapped(row.label, LABEL_WIDTH)
    for i in range(row.height):
        numbers = ["".join(map(_piece, cell[i])) if i < len(cell) else "" for cell in cells]
        indent = r"\quad " if i and i < len(label) else ""
        gap = "[2pt]" if row.height > 1 and i == row.height - 1 else ""
        yield indent + _line(label[i] if i < len(label) else "", numbers) + gap


def _piece(piece: Piece) -> str:
    text = escaped(piece.text)
    return text if piece.seen or not text else rf"\phantom{{{text}}}"


def _line(label: str, cells: Sequence[str]) -> str:
    """Join the cells of a line; after the line before, a bracket or star would count as an argument."""
    guard = "{}" if label[:1] in ("[", "*") else ""
    return f"{guard}{escaped(label)} & {' & '.join(cells)} \\\\"
