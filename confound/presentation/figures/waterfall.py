"""The waterfall: from the observed effect over selection bias to the causal effect."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from confound.presentation.figures.canvas import (
    BLUE,
    GREY,
    HATCHES,
    INK,
    VERMILLION,
    new_axes,
)
from confound.presentation.figures.panels import few, one, write_values

PARTS = ("observed", "sbt", "sbc", "cate")


NAMES = {
    "observed": "observed effect",
    "sbt": "bias: treated arm's users",
    "sbc": "bias: control arm's users",
    "asb": "average selection bias",
    "cate": "causal effect (CATE)",
}


def waterfall(decomposition: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how the observed effect comes apart: from it, selection bias is taken, and the causal effect is left.

    Parameters
    ----------
    decomposition : pandas.DataFrame
        Rows of `Analysis.decomposition` of one study, model, contrast, question, method and iteration.

    Returns
    -------
    Axes
        In the units of the outcome, from top to bottom: the observed effect; what bias in the treated and in the
        control arm's outcome takes from it (half of SBT and of SBC, which add up to ASB), or ASB where these two are
        not told; the causal effect (CATE). The
        lines over the bars' ends are the intervals of each part.
    """
    place = ("study", "model", "contrast", "question", "method", "iteration")
    steps = _steps(one(decomposition, *place))
    ax = new_axes(ax, height=1.6)
    names = [name for name, *_ in steps]
    ax.axvline(0, color=INK, lw=0.7, zorder=1)
    for y, (name, start, end, (low, high), _) in enumerate(steps):
        colour, hatch = _bar(name)
        fill: dict[str, Any] = {"color": colour}
        if hatch:
            fill = {"facecolor": "white", "edgecolor": colour, "hatch": hatch}
        ax.barh(y, end - start, left=start, height=0.62, lw=0.8, zorder=2, **fill)
        for colour, wide in (("white", 2.4), (INK, 1.0)):  # white around black, to be seen on any bar
            ax.vlines([low, high], y - 0.13, y + 0.13, color=colour, lw=wide, zorder=4)
            ax.hlines(y, low, high, color=colour, lw=wide, zorder=4)
        if y + 1 < len(steps):
            ax.vlines(end, y + 0.31, y + 0.69, color=GREY, lw=0.7, zorder=1)
    ax.set_ylim(len(steps) - 0.45, -0.55)
    ax.set_yticks(range(len(steps)), [NAMES[name] for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(few())
    write_values(ax, [value for *_, value in steps])
    return ax


Step = tuple[str, float, float, tuple[float, float], tuple[float, float, float]]


def _steps(rows: pd.DataFrame) -> list[Step]:
    """Return name, start and end of each bar, the ends of the interval around its end, and the numbers to write."""
    found = {row["quantity"]: row for row in rows.to_dict("records")}

    def numbers(name: str, scale: float = 1.0) -> tuple[float, float, float]:
        row = found[name]
        low, high = sorted((scale * row["ci_low"], scale * row["ci_high"]))
        return scale * row["estimate"], low, high

    taken = [("sbt", -0.5), ("sbc", -0.5)] if _in_halves(found) else [("asb", -1.0)]
    at, low, high = numbers("observed")
    steps: list[Step] = [("observed", 0.0, at, (low, high), (at, low, high))]
    for name, scale in taken:
        part, low, high = numbers(name, scale)
        steps.append((name, at, at + part, (at + low, at + high), (part, low, high)))
        at += part
    left, low, high = numbers("cate")
    return [*steps, ("cate", 0.0, left, (low, high), (left, low, high))]


def _in_halves(found: Mapping[Hashable, Mapping[Hashable, Any]]) -> bool:
    """Tell whether ASB is the mean of SBT and SBC; with more than two arms adjustment does not tell these."""
    if not {"sbt", "sbc"} <= set(found):
        return False
    mean = 0.5 * (found["sbt"]["estimate"] + found["sbc"]["estimate"])
    return bool(np.isclose(found["asb"]["estimate"], mean, rtol=0, atol=1e-6))


def _bar(name: str) -> tuple[str, str]:
    return {"observed": ("#9c9c9c", ""), "cate": (BLUE, "")}.get(name, (VERMILLION, HATCHES[1]))


def reach(decomposition: pd.DataFrame) -> tuple[float, float]:
    """Return the least and the greatest that any bar or interval of these waterfalls comes to."""
    by = ["study", "model", "contrast", "question", "method", "iteration"]
    ends = [0.0]
    for _, rows in decomposition.groupby(by, sort=False):
        for _, start, end, interval, _ in _steps(rows):
            ends += [start, end, *interval]
    return float(np.nanmin(ends)), float(np.nanmax(ends))
