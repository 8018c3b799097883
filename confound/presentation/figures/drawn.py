"""What the figures' makers share: what a figure is, what it is made of, and where dashed lines stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from confound.findings.findings import Findings
from confound.presentation.figures import canvas, panels
from confound.presentation.figures.canvas import INK, mark
from confound.presentation.figures.sheets import Row, Sheet
from confound.vocabulary import UNKNOWN

DASHED = "targeted confounders begin"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure and what is to be said of it.

    Attributes
    ----------
    name : str
        File name without ending: `love_plot`, or `love_plot-STUDY` where studies do not go on one page together.
    section : {"drift", "effects", "decomposition", "stabilization", "sensitivity", "data"}
        Where it belongs.
    caption : str
        Plain text: what is shown, units, interval, N.
    alt : str
        Plain text for a reader who cannot see it, with the main numbers.
    figure : matplotlib.figure.Figure
        As wide as the text of a page, 7 inches, or less.
    """

    name: str
    section: str
    caption: str
    alt: str
    figure: Figure

    def _repr_png_(self) -> bytes:
        """Show the figure in a notebook."""
        return canvas.save(self.figure, "png", dpi=150)


def percent(result: Findings) -> str:
    """Write the confidence of the intervals."""
    return f"{100 * float(result.settings.get('confidence', 0.95)):g} %"


def targeted(result: Findings, row: Sequence[str]) -> int | None:
    """Return the first iteration with targeted confounders of a row's study, if it is known."""
    found: Mapping[str, int] = result.settings.get("targeted_from") or {}
    return found.get(row[0])


def where_targeted(result: Findings, sheet: Sheet, **more: Any) -> dict[Row, dict[str, Any]]:
    """Tell each row of panels where targeted confounders begin."""
    return {row: more | {"targeted_from": targeted(result, row)} for row in sheet.rows}


def dashed_key(result: Findings, sheet: Sheet) -> list[Line2D]:
    """Return the legend's entry of the dashed line, if a page has one."""
    known = any(targeted(result, row) is not None for row in sheet.rows) and panels.moves(sheet.part)
    return [mark(DASHED, color=INK, lw=0.8, ls=(0, (4, 2)))] if known else []


def dashed_words(result: Findings, sheet: Sheet) -> str:
    """Explain the dashed line, if a page has one."""
    return " Dashed line: targeted confounders begin." if dashed_key(result, sheet) else ""


def has_iterations(rows: pd.DataFrame) -> pd.Series:
    """Tell of each row whether its study has more than one iteration."""
    by_study = rows.groupby("study")["iteration"]
    return by_study.transform("min") < by_study.transform("max")


def without_silence(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave Unknown out of questions to which nobody gave it."""
    said = rows.groupby(["study", "question", "answer"])["n"].transform("sum") > 0
    return rows[said | (rows["answer"] != UNKNOWN)]


def label_room(labels: Sequence[str] | pd.Series) -> float:
    """Return the inches that labels of lines take."""
    widest = max(canvas.width(canvas.safe(text), canvas.SMALL) for text in set(labels))
    return min(panels.ROOM, widest) + 0.2


def lines_height(labels: pd.Series, each: float) -> float:
    """Return the inches that a panel of so many lines takes."""
    return each * labels.nunique() + 0.05


def low_height(part: pd.DataFrame) -> float:  # noqa: ARG001 -- always the same
    """Return the inches of a panel over iterations."""
    return 0.56
