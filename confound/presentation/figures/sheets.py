"""How the rows of a frame are laid out on pages: a column for each model, rows by study, contrast or question."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from confound.presentation.figures import canvas
from confound.vocabulary import ALL_CONTROLS

COLUMNS = 6  # panels side by side; more go on another page
ROOM = canvas.TALLEST - 1.2  # inches that title, legend and axis leave for panels
ROW = canvas.SIZE * canvas.LINE + 0.15  # inches of a row's heading
Row = tuple[str, ...]
Range = tuple[float, float] | Literal["row"] | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """What goes on one page.

    Attributes
    ----------
    name : str
        Of the file.
    by : tuple of str
        The columns that tell rows of panels apart; study is the first.
    rows : tuple of tuple of str
        A row of panels each: their values.
    models : tuple of str
    heights : tuple of float
        Of the rows, in inches.
    cells : dict
        (row, model) -> the frame's rows of that panel.
    """

    name: str
    by: tuple[str, ...]
    rows: tuple[Row, ...]
    models: tuple[str, ...]
    heights: tuple[float, ...]
    cells: Mapping[tuple[Row, str], pd.DataFrame]

    @property
    def part(self) -> pd.DataFrame:
        """All rows of the frame on this page."""
        return pd.concat(list(self.cells.values()))

    @property
    def studies(self) -> str:
        """The studies on this page, in words."""
        return ", ".join(dict.fromkeys(row[0] for row in self.rows))

    @property
    def contrast(self) -> str:
        """The arms compared, if they are the same all over this page; else nothing."""
        found = {row[self.by.index("contrast")] for row in self.rows} if "contrast" in self.by else set()
        return found.pop() if len(found) == 1 else ""

    def row(self, row: Row) -> pd.DataFrame:
        """Return the frame's rows of one row of panels."""
        return pd.concat([self.cells[row, model] for model in self.models if (row, model) in self.cells])

    def draw(
        self,
        panel: Callable[..., Any],
        *,
        title: str,
        xlabel: str,
        key: Sequence[Line2D] = (),
        left: float = 0.42,
        x: Range = None,
        y: Range = None,
        given: Mapping[Row, Mapping[str, Any]] | None = None,
        side: Mapping[Row, Sequence[Line2D]] | None = None,
    ) -> Figure:
        """Draw the page.

        Parameters
        ----------
        panel : callable
            Draws one panel, from rows of the frame and `ax`.
        title, xlabel : str
        key : sequence of Line2D
            The legend.
        left : float
            Inches for the labels of the first column's vertical axis; the others show none.
        x, y : (low, high), "row" or None
            What the panels of a page share, or only those of a row; None as the panels make it.
        given : dict, optional
            Further arguments of the panels of a row.
        side : dict, optional
            Legends at the right of each row.
        """
        studies = {row[0] for row in self.rows}
        heading = f"{self.rows[0][0]}: {title}" if len(studies) == 1 else title[:1].upper() + title[1:]
        heading += f" ({self.contrast})" if self.contrast else ""
        each = x == "row"
        with canvas.style():
            page = canvas.page(
                heading,
                columns=self.models,
                rows=self._headings(),
                heights=self.heights,
                left=left,
                right=1.25 if side else 0.18,
                xlabel=xlabel,
                key=key,
                row_gap=canvas.ROW_GAP + (0.14 if each else 0),
            )
            for r, row in enumerate(self.rows):
                for c, model in enumerate(self.models):
                    ax = page.axes[r, c]
                    if (row, model) in self.cells:
                        panel(self.cells[row, model], ax=ax, **(given or {}).get(row, {}))
                    else:
                        ax.set_axis_off()
                _share([ax for ax in page.axes[r] if ax.axison], x, y)
                _bare(page.axes[r], bottom=each or r == len(self.rows) - 1)
                if side:
                    canvas.beside(page.axes[r, -1], side[row])
        return page.figure

    def _headings(self) -> list[str]:
        """Name each row by what differs between the rows of this page."""
        columns = list(zip(*self.rows, strict=True))
        told = [i for i, values in enumerate(columns) if i and (len(set(values)) > 1 or self.by[i] == "question")]
        told = [0, *told] if len(set(columns[0])) > 1 else told
        return [", ".join(row[i] for i in told if row[i] not in ("", ALL_CONTROLS)) for row in self.rows]


def sheets(
    frame: pd.DataFrame,
    by: Sequence[str],
    stem: str,
    height: Callable[[pd.DataFrame], float],
    *,
    by_study: bool = False,
    suffix: str = "",
) -> Iterator[Sheet]:
    """Share the panels of a frame out over pages: all on one if they fit, else each study on its own.

    Parameters
    ----------
    frame : pandas.DataFrame
    by : sequence of str
        Columns that tell rows of panels apart; study is the first.
    stem, suffix : str
        Beginning and end of the file names.
    height : callable
        Inches that the row of panels with these rows of the frame takes.
    by_study : bool, default False
        Whether names hold the study in any case.
    """
    if frame.empty:
        return
    cells = {(_row(key)[:-1], _row(key)[-1]): part for key, part in frame.groupby([*by, "model"], sort=False)}
    heights = {_row(key): height(part) for key, part in frame.groupby(list(by), sort=False)}
    studies = list(dict.fromkeys(frame["study"]))
    names = slugs(studies)
    models = list(dict.fromkeys(frame["model"]))
    apart = by_study or (len(studies) > 1 and sum(tall + ROW for tall in heights.values()) > ROOM)
    groups = [(f"-{names[study]}", [row for row in heights if row[0] == study]) for study in studies]
    for study, rows in groups if apart else [("", list(heights))]:
        for number, (some, shown) in enumerate(_split(rows, heights, models, cells)):
            name = stem + study + suffix + (f"-{number + 1}" if number else "")
            kept = {(row, model): cells[row, model] for row in some for model in shown if (row, model) in cells}
            yield Sheet(name, tuple(by), tuple(some), tuple(shown), tuple(heights[row] for row in some), kept)


def _row(key: Any) -> Row:
    return tuple(map(str, key))


def _split(
    rows: Sequence[Row], heights: Mapping[Row, float], models: Sequence[str], cells: Mapping[tuple[Row, str], Any]
) -> Iterator[tuple[list[Row], list[str]]]:
    """Cut rows and models into pages."""
    pages: list[list[Row]] = [[]]
    for row in rows:
        if pages[-1] and sum(heights[other] + ROW for other in [*pages[-1], row]) > ROOM:
            pages.append([])
        pages[-1].append(row)
    for some in pages:
        shown = [model for model in models if any((row, model) in cells for row in some)]
        n = -(-len(shown) // COLUMNS)
        for columns in np.array_split(np.arange(len(shown)), n):
            yield some, [shown[i] for i in columns]


def _share(row: Sequence[Axes], x: Range, y: Range) -> None:
    for axis, wanted in (("x", x), ("y", y)):
        limits = wanted
        if wanted == "row":
            ends = np.array([getattr(ax, f"get_{axis}lim")() for ax in row])
            limits = (float(ends[:, 0].min()), float(ends[:, 1].max()))
        if limits is not None:
            for ax in row:
                getattr(ax, f"set_{axis}lim")(limits)


def _bare(row: Sequence[Axes], *, bottom: bool) -> None:
    """Leave the labels of the axes to the first column and, if the row is not the lowest, to the lowest row."""
    first = next(ax for ax in row if ax.axison)
    for ax in row:
        if ax is not first and ax.yaxis.get_tick_params().get("length") == 0:
            ax.yaxis.set_major_locator(NullLocator())  # names of lines, already beside the first panel
        ax.tick_params(labelleft=ax is first, labelbottom=bottom)


def slugs(names: Sequence[str]) -> dict[str, str]:
    """Return for each name one that any file system takes, no two alike."""
    made: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        slug = re.sub(r"[^A-Za-z0-9_.]+", "_", name).strip("._")[:40] or "study"
        number = 2
        unique = slug
        while unique.casefold() in taken:
            unique, number = f"{slug}_{number}", number + 1
        taken.add(unique.casefold())
        made[name] = unique
    return made
