"""The paper's Algorithm 1: elicit confounders in every arm, draw from their mixture, specify, repeat.

Adjusting makes users of both arms alike: a persona's answer to a confounder is drawn from all its conversations, with
every arm equally likely (the treatment-uniform mixture), and from the next iteration on it is part of the persona in
every arm. Nothing else of a conversation is carried over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from confound.errors import InputError
from simulate.backends.latent_class.structural import keyed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from simulate.run.block import Block
    from simulate.study.definition import Persona, Question, Study

Draw = Literal["separate", "joint"]
DRAWS = get_args(Draw)
RETENTION = "retention_"


@dataclass(frozen=True, slots=True)
class Adoption:
    """A confounder's answer that became part of a persona.

    Attributes
    ----------
    question : str
        Id of the confounder.
    value : str or None
        The answer, one of the question's options; None if every conversation left it Unknown, so that there was
        nothing to adopt.
    source_arm : str or None
        The arm in which the answer was given.
    source_trial : int or None
        The trial in which it was given, from 1.
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
        In the 2 x 2 of arm by source arm, the arm in which all of `adoptions` were drawn; None for the mixture.
    """

    persona: Persona
    iteration: int = 0
    adoptions: tuple[Adoption, ...] = ()
    source_arm: str | None = None

    @property
    def key(self) -> tuple[str, int, str | None]:
        """What tells this profile from every other of a run."""
        return self.persona.id, self.iteration, self.source_arm

    @property
    def adopted(self) -> dict[str, str]:
        """Return id of a confounder -> the answer adopted, in the order of adoption."""
        return {adoption.question: adoption.value for adoption in self.adoptions if adoption.value is not None}

    def labels(self) -> tuple[str, ...]:
        """Return what the key of a draw holds beside persona, trial, arm, iteration and question."""
        return () if self.source_arm is None else ("source", self.source_arm)

    def next(self, adoptions: Sequence[Adoption], *, source_arm: str | None = None) -> Profile:
        """Return the persona as the next iteration finds it."""
        carried = (*self.adoptions, *adoptions)
        return replace(self, iteration=self.iteration + 1, adoptions=carried, source_arm=source_arm)


def asked(study: Study, profile: Profile, *, last: bool, retention: bool) -> tuple[Question, ...]:
    """Return the questions that a profile is asked, each in a branch of its own.

    Parameters
    ----------
    study : Study
    profile : Profile
    last : bool
        Whether no iteration follows, so that no confounder need be asked.
    retention : bool
        Whether to ask the study's retention questions, and every adopted confounder once more, as
        `retention_<id>`: does the persona still say what it was told to be?
    """
    questions = study.asked(profile.iteration, last=last)
    if not retention:
        return questions
    own = tuple(question for question in study.questions.values() if question.role == "retention")
    return (*questions, *own, *(retention_question(study.questions[name]) for name in profile.adopted))


def retention_question(confounder: Question) -> Question:
    """Return a confounder as a question of retention."""
    return replace(confounder, id=f"{RETENTION}{confounder.id}", role="retention")


def adopt(
    block: Block, batch: Sequence[str], *, seed: int, draw: Draw = "separate", source_arm: str | None = None
) -> tuple[Adoption, ...]:
    """Draw the answers to a batch of confounders that become part of the persona.

    Each arm is equally likely, whatever its share of Unknown, then each known answer in it: so the mixture is
    uniform over treatments even where one arm refuses more often. Unknown is never adopted.

    Parameters
    ----------
    block : Block
        All answers of one profile.
    batch : sequence of str
        Ids of confounders that the block holds.
    seed : int
        Of the run; a draw is keyed by persona, iteration and question besides.
    draw : {"separate", "joint"}
        `joint`: all answers of the batch from one conversation, one in which none is Unknown; where there is no
        such conversation, separately.
    source_arm : str or None
        Draw in this arm alone, for the 2 x 2 of arm by source arm.

    Returns
    -------
    tuple of Adoption
        One a confounder, in the batch's order.

    References
    ----------
    Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026), arXiv 2605.20767, Algorithm 1.
    """
    if draw not in DRAWS:
        raise InputError(f"draw must be one of {', '.join(DRAWS)} but got {draw!r}")
    arms = [place for place, arm in enumerate(block.arms) if source_arm in (None, arm)]
    codes = np.stack([block.codes_of(question)[arms] for question in batch], axis=-1)
    whole = np.all(codes >= 0, axis=-1)
    profile = block.profile
    labels = (profile.persona.id, profile.iteration, *(() if source_arm is None else ("source", source_arm)))
    picked: list[tuple[int, int] | None]
    if draw == "joint" and whole.any():
        picked = [_pick(whole, keyed_generator(seed, "adopt jointly", *labels))] * len(batch)
    else:
        generators = [keyed_generator(seed, "adopt", *labels, question) for question in batch]
        picked = [_pick(codes[..., place] >= 0, generator) for place, generator in enumerate(generators)]
    return tuple(
        _adoption(block, question, None if place is None else (arms[place[0]], place[1]))
        for question, place in zip(batch, picked, strict=True)
    )


def _pick(known: NDArray[np.bool_], generator: np.random.Generator) -> tuple[int, int] | None:
    """Draw an arm among those with a known answer, then a trial: `known` has shape (arms, trials)."""
    arms = np.flatnonzero(known.any(axis=1))
    if not arms.size:
        return None
    first, second = generator.random(2)
    arm = int(arms[int(first * arms.size)])
    trials = np.flatnonzero(known[arm])
    return arm, int(trials[int(second * trials.size)])


def _adoption(block: Block, question: str, place: tuple[int, int] | None) -> Adoption:
    if place is None:
        return Adoption(question)
    arm, trial = place
    options = block.question(question).options
    return Adoption(question, options[block.codes_of(question)[arm, trial]], block.arms[arm], trial + 1)
