"""Checks of what callers give, once for all of the numerical modules; every message echoes what was found."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confound.statistics.arrays import BoolArray, IntArray


def check_inside(name: str, value: float) -> None:
    """Raise ValueError unless a value, such as a confidence, lies strictly between 0 and 1."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie in the interval (0, 1) but got {value}")


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless a value lies between 0 and 1, the ends included."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in the interval [0, 1] but got {value}")


def check_positive(**sizes: int) -> None:
    """Raise ValueError unless each size, given by its name, is at least 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1 but got {size}")


def checked_rows(counts: ArrayLike, name: str, *, unit: str = "stratum") -> IntArray:
    """Return one arm's counts as an integer array, or refuse them.

    Parameters
    ----------
    counts : array_like of int, shape (rows, answers)
        How often each answer was given in each row.
    name : str
        What the caller names the counts, for the message.
    unit : str, default "stratum"
        What a row is, for the message.

    Returns
    -------
    ndarray of int64, shape (rows, answers)

    Raises
    ------
    ValueError
        If the counts are not two-dimensional, hold no row, a negative count or a dtype that is not an integer, or a
        row has no answer.
    """
    array = np.asarray(counts)
    if array.ndim != 2:
        raise ValueError(f"{name} must have two dimensions ({unit}, answer) but got shape {array.shape}")
    array = _integers(array, name)
    if array.shape[0] == 0:
        raise ValueError(f"{name} must hold at least one {unit}")
    _refuse(np.asarray((array < 0).any(axis=1)), f"{name}: {unit}", "has a negative count")
    _refuse(array.sum(axis=1) == 0, f"{name}: {unit}", "has no answers")
    return array


def checked_counts(treated: ArrayLike, control: ArrayLike) -> tuple[IntArray, IntArray]:
    """Return both arms' counts as integer arrays, or refuse them.

    Parameters
    ----------
    treated, control : array_like of int, shape (strata, answers)
        How often each answer was given in each stratum.

    Returns
    -------
    treated, control : ndarray of int64, shape (strata, answers)

    Raises
    ------
    ValueError
        As `checked_rows`, or if the shapes differ; the message names the argument and the first bad stratum.
    """
    arms = checked_rows(treated, "treated"), checked_rows(control, "control")
    if arms[0].shape != arms[1].shape:
        raise ValueError(
            f"treated and control must have one shape but got {arms[0].shape} and {arms[1].shape}: "
            "strata and answers must match, row by row and column by column"
        )
    return arms


def checked_samples(arms: Mapping[str, ArrayLike]) -> list[IntArray]:
    """Return the counts of arms that hold different personas as integer arrays, or refuse them.

    Parameters
    ----------
    arms : mapping of str to array_like of int, shapes (personas in the arm, answers)
        Name of the arm -> how often each of its personas gave each answer.

    Returns
    -------
    list of ndarray of int64, shapes (personas in the arm, answers)

    Raises
    ------
    ValueError
        As `checked_rows`, if there are fewer than two arms, or if they differ in their number of answers.
    """
    if len(arms) < 2:
        raise ValueError(f"arms must be two or more but got {len(arms)}")
    rows = [checked_rows(arm, name, unit="persona") for name, arm in arms.items()]
    widths = [arm.shape[1] for arm in rows]
    if len(set(widths)) > 1:
        found = " and ".join(map(str, widths))
        raise ValueError(f"{' and '.join(arms)} must have one number of answers but got {found}")
    return rows


def checked_strata(counts: ArrayLike) -> IntArray:
    """Return the counts of two arms or more, stratum by stratum, as an integer array, or refuse them.

    Parameters
    ----------
    counts : array_like of int, shape (strata, arms, answers)
        How often each answer was given in each arm of each stratum. A stratum may lack an arm.

    Returns
    -------
    ndarray of int64, shape (strata, arms, answers)

    Raises
    ------
    ValueError
        If the counts are not three-dimensional, hold fewer than two arms, no stratum, a negative count or a dtype that
        is not an integer, or an arm has no answer in any stratum.
    """
    array = np.asarray(counts)
    if array.ndim != 3 or array.shape[0] == 0 or array.shape[1] < 2:
        raise ValueError(
            f"counts must have shape (strata, arms, answers), two arms or more, but got shape {array.shape}"
        )
    array = _integers(array, "counts")
    _refuse(np.asarray((array < 0).any(axis=(1, 2))), "counts: stratum", "has a negative count")
    _refuse(array.sum(axis=(0, 2)) == 0, "counts: arm", "has no answers")
    return array


def _integers(array: NDArray[Any], name: str) -> IntArray:
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integer counts but got dtype {array.dtype}")
    return array.astype(np.int64)


def _refuse(bad: BoolArray, what: str, complaint: str) -> None:
    """Raise ValueError naming the first bad row."""
    if bad.any():
        raise ValueError(f"{what} {int(bad.argmax())} {complaint}")
