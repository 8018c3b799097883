"""Whether what a model says can be used at all: a run of Unknown answers or empty messages stops and says why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confound.errors import ConfoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulate.run.block import Block
    from simulate.run.replay import Recorded

# A run stops early where so many came and so large a share of them cannot be used; at the end of an iteration the
# share decides alone.
ENOUGH_ANSWERS, ENOUGH_MESSAGES = 200, 30
USELESS = 0.95
# The end of a run tells of Unknown answers and empty messages from this share on.
WORTH_A_WORD = 0.02
SHOWN = 120

_THINKS = (
    "The model used up its tokens before it answered. If it thinks, raise --max-tokens ({limit}), or switch it off: "
    "`sampling: {{chat_template_kwargs: {{enable_thinking: false}}}}` or `{{reasoning_effort: low}}` in the study file"
)
_EMPTY = (
    "The server returns no text. Send one request by hand; often the chat template or the server's reasoning parser is "
    "not the model's"
)
_ADVICE = {
    "truncated": _THINKS,
    "length": _THINKS,
    "max_tokens": _THINKS,
    "empty": _EMPTY,
    "stop": _EMPTY,
    "refused": "The model declines to answer. Word the prompt `persona` otherwise, or choose another model",
    "ambiguous": "No answer names one option. Ask for the letter alone in the prompt `question`, or use --choice",
    "blocked": "A filter stops the prompts or the answers. Change the provider's settings, or choose another model",
}


class Unusable(ConfoundError):  # noqa: N818 -- it is the run that is unusable
    """A run whose answers or messages are nearly all of no use."""


@dataclass(slots=True)
class Watch:
    """Counts what can be used and what cannot, and stops a run that is of no use.

    Attributes
    ----------
    max_tokens : int or None
        Limit of an answer's tokens, for the message.
    answers, messages : int
        Answers to questions, and messages of dialogues, those in the journal included.
    unknown, silent : Counter of str
        Reason -> answers without an option; reason -> messages without text.
    example : str
        A text that could not be read.
    """

    max_tokens: int | None
    answers: int = 0
    messages: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    silent: Counter[str] = field(default_factory=Counter)
    example: str = ""

    @classmethod
    def of(cls, found: Recorded, max_tokens: int | None) -> Watch:
        """Begin with what a journal holds."""
        watch = cls(max_tokens, messages=sum(map(len, found.dialogues.values())), silent=Counter(found.silent))
        for _, cells in (held for answers in found.answers.values() for held in answers):
            watch.answers += len(cells.trials)
            watch.unknown.update(cells.reasons.values())
        return watch

    @classmethod
    def over(cls, blocks: Iterable[Block], found: Recorded, max_tokens: int | None) -> Watch:
        """Count what a finished run holds."""
        watch = cls(max_tokens, messages=sum(map(len, found.dialogues.values())), silent=Counter(found.silent))
        for block in blocks:
            watch.answers += block.answered
            watch.unknown.update(block.reasons.values())
        return watch

    def answer(self, reason: str | None, text: str | None) -> None:
        """Count an answer, and stop where nearly none has an option."""
        self.answers += 1
        if reason is not None:
            self.unknown[reason] += 1
            self.example = self.example or " ".join((text or "").split())
            self.check_answers(ENOUGH_ANSWERS)

    def message(self, silent: str | None) -> None:
        """Count a message, and stop where nearly none has text; `silent` is why it has none."""
        self.messages += 1
        if silent is not None:
            self.silent[silent] += 1
            self.check_messages(ENOUGH_MESSAGES)

    def check_answers(self, enough: int = 1) -> None:
        """Stop a run with `enough` answers of which nearly none has an option.

        Raises
        ------
        Unusable
        """
        self._check(self.answers, self.unknown, enough, "answers are Unknown")

    def check_messages(self, enough: int = 1) -> None:
        """Stop a run with `enough` messages in dialogues of which nearly none has text.

        Raises
        ------
        Unusable
        """
        self._check(self.messages, self.silent, enough, "messages of the dialogues are empty")

    def _check(self, n: int, lost: Counter[str], enough: int, what: str) -> None:
        if n < enough or lost.total() < USELESS * n:
            return
        reason = lost.most_common(1)[0][0]
        limit = "now the server's own" if self.max_tokens is None else f"now {self.max_tokens:,}"
        advice = next((said for name, said in _ADVICE.items() if name in reason.casefold()), _EMPTY)
        shown = f". The first is {self.example[:SHOWN]!r}" if self.example and lost is self.unknown else ""
        raise Unusable(
            f"stopped, since {lost.total():,} of {n:,} {what} ({_listed(lost)}){shown}. {advice.format(limit=limit)}. "
            "Then start again with another --out"
        )

    def notes(self) -> tuple[str, ...]:
        """Return what a finished run should say of answers and messages that are of no use."""
        told = (
            (self.unknown, self.answers, "answers are Unknown"),
            (self.silent, self.messages, "messages of the dialogues are empty"),
        )
        return tuple(
            f"{lost.total():,} of {n:,} {what} ({lost.total() / n:.0%}): {_listed(lost)}."
            for lost, n, what in told
            if n and lost.total() >= WORTH_A_WORD * n
        )


def _listed(reasons: Mapping[str, int]) -> str:
    """Write reasons with their numbers, the most frequent first."""
    return ", ".join(f"{reason} {n:,}" for reason, n in Counter(reasons).most_common())
