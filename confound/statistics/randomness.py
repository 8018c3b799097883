"""Random numbers of a result's own, so that no other result changes its draws."""

from zlib import crc32

import numpy as np


def keyed_rng(seed: int, *place: object) -> np.random.Generator:
    """Return a generator that depends on a seed and on what it is for, and on nothing else.

    Parameters
    ----------
    seed : int
        Of the analysis, 0 or more.
    *place
        What says which result it is for, such as study, model and question; their texts are the key.

    Examples
    --------
    >>> bool(keyed_rng(0, "study", 1).random() == keyed_rng(0, "study", 1).random())
    True
    """
    return np.random.default_rng([seed, crc32("\0".join(map(str, place)).encode())])
