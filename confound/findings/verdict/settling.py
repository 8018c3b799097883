"""Whether effects settle, in words that take no knowledge of the model."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from confound.statistics.stabilization.diagnostics import COMPARED
from confound.text import estimate, named
from confound.vocabulary import PATH_WORDS

SURE = 0.95
DOUBTFUL = 0.5
GATES = ("rhat", "ess_bulk", "ess_tail", "divergences", "ebfmi", COMPARED)
_SERIES = ["study", "contrast", "question"]


def points(
    stabilization: pd.DataFrame, settled: pd.DataFrame, checks: pd.DataFrame, confidence: float
) -> Iterator[str]:
    """Say of each outcome of one model whether its effect settles, by the path that predicts best.

    Parameters
    ----------
    stabilization, settled, checks : pandas.DataFrame
        As in `confound.findings.stabilization.Stabilization`, of one model.
    confidence : float
        Of the intervals.
    """
    several = len(stabilization["study"].unique()) > 1
    for key, rows in stabilization.groupby(_SERIES, sort=False):
        held = checks[(checks[_SERIES] == list(key)).all(axis=1)]
        weights = held[held["check"] == "weight"].sort_values("value", kind="stable")
        best, weight = str(weights["path"].iloc[-1]), float(weights["value"].iloc[-1])
        when = settled[(settled[_SERIES] == list(key)).all(axis=1) & (settled["path"] == best)]
        quantities = {row["quantity"]: row for row in rows[rows["path"] == best].to_dict("records")}
        study, contrast, question = map(str, key)
        where = f"{named(question)}{f' in {named(study)}' if several else ''}, {named(contrast)}"
        said = f"{where}: {_sentence(quantities, when, best, weight, confidence)}"
        said += _warning(held[held["path"] == best])
        yield said


def _sentence(
    quantities: Mapping[Hashable, Mapping[Hashable, Any]],
    settled: pd.DataFrame,
    path: str,
    weight: float,
    confidence: float,
) -> str:
    tolerance, last = settled["tolerance"].iloc[0], settled.iloc[-1]
    level = _interval(quantities["settled"], confidence)
    near = f"within {tolerance:.2g}"
    sure = settled[settled["probability"] >= SURE]
    if len(sure):
        row = sure.iloc[0]
        when = "from the first iteration on" if row["iteration"] == settled["iteration"].iloc[0] else ""
        when = when or f"by iteration {row['iteration']}"
        likely = f"{_share(row['probability'])} probability that {when}"
        said = f"the effect settles: {likely} it is {near} of its settled value {level}"
    elif last["probability"] >= DOUBTFUL:
        said = (
            f"the effect may have settled: {_share(last['probability'])} probability that by iteration "
            f"{last['iteration']}, the last, it is {near} of its settled value, {level}"
        )
    else:
        said = (
            f"the effect is not seen to settle: only {_share(last['probability'])} probability that by iteration "
            f"{last['iteration']}, the last, it is {near} of the value where it would settle, {level}"
        )
    observed, bias = (_interval(quantities[name], confidence) for name in ("observed", "asb"))
    return (
        f"{said}. Of the effect before adjustment, {observed}, selection bias is {bias}. (Model of the path: "
        f"{PATH_WORDS[path]}, stacking weight {weight:.2f}.)"
    )


def _warning(checks: pd.DataFrame) -> str:
    failed = checks[~checks["passed"].astype(bool)]
    gates = failed[failed["check"].isin(GATES)]
    if len(gates):
        listed = ", ".join(f"{row.check} {row.value:.3g} (limit {row.limit:.3g})" for row in gates.itertuples())
        if set(gates["check"]) == {COMPARED}:
            return f" WARNING: which model of the path predicts best hangs on a few personas: {listed}."
        return f" WARNING: the computation failed its checks twice, so do not rely on these numbers: {listed}."
    if len(failed):
        listed = ", ".join(str(name).removeprefix("ppc_").replace("_", " ") for name in failed["check"])
        return f" Caution: logs made by the model differ from this one in: {listed}."
    return ""


def _interval(row: Mapping[Hashable, Any], confidence: float) -> str:
    return estimate(row["mean"], row["ci_low"], row["ci_high"], 2, sign=True, confidence=confidence)


def _share(probability: float) -> str:
    if probability > 0.995:
        return "over 99 %"
    return "under 1 %" if probability < 0.005 else f"{probability * 100:.0f} %"
