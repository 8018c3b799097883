"""What a study is: who is simulated, what they are shown, what they are asked, in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confound.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# Sources of personas: those that read a file of the user's own, and all.
OWN_DATA = ("file", "opinionqa", "book_opinions", "movielens")
SOURCES = ("us_adults", "inline", *OWN_DATA)


@dataclass(frozen=True, slots=True)
class ClosedQuestion:
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
    questions : Mapping of str to ClosedQuestion
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
        Sampling settings for the model; a backend refuses those that it does not know.
    structure : Mapping of str to Any or None
        Settings of the structural backend.
    """

    study: str
    title: str
    source: str
    arms: tuple[Arm, ...]
    control: str
    items: tuple[Item, ...]
    questions: Mapping[str, ClosedQuestion]
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

    def asked(self, iteration: int, *, last: bool = False) -> tuple[ClosedQuestion, ...]:
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


def check_iterations(iterations: int, n_batches: int, error: Callable[[str], InputError] = InputError) -> None:
    """Refuse more iterations than there are batches of confounders for."""
    if iterations > n_batches + 1:
        raise error(
            f"{iterations} iterations need {iterations - 1} batches of confounders, but there are {n_batches}; "
            f"ask for {n_batches + 1} or fewer, or add batches"
        )
