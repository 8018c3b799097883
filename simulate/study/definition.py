"""A study as its YAML file tells it: who is simulated, what they are shown, what they are asked, in which order."""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from confound.counts.scales import canonical
from confound.errors import InputError
from simulate.study import marked, prompts
from simulate.study.marked import Entry, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

ROLES = ("outcome", "negative_control", "confounder", "retention")
OWN_DATA = ("file", "opinionqa", "book_opinions", "movielens")
SOURCES = ("us_adults", "inline", *OWN_DATA)
SHIPPED = Path(__file__).parent.parent / "studies"
SEVERAL = 2

_REQUIRED = ("study", "title", "control", "arms", "questions", "prompts", "base", "personas")
_OPTIONAL = ("items", "turns", "trials", "iterations", "confounders", "sampling", "structure")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Question:
    """One closed question, asked in a branch of its own.

    Attributes
    ----------
    id : str
        Identifier, unique in a study.
    role : {"outcome", "negative_control", "confounder", "retention"}
    text : str
        What the simulated user reads; plain text, no template.
    options : tuple of str
        The answers, two or more, in the order shown; from low to high where `ordered`.
    ordered : bool
        Whether the order of `options` means anything.
    values : tuple of float or None
        The number behind each option, in the outcome's own unit; None if there is none.
    """

    id: str
    role: str
    text: str
    options: tuple[str, ...]
    ordered: bool = False
    values: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """A condition of the experiment.

    Attributes
    ----------
    name : str
    statement : str or None
        Template of a statement shown before the question; None if the arm shows none.
    agent : str or None
        Template of what the agent of a dialogue is told to do; None in a study without dialogue.
    placebo_of : str or None
        The arm that this one imitates without its active part; None for a real arm.
    """

    name: str
    statement: str | None = None
    agent: str | None = None
    placebo_of: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """What a conversation is about: a book, a movie.

    Attributes
    ----------
    id : str
        Written into column `item` of the response table.
    title : str
        As the templates print it.
    """

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Persona:
    """A simulated user as specified before any adjustment.

    Attributes
    ----------
    id : str
    attributes : Mapping of str to str
        Name -> value of the base attributes.
    text : str
        Free text about the person, empty if there is none.
    """

    id: str
    attributes: Mapping[str, str]
    text: str = ""


@dataclass(frozen=True, slots=True)
class PersonaSource:
    """Where personas come from.

    Attributes
    ----------
    kind : str
        One of `SOURCES`.
    count : int
        How many the study asks for by default, 1 or more.
    path : Path or None
        File or folder of the user's own data; None for `us_adults` and `inline`.
    inline : tuple of Persona
        The personas of an `inline` source.
    """

    kind: str
    count: int
    path: Path | None = None
    inline: tuple[Persona, ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """A checked study.

    Attributes
    ----------
    study : str
        Its name, as in column `study`.
    title : str
    source : str
        The file it was read from.
    arms : tuple of Arm
        Two or more.
    control : str
        Name of the control arm.
    items : tuple of Item
        Trial r (counted from 0) of every arm discusses `items[r % len(items)]`; empty if there is nothing to rotate.
    questions : Mapping of str to Question
        By id, in the file's order.
    base : tuple of str
        Names of the attributes that every persona has from the start.
    labels : Mapping of str to str
        Name of a base attribute -> how the templates print it.
    batches : tuple of tuple of str
        Ids of confounders; iteration k >= 1 runs with those of the first k batches specified.
    targeted_from : int or None
        Index into `batches` of the first targeted one, so that iteration `targeted_from + 1` is the first to run with
        targeted confounders; None if none is targeted.
    prompts : Mapping of str to str
        Name -> Jinja template, see `simulate.study.prompts`.
    turns : int
        Turns of the dialogue, each one message of the agent and one of the user; 0: a survey, without dialogue.
    trials : int
        Conversations of each persona in each arm, by default.
    iterations : int
        Iterations by default, iteration 0 (before adjustment) included: at most `len(batches) + 1`.
    personas : PersonaSource
    sampling : Mapping of str to Any
        Sampling settings for the model; what a backend does not know it refuses.
    text_hash : str
        SHA-256 of the file's bytes, in hexadecimal.
    structure : Mapping of str to Any or None
        Settings of the structural backend.
    """

    study: str
    title: str
    source: str
    arms: tuple[Arm, ...]
    control: str
    items: tuple[Item, ...]
    questions: Mapping[str, Question]
    base: tuple[str, ...]
    labels: Mapping[str, str]
    batches: tuple[tuple[str, ...], ...]
    targeted_from: int | None
    prompts: Mapping[str, str]
    turns: int
    trials: int
    iterations: int
    personas: PersonaSource
    sampling: Mapping[str, Any] = field(default_factory=dict)
    text_hash: str = ""
    structure: Mapping[str, Any] | None = None

    def arm(self, name: str) -> Arm:
        """Return the arm of that name; `KeyError` if there is none."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise KeyError(name)

    def item(self, trial: int) -> Item | None:
        """Return what trial `trial`, counted from 0, discusses in every arm; None without items."""
        return self.items[trial % len(self.items)] if self.items else None

    def asked(self, iteration: int, *, last: bool = False) -> tuple[Question, ...]:
        """Return the questions of an iteration: outcomes, negative controls and the batch that the next one adds.

        Parameters
        ----------
        iteration : int
            0 or more.
        last : bool
            Whether no iteration follows, so that no confounder need be asked.
        """
        fixed = tuple(q for q in self.questions.values() if q.role in ("outcome", "negative_control"))
        batch = () if last or iteration >= len(self.batches) else self.batches[iteration]
        return fixed + tuple(self.questions[name] for name in batch)


def load_study(name_or_path: str | Path) -> Study:
    """Read and check a study.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a shipped study, or path of a study file.

    Raises
    ------
    InputError
        With file, line and mend, for the first thing in the file that is wrong.
    """
    path = find_study(name_or_path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    return _study(marked.read(content, str(path)), path.parent, hashlib.sha256(content).hexdigest())


def find_study(name_or_path: str | Path) -> Path:
    """Return the file of a study given by name or path.

    Raises
    ------
    InputError
        When there is neither a shipped study of that name nor such a file.
    """
    path, names = Path(name_or_path), shipped_names()
    if str(name_or_path) in names:
        return SHIPPED / f"{name_or_path}.yaml"
    if path.is_file():
        return path
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the study file in it")
    if path.suffix or len(path.parts) > 1:
        raise InputError(f"{path}: no such file; `confound simulate --list` names the studies that come with confound")
    raise InputError(
        f"no study '{name_or_path}' comes with confound: {suggest(str(name_or_path), names)} "
        "A study of your own is given by the path of its file"
    )


def shipped_names() -> tuple[str, ...]:
    """Return the names of the studies that come with confound, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def list_studies() -> tuple[tuple[str, str], ...]:
    """Return name and title of each study that comes with confound."""
    return tuple((name, load_study(name).title) for name in shipped_names())


def study_text(name_or_path: str | Path) -> str:
    """Return the text of a study file, to be shown or copied."""
    study = load_study(name_or_path)
    return Path(study.source).read_text(encoding="utf-8-sig")


def _study(root: Entry, folder: Path, text_hash: str) -> Study:
    top = root.mapping(_REQUIRED, _OPTIONAL)
    arms = _arms(top["arms"])
    questions = _questions(top["questions"])
    labels = _base(top["base"], questions)
    batches, targeted_from = _batches(root, top.get("confounders"), questions)
    study = Study(
        study=_identifier(top["study"]),
        title=_line(top["title"]),
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
        text_hash=text_hash,
        structure=_settings(top["structure"]) if "structure" in top else None,
    )
    _check_intervention(study, top)
    _check_prompts(study, top)
    return study


def _arms(entry: Entry) -> tuple[Arm, ...]:
    listed = entry.listing(at_least=SEVERAL)
    arms = _distinct(listed, "arm", "name", _arm)
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
    placebo_of = _line(given["placebo_of"]) if "placebo_of" in given else None
    return Arm(_line(given["name"]), placebo_of=placebo_of, **texts)


def _control(entry: Entry, arms: tuple[Arm, ...]) -> str:
    control, names = _line(entry), [arm.name for arm in arms]
    if control not in names:
        raise entry.error(f"control '{control}' is not an arm; {suggest(control, names)}")
    return control


def _items(entry: Entry) -> tuple[Item, ...]:
    def item(given: Entry) -> Item:
        fields = given.mapping(("id", "title"))
        return Item(_identifier(fields["id"]), _line(fields["title"]))

    return tuple(_distinct(entry.listing(at_least=1), "item", "id", item).values())


def _questions(entry: Entry) -> dict[str, Question]:
    questions = _distinct(entry.listing(at_least=1), "question", "id", _question)
    if not any(question.role in ("outcome", "negative_control") for question in questions.values()):
        raise entry.error("no question is an outcome or a negative control; give one `role: outcome`")
    return questions


def _question(entry: Entry) -> Question:
    given = entry.mapping(("id", "role", "text", "options"), ("ordered", "values", "label"))
    role = _line(given["role"])
    if "label" in given:
        _line(given["label"])  # for the tables of an analysis; the simulator has no use for it
    if role not in ROLES:
        raise given["role"].error(f"unknown role '{role}'; {suggest(role, ROLES)}")
    options = _options(given["options"])
    values = _values(given["values"], options) if "values" in given else None
    ordered = given["ordered"].flag() if "ordered" in given else values is not None
    if values is not None and not ordered:
        raise given["ordered"].error("options with `values` are ordered; take out `ordered: false`, or the values")
    return Question(_identifier(given["id"]), role, given["text"].string(), options, ordered, values)


def _options(entry: Entry) -> tuple[str, ...]:
    listed = entry.listing(at_least=SEVERAL)
    if len(listed) > prompts.MAX_OPTIONS:
        raise entry.error(f"{len(listed)} options; at most {prompts.MAX_OPTIONS} have a letter. Join some")
    first: dict[str, Entry] = {}
    for option in listed:
        text = _line(option)
        same = canonical(text)
        if same is None:
            raise option.error(f"option '{text}' would be read as a missing answer; word it otherwise")
        if same.casefold() in first:
            raise option.error(f"option '{text}' stands twice, first on line {first[same.casefold()].line}; keep one")
        first[same.casefold()] = option
    return tuple(_line(option) for option in listed)


def _values(entry: Entry, options: tuple[str, ...]) -> tuple[float, ...]:
    values = tuple(value.number() for value in entry.listing())
    if len(values) != len(options):
        raise entry.error(f"{len(values)} values for {len(options)} options; give one number for each option")
    if any(low >= high for low, high in itertools.pairwise(values)):
        raise entry.error("values must rise from the first option to the last; put the options in that order")
    return values


def _base(entry: Entry, questions: Mapping[str, Question]) -> dict[str, str]:
    """Read base attributes: a list of names, or a mapping of names to what the prompts call them."""
    if isinstance(entry.value, dict):
        named = dict(entry.value)
        labels = {key: _line(label) for key, label in named.items()}
    else:
        named = _distinct(entry.listing(), "base attribute", None, lambda given: given)
        labels = {_identifier(given): _identifier(given).replace("_", " ").capitalize() for given in named.values()}
    for name, given in named.items():
        if name in questions and questions[name].role == "confounder":
            raise given.error(f"base attribute '{name}' is a confounder too; every persona has it already, keep one")
    return labels


def _batches(
    root: Entry, entry: Entry | None, questions: Mapping[str, Question]
) -> tuple[tuple[tuple[str, ...], ...], int | None]:
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


def _batch(entry: Entry, questions: Mapping[str, Question], placed: dict[str, int]) -> tuple[str, ...]:
    names = []
    for given in entry.listing(at_least=1):
        name = _line(given)
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


def _iterations(top: Mapping[str, Entry], n_batches: int) -> int:
    iterations = _whole(top, "iterations", n_batches + 1)
    check_iterations(iterations, n_batches, top["iterations"].error if "iterations" in top else InputError)
    return iterations


def check_iterations(iterations: int, n_batches: int, error: Callable[[str], InputError] = InputError) -> None:
    """Refuse more iterations than there are batches of confounders for."""
    if iterations > n_batches + 1:
        raise error(
            f"{iterations} iterations need {iterations - 1} batches of confounders, but there are {n_batches}; "
            f"ask for {n_batches + 1} or fewer, or add batches"
        )


def _persona_source(entry: Entry, base: tuple[str, ...], folder: Path) -> PersonaSource:
    given = entry.mapping(("from",), ("count", "path", "people"))
    kind = _line(given["from"])
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
        _distinct(given["people"].listing(at_least=1), "persona", "id", lambda one: _person(one, base))
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
    return Persona(_identifier(given["id"]), {name: _line(attributes[name]) for name in base}, text)


def _settings(entry: Entry | None) -> dict[str, Any]:
    return {} if entry is None else {key: value.plain() for key, value in entry.mapping(optional=None).items()}


def _prompt_entries(top: Mapping[str, Entry]) -> dict[str, Entry]:
    return top["prompts"].mapping(("persona", "question"), prompts.VARIABLES)


def _check_intervention(study: Study, top: Mapping[str, Entry]) -> None:
    """Hold the arms, the turns and the prompts against each other."""
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
    """Compile every template and fill it in once, so that a fault is told with its line and not in the run."""
    entries = _prompt_entries(top)
    for name, entry in entries.items():
        _tell(entry, lambda name=name: prompts.check_prompt(study, name))  # type: ignore[misc]
    for arm, entry in zip(study.arms, top["arms"].value, strict=True):
        for key in ("statement", "agent"):
            if key in entry.value:
                _tell(entry.value[key], lambda arm=arm, key=key: prompts.check_arm(study, arm, key))  # type: ignore[misc]


def _tell(entry: Entry, check: Callable[[], None]) -> None:
    try:
        check()
    except prompts.TemplateFault as fault:
        raise entry.error(f"template `{entry.where}`: {fault}", line=entry.first_line + fault.line - 1) from fault


def _distinct(listed: Iterable[Entry], what: str, key: str | None, read: Callable[[Entry], T]) -> dict[str, T]:
    """Read entries of a list into a mapping by their `key` (None: the entry itself), none of which may stand twice."""
    read_ones: dict[str, T] = {}
    lines: dict[str, int] = {}
    for entry in listed:
        one = read(entry)
        name_entry = entry.value[key] if key else entry
        name = _line(name_entry)
        if name in read_ones:
            raise name_entry.error(f"{what} '{name}' stands twice, first on line {lines[name]}; rename or remove one")
        read_ones[name], lines[name] = one, name_entry.line
    return read_ones


def _whole(given: Mapping[str, Entry], key: str, default: int, *, at_least: int = 1) -> int:
    return given[key].whole(at_least=at_least) if key in given else default


def _identifier(entry: Entry) -> str:
    name = _line(entry)
    if not _IDENTIFIER.fullmatch(name):
        raise entry.error(f"'{name}' is no identifier; use letters, digits, _, - and . only")
    return name


def _line(entry: Entry) -> str:
    text = entry.string()
    if not text.isprintable():
        raise entry.error(f"{text!r} must be one line of printable text")
    return text
