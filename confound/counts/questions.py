"""Each question's role and scale, from the log, the options and the study files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from confound.counts import scales
from confound.counts.counting import UNKNOWN_CODE, Grouped, IntArray
from confound.counts.notes import Note
from confound.counts.options import Options
from confound.counts.scales import MAX_ANSWERS, FloatArray, Scale
from confound.errors import InputError


@dataclass(frozen=True, slots=True)
class Question:
    """What is known of one question in one study.

    Attributes
    ----------
    role : str
        One of `confound.vocabulary.ROLES`.
    scale : Scale
        Its answers.
    recorded : bool
        Whether its numbers are those of column `value`, answer by answer, and not the scale's.
    """

    role: str
    scale: Scale
    recorded: bool = False

    @property
    def width(self) -> int:
        """How many columns of counts the known answers take; one if continuous."""
        return len(self.scale.answers) or 1

    def columns(self, answers: Sequence[str | None]) -> IntArray:
        """Return the column of each answer; Unknown has the last."""
        place = {answer: column for column, answer in enumerate(self.scale.answers)}
        return np.asarray([self.width if a is None else place.get(a, 0) for a in answers], dtype=np.int64)

    def numbers(self, answers: Sequence[str | None]) -> FloatArray:
        """Return the number behind each answer; 0 for Unknown, NaN where there is none."""
        by_answer: Mapping[str, float] = dict(zip(self.scale.answers, self.scale.values.tolist(), strict=True))
        if self.scale.kind == "continuous":
            by_answer = {a: np.nan if (n := scales.number_in(a)) is None else n for a in answers if a is not None}
        return np.asarray([0.0 if a is None else by_answer[a] for a in answers])


def resolve(grouped: Grouped, options: Options) -> tuple[Grouped, dict[tuple[str, str], Question], list[Note]]:
    """Find the role and the scale of every question, and bin the answers that are to be binned.

    Returns
    -------
    tuple of (Grouped, dict, list of Note)
        The log with binned answers; (study, question) -> `Question`, those without a role left out; remarks.

    Raises
    ------
    InputError
        Where an option names a question that is not there, a question has two roles or none has any, answers are too
        many for their role, or an order lacks an answer.
    """
    options.check_questions(grouped.labels["question"])
    grouped = _binned(grouped, options)
    questions: dict[tuple[str, str], Question] = {}
    left_out: list[str] = []
    notes: list[Note] = []
    for study, question, rows in _split(grouped):
        role = options.role(question) or _recorded_role(rows, study, question)
        if role is None:
            left_out.append(question)
            continue
        questions[study, question], remarks = _question(rows, role, question, options)
        notes += [replace(remark, study=study, question=question) for remark in remarks]
    _check_roles(questions, sorted(set(left_out)))
    if left_out:
        names = ", ".join(sorted(set(left_out)))
        notes.append(Note("note", f"Left out, having no role: {names}. Give one with --outcome or --negative-control."))
    return grouped, questions, notes


def _split(grouped: Grouped) -> list[tuple[str, str, Grouped]]:
    """Split the rows by study and question, in sorted order."""
    pair = grouped.codes["study"] * np.int64(len(grouped.labels["question"])) + grouped.codes["question"]
    order = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
    parts = []
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        rows = grouped.rows(order[start:end])
        study = grouped.labels["study"][rows.codes["study"][0]]
        parts.append((study, grouped.labels["question"][rows.codes["question"][0]], rows))
    return parts


def _recorded_role(rows: Grouped, study: str, question: str) -> str | None:
    roles = [rows.labels["role"][code] for code in np.unique(rows.codes["role"]) if code != UNKNOWN_CODE]
    if len(roles) > 1:
        raise InputError(
            f"column 'role': question '{question}' of study '{study}' has the roles {' and '.join(roles)}. "
            f"Settle it with --{roles[0].replace('_', '-')} {question}"
        )
    return roles[0] if roles else None


def _check_roles(questions: Mapping[tuple[str, str], Question], left_out: Sequence[str]) -> None:
    if not any(question.role in ("outcome", "negative_control") for question in questions.values()):
        found = ", ".join(left_out[:20] or sorted(name for _, name in questions))
        raise InputError(
            f"no outcome and no negative control to be found. The log holds the questions {found}. "
            "Name some with --outcome or --negative-control (globs allowed), or fill column 'role'"
        )


def _question(rows: Grouped, role: str, name: str, options: Options) -> tuple[Question, list[Note]]:
    """Settle one question's scale, and refuse answers that its role cannot use."""
    codes = np.unique(rows.codes["response"])
    answers = [rows.labels["response"][code] for code in codes if code != UNKNOWN_CODE]
    order, values = options.order_of(name)
    recorded, notes = _recorded_values(rows)
    if order is None and recorded is None and _varies(rows) and role == "outcome":
        scale = Scale("continuous", (), np.empty(0), "column value")
        return Question(role, scale, recorded=True), notes
    scale = scales.infer(answers, order=order, values=values, recorded=recorded, question=name)
    if len(answers) > MAX_ANSWERS and order is None:
        _refuse_many(role, name, answers, scale)
        scale = Scale("continuous", (), np.empty(0), scale.source or "too many answers to tabulate")
    return Question(role, scale), notes + _case_notes(answers) + _tie_notes(scale)


def _refuse_many(role: str, name: str, answers: Sequence[str], scale: Scale) -> None:
    many = f"question '{name}' has {len(answers):,} distinct answers, such as {answers[0][:40]!r}"
    if role == "negative_control":
        raise InputError(
            f"{many}; a negative control may have {MAX_ANSWERS}. Bin numbers with --bin {name}=quantile:5, "
            "or sort free text into categories first"
        )
    if role == "outcome" and scale.kind != "continuous":
        raise InputError(
            f"{many}, that are no numbers; an outcome may have {MAX_ANSWERS}. Sort free text into categories first, "
            "or give the numbers in a column 'value'"
        )


def _recorded_values(rows: Grouped) -> tuple[dict[str, float] | None, list[Note]]:
    """Return the one number that column `value` holds for each answer, or None where there is no such thing."""
    known = rows.rows(rows.codes["response"] != UNKNOWN_CODE)
    filled = known.value_n == known.n
    if not filled.all():
        part = bool(known.value_n.any())
        message = f"Column 'value' is empty for {int((known.n - known.value_n).sum()):,} answers, so it is not used."
        return None, [Note("note", message)] if part else []
    by_answer: dict[str, float] = {}
    for code in np.unique(known.codes["response"]):
        held = known.codes["response"] == code
        low, high = known.value_low[held].min(), known.value_high[held].max()
        if low != high:
            return None, []
        by_answer[known.labels["response"][code]] = float(low)
    return by_answer, []


def _varies(rows: Grouped) -> bool:
    """Tell whether column `value` is filled, and holds more than one number for some answer."""
    known = rows.codes["response"] != UNKNOWN_CODE
    return bool(known.any() and (rows.value_n == rows.n)[known].all())


def _case_notes(answers: Sequence[str]) -> list[Note]:
    folded: dict[str, list[str]] = {}
    for answer in answers:
        folded.setdefault(" ".join(answer.casefold().split()), []).append(answer)
    return [
        Note(
            "warning",
            f"The answers {' and '.join(map(repr, same))} differ only in case or blanks; they count apart.",
        )
        for same in folded.values()
        if len(same) > 1
    ]


def _tie_notes(scale: Scale) -> list[Note]:
    notes = []
    for value in np.unique(scale.values[~np.isnan(scale.values)]):
        same = [answer for answer, v in zip(scale.answers, scale.values, strict=True) if v == value]
        if len(same) > 1:
            named = " and ".join(map(repr, same))
            notes.append(Note("warning", f"The answers {named} share the number {value:g}; distances tell them apart."))
    return notes


def _binned(grouped: Grouped, options: Options) -> Grouped:
    """Replace numeric answers by their quantile bins, study by study."""
    codes = grouped.codes["response"].copy()
    place = {label: code for code, label in enumerate(grouped.labels["response"])}
    for number, question in enumerate(grouped.labels["question"]):
        bins = options.bins_of(question)
        if bins is None:
            continue
        chosen = grouped.codes["question"] == number
        for study in np.unique(grouped.codes["study"][chosen]):
            rows = chosen & (grouped.codes["study"] == study) & (grouped.codes["response"] != UNKNOWN_CODE)
            codes[rows] = _bin_codes(grouped, rows, bins, question, place)
    return replace(
        grouped,
        codes={**grouped.codes, "response": codes},
        labels={**grouped.labels, "response": tuple(place)},
    )


def _bin_codes(
    grouped: Grouped, rows: npt.NDArray[np.bool_], bins: int, question: str, place: dict[str, int]
) -> IntArray:
    """Return the codes of the bins' names; new ones are added to `place`, which holds the code of each label."""
    distinct, inverse = np.unique(grouped.codes["response"][rows], return_inverse=True)
    weights = np.bincount(inverse, weights=grouped.n[rows]).astype(np.int64)
    names = scales.quantile_bins(
        [grouped.labels["response"][code] for code in distinct], weights, bins=bins, question=question
    )
    return np.asarray([place.setdefault(name, len(place)) for name in names], dtype=np.int64)[inverse]
