"""The table `sensitivity`: the drift that would explain an effect away, and what the drift seen could do to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from confound.counts.cells import Cell
from confound.counts.options import Options
from confound.counts.prepare import CountedLog
from confound.findings import routes
from confound.findings.schema import PLACE, Column, Row, Schema
from confound.statistics.effect import sensitivity
from confound.vocabulary import ALL_CONTROLS

Place = tuple[str, str, int, str]
UNMEASURED = (np.nan, np.nan)
_UNIT = "of the outcome"
_DISTANCE = "total variation distance, 0 to 1"
SCHEMA = Schema(
    "sensitivity",
    "An outcome in a contrast at an iteration",
    (
        *PLACE,
        Column("estimate", "number", "Observed effect", _UNIT, head="Effect"),
        Column(
            "drift_to_explain_away",
            "number",
            "The least distance between the arms' users at which the effect may be selection bias alone; above 1: none",
            _DISTANCE,
            head="Drift to explain away",
            places=3,
        ),
        Column(
            "largest_tvd",
            "number",
            "The largest corrected distance of a negative control: a lower bound on that distance",
            _DISTANCE,
            head="Largest drift seen",
            places=3,
        ),
        Column(
            *("bound_low", "number", "The effect's interval widened by `largest_tvd_high`: lower end", _UNIT, False),
            *("Bounds", "", "bound_high"),
        ),
        Column("bound_high", "number", "Upper end", _UNIT),
        Column("range", "number", "Largest less smallest number that an answer may have", _UNIT),
        Column("adopted", "text", "The confounders adopted since the iteration before", optional=True),
        Column("change", "number", "Change of the effect since the iteration before", _UNIT, optional=True),
        Column("change_low", "number", "Lower end of its interval", _UNIT, optional=True),
        Column("change_high", "number", "Upper end of its interval", _UNIT, optional=True),
        Column("largest_tvd_high", "number", "The largest upper end of a negative control's distance", _DISTANCE),
    ),
)


def rows(
    counted: CountedLog, drift: Iterable[Mapping[str, Any]], effects: Iterable[Mapping[str, Any]], *, options: Options
) -> list[Row]:
    """Return a row for each outcome that has a mean, contrast and iteration.

    Parameters
    ----------
    counted : CountedLog
        Its confounders say what was adopted: what was asked in an iteration is specified in the next.
    drift, effects : iterable of mapping
        Rows of these tables.
    options : Options
        Of the joint bootstrap of the steps.
    """
    tvds = _largest(drift)
    asked = _asked(counted.cells)
    means = {(*_place(row), row["question"]): row for row in effects if not row["level"]}
    found: list[Row] = []
    for one in routes.series(counted.contrasts):
        moved = _moved(one, asked, options)
        for contrast in one.contrasts:
            cell = contrast.cell
            key = (cell.study, cell.model, cell.iteration, contrast.label)
            effect = means.get((*key, cell.question))
            if effect is not None and cell.high > cell.low:
                found.append(
                    _row(effect, cell.high - cell.low, tvds.get(key, UNMEASURED), moved.get(cell.iteration, {}))
                )
    return found


def _row(effect: Mapping[str, Any], width: float, tvds: tuple[float, float], moved: Mapping[str, Any]) -> Row:
    tvd, tvd_high = tvds
    # With the estimated distance the bounds exclude a true 0 in 10 to 75 % of simulated logs, with its upper end in
    # none.
    low, high = sensitivity.bounds(effect["ci_low"], effect["ci_high"], width=width, tvd=tvd_high)
    return {
        **{key: effect[key] for key in ("study", "model", "iteration", "contrast", "question", "estimate")},
        "drift_to_explain_away": sensitivity.drift_to_explain_away(effect["estimate"], width),
        "largest_tvd": tvd,
        "largest_tvd_high": tvd_high,
        "bound_low": low,
        "bound_high": high,
        "range": width,
        **moved,
    }


def _place(row: Mapping[str, Any]) -> Place:
    return row["study"], row["model"], row["iteration"], row["contrast"]


def _largest(drift: Iterable[Mapping[str, Any]]) -> dict[Place, tuple[float, float]]:
    """Return the largest corrected distance among the controls of each place, and the largest upper end."""
    found: dict[Place, tuple[float, float]] = {}
    for row in drift:
        tvd = row.get("tvd", np.nan)
        everyone_alike = row.get("modal_share", 0) == 1  # says nothing about how far apart users are
        if row["question"] != ALL_CONTROLS and not np.isnan(tvd) and not everyone_alike:
            largest = found.get(_place(row), (0.0, 0.0))
            found[_place(row)] = (max(tvd, largest[0]), float(np.fmax(row["ci_high"], largest[1])))
    return found


def _asked(cells: Sequence[Cell]) -> dict[tuple[str, str, int], list[str]]:
    found: dict[tuple[str, str, int], list[str]] = {}
    for cell in cells:
        if cell.role == "confounder":
            found.setdefault((cell.study, cell.model, cell.iteration), []).append(cell.question)
    return found


def _moved(one: routes.Series, asked: Mapping[tuple[str, str, int], list[str]], options: Options) -> dict[int, Row]:
    """Return what each step adopted and how far it moved the effect, by iteration."""
    found = routes.steps(one, options=options)
    if found is None:
        return {}
    cell = one.first.cell
    iterations, step = found
    before = [contrast.cell.iteration for contrast in one.contrasts]
    return {
        iteration: {
            "adopted": ", ".join(sorted(asked.get((cell.study, cell.model, before[i]), ()))),
            "change": step.estimate[i],
            "change_low": step.ci_low[i],
            "change_high": step.ci_high[i],
        }
        for i, iteration in enumerate(iterations)
    }
