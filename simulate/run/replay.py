"""What the journal of a run holds, read back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError
from simulate.run.adjust import Adoption
from simulate.run.block import Cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulate.run.block import Block
    from simulate.run.journal import Journal, Record
    from simulate.run.requests import Dialogues

    Key = tuple[str, int, str | None]


@dataclass(slots=True)
class Recorded:
    """What the journal of a run holds.

    Attributes
    ----------
    header : dict or None
        Settings of the run; None in an empty journal.
    cells : dict
        Key of a profile -> its answers, each with the line that it stands in.
    adopted : dict
        Key of a profile -> what was drawn from its answers.
    dialogues : dict
        Conversation -> its messages so far.
    sessions : list of dict
        When and under which versions the run was worked on.
    calls : int
        Made to a model.
    failures : Counter of str
        Why answers did not come, each time that they were asked for.
    silent : Counter of str
        Why nothing was said where a message of a dialogue was due.
    unseeded : int
        Answers that were not drawn with the seed of their trial.
    tokens, agent_tokens : list of int
        Read and written: in all, and by the agent of dialogues.
    """

    header: Record | None = None
    cells: dict[Key, list[tuple[int, Cell]]] = field(default_factory=dict)
    adopted: dict[Key, tuple[Adoption, ...]] = field(default_factory=dict)
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
        kind = record["kind"]
        if kind == "run":
            self.header = record
        elif kind == "session":
            self.sessions.append(record)
        else:
            key = (record["persona"], record["iteration"], record["source_arm"])
            if kind == "adopted":
                self.adopted[key] = tuple(Adoption(*entry) for entry in record["adopted"])
            elif kind == "answers":
                self.cells.setdefault(key, []).extend((number, _cell(entry)) for entry in record["cells"])
                self.said(key, record.get("said", ()))
            self.count(record)

    def said(self, key: Key, turns: Iterable[Sequence[Any]]) -> None:
        """Take in messages of dialogues: arm, trial, number of the turn, text."""
        for arm, trial, number, text in turns:
            before = self.dialogues.get((key, arm, trial), ())
            if len(before) != number:
                raise ValueError(f"turn {number} comes after {len(before)} turns")
            self.dialogues[key, arm, trial] = (*before, text)

    def add(self, other: Recorded) -> None:
        """Take in what the journal of another shard holds."""
        self.cells |= other.cells
        self.adopted |= other.adopted
        self.dialogues |= other.dialogues
        self.sessions += other.sessions
        own = ("calls", "failures", "silent", "unseeded", "tokens", "agent_tokens")
        self.count({name: getattr(other, name) for name in own})

    def count(self, record: Record) -> None:
        """Add up the calls of a line."""
        self.calls += record.get("calls", 0)
        self.failures.update(record.get("failures", {}))
        self.silent.update(record.get("silent", {}))
        self.unseeded += record.get("unseeded", 0)
        for name, held in (("tokens", self.tokens), ("agent_tokens", self.agent_tokens)):
            for side, tokens in enumerate(record.get(name, ())):
                held[side] += tokens


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
        except (KeyError, TypeError, ValueError) as error:
            raise ConfoundError(f"{journal.path}: line {number} is no line of such a journal ({error!r})") from error
        if found.header is None:
            raise ConfoundError(f"{journal.path}: line {number} stands before the settings of the run")
    return found


def restore(block: Block, found: Recorded, journal: str) -> None:
    """Fill a block with what the journal holds for it."""
    for number, cell in found.cells.get(block.profile.key, []):
        try:
            block.check(cell)
        except ConfoundError as error:
            raise ConfoundError(f"{journal}: line {number}: {error}") from error
        block.fill(cell)


def _cell(entry: Sequence[Any]) -> Cell:
    arm, question, trials, codes, reasons, texts = entry
    return Cell(arm, question, tuple(trials), tuple(codes), dict(reasons), dict(texts))
