"""Tidy frames -> the figures of a paper: pages of panels, a column a model, one file or more a study."""

from collections.abc import Callable, Iterator, Mapping

from confound.errors import InputError
from confound.presentation.figures import drift, effect
from confound.presentation.figures.drawn import Drawn, Result
from confound.presentation.figures.panels import (
    answers_by_arm,
    drift_against_effect,
    drift_path,
    effect_path,
    love_plot,
    marginal_path,
    means_by_arm,
    settled_parts,
    settled_path,
    waterfall,
)

__all__ = [
    "KINDS",
    "Drawn",
    "answers_by_arm",
    "draw",
    "draw_all",
    "drift_against_effect",
    "drift_path",
    "effect_path",
    "love_plot",
    "marginal_path",
    "means_by_arm",
    "settled_parts",
    "settled_path",
    "waterfall",
]

KINDS: Mapping[str, Callable[[Result], Iterator[Drawn]]] = {
    "love_plot": drift.love_plots,
    "mean_drift_over_iterations": drift.mean_drift_paths,
    "drift_over_iterations": drift.drift_paths,
    "negative_controls_by_arm": drift.control_answers,
    "marginals_over_iterations": drift.marginals,
    "effect_over_iterations": effect.effect_paths,
    "outcome_by_arm": effect.outcomes,
    "outcome_answers_by_arm": effect.outcome_answers,
    "waterfall": effect.waterfalls,
    "settled": effect.settling,
    "sensitivity": effect.sensitivity,
    "retention": effect.kept,
    "answers_by_arm": drift.each_step,
}
MANY = frozenset({"answers_by_arm"})  # pages enough to bury the others


def draw(result: Result, kind: str) -> Iterator[Drawn]:
    """Draw the figures of one kind, one at a time.

    Parameters
    ----------
    result : Analysis
        A part of one for fewer figures: ``draw(result.only(study="opinionqa"), "love_plot")``.
    kind : str
        One of `KINDS`, named like the files; `answers_by_arm` draws the answers to every question at each iteration.

    Raises
    ------
    InputError
        Where there is no such kind.
    """
    if kind not in KINDS:
        raise InputError(f"{kind}: no such kind of figure. There are {', '.join(KINDS)}")
    yield from KINDS[kind](result)


def draw_all(result: Result) -> Iterator[Drawn]:
    """Draw every figure that a result allows, but the answers at each iteration, one at a time.

    Parameters
    ----------
    result : Analysis

    Yields
    ------
    Drawn
        In the order of a paper. Frames without rows yield none.
    """
    for kind in KINDS:
        if kind not in MANY:
            yield from draw(result, kind)
