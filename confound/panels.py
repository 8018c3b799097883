"""One panel of a figure: the rows of one study, model and contrast -> axes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from confound.canvas import BLUE, GREY, INK, PALE, SMALL, VERMILLION, label, new_axes
from confound.errors import InputError
from confound.pooled import ALL_ARMS, ALL_CONTROLS

BEFORE, AFTER = VERMILLION, BLUE


def controls(drift: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of single negative controls and pairs of arms whose corrected distance is known."""
    single = (drift["question"] != ALL_CONTROLS) & (drift["contrast"] != ALL_ARMS)
    return drift[single & drift["tvd"].notna()]


def love_plot(drift: pd.DataFrame, *, ax: Axes | None = None, order: Sequence[str] | None = None) -> Axes:
    """Draw the drift of each negative control with its interval, before adjustment and, if there was any, after it.

    Parameters
    ----------
    drift : pandas.DataFrame
        Rows of `Analysis.drift` of one study, model and contrast.
    ax : Axes, optional
        Where to draw; by default in a figure of its own.
    order : sequence of str, optional
        The controls from top to bottom; by default those that drift most come first.

    Returns
    -------
    Axes
        Corrected total variation distance, 0 to 1. The grey bar is what the uncorrected distance shows by chance alone.
    """
    rows = _one_group(controls(drift))
    ax = new_axes(ax)
    first, last = rows["iteration"].min(), rows["iteration"].max()
    if order is None:
        order = by_drift(rows)
    place = {question: i for i, question in enumerate(order)}
    for i in range(0, len(order), 2):
        ax.axhspan(i - 0.5, i + 0.5, color=PALE, alpha=0.45, lw=0, zorder=0)
    ax.axvline(0, color=INK, lw=0.8, zorder=1)
    steps = [(first, BEFORE, "o", -0.17 if last > first else 0.0)]
    steps += [(last, AFTER, "D", 0.17)] if last > first else []
    for iteration, colour, marker, shift in steps:
        here = rows[rows["iteration"] == iteration]
        y = here["question"].map(place).to_numpy(dtype=float)
        if iteration == first:
            ax.vlines(here["tvd_null"], y - 0.42, y + 0.42, color=GREY, lw=1.6, alpha=0.75, zorder=2)
        ax.hlines(y + shift, here["ci_low"], here["ci_high"], color=colour, lw=1.2, zorder=3, label="interval")
        ax.scatter(here["tvd"], y + shift, s=11, marker=marker, color=colour, zorder=4, linewidths=0)
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_yticks(range(len(order)), [label(question, 1.9, SMALL, lines=1) for question in order])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(4, min_n_ticks=2))
    return ax


def by_drift(rows: pd.DataFrame) -> list[str]:
    """Return the controls, those that drift most at the first iteration first."""
    first = rows[rows["iteration"] == rows["iteration"].min()]
    missing = sorted(set(rows["question"]) - set(first["question"]))
    return [*first.groupby("question")["tvd"].mean().sort_values(ascending=False, kind="stable").index, *missing]


def _one_group(rows: pd.DataFrame, by: Sequence[str] = ("study", "model", "contrast")) -> pd.DataFrame:
    """Refuse rows that do not belong into one panel."""
    found = rows[list(by)].drop_duplicates()
    if len(found) != 1:
        raise InputError(
            f"a panel shows one {', '.join(by)}, but these rows hold {len(found)}. Choose one with DataFrame.query, or "
            "draw them all with confound.figures.draw_all"
        )
    return rows


def limit(rows: pd.DataFrame, *columns: str) -> float:
    """Return where a shared axis that starts at 0 ends."""
    return float(np.nanmax(rows[list(columns)].to_numpy(dtype=float), initial=0.05)) * 1.04
