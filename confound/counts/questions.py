"""Each question's role and scale, from the log, the options and the study files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from confound.counts import binning, scales
from confound.counts.binning import DEFAULT_BINS, Bins
from confound.counts.counting import UNKNOWN_CODE, Grouped, IntArray
from confound.counts.notes import Note
from confound.counts.options import Options
from confound.counts.scales import BY_WORDS, MAX_ANSWERS, FloatArray, Scale
from confound.errors import InputError, UnsaidError
from confound.log.layout import roles_by_name
from confound.text import typed


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
    bins : Bins or None
        The bins of a negative control whose answers are the numbers in them.
    limits : tuple of float, or None
        The least and the largest number that it can be answered with, as given.
    """

    role: str
    scale: Scale
    recorded: bool = False
    bins: Bins | None = None
    limits: tuple[float, float] | None = None

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
        The log with binned answers, and those before binning under the key "unbinned"; (study, question) ->
        `Question`, those without a role left out; remarks.

    Raises
    ------
    InputError
        Where an option names a question that is not there, a question has two roles or none has any, answers are too
        many for their role, or an order lacks an answer.
    """
    options.check_questions(grouped.labels["question"])
    grouped, notes = _without_row_numbers(grouped)
    questions: dict[tuple[str, str], Question] = {}
    left_out: list[str] = []
    codes = grouped.codes["response"].copy()
    place = {label: code for code, label in enumerate(grouped.labels["response"])}
    for study, question, places in _split(grouped):
        rows = grouped.rows(places)
        role = options.role(question) or _recorded_role(rows, study, question)
        if role is None and question == options.group:
            role = "other"
        if role is None:
            left_out.append(question)
            continue
        answers = _answers(rows)
        bins, remarks = _bins(rows, answers, role, question, options)
        if bins is not None:
            answers = list(bins.scale.answers)
            codes[places] = _bin_codes(rows, bins, place)
            labels = {**rows.labels, "response": tuple(place)}
            rows = replace(rows, codes={**rows.codes, "response": codes[places]}, labels=labels)
        made, more = _question(rows, answers, role, question, options, bins)
        if made is not None:
            questions[study, question] = replace(made, limits=options.range_of(question))
        notes += [replace(remark, study=study, question=question) for remark in remarks + more]
    _check_roles(questions, sorted(set(left_out)), alone=options.reference is not None)
    if left_out:
        names = ", ".join(sorted(set(left_out)))
        notes.append(Note("note", f"Left out, having no role: {names}. Give one with --outcome or --negative-control."))
    binned = replace(
        grouped,
        codes={**grouped.codes, "response": codes, "unbinned": grouped.codes["response"]},
        labels={**grouped.labels, "response": tuple(place), "unbinned": grouped.labels["response"]},
    )
    return binned, questions, notes


def _without_row_numbers(grouped: Grouped) -> tuple[Grouped, list[Note]]:
    """Leave column `value` out where it numbers the rows of the log."""
    n = int(grouped.n.sum())
    if n < 2 or int(grouped.value_n.sum()) != n:
        return grouped, []
    low, high = grouped.value_low.min(), grouped.value_high.max()
    if low not in (0, 1) or high - low + 1 != n:
        return grouped, []
    none, nothing = np.zeros_like(grouped.n), np.full(len(grouped.n), np.nan)
    bare = replace(grouped, value_n=none, value_sum=nothing, value_low=nothing, value_high=nothing)
    return bare, [Note("warning", f"Column 'value' is not used: it numbers the rows, from {low:g} to {high:g}.")]


def _split(grouped: Grouped) -> list[tuple[str, str, IntArray]]:
    """Return the places of each study's and question's rows, in sorted order."""
    pair = grouped.codes["study"] * np.int64(len(grouped.labels["question"])) + grouped.codes["question"]
    order = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
    parts = []
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        places = order[start:end]
        study, question = (grouped.labels[key][grouped.codes[key][places[0]]] for key in ("study", "question"))
        parts.append((study, question, places))
    return parts


def _recorded_role(rows: Grouped, study: str, question: str) -> str | None:
    roles = [rows.labels["role"][code] for code in np.unique(rows.codes["role"]) if code != UNKNOWN_CODE]
    if len(roles) > 1:
        raise InputError(
            f"column 'role': question '{question}' of study '{study}' has the roles {' and '.join(roles)}. "
            f"Settle it with --{roles[0].replace('_', '-')} {question}"
        )
    return roles[0] if roles else None


def _check_roles(
    questions: Mapping[tuple[str, str], Question], left_out: Sequence[str], *, alone: bool = False
) -> None:
    """Refuse a log without questions to analyse; `alone`: those of role `other` are enough."""
    enough = ("outcome", "negative_control", *(["other"] if alone else []))
    if not any(question.role in enough for question in questions.values()):
        names = left_out or sorted(name for _, name in questions)
        proposed = roles_by_name(names)
        raise UnsaidError(
            f"no outcome and no negative control to be found. The log holds the questions {', '.join(names[:20])}. "
            "Name some with --outcome or --negative-control (globs allowed), or fill column 'role'. "
            f"By their names it could be: {typed(proposed)}",
            proposed,
        )


def _question(
    rows: Grouped, answers: Sequence[str], role: str, name: str, options: Options, bins: Bins | None
) -> tuple[Question | None, list[Note]]:
    """Settle one question's scale, and refuse answers that its role cannot use; None of role `other`: free text."""
    if bins is not None and role == "negative_control":
        return Question(role, bins.scale, bins=bins), _recorded_values(rows)[1]
    order, values = options.order_of(name)
    recorded, notes = _recorded_values(rows)
    if order is None and recorded is None and _varies(rows) and role in ("outcome", "other"):
        scale = Scale("continuous", (), np.empty(0), "column value")
        said = Note("note", "Its mean is that of column 'value', which holds several numbers for one answer.")
        return Question(role, scale, recorded=True), [*notes, said]
    scale = scales.infer(answers, order=order, values=values, recorded=recorded, question=name)
    if len(answers) > MAX_ANSWERS and order is None:
        _refuse_many(role, name, answers, scale)
        if role == "other" and scale.kind != "continuous":
            return None, [Note("note", f"Left out: it has {len(answers):,} distinct answers, which are no numbers.")]
        scale = Scale("continuous", (), np.empty(0), scale.source or "too many answers to tabulate")
    if role == "outcome":
        notes += _nominal_notes(rows, answers, scale)
    return Question(role, scale), notes + _tie_notes(scale) + _word_notes(scale)


def _answers(rows: Grouped) -> list[str]:
    """Return the distinct answers, Unknown left out."""
    return [rows.labels["response"][code] for code in np.unique(rows.codes["response"]) if code != UNKNOWN_CODE]


def _bins(
    rows: Grouped, answers: Sequence[str], role: str, name: str, options: Options
) -> tuple[Bins | None, list[Note]]:
    """Bin a question if an option says so, or if it is a negative control with too many numbers to tabulate."""
    wanted = options.bins_of(name)
    many = role == "negative_control" and len(answers) > MAX_ANSWERS and options.order_of(name)[0] is None
    if wanted is None and not many:
        return None, []
    recorded, _ = _recorded_values(rows)
    if wanted is None and len(binning.numbers_of(answers, recorded)) < len(answers):
        return None, []
    known = rows.rows(rows.codes["response"] != UNKNOWN_CODE)
    _, inverse = np.unique(known.codes["response"], return_inverse=True)
    weights = np.bincount(inverse, weights=known.n).astype(np.int64)
    made = binning.quantile_bins(answers, weights, bins=wanted or DEFAULT_BINS, question=name, recorded=recorded)
    return made, [] if wanted else [_binned_note(name, len(answers), len(made.scale.answers))]


def _binned_note(name: str, n_answers: int, n_bins: int) -> Note:
    return Note(
        "note",
        f"Its {n_answers:,} different numbers were put into {n_bins} bins for the total variation distance: quantiles "
        f"of all arms, models and iterations together. Choose another number of bins with --bin {name}=quantile:N. "
        "The difference of means and the Wasserstein distance use the numbers themselves.",
    )


def _bin_codes(rows: Grouped, bins: Bins, place: dict[str, int]) -> IntArray:
    """Return the code of each answer's bin; new names are added to `place`, which holds the code of each label."""
    seen, inverse = np.unique(rows.codes["response"], return_inverse=True)
    names = [rows.label("response", int(code)) for code in seen]
    codes = [UNKNOWN_CODE if n is None else place.setdefault(bins.names[n], len(place)) for n in names]
    return np.asarray(codes, dtype=np.int64)[inverse]


def _refuse_many(role: str, name: str, answers: Sequence[str], scale: Scale) -> None:
    many = f"question '{name}' has {len(answers):,} distinct answers, such as {answers[0][:40]!r}"
    if role == "negative_control":
        raise InputError(
            f"{many}, that are not all numbers; a negative control may have {MAX_ANSWERS}. Sort free text into "
            "categories first; numbers alone are binned"
        )
    if role == "outcome" and scale.kind != "continuous":
        raise InputError(
            f"{many}, that are no numbers; an outcome may have {MAX_ANSWERS}. Sort free text into categories first, "
            "or give the numbers in a column 'value'"
        )


def _recorded_values(rows: Grouped) -> tuple[dict[str, float] | None, list[Note]]:
    """Return the one number that column `value` holds for each answer, or None where there is no such thing."""
    for ends in (rows.value_low, rows.value_high):
        scales.refuse_huge(ends)
    if _is_unrelated(rows):
        message = (
            "Column 'value' is not used: its numbers are not those in the answers. If it is the answer itself, say "
            "--response value."
        )
        return None, [Note("warning", message)] if rows.value_n.any() else []
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
    other = {a: x for a, x in by_answer.items() if (n := scales.number_in(a)) is not None and n != x}
    if other:
        answer, value = next(iter(sorted(other.items())))
        message = f"Column 'value' holds other numbers than the answers: {answer!r} counts as {value:g}, and so on."
        return by_answer, [Note("warning", message)]
    words = scales.in_words(list(by_answer))
    if words and [by_answer[a] for a in words] == sorted(by_answer.values(), reverse=True):
        message = (
            f"Column 'value' turns the scale: {words[0]!r} counts as {by_answer[words[0]]:g}, more than the others."
        )
        return by_answer, [Note("warning", message)]
    return by_answer, []


def _varies(rows: Grouped) -> bool:
    """Tell whether column `value` is filled, and holds the numbers of answers too many to tabulate."""
    known = rows.codes["response"] != UNKNOWN_CODE
    return bool(known.any() and (rows.value_n == rows.n)[known].all() and not _is_unrelated(rows))


def _is_unrelated(rows: Grouped) -> bool:
    """Tell whether column `value` holds other numbers than those in the answers.

    Words may stand beside numbers that differ, such as an answer "more" beside an amount.
    """
    known = rows.rows(rows.codes["response"] != UNKNOWN_CODE)
    answers, place = np.unique(known.codes["response"], return_inverse=True)
    if not len(answers) or not known.value_n.any():
        return False
    low, high = np.full(len(answers), np.inf), np.full(len(answers), -np.inf)
    np.fmin.at(low, place, known.value_low)
    np.fmax.at(high, place, known.value_high)
    if not (high > low).any():
        return False
    numbers = [scales.number_in(known.labels["response"][code]) for code in answers]
    exact = np.asarray([np.nan if number is None else number for number in numbers])
    if not np.isnan(exact).any():
        return bool((np.fmax(abs(low - exact), abs(high - exact)) > 1).any())
    return False


def _nominal_notes(rows: Grouped, answers: Sequence[str], scale: Scale) -> list[Note]:
    """Say which answers keep an outcome of numbers from having a mean."""
    strange = [answer for answer in answers if scales.number_in(answer) is None]
    if scale.kind != "nominal" or not strange or len(strange) == len(answers):
        return []
    codes = [code for code, name in enumerate(rows.labels["response"]) if name in set(strange)]
    n = int(rows.n[np.isin(rows.codes["response"], codes)].sum())
    of = int(rows.n[rows.codes["response"] != UNKNOWN_CODE].sum())
    if 2 * n > of:
        return []
    named = ", ".join(repr(name[:40]) for name in strange[:3]) + (", ..." if len(strange) > 3 else "")
    message = (
        f"{n:,} of {of:,} answers are no numbers ({named}), so that there is no mean and no effect on it. --missing "
        "says that an answer stands for none, --merge what it means, and --order puts answers in order."
    )
    return [Note("warning", message)]


def _word_notes(scale: Scale) -> list[Note]:
    """Say which order was read from the words of answers, and which numbers they count as."""
    if scale.source != BY_WORDS:
        return []
    order = " < ".join(scale.answers)
    message = f"The answers were put in the order of their words: {order}. They count 1 to {len(scale.answers)}. "
    return [Note("note", message + "Give another order with --order.")]


def _tie_notes(scale: Scale) -> list[Note]:
    notes = []
    for value in np.unique(scale.values[~np.isnan(scale.values)]):
        same = [answer for answer, v in zip(scale.answers, scale.values, strict=True) if v == value]
        if len(same) > 1:
            named = " and ".join(map(repr, same))
            notes.append(Note("warning", f"The answers {named} share the number {value:g}; distances tell them apart."))
    return notes
