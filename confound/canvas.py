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
INK, GREY, PALE = "#222222", "#7a7a7a", "#e6e6e6"
BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#AA4499", "#56B4E9"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (2, 1)), (0, (7, 2)), "-", "-")
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "oo", "--", "++")

PAGE = 7.0  # inches, the width of the text on a page
TALLEST = 9.2
PANEL = 3.3  # inches, of the widest panel
SIZE, SMALL, TITLE = 7.0, 6.5, 8.5  # points
LINE = 1.25 / 72  # inches of a line of text for a point of its size
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
    font.set_size(size, 72)
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 / 72


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
    rows: Sequence[str] = ("",),
    height: float,
    left: float,
    right: float = 0.12,
    xlabel: str = "",
    key: Sequence[Any] = (),
    gaps: tuple[float, float] = (0.12, 0.12),
    widest: float = PANEL,
) -> Page:
    """Lay out a grid of panels; all sizes in inches.

    Parameters
    ----------
    title : str
        Any text.
    columns, rows : sequence of str
        Headings, any text.
    height : float
        Of a panel.
    left, right : float
        Room for labels beside the panels.
    xlabel : str
        Below all panels.
    key : sequence of artists
        Of the legend; each has a label.
    gaps : tuple of float
        Between columns and between rows.
    widest : float
        A panel's largest width.
    """
    n, m = len(rows), len(columns)
    row_room = 0.0 if not any(rows) else min(1.15, max(width(safe(row)) for row in rows) + 0.12)
    left += row_room
    wide = min(widest, (PAGE - left - right - gaps[0] * (m - 1)) / m)
    total = max(left + wide * m + gaps[0] * (m - 1) + right, 3.4)
    heads = [label(text, wide + gaps[0] / 2, bold=True, lines=3) for text in columns]
    title_lines = wrap(safe(title), total - 0.2, TITLE, lines=3, bold=True)
    legend = _legend_rows(key, total - 0.2)
    head_room = (max(head.count("\n") + 1 for head in heads) if any(heads) else 0) * SIZE * LINE
    top = 0.1 + len(title_lines) * TITLE * LINE + 0.04 + len(legend) * 0.165 + 0.05 + head_room + 0.05
    bottom = 0.24 + (SIZE * LINE + 0.06 if xlabel else 0)
    tall = top + n * height + (n - 1) * gaps[1] + bottom
    figure = Figure(figsize=(total, tall))
    figure.text(0.1 / total, 1 - 0.1 / tall, plain("\n".join(title_lines)), size=TITLE, weight="bold", va="top")
    y = 0.1 + len(title_lines) * TITLE * LINE + 0.04
    for handles in legend:
        _legend(figure, handles, 0.1 / total, 1 - y / tall)
        y += 0.165
    axes = np.empty((n, m), dtype=object)
    for r in range(n):
        for c in range(m):
            x0, y0 = left + c * (wide + gaps[0]), tall - top - (r + 1) * height - r * gaps[1]
            axes[r, c] = figure.add_axes((x0 / total, y0 / tall, wide / total, height / tall))
        if row_room:
            words = label(rows[r], row_room - 0.1, lines=max(1, min(4, int(height / (SIZE * LINE)))))
            figure.text(0.1 / total, (y0 + height / 2) / tall, words, va="center", ha="left")
    for c, head in enumerate(heads):
        x = left + c * (wide + gaps[0]) + wide / 2
        figure.text(x / total, 1 - (top - 0.05) / tall, head, weight="bold", ha="center", va="bottom")
    if xlabel:
        middle = left + (total - left - right) / 2
        figure.text(middle / total, 0.05 / tall, plain(xlabel), ha="center", va="bottom")
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


def sign(text: str, i: int, *, room: float = 2.2, **options: Any) -> Line2D:
    """Return the legend's entry of the i-th of a series."""
    look = {"color": COLOURS[i % 8], "marker": MARKERS[i % 8], "linestyle": LINES[i % 8], "markersize": 3.5, "lw": 1.1}
    return Line2D([], [], label=label(text, room, lines=1), **(look | options))


def new_axes(ax: Axes | None, *, height: float = 2.4) -> Axes:
    """Return the axes given, or new ones of a figure that belongs to nobody else."""
    return Figure(figsize=(PANEL, height), layout="constrained").add_subplot() if ax is None else ax
