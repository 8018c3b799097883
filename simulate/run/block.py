"""The answers of one profile (a persona in one iteration): every arm, trial and question, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from confound.errors import ConfoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from confound.statistics.arrays import IntArray
    from simulate.study.definition import ClosedQuestion
    from simulate.study.profile import Profile

# Codes in the place of an option's.
UNKNOWN_CODE, NOT_ASKED_CODE = -1, -2


@dataclass(frozen=True, slots=True)
class QuestionAnswers:
    """Answers of one profile to one question in one arm, as the journal holds them.

    Attributes
    ----------
    arm, question : str
    trials : tuple of int
        From 1, distinct.
    codes : tuple of int
        For each trial the answer's place among the question's options, or -1 for Unknown.
    reasons : Mapping of int to str
        Trial -> why its answer is Unknown.
    texts : Mapping of int to str
        Trial -> what the model wrote; empty for a backend that writes nothing.
    """

    arm: str
    question: str
    trials: tuple[int, ...]
    codes: tuple[int, ...]
    reasons: Mapping[int, str] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Block:
    """All answers of one profile, filled as they come.

    Attributes
    ----------
    profile : Profile
    arms : tuple of str
    questions : tuple of ClosedQuestion
    trials : int
        Conversations in each arm.
    """

    profile: Profile
    arms: tuple[str, ...]
    questions: tuple[ClosedQuestion, ...]
    trials: int
    codes: NDArray[np.int16] = field(init=False)
    reasons: dict[tuple[int, int, int], str] = field(init=False, default_factory=dict)
    texts: dict[tuple[int, int, int], str] = field(init=False, default_factory=dict)
    _places: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.arms), self.trials, len(self.questions))
        self.codes = np.full(shape, NOT_ASKED_CODE, np.int16)
        self._places = {question.id: place for place, question in enumerate(self.questions)}

    def question(self, name: str) -> ClosedQuestion:
        """Return the question of that id."""
        return self.questions[self._places[name]]

    def codes_of(self, name: str) -> NDArray[np.int16]:
        """Return the codes of one question, shape (arms, trials)."""
        return self.codes[..., self._places[name]]

    def missing(self, arm: str, question: str) -> tuple[int, ...]:
        """Return the trials without an answer yet."""
        row = self.codes_of(question)[self.arms.index(arm)]
        return tuple((np.flatnonzero(row == NOT_ASKED_CODE) + 1).tolist())

    @property
    def complete(self) -> bool:
        """Whether every question of every conversation has its answer."""
        return bool((self.codes != NOT_ASKED_CODE).all())

    @property
    def answered(self) -> int:
        """How many answers there are."""
        return int((self.codes != NOT_ASKED_CODE).sum())

    def check(self, answers: QuestionAnswers) -> None:
        """Refuse answers that do not belong to this block.

        Raises
        ------
        ConfoundError
            When arm, question, trials or codes do not fit, or a trial already has its answer.
        """
        arm, question = self._place(answers)
        rows = np.array(answers.trials, np.int64) - 1
        if (self.codes[arm, rows, question] != NOT_ASKED_CODE).any() or len(set(answers.trials)) < len(answers.trials):
            raise ConfoundError(f"question {answers.question} of persona {self.profile.persona.id} is answered twice")

    def fill(self, answers: QuestionAnswers) -> None:
        """Add answers that `check` has accepted."""
        arm, question = self.arms.index(answers.arm), self._places[answers.question]
        self.codes[arm, np.array(answers.trials, np.int64) - 1, question] = answers.codes
        self.reasons |= {(arm, trial - 1, question): reason for trial, reason in answers.reasons.items()}
        self.texts |= {(arm, trial - 1, question): text for trial, text in answers.texts.items()}

    def _place(self, answers: QuestionAnswers) -> tuple[int, int]:
        if answers.arm not in self.arms or answers.question not in self._places:
            raise ConfoundError(
                f"arm {answers.arm}, question {answers.question} were not asked in iteration {self.profile.iteration}"
            )
        question = self._places[answers.question]
        fits = (
            len(answers.trials) == len(answers.codes) > 0
            and 1 <= min(answers.trials) <= max(answers.trials) <= self.trials
            and min(answers.codes) >= UNKNOWN_CODE
            and max(answers.codes) < len(self.questions[question].options)
            and {*answers.reasons, *answers.texts} <= set(answers.trials)
        )
        if not fits:
            raise ConfoundError(f"trials or answers of question {answers.question} are out of range")
        return self.arms.index(answers.arm), question


def counts(blocks: Sequence[Block], question: str, arm: str) -> IntArray:
    """Count one arm's answers to a question by persona, Unknown last; shape (personas, K + 1)."""
    width = len(blocks[0].question(question).options) + 1
    place = blocks[0].arms.index(arm)
    # -1 becomes the last column.
    return np.stack([np.bincount(b.codes_of(question)[place] % width, minlength=width) for b in blocks])
