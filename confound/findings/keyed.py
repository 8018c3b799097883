"""Random numbers of a result's own, so that no other result changes its draws."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np


def keyed_rng(where: Mapping[str, Any], seed: int) -> np.random.Generator:
    """Return a generator of this place's own.

    Parameters
    ----------
    where : mapping
        The columns that say which result it is; their values are the key.
    seed : int
        Of the analysis, 0 or more.
    """
    return np.random.default_rng([seed, crc32("\0".join(map(str, where.values())).encode())])
