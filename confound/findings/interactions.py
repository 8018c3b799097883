"""The table `interactions`: whether the effect of one factor depends on another, where arms are made of several."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from confound.counts.cells import Cell
from confound.counts.counting import in_order
from confound.counts.prepare import CountedLog
from confound.counts.scales import FloatArray
from confound.findings import schema
from confound.findings.schema import ITERATION, MODEL, N_PERSONAS, QUESTION, STUDY, Column, Row, Schema
from confound.statistics.effect.interaction import interaction
from confound.text import estimate, named
from confound.vocabulary import JOINT

_UNIT = "of the outcome; of a share where `level` is given"
SCHEMA = Schema(
    "interactions",
    "An outcome, a contrast of one factor and a contrast of another",
    (
        *(STUDY, MODEL, ITERATION, QUESTION),
        Column("level", "text", "Empty: the mean; else P(Y = level) of a nominal outcome"),
        Column("factor", "text", "The first factor, a column of the log"),
        Column("contrast", "text", "Its levels, treated - control"),
        Column("by", "text", "The second factor"),
        Column("by_contrast", "text", "Its levels, treated - control"),
        Column("design", "text", "`within`: personas in all four cells; `mixed`: in two; `between`: in one each"),
        N_PERSONAS,
        Column("effect_control", "number", "Effect of the first factor at the second's control level", _UNIT),
        Column("effect_treated", "number", "Effect of the first factor at the second's treated level", _UNIT),
        Column("estimate", "number", "The second less the first: the interaction", _UNIT),
        Column("se", "number", "Standard error of `estimate`, clustered by persona", _UNIT),
        *schema.interval("`estimate`", _UNIT),
        Column("pvalue", "p-value", "Null hypothesis: no interaction; paired t within, else Welch's", head="p"),
    ),
)
NAMED = 3  # interactions named in the verdict


def rows(counted: CountedLog, factors: Sequence[str], *, confidence: float) -> Iterator[Row]:
    """Return the rows of every pair of factors, each level against the control's.

    Parameters
    ----------
    counted : CountedLog
        Its arms are the combinations of the factors' levels.
    factors : sequence of str
        The columns that the arm is made of.
    confidence : float
        Of the intervals, in (0, 1).
    """
    if len(factors) < 2:
        return
    for cell in counted.cells:
        control = counted.control_arms.get(cell.study, "").split(JOINT)
        arms = [arm.split(JOINT) for arm in cell.arms]
        whole = {len(parts) for parts in [control, *arms]} == {len(factors)}
        if cell.role != "outcome" or not whole or any(cell.study.endswith(f" by {name}") for name in factors):
            continue
        for (i, first), (j, second) in combinations(enumerate(factors), 2):
            for a in in_order({parts[i] for parts in arms} - {control[i]}, "arm"):
                for b in in_order({parts[j] for parts in arms} - {control[j]}, "arm"):
                    levels = ((control[i], a), (control[j], b))
                    masks = [
                        [[parts[i] == x and parts[j] == y for parts in arms] for y in levels[1]] for x in levels[0]
                    ]
                    place = {
                        "study": cell.study,
                        "model": cell.model,
                        "iteration": cell.iteration,
                        "question": cell.question,
                        "factor": first,
                        "contrast": f"{a} - {control[i]}",
                        "by": second,
                        "by_contrast": f"{b} - {control[j]}",
                    }
                    yield from _rows(cell, np.asarray(masks), place, confidence)


def _rows(cell: Cell, masks: FloatArray, place: Mapping[str, object], confidence: float) -> Iterator[Row]:
    names, cells = _quantities(cell, masks)
    found = interaction(cells, confidence=confidence)
    if not found.n_personas:
        return
    for q, level in enumerate(names):
        measures = {name: getattr(found.difference, name)[q] for name in ("estimate", "se", "ci_low", "ci_high")}
        yield {
            **place,
            "level": level,
            "design": found.design,
            "n_personas": found.n_personas,
            "effect_control": found.at_control[q],
            "effect_treated": found.at_treated[q],
            **measures,
            "pvalue": found.difference.pvalue[q],
        }


def _quantities(cell: Cell, masks: FloatArray) -> tuple[list[str], FloatArray]:
    """Return the persona means by both factors, shape (P, 2, 2, Q), and what each of the Q is: a mean, or shares."""
    known = np.einsum("pa,xya->pxy", cell.known, masks)
    with np.errstate(invalid="ignore", divide="ignore"):
        if cell.scale.kind != "nominal":
            totals = np.einsum("pa,xya->pxy", cell.totals, masks)
            return [""], (totals / known)[..., None]
        counts = np.einsum("pak,xya->pxyk", cell.answers[:, :, :-1], masks)
        return list(cell.scale.answers), counts / known[..., None]


def points(frame: pd.DataFrame, confidence: float) -> Iterator[str]:
    """Say of the last iteration where one factor's effect depends on another, the smallest p-values first."""
    if frame.empty:
        return
    last = frame[frame["iteration"] == frame["iteration"].max()].sort_values("pvalue", kind="stable")
    for row in last.head(NAMED).to_dict("records"):
        what = named(row["question"]) + (f" = {named(row['level'])}" if row["level"] else "")
        ends = row["ci_low"], row["ci_high"]
        moved = estimate(row["estimate"], *ends, 3, sign=True, confidence=confidence, p=row["pvalue"])
        yield (
            f"Interaction on {what}: the effect of {named(row['factor'])} ({named(row['contrast'])}) changes with "
            f"{named(row['by'])} ({named(row['by_contrast'])}) by {moved}."
        )
    if len(last) > NAMED:
        yield f"and {len(last) - NAMED} more interactions in the table."
