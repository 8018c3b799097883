"""Random numbers by key: each draw has a generator of its own, which no other draw can change."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def keyed_generator(seed: int, *labels: str | int) -> np.random.Generator:
    """Return the generator that belongs to a seed and to the labels of what is drawn.

    A draw then depends on its labels alone, not on what else is drawn or in which order. Shards, resumed runs and
    runs of another size therefore agree wherever they overlap.

    Parameters
    ----------
    seed : int
        Seed of the run.
    *labels : str or int
        What is drawn, and for whom: a persona, an arm, an iteration, a question.
    """
    key = hashlib.blake2b(json.dumps([int(seed), *labels]).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
