"""What the journal of a run holds, read back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confound import shape
from confound.errors import ConfoundError
from simulate.parsing.cleaning import sound
from simulate.run.block import QuestionAnswers
from simulate.run.settings import check_header
from simulate.study.profile import Adoption

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulate.run.block import Block
    from simulate.run.journal import Journal, Record
    from simulate.run.requests import Dialogues
    from simulate.study.profile import ProfileKey


@dataclass(slots=True)
class Recorded:
    """What the journal of a run holds.

    Attributes
    ----------
    header : dict or None
        Settings of the run; None in an empty journal.
    answers : dict
        Key of a profile -> its answers, each with the number of its line in the journal.
    adopted : dict
        Key of a profile -> what was adopted before its iteration.
    dialogues : dict
        Conversation -> its messages so far.
    sessions : list of dict
        The processes that worked on the run: when they began, with which versions.
    calls : int
        Calls made to a model.
    failures : Counter of str
        Reason -> number of failed requests.
    silent : Counter of str
        Reason -> number of empty messages in dialogues.
    unseeded : int
        Answers that were not drawn with the seed of their trial.
    tokens, agent_tokens : list of int
        Tokens read and written: in all, and by the agent of dialogues.
    """

    header: Record | None = None
    answers: dict[ProfileKey, list[tuple[int, QuestionAnswers]]] = field(default_factory=dict)
    adopted: dict[ProfileKey, tuple[Adoption, ...]] = field(default_factory=dict)
    dialogues: Dialogues = field(default_factory=dict)
    sessions: list[Record] = field(default_factory=list)
    calls: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    silent: Counter[str] = field(default_factory=Counter)
    unseeded: int = 0
    tokens: list[int] = field(default_factory=lambda: [0, 0])
    agent_tokens: list[int] = field(default_factory=lambda: [0, 0])

    def take(self, number: int, record: Record) -> None:
        """Take in a line of the journal."""
        kind = shape.text(shape.mapping(record)["kind"])
        if kind == "run":
            check_header(record)
            self.header = record
        elif kind == "session":
            self.sessions.append(_session(record))
        else:
            source = shape.maybe(shape.text)(record["source_arm"])
            key = (shape.text(record["persona"]), shape.whole(record["iteration"]), source)
            if kind == "adopted":
                self.adopted[key] = tuple(map(_adoption, record["adopted"]))
            elif kind == "answers":
                self.answers.setdefault(key, []).extend((number, _question_answers(entry)) for entry in record["cells"])
                self.said(key, record.get("said", ()))
            self.count(record)

    def said(self, key: ProfileKey, turns: Iterable[Sequence[Any]]) -> None:
        """Take in messages of dialogues: arm, trial, number of the turn, text."""
        for arm, trial, number, text in turns:
            before = self.dialogues.get((key, shape.text(arm), shape.whole(trial)), ())
            if len(before) != shape.whole(number):
                raise ValueError(f"turn {number} comes after {len(before)} turns")
            self.dialogues[key, arm, trial] = (*before, sound(shape.text(text)))

    def add(self, other: Recorded) -> None:
        """Take in what the journal of another shard holds."""
        self.answers |= other.answers
        self.adopted |= other.adopted
        self.dialogues |= other.dialogues
        self.sessions += other.sessions
        own = ("calls", "failures", "silent", "unseeded", "tokens", "agent_tokens")
        self.count({name: getattr(other, name) for name in own})

    def answers_held(self) -> int:
        """Return the number of answers in the journal."""
        return sum(len(one.trials) for held in self.answers.values() for _, one in held)

    def count(self, record: Record) -> None:
        """Add the calls, failures and tokens of a line."""
        self.calls += shape.whole(record.get("calls", 0))
        self.unseeded += shape.whole(record.get("unseeded", 0))
        for name, tally in (("failures", self.failures), ("silent", self.silent)):
            tally.update({reason: shape.whole(n) for reason, n in shape.mapping(record.get(name, {})).items()})
        for name, held in (("tokens", self.tokens), ("agent_tokens", self.agent_tokens)):
            for side, tokens in enumerate(record.get(name, ())):
                held[side] += shape.whole(tokens)


def recorded(journal: Journal) -> Recorded:
    """Read a journal.

    Raises
    ------
    ConfoundError
        When it is damaged, or no journal of a run.
    """
    found = Recorded()
    for number, record in journal.records():
        try:
            found.take(number, record)
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise ConfoundError(f"{journal.path}: line {number} is no line of a run's journal ({error!r})") from error
        if found.header is None:
            raise ConfoundError(f"{journal.path}: line {number} comes before the settings of the run")
    return found


def restore(block: Block, found: Recorded, journal: str) -> None:
    """Fill a block with what the journal holds for it."""
    for number, answers in found.answers.get(block.profile.key, []):
        try:
            block.check(answers)
        except ConfoundError as error:
            raise ConfoundError(f"{journal}: line {number}: {error}") from error
        block.fill(answers)


def _question_answers(entry: Sequence[Any]) -> QuestionAnswers:
    arm, question, trials, codes, reasons, texts = shape.listing(entry)
    places, held = (tuple(map(shape.whole, shape.listing(numbers))) for numbers in (trials, codes))
    why, said = ({shape.whole(trial): shape.text(text) for trial, text in pairs} for pairs in (reasons, texts))
    whole = {trial: sound(text) for trial, text in said.items()}
    return QuestionAnswers(shape.text(arm), shape.text(question), places, held, why, whole)


def _adoption(entry: Sequence[Any]) -> Adoption:
    question, value, arm, trial = shape.listing(entry)
    text = shape.maybe(shape.text)
    return Adoption(shape.text(question), text(value), text(arm), shape.maybe(shape.whole)(trial))


def _session(record: Record) -> Record:
    """Return the line of a session, whose prices must be numbers."""
    prices = shape.mapping(record.get("prices") or {})
    for side in ("users", "agent") if prices else ():
        read, written = prices[side]
        shape.number(read), shape.number(written)
    return record
