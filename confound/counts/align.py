"""Personas laid out in rows: the one place where answers of the same persona come to stand side by side."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def union(parts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return the names in any of several lists, each once, sorted."""
    return tuple(sorted({name for part in parts for name in part}))


def places(names: Sequence[str], wanted: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the row of each of `wanted` among `names`, -1 where it is not there."""
    row = {name: i for i, name in enumerate(names)}
    return np.asarray([row.get(name, -1) for name in wanted], dtype=np.int64)


def laid_out(
    parts: Sequence[tuple[Sequence[str], npt.ArrayLike]], names: Sequence[str], *, missing: float = np.nan
) -> npt.NDArray[Any]:
    """Lay values of personas out in common rows, one column for each part.

    Parameters
    ----------
    parts : sequence of (names, values)
        Q parts; `values` has shape (personas of the part, ...), of one shape in all parts but for the personas.
    names : sequence of str
        P personas, one a row; personas of a part that are not among them are left out.
    missing : float
        What stands where a part has no such persona; 0 keeps whole numbers whole.

    Returns
    -------
    ndarray, shape (P, Q, ...)

    Examples
    --------
    >>> laid_out([(("a", "b"), [1, 2]), (("b", "c"), [3, 4])], ("a", "b", "c"), missing=0).tolist()
    [[1, 0], [2, 3], [0, 4]]
    """
    arrays = [np.asarray(values) for _, values in parts]
    dtype = np.result_type(*arrays, float if np.isnan(missing) else arrays[0])
    made = np.full((len(names), len(parts), *arrays[0].shape[1:]), missing, dtype=dtype)
    for column, ((own, _), values) in enumerate(zip(parts, arrays, strict=True)):
        rows = places(names, own)
        made[rows[rows >= 0], column] = values[rows >= 0]
    return made
