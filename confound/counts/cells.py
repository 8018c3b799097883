"""Counts -> dense arrays, one cell a (study, model, iteration, question)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from confound.counts.binning import Bins
from confound.counts.counting import UNKNOWN_CODE, Grouped, IntArray
from confound.counts.questions import Question
from confound.counts.scales import FloatArray, Scale
from confound.errors import InputError


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers behind the answers to a binned negative control.

    Attributes
    ----------
    points : ndarray of float64, shape (M,)
        As in `confound.counts.binning.Bins`.
    persona, arm, point, n : ndarray of int64, shape (rows,)
        How often a persona (its place in the cell) gave, in an arm, a number of a point.
    """

    points: FloatArray
    persona: IntArray
    arm: IntArray
    point: IntArray
    n: IntArray

    def counts(self, n_personas: int, arm: int) -> IntArray:
        """Return how often each persona gave each point in one arm, shape (P, M)."""
        made = np.zeros((n_personas, len(self.points)), dtype=np.int64)
        rows = self.arm == arm
        np.add.at(made, (self.persona[rows], self.point[rows]), self.n[rows])
        return made


@dataclass(frozen=True, slots=True)
class Cell:
    """All answers to one question in one study, model and iteration.

    Attributes
    ----------
    study, model, question : str
    iteration : int
    role : str
        One of `confound.vocabulary.ROLES`.
    scale : Scale
        The question's K answers; K = 0 if continuous.
    personas : tuple of str
        P of them, sorted.
    arms : tuple of str
        A of them, sorted.
    answers : ndarray of int64, shape (P, A, K + 1)
        Counts; the last column is Unknown. Of a continuous question only the two columns known and Unknown.
    totals : ndarray of float64, shape (P, A)
        Sum of the numbers behind the known answers; NaN throughout if nominal.
    squares : ndarray of float64, shape (P, A), or None
        Sum of the squares of a continuous question's numbers, NaN where the log does not tell them; None of others.
    low, high : float
        Smallest and largest number that an answer may have, if continuous that one had; NaN if nominal.
    numbers : Numbers or None
        Of a binned negative control, whose `totals`, `low` and `high` are those of its numbers; None of others.
    """

    study: str
    model: str
    iteration: int
    question: str
    role: str
    scale: Scale
    personas: tuple[str, ...]
    arms: tuple[str, ...]
    answers: IntArray
    totals: FloatArray
    squares: FloatArray | None = None
    low: float = np.nan
    high: float = np.nan
    numbers: Numbers | None = None

    def place(self, arm: str) -> dict[str, Any]:
        """Return the first columns of a row about one arm."""
        where = {"study": self.study, "model": self.model, "iteration": self.iteration}
        return {**where, "arm": arm, "question": self.question, "role": self.role}

    @property
    def known(self) -> IntArray:
        """Answers that are not Unknown, shape (P, A)."""
        return np.asarray(self.answers[:, :, :-1].sum(axis=2))

    @property
    def unknown(self) -> IntArray:
        """Answers that are Unknown, shape (P, A)."""
        return np.asarray(self.answers[:, :, -1])


def cells(grouped: Grouped, questions: Mapping[tuple[str, str], Question]) -> Iterator[Cell]:
    """Lay the grouped log out as dense arrays, one for each (study, model, iteration, question), in sorted order.

    Parameters
    ----------
    grouped : Grouped
        The counted log.
    questions : dict
        (study, question) -> its role and scale; questions that are not in it are left out.
    """
    order = np.lexsort([grouped.codes[key] for key in ("question", "iteration", "model", "study")])
    place = np.stack([grouped.codes[key][order] for key in ("study", "model", "iteration", "question")])
    starts = np.flatnonzero(np.any(np.diff(place, axis=1, prepend=-2) != 0, axis=0))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        study, model, iteration, question = (
            grouped.labels[key][place[i, start]] for i, key in enumerate(("study", "model", "iteration", "question"))
        )
        if (study, question) in questions:
            yield _cell(
                grouped.rows(order[start:end]),
                study,
                model,
                int(iteration),
                question,
                questions[study, question],
            )


def _cell(grouped: Grouped, study: str, model: str, iteration: int, question: str, spec: Question) -> Cell:
    """Make one dense cell from its rows."""
    personas, persona = np.unique(grouped.codes["persona"], return_inverse=True)
    arms, arm = np.unique(grouped.codes["arm"], return_inverse=True)
    seen, response = np.unique(grouped.codes["response"], return_inverse=True)
    names = [grouped.label("response", int(code)) for code in seen]
    answer = spec.columns(names)[response]
    shape = (len(personas), len(arms), spec.width + 1)
    answers = np.zeros(shape, dtype=np.int64)
    squares, numbers = None, None
    np.add.at(answers, (persona, arm, answer), grouped.n)
    if spec.scale.kind == "continuous":
        behind = grouped.value_sum if spec.recorded else spec.numbers(names)[response] * grouped.n
        totals = np.zeros(shape[:2])
        order = np.lexsort([behind, response])  # the engine's order changes, and with it the last digits of a sum
        known = order[answer[order] != spec.width]
        np.add.at(totals, (persona[known], arm[known]), behind[known])
        squares = np.zeros(shape[:2])
        np.add.at(squares, (persona[known], arm[known]), _squares(grouped, behind, recorded=spec.recorded)[known])
        ends = (grouped.value_low, grouped.value_high) if spec.recorded else [spec.numbers(names)[response]] * 2
        low, high = (ends[0][known].min(), ends[1][known].max()) if len(known) else (np.nan, np.nan)
    elif spec.bins is not None:
        numbers, totals = _behind_bins(grouped, spec.bins, persona, arm, shape[:2])
        low, high = min(spec.bins.numbers.values()), max(spec.bins.numbers.values())
    else:
        totals = answers[:, :, : len(spec.scale.values)] @ spec.scale.values
        low, high = (spec.scale.values.min(), spec.scale.values.max()) if len(spec.scale.values) else (np.nan, np.nan)
    low, high = _limits(spec, study, question, low, high)
    return Cell(
        study=study,
        model=model,
        iteration=iteration,
        question=question,
        role=spec.role,
        scale=spec.scale,
        personas=tuple(grouped.labels["persona"][code] for code in personas),
        arms=tuple(grouped.labels["arm"][code] for code in arms),
        answers=answers,
        totals=totals,
        squares=squares,
        low=float(low),
        high=float(high),
        numbers=numbers,
    )


def _limits(spec: Question, study: str, question: str, low: float, high: float) -> tuple[float, float]:
    """Return the range that was given for a question, which must hold all of its answers; else the one seen."""
    if spec.limits is None or np.isnan(low):
        return low, high
    if not spec.limits[0] <= low <= high <= spec.limits[1]:
        given = f"--range {question}={spec.limits[0]:g},{spec.limits[1]:g}"
        raise InputError(f"{given}: answers of study '{study}' go from {low:g} to {high:g}, which is outside")
    return spec.limits


def _behind_bins(
    grouped: Grouped, bins: Bins, persona: IntArray, arm: IntArray, shape: tuple[int, int]
) -> tuple[Numbers, FloatArray]:
    """Return the numbers behind a binned control's answers, and their sums, shape (P, A)."""
    known = np.flatnonzero(grouped.codes["unbinned"] != UNKNOWN_CODE)
    seen, place = np.unique(grouped.codes["unbinned"][known], return_inverse=True)
    names = [grouped.labels["unbinned"][code] for code in seen]
    behind = np.asarray([bins.numbers[name] for name in names], dtype=np.float64)
    point = np.asarray([bins.point[name] for name in names], dtype=np.int64)
    order = np.argsort(behind[place], kind="stable")  # the engine's order changes, and with it a sum's last digits
    known, place = known[order], place[order]
    totals = np.zeros(shape)
    np.add.at(totals, (persona[known], arm[known]), behind[place] * grouped.n[known])
    return Numbers(bins.points, persona[known], arm[known], point[place], grouped.n[known]), totals


def _squares(grouped: Grouped, numbers: FloatArray, *, recorded: bool) -> FloatArray:
    """Return the sum of squares of each row's numbers; NaN where a row holds different ones."""
    squares = numbers**2 / grouped.n
    return np.where(recorded & (grouped.value_low != grouped.value_high), np.nan, squares)
