"""How much unseen drift it would take to explain an effect away, and what drift like that seen could do to it.

Whatever the users differ in, ``|ASB| <= range(Y) TVD(p_1, p_0)`` over the latent user; and no negative control drifts
more than that latent distance, since its answer depends on the user alone (data processing).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from confound.counts.cells import Cell
from confound.counts.contrasts import Contrast
from confound.findings import routes
from confound.findings.pooled import ALL_CONTROLS

Row = dict[str, Any]
Place = tuple[str, str, int, str]


def drift_to_explain_away(estimate: float, width: float) -> float:
    """Return the least total variation distance of the users at which an effect may be selection bias alone.

    Parameters
    ----------
    estimate : float
        The observed effect.
    width : float
        Range of the outcome, above 0. Above 1, no drift explains the effect.
    """
    return abs(estimate) / width


def bounds(low: float, high: float, *, width: float, tvd: float) -> tuple[float, float]:
    """Widen an effect's interval by the selection bias that a distance between the arms' users allows.

    Parameters
    ----------
    low, high : float
        The interval's ends.
    width : float
        Range of the outcome.
    tvd : float
        Total variation distance of the users, in [0, 1].
    """
    return low - width * tvd, high + width * tvd


def rows(
    contrasts: Sequence[Contrast],
    drift: Iterable[Mapping[str, Any]],
    effects: Iterable[Mapping[str, Any]],
    cells: Sequence[Cell],
    *,
    options: routes.Options,
) -> list[Row]:
    """Return a row an outcome that has a mean, contrast and iteration.

    Parameters
    ----------
    contrasts : sequence of Contrast
    drift, effects : iterable of mapping
        Their rows.
    cells : sequence of Cell
        Those of confounders say what was adopted: what was asked in an iteration is specified in the next.
    options : Options
        Of the joint bootstrap of the steps.
    """
    tvds = _largest(drift)
    asked = _asked(cells)
    means = {(*_place(row), row["question"]): row for row in effects if not row["level"]}
    found: list[Row] = []
    for one in routes.series(contrasts):
        moved = _moved(one, asked, options)
        for contrast in one.contrasts:
            cell = contrast.cell
            key = (cell.study, cell.model, cell.iteration, contrast.label)
            effect = means.get((*key, cell.question))
            if effect is not None and cell.high > cell.low:
                found.append(_row(effect, cell.high - cell.low, tvds.get(key, np.nan), moved.get(cell.iteration, {})))
    return found


def _row(effect: Mapping[str, Any], width: float, tvd: float, moved: Mapping[str, Any]) -> Row:
    low, high = bounds(effect["ci_low"], effect["ci_high"], width=width, tvd=tvd)
    return {
        **{key: effect[key] for key in ("study", "model", "iteration", "contrast", "question", "estimate")},
        "drift_to_explain_away": drift_to_explain_away(effect["estimate"], width),
        "largest_tvd": tvd,
        "bound_low": low,
        "bound_high": high,
        "range": width,
        **moved,
    }


def _place(row: Mapping[str, Any]) -> Place:
    return row["study"], row["model"], row["iteration"], row["contrast"]


def _largest(drift: Iterable[Mapping[str, Any]]) -> dict[Place, float]:
    """Return the largest corrected distance among the controls of each place."""
    found: dict[Place, float] = {}
    for row in drift:
        tvd = row.get("tvd", np.nan)
        if row["question"] != ALL_CONTROLS and not np.isnan(tvd):
            found[_place(row)] = max(tvd, found.get(_place(row), 0.0))
    return found


def _asked(cells: Sequence[Cell]) -> dict[tuple[str, str, int], list[str]]:
    found: dict[tuple[str, str, int], list[str]] = {}
    for cell in cells:
        if cell.role == "confounder":
            found.setdefault((cell.study, cell.model, cell.iteration), []).append(cell.question)
    return found


def _moved(
    one: routes.Series, asked: Mapping[tuple[str, str, int], list[str]], options: routes.Options
) -> dict[int, Row]:
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
