"""Which arm is compared with which, in which design, and the counts of the two sides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from confound.counts.cells import Cell
from confound.counts.counting import Grouped, IntArray
from confound.counts.notes import Note
from confound.counts.scales import FloatArray, label, number_in
from confound.counts.totals import totals
from confound.errors import InputError
from confound.vocabulary import Design

CONTROL_NAMES = ("control", "baseline", "placebo", "untreated", "0")
CONTROL_WORDS = ("control", "ctrl", "kontroll", "t\u00e9moin", "no treatment", "no_treatment", "status quo")
WITHIN_SHARE = 0.5  # with fewer personas than this in both arms, personas were assigned to arms


@dataclass(frozen=True, slots=True)
class Side:
    """One arm's part of a contrast.

    Attributes
    ----------
    personas : tuple of str
        P of them.
    answers : ndarray of int64, shape (P, K + 1)
        Counts by persona; the last column is Unknown.
    totals : ndarray of float64, shape (P,)
        Sum of the numbers behind the known answers.
    """

    personas: tuple[str, ...]
    answers: IntArray
    totals: FloatArray

    def rows(self, keep: npt.NDArray[np.bool_]) -> "Side":
        """Return the personas chosen by a mask."""
        personas = tuple(persona for persona, kept in zip(self.personas, keep, strict=True) if kept)
        return Side(personas, self.answers[keep], self.totals[keep])

    @property
    def known(self) -> IntArray:
        """Answers that are not Unknown, shape (P,)."""
        return np.asarray(self.answers[:, :-1].sum(axis=1))

    @property
    def missing(self) -> FloatArray:
        """Each persona's share of answers that are Unknown, shape (P,)."""
        return np.asarray(self.answers[:, -1] / self.answers.sum(axis=1))

    @property
    def refusals(self) -> IntArray:
        """Each persona's known answers and its Unknown ones, shape (P, 2)."""
        return np.column_stack([self.known, self.answers[:, -1]])

    @property
    def n(self) -> int:
        """Answers, Unknown included."""
        return int(self.answers.sum())

    @property
    def n_unknown(self) -> int:
        """Answers that are Unknown."""
        return int(self.answers[:, -1].sum())


@dataclass(frozen=True, slots=True)
class Contrast:
    """The two sides of a comparison in one cell.

    Attributes
    ----------
    cell : Cell
        Where it was made.
    treated_arm, control_arm : str
        The arms' labels.
    design : {"within", "between"}
        Within: row i of both sides is the same persona. Between: the sides' personas differ.
    treated, control : Side
        The answers; every row has one or more, Unknown included.
    left_out : int
        Personas left out: within, those in one arm alone; between, those in both.
    """

    cell: Cell
    treated_arm: str
    control_arm: str
    design: Design
    treated: Side
    control: Side
    left_out: int

    @property
    def has_unknown(self) -> bool:
        """Whether an answer is Unknown."""
        return self.treated.n_unknown + self.control.n_unknown > 0

    def known_sides(self) -> tuple[Side, Side]:
        """Return both sides' personas with a known answer: within, on both sides; between, on their own."""
        has_treated, has_control = self.treated.known > 0, self.control.known > 0
        if self.design == "within":
            has_treated = has_control = has_treated & has_control
        return self.treated.rows(has_treated), self.control.rows(has_control)

    def answered(self) -> "Contrast | None":
        """Return the contrast without Unknown answers, and personas who gave no other; None if a side is left empty."""
        treated, control = self.known_sides()
        if not treated.personas or not control.personas:
            return None
        return replace(self, treated=_without_unknown(treated), control=_without_unknown(control))

    @property
    def label(self) -> str:
        """`treated - control`."""
        return f"{self.treated_arm} - {self.control_arm}"

    @property
    def place(self) -> dict[str, Any]:
        """The columns that say where it was made: study, model, iteration, contrast, question."""
        cell = self.cell
        return {
            "study": cell.study,
            "model": cell.model,
            "iteration": cell.iteration,
            "contrast": self.label,
            "question": cell.question,
        }

    @property
    def n_personas(self) -> int:
        """Personas used."""
        rows = len(self.treated.totals)
        return rows if self.design == "within" else rows + len(self.control.totals)


def _without_unknown(side: Side) -> Side:
    answers = side.answers.copy()
    answers[:, -1] = 0
    return replace(side, answers=answers)


def control_arms(
    grouped: Grouped, wanted: Sequence[tuple[str | None, str]], *, needed: bool = True
) -> tuple[dict[str, str], list[Note]]:
    """Choose the control arm of each study.

    Parameters
    ----------
    grouped : Grouped
        The counted log.
    wanted : sequence of (study or None, arm)
        Arms asked for; with None, for every study that has the arm, or for one study if written STUDY=ARM.
    needed : bool
        Whether a log without two arms in any study is refused.

    Returns
    -------
    tuple of (dict, list of Note)
        Study -> control arm, studies with one arm alone left out; what was assumed.

    Raises
    ------
    InputError
        Where an arm or a study asked for is not there, or no study has two arms.
    """
    arms = _arms(grouped)
    wanted = [_scoped(study, arm, grouped.labels["arm"]) for study, arm in wanted]
    _check_wanted(arms, wanted)
    chosen: dict[str, str] = {}
    notes: list[Note] = []
    assumed: dict[tuple[str, str], list[str]] = {}
    for study, labels in arms.items():
        if len(labels) < 2 and _roles(grouped, study) == {"other"}:  # there is nothing to compare by arm
            continue
        if len(labels) < 2:
            notes.append(Note("warning", f"Only arm '{labels[0]}' is there; nothing to compare it with.", study=study))
            continue
        asked = [arm for scope, arm in wanted if scope in (None, study) and arm in labels]
        chosen[study], why = (asked[-1], "") if asked else _default_control(labels)
        if not asked:
            assumed.setdefault((chosen[study], why), []).append(study)
    notes += _assumed_notes(assumed)
    if not chosen and needed:
        only = ", ".join(sorted({arm for labels in arms.values() for arm in labels}))
        raise InputError(
            f"column 'arm' holds one arm only ({only}). A comparison needs two; check --arm, or add the other arm's log"
        )
    return chosen, notes


def _assumed_notes(assumed: Mapping[tuple[str, str], Sequence[str]]) -> list[Note]:
    """Say which arms were taken as controls: one remark, whatever the number of studies."""
    if not assumed:
        return []
    if len(assumed) == 1:
        (((arm, why), studies),) = assumed.items()
        study = studies[0] if len(studies) == 1 else ""
        return [Note("note", f"Arm '{arm}' was taken as the control{why}. Choose another with --control.", study=study)]
    each = [f"'{arm}'{why} ({', '.join(studies)})" for (arm, why), studies in assumed.items()]
    return [Note("note", f"Arms taken as the control: {'; '.join(each)}. Choose others with --control STUDY=ARM.")]


def _arms(grouped: Grouped) -> dict[str, list[str]]:
    arms: dict[str, list[str]] = {study: [] for study in grouped.labels["study"]}
    for study, arm in totals(grouped, "study", "arm")[0].T:
        arms[grouped.labels["study"][study]].append(grouped.labels["arm"][arm])
    return arms


def _roles(grouped: Grouped, study: str) -> set[str | None]:
    (studies, roles), _ = totals(grouped, "study", "role")
    return {grouped.label("role", int(code)) for code in roles[studies == grouped.labels["study"].index(study)]}


def _scoped(study: str | None, arm: str, labels: Sequence[str]) -> tuple[str | None, str]:
    """Split STUDY=ARM, unless an arm is called just that."""
    if study is None and (label(arm) or arm) not in labels and "=" in arm:
        study, _, arm = arm.partition("=")
    return study, label(arm) or arm


def _check_wanted(arms: Mapping[str, Sequence[str]], wanted: Sequence[tuple[str | None, str]]) -> None:
    for study, arm in wanted:
        if study is not None and study not in arms:
            raise InputError(f"--control {study}={arm}: the log holds no such study. It holds {', '.join(arms)}")
        held = sorted({name for s, labels in arms.items() if study in (None, s) for name in labels})
        if arm not in held:
            raise InputError(f"--control {arm}: the log holds no such arm. It holds {', '.join(held)}")


def _default_control(labels: Sequence[str]) -> tuple[str, str]:
    """Return the arm that is called like a control, else the smallest number, else the first; and why, if not plain."""
    by_name = {arm.casefold(): arm for arm in labels}
    named = [by_name[name] for name in CONTROL_NAMES if name in by_name]
    named += [arm for name, arm in sorted(by_name.items()) if name.startswith(CONTROL_WORDS)]
    if named:
        return named[0], ""
    numbers = {arm: number_in(arm) for arm in labels}
    if all(number is not None for number in numbers.values()):
        return min(labels, key=lambda arm: (numbers[arm] or 0.0, arm)), ", the smallest of the numbers"
    return min(labels), ""


def contrasts(cell: Cell, control: str, design: Design | None) -> Iterator[Contrast]:
    """Compare each other arm of a cell with its control arm; a contrast without personas on both sides is left out."""
    if control not in cell.arms:
        return
    column = cell.arms.index(control)
    for other, arm in enumerate(cell.arms):
        contrast = None if other == column else _contrast(cell, other, column, design)
        if contrast is not None and arm != control:
            yield contrast


def _contrast(cell: Cell, treated: int, control: int, design: Design | None) -> Contrast | None:
    asked = cell.answers.sum(axis=2) > 0
    both = asked[:, treated] & asked[:, control]
    either = asked[:, treated] | asked[:, control]
    design = design or infer_design(int(both.sum()), int(either.sum()))
    if design == "within":
        rows_treated = rows_control = both
    else:
        rows_treated, rows_control = asked[:, treated] & ~both, asked[:, control] & ~both
    if not rows_treated.any() or not rows_control.any():
        return None
    return Contrast(
        cell=cell,
        treated_arm=cell.arms[treated],
        control_arm=cell.arms[control],
        design=design,
        treated=Side(cell.personas, cell.answers[:, treated], cell.totals[:, treated]).rows(rows_treated),
        control=Side(cell.personas, cell.answers[:, control], cell.totals[:, control]).rows(rows_control),
        left_out=int(either.sum() - (rows_treated | rows_control).sum()),
    )


def placebo_contrasts(cells: Sequence[Cell], placebo: str, original: str, design: Design | None) -> list[Contrast]:
    """Compare an arm with the arm that it rewords, in every cell that has both."""
    both = [cell for cell in cells if placebo in cell.arms and original in cell.arms]
    made = [_contrast(cell, cell.arms.index(placebo), cell.arms.index(original), design) for cell in both]
    return [contrast for contrast in made if contrast is not None]


def infer_design(n_both: int, n_either: int) -> Design:
    """Return "within" if at least half of the personas are in both arms, else "between"."""
    return "within" if n_both and n_both >= WITHIN_SHARE * n_either else "between"


def gathered(
    contrasts: Iterable[Contrast], *keys: str, role: str | None = None
) -> dict[tuple[Any, ...], list[Contrast]]:
    """Gather contrasts by what they have in common, in the order in which they come.

    Parameters
    ----------
    contrasts : iterable of Contrast
    *keys : {"study", "model", "iteration", "contrast", "question"}
        What contrasts of one group share.
    role : str, optional
        Those of questions with this role alone.
    """
    groups: dict[tuple[Any, ...], list[Contrast]] = {}
    for contrast in contrasts:
        if role in (None, contrast.cell.role):
            place = contrast.place
            groups.setdefault(tuple(place[key] for key in keys), []).append(contrast)
    return groups


def empty_arm_notes(cell: Cell, control: str, arms: Sequence[str]) -> list[Note]:
    """Warn of arms in which a question of the study was never asked."""
    missing = [arm for arm in arms if arm not in cell.arms]
    if not missing:
        return []
    message = f"Not asked in arm {' and '.join(map(repr, missing))}"
    message += "; no contrast is possible." if control in missing else "; those contrasts are left out."
    return [Note("warning", message, study=cell.study, model=cell.model, question=cell.question)]
