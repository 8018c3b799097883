"""Tidy frames -> the figures of a paper: pages of panels, a column a model, one file or more a study."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from confound import canvas, panels
from confound.canvas import GREY
from confound.panels import AFTER, BEFORE, love_plot
from confound.result import Analysis

__all__ = ["Drawn", "draw_all", "love_plot"]

COLUMNS = 6  # panels side by side; more go on another page


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure and what is to be said of it.

    Attributes
    ----------
    name : str
        File name without ending, such as `love_plot`, or `love_plot-STUDY` where there are several studies.
    section : {"drift", "effects", "decomposition", "stabilization", "sensitivity", "data"}
        Where it belongs.
    caption : str
        Plain text: what is shown, units, interval, N.
    alt : str
        Plain text for a reader who cannot see it, with the main numbers.
    figure : matplotlib.figure.Figure
        Close to the width of a page.
    """

    name: str
    section: str
    caption: str
    alt: str
    figure: Figure

    def _repr_png_(self) -> bytes:
        """Show the figure in a notebook."""
        return canvas.save(self.figure, "png", dpi=150)


def draw_all(result: Analysis) -> Iterator[Drawn]:
    """Draw every figure that a result allows, one at a time.

    Parameters
    ----------
    result : Analysis

    Yields
    ------
    Drawn
        In the order of a paper. Frames without rows yield none.
    """
    for make in (_love_plots,):
        yield from make(result)


def _love_plots(result: Analysis) -> Iterator[Drawn]:
    rows = panels.controls(result.drift)
    for name, study, groups in _pages(rows, "love_plot"):
        part = rows[rows["study"] == study]
        order = panels.by_drift(part)
        adjusted = _adjusted(part)
        key = [_mark("before adjustment" if adjusted else "estimate", BEFORE, "o")]
        key += [_mark("after adjustment", AFTER, "D")] if adjusted else []
        key.append(Line2D([], [], color=GREY, marker="|", ms=8, mew=1.6, ls="", label="uncorrected distance by chance"))
        room = min(1.95, max(canvas.width(canvas.safe(q), canvas.SMALL) for q in order)) + 0.16
        with canvas.style():
            page = canvas.page(
                f"{study}: drift of the negative controls",
                columns=[_heading(group, part) for group in groups],
                height=0.19 * len(order) + 0.1,
                left=room,
                xlabel="corrected total variation distance between the arms",
                key=key,
            )
            right = panels.limit(part, "ci_high", "tvd_null")
            for ax, group in zip(page.axes[0], groups, strict=True):
                love_plot(_of(part, group), ax=ax, order=order)
                ax.set_xlim(0, right)
                if ax is not page.axes[0, 0]:
                    ax.tick_params(axis="y", labelleft=False)
        yield Drawn(name, "drift", _love_caption(part, result), _love_alt(part), page.figure)


def _love_caption(part: pd.DataFrame, result: Analysis) -> str:
    adjusted = _adjusted(part)
    when = f" before adjustment (iteration 0) and after it (iteration {part['iteration'].max()})" if adjusted else ""
    return (
        f"Drift of the negative controls in {part['study'].iloc[0]}{when}: total variation distance between "
        f"the arms' answers, corrected for what chance adds, with {_percent(result)} intervals; 0 is no drift, 1 is no "
        "answer in common. The grey bars are where the uncorrected distance would lie with no drift at all. "
        f"{_sizes(part)}"
    )


def _love_alt(part: pd.DataFrame) -> str:
    first = part[part["iteration"] == part["iteration"].min()]
    top = first.loc[first["tvd"].idxmax()]
    text = (
        f"Dots with intervals for {part['question'].nunique()} negative controls. The largest drift is "
        f"{top['tvd']:.2f} ({top['ci_low']:.2f} to {top['ci_high']:.2f}), of {top['question']} in {top['model']}; the median is "
        f"{first['tvd'].median():.2f}."
    )
    last = part[part["iteration"] == part["iteration"].max()]
    if _adjusted(part):
        text += f" After adjustment the largest is {last['tvd'].max():.2f} and the median {last['tvd'].median():.2f}."
    return text


# ---- what the figures share ----


def _pages(rows: pd.DataFrame, stem: str) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Yield name, study and groups (model, contrast) of each page."""
    studies = list(dict.fromkeys(rows["study"]))
    slugs = _slugs(studies)
    for study in studies:
        found = rows.loc[rows["study"] == study, ["model", "contrast"]].drop_duplicates()
        groups = list(found.itertuples(index=False, name=None))
        for number, start in enumerate(range(0, len(groups), COLUMNS)):
            name = stem if len(studies) == 1 else f"{stem}-{slugs[study]}"
            yield name + (f"-{number + 1}" if number else ""), study, groups[start : start + COLUMNS]


def _slugs(names: Sequence[str]) -> dict[str, str]:
    """Return for each name one that any file system takes, no two alike."""
    made: dict[str, str] = {}
    for name in names:
        slug = re.sub(r"[^A-Za-z0-9_.]+", "_", name).strip("._")[:40] or "study"
        taken = {other.casefold() for other in made.values()}
        number = 2
        while slug.casefold() in taken:
            slug = f"{slug.rstrip('0123456789')}{number}"
            number += 1
        made[name] = slug
    return made


def _heading(group: tuple[str, str], part: pd.DataFrame) -> str:
    model, contrast = group
    return model if part["contrast"].eq(contrast).all() else f"{model} / {contrast}"


def _adjusted(part: pd.DataFrame) -> bool:
    return bool(part["iteration"].min() < part["iteration"].max())


def _of(rows: pd.DataFrame, group: tuple[str, str]) -> pd.DataFrame:
    return rows[(rows["model"] == group[0]) & (rows["contrast"] == group[1])]


def _mark(text: str, colour: str, marker: str) -> Line2D:
    return Line2D([], [], color=colour, marker=marker, ms=3.8, lw=1.2, label=text)


def _percent(result: Analysis) -> str:
    return f"{100 * float(result.settings.get('confidence', 0.95)):g} %"


def _sizes(part: pd.DataFrame) -> str:
    """Say how many personas and answers are behind each estimate."""
    return (
        f"N: {_span(part['n_personas'])} personas, {_span(part['n_control'])} answers in the control and "
        f"{_span(part['n_treated'])} in the treated arm for each estimate."
    )


def _span(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
