"""The findings in words. Every number in a sentence stands in a table, but the corrections over a whole model."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd
from statsmodels.stats.multitest import multipletests

from confound.tables import format_p, printable

LEVEL = 0.05
SHOWN = 6  # controls or effects named in a sentence; the tables hold the rest


def sentences(drift: pd.DataFrame, effects: pd.DataFrame, confidence: float) -> Iterator[str]:
    """Say for each model whether its users drift, which controls show it, the effect, and what that means.

    The controls of a model at an iteration, over all its studies and contrasts, are one family: a control counts as
    drifting if it stands after Holm's correction over the family at level .05 (Holm 1979).

    Parameters
    ----------
    drift, effects : pandas.DataFrame
        As in `confound.result.Analysis`.
    confidence : float
        Of the intervals in `effects`.
    """
    models = list(dict.fromkeys([*drift["model"], *effects["model"]]))
    for model in models:
        own = drift[drift["model"] == model]
        yield from _drift(model, own)
        yield from _effects(model, effects[effects["model"] == model], confidence)
        yield _meaning(model, own, bool((effects["model"] == model).any()))


def standing(drift: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that stand after Holm's correction over all of them, the surest first."""
    if drift.empty:
        return drift
    kept: pd.DataFrame = drift[multipletests(drift["pvalue"], method="holm")[1] < LEVEL]
    return kept.sort_values(["pvalue", "tvd_plugin"], ascending=[True, False], kind="stable")


def _iterations(drift: pd.DataFrame) -> list[int]:
    """Return the first iteration, and the last if there are more."""
    return sorted({int(drift["iteration"].min()), int(drift["iteration"].max())}) if len(drift) else []


def _drift(model: str, drift: pd.DataFrame) -> Iterator[str]:
    iterations = _iterations(drift)
    if not iterations:
        yield f"{printable(model)}: drift was not measured: the log has no negative control that both arms answered."
    for iteration in iterations:
        rows = drift[drift["iteration"] == iteration]
        when = f" at iteration {iteration}" if len(iterations) > 1 else ""
        yield f"{printable(model)}: {_drift_finding(rows, when)}"


def _drift_finding(rows: pd.DataFrame, when: str) -> str:
    surest, below = standing(rows), rows[rows["pvalue"] < LEVEL]
    counted = (
        f"{len(below)} of {len(rows)} negative-control tests have p < .05, where chance gives "
        f"{LEVEL * len(rows):.2g} on average"
    )
    if surest.empty:
        return f"no drift beyond chance{when}. {counted}; none stands after Holm's correction over the {len(rows)}."
    rest = below.drop(surest.index).sort_values("pvalue", kind="stable")
    text = f"the users drift{when}. {counted}; {len(surest)} stand{'s' if len(surest) == 1 else ''} after Holm's "
    text += f"correction over the {len(rows)}: {_named(surest)}."
    return text if rest.empty else f"{text} Below .05 before correction only: {_named(rest)}."


def _named(rows: pd.DataFrame) -> str:
    several = len(rows[["study", "contrast"]].drop_duplicates()) > 1
    named = [_control(row, several=several) for row in rows.head(SHOWN).to_dict("records")]
    return "; ".join(named) + (f"; and {len(rows) - SHOWN} more" if len(rows) > SHOWN else "")


def _control(row: Mapping[Hashable, Any], *, several: bool) -> str:
    where = f" in {printable(row['study'])} ({printable(row['contrast'])})" if several else ""
    measured = f"distance {row['tvd_plugin']:.2f}, {row['tvd_null']:.2f} expected with no drift"
    return f"{printable(row['question'])}{where} [{measured}, {_p(row['pvalue'])}]"


def _p(pvalue: float) -> str:
    text = format_p(pvalue)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def _effects(model: str, effects: pd.DataFrame, confidence: float) -> Iterator[str]:
    if effects.empty:
        return
    last = effects[effects["iteration"] == effects["iteration"].max()]
    # A mean says most where there is one; a nominal outcome has only the shares of its answers.
    with_mean = last[last["level"] == ""]["question"]
    rows = last[(last["level"] == "") | ~last["question"].isin(with_mean)]
    when = f" at iteration {rows['iteration'].iloc[0]}" if len(effects["iteration"].unique()) > 1 else ""
    sure = int((rows["pvalue"] < LEVEL).sum())
    if len(rows) > SHOWN:
        text = f"{sure} of {len(rows)} observed effects{when} have p < .05, uncorrected; the surest: "
    else:
        text = f"observed effect{when}: "
    surest = rows.sort_values("pvalue", kind="stable").head(SHOWN if len(rows) <= SHOWN else 3)
    several = len(rows["study"].unique()) > 1
    named = [_effect(row, confidence, several=several) for row in surest.to_dict("records")]
    yield f"{printable(model)}: {text}{'; '.join(named)}."


def _effect(row: Mapping[Hashable, Any], confidence: float, *, several: bool) -> str:
    what = printable(row["question"]) + (f" = {printable(row['level'])}" if row["level"] else "")
    where = f" in {printable(row['study'])}" if several else ""
    interval = f"{confidence * 100:g} % interval {row['ci_low']:+.3f} to {row['ci_high']:+.3f}, {_p(row['pvalue'])}"
    if pd.isna(row["pvalue"]):
        interval = "too few personas for an interval"
    return f"{what}{where}, {printable(row['contrast'])}: {row['estimate']:+.3f} ({interval})"


def _meaning(model: str, drift: pd.DataFrame, has_effects: bool) -> str:
    iterations = _iterations(drift)
    if not iterations:
        text = "without a negative control nothing here tells whether the arms hold the same people; an observed effect may "
        text += "be selection bias. Ask each persona facts that the treatment cannot change."
    elif len(standing(drift[drift["iteration"] == iterations[-1]])):
        text = "the arms hold different people"
        text += (
            ", so the observed effects mix what the treatment does with whom it is done to: not causal as they stand."
        )
        text = (
            text
            if has_effects
            else "the arms hold different people, so a comparison of them is not causal as it stands."
        )
    else:
        text = (
            "these controls give no reason against reading the effects as causal, but a drift too small for this many "
        )
        text += "personas and answers, or in traits not asked about, would not show."
    return f"{printable(model)}: {text}"
