"""Which of a log's own columns is which column of the response table: what the user says, and what follows from it."""

import fnmatch
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from confound.errors import InputError, UnsaidError
from confound.text import typed

REQUIRED = ("persona", "arm", "question", "response")
DEFAULTS = {"study": "study", "model": "model", "iteration": "0"}
OPTIONAL = (*DEFAULTS, "role", "trial", "value", "seed", "source_arm", "specified", "item", "weight")
COLUMNS = (*REQUIRED, *OPTIONAL)
# Those that an option of their name names; so does `arm`, which several columns may make.
NAMED = ("persona", "question", "response", "trial", "item", "model", "study", "iteration", "weight")
SHOWN = 20  # columns that a message lists
SHOWN_TEXT = 40

PROBABILITY = re.compile(r"(?:p|prob|probability)[_.](?P<answer>.+)", re.IGNORECASE)

# What people call these columns; only proposed in messages, never taken without the user's word.
USUAL_NAMES = {
    "persona": (
        *("persona", "persona_id", "agent_id", "agent", "agent_name", "respondent_id", "respondent", "participant_id"),
        *("participant", "participant.code", "user_id", "user", "subject_id", "subject", "responseid", "id"),
    ),
    "arm": ("arm", "condition", "treatment", "treated", "group", "variant", "cell", "experiment", "version", "model"),
    "question": ("question", "question_id", "q", "question_name", "variable", "qid", "item", "metric", "measure"),
    "response": ("response", "answer", "value", "pred", "choice", "output", "completion", "label", "score", "a"),
    "trial": ("trial", "rep", "repetition", "replicate", "run", "sample", "epoch"),
}


@dataclass(frozen=True, slots=True)
class Placed:
    """One source's columns in their places.

    Attributes
    ----------
    own : dict
        Column of the response table -> the source's own columns that make it; several only for `arm`. None for
        `persona` where nothing says who answered: all answers are of one.
    questions : tuple of str
        Columns that hold the answers to one question each (a wide table); empty if `question` is a column.
    chances : tuple of str
        Columns that hold the probability of one answer each; empty if the log holds answers.
    """

    own: Mapping[str, tuple[str, ...]]
    questions: tuple[str, ...] = ()
    chances: tuple[str, ...] = ()

    @property
    def needed(self) -> list[str]:
        """The source's own columns that are read, each once."""
        own = (name for names in self.own.values() for name in names)
        return list(dict.fromkeys([*own, *self.questions, *self.chances]))


@dataclass(frozen=True)
class Layout:
    """How a log is laid out, under the keywords of `confound.analyze`, which describes each.

    A column that the user names for one thing is read as nothing else: after ``--rename iteration=trial`` there is no
    `iteration`.

    Raises
    ------
    InputError
        Where an option names no column of the response table, or two columns would become one.
    """

    table: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    persona: str | None = None
    arm: Sequence[str] = ()
    question: str | None = None
    response: str | None = None
    trial: str | None = None
    item: str | None = None
    model: str | None = None
    study: str | None = None
    iteration: str | None = None
    weight: str | None = None
    format: str | None = None
    levels: Sequence[str] = ()
    custom_id: str | None = None
    cluster: str | None = None
    outcome: Sequence[str] = ()
    negative_control: Sequence[str] = ()
    confounder: Sequence[str] = ()

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Self:
        """Make the layout from keywords of a function; those that are no field of `Layout` are passed over."""
        given = {each.name: keywords[each.name] for each in fields(cls) if keywords.get(each.name) is not None}
        return cls(**given)

    def listed(self) -> dict[str, Any]:
        """Return what is saved in `analysis.json`; the roles are listed with the other options."""
        shared = {"outcome", "negative_control", "confounder"}
        found = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in shared}
        return found | {"rename": dict(self.rename), "arm": list(self.arm), "levels": list(self.levels)}

    def __post_init__(self) -> None:
        for name in ("outcome", "negative_control", "confounder"):
            if isinstance(one := getattr(self, name), str):
                object.__setattr__(self, name, (one,))
        arm = [self.arm] if isinstance(self.arm, str) else self.arm
        object.__setattr__(self, "arm", tuple(name for entry in arm for name in entry.split(",")))
        levels = [self.levels] if isinstance(self.levels, str) else self.levels
        object.__setattr__(self, "levels", tuple(name.strip() for entry in levels for name in entry.split(",")))
        self._said  # noqa: B018 -- what contradicts itself is refused now

    @property
    def _said(self) -> dict[str, tuple[str, ...]]:
        """Column of the response table -> the log's own columns that the user names for it."""
        found: dict[str, tuple[str, ...]] = {}
        for old, new in self.rename.items():
            if new not in COLUMNS:
                raise InputError(f"--rename {old}={new}: there is no column '{new}'. Known are {', '.join(COLUMNS)}")
            if new in found:
                raise InputError(f"--rename: two columns would become '{new}'. Keep one")
            found[new] = (old,)
        by_name = {name: (held,) for name in NAMED if (held := getattr(self, name)) is not None}
        for new, own in (*by_name.items(), *([("arm", tuple(self.arm))] if self.arm else [])):
            if found.get(new, own) != own:
                raise InputError(f"--{new} {','.join(own)} and --rename {found[new][0]}={new} contradict. Keep one")
            found[new] = own
        if self.cluster is not None:  # it takes the place of the persona
            found["persona"] = (self.cluster,)
        return found

    @property
    def taken(self) -> tuple[str, ...]:
        """The log's own columns that the user names for something."""
        return tuple(name for own in self._said.values() for name in own)

    @property
    def says_iteration(self) -> bool:
        """Whether the user says which column is the iteration of adjustment."""
        return "iteration" in self._said

    @property
    def _patterns(self) -> tuple[str, ...]:
        return (*self.outcome, *self.negative_control, *self.confounder)

    @property
    def names(self) -> list[str]:
        """The columns that may be needed whatever the log holds: those that the user names and the usual ones."""
        return list(dict.fromkeys([*(name for own in self._said.values() for name in own), *COLUMNS]))

    def placed(
        self, columns: Sequence[str], sure: Mapping[str, str] | None = None, questions: Sequence[str] = ()
    ) -> Placed:
        """Put the columns of one source in their places.

        Parameters
        ----------
        columns : sequence of str
            The source's own.
        sure : mapping, optional
            Column of the response table -> the source's own, as its format says; the user's word comes before it.
        questions : sequence of str
            Columns that the format knows to hold one question each.
        """
        said = self._said
        taken = set(self.taken)
        own = {new: names for new, names in said.items() if any(name in columns for name in names)}
        for new in COLUMNS:
            known = (sure or {}).get(new, new)
            if new not in (*said, "weight") and known in columns and known not in taken:
                own[new] = (known,)
        if "persona" not in own and "persona" not in said and "arm" in own and not _usual("persona", columns):
            own["persona"] = ()  # one model answered everything
        chances = tuple(name for name in columns if PROBABILITY.match(name) and name not in taken)
        if len(chances) > 1 and "response" not in own and not questions:
            return Placed(own, (), chances)
        asked = [name for name in columns if name in self._patterns and name not in taken]
        if ("question" in own and "response" in own) or "question" in said or ("question" in own and not asked):
            return Placed(own)
        own.pop("question", None)
        return Placed(*_wide(own, columns, self._patterns, questions))

    def check(self, name: str, columns: Sequence[str], placed: Placed, said: Sequence[str] = ()) -> None:
        """Refuse a source that lacks a needed column; the message ends with what would work, and how it was read.

        Raises
        ------
        InputError
            Where a column that the user names or that is required is missing.
        """
        options = {**{("arm", own): f"--arm {own}" for own in self.arm}}
        options |= {(new, getattr(self, new)): f"--{new} {getattr(self, new)}" for new in NAMED if getattr(self, new)}
        options |= {(new, old): f"--rename {old}={new}" for old, new in self.rename.items()}
        if self.cluster is not None:
            options = {key: text for key, text in options.items() if key[0] != "persona"}
            options["persona", self.cluster] = f"--cluster {self.cluster}"
        for (_, own), text in options.items():
            if own not in columns:
                raise InputError(f"{name}: {text}: column '{own}' is missing; {listed(columns)}")
        missing = [new for new in REQUIRED if new not in placed.own and not (new != "arm" and _given(new, placed))]
        if missing:
            proposed = proposal(columns, self)
            lacking = self._lacking(name, columns, missing, options, proposed)
            raise UnsaidError(" ".join([f"{name}: {lacking}", *said]), proposed)

    def _lacking(
        self,
        name: str,
        columns: Sequence[str],
        missing: Sequence[str],
        options: Mapping[Any, str],
        proposed: Sequence[tuple[str, str]],
    ) -> str:
        quoted = " and ".join(f"'{column}'" for column in missing)
        lacking = f"column{'s' if len(missing) > 1 else ''} {quoted} {'are' if len(missing) > 1 else 'is'} missing"
        found = listed(columns)
        if not proposed:
            return f"{lacking}; {found}. Say which column is which: " + ", ".join(f"--{new} COLUMN" for new in missing)
        words = [shlex.quote(name), *options.values(), typed(proposed)]
        return f"{lacking}; {found}. Try: confound check {' '.join(words)}"


def _usual(new: str, columns: Sequence[str], taken: Iterable[str] = ()) -> str:
    """Return the column that is called as people call a column of the response table; empty if there is none."""
    by_name = {name.casefold(): name for name in columns if name not in taken}
    return next((by_name[wanted] for wanted in USUAL_NAMES[new] if wanted in by_name), "")


def _given(new: str, placed: Placed) -> bool:
    """Tell whether a wide table has something in the place of a column."""
    return bool(placed.questions or placed.chances) and new in ("question", "response")


def _wide(
    own: dict[str, tuple[str, ...]], columns: Sequence[str], patterns: Sequence[str], questions: Sequence[str]
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Find the columns that are questions: those that the options name, those of the format, or the only answer."""
    used = {name for names in own.values() for name in names}
    free = [name for name in columns if name not in used]
    named = [name for name in free if any(name == p or fnmatch.fnmatchcase(name, p) for p in patterns)]
    rest = {new: names for new, names in own.items() if new != "response"}
    if not named and "response" in own:  # one question, called as its column is
        return rest, own["response"]
    found = tuple(named) or tuple(name for name in questions if name in free)
    return {new: names for new, names in rest.items() if new != "value"} if found else own, found


def listed(columns: Sequence[str]) -> str:
    """Name a source's first columns for a message."""
    names = [column[:SHOWN_TEXT] for column in columns[:SHOWN]]
    return f"found {', '.join(names)}{', ...' if len(columns) > SHOWN else ''}"


# What a treatment of simulated users can hardly change, by words in a question's name; only ever proposed.
_FACTS = re.compile(
    r"party|ideolog|gender|\bsex\b|race|ethnic|\bage\b|birth|education|degree|income|religio|region|state|country|"
    r"marital|married|children|occupation|employ|citizen|politic|vote|read_10y|familiar",
    re.IGNORECASE,
)
MOST_PROPOSED = {"outcome": 3, "negative_control": 6}


def roles_by_name(names: Sequence[str]) -> list[tuple[str, str]]:
    """Guess roles from the names of questions: facts about a person are negative controls.

    >>> roles_by_name(["likely", "party", "age"])
    [('outcome', 'likely'), ('negative_control', 'party'), ('negative_control', 'age')]
    """
    facts = [name for name in names if _FACTS.search(name.replace("_", " ")) or _FACTS.search(name)]
    by_role = {"outcome": [name for name in names if name not in facts], "negative_control": facts}
    return [(role, name) for role, held in by_role.items() for name in held[: MOST_PROPOSED[role]]]


def proposal(columns: Sequence[str], layout: Layout) -> list[tuple[str, str]]:
    """Return the options that would make a response table of these columns, as far as names tell; empty if they do not.

    >>> typed(proposal(["respondent_id", "variant", "question_id", "pred"], Layout()))
    '--persona respondent_id --arm variant --question question_id --response pred'
    >>> proposal(["StartDate", "x"], Layout())
    []
    """
    placed = layout.placed(columns)
    taken = {name for new in (*REQUIRED, "trial") for name in placed.own.get(new, ())}
    options: dict[str, str] = {}
    for new in USUAL_NAMES:
        own = "" if new in placed.own else _usual(new, columns, taken)
        if own:
            options[new] = own
            taken.add(own)
    if not {"persona", "arm"} <= {*options, *placed.own}:
        return []
    if {"question", "response"} <= {*options, *placed.own} or placed.questions:
        return list(options.items())
    for new in ("question", "response"):  # without one of them the table is wide
        taken.discard(options.pop(new, ""))
    free = [name for name in columns if name not in taken and not _is_metadata(name)]  # the questions, it seems
    return [*options.items(), *roles_by_name(free)] if free else []


def _is_metadata(name: str) -> bool:
    words = ("date", "time", "duration", "status", "progress", "seed", "token", "cost", "prompt", "address", "path")
    return not name or any(word in name.casefold() for word in words)


def unused(columns: Iterable[str], placed: Placed) -> Iterator[str]:
    """Yield the columns of a source that nothing reads."""
    read = set(placed.needed)
    return (name for name in columns if name and name not in read)
