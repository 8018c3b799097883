"""Reads the questions of a study file, and the batches in which confounders are specified."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from confound.counts.scales import canonical
from confound.vocabulary import ROLES
from simulate.parsing.options import MAX_OPTIONS
from simulate.study import marked
from simulate.study.definition import ClosedQuestion
from simulate.study.marked import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulate.study.marked import Entry


def read_questions(entry: Entry) -> dict[str, ClosedQuestion]:
    """Read the list `questions`; return id -> question.

    Raises
    ------
    InputError
        For the first mistake, with file, line and what to do; so does `read_batches`.
    """
    questions = marked.distinct(entry.listing(at_least=1), "question", "id", _question)
    if not any(question.role in ("outcome", "negative_control") for question in questions.values()):
        raise entry.error("no question is an outcome or a negative control; give one `role: outcome`")
    return questions


def _question(entry: Entry) -> ClosedQuestion:
    given = entry.mapping(("id", "role", "text", "options"), ("ordered", "values", "label"))
    role = marked.one_line(given["role"])
    if "label" in given:
        marked.one_line(given["label"])  # for the tables of an analysis; the simulator does not use it
    if role not in ROLES:
        raise given["role"].error(f"unknown role '{role}'; {suggest(role, ROLES)}")
    options = _options(given["options"])
    values = _values(given["values"], options) if "values" in given else None
    ordered = given["ordered"].flag() if "ordered" in given else values is not None
    if values is not None and not ordered:
        raise given["ordered"].error("options with `values` are ordered; take out `ordered: false`, or the values")
    return ClosedQuestion(marked.identifier(given["id"]), role, given["text"].string(), options, ordered, values)


def _options(entry: Entry) -> tuple[str, ...]:
    listed = entry.listing(at_least=2)
    if len(listed) > MAX_OPTIONS:
        raise entry.error(f"{len(listed)} options; at most {MAX_OPTIONS} have a letter. Join some")
    first: dict[str, Entry] = {}
    for option in listed:
        text = marked.one_line(option)
        same = canonical(text)
        if same is None:
            raise option.error(f"option '{text}' would be read as a missing answer; word it otherwise")
        if same.casefold() in first:
            raise option.error(f"option '{text}' stands twice, first on line {first[same.casefold()].line}; keep one")
        first[same.casefold()] = option
    return tuple(marked.one_line(option) for option in listed)


def _values(entry: Entry, options: tuple[str, ...]) -> tuple[float, ...]:
    values = tuple(value.number() for value in entry.listing())
    if len(values) != len(options):
        raise entry.error(f"{len(values)} values for {len(options)} options; give one number for each option")
    if any(low >= high for low, high in itertools.pairwise(values)):
        raise entry.error("values must rise from the first option to the last; put the options in that order")
    return values


def read_batches(
    root: Entry, questions: Mapping[str, ClosedQuestion]
) -> tuple[tuple[tuple[str, ...], ...], int | None]:
    """Read `confounders`, which may be left out.

    Parameters
    ----------
    root : Entry
        The whole file.
    questions : Mapping of str to ClosedQuestion

    Returns
    -------
    batches : tuple of tuple of str
        Ids of confounders, the general batches first.
    targeted_from : int or None
        Index of the first targeted batch; None if there is none.
    """
    entry = root.value.get("confounders")
    parts = entry.mapping(optional=("general", "targeted")) if entry else {}
    placed: dict[str, int] = {}
    general, targeted = (
        [_batch(batch, questions, placed) for batch in parts[part].listing()] if part in parts else []
        for part in ("general", "targeted")
    )
    for number, question in enumerate(questions.values()):
        if question.role == "confounder" and question.id not in placed:
            place = root.value["questions"].value[number]
            raise place.error(f"confounder '{question.id}' is in no batch of `confounders`; add it to one")
    return (*general, *targeted), len(general) if targeted else None


def _batch(entry: Entry, questions: Mapping[str, ClosedQuestion], placed: dict[str, int]) -> tuple[str, ...]:
    names = []
    for given in entry.listing(at_least=1):
        name = marked.one_line(given)
        confounders = [question.id for question in questions.values() if question.role == "confounder"]
        if name not in questions:
            raise given.error(f"a batch names '{name}', which is no question; {suggest(name, confounders)}")
        role = questions[name].role
        if role == "negative_control":
            raise given.error(
                f"negative control '{name}' is in a batch of confounders too; adjusting for it would hide the drift "
                "it is there to show. Take it out of the batch, or give it `role: confounder`"
            )
        if role != "confounder":
            raise given.error(f"a batch names '{name}', whose role is {role}; only confounders are adjusted for")
        if name in placed:
            raise given.error(f"confounder '{name}' is in two batches, first on line {placed[name]}; keep one")
        placed[name] = given.line
        names.append(name)
    return tuple(names)
