"""A seed for each answer, so that an answer is drawn alike whichever others are drawn with it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulate.study.profile import Profile

# Engines differ in the widest seed that they take; all take a positive 32-bit integer.
SEED_BITS = 31


def answer_seed(seed: int, profile: Profile, arm: str, trial: int, asked: str, *, cycle: int = 1) -> int:
    """Return the seed of one answer, a whole number of `SEED_BITS` bits.

    vLLM draws `n` answers with seed s as if they were asked for one by one with the seeds s, s + 1, ... Trials that
    share a prompt therefore have seeds in a row. Each has the same noise whether it is drawn with the others, alone,
    or after a run is resumed, and no two have the same.

    Parameters
    ----------
    seed : int
        Of the run.
    profile : Profile
    arm : str
    trial : int
        From 1.
    asked : str
        Id of the question, or the turn of a dialogue.
    cycle : int
        Trials t, t + cycle, t + 2 cycle, ... share the prompt.
    """
    place, prompt = divmod(trial - 1, cycle)
    key = [seed, profile.persona.id, prompt, arm, profile.iteration, asked, *profile.labels()]
    digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=8).digest()
    first = int.from_bytes(digest, "little") >> (64 - SEED_BITS)
    return (first + place) % (1 << SEED_BITS)
