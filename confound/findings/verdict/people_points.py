"""Whether any human answer stands behind an analysis, and how simulated users compare with people, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from confound.text import named, number
from confound.vocabulary import ALL_ARMS

STAMP = "No people in this log: internal validity only."
CALLED_PEOPLE = frozenset({"human", "humans", "people", "participants", "respondents"})
NAMED = 3  # questions at either end that are named

Frames = Mapping[str, pd.DataFrame]


def stamp(frames: Frames, settings: Mapping[str, Any]) -> str:
    """Say that no human answer stands behind the effects; empty where a model is said to be people."""
    if settings.get("reference") is not None:
        return ""
    people = sorted(model for model in set(frames["data"]["model"]) if model.casefold() in CALLED_PEOPLE)
    if not people:
        return STAMP
    how = f"Name them with --reference model={named(people[0])}."
    return f"Nothing was held against people: internal validity only. {how}"


def points(frames: Frames, settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Say of each model where it agrees with people; empty without people.

    Parameters
    ----------
    frames : mapping
        Tables by name.
    settings : mapping
        Those of the analysis.

    Returns
    -------
    dict
        Model -> sentences.
    """
    people, agreement = settings.get("reference"), frames["agreement"]
    models = dict.fromkeys(agreement["model"])
    return {model: list(_agreement(agreement[agreement["model"] == model], str(people))) for model in models}


def lines(frames: Frames, settings: Mapping[str, Any]) -> list[str]:
    """Return what a terminal shows of it: at most two lines."""
    said = stamp(frames, settings)
    if said:
        return [said]
    found = points(frames, settings)
    first = [f"{named(model)}: {sentences[0]}" for model, sentences in found.items() if sentences]
    more = f" ({len(first) - 2} more models on the page)" if len(first) > 2 else ""
    return [*first[:1], *(line + more for line in first[1:2])]


def _agreement(rows: pd.DataFrame, people: str) -> Iterator[str]:
    """Say how well personas answer as their people do."""
    last = rows[(rows["iteration"] == rows["iteration"].max()) & (rows["arm"] == ALL_ARMS)]
    paired = last[last["r"].notna()]
    if len(paired):
        apart = _middle(100 * (1 - paired["accuracy"]), 0, " %")
        yield (
            f"Over {_questions(len(paired))} a persona's answers correlate with those of its person (model "
            f"{named(people)}) by {_middle(paired['r'])}, and lie {apart} of the scale apart."
        )
    if len(paired) > 2 * NAMED:
        ordered = paired.sort_values("r", kind="stable")
        yield f"Most alike: {_listed(ordered.iloc[::-1])}. Least alike: {_listed(ordered)}."
    if len(last) and not len(paired):
        yield f"Personas do not carry the names of people (model {named(people)}), so groups are compared, not persons."
    spread = last[last["sd_ratio"].notna()]
    if len(spread):
        fewer = int((spread["sd_ratio_high"] < 1).sum())
        yield (
            f"Simulated answers vary less than people's in {fewer} of {_questions(len(spread))}; the ratio of standard "
            f"deviations is {_middle(spread['sd_ratio'])}."
        )


def _questions(n: int) -> str:
    return f"{n:,} question{'' if n == 1 else 's'}"


def _middle(values: pd.Series, places: int = 2, unit: str = "") -> str:
    """Write the median, and the range where there are several."""
    low, middle, high = (number(value, places) for value in np.quantile(values.dropna(), [0, 0.5, 1]))
    return f"{middle}{unit}" if low == high else f"{middle}{unit} at the median ({low} to {high}{unit})"


def _listed(rows: pd.DataFrame) -> str:
    several = len(set(rows["study"])) > 1
    shown = rows.head(NAMED).to_dict("records")
    return ", ".join(f"{named(row['question'])}{_of(row, several)} ({number(row['r'], 2)})" for row in shown)


def _of(row: Mapping[Any, Any], several: bool) -> str:
    return f" of {named(row['study'])}" if several else ""


def words(frames: Frames, settings: Mapping[str, Any]) -> list[str]:
    """Return all of it in a list, as `analysis.json` holds it: the stamp, or each model's sentences after its name."""
    said = stamp(frames, settings)
    found = points(frames, settings)
    return [said] if said else [f"{model}: {sentence}" for model, sentences in found.items() for sentence in sentences]
