"""The tables `distributions` and `means`: what each arm answered."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import special

from confound.counts.cells import Cell
from confound.counts.scales import FloatArray
from confound.findings import schema
from confound.findings.schema import ARM, ITERATION, MODEL, N_PERSONAS, QUESTION, STUDY, Column, Row, Schema
from confound.vocabulary import ALL_ARMS, UNKNOWN

_SHARE = "share, 0 to 1"
_UNIT = "of the outcome"
DISTRIBUTIONS = Schema(
    "distributions",
    "An answer to a question in an arm; arm `(all arms)` averages a persona's shares over its arms",
    (
        *(STUDY, MODEL, ITERATION, ARM, QUESTION),
        Column("role", "text", "Role of the question"),
        Column("answer", "text", "The answer, or Unknown"),
        N_PERSONAS,
        Column("n", "count", "Answers of this kind", "answers"),
        Column("share", "number", "Share of the answer, averaged over personas", _SHARE),
        *schema.interval("`share`, Wilson's with the persona as the unit", _SHARE),
    ),
)
MEANS = Schema(
    "means",
    "An outcome in an arm",
    (
        *(STUDY, MODEL, ITERATION, ARM, QUESTION),
        N_PERSONAS,
        Column("n_answers", "count", "Known answers", "answers"),
        Column("estimate", "number", "Mean over personas of each persona's mean", _UNIT),
        *schema.interval("`estimate`, t over personas", _UNIT),
    ),
)


def share_rows(cells: Sequence[Cell], *, confidence: float) -> list[Row]:
    """Average each answer's share over personas, by arm and over all arms.

    Parameters
    ----------
    cells : sequence of Cell
        Continuous questions are left out: none of their answers comes twice.
    confidence : float
        Of the intervals, in (0, 1).

    Returns
    -------
    list of dict
        A persona's share over all arms is the mean of its shares in the
        arms that it is in. Unknown is an answer like any other. The interval is Wilson's for as many independent
        answers as would leave the same standard error over personas (Korn and Graubard 1998, for the
        interval of Clopper and Pearson).
    """
    return [row for cell in cells if cell.scale.kind != "continuous" for row in _shares(cell, confidence)]


def _shares(cell: Cell, confidence: float) -> Iterator[Row]:
    names = [*cell.scale.answers, UNKNOWN]
    counts = cell.answers
    asked = counts.sum(axis=2) > 0
    shares = counts / np.maximum(counts.sum(axis=2, keepdims=True), 1)
    pooled = shares.sum(axis=1) / np.maximum(asked.sum(axis=1), 1)[:, None]
    sides = [(arm, shares[asked[:, a], a], counts[asked[:, a], a]) for a, arm in enumerate(cell.arms)]
    sides.append((ALL_ARMS, pooled[asked.any(axis=1)], counts.sum(axis=1)[asked.any(axis=1)]))
    for arm, side, given in sides:
        low, high = _wilson(side, int(given.sum()), confidence)
        mean, n = side.mean(axis=0), given.sum(axis=0)
        for k in range(len(names)):
            yield {
                **_place(cell, arm),
                "role": cell.role,
                "answer": names[k],
                "n_personas": len(side),
                "n": n[k],
                "share": mean[k],
                "ci_low": low[k],
                "ci_high": high[k],
            }


def _place(cell: Cell, arm: str) -> Row:
    where = {"study": cell.study, "model": cell.model, "iteration": cell.iteration}
    return {**where, "arm": arm, "question": cell.question}


def _wilson(shares: FloatArray, n: int, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the intervals of the mean shares; rows are personas, columns answers."""
    personas, mean = len(shares), shares.mean(axis=0)
    if personas < 2:
        return np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    variance, binary = shares.var(axis=0, ddof=1) / personas, mean * (1 - mean)
    # Where personas differ no more than their answers would by chance, an answer counts as one and not as more.
    effective = np.divide(binary, variance, out=np.full_like(mean, n), where=variance > 1e-15)
    effective = np.clip(effective, personas - 1, n)
    t2 = special.stdtrit(personas - 1, 0.5 + confidence / 2) ** 2 / effective
    centre, half = mean + t2 / 2, np.sqrt(t2 * (binary + t2 / 4))
    return np.clip((centre - half) / (1 + t2), 0, mean), np.clip((centre + half) / (1 + t2), mean, 1)


def mean_rows(cells: Sequence[Cell], *, confidence: float) -> list[Row]:
    """Average, by arm, the numbers behind the known answers to the outcomes.

    Parameters
    ----------
    cells : sequence of Cell
    confidence : float
        Of the t intervals over personas, in (0, 1).

    Returns
    -------
    list of dict
    """
    outcomes = [cell for cell in cells if cell.role == "outcome" and cell.scale.kind != "nominal"]
    return [row for cell in outcomes for row in _outcome(cell, confidence)]


def _outcome(cell: Cell, confidence: float) -> Iterator[Row]:
    for a, arm in enumerate(cell.arms):
        known = cell.known[:, a]
        means = cell.totals[known > 0, a] / known[known > 0]
        if len(means):
            mean, low, high = _t_interval(means, confidence)
            sizes = {"n_personas": len(means), "n_answers": known.sum()}
            yield {**_place(cell, arm), **sizes, "estimate": mean, "ci_low": low, "ci_high": high}


def _t_interval(values: FloatArray, confidence: float) -> tuple[float, float, float]:
    """Return the mean of personas' values and the ends of its interval."""
    n, mean = len(values), float(values.mean())
    if n < 2:
        return mean, float("nan"), float("nan")
    half = float(special.stdtrit(n - 1, 0.5 + confidence / 2) * values.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half
