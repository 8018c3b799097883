"""One panel of a figure: tidy rows of one study, model and question -> axes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.ticker import MaxNLocator

from confound.errors import InputError
from confound.presentation.figures.canvas import (
    BLUE,
    INK,
    SMALL,
    VERMILLION,
    inches_wide,
    label,
    new_axes,
    series,
    width,
)
from confound.text import bracketed, number
from confound.vocabulary import ALL_ARMS, ALL_CONTROLS

STRIPE = "#f2f2f2"
BEFORE, AFTER = VERMILLION, BLUE
AGAINST = ("explains the effect away", "largest drift seen")
ROOM = 1.9  # inches, of the longest label of a line
Floats = npt.NDArray[np.float64]


def single_controls(drift: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of single negative controls and pairs of arms whose corrected distance is known."""
    single = (drift["question"] != ALL_CONTROLS) & (drift["contrast"] != ALL_ARMS)
    return drift[single & drift["tvd"].notna()]


def by_drift(drift: pd.DataFrame) -> list[str]:
    """Return the controls, those that drift most at the first iteration first."""
    first = drift[drift["iteration"] == drift["iteration"].min()]
    missing = sorted(set(drift["question"]) - set(first["question"]))
    return [*first.groupby("question")["tvd"].mean().sort_values(ascending=False, kind="stable").index, *missing]


def love_plot(drift: pd.DataFrame, *, ax: Axes | None = None, order: Sequence[str] | None = None) -> Axes:
    """Draw the drift of each negative control with its interval, before adjustment and, if there was any, after it.

    Parameters
    ----------
    drift : pandas.DataFrame
        Rows of `Analysis.drift` of one study, model and contrast.
    ax : Axes, optional
        Where to draw; by default in a figure of its own. So for every panel.
    order : sequence of str, optional
        The controls from top to bottom; by default those that drift most come first.

    Returns
    -------
    Axes
        Corrected total variation distance, 0 to 1. Marks are hollow where the interval reaches 0.
    """
    rows = one(single_controls(drift), "study", "model", "contrast")
    first, last = rows["iteration"].min(), rows["iteration"].max()
    order = by_drift(rows) if order is None else order
    place = {question: i for i, question in enumerate(order)}
    ax = new_axes(ax, height=0.2 * len(order) + 0.6)
    _striped(ax, order)
    ax.axvline(0, color=INK, lw=0.8, zorder=1)
    steps = [(first, BEFORE, "o", -0.18 if last > first else 0.0)]
    steps += [(last, AFTER, "D", 0.18)] if last > first else []
    for iteration, colour, marker, shift in steps:
        here = rows[rows["iteration"] == iteration]
        y = here["question"].map(place).to_numpy(dtype=float)
        ax.hlines(y + shift, here["ci_low"], here["ci_high"], color=colour, lw=1.2, zorder=3)
        face = np.where(here["ci_low"] > 0, colour, "white")
        ax.scatter(here["tvd"], y + shift, s=13, marker=marker, c=face, edgecolors=colour, linewidths=0.9, zorder=4)
    ax.set_xlim(0, highest(rows, "ci_high", "tvd"))
    return ax


def _striped(ax: Axes, names: Sequence[str]) -> None:
    """Give every name a line, every other one shaded."""
    ends = [[(0, i - 0.5), (1, i - 0.5), (1, i + 0.5), (0, i + 0.5)] for i in range(0, len(names), 2)]
    ax.add_collection(PolyCollection(ends, transform=ax.get_yaxis_transform(), color=STRIPE, lw=0, zorder=0))
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), [label(name, ROOM, SMALL, lines=1) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(few())


def drift_path(drift: pd.DataFrame, *, ax: Axes | None = None, targeted_from: int | None = None) -> Axes:
    """Draw the drift of one negative control, or of all, over the iterations, with its interval as a band.

    Parameters
    ----------
    drift : pandas.DataFrame
        Rows of `Analysis.drift` of one study, model, contrast and question.
    targeted_from : int, optional
        First iteration with targeted confounders: a dashed line comes before it.

    Returns
    -------
    Axes
        Corrected total variation distance, 0 to 1.
    """
    known = drift[drift["tvd"].notna()]
    rows = one(known, "study", "model", "contrast", "question").sort_values("iteration")
    ax = new_axes(ax)
    _path(ax, rows, "tvd", BLUE)
    return _iterations(ax, targeted_from)


def effect_path(effects: pd.DataFrame, *, ax: Axes | None = None, targeted_from: int | None = None) -> Axes:
    """Draw the effect on one outcome over the iterations, with its interval as a band.

    Parameters
    ----------
    effects : pandas.DataFrame
        Rows of `Analysis.effects` of one study, model, contrast, question and level.
    targeted_from : int, optional
        As in `drift_path`.
    """
    rows = one(effects, "study", "model", "contrast", "question", "level").sort_values("iteration")
    ax = new_axes(ax)
    _path(ax, rows, "estimate", VERMILLION)
    return _iterations(ax, targeted_from)


def _path(ax: Axes, rows: pd.DataFrame, column: str, colour: str) -> None:
    x = rows["iteration"].to_numpy(dtype=float)
    ax.axhline(0, color=INK, lw=0.7, zorder=1)
    ax.fill_between(x, rows["ci_low"], rows["ci_high"], color=colour, alpha=0.25, lw=0, zorder=2)
    ax.plot(x, rows[column], color=colour, lw=1.2, marker="o", ms=1.8, zorder=3)


def _iterations(ax: Axes, targeted_from: int | None) -> Axes:
    if targeted_from is not None:
        ax.axvline(targeted_from - 0.5, color=INK, lw=0.8, ls=(0, (4, 2)), zorder=1)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=2))
    ax.yaxis.set_major_locator(few(3))
    ax.margins(x=0.03)
    return ax


def marginal_path(distributions: pd.DataFrame, *, ax: Axes | None = None, targeted_from: int | None = None) -> Axes:
    """Draw the share of each answer over the iterations, with bands, all arms together, to see a population move.

    Parameters
    ----------
    distributions : pandas.DataFrame
        Rows of `Analysis.distributions` of one study, model and question; those of `(all arms)` are used.
    targeted_from : int, optional
        As in `drift_path`.
    """
    rows = one(distributions[distributions["arm"] == ALL_ARMS], "study", "model", "question")
    ax = new_axes(ax)
    for i, (_, answer) in enumerate(rows.sort_values("iteration", kind="stable").groupby("answer", sort=False)):
        look = series(i)
        ax.fill_between(answer["iteration"], answer["ci_low"], answer["ci_high"], color=look["color"], alpha=0.13, lw=0)
        ax.plot(answer["iteration"], answer["share"], color=look["color"], ls=look["ls"], lw=1.1)
    ax.set_ylim(0, min(1.0, highest(rows, "ci_high")))
    return _iterations(ax, targeted_from)


def answers_by_arm(distributions: pd.DataFrame, *, ax: Axes | None = None, arms: Sequence[str] | None = None) -> Axes:
    """Draw the share of each answer to one question in each arm, with intervals.

    Parameters
    ----------
    distributions : pandas.DataFrame
        Rows of `Analysis.distributions` of one study, model, iteration and question.
    arms : sequence of str, optional
        In the order of their colours; by default those of these rows. So for `means_by_arm`.

    Returns
    -------
    Axes
        Shares, averaged over personas, 0 to 1.
    """
    rows = distributions[distributions["arm"] != ALL_ARMS]
    rows = one(rows, "study", "model", "iteration", "question")
    answers, arms = list(dict.fromkeys(rows["answer"])), arms or sorted(set(rows["arm"]))
    ax = new_axes(ax, height=0.3 * len(answers) + 0.6)
    _striped(ax, answers)
    place = {answer: i for i, answer in enumerate(answers)}
    for i, shift in enumerate(_shifts(len(arms))):
        here = rows[rows["arm"] == arms[i]]
        y = here["answer"].map(place).to_numpy(dtype=float) + shift
        _dots(ax, here["share"], y, here, i)
    ax.set_xlim(0, min(1.0, highest(rows, "ci_high")))
    return ax


def means_by_arm(
    means: pd.DataFrame,
    *,
    ax: Axes | None = None,
    arms: Sequence[str] | None = None,
    targeted_from: int | None = None,
) -> Axes:
    """Draw an outcome's mean, or retention, in each arm: over the iterations with bands, or of the only one with bars.

    Parameters
    ----------
    means : pandas.DataFrame
        Rows of `Analysis.means` of one study, model and question.
    targeted_from : int, optional
        As in `drift_path`.

    Returns
    -------
    Axes
        Over iterations the mean is upwards; of one iteration it is to the right, an arm a line.
    """
    rows = one(means, "study", "model", "question").sort_values("iteration", kind="stable")
    arms = arms or sorted(set(rows["arm"]))
    if not moves(rows):
        ax = new_axes(ax, height=0.2 * len(arms) + 0.6)
        _striped(ax, arms)
        for i, arm in enumerate(arms):
            here = rows[rows["arm"] == arm]
            _dots(ax, here["estimate"], np.full(len(here), float(i)), here, 1)
        return ax
    ax = new_axes(ax)
    for i, arm in enumerate(arms):
        here, look = rows[rows["arm"] == arm], series(i)
        ax.fill_between(here["iteration"], here["ci_low"], here["ci_high"], color=look["color"], alpha=0.18, lw=0)
        ax.plot(here["iteration"], here["estimate"], ms=2.4, **(look | {"mew": 0.7}))
    return _iterations(ax, targeted_from)


def _dots(ax: Axes, x: pd.Series, y: Floats, rows: pd.DataFrame, i: int) -> None:
    look = series(i)
    ax.hlines(y, rows["ci_low"], rows["ci_high"], color=look["color"], lw=1.1, zorder=3)
    marker = {"marker": look["marker"], "c": look["mfc"], "edgecolors": look["color"]}
    ax.scatter(x, y, s=11, linewidths=0.9, zorder=4, **marker)


def _shifts(n: int) -> Floats:
    """Return where in a line of height 1 each of n series lies."""
    return np.linspace(-0.36, 0.36, n) * (n - 1) / n if n > 1 else np.zeros(1)


def settled_path(
    settled: pd.DataFrame,
    *,
    ax: Axes | None = None,
    paths: Sequence[str] | None = None,
    targeted_from: int | None = None,
) -> Axes:
    """Draw the probability that the effect has settled by each iteration, one line for each model of the path.

    Parameters
    ----------
    settled : pandas.DataFrame
        Rows of `Analysis.settled` of one study, model, contrast and question.
    paths : sequence of str, optional
        In the order of their colours; by default those of these rows. So for `settled_parts`.
    targeted_from : int, optional
        As in `drift_path`.
    """
    rows = one(settled, "study", "model", "contrast", "question").sort_values("iteration", kind="stable")
    ax = new_axes(ax)
    for i, path in enumerate(paths or dict.fromkeys(rows["path"])):
        here = rows[rows["path"] == path]
        ax.plot(here["iteration"], here["probability"], ms=2.4, **(series(i) | {"mew": 0.7}))
    ax.set_ylim(0, 1.03)
    return _iterations(ax, targeted_from)


def settled_parts(stabilization: pd.DataFrame, *, ax: Axes | None = None, paths: Sequence[str] | None = None) -> Axes:
    """Draw what models of the path say of the effect: each quantity with its interval.

    Parameters
    ----------
    stabilization : pandas.DataFrame
        Rows of `Analysis.stabilization` of one study, model, contrast and question.
    paths : sequence of str, optional
        As in `settled_path`.
    """
    rows = one(stabilization, "study", "model", "contrast", "question")
    quantities, paths = list(dict.fromkeys(rows["quantity"])), paths or list(dict.fromkeys(rows["path"]))
    ax = new_axes(ax, height=0.25 * len(quantities) + 0.6)
    _striped(ax, quantities)
    ax.axvline(0, color=INK, lw=0.7, zorder=1)
    place = {quantity: i for i, quantity in enumerate(quantities)}
    for i, shift in enumerate(_shifts(len(paths))):
        here = rows[rows["path"] == paths[i]]
        _dots(ax, here["mean"], here["quantity"].map(place).to_numpy(dtype=float) + shift, here, i)
    return ax


def drift_against_effect(sensitivity: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the drift that would explain an effect away above the largest drift seen, with what is not ruled out.

    Parameters
    ----------
    sensitivity : pandas.DataFrame
        Row of `Analysis.sensitivity` of one study, model, iteration, contrast and question.
    """
    row = one(sensitivity, "study", "model", "iteration", "contrast", "question").to_dict("records")[0]
    ax = new_axes(ax, height=1.0)
    values = (row["drift_to_explain_away"], row["largest_tvd"])
    high = float(np.nanmax([row["largest_tvd_high"], row["largest_tvd"]]))  # no interval is missing one
    _striped(ax, AGAINST)
    ax.barh(0, values[0], height=0.56, facecolor="white", edgecolor=INK, lw=0.9)
    ax.barh(1, values[1], height=0.56, color=VERMILLION)
    ax.errorbar([values[1]], [1], xerr=[[0], [high - values[1]]], fmt="none", ecolor=INK, elinewidth=0.9, capsize=2)
    for y, (value, end) in enumerate(zip(values, (values[0], high), strict=True)):
        ax.annotate(f"{value:.2f}", (end, y), (3, 0), textcoords="offset points", va="center", size=SMALL)
    ax.set_xlim(0, highest(sensitivity, "largest_tvd_high", "largest_tvd", "drift_to_explain_away") * 1.15)
    return ax


def write_values(ax: Axes, values: Sequence[tuple[float, float, float]]) -> None:
    """Write the estimates at the right of a panel, with their intervals where there is room."""
    wide = inches_wide(ax)
    for y, (value, low, high) in enumerate(values):
        text = number(value, 2, sign=True) + (f"  {bracketed(low, high, 2)}" if wide > 2 else "")
        ax.text(1, y, text, transform=ax.get_yaxis_transform(), ha="right", va="center", size=SMALL, color=INK)


def value_room(wide: float) -> float:
    """Return the inches that the numbers at the right of a waterfall take, in a panel of a given width."""
    return width("+0.00  [\N{MINUS SIGN}0.00, \N{MINUS SIGN}0.00]" if wide > 2 else "+0.00", SMALL) + 0.06


def moves(rows: pd.DataFrame) -> bool:
    """Tell whether there is more than one iteration."""
    return bool(rows["iteration"].min() < rows["iteration"].max())


def highest(rows: pd.DataFrame, *columns: str) -> float:
    """Return where an axis that starts at 0 ends."""
    return float(np.nanmax(rows[list(columns)].to_numpy(dtype=float), initial=0.05)) * 1.05


def few(n: int = 4) -> MaxNLocator:
    """Return a locator of few ticks at round numbers."""
    return MaxNLocator(n, steps=[1, 2, 2.5, 5, 10], min_n_ticks=2)


def one(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Refuse rows that do not belong into one panel."""
    found = rows[list(by)].drop_duplicates()
    if len(found) != 1:
        raise InputError(
            f"a panel shows one {', '.join(by)}, but these rows hold {len(found)}. Choose one with DataFrame.query, or "
            "draw all of them with confound.figures.draw_all"
        )
    return rows
