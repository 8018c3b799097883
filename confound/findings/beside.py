"""A model's cells beside those of the people: who is compared with whom, and their answers in common rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from confound.counts import align
from confound.counts.cells import Cell
from confound.counts.counting import IntArray
from confound.counts.scales import FloatArray
from confound.statistics.people.agreement import Answers
from confound.statistics.people.components import Components, components

ROLES = ("outcome", "negative_control", "other")
SHARED = 0.5  # of the smaller group: with fewer personas of the same names, names are taken to be chance


@dataclass(frozen=True, slots=True)
class Beside:
    """A question asked of a model's personas and of people.

    Attributes
    ----------
    simulated, people : Cell
        The people's of the same iteration, else of their first.
    arms : tuple of str
        Those that both have, A of them.
    """

    simulated: Cell
    people: Cell
    arms: tuple[str, ...]

    @property
    def paired(self) -> bool:
        """Whether personas carry the names of people."""
        shared = set(self.simulated.personas) & set(self.people.personas)
        return len(shared) >= SHARED * min(len(self.simulated.personas), len(self.people.personas))

    def columns(self, cell: Cell) -> list[int]:
        """Return the places of the shared arms in a cell."""
        return [cell.arms.index(arm) for arm in self.arms]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that both have, sorted."""
        return tuple(sorted(set(self.simulated.personas) & set(self.people.personas)))

    @property
    def laid_out(self) -> tuple["Laid", "Laid"]:
        """People and simulated, the same persona in the same row, the same arm in the same column."""
        people, simulated = (
            Laid.of(cell, align.places(cell.personas, self.names).tolist(), self.columns(cell))
            for cell in (self.people, self.simulated)
        )
        return people, simulated


@dataclass(frozen=True, slots=True)
class Laid:
    """Answers of one side to one question.

    Attributes
    ----------
    counts : ndarray of int64, shape (P, A, K)
        Known answers; of a continuous question, K = 1, how many.
    numbers : Answers
        Their means and mean squares.
    """

    counts: IntArray
    numbers: Answers

    @classmethod
    def of(cls, cell: Cell, rows: Sequence[int], columns: Sequence[int]) -> "Laid":
        """Lay out some personas (rows) and arms (columns) of a cell."""
        place = np.ix_(rows, columns)
        counts = cell.answers[place][:, :, :-1]
        return cls(counts, numbers(cell, place))

    def arms(self, columns: Sequence[int]) -> "Laid":
        """Return some of the arms."""
        means, squares = self.numbers.means[:, columns], self.numbers.squares[:, columns]
        return Laid(self.counts[:, columns], Answers(means, squares))

    @property
    def known(self) -> IntArray:
        """How many answers are known, shape (P, A)."""
        return np.asarray(self.counts.sum(axis=2))


def pairs(cells: Sequence[Cell], reference: str) -> Iterator[Beside]:
    """Set each cell of a model beside that of the people; questions and arms that people were not asked are left out.

    Parameters
    ----------
    cells : sequence of Cell
    reference : str
        The model that is people.
    """
    by_question: dict[tuple[str, str], dict[int, Cell]] = {}
    for cell in cells:
        if cell.model == reference:
            by_question.setdefault((cell.study, cell.question), {})[cell.iteration] = cell
    for cell in cells:
        own = by_question.get((cell.study, cell.question))
        if cell.model == reference or cell.role not in ROLES or own is None:
            continue
        people = own.get(cell.iteration, own[min(own)])
        arms = tuple(arm for arm in cell.arms if arm in people.arms)
        if arms:
            yield Beside(cell, people, arms)


def groups(cells: Sequence[Cell], reference: str, question: str) -> dict[str, str]:
    """Return each person's usual answer to a question, of whatever study; those without one are left out."""
    found: dict[str, str] = {}
    for cell in cells:
        if cell.model == reference and cell.question == question and cell.scale.answers:
            counts = cell.answers[:, :, :-1].sum(axis=1)
            usual = zip(cell.personas, counts.argmax(axis=1), counts.any(axis=1), strict=True)
            found |= {name: cell.scale.answers[k] for name, k, known in usual if known}
    return found


def numbers(cell: Cell, place: tuple[np.ndarray, ...]) -> Answers:
    """Return the means and mean squares of answers as numbers; NaN where there are none, or no numbers."""
    known = cell.known[place].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(known > 0, cell.totals[place] / known, np.nan)
        squares = np.where(known > 0, _squares(cell)[place] / known, np.nan)
    # One answer is its own mean, also where sums of squares are not told.
    return Answers(means, np.where(known == 1, means**2, squares))


def _squares(cell: Cell) -> FloatArray:
    """Return the sum of squares of the known answers, shape (P, A)."""
    if cell.squares is not None:
        return cell.squares
    if cell.numbers is not None:
        by_arm = [cell.numbers.counts(len(cell.personas), a) @ cell.numbers.points**2 for a in range(len(cell.arms))]
        return np.stack(by_arm, axis=1)
    if not cell.scale.answers:  # nobody gave an answer
        return np.full(cell.totals.shape, np.nan)
    return np.asarray(cell.answers[:, :, :-1] @ cell.scale.values**2)


def distances(one: Laid, other: Laid, cell: Cell) -> FloatArray:
    """Return the expected distance between an answer of each, shape (P, A); NaN where one gave none.

    Of ordered answers, in their numbers; of unordered ones, how often they differ; of numbers too many to count, the
    distance of the means.
    """
    both = (one.known > 0) & (other.known > 0)
    if cell.scale.kind == "continuous" or cell.numbers is not None:
        return np.where(both, abs(one.numbers.means - other.numbers.means), np.nan)
    p, q = (side.counts / np.maximum(side.known, 1)[:, :, None] for side in (one, other))
    if cell.scale.kind == "nominal":
        return np.where(both, 1 - (p * q).sum(axis=2), np.nan)
    steps = np.diff(cell.scale.values)
    below_p, below_q = np.cumsum(p, axis=2)[:, :, :-1], np.cumsum(q, axis=2)[:, :, :-1]
    return np.where(both, (below_p * (1 - below_q) + below_q * (1 - below_p)) @ steps, np.nan)


def own_distances(side: Laid, cell: Cell) -> FloatArray:
    """Return the mean distance between two answers of the same persona in one arm; NaN with fewer than two.

    In the units of `distances`; of numbers too many to count, of exactly two answers.
    """
    n = side.known.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs_of = n * (n - 1)
        if cell.scale.kind == "continuous" or cell.numbers is not None:
            gap = 2 * np.sqrt(np.maximum(side.numbers.squares - side.numbers.means**2, 0))
            return np.where(n == 2, gap, np.nan)
        if cell.scale.kind == "nominal":
            alike = (side.counts * (side.counts - 1)).sum(axis=2)
            return np.where(n > 1, 1 - alike / pairs_of, np.nan)
        below = np.cumsum(side.counts, axis=2)[:, :, :-1]
        apart = (2 * below * (n[:, :, None] - below)) @ np.diff(cell.scale.values)
        return np.where(n > 1, apart / pairs_of, np.nan)


def split(side: Laid, cell: Cell, confidence: float) -> Components:
    """Split the variance of answers between and within personas; of unordered answers, Gini's."""
    n = side.known
    if cell.scale.kind == "nominal":
        return components(n, side.counts.astype(np.float64), n.astype(np.float64), confidence=confidence)
    numbers, known = side.numbers, n > 0
    sums, squares = (np.where(known, n * each, 0.0) for each in (numbers.means, numbers.squares))
    return components(n, sums[..., None], squares, confidence=confidence)
