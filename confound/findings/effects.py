"""The table `effects`: the observed effect on one outcome in one contrast, on its mean and on its answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from confound.counts.contrasts import Contrast, Side
from confound.counts.scales import MAX_LEVELS, FloatArray, Scale
from confound.findings import missing_outcomes, schema
from confound.findings.schema import N_PERSONAS, PLACE, Column, Row, Schema
from confound.statistics.effect import difference, ordinal

_UNIT = "of the outcome; of a share where `level` is given"
SCHEMA = Schema(
    "effects",
    "An outcome in a contrast, at each of its levels",
    (
        *PLACE,
        Column("level", "text", "Empty: the mean; else P(Y >= level) of an ordinal, P(Y = level) of a nominal outcome"),
        N_PERSONAS,
        Column("n_control", "count", "Answers in the control arm, Unknown left out"),
        Column("n_treated", "count", "Answers in the treated arm, Unknown left out"),
        Column("mean_control", "number", "Mean over personas in the control arm", _UNIT, head="Control", group="Mean"),
        Column("mean_treated", "number", "Mean over personas in the treated arm", _UNIT, head="Treated", group="Mean"),
        Column("estimate", "number", "Observed effect: treated less control", _UNIT, head="Difference"),
        Column("se", "number", "Standard error of `estimate`, clustered by persona", _UNIT),
        *schema.interval("`estimate`", _UNIT),
        Column("pvalue", "p-value", "Null hypothesis: no difference; paired t within, Welch's between", head="p"),
        Column(
            "prob_superiority",
            "number",
            "Probability that a random treated answer is above a random control answer, ties counting half",
            "0 to 1",
        ),
        Column("design", "text", "`within`: the same personas in both arms; `between`: each persona in one arm"),
        Column("unknown_control", "count", "Unknown answers in the control arm"),
        Column("unknown_treated", "count", "Unknown answers in the treated arm"),
        Column("log_odds", "number", "Log odds ratio of a cumulative logit model, of an ordinal outcome", "log odds"),
        Column("log_odds_se", "number", "Its standard error, clustered by persona", "log odds"),
        Column("log_odds_pvalue", "p-value", "Its p-value"),
        *missing_outcomes.COLUMNS,
    ),
)


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the table."""
    return schema.frame(rows, SCHEMA)


@dataclass(frozen=True, slots=True)
class _Quantities:
    """What is compared of an outcome: its mean, if it has one, then shares; each side a persona a row."""

    levels: list[str]
    treated: FloatArray
    control: FloatArray


def effect_rows(contrast: Contrast, *, confidence: float) -> list[Row]:
    """Estimate the effect on one outcome: on its mean, and on P(Y >= level) or P(Y = level).

    Unknown is left out and counted; so are personas without a known answer.

    Parameters
    ----------
    contrast : Contrast
        Of an outcome.
    confidence : float
        Of the intervals, in (0, 1).

    Returns
    -------
    list of dict
        Empty if no persona has a known answer on the side where it is needed.
    """
    treated, control = contrast.known_sides()
    if not len(treated.totals) or not len(control.totals):
        return []
    made = _quantities(treated, control, contrast.cell.scale)
    paired = contrast.design == "within"
    compare = difference.paired_difference if paired else difference.welch_difference
    result = compare(made.treated, made.control, confidence=confidence)
    common = {
        **contrast.place,
        "n_personas": len(treated.totals) + (0 if paired else len(control.totals)),
        "n_control": int(control.known.sum()),
        "n_treated": int(treated.known.sum()),
        "design": contrast.design,
        "unknown_control": contrast.control.n_unknown,
        "unknown_treated": contrast.treated.n_unknown,
    }
    measures = ("mean_control", "mean_treated", "estimate", "se", "ci_low", "ci_high", "pvalue")
    second = _second_opinions(treated, control, contrast.cell.scale, paired=paired)
    bounds = missing_outcomes.columns(contrast, confidence=confidence)
    return [
        {
            **common,
            "level": level,
            **{name: getattr(result, name)[q] for name in measures},
            **(dict.fromkeys(second, np.nan) if level else second),
            **(bounds[q] if q < len(bounds) else {}),
        }
        for q, level in enumerate(made.levels)
    ]


def _second_opinions(treated: Side, control: Side, scale: Scale, *, paired: bool) -> dict[str, float]:
    """Compare an ordinal outcome without its numbers; not a number of other outcomes, or where levels are many."""
    superiority, odds = np.nan, ordinal.OddsRatio(np.nan, np.nan, np.nan)
    if scale.kind == "ordinal":
        superiority = ordinal.superiority(_tied_shares(treated, scale), _tied_shares(control, scale))
        if len(scale.answers) <= MAX_LEVELS:
            odds = ordinal.cumulative_logit(treated.answers[:, :-1], control.answers[:, :-1], paired=paired)
    return {
        "prob_superiority": superiority,
        "log_odds": odds.estimate,
        "log_odds_se": odds.se,
        "log_odds_pvalue": odds.pvalue,
    }


def _quantities(treated: Side, control: Side, scale: Scale) -> _Quantities:
    levels, columns = _levels(scale)
    with_mean = scale.kind != "nominal"
    sides = []
    for side in (treated, control):
        mean = (side.totals / side.known)[:, None]
        shares = side.answers[:, :-1] @ columns / side.known[:, None]
        sides.append(np.hstack([mean, shares]) if with_mean else shares)
    return _Quantities([""] * with_mean + levels, sides[0], sides[1])


def _levels(scale: Scale) -> tuple[list[str], FloatArray]:
    """Return the levels reported, and for each the answers (rows) whose share it is (columns)."""
    k = len(scale.answers)
    if scale.kind == "nominal":
        return list(scale.answers), np.eye(k)
    numbers = scale.values  # noqa: PD011 -- no frame
    distinct = np.unique(numbers)
    if k == 0 or k > MAX_LEVELS:
        return [], np.zeros((max(k, 1), 0))
    names = [scale.answers[int(np.argmax(numbers == value))] for value in distinct[1:]]
    return names, (numbers[:, None] >= distinct[None, 1:]).astype(np.float64)


def _tied_shares(side: Side, scale: Scale) -> FloatArray:
    """Average the personas' shares of the distinct values, from low to high."""
    distinct, place = np.unique(scale.values, return_inverse=True)
    shares = (side.answers[:, :-1] / side.known[:, None]).mean(axis=0)
    return np.bincount(place, weights=shares, minlength=len(distinct)).astype(np.float64)
