"""The findings in words, one for each study and model. Every number in a sentence stands in a table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from confound.findings import decision, interactions, schema, truth
from confound.findings.stabilization import NOTHING, Stabilization
from confound.findings.verdict import drift_points
from confound.findings.verdict.causal_part import part_points
from confound.findings.verdict.effect_points import comparison_points, effect_points, missing_points, refused
from confound.findings.verdict.paragraph import paragraph
from confound.findings.verdict.settling import points as settling_points
from confound.vocabulary import ALL_ARMS, DEFAULT_MARGIN

FRAMES = ("drift", "effects", "decomposition", "comparisons", "assumptions", "sensitivity", "interactions", "truth")
ORDER = (decision.WITHHELD, decision.SHOWN, decision.UNSETTLED, decision.SMALL, None)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one study and model.

    Attributes
    ----------
    study, model : str
    drift : {"shown", "small", "unsettled", "withheld"} or None
        Whether its users drift, at the last iteration; None without a negative control.
    headline : str
        The finding and what it means, in two sentences.
    points : tuple of str
        What it rests on.
    paragraph : str
        The finding as a paragraph for a paper; empty where drift was not measured, or is withheld.
    """

    study: str
    model: str
    drift: str | None
    headline: str
    points: tuple[str, ...]
    paragraph: str = ""


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that sentences are made of, as in `confound.result.Analysis`."""

    drift: pd.DataFrame
    effects: pd.DataFrame
    decomposition: pd.DataFrame
    comparisons: pd.DataFrame
    assumptions: pd.DataFrame
    sensitivity: pd.DataFrame
    interactions: pd.DataFrame = field(default_factory=lambda: schema.frame([], interactions.SCHEMA))
    truth: pd.DataFrame = field(default_factory=lambda: schema.frame([], truth.SCHEMA))
    settling: Stabilization = field(default=NOTHING)

    def of(self, study: str, model: str) -> "Tables":
        """Return the rows of one study and model."""
        own = {name: _own(getattr(self, name), study, model) for name in FRAMES}
        models = self.settling
        settling = Stabilization(
            stabilization=_own(models.stabilization, study, model),
            settled=_own(models.settled, study, model),
            checks=_own(models.checks, study, model),
            fits=models.fits,
        )
        return replace(self, **own, settling=settling)


def _own(frame: pd.DataFrame, study: str, model: str) -> pd.DataFrame:
    kept: pd.DataFrame = frame[(frame["study"] == study) & (frame["model"] == model)]
    return kept


def findings(
    tables: Tables,
    confidence: float,
    *,
    margin: float = DEFAULT_MARGIN,
    copies: Mapping[tuple[str, str], str] | None = None,
) -> tuple[Finding, ...]:
    """Say for each study and model whether its users drift, which controls show it, the effect, and what that means.

    Whether there is drift is decided in `confound.findings.decision`, which the table `drift` holds.

    Parameters
    ----------
    tables : Tables
    confidence : float
        Of the intervals.
    margin : float
        Drift below it counts as small.
    copies : mapping, optional
        (study, model) -> what was found of copies.

    Returns
    -------
    tuple of Finding
        Those that need attention come first.
    """
    tested = tables.drift[tables.drift["contrast"] != ALL_ARMS]
    frames = (tested, tables.effects)
    places = list(
        dict.fromkeys((s, m) for frame in frames for s, m in zip(frame["study"], frame["model"], strict=True))
    )
    made = [
        _finding(study, model, tables.of(study, model), confidence, margin, (copies or {}).get((study, model), ""))
        for study, model in places
    ]
    return tuple(sorted(made, key=lambda finding: ORDER.index(finding.drift)))


def _finding(study: str, model: str, tables: Tables, confidence: float, margin: float, copies: str) -> Finding:
    drift = tables.drift[tables.drift["contrast"] != ALL_ARMS]
    last = drift[drift["iteration"] == drift["iteration"].max()]
    state = decision.combined(decision.of_contrasts(last)["state"])
    if copies:
        state = decision.WITHHELD
    found = drift_points.Asked(len(tables.effects) > 0, tuple(refused(tables.effects)["question"].unique()))
    said = drift_points.headline(state, drift, margin=margin, asked=found, copies=copies)
    points = () if state == decision.WITHHELD else tuple(_points(drift, tables, confidence, margin))
    written = paragraph(drift, tables.effects, state=state, confidence=confidence, margin=margin)
    return Finding(study, model, state, said, points, written)


def _points(drift: pd.DataFrame, tables: Tables, confidence: float, margin: float) -> Iterator[str]:
    first, last = drift_points.by_iteration(drift, confidence=confidence, margin=margin)
    yield from last
    yield from effect_points(tables.effects, confidence)
    yield from interactions.points(tables.interactions, confidence)
    yield from missing_points(tables.effects)
    yield from part_points(tables.decomposition, tables.assumptions, tables.sensitivity, confidence)
    yield from truth.points(tables.truth, confidence)
    settling = tables.settling
    yield from settling_points(settling.stabilization, settling.settled, settling.checks, confidence)
    yield from comparison_points(tables.comparisons, confidence)
    yield from first  # what adjustment began with
