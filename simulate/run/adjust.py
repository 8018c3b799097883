"""The paper's Algorithm 1: elicit confounders in every arm, draw from their mixture, specify, repeat.

Adjusting makes the users of all arms alike. A persona's answer to a confounder is drawn from all its conversations,
with every arm equally likely (the treatment-uniform mixture). From the next iteration on it is part of the persona in
every arm. Nothing else of a conversation is carried over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from confound.errors import InputError
from simulate.randomness import keyed_generator
from simulate.study.profile import Adoption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confound.statistics.arrays import BoolArray
    from simulate.run.block import Block

BatchDraw = Literal["separate", "joint"]
BATCH_DRAWS = get_args(BatchDraw)


def adopt(
    block: Block, batch: Sequence[str], *, seed: int, draw: BatchDraw = "separate", source_arm: str | None = None
) -> tuple[Adoption, ...]:
    """BatchDraw the answers to a batch of confounders that become part of the persona.

    First an arm is drawn, each equally likely whatever its share of Unknown, then one of its known answers. The mixture
    is therefore uniform over arms even where one arm refuses more often. Unknown is never adopted.

    Parameters
    ----------
    block : Block
        All answers of one profile.
    batch : sequence of str
        Ids of confounders that the block holds.
    seed : int
        Of the run; a draw is also keyed by persona, iteration and question.
    draw : {"separate", "joint"}
        `joint`: all answers of the batch come from one conversation in which none is Unknown; without such a
        conversation they are drawn separately.
    source_arm : str or None
        BatchDraw in this arm alone, for the 2 x 2 of arm by source arm.

    Returns
    -------
    tuple of Adoption
        One for each confounder, in the batch's order.

    Raises
    ------
    InputError
        When `draw` is unknown.

    References
    ----------
    Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026), arXiv 2605.20767, Algorithm 1.
    """
    if draw not in BATCH_DRAWS:
        raise InputError(f"draw must be one of {', '.join(BATCH_DRAWS)} but got {draw!r}")
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


def _pick(known: BoolArray, generator: np.random.Generator) -> tuple[int, int] | None:
    """BatchDraw an arm among those with a known answer, then a trial: `known` has shape (arms, trials)."""
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
