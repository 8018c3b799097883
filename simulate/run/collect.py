"""From requests to answers on disk: ask the backend, write the replies to the journal, and only then count them."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError
from simulate.backends.protocol import Stopped, question_of
from simulate.parsing.answers import parse
from simulate.parsing.cleaning import spoken
from simulate.run.block import UNKNOWN_CODE, Block, QuestionAnswers
from simulate.run.usable import Unusable, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from simulate.backends.limits import Budget
    from simulate.backends.protocol import Backend, Reply, Request
    from simulate.run.journal import Journal, Record
    from simulate.run.replay import Recorded
    from simulate.run.requests import Asking
    from simulate.study.definition import ClosedQuestion
    from simulate.study.profile import Adoption, Profile, ProfileKey

# Longest time that an answer waits to be written while others come in.
FLUSH_SECONDS = 0.5
# Replaces an empty message in a dialogue, which templates and servers refuse.
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
        The models that play the users, and the agent of a dialogue.
    asking : Asking
    journal : Journal
    found : Recorded
        What the journal held at first; new calls are added to it.
    budget : Budget
        One call is taken for each request.
    progress : callable
        Called with the number of answers that have just reached the disk.
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
        self._pending: dict[ProfileKey, Pending] = {}
        self._flushed = time.monotonic()
        self._watch = Watch.of(found, asking.max_tokens) if backend.chats else None
        self.failures: Counter[str] = Counter()

    def fill(self, blocks: Sequence[Block]) -> None:
        """Ask for every missing answer of these blocks. Requests that fail are counted in `failures`.

        Raises
        ------
        Stopped
            When the backend cannot go on; the answers before are on disk.
        Unusable
            When nearly no answer has an option, or nearly no message has text.
        ConfoundError
            When the journal cannot be written, or the backend chose an option that the question does not have.
        """
        try:
            if self._asking.turns:
                self._hold(blocks)
                if self._watch is not None:
                    self._watch.check_messages()
            self._ask(blocks)
            if self._watch is not None:
                self._watch.check_answers()
        except (KeyboardInterrupt, Stopped, Unusable) as error:
            if isinstance(error, Unusable):  # a dialogue is not to go on from silence
                for pending in self._pending.values():
                    pending.said.clear()
            with contextlib.suppress(ConfoundError):
                self._flush()
            raise

    def _ask(self, blocks: Sequence[Block]) -> None:
        by_key = {block.profile.key: block for block in blocks}
        codes = {q.id: {option: c for c, option in enumerate(q.options)} for b in blocks for q in b.questions}
        for reply in self._replies(self._backend, self._asking.questions(blocks, self._found.dialogues)):
            pending = self._of(by_key[reply.request.profile.key])
            if not pending.count(reply):
                question = question_of(reply.request)
                option, reason = _read(reply, question)
                if option is not None and option not in codes[question.id]:
                    raise ConfoundError(f"{self._backend.name} answered {option!r}, no option of '{question.id}'")
                code = UNKNOWN_CODE if option is None else codes[question.id][option]
                if self._watch is not None:
                    self._watch.answer(reason, reply.text)
                answer = (reply.trial, code, reason, reply.text)
                pending.answers.setdefault((reply.request.arm, question.id), []).append(answer)

    def _hold(self, blocks: Sequence[Block]) -> None:
        """Hold the dialogues of all conversations with missing answers, turn by turn."""
        by_key = {block.profile.key: block for block in blocks}
        open_ = [place for block in blocks for place in _open_conversations(block)]
        said = self._found.dialogues
        for number in range(self._asking.turns):
            speaker, agent = (self._backend, False) if number % 2 else (self._agent, True)
            due = [(p, arm, trial) for p, arm, trial in open_ if len(said.get((p.key, arm, trial), ())) == number]
            for reply in self._replies(speaker, self._asking.turn(number, due, said)):
                pending = self._of(by_key[reply.request.profile.key])
                if not pending.count(reply, agent=agent):
                    text, silent = _spoken(reply)
                    if silent is not None:
                        pending.silent[silent] += 1
                    if self._watch is not None:
                        self._watch.message(silent)
                    pending.said.append((reply.request.arm, reply.trial, number, text))

    def _replies(self, backend: Backend, requests: Iterable[Request]) -> Iterator[Reply]:
        """Ask and yield the replies; write them to disk from time to time and at the end."""
        before: Request | None = None
        for reply in backend.answer(itertools.takewhile(lambda _: self._budget.take(), requests)):
            # Only between requests, so that a resumed run asks for all draws of a request together, as before.
            if reply.request is not before and time.monotonic() - self._flushed > FLUSH_SECONDS:
                self._flush()
            before = reply.request
            yield reply
        self._flush()

    def _of(self, block: Block) -> Pending:
        return self._pending.setdefault(block.profile.key, Pending(block))

    def _flush(self) -> None:
        # Emptied before writing, so that a second Ctrl-C does not write them twice.
        waiting, self._pending = list(self._pending.values()), {}
        self._flushed = time.monotonic()
        if not waiting:
            return
        gathered = [[_gathered(place, answers) for place, answers in one.answers.items()] for one in waiting]
        for one, own in zip(waiting, gathered, strict=True):
            for answers in own:
                one.block.check(answers)
        lines = [_line(one, own) for one, own in zip(waiting, gathered, strict=True)]
        self._journal.append(lines)
        for one, own, line in zip(waiting, gathered, lines, strict=True):
            self._found.count(line)
            self._found.said(one.block.profile.key, one.said)
            self.failures.update(one.failures)
            for answers in own:
                one.block.fill(answers)
        self._progress(sum(len(answers.trials) for own in gathered for answers in own))


def _spoken(reply: Reply) -> tuple[str, str | None]:
    """Return a message without thinking, as the other side reads it, and why it is empty if it is."""
    text = spoken(reply.text or "")[0].strip()
    return (text, None) if text else (SILENCE, reply.reason or reply.finish or "empty")


def _read(reply: Reply, question: ClosedQuestion) -> tuple[str | None, str | None]:
    """Return the option that a reply chose, or why there is none."""
    if reply.option is not None or reply.reason is not None:
        return reply.option, reply.reason
    parsed = parse(reply.text, question.options, finish_reason=reply.finish)
    return parsed.option, parsed.reason


def _open_conversations(block: Block) -> list[tuple[Profile, str, int]]:
    missing = {(arm, t) for arm in block.arms for q in block.questions for t in block.missing(arm, q.id)}
    return [(block.profile, arm, t) for arm in block.arms for t in range(1, block.trials + 1) if (arm, t) in missing]


def _gathered(place: tuple[str, str], answers: list[tuple[int, int, str | None, str | None]]) -> QuestionAnswers:
    answers = sorted(answers, key=lambda answer: answer[0])
    return QuestionAnswers(
        *place,
        trials=tuple(answer[0] for answer in answers),
        codes=tuple(answer[1] for answer in answers),
        reasons={trial: reason for trial, _, reason, _ in answers if reason is not None},
        texts={trial: text for trial, _, _, text in answers if text is not None},
    )


def _key(key: ProfileKey) -> Record:
    return dict(zip(("persona", "iteration", "source_arm"), key, strict=True))


def _line(pending: Pending, gathered: Sequence[QuestionAnswers]) -> Record:
    """Return the journal's line for the replies to one profile."""
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
        "cells": [[c.arm, c.question, c.trials, c.codes, _pairs(c.reasons), _pairs(c.texts)] for c in gathered],
    }


def adopted_line(key: ProfileKey, adoptions: Sequence[Adoption]) -> Record:
    """Return the journal's line for what a profile has adopted."""
    entries = [[a.question, a.value, a.source_arm, a.source_trial] for a in adoptions]
    return {"kind": "adopted", **_key(key), "adopted": entries}


def _pairs(entries: Any) -> list[tuple[int, str]]:
    return list(entries.items())
