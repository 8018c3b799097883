"""The table `truth`: what is true of a log of made-up users, beside what was found."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from confound.findings.schema import PLACE, Column, Row, Schema
from confound.text import estimate, named, number
from confound.vocabulary import ALL_CONTROLS, QUANTITY_WORDS

_UNIT = "of the quantity"
SCHEMA = Schema(
    "truth",
    "A quantity whose true value the simulation knows (structural users alone)",
    (
        *PLACE,
        Column("quantity", "text", "`tvd`: drift of a control; else a part of the effect, as in `decomposition`"),
        Column("method", "text", "Of the decomposition; empty for others"),
        Column("truth", "number", "The true value, of these very personas", _UNIT, head="Truth"),
        Column("estimate", "number", "What was found", _UNIT, head="Found"),
        Column("ci_low", "number", "Lower end of the interval", _UNIT, False, "{ci}", "", "ci_high"),
        Column("ci_high", "number", "Upper end", _UNIT),
        Column("inside", "flag", "Whether the interval holds the truth"),
    ),
)
Frame = Iterable[Mapping[str, Any]]


def rows(known: Sequence[Mapping[str, Any]], drift: Frame, effects: Frame, decomposition: Frame) -> Iterator[Row]:
    """Set what was found beside the truth.

    Parameters
    ----------
    known : sequence of mapping
        As `confound simulate` writes them to `truth.json`, one a run.
    drift, effects, decomposition : iterable of mapping
        Rows of these tables.
    """
    places = {
        (run["study"], run["model"], contrast["contrast"]): contrast for run in known for contrast in run["contrasts"]
    }
    found = {"drift": drift, "effects": effects, "decomposition": decomposition}
    for table, made in found.items():
        for row in made:
            contrast = places.get((row["study"], row["model"], row["contrast"]))
            true = None if contrast is None else _true(table, row, contrast)
            if true is not None:
                yield _row(table, row, *true)


def _true(table: str, row: Mapping[str, Any], contrast: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return the quantity that a row estimates and its true value, None where it is not known."""
    by_iteration = {level["iteration"]: level for level in contrast["iterations"]}
    level, question = by_iteration.get(row["iteration"]), row["question"]
    if table == "drift":
        known = (level or {}).get("drift", {}).get(question)
        measured = question != ALL_CONTROLS and not pd.isna(row.get("tvd"))
        return ("tvd", known["tvd"]) if known and measured else None
    if table == "effects":
        known = (level or {}).get("effect", {}).get(question)
        return ("observed", known["observed"]) if known and not row["level"] else None
    target = contrast["target"]["effect"].get(question, {})
    return (row["quantity"], target[row["quantity"]]) if row["quantity"] in target else None


def _row(table: str, row: Mapping[str, Any], quantity: str, true: float) -> Row:
    found = row["tvd"] if table == "drift" else row["estimate"]
    return {
        **{key: row[key] for key in ("study", "model", "iteration", "contrast", "question")},
        "quantity": quantity,
        "method": row.get("method", ""),
        "truth": true,
        "estimate": found,
        "ci_low": row["ci_low"],
        "ci_high": row["ci_high"],
        "inside": bool(row["ci_low"] <= true <= row["ci_high"]),
    }


def points(truth: pd.DataFrame, confidence: float) -> Iterator[str]:
    """Say how near the truth the numbers of one study and model are: distances together, each causal part by itself.

    Parameters
    ----------
    truth : pandas.DataFrame
        The table, of one study and model.
    confidence : float
        Of the intervals.
    """
    distances = truth[truth["quantity"] == "tvd"]
    if len(distances):
        yield (
            f"The truth of this log is known. {int(distances['inside'].sum())} of {len(distances)} intervals of a "
            "distance "
            f"hold it; the largest error is {number((distances['estimate'] - distances['truth']).abs().max(), 2)}."
        )
    parts = truth[truth["quantity"] == "cate"]
    for row in parts[parts["method"] == parts["method"].iloc[0]].to_dict("records") if len(parts) else []:
        ends = row["ci_low"], row["ci_high"]
        missed = "" if row["inside"] else ": the interval misses it, for the drift that is left counts as causal"
        yield (
            f"{QUANTITY_WORDS['cate']} on {named(row['question'])}, {named(row['contrast'])}: truly "
            f"{number(row['truth'], 3, sign=True)}, found "
            f"{estimate(row['estimate'], *ends, 3, sign=True, confidence=confidence)} "
            f"by {row['method']} at iteration {row['iteration']}{missed}."
        )
