"""The table `variance`: how much answers vary between personas, between runs of one, and beside people's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from confound.counts.cells import Cell
from confound.counts.scales import FloatArray
from confound.findings import beside, schema
from confound.findings.beside import Laid
from confound.findings.schema import ARM, ITERATION, MODEL, N_PERSONAS, QUESTION, STUDY, Column, Row, Schema
from confound.statistics.arrays import BoolArray
from confound.statistics.people import marginals
from confound.statistics.people.components import Components
from confound.statistics.people.marginals import Spread
from confound.vocabulary import ALL_ARMS

_SQUARE = "of the question, squared; of answers without an order, chance that two differ"
_UNIT = "of the question"
_SHARE = "share, 0 to 1"
ONE_ANSWER = "one answer a persona: its runs cannot be told apart"
NO_VARIANCE = "all answers are alike"
FEW = "too few personas"
SCHEMA = Schema(
    "variance",
    "A question in an arm; arm `(all arms)`: about the means of the arms, all together",
    (
        *(STUDY, MODEL, ITERATION, ARM, QUESTION),
        Column("role", "text", "Role of the question"),
        N_PERSONAS,
        Column("trials", "number", "Known answers a persona and arm, on average", "answers"),
        Column("variance_between", "number", "Variance between personas; by chance below 0", _SQUARE, True),
        Column("variance_within", "number", "Variance between the runs of one persona", _SQUARE, True),
        *schema.estimated(
            "icc",
            "Intraclass correlation: the part of the variance that lies between personas",
            "up to 1",
            head="ICC",
            places=2,
        ),
        Column(
            "design_effect",
            "number",
            "How many times the variance of a mean exceeds that of as many independent answers",
            "ratio",
            True,
            head="Design effect",
            places=1,
        ),
        Column("se_mean", "number", "Standard error of an arm's mean, with as many personas and trials", _UNIT, True),
        Column("se_twice_personas", "number", "The same with twice as many personas", _UNIT, True),
        Column("se_twice_trials", "number", "The same with twice as many trials a persona", _UNIT, True),
        Column(
            "sd",
            "number",
            "Standard deviation of single answers, arms included; of unordered ones, root of Gini's variance",
            _UNIT,
            True,
        ),
        Column("modal_answer", "text", "The most frequent answer; empty of numbers too many to count"),
        Column("modal_share", "number", "Its share", _SHARE, True, head="Mode", places=2),
        Column("entropy", "number", "Entropy of the answers", "bits", True, head="Entropy", places=2),
        Column("against", "text", "The model that is people; empty without"),
        Column("modal_share_people", "number", "Share of people's most frequent answer", _SHARE, True),
        Column("entropy_people", "number", "Entropy of people's answers", "bits", True),
        *schema.estimated(
            "sd_ratio", "`sd` over that of people, as of independent groups", "ratio", head="SD ratio", places=2
        ),
        Column("reason", "text", "Why there is no intraclass correlation"),
    ),
)


def rows(cells: Sequence[Cell], reference: str | None, *, confidence: float) -> Iterator[Row]:
    """Split the variance of each question between and within personas, and set it beside that of people.

    Parameters
    ----------
    cells : sequence of Cell
        Outcomes, negative controls and questions of role `other` are taken.
    reference : str or None
        The model that is people, if one is.
    confidence : float
        Of the intervals, in (0, 1).
    """
    kept = [cell for cell in cells if cell.role in beside.ROLES]
    people: dict[tuple[str, str, str], dict[int, _Described]] = {}
    ordered = sorted(kept, key=lambda cell: cell.model != reference)  # people first; the sort is stable
    for cell in ordered:
        for arm, side in _sides(cell):
            described = _Described.of(side, cell)
            key = (cell.study, cell.question, arm)
            if cell.model == reference:
                people.setdefault(key, {})[cell.iteration] = described
            yield {
                **cell.place(arm),
                **_split(side, cell, described, confidence),
                **described.row,
                **_against(described, people.get(key, {}), cell, reference, confidence),
            }


def _sides(cell: Cell) -> Iterator[tuple[str, Laid]]:
    """Return the answers in each arm, and in all of them where there are several."""
    every = Laid.of(cell, range(len(cell.personas)), range(len(cell.arms)))
    sides = [(arm, every.arms([a])) for a, arm in enumerate(cell.arms)] if len(cell.arms) > 1 else []
    for arm, side in [*sides, (ALL_ARMS, every)]:
        if side.known.any():
            yield arm, side


def _split(side: Laid, cell: Cell, described: "_Described", confidence: float) -> Row:
    """Return the components, and what an arm's mean would gain from more personas or more trials."""
    found = beside.split(side, cell, confidence)
    n = found.n_personas if side.known.shape[1] == 1 else float((side.known > 0).sum(axis=0).mean())
    ses = [found.se(p * n, t * found.trials) for p, t in ((1, 1), (2, 1), (1, 2))]
    if np.isnan(found.within):  # one answer each: more personas are all that is known
        once = described.spread.sd / np.sqrt(n)
        ses = [once, once / np.sqrt(2), np.nan]
    return {
        "n_personas": found.n_personas,
        "trials": found.trials,
        "variance_between": found.between,
        "variance_within": found.within,
        "icc": found.icc.value,
        "icc_low": found.icc.low,
        "icc_high": found.icc.high,
        "design_effect": found.design_effect,
        "se_mean": ses[0],
        "se_twice_personas": ses[1],
        "se_twice_trials": ses[2],
        "reason": _reason(found),
    }


def _reason(found: Components) -> str:
    if not np.isnan(found.icc.value):
        return ""
    if found.n_personas < 2:
        return FEW
    return ONE_ANSWER if np.isnan(found.within) else NO_VARIANCE


@dataclass(frozen=True, slots=True)
class _Described:
    """How widely one side's answers spread.

    Attributes
    ----------
    spread : Spread
        Of single answers.
    row : dict
        Columns of the table.
    """

    spread: Spread
    row: Row

    @classmethod
    def of(cls, side: Laid, cell: Cell) -> "_Described":
        """Describe the answers; a persona counts once, by the average over its arms."""
        asked = side.known > 0
        used = asked.any(axis=1)
        shares = _average(side.counts / np.maximum(side.known, 1)[:, :, None], asked)[used]
        if cell.scale.kind == "nominal":
            spread = marginals.gini_spread(shares)
        else:
            means, squares = side.numbers.means, side.numbers.squares
            spread = marginals.spread(_average(means, asked)[used], _average(squares, asked)[used])
        row: Row = {"sd": spread.sd, "modal_answer": ""}
        if cell.scale.kind != "continuous":
            mean = shares.mean(axis=0)
            top = int(np.argmax(mean))
            positive = mean[mean > 0]
            row |= {
                "modal_answer": cell.scale.answers[top],
                "modal_share": mean[top],
                "entropy": float(abs(np.sum(positive * np.log2(positive)))),
            }
        return cls(spread, row)


def _average(values: FloatArray, asked: BoolArray) -> FloatArray:
    """Average over the arms that a persona was asked in, axis 1."""
    mask = asked if values.ndim == 2 else asked[:, :, None]
    return np.asarray(np.where(mask, values, 0.0).sum(axis=1) / np.maximum(mask.sum(axis=1), 1))


def _against(
    own: _Described, people: Mapping[int, _Described], cell: Cell, reference: str | None, confidence: float
) -> Row:
    """Set a model's spread beside that of people of the same iteration, else of their first."""
    if reference is None or cell.model == reference or not people:
        return {"against": ""}
    other = people.get(cell.iteration, people[min(people)])
    ratio = marginals.sd_ratio(other.spread, own.spread, confidence=confidence)
    return {
        "against": reference,
        "modal_share_people": other.row.get("modal_share", np.nan),
        "entropy_people": other.row.get("entropy", np.nan),
        "sd_ratio": ratio.value,
        "sd_ratio_low": ratio.low,
        "sd_ratio_high": ratio.high,
    }
