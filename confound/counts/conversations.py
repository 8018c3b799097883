"""Which negative controls were answered in one conversation: what tests need that permute whole conversations.

Counts lose this pairing, so the controls' answers are read once more, where trials are recorded and the log is not too
large for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from confound.counts.contrasts import Contrast
from confound.counts.counting import UNKNOWN_CODE, CodeArray, Grouped, IntArray, recode
from confound.counts.notes import Note
from confound.counts.questions import Question
from confound.log.faults import engine_errors
from confound.log.response_table import Responses

if TYPE_CHECKING:
    import ibis.expr.types as ir

ROLE = "negative_control"
KEYS = ("study", "model", "iteration", "persona", "arm", "trial", "question", "response")
MOST_ANSWERS = 3_000_000  # some 300 bytes each while they are read


@dataclass(frozen=True, slots=True)
class AnswersByConversation:
    """Answers to negative controls, one in each row.

    Attributes
    ----------
    place : dict
        (study, model, iteration) -> the rows of that cell, as a slice.
    persona, arm, trial, question : ndarray of int64, shape (rows,)
        Codes; of the first two and of `question` in `labels`.
    answer : ndarray of int64, shape (rows,)
        Column of the answer in the cell's counts; Unknown has the last.
    labels : dict
        Key -> its labels.
    """

    place: Mapping[tuple[str, str, int], slice]
    persona: IntArray
    arm: IntArray
    trial: IntArray
    question: IntArray
    answer: IntArray
    labels: Mapping[str, Sequence[str]]

    def codes(self, contrasts: Sequence[Contrast]) -> IntArray | None:
        """Lay out the answers that one contrast's controls got within personas.

        Parameters
        ----------
        contrasts : sequence of Contrast
            Within subjects, of one study, model, iteration and pair of arms; Q of them, one a control.

        Returns
        -------
        ndarray of int64, shape (personas, 2, conversations of the persona and arm with most, Q), or None
            The column of each answer, -1 where there is none; axis 1: control arm, treated arm. None where an answer
            has no trial number, or one persona, arm and trial has two answers to a control.
        """
        first = contrasts[0]
        rows = self.place.get((first.cell.study, first.cell.model, first.cell.iteration))
        if rows is None:
            return None
        names = [contrast.cell.question for contrast in contrasts]
        question = _places(self.question[rows], self._codes("question", names))
        arm = _places(self.arm[rows], self._codes("arm", (first.control_arm, first.treated_arm)))
        used = [self._codes("persona", contrast.treated.personas) for contrast in contrasts]
        personas = np.unique(np.concatenate(used))
        persona = _places(self.persona[rows], personas)
        asked = np.stack([np.isin(personas, codes) for codes in used])  # (Q, personas): in both arms
        kept = (question >= 0) & (arm >= 0) & (persona >= 0) & asked[question, persona]
        trial, answer = self.trial[rows][kept], self.answer[rows][kept]
        return _laid_out(persona[kept], arm[kept], trial, question[kept], answer, (len(personas), len(names)))

    def _codes(self, key: str, names: Sequence[str]) -> IntArray:
        place = {label: code for code, label in enumerate(self.labels[key])}
        return np.asarray([place[name] for name in names], dtype=np.int64)


def _laid_out(
    persona: IntArray, arm: IntArray, trial: IntArray, question: IntArray, answer: IntArray, shape: tuple[int, int]
) -> IntArray | None:
    """Lay answers out by persona, arm, conversation and question; `shape` is how many personas and questions."""
    if (trial == UNKNOWN_CODE).any():
        return None
    held, conversation = np.unique(np.stack([persona, arm, trial]), axis=1, return_inverse=True)
    if len(np.unique(conversation * shape[1] + question)) < len(question):
        return None
    starts = np.flatnonzero(np.diff(held[0] * 2 + held[1], prepend=-1))
    in_arm = np.arange(held.shape[1]) - np.repeat(starts, np.diff([*starts, held.shape[1]]))
    codes = np.full((shape[0], 2, int(in_arm.max()) + 1, shape[1]), UNKNOWN_CODE, dtype=np.int64)
    codes[persona, arm, in_arm[conversation], question] = answer
    return codes


def _places(codes: IntArray, wanted: IntArray) -> IntArray:
    """Return the place of each code in `wanted`, -1 where it is not there."""
    order = np.argsort(wanted)
    spot = np.minimum(np.searchsorted(wanted, codes, sorter=order), len(wanted) - 1)
    place = order[spot]
    return np.where(wanted[place] == codes, place, -1)


def read(
    responses: Responses, grouped: Grouped, binned: Grouped, questions: Mapping[tuple[str, str], Question]
) -> tuple[AnswersByConversation | None, list[Note]]:
    """Read the answers to negative controls once more, with the conversations they came from.

    Parameters
    ----------
    responses : Responses
        The open log.
    grouped, binned : Grouped
        The counted log, before and after answers were binned; row i of both is the same.
    questions : mapping
        (study, question) -> its role and scale.

    Returns
    -------
    tuple of (AnswersByConversation or None, list of Note)
        None where trials are not recorded, there are not two controls, or there are too many answers, which is noted.
    """
    controls = {name for (_, name), question in questions.items() if question.role == ROLE}
    wanted = np.isin(grouped.codes["question"], [grouped.labels["question"].index(name) for name in controls])
    if len(controls) < 2 or "trial" not in responses.columns or not grouped.trial_n[wanted].any():
        return None, []
    n = int(grouped.n[wanted].sum())
    if n > MOST_ANSWERS:
        message = (
            f"Step-down maxT is left out: it reads every answer to a negative control, and {n:,} are more than "
            f"{MOST_ANSWERS:,}. Holm's p-values control the same error; a part of the log can be analysed by itself."
        )
        return None, [Note("note", message)]
    with engine_errors(responses.name):
        table = _expression(responses, controls).to_pyarrow()
    codes = {key: recode(table.column(key), key, grouped.labels.get(key)) for key in KEYS}
    answer = _columns(grouped, binned, questions, codes)
    order = np.lexsort([codes[key] for key in ("question", "trial", "arm", "persona", "iteration", "model", "study")])
    cell = np.stack([codes[key][order] for key in ("study", "model", "iteration")])
    starts = np.flatnonzero(np.any(np.diff(cell, axis=1, prepend=-2) != 0, axis=0))
    labels = grouped.labels
    place = {
        (labels["study"][s], labels["model"][m], int(labels["iteration"][i])): slice(int(start), int(end))
        for (s, m, i), start, end in zip(cell[:, starts].T, starts, [*starts[1:], len(order)], strict=True)
    }
    kept = {key: codes[key][order] for key in ("persona", "arm", "trial", "question")}
    return AnswersByConversation(place=place, **kept, answer=answer[order], labels=labels), []


def _expression(responses: Responses, controls: set[str]) -> "ir.Table":
    """Return the answers to the controls, whatever the spelling of their names in the log."""
    from confound.counts.scales import label

    spelled = responses.table.select("question").distinct().to_pyarrow().column("question").to_pylist()
    raw = [name for name in spelled if label(str(name)) in controls]
    return responses.table.filter(responses.table["question"].isin(raw)).select(*KEYS)


def _columns(
    grouped: Grouped,
    binned: Grouped,
    questions: Mapping[tuple[str, str], Question],
    codes: Mapping[str, IntArray],
) -> IntArray:
    """Return the column of each answer in its cell's counts."""
    column_of = np.zeros(len(grouped.n), dtype=np.int64)
    labels = grouped.labels
    n_questions = np.int64(len(labels["question"]))
    pair = grouped.codes["study"] * n_questions + grouped.codes["question"]
    for study, question in questions:
        rows = np.flatnonzero(
            pair == labels["study"].index(study) * len(labels["question"]) + labels["question"].index(question)
        )
        seen, inverse = np.unique(binned.codes["response"][rows], return_inverse=True)
        names = [binned.label("response", int(code)) for code in seen]
        column_of[rows] = questions[study, question].columns(names)[inverse]

    def key(source: Mapping[str, IntArray | CodeArray]) -> IntArray:
        spot = source["study"] * n_questions + source["question"]
        return np.asarray(spot * (len(labels["response"]) + 1) + source["response"] + 1)

    known, first = np.unique(key(grouped.codes), return_index=True)
    return column_of[first[np.searchsorted(known, key(codes))]]
