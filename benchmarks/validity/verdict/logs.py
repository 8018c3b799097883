"""Logs with known drift, as an analyst would have them: several models, several negative controls."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Design = Literal["within", "between"]
Drift = Literal["none", "own", "common"]
ANSWERS = 4


@dataclass(frozen=True, slots=True)
class World:
    """What is drawn.

    Attributes
    ----------
    controls, models, personas, trials : int
        `personas` are in each arm: the same within subjects, others between.
    design : {"within", "between"}
    drift : {"none", "own", "common"}
        Every control of every model moves by `size`: each persona to an answer of its own, or all to the same.
    size : float
        Total variation distance, averaged over personas.
    linked : bool
        Whether a mood of the conversation moves half of its answers, so that its controls go together.
    refusals : float
        Share of treated answers to the first control that are refused, at random.
    """

    controls: int = 5
    models: int = 1
    personas: int = 100
    trials: int = 10
    design: Design = "within"
    drift: Drift = "none"
    size: float = 0.0
    linked: bool = False
    refusals: float = 0.0

    def __str__(self) -> str:
        parts = [f"{self.models}m", f"{self.controls}q", f"{self.personas}p", f"{self.trials}t", self.design]
        parts += [f"{self.drift} {self.size:g}"] if self.drift != "none" else []
        parts += ["linked"] if self.linked else []
        parts += [f"refused {self.refusals:g}"] if self.refusals else []
        return " ".join(parts)


def log(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a response table."""
    return pd.concat([_of_model(world, f"model {m}", rng) for m in range(world.models)], ignore_index=True)


def _of_model(world: World, model: str, rng: np.random.Generator) -> pd.DataFrame:
    arms = 2 if world.design == "within" else 1
    people = world.personas if world.design == "within" else 2 * world.personas
    mood = rng.random((people, arms, world.trials))
    treated = _treated(world, people)
    frames = []
    for q in range(world.controls):
        before = rng.dirichlet(np.ones(ANSWERS) * rng.choice([0.5, 1.0, 3.0]), size=people)
        ends = np.cumsum(np.where(treated[..., None], _moved(world, before, rng)[:, None], before[:, None]), axis=2)
        own = rng.random(mood.shape)
        at = np.where(world.linked & (rng.random(mood.shape) < 0.5), mood, own)
        answer = (at[..., None] > ends[:, :, None, :-1]).sum(axis=3)
        frames.append(_frame(world, answer, treated, model, f"q{q}", rng))
    return pd.concat(frames, ignore_index=True)


def _treated(world: World, people: int) -> npt.NDArray[np.bool_]:
    """Return which of a persona's arms is treated, shape (people, arms)."""
    if world.design == "within":
        return np.tile([False, True], (people, 1))
    return (np.arange(people) % 2 == 1)[:, None]


def _moved(world: World, before: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    if world.drift == "none":
        return before
    people = len(before)
    to = rng.integers(ANSWERS, size=people) if world.drift == "own" else np.full(people, rng.integers(ANSWERS))
    target = np.eye(ANSWERS)[to]
    share = world.size / (1 - (before * target).sum(axis=1)).mean()
    return before + share * (target - before)


def _frame(
    world: World,
    answer: npt.NDArray[np.int64],
    treated: npt.NDArray[np.bool_],
    model: str,
    question: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    persona, arm, trial = np.indices(answer.shape)
    in_treated = treated[persona, arm].ravel()
    response = np.char.add("answer ", answer.ravel().astype(str)).astype(object)
    refused = in_treated & (question == "q0") & (rng.random(len(response)) < world.refusals)
    response[refused] = None
    return pd.DataFrame(
        {
            "study": "s",
            "model": model,
            "persona": persona.ravel(),
            "arm": np.where(in_treated, "treated", "control"),
            "trial": trial.ravel(),
            "question": question,
            "role": "negative_control",
            "response": response,
        }
    )
