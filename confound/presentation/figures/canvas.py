"""What all figures share: colours, text that fits, pages of panels, files that are the same every time."""

import contextlib
import functools
import io
import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D

# Okabe and Ito (2008): told apart with any kind of colour vision; each comes with a marker and a line of its own.
INK, GREY = "#222222", "#7a7a7a"
BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#AA4499", "#56B4E9"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (2, 1)), (0, (7, 2)), "-", "-")
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "oo", "--", "++")

PAGE = 7.0  # inches, the width of the text on a page
TALLEST = 9.2
PANEL = 3.3  # inches, of the widest panel
SIZE, SMALL, TITLE = 7.0, 6.5, 8.5  # points
EDGE, GAP, ROW_GAP, KEY = 0.1, 0.12, 0.1, 0.165  # inches: around a page, between columns, rows, lines of the legend
NARROWEST = 4.4
ROW = "#444444"
LINE = 1.25 / 72  # inches of a line of text for a point of its size
FINE = 1440  # dots an inch, for measuring
HINTING = 1.03  # letters drawn on a grid of pixels are a little wider
BOX = "\N{WHITE SQUARE}"  # stands for what the font cannot draw
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "axes.labelsize": SIZE,
    "axes.linewidth": 0.6,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": SIZE,
    "pdf.fonttype": 42,  # journals refuse Type 3
}
_LOCK = threading.RLock()  # Matplotlib's settings belong to the whole process


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw or save with our settings, whatever the user's are."""
    with _LOCK, matplotlib.style.context(["default", STYLE]):
        yield


def save(figure: Figure, kind: str, *, dpi: int = 200) -> bytes:
    """Return a figure as a file, without a date, so that the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    kind : {"pdf", "png", "svg"}
    dpi : int, default 200
        Of a PNG.
    """
    nothing: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "png": {}, "svg": {"Date": None}}
    buffer = io.BytesIO()
    with style(), matplotlib.rc_context({"svg.hashsalt": "confound"}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=nothing[kind])
    return buffer.getvalue()


# ---- text ----


@functools.cache
def _drawable() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())


def safe(text: str) -> str:
    """Leave only what the font can draw: controls become blanks, other signs a box, joiners nothing."""
    kept = []
    for sign in unicodedata.normalize("NFC", str(text)):
        kind = unicodedata.category(sign)
        if kind in ("Cc", "Zl", "Zp", "Zs"):
            kept.append(" ")
        elif kind not in ("Cf", "Mn", "Me") or (kind == "Mn" and ord(sign) in _drawable()):
            kept.append(sign if ord(sign) in _drawable() else BOX)
    return " ".join("".join(kept).split())


@functools.lru_cache(maxsize=4096)
def width(text: str, size: float = SIZE, *, bold: bool = False) -> float:
    """Return the width of a line of text, in inches."""
    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")))
    font.set_size(size, FINE)
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 / FINE * HINTING


def clip(text: str, room: float, size: float = SIZE, *, bold: bool = False) -> str:
    """Shorten a line in its middle until it fits in `room` inches; both ends tell labels apart."""
    if width(text, size, bold=bold) <= room:
        return text
    low, high = 0, len(text)
    while low < high:  # the most letters that fit
        middle = (low + high + 1) // 2
        if width(_cut(text, middle), size, bold=bold) <= room:
            low = middle
        else:
            high = middle - 1
    return _cut(text, low)


def _cut(text: str, letters: int) -> str:
    tail = letters // 3
    return f"{text[: letters - tail]}\N{HORIZONTAL ELLIPSIS}{text[len(text) - tail :]}"


def wrap(text: str, room: float, size: float = SIZE, *, lines: int = 2, bold: bool = False) -> list[str]:
    """Break a safe text into at most `lines` lines of at most `room` inches, shortening what does not fit."""
    words = re.findall(r"[^ /_\-]*[ /_\-]*", text)
    made: list[str] = []
    while words and len(made) < lines - 1:
        line = words.pop(0)
        while words and width((line + words[0]).strip(), size, bold=bold) <= room:
            line += words.pop(0)
        made.append(clip(line.strip(), room, size, bold=bold))
    made.append(clip("".join(words).strip(), room, size, bold=bold))
    return [line for line in made if line] or [""]


def plain(text: str) -> str:
    """Keep a text from being read as mathematics."""
    return text.replace("$", r"\$")


@functools.lru_cache(maxsize=4096)
def label(text: str, room: float, size: float = SIZE, *, lines: int = 2, bold: bool = False) -> str:
    """Return any text from a log as a label that Matplotlib can draw and that fits."""
    return plain("\n".join(wrap(safe(text), room, size, lines=lines, bold=bold)))


# ---- pages ----


@dataclass(frozen=True, slots=True)
class Page:
    """A figure of panels.

    Attributes
    ----------
    figure : Figure
    axes : ndarray of Axes, shape (rows, columns)
    """

    figure: Figure
    axes: npt.NDArray[Any]


def page(
    title: str,
    *,
    columns: Sequence[str],
    rows: Sequence[str],
    heights: Sequence[float],
    left: float,
    right: float = 0.18,
    xlabel: str = "",
    key: Sequence[Line2D] = (),
    row_gap: float = ROW_GAP,
    widest: float = PANEL,
) -> Page:
    """Lay out a grid of panels: a heading over each column and, if it has one, over each row. All sizes in inches.

    Parameters
    ----------
    title : str
        Any text.
    columns, rows : sequence of str
        Headings, any text.
    heights : sequence of float
        Of each row's panels.
    left, right : float
        Room for labels beside the panels.
    xlabel : str
        Below all panels; any text.
    key : sequence of Line2D
        Of the legend; each has a label.
    row_gap : float
        Between rows.
    widest : float
        A panel's largest width.
    """
    m, gap = len(columns), GAP
    wide = min(widest, (PAGE - left - right - gap * (m - 1)) / m)
    total = max(left + wide * m + gap * (m - 1) + right, NARROWEST)
    wide = (total - left - right - gap * (m - 1)) / m
    title_lines = wrap(safe(title), total - 2 * EDGE, TITLE, lines=3, bold=True)
    legend = _legend_rows(key, total - 2 * EDGE)
    heads = [label(text, wide + gap / 2, bold=True, lines=4) for text in columns]
    head_lines = max(head.count("\n") + 1 for head in heads) if any(heads) else 0
    row_head = SIZE * LINE + 0.05 if any(rows) else 0.0
    top = EDGE + len(title_lines) * TITLE * LINE + 0.05 + len(legend) * KEY + 0.03 + head_lines * SIZE * LINE
    bottom = 0.22 + (SIZE * LINE + 0.05 if xlabel else 0)
    tall = top + sum(heights) + len(rows) * (row_head + row_gap) + bottom
    figure = Figure(figsize=(total, tall))

    def write(text: str, x: float, y: float, **options: Any) -> None:
        figure.text(x / total, 1 - y / tall, text, **options)

    write(plain("\n".join(title_lines)), EDGE, EDGE, size=TITLE, weight="bold", va="top")
    y = EDGE + len(title_lines) * TITLE * LINE + 0.05
    for i, handles in enumerate(legend):
        _legend(figure, handles, EDGE / total, 1 - (y + i * KEY) / tall)
    for c, head in enumerate(heads):
        write(head, left + c * (wide + gap) + wide / 2, top, weight="bold", ha="center", va="bottom")
    axes = np.empty((len(rows), m), dtype=object)
    y = top
    for r, (row, height) in enumerate(zip(rows, heights, strict=True)):
        y += row_gap + row_head
        if row:
            write(
                label(row, total - 2 * EDGE, lines=1, bold=True), EDGE, y - 0.05, weight="bold", va="bottom", color=ROW
            )
        y += height
        for c in range(m):
            box = ((left + c * (wide + gap)) / total, 1 - y / tall, wide / total, height / tall)
            axes[r, c] = figure.add_axes(box)
    if xlabel:
        middle = left + (total - left - right) / 2
        write(label(xlabel, total - 2 * EDGE, lines=1), middle, tall - 0.05, ha="center", va="bottom")
    return Page(figure, axes)


def _legend_rows(key: Sequence[Any], room: float) -> list[list[Any]]:
    """Share the entries of a legend out over rows that fit."""
    rows: list[list[Any]] = []
    used = room
    for handle in key:
        needed = width(str(handle.get_label())) + 0.45
        if used + needed > room:
            rows.append([])
            used = 0.0
        rows[-1].append(handle)
        used += needed
    return rows


def _legend(figure: Figure, handles: Sequence[Any], x: float, y: float) -> None:
    figure.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(x, y),
        ncols=len(handles),
        borderpad=0,
        borderaxespad=0,
        handlelength=2.2,
        handletextpad=0.5,
        columnspacing=1.4,
    )


def beside(ax: Axes, key: Sequence[Line2D]) -> None:
    """Put a legend at the right of a panel."""
    ax.legend(
        handles=list(key),
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        borderaxespad=0,
        borderpad=0.2,
        labelspacing=0.15,
        handlelength=1.8,
        handletextpad=0.4,
        fontsize=SMALL - 0.5,
    )


def mark(text: str, *, room: float = 2.4, **look: Any) -> Line2D:
    """Return an entry of a legend."""
    options: dict[str, Any] = {"color": INK, "lw": 1.2, "ms": 3.8} | look
    return Line2D([], [], label=label(text, room, lines=1), **options)


def series(i: int) -> dict[str, Any]:
    """Return the look of the i-th of up to 16 series: colour, marker, line and filling differ."""
    cycle, i = divmod(i, len(COLOURS))
    face = "white" if i == 0 or cycle else COLOURS[i]
    marker = MARKERS[(i + 3 * cycle) % len(MARKERS)]
    return {"color": COLOURS[i], "marker": marker, "ls": LINES[i], "mfc": face, "mew": 0.9, "lw": 1.1}


def inches_wide(ax: Axes) -> float:
    """Return the width of a panel."""
    figure = ax.get_figure(root=True)
    return float(ax.get_position().width * figure.get_size_inches()[0]) if figure else PANEL


def new_axes(ax: Axes | None, *, height: float = 2.4) -> Axes:
    """Return the axes given, or new ones of a figure that belongs to nobody else."""
    return Figure(figsize=(PANEL, height), layout="constrained").add_subplot() if ax is None else ax
