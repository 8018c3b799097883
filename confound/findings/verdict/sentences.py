"""The findings in words. Every number in a sentence stands in a table, but for corrections over a whole model."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from confound.findings.stabilization import NOTHING, Stabilization
from confound.findings.verdict.parts import part_points
from confound.findings.verdict.settling import points as settling_points
from confound.statistics import multiplicity
from confound.text import estimate, named, number, p_equals
from confound.vocabulary import ALL_ARMS, ALL_CONTROLS

LEVEL = 0.05
TESTS = ("pvalue", "pvalue_common")
SHOWN = 6  # controls or effects named in a sentence; the tables hold the rest
SUREST = 3  # effects named where there are more than SHOWN
NOTHING_ASSUMED = pd.DataFrame(columns=["study", "contrast", "question", "iteration", "check", "estimate"])
NOTHING_BOUNDED = pd.DataFrame(columns=["study", "contrast", "question", "iteration"])


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one model.

    Attributes
    ----------
    model : str
    drifts : bool or None
        Whether its users drift, at the last iteration; None without a negative control.
    headline : str
        The finding and what it means, in two sentences.
    points : tuple of str
        What it rests on.
    """

    model: str
    drifts: bool | None
    headline: str
    points: tuple[str, ...]


def findings(
    drift: pd.DataFrame,
    effects: pd.DataFrame,
    decomposition: pd.DataFrame,
    comparisons: pd.DataFrame,
    confidence: float,
    *,
    assumptions: pd.DataFrame | None = None,
    sensitivity: pd.DataFrame | None = None,
    settling: Stabilization = NOTHING,
) -> tuple[Finding, ...]:
    """Say for each model whether its users drift, which controls show it, the effect, and what that means.

    Both tests of all controls of a model at an iteration, over its studies and contrasts, are one family: a control
    counts as drifting if either test stands after Holm's correction over the family at level .05 (Holm 1979).

    Parameters
    ----------
    drift, effects, decomposition, comparisons, assumptions, sensitivity : pandas.DataFrame
        As in `confound.result.Analysis`.
    confidence : float
        Of the intervals.
    settling : Stabilization
        Models of the outcomes over iterations.

    Returns
    -------
    tuple of Finding
        Models whose users drift come first.
    """
    controls = drift[(drift["question"] != ALL_CONTROLS) & (drift["contrast"] != ALL_ARMS)]
    frames = [controls, effects, decomposition, comparisons, *(f for f in (assumptions, sensitivity) if f is not None)]
    made = []
    for model in dict.fromkeys([*controls["model"], *effects["model"]]):
        own = (frame[frame["model"] == model] for frame in frames)
        made.append(_finding(model, *own, confidence=confidence, settling=settling))
    return tuple(sorted(made, key=lambda finding: finding.drifts is not True))


def _finding(
    model: str,
    drift: pd.DataFrame,
    effects: pd.DataFrame,
    decomposition: pd.DataFrame,
    comparisons: pd.DataFrame,
    assumptions: pd.DataFrame = NOTHING_ASSUMED,
    sensitivity: pd.DataFrame = NOTHING_BOUNDED,
    *,
    confidence: float,
    settling: Stabilization,
) -> Finding:
    iterations = sorted({int(drift["iteration"].min()), int(drift["iteration"].max())}) if len(drift) else []
    points: list[str] = []
    drifts = None
    for iteration in iterations:
        rows = drift[drift["iteration"] == iteration]
        surest = standing(rows)
        drifts = bool(len(surest))
        when = f"At iteration {iteration}, " if len(iterations) > 1 else ""
        points += _drift_points(rows, surest, when, confidence)
    points += _comparison_points(comparisons, confidence)
    points += _effect_points(effects, confidence)
    points += part_points(decomposition, assumptions, sensitivity, confidence)
    quantities, settled, checks = (
        frame[frame["model"] == model] for frame in (settling.stabilization, settling.settled, settling.checks)
    )
    points += settling_points(quantities, settled, checks, confidence)
    return Finding(model, drifts, _headline(drifts, iterations, has_effects=bool(len(effects))), tuple(points))


def standing(drift: pd.DataFrame) -> pd.DataFrame:
    """Return the controls that stand after Holm's correction over both tests of all; the smallest p-value first."""
    if drift.empty:
        return drift
    adjusted = multiplicity.holm(drift[list(TESTS)].to_numpy().ravel()).reshape(-1, len(TESTS))
    stands = np.asarray(adjusted.min(axis=1) < LEVEL)
    order = np.argsort(drift[list(TESTS)].to_numpy().min(axis=1), kind="stable")
    kept: pd.DataFrame = drift.iloc[order[stands[order]]]
    return kept


def _headline(drifts: bool | None, iterations: list[int], *, has_effects: bool) -> str:
    when = f" at iteration {iterations[-1]}, the last" if len(iterations) > 1 else ""
    if drifts is None:
        return (
            "drift was not measured. Without a negative control nothing here tells whether the arms hold the same "
            "people, and an observed effect may be selection bias: ask each persona facts that the "
            "treatment cannot change."
        )
    if not drifts:
        return (
            f"no drift beyond chance{when}. These controls give no reason against reading the effect as causal; a "
            "drift too small for this many personas and answers, or in traits not asked about, would not show."
        )
    what = "an observed effect mixes what the treatment does with whom it is done to, and is not causal as it stands"
    return f"the users drift{when}. The arms hold different people" + (f", so {what}." if has_effects else ".")


def _drift_points(rows: pd.DataFrame, surest: pd.DataFrame, when: str, confidence: float) -> Iterator[str]:
    several = len(rows[["study", "contrast"]].drop_duplicates()) > 1
    by_distance, by_direction = ((rows[test] < LEVEL).sum() for test in TESTS)
    n, chance = len(rows), f"{LEVEL * len(rows):.2g}"
    corrected = f"{_standing(len(surest))} after Holm's correction over all {len(TESTS) * n} tests"
    yield (
        f"{when}{by_distance} of {n} negative controls have p < .05 by distance and {by_direction} by common "
        f"direction, where chance gives {chance}; {corrected}."
    )
    findable = rows["detectable_tvd"].median()
    if surest.empty and not np.isnan(findable):
        yield f"{when}80 % power to find a drift of {findable:.2f} by distance (median over the controls)."
    for row in surest.head(SHOWN).to_dict("records"):
        tests = f"{p_equals(row['pvalue'])}; common direction {p_equals(row['pvalue_common'])}"
        yield f"{_where(row, several=several)}: {_drift(row, confidence)}, {tests}."
    if len(surest) > SHOWN:
        yield f"and {len(surest) - SHOWN} more controls."
    rest = rows[(rows[list(TESTS)] < LEVEL).any(axis=1)].drop(surest.index)
    if len(rest):
        listed = "; ".join(_where(row, several=several) for row in rest.head(SHOWN).to_dict("records"))
        more = f"; and {len(rest) - SHOWN} more" if len(rest) > SHOWN else ""
        yield f"Below .05 before correction only: {listed}{more}."


def _comparison_points(comparisons: pd.DataFrame, confidence: float) -> Iterator[str]:
    """Say how the drift over all controls, at the last iteration, differs from what it is held against."""
    joint = comparisons[comparisons["question"] == ALL_CONTROLS]
    last = joint[joint["iteration"] == joint["iteration"].max()]
    several = len(comparisons[["study", "contrast"]].drop_duplicates()) > 1
    for row in last.head(SHOWN).to_dict("records"):
        where = f" in {named(row['study'])} ({named(row['contrast'])})" if several else ""
        yield f"Drift over all controls{where}, less that of {named(row['against'])}: {_estimate(row, confidence)}."
    if len(last) > SHOWN:
        yield f"and {len(last) - SHOWN} more comparisons."


def _estimate(row: Mapping[Hashable, Any], confidence: float) -> str:
    if pd.isna(row["pvalue"]):
        return f"{number(row['estimate'], 3, sign=True)} (too few personas for an interval)"
    ends = row["ci_low"], row["ci_high"]
    return estimate(row["estimate"], *ends, 3, sign=True, confidence=confidence, p=row["pvalue"])


def _standing(n: int) -> str:
    return "none stands" if n == 0 else "1 control stands" if n == 1 else f"{n} controls stand"


def _drift(row: Mapping[Hashable, Any], confidence: float) -> str:
    """Say how far apart the arms are: corrected if it can be, else as seen beside what chance alone makes."""
    if pd.isna(row["tvd"]):
        return f"distance {row['tvd_plugin']:.2f}, {row['tvd_null']:.2f} expected with no drift"
    return f"drift {estimate(row['tvd'], row['ci_low'], row['ci_high'], 2, confidence=confidence)}"


def _where(row: Mapping[Hashable, Any], *, several: bool) -> str:
    where = f" in {named(row['study'])} ({named(row['contrast'])})" if several else ""
    return f"{named(row['question'])}{where}"


def main_rows(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that say most: an outcome's mean, or the shares of its answers where it has none."""
    with_mean = effects.loc[effects["level"] == "", "question"]
    return effects[(effects["level"] == "") | ~effects["question"].isin(with_mean)]


def _effect_points(effects: pd.DataFrame, confidence: float) -> Iterator[str]:
    if effects.empty:
        return
    last = int(effects["iteration"].max())
    rows = main_rows(effects[effects["iteration"] == last]).sort_values("pvalue", kind="stable")
    when = f"At iteration {last}, " if len(effects["iteration"].unique()) > 1 else ""
    several = len(rows["study"].unique()) > 1
    few = len(rows) <= SHOWN
    shown = "; ".join(
        _effect(row, confidence, several=several) for row in rows.head(SHOWN if few else SUREST).to_dict("records")
    )
    sure = int((rows["pvalue"] < LEVEL).sum())
    many = f"{sure} of {len(rows)} observed effects have p < .05, uncorrected; the smallest p-values belong to"
    yield f"{when}{'observed effect' if few else many}: {shown}."


def _effect(row: Mapping[Hashable, Any], confidence: float, *, several: bool) -> str:
    what = named(row["question"]) + (f" = {named(row['level'])}" if row["level"] else "")
    where = f" in {named(row['study'])}" if several else ""
    return f"{what}{where}, {named(row['contrast'])}: {_estimate(row, confidence)}"
