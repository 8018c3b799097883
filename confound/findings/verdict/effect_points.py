"""Observed effects and what drift is held against, in sentences that can be quoted."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from confound.findings.decision import LEVEL
from confound.statistics import multiplicity
from confound.text import estimate, named, number
from confound.vocabulary import ALL_CONTROLS

NAMED = 6  # effects named in a sentence; the tables hold the rest
SUREST = 3  # effects named where there are more than NAMED

Row = Mapping[Hashable, Any]


def comparison_points(comparisons: pd.DataFrame, confidence: float) -> Iterator[str]:
    """Say how the drift over all controls, at the last iteration, differs from what it is held against."""
    joint = comparisons[comparisons["question"] == ALL_CONTROLS]
    last = joint[joint["iteration"] == joint["iteration"].max()]
    several = len(comparisons["contrast"].unique()) > 1
    for row in last.head(NAMED).to_dict("records"):
        where = f" in {named(row['contrast'])}" if several else ""
        yield f"Drift over all controls{where} minus that of {named(row['against'])}: {_estimate(row, confidence)}."
    if len(last) > NAMED:
        yield f"and {len(last) - NAMED} more comparisons."


def _estimate(row: Row, confidence: float | None) -> str:
    if pd.isna(row["pvalue"]):
        return f"{number(row['estimate'], 3, sign=True)} (too few personas for an interval)"
    ends = row["ci_low"], row["ci_high"]
    return estimate(row["estimate"], *ends, 3, sign=True, confidence=confidence, p=row["pvalue"])


def main_rows(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that say most: an outcome's mean, or the shares of its answers where it has none."""
    with_mean = effects.loc[effects["level"] == "", "question"]
    return effects[(effects["level"] == "") | ~effects["question"].isin(with_mean)]


def effect_points(effects: pd.DataFrame, confidence: float) -> Iterator[str]:
    """Say the observed effects at the last iteration."""
    if effects.empty:
        return
    last = int(effects["iteration"].max())
    rows = main_rows(effects[effects["iteration"] == last]).sort_values("pvalue", kind="stable")
    when = f"At iteration {last}, " if len(effects["iteration"].unique()) > 1 else ""
    few = len(rows) <= NAMED
    named_rows = rows.head(NAMED if few else SUREST).to_dict("records")
    shown = "; ".join(_effect(row, confidence if row is named_rows[0] else None) for row in named_rows)
    sure = int((rows["pvalue"] < LEVEL).sum())
    many = f"{sure} of {len(rows)} observed effects have p < .05, uncorrected; the smallest p-values belong to"
    what = f"{when}{'observed effect' if few else many}"
    yield f"{what[:1].upper()}{what[1:]}: {shown}."


def _effect(row: Row, confidence: float | None) -> str:
    return f"{_what(row)}, {named(row['contrast'])}: {_estimate(row, confidence)}"


def _what(row: Row) -> str:
    return named(row["question"]) + (f" = {named(row['level'])}" if row["level"] else "")


def refused(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the effects at the last iteration whose answers are missing more often in one arm than in the other."""
    last = effects[effects["iteration"] == effects["iteration"].max()] if len(effects) else effects
    # Shares of one nominal outcome have one test; its first answer stands for all.
    tested = last[last["pvalue_missing"].notna()].drop_duplicates(["contrast", "question"])
    if tested.empty:
        return tested
    stands = multiplicity.holm(tested["pvalue_missing"].to_numpy(dtype=np.float64)) <= LEVEL
    kept: pd.DataFrame = tested[np.asarray(stands)]
    return kept


def missing_points(effects: pd.DataFrame) -> Iterator[str]:
    """Say what unequal refusing can do to an effect."""
    rows = refused(effects)
    for row in rows.head(NAMED).to_dict("records"):
        lee = ""
        if not pd.isna(row["lee_low"]):
            ends = _range(row["lee_low"], row["lee_high"])
            lee = f"; if the treatment moves refusing one way only, between {ends} (Lee)"
        yield (
            f"{_what(row)}, {named(row['contrast'])}: no answer is given {row['missing_treated']:.0%} of "
            "the time "
            f"in the treated arm and {row['missing_control']:.0%} in the control arm. Whatever these answers would "
            "have been, "
            f"the effect lies between {_range(row['manski_low'], row['manski_high'])} (Manski){lee}."
        )
    if len(rows) > NAMED:
        yield f"and {len(rows) - NAMED} more effects with unequal refusing."


def _range(low: float, high: float) -> str:
    return f"{number(low, 3, sign=True)} and {number(high, 3, sign=True)}"
