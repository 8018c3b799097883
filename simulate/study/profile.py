"""A persona as it is specified in one iteration, and what it is asked there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulate.study.definition import ClosedQuestion, Persona, Study

# Id of the persona, iteration, source arm: tells a profile from every other of a run.
ProfileKey = tuple[str, int, str | None]
RETENTION = "retention_"


@dataclass(frozen=True, slots=True)
class Adoption:
    """A confounder's answer that became part of a persona.

    Attributes
    ----------
    question : str
        Id of the confounder.
    value : str or None
        The answer, one of the question's options. None if the answer was Unknown in every conversation, so that
        there was nothing to adopt.
    source_arm : str or None
        The arm in which the answer was given.
    source_trial : int or None
        The trial in which it was given, counted from 1.
    """

    question: str
    value: str | None = None
    source_arm: str | None = None
    source_trial: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A persona as it is specified in one iteration.

    Attributes
    ----------
    persona : Persona
    iteration : int
        0 before adjustment.
    adoptions : tuple of Adoption
        What was adopted before this iteration, in order.
    source_arm : str or None
        In the 2 x 2 of arm by source arm: the arm in which all of `adoptions` were drawn. None for the mixture.
    """

    persona: Persona
    iteration: int = 0
    adoptions: tuple[Adoption, ...] = ()
    source_arm: str | None = None

    @property
    def key(self) -> ProfileKey:
        """What tells this profile from every other of a run."""
        return self.persona.id, self.iteration, self.source_arm

    @property
    def adopted(self) -> dict[str, str]:
        """Id of a confounder -> the answer adopted, in the order of adoption."""
        return {adoption.question: adoption.value for adoption in self.adoptions if adoption.value is not None}

    def labels(self) -> tuple[str, ...]:
        """Return what the key of a draw holds beside persona, trial, arm, iteration and question."""
        return () if self.source_arm is None else ("source", self.source_arm)

    def next(self, adoptions: Sequence[Adoption], *, source_arm: str | None = None) -> Profile:
        """Return the persona as the next iteration specifies it."""
        carried = (*self.adoptions, *adoptions)
        return replace(self, iteration=self.iteration + 1, adoptions=carried, source_arm=source_arm)


def questions_of(study: Study, profile: Profile, *, last: bool, retention: bool) -> tuple[ClosedQuestion, ...]:
    """Return the questions that a profile is asked, each in a branch of its own.

    Parameters
    ----------
    study : Study
    profile : Profile
    last : bool
        Whether no iteration follows. Confounders are then not asked.
    retention : bool
        Whether to ask the study's retention questions too, and to ask every adopted confounder again as
        `retention_<id>`, to see whether the persona still answers as specified.
    """
    questions = study.asked(profile.iteration, last=last)
    if not retention:
        return questions
    own = tuple(question for question in study.questions.values() if question.role == "retention")
    return (*questions, *own, *(retention_question(study.questions[name]) for name in profile.adopted))


def retention_question(confounder: ClosedQuestion) -> ClosedQuestion:
    """Return the question that asks an adopted confounder again."""
    return replace(confounder, id=f"{RETENTION}{confounder.id}", role="retention")
