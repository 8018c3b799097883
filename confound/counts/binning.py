"""Numbers -> quantile bins, the same in all arms, models and iterations of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from confound.counts.counting import IntArray
from confound.counts.scales import FloatArray, Scale, number_in
from confound.errors import InputError

# Bins of a control with too many numbers that nobody asked to bin: as many answers as the distance's interval was
# checked with.
DEFAULT_BINS = 10
# Points at which a binned control's numbers are kept for the distance that knows their order: every whole number of a
# slider from 0 to 100 has its own.
MOST_POINTS = 200


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of one question in one study, and the numbers in them.

    Attributes
    ----------
    names : dict
        Answer -> "low to high" of its bin.
    scale : Scale
        The bins from low to high; each stands at the mean of the numbers given in it.
    numbers : dict
        Answer -> its number.
    points : ndarray of float64, shape (M,)
        The distinct numbers, ascending; of more than `MOST_POINTS`, the means of as many quantile bins.
    point : dict
        Answer -> its place in `points`.
    """

    names: Mapping[str, str]
    scale: Scale
    numbers: Mapping[str, float]
    points: FloatArray
    point: Mapping[str, int]


def numbers_of(answers: Sequence[str], recorded: Mapping[str, float] | None) -> dict[str, float]:
    """Return the number of each answer: that of column `value`, else the one in the answer; others are left out."""
    if recorded is not None and all(answer in recorded for answer in answers):
        return {answer: recorded[answer] for answer in answers}
    found = {answer: number_in(answer) for answer in answers}
    return {answer: number for answer, number in found.items() if number is not None}


def quantile_bins(
    answers: Sequence[str],
    weights: IntArray,
    *,
    bins: int,
    question: str,
    recorded: Mapping[str, float] | None = None,
) -> Bins:
    """Put numeric answers into quantile bins; equal numbers stay together.

    Parameters
    ----------
    answers : sequence of str
        Distinct canonical answers, each of them with a number.
    weights : ndarray of int64
        How often each was given, in all arms, models and iterations together.
    bins : int
        How many bins to aim at; ties can leave fewer.
    question : str
        What messages call the question.
    recorded : mapping, optional
        Column `value`: the one number seen with each answer.

    Raises
    ------
    InputError
        Where an answer has no number.

    Examples
    --------
    >>> made = quantile_bins(["0", "50", "60", "100"], np.array([1, 4, 1, 2]), bins=3, question="slider")
    >>> list(made.names.values()), made.scale.values.round(1).tolist()
    (['0', '50', '60 to 100', '60 to 100'], [0.0, 50.0, 86.7])
    """
    numbers = numbers_of(answers, recorded)
    if strange := [answer for answer in answers if answer not in numbers]:
        raise InputError(f"--bin {question}: answers without a number cannot be binned, such as {strange[0]!r}")
    distinct, inverse = np.unique([numbers[answer] for answer in answers], return_inverse=True)
    given = np.bincount(inverse, weights=weights).astype(np.int64)
    bin_of, means = _quantiles(distinct, given, bins)
    names = _names(distinct, bin_of)
    few = len(distinct) <= MOST_POINTS
    point_of, points = (np.arange(len(distinct)), distinct) if few else _quantiles(distinct, given, MOST_POINTS)
    return Bins(
        names={answer: names[bin_of[place]] for answer, place in zip(answers, inverse, strict=True)},
        scale=Scale("ordinal", tuple(names), means, "quantile bins of numbers"),
        numbers=numbers,
        points=points,
        point={answer: int(point_of[place]) for answer, place in zip(answers, inverse, strict=True)},
    )


def _quantiles(numbers: FloatArray, weights: IntArray, bins: int) -> tuple[IntArray, FloatArray]:
    """Return the bin of each of some ascending numbers, and each bin's mean.

    A number goes where the middle of its answers lies, so that no bin is cut through it.
    """
    middle = np.cumsum(weights) - weights / 2
    _, place = np.unique(np.floor(bins * middle / weights.sum()), return_inverse=True)
    return place, np.bincount(place, weights=numbers * weights) / np.bincount(place, weights=weights)


def _names(numbers: FloatArray, bin_of: IntArray) -> list[str]:
    """Name each bin by its ends, with as many digits as it takes to tell the ends of all bins apart."""
    starts = np.flatnonzero(np.diff(bin_of, prepend=-1))
    lows, highs = numbers[starts].tolist(), numbers[np.append(starts[1:], len(numbers)) - 1].tolist()
    ends = {*lows, *highs}
    digits = next((d for d in range(6, 17) if len({f"{end:.{d}g}" for end in ends}) == len(ends)), 17)
    written = {end: f"{end:.{digits}g}" for end in ends}
    return [
        written[low] if low == high else f"{written[low]} to {written[high]}"
        for low, high in zip(lows, highs, strict=True)
    ]
