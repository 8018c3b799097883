"""The paragraph that an analyst would write in a paper: claim, direction, estimate, interval, p, n, method, source."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

import confound
from confound.findings import decision
from confound.findings.decision import SHOWN, SMALL, UNSETTLED
from confound.findings.verdict.effect_points import main_rows
from confound.text import number, p_equals, percent
from confound.vocabulary import ALL_CONTROLS

Row = Mapping[Hashable, Any]
SOURCE = "Lin et al., 2026"
MOST = 3  # controls, and effects, that are given with their numbers
DESIGNS = {
    "within": "the same personas were in both arms, and answers were relabelled within personas",
    "between": "each persona was in one arm, and whole personas were relabelled",
}


def paragraph(
    drift: pd.DataFrame, effects: pd.DataFrame, *, state: str | None, confidence: float, margin: float
) -> str:
    """Write the paragraph on one study and model, of the last iteration; empty without a negative control.

    Parameters
    ----------
    drift, effects : pandas.DataFrame
        Rows of one study and model, two arms.
    state : {"shown", "small", "unsettled", "withheld"} or None
    confidence : float
        Of the intervals.
    margin : float
        Drift below it counts as small.
    """
    if state not in (SHOWN, SMALL, UNSETTLED):
        return ""
    last = drift[drift["iteration"] == drift["iteration"].max()]
    contrasts = decision.of_contrasts(last)
    main = contrasts.sort_values("pvalue_verdict", kind="stable").to_dict("records")[0]
    controls = last[(last["question"] != ALL_CONTROLS) & (last["contrast"] == main["contrast"])]
    sentences = [
        _asked(controls, main, several=len(contrasts) > 1),
        _found(controls, main, state, confidence, margin),
        _method(main, controls),
        _effect(effects, str(main["contrast"]), state, confidence),
        f"Computed with confound {confound.__version__}.",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _asked(controls: pd.DataFrame, main: Row, *, several: bool) -> str:
    row = controls.to_dict("records")[0]
    n = len(controls)
    both = ", in both arms," if row["design"] == "within" else ""
    personas = f"{row['n_personas']:,} users ({row['model']}){both}"
    after = f" after {main['iteration']:,} iterations of adjustment" if main["iteration"] else ""
    chosen = "; of the contrasts the one with the smallest p-value" if several else ""
    return (
        f"To check for user drift ({SOURCE}), the answers of {personas} to {n} negative control{'s' if n > 1 else ''} "
        f"were compared between the arms ({main['contrast']}{chosen}){after}."
    )


def _found(controls: pd.DataFrame, main: Row, state: str, confidence: float, margin: float) -> str:
    families = str(main["family"]).split(", ")[-1]
    adjusted = "" if families.startswith("1 ") else f"; adjusted over {families}, {p_equals(main['pvalue_verdict'])}"
    test = f"{p_equals(main['pvalue_joint'])}{adjusted}"
    if state == SHOWN:
        shown = controls[controls["state"] == SHOWN].sort_values("pvalue_verdict", kind="stable")
        named = "; ".join(_control(row, confidence) for row in shown.head(MOST).to_dict("records"))
        return f"The arms held different users (joint test, {test})" + (f": {named}." if named else ".")
    widest = controls.sort_values("ci_high", ascending=False, kind="stable").to_dict("records")[0]
    high = f"{number(widest['ci_high'], 2)} ({widest['question']})"
    if state == SMALL:
        return (
            f"Drift was small (joint test, {test}): the largest upper end of a distance, {high}, is below {margin:g}."
        )
    beyond = f"; distances up to {high} are not ruled out" if pd.notna(widest["ci_high"]) else ""
    return f"Drift was neither shown (joint test, {test}) nor shown to be small{beyond}."


def _control(row: Row, confidence: float) -> str:
    distance: str = "" if pd.isna(row["tvd"]) else f" = {_interval(row, 'tvd', 'ci', 2, confidence)}"
    said = f"{row['question']}, total variation distance{distance}, adjusted {p_equals(row['pvalue_verdict'])}"
    if pd.notna(row["mean_difference"]):
        moved = _interval(row, "mean_difference", "mean_difference", 2, confidence, sign=True)
        said += f", mean answer treated minus control {moved}"
    return said


def _interval(row: Row, name: str, ends: str, decimals: int, confidence: float, *, sign: bool = False) -> str:
    low, high = (number(row[f"{ends}_{end}"], decimals, sign=sign) for end in ("low", "high"))
    return f"{number(row[name], decimals, sign=sign)}, {percent(confidence)} CI [{low}, {high}]"


def _method(main: Row, controls: pd.DataFrame) -> str:
    corrected = "Distances are corrected for the bias of finite samples, with intervals calibrated by simulation. "
    family = "; single controls are named by closed testing" if len(controls) > 1 else ""
    tests = f"P-values are those of permutation tests ({DESIGNS[str(main['design'])]}){family}."
    return tests if controls["tvd"].isna().all() else corrected + tests


def _effect(effects: pd.DataFrame, contrast: str, state: str, confidence: float) -> str:
    own = effects[effects["contrast"] == contrast]
    if own.empty:
        return ""
    rows = main_rows(own[own["iteration"] == own["iteration"].max()]).sort_values("pvalue", kind="stable")
    said = []
    for row in rows.head(MOST).to_dict("records"):
        what = row["question"] + (f" = {row['level']}" if row["level"] else "")
        said.append(f"{what}, {_interval(row, 'estimate', 'ci', 3, confidence, sign=True)}, {p_equals(row['pvalue'])}")
    more = f" (of {len(rows)} outcomes and answers those with the smallest p)" if len(rows) > MOST else ""
    reading = {
        SHOWN: "They mix what the treatment does with whom it is done to.",
        SMALL: "The controls give no reason against a causal reading.",
        UNSETTLED: "Whether they are causal is not settled.",
    }[state]
    return f"Observed effects, with the persona as the unit{more}: {'; '.join(said)}. {reading}"
