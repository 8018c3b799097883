"""From requests to answers on disk: ask the backend, journal what comes, and only then count it."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError
from simulate.backends.protocol import Stopped, asked
from simulate.run.block import UNKNOWN, Block, Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from simulate.backends.limits import Budget
    from simulate.backends.protocol import Backend, Reply, Request
    from simulate.run.adjust import Adoption, Profile
    from simulate.run.journal import Journal, Record
    from simulate.run.replay import Key, Recorded
    from simulate.run.requests import Asking
    from simulate.study.definition import Question

# Longest that an answer waits to be written, while others come in.
FLUSH_SECONDS = 0.5
# Stands where a model says nothing in a dialogue: templates and servers refuse empty messages.
SILENCE = "..."


@dataclass(slots=True)
class Pending:
    """Answers of one profile that are not on disk yet."""

    block: Block
    answers: dict[tuple[str, str], list[tuple[int, int, str | None, str | None]]] = field(default_factory=dict)
    said: list[tuple[str, int, int, str]] = field(default_factory=list)
    calls: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    silent: Counter[str] = field(default_factory=Counter)
    unseeded: int = 0
    tokens: list[int] = field(default_factory=lambda: [0, 0])
    agent_tokens: list[int] = field(default_factory=lambda: [0, 0])

    def count(self, reply: Reply, *, agent: bool = False) -> bool:
        """Count a reply; tell whether it is a failure."""
        self.calls += reply.calls
        for held in (self.tokens, self.agent_tokens) if agent else (self.tokens,):
            for side, tokens in enumerate(reply.tokens):
                held[side] += tokens
        if reply.failure is not None:
            self.failures[reply.failure] += 1
        elif not reply.seeded:
            self.unseeded += 1
        return reply.failure is not None


class Collector:
    """Asks, journals and fills blocks.

    Parameters
    ----------
    backend, agent : Backend
        Who answers as the users, and as the agent of a dialogue.
    asking : Asking
    journal : Journal
    found : Recorded
        What the journal held at first; calls are counted on in it.
    budget : Budget
        One call is taken for each request.
    progress : callable
        Told how many answers have just reached the disk.
    """

    def __init__(
        self,
        backend: Backend,
        agent: Backend,
        asking: Asking,
        journal: Journal,
        found: Recorded,
        budget: Budget,
        progress: Callable[[int], None],
    ) -> None:
        self._backend, self._agent, self._asking = backend, agent, asking
        self._journal, self._found, self._budget, self._progress = journal, found, budget, progress
        self._pending: dict[Key, Pending] = {}
        self._flushed = time.monotonic()
        self.failures: Counter[str] = Counter()

    def fill(self, blocks: Sequence[Block]) -> None:
        """Get every answer that these blocks miss; what failed stays missing and is counted in `failures`.

        Raises
        ------
        Stopped
            When the backend cannot go on; what it answered before is on disk.
        ConfoundError
            When the journal cannot be written, or the backend answers what it was not asked.
        """
        try:
            if self._asking.turns:
                self._hold(blocks)
            self._ask(blocks)
        except (KeyboardInterrupt, Stopped):
            with contextlib.suppress(ConfoundError):
                self._flush()
            raise

    def _ask(self, blocks: Sequence[Block]) -> None:
        by_key = {block.profile.key: block for block in blocks}
        codes = {q.id: {option: c for c, option in enumerate(q.options)} for b in blocks for q in b.questions}
        for reply in self._replies(self._backend, self._asking.questions(blocks, self._found.dialogues)):
            pending = self._of(by_key[reply.request.profile.key])
            if not pending.count(reply):
                question = asked(reply.request)
                option, reason = _read(reply, question)
                if option is not None and option not in codes[question.id]:
                    raise ConfoundError(f"{self._backend.name} answered {option!r}, no option of '{question.id}'")
                code = UNKNOWN if option is None else codes[question.id][option]
                answer = (reply.trial, code, reason, reply.text)
                pending.answers.setdefault((reply.request.arm, question.id), []).append(answer)

    def _hold(self, blocks: Sequence[Block]) -> None:
        """Hold the dialogues of the conversations that miss answers, all of them turn by turn."""
        by_key = {block.profile.key: block for block in blocks}
        open_ = [place for block in blocks for place in _open_conversations(block)]
        said = self._found.dialogues
        for number in range(self._asking.turns):
            speaker, agent = (self._backend, False) if number % 2 else (self._agent, True)
            due = [(p, arm, trial) for p, arm, trial in open_ if len(said.get((p.key, arm, trial), ())) == number]
            for reply in self._replies(speaker, self._asking.turn(number, due, said)):
                pending = self._of(by_key[reply.request.profile.key])
                if not pending.count(reply, agent=agent):
                    pending.said.append((reply.request.arm, reply.trial, number, _spoken(reply, pending)))

    def _replies(self, backend: Backend, requests: Iterable[Request]) -> Iterator[Reply]:
        """Ask, pass replies on, and see to it that they reach the disk from time to time and at the end."""
        before: Request | None = None
        for reply in backend.answer(itertools.takewhile(lambda _: self._budget.take(), requests)):
            # Between requests: were half of one's draws on disk, resuming would draw the others with another seed.
            if reply.request is not before and time.monotonic() - self._flushed > FLUSH_SECONDS:
                self._flush()
            before = reply.request
            yield reply
        self._flush()

    def _of(self, block: Block) -> Pending:
        return self._pending.setdefault(block.profile.key, Pending(block))

    def _flush(self) -> None:
        # Given up before they are written: a second Ctrl-C must not write them twice.
        waiting, self._pending = list(self._pending.values()), {}
        self._flushed = time.monotonic()
        if not waiting:
            return
        cells = [[_gathered(place, answers) for place, answers in one.answers.items()] for one in waiting]
        for one, own in zip(waiting, cells, strict=True):
            for cell in own:
                one.block.check(cell)
        lines = [_line(one, own) for one, own in zip(waiting, cells, strict=True)]
        self._journal.append(lines)
        for one, own, line in zip(waiting, cells, lines, strict=True):
            self._found.count(line)
            self._found.said(one.block.profile.key, one.said)
            self.failures.update(one.failures)
            for cell in own:
                one.block.fill(cell)
        self._progress(sum(len(cell.trials) for own in cells for cell in own))


def _spoken(reply: Reply, pending: Pending) -> str:
    """Return a message as the other side hears it, without thinking; count it where nothing was said."""
    from simulate.parsing.cleaning import spoken

    text = spoken(reply.text or "")[0].strip()
    if not text:
        pending.silent[reply.reason or reply.finish or "empty"] += 1
    return text or SILENCE


def _read(reply: Reply, question: Question) -> tuple[str | None, str | None]:
    """Return the option that a reply chose, or why there is none."""
    if reply.option is not None or reply.reason is not None:
        return reply.option, reply.reason
    from simulate.parsing.answers import parse

    parsed = parse(reply.text, question.options, finish_reason=reply.finish)
    return parsed.option, parsed.reason


def _open_conversations(block: Block) -> list[tuple[Profile, str, int]]:
    missing = {(arm, t) for arm in block.arms for q in block.questions for t in block.missing(arm, q.id)}
    return [(block.profile, arm, t) for arm in block.arms for t in range(1, block.trials + 1) if (arm, t) in missing]


def _gathered(place: tuple[str, str], answers: list[tuple[int, int, str | None, str | None]]) -> Cell:
    answers = sorted(answers, key=lambda answer: answer[0])
    return Cell(
        *place,
        trials=tuple(answer[0] for answer in answers),
        codes=tuple(answer[1] for answer in answers),
        reasons={trial: reason for trial, _, reason, _ in answers if reason is not None},
        texts={trial: text for trial, _, _, text in answers if text is not None},
    )


def _key(key: Key) -> Record:
    return dict(zip(("persona", "iteration", "source_arm"), key, strict=True))


def _line(pending: Pending, cells: Sequence[Cell]) -> Record:
    """Return the journal's line for what came in."""
    return {
        "kind": "answers",
        **_key(pending.block.profile.key),
        "calls": pending.calls,
        **({"failures": dict(sorted(pending.failures.items()))} if pending.failures else {}),
        **({"silent": dict(sorted(pending.silent.items()))} if pending.silent else {}),
        **({"unseeded": pending.unseeded} if pending.unseeded else {}),
        **({"tokens": pending.tokens} if any(pending.tokens) else {}),
        **({"agent_tokens": pending.agent_tokens} if any(pending.agent_tokens) else {}),
        **({"said": pending.said} if pending.said else {}),
        "cells": [[c.arm, c.question, c.trials, c.codes, _pairs(c.reasons), _pairs(c.texts)] for c in cells],
    }


def adopted_line(key: Key, adoptions: Sequence[Adoption]) -> Record:
    """Return the journal's line for what was adopted from the answers of one profile."""
    entries = [[a.question, a.value, a.source_arm, a.source_trial] for a in adoptions]
    return {"kind": "adopted", **_key(key), "adopted": entries}


def _pairs(entries: Any) -> list[tuple[int, str]]:
    return list(entries.items())
