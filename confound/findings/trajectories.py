"""Contrasts of one outcome over iterations -> the answers that a model of its path needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from confound.counts.contrasts import Contrast, Side
from confound.counts.notes import Note
from confound.counts.scales import MAX_LEVELS
from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.stabilization.inputs import Trajectory

MIN_ITERATIONS = 3  # fewer show no path


@dataclass(frozen=True, slots=True)
class OutcomeTrajectory:
    """One outcome over iterations, in one study, model and contrast.

    Attributes
    ----------
    study, model, contrast, question : str
    data : Trajectory
        Its answers.
    """

    study: str
    model: str
    contrast: str
    question: str
    data: Trajectory

    @property
    def name(self) -> str:
        """What tells it from others, in one text."""
        return f"{self.study} | {self.model} | {self.contrast} | {self.question}"


def trajectories(contrasts: Sequence[Contrast]) -> tuple[list[OutcomeTrajectory], list[Note]]:
    """Join the contrasts of each outcome over iterations; tell of those that cannot be modelled.

    Parameters
    ----------
    contrasts : sequence of Contrast
        Those of outcomes are used.

    Returns
    -------
    trajectories : list of OutcomeTrajectory
        Those with `MIN_ITERATIONS` iterations or more, ordered answers or numbers, and answers that vary.
    notes : list of Note
        Why others are not modelled.
    """
    joined: dict[tuple[str, str, str, str], list[Contrast]] = {}
    for contrast in contrasts:
        cell = contrast.cell
        if cell.role == "outcome":
            joined.setdefault((cell.study, cell.model, contrast.label, cell.question), []).append(contrast)
    long = {key: each for key, each in joined.items() if len(each) >= MIN_ITERATIONS}
    if joined and not long:
        most = max(len(each) for each in joined.values())
        there = "there is 1" if most == 1 else f"there are {most}"
        return [], [
            Note("note", f"Whether effects settle was not modelled: it takes {MIN_ITERATIONS} iterations; {there}.")
        ]
    made, notes = [], []
    for key, each in long.items():
        why = _unfit(each)
        if why:
            message = f"Whether the effect settles was not modelled: {why}."
            notes.append(Note("note", message, study=key[0], model=key[1], question=key[3]))
        else:
            data = _trajectory(sorted(each, key=lambda contrast: contrast.cell.iteration))
            made.append(OutcomeTrajectory(*key, data))
    return made, notes


def _unfit(contrasts: Sequence[Contrast]) -> str:
    """Say why a path cannot be modelled; empty if it can."""
    if contrasts[0].cell.scale.kind == "nominal":
        return "its answers have no order, so there is no mean"
    sides = [side for contrast in contrasts for side in _sides(contrast)]
    means = np.concatenate([side.totals[side.known > 0] / side.known[side.known > 0] for side in sides])
    return "" if len(means) and np.ptp(means) > 0 else "all answers are the same"


def _trajectory(contrasts: Sequence[Contrast]) -> Trajectory:
    personas = {name for contrast in contrasts for side in _sides(contrast) for name in side.personas}
    place = {name: i for i, name in enumerate(sorted(personas))}
    width = contrasts[0].treated.answers.shape[1] - 1
    shape = (len(place), 2, len(contrasts))
    answers, totals = np.zeros((*shape, width), dtype=np.int64), np.zeros(shape)
    for t, contrast in enumerate(contrasts):
        for a, side in enumerate(_sides(contrast)):
            rows = [place[name] for name in side.personas]
            answers[rows, a, t], totals[rows, a, t] = side.answers[:, :-1], side.totals
    scale = contrasts[0].cell.scale
    sizes = answers.sum(axis=-1)
    means = np.divide(totals, sizes, out=np.full(shape, np.nan), where=sizes > 0)
    within = _scatter(answers, scale.values, means, sum(_squares(contrast) for contrast in contrasts))
    counts, values = _merged(answers, scale.values)
    return Trajectory(
        times=np.asarray([float(contrast.cell.iteration) for contrast in contrasts]),
        sizes=sizes,
        counts=counts if values is not None and len(values) <= MAX_LEVELS else None,
        numbers=values if values is not None and len(values) <= MAX_LEVELS else None,
        means=means,
        errors=np.sqrt(within / np.maximum(sizes, 1)),
        sd=float(np.sqrt(_variance(answers, scale.values, means, within))),
    )


def _sides(contrast: Contrast) -> tuple[Side, Side]:
    return contrast.treated, contrast.control


def _merged(answers: IntArray, values: FloatArray) -> tuple[IntArray | None, FloatArray | None]:
    """Drop answers never given and join those of equal value; None where there is nothing to count."""
    if not len(values):
        return None, None
    used = answers.sum(axis=(0, 1, 2)) > 0
    distinct, place = np.unique(values[used], return_inverse=True)
    return np.asarray(answers[..., used] @ np.eye(len(distinct), dtype=np.int64)[place]), distinct


def _variance(answers: IntArray, values: FloatArray, means: FloatArray, within: float) -> float:
    """Return the variance of all answers."""
    sizes = answers.sum(axis=-1)
    shares = sizes / sizes.sum()
    grand = np.nansum(shares * means)
    if len(values):
        return float(answers.sum(axis=(0, 1, 2)) @ (values - grand) ** 2 / sizes.sum())
    return float(np.nansum(shares * (means - grand) ** 2)) + within


def _squares(contrast: Contrast) -> float:
    """Return the sum of squares of a continuous outcome's numbers, NaN where they are not known."""
    cell = contrast.cell
    if cell.squares is None:
        return np.nan
    place = {name: i for i, name in enumerate(cell.personas)}
    arms = (contrast.treated_arm, contrast.control_arm)
    sums = [
        cell.squares[[place[name] for name in side.personas], cell.arms.index(arm)].sum()
        for side, arm in zip(_sides(contrast), arms, strict=True)
    ]
    return float(sum(sums))


def _scatter(answers: IntArray, values: FloatArray, means: FloatArray, squares: float) -> float:
    """Return the variance of answers within cells, all cells pooled.

    Of a continuous outcome from the sum of squares, where the log tells it; else from the steps of a persona's
    means from one iteration to the next, which hold its own noise too.
    """
    sizes = answers.sum(axis=-1)
    squares = float((answers @ values**2).sum()) if len(values) else squares
    freedom = (sizes - 1).clip(0).sum()
    if freedom and not np.isnan(squares):
        return float((squares - np.nansum(sizes * means**2)) / freedom)
    both = 1 / np.maximum(sizes[..., 1:], 1) + 1 / np.maximum(sizes[..., :-1], 1)
    return float(np.nanmean(np.diff(means, axis=-1) ** 2 / both))
