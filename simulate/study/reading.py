"""Reads and checks a study's YAML file: a mistake is refused with its file, its line and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from simulate.study import marked, prompts
from simulate.study.catalogue import EXAMPLE, find_study, shipped_names
from simulate.study.definition import (
    OWN_DATA,
    SOURCES,
    Arm,
    ClosedQuestion,
    Item,
    Persona,
    PersonaSource,
    Study,
    check_iterations,
)
from simulate.study.marked import Entry, suggest
from simulate.study.questions import read_batches, read_questions
from simulate.study.templates import TemplateFault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REQUIRED = ("study", "title", "control", "arms", "questions", "prompts", "base", "personas")
OPTIONAL = ("items", "turns", "trials", "iterations", "confounders", "sampling", "structure")


def load_study(name_or_path: str | Path) -> Study:
    """Read and check a study.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a study that comes with confound, or path of a study file.

    Raises
    ------
    InputError
        For the first thing in the file that is wrong: with file, line and what to do.
    """
    path = find_study(name_or_path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    return study_of(marked.read(content, str(path)), path.parent)


def list_studies() -> tuple[tuple[str, str], ...]:
    """Return name and title of each study that comes with confound, the example first."""
    return tuple((name, load_study(name).title) for name in (EXAMPLE.stem, *shipped_names()))


def study_text(name_or_path: str | Path) -> str:
    """Return the text of a study file, to be shown or copied."""
    study = load_study(name_or_path)
    return Path(study.source).read_text(encoding="utf-8-sig")


def study_of(root: Entry, folder: Path) -> Study:
    """Return the checked study of a file that was read.

    Parameters
    ----------
    root : Entry
        The whole file.
    folder : Path
        The folder that paths in the file are relative to.
    """
    top = root.mapping(REQUIRED, OPTIONAL)
    arms = _arms(top["arms"])
    questions = read_questions(top["questions"])
    labels = _base(top["base"], questions)
    batches, targeted_from = read_batches(root, questions)
    study = Study(
        study=marked.identifier(top["study"]),
        title=marked.one_line(top["title"]),
        source=root.file,
        arms=arms,
        control=_control(top["control"], arms),
        items=_items(top["items"]) if "items" in top else (),
        questions=questions,
        base=tuple(labels),
        labels=labels,
        batches=batches,
        targeted_from=targeted_from,
        prompts={name: entry.string(template=True) for name, entry in _prompt_entries(top).items()},
        turns=_whole(top, "turns", 0, at_least=0),
        trials=_whole(top, "trials", 10),
        iterations=_iterations(top, len(batches)),
        personas=_persona_source(top["personas"], tuple(labels), folder),
        sampling=_settings(top.get("sampling")),
        structure=_settings(top["structure"]) if "structure" in top else None,
    )
    _check_intervention(study, top)
    _check_prompts(study, top)
    return study


def _arms(entry: Entry) -> tuple[Arm, ...]:
    listed = entry.listing(at_least=2)
    arms = marked.distinct(listed, "arm", "name", _arm)
    for arm, given in zip(arms.values(), listed, strict=True):
        if arm.placebo_of is None:
            continue
        others = [name for name in arms if name != arm.name]
        if arm.placebo_of not in others:
            line = given.value["placebo_of"]
            raise line.error(f"placebo_of '{arm.placebo_of}' is no other arm; {suggest(arm.placebo_of, others)}")
    return tuple(arms.values())


def _arm(entry: Entry) -> Arm:
    given = entry.mapping(("name",), ("statement", "agent", "placebo_of"))
    texts = {key: given[key].string(template=True) for key in ("statement", "agent") if key in given}
    placebo_of = marked.one_line(given["placebo_of"]) if "placebo_of" in given else None
    return Arm(marked.one_line(given["name"]), placebo_of=placebo_of, **texts)


def _control(entry: Entry, arms: tuple[Arm, ...]) -> str:
    control, names = marked.one_line(entry), [arm.name for arm in arms]
    if control not in names:
        raise entry.error(f"control '{control}' is not an arm; {suggest(control, names)}")
    return control


def _items(entry: Entry) -> tuple[Item, ...]:
    def item(given: Entry) -> Item:
        fields = given.mapping(("id", "title"))
        return Item(marked.identifier(fields["id"]), marked.one_line(fields["title"]))

    return tuple(marked.distinct(entry.listing(at_least=1), "item", "id", item).values())


def _base(entry: Entry, questions: Mapping[str, ClosedQuestion]) -> dict[str, str]:
    """Read base attributes: a list of names, or a mapping of names to what the prompts call them."""
    if isinstance(entry.value, dict):
        named = dict(entry.value)
        labels = {key: marked.one_line(label) for key, label in named.items()}
    else:
        named = marked.distinct(entry.listing(), "base attribute", None, lambda given: given)
        names = map(marked.identifier, named.values())
        labels = {name: name.replace("_", " ").capitalize() for name in names}
    for name, given in named.items():
        if name in questions and questions[name].role == "confounder":
            raise given.error(f"base attribute '{name}' is a confounder too; every persona has it already, keep one")
    return labels


def _iterations(top: Mapping[str, Entry], n_batches: int) -> int:
    iterations = _whole(top, "iterations", n_batches + 1)
    check_iterations(iterations, n_batches, top["iterations"].error if "iterations" in top else InputError)
    return iterations


def _persona_source(entry: Entry, base: tuple[str, ...], folder: Path) -> PersonaSource:
    given = entry.mapping(("from",), ("count", "path", "people"))
    kind = marked.one_line(given["from"])
    if kind not in SOURCES:
        raise given["from"].error(f"unknown source of personas '{kind}'; {suggest(kind, SOURCES)}")
    _only_with(given, "path", kind in OWN_DATA, kind)
    _only_with(given, "people", kind == "inline", kind)
    if kind == "us_adults" and not set(base) <= {"age", "sex"}:
        raise given["from"].error(
            f"us_adults has the base attributes age and sex, but `base` asks for {', '.join(base)}; "
            "make the others confounders, or bring personas of your own (`from: file`)"
        )
    people = (
        marked.distinct(given["people"].listing(at_least=1), "persona", "id", lambda one: _person(one, base))
        if (kind == "inline")
        else {}
    )
    count = _whole(given, "count", len(people) or 100)
    if people and count > len(people):
        raise given["count"].error(f"count is {count}, but there are {len(people)} `people`")
    path = folder / given["path"].string() if kind in OWN_DATA else None
    return PersonaSource(kind, count, path, tuple(people.values()))


def _only_with(given: Mapping[str, Entry], key: str, wanted: bool, kind: str) -> None:
    if wanted and key not in given:
        raise given["from"].error(f"personas from {kind} need `{key}`; add it")
    if key in given and not wanted:
        raise given[key].error(f"personas from {kind} take no `{key}`; take it out")


def _person(entry: Entry, base: tuple[str, ...]) -> Persona:
    given = entry.mapping(("id", *(("attributes",) if base else ())), ("attributes", "text"))
    attributes = given["attributes"].mapping(base) if "attributes" in given else {}
    text = given["text"].string() if "text" in given else ""
    return Persona(marked.identifier(given["id"]), {name: marked.one_line(attributes[name]) for name in base}, text)


def _settings(entry: Entry | None) -> dict[str, Any]:
    return {} if entry is None else {key: value.plain() for key, value in entry.mapping(optional=None).items()}


def _prompt_entries(top: Mapping[str, Entry]) -> dict[str, Entry]:
    return top["prompts"].mapping(("persona", "question"), prompts.VARIABLES)


def _check_intervention(study: Study, top: Mapping[str, Entry]) -> None:
    """Check that arms, turns and prompts go together."""
    wanted, other = ("agent", "statement") if study.turns else ("statement", "agent")
    kind = f"a dialogue (turns: {study.turns})" if study.turns else "a survey (no `turns`)"
    for arm in top["arms"].value:
        if other in arm.value:
            raise arm.value[other].error(f"{kind} has no `{other}` in its arms; take it out, or change `turns`")
        if study.turns and wanted not in arm.value:
            raise arm.error("an arm of a dialogue needs `agent`: what the agent is told to do")
    if not any(wanted in arm.value for arm in top["arms"].value):
        raise top["arms"].error("no arm has a `statement`: the arms would be the same. Add one, or ask for `turns`")
    for prompt in ("agent", "opening") if study.turns else ("statement",):
        if prompt not in study.prompts:
            raise top["prompts"].error(f"{kind} needs a template `{prompt}` in `prompts`; add it")


def _check_prompts(study: Study, top: Mapping[str, Entry]) -> None:
    """Compile every template and fill it in once, so that a mistake is found before the run, with its line."""
    entries = _prompt_entries(top)
    for name, entry in entries.items():
        _located(entry, lambda name=name: prompts.check_prompt(study, name))  # type: ignore[misc]
    for arm, entry in zip(study.arms, top["arms"].value, strict=True):
        for key in ("statement", "agent"):
            if key in entry.value:
                _located(entry.value[key], lambda arm=arm, key=key: prompts.check_arm(study, arm, key))  # type: ignore[misc]


def _located(entry: Entry, check: Callable[[], None]) -> None:
    try:
        check()
    except TemplateFault as fault:
        raise entry.error(f"template `{entry.where}`: {fault}", line=entry.first_line + fault.line - 1) from fault


def _whole(given: Mapping[str, Entry], key: str, default: int, *, at_least: int = 1) -> int:
    return given[key].whole(at_least=at_least) if key in given else default
