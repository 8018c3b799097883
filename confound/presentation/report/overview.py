"""Every study and model at a glance: does it drift, and what is left of its effect."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from confound.findings import decision
from confound.findings.verdict.effect_points import main_rows
from confound.vocabulary import ALL_ARMS, ALL_CONTROLS

Row = Mapping[Hashable, Any]


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of one study and model at one iteration.

    Attributes
    ----------
    iteration : int
    state : str
        What was decided, as in the verdict: `shown`, `small`, `unsettled` or `withheld`.
    pvalue : float
        The smallest of its contrasts' adjusted p-values, by which it was decided.
    n : int
        Controls times contrasts, 1 or more.
    largest : mapping
        The row of `drift` with the largest corrected distance; where none could be corrected, that with the largest
        distance beyond its expectation.
    """

    iteration: int
    state: str
    pvalue: float
    n: int
    largest: Row


@dataclass(frozen=True, slots=True)
class Group:
    """One study and model.

    Attributes
    ----------
    number : int
        From 1, in the order of the log's labels.
    study, model : str
    drift : tuple of Drift
        At the first iteration and the last; empty without negative controls.
    effect : mapping or None
        The row of `effects` with the smallest p-value at the first iteration.
    n_effects : int
        Rows that it was chosen from.
    parts : dict
        Quantity -> row of `decomposition` of the same outcome and contrast, by the first method, at the last iteration.
    """

    number: int
    study: str
    model: str
    drift: tuple[Drift, ...]
    effect: Row | None
    n_effects: int
    parts: Mapping[str, Row]

    @property
    def state(self) -> str | None:
        """What was decided at the last iteration; None where drift was not measured."""
        return self.drift[-1].state if self.drift else None


def controls(drift: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of single controls and pairs of arms."""
    return drift[(drift["question"] != ALL_CONTROLS) & (drift["contrast"] != ALL_ARMS)]


def groups(drift: pd.DataFrame, effects: pd.DataFrame, decomposition: pd.DataFrame) -> tuple[Group, ...]:
    """Gather each study and model that holds a control or an outcome.

    Parameters
    ----------
    drift, effects, decomposition : pandas.DataFrame
        As in `confound.result.Analysis`.

    Returns
    -------
    tuple of Group
        Sorted by study, then model.
    """
    drift = drift[drift["contrast"] != ALL_ARMS]
    places = sorted({(study, model) for frame in (drift, effects) for study, model in _places(frame)})
    made = []
    for number, (study, model) in enumerate(places, start=1):
        own = [
            frame[(frame["study"] == study) & (frame["model"] == model)] for frame in (drift, effects, decomposition)
        ]
        effect, n_effects = _effect(own[1])
        made.append(Group(number, study, model, tuple(_drift(own[0])), effect, n_effects, _parts(own[2], effect)))
    return tuple(made)


def _places(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    return zip(frame["study"], frame["model"], strict=True)


def ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the first iteration and the last."""
    return frame[frame["iteration"].isin([frame["iteration"].min(), frame["iteration"].max()])]


def _drift(rows: pd.DataFrame) -> Iterator[Drift]:
    for iteration, together in ends(rows).groupby("iteration"):
        contrasts = decision.of_contrasts(together)
        state = decision.combined(contrasts["state"])
        at = controls(together)
        beyond = at["tvd_plugin"] - at["tvd_null"]
        place = beyond.idxmax() if at["tvd"].isna().all() else at["tvd"].idxmax()
        largest = at.loc[[place]].to_dict("records")[0]
        yield Drift(int(str(iteration)), str(state), float(contrasts["pvalue_verdict"].min()), len(at), largest)


def _effect(rows: pd.DataFrame) -> tuple[Row | None, int]:
    """Return the effect with the smallest p-value before adjustment, and how many there are."""
    first = main_rows(rows[rows["iteration"] == rows["iteration"].min()]) if len(rows) else rows
    if first.empty:
        return None, 0
    return first.sort_values("pvalue", kind="stable").iloc[0].to_dict(), len(first)


def _parts(rows: pd.DataFrame, effect: Row | None) -> dict[str, Row]:
    if effect is None or effect["level"] != "" or rows.empty:
        return {}
    own = rows[(rows["contrast"] == effect["contrast"]) & (rows["question"] == effect["question"])]
    if own.empty:
        return {}
    own = own[own["method"] == own["method"].iloc[0]]
    last = own[own["iteration"] == own["iteration"].max()]
    return {row["quantity"]: row for row in last.to_dict("records")}
