"""Conversations drawn from a structure without a run: the reference for what a run draws, and for its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from confound.errors import InputError
from simulate.backends.latent_class.classes import pick
from simulate.randomness import keyed_generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from confound.statistics.arrays import FloatArray, IntArray
    from simulate.backends.latent_class.classes import LatentPersonas
    from simulate.backends.latent_class.structure import LatentQuestion, Structure

Design = Literal["within", "between"]
UNKNOWN = -1


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Drawn conversations, in B blocks of T trials; a block is a persona in an arm.

    Attributes
    ----------
    persona, arm : ndarray of int, shape (B,)
        Index of each block's persona and arm.
    latent : ndarray of int, shape (B, T)
        Index of the latent class that held the conversation.
    responses : ndarray of int, shape (B, T, Q)
        Index of the answer among the question's options, or -1 for Unknown.
    iteration : int
        Adjustment iteration, 0 before adjustment.
    """

    persona: IntArray
    arm: IntArray
    latent: IntArray
    responses: IntArray
    iteration: int


def draw_answers(
    structure: Structure,
    personas: LatentPersonas,
    *,
    trials: int,
    seed: int,
    design: Design = "within",
    iteration: int = 0,
) -> Answers:
    """Hold the conversations and answer every question in each.

    The class is drawn once a conversation; given it, answers are independent. Each draw is keyed by (seed,
    persona, arm, iteration, question) with the trial as its place in the stream, so that the answers of a
    persona do not depend on the other personas, nor those of a trial on how many follow.

    Parameters
    ----------
    structure : Structure
    personas : LatentPersonas
    trials : int
        Conversations of a persona in an arm, T, 1 or more.
    seed : int
    design : {"within", "between"}
        `within`: every persona in every arm. `between`: every persona in one arm, by its own keyed throw with
        equal chances, so that the arms' sizes vary and few personas may leave an arm empty.
    iteration : int
        Adjustment iteration, 0 before adjustment.

    Raises
    ------
    InputError
        When `trials` is below 1 or the design is unknown.
    """
    if trials < 1:
        raise InputError(f"trials must be 1 or more but got {trials}")
    persona, arm = _blocks(structure, personas, design, seed)
    names = [(personas.ids[i], structure.arms[a], iteration) for i, a in zip(persona, arm, strict=True)]
    chance = np.stack([keyed_generator(seed, "class", *name).random(trials) for name in names])
    latent = pick(personas.class_probabilities[persona, arm][:, None], chance)
    responses = np.empty((*latent.shape, len(structure.questions)), np.int64)
    for q, question in enumerate(structure.questions):
        # Two a trial, answer and refusal, so that the trial stays the place in the stream.
        streams = [keyed_generator(seed, "answer", *name, question.id) for name in names]
        chance = np.stack([stream.random((trials, 2)) for stream in streams])
        answer = pick(_by_arm(structure, question)[arm[:, None], latent], chance[..., 0])
        refused = chance[..., 1] < structure.refusal[arm][:, None]
        responses[..., q] = np.where(refused, UNKNOWN, answer)
    return Answers(persona, arm, latent, responses, iteration)


def response_frame(
    structure: Structure, personas: LatentPersonas, answers: Answers, *, study: str = "study"
) -> pd.DataFrame:
    """Return the answers as a response table, one row an answer.

    Rows are ordered by persona, arm, trial and question. An Unknown has neither `response` nor `value`; a
    question without option values has no `value`. Trials count from 1.

    Returns
    -------
    DataFrame
        study, model, iteration, persona, trial, arm, question, role, response, value.
    """
    shape = answers.responses.shape
    block, trial, question = (axis.ravel() for axis in np.indices(shape))
    chosen = answers.responses.ravel()
    labels, values = _option_tables(structure)
    return pd.DataFrame(
        {
            "study": study,
            "model": "structural",
            "iteration": answers.iteration,
            "persona": np.array(personas.ids, object)[answers.persona[block]],
            "trial": trial + 1,
            "arm": np.array(structure.arms, object)[answers.arm[block]],
            "question": np.array([q.id for q in structure.questions], object)[question],
            "role": np.array([q.role for q in structure.questions], object)[question],
            # UNKNOWN is -1, the last column, which is padded with "missing" for every question.
            "response": labels[question, chosen],
            "value": values[question, chosen],
        }
    )


def _option_tables(structure: Structure) -> tuple[NDArray[np.object_], FloatArray]:
    width = 1 + max(len(question.options) for question in structure.questions)
    labels = np.full((len(structure.questions), width), None, object)
    values = np.full(labels.shape, np.nan)
    for row, question in enumerate(structure.questions):
        labels[row, : len(question.options)] = question.options
        if question.option_values is not None:
            values[row, : len(question.options)] = question.option_values
    return labels, values


def _blocks(structure: Structure, personas: LatentPersonas, design: Design, seed: int) -> tuple[IntArray, IntArray]:
    n_personas, n_arms = len(personas.ids), len(structure.arms)
    if design == "within":
        return np.repeat(np.arange(n_personas), n_arms), np.tile(np.arange(n_arms), n_personas)
    if design == "between":
        arms = [int(keyed_generator(seed, "arm", i).random() * n_arms) for i in personas.ids]
        return np.arange(n_personas), np.array(arms, np.int64)
    raise InputError(f"design must be within or between but got {design!r}")


def _by_arm(structure: Structure, question: LatentQuestion) -> FloatArray:
    """Answer probabilities of shape (A, C, K), whatever the question's role."""
    return np.broadcast_to(
        question.probabilities,
        (len(structure.arms), len(structure.classes), len(question.options)),
    )
