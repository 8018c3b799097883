"""Tidy frames -> the figures of a paper: pages of panels, a column a model, one file or more a study."""

from collections.abc import Iterator

from confound import drift_figures, effect_figures
from confound.drawn import Drawn, Result
from confound.panels import (
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
    "Drawn",
    "answers_by_arm",
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

_MAKERS = (
    drift_figures.love_plots,
    drift_figures.drift_paths,
    drift_figures.control_answers,
    drift_figures.marginals,
    effect_figures.effect_paths,
    effect_figures.outcomes,
    effect_figures.waterfalls,
    effect_figures.settling,
    effect_figures.sensitivity,
    effect_figures.kept,
)


def draw_all(result: Result) -> Iterator[Drawn]:
    """Draw every figure that a result allows, one at a time.

    Parameters
    ----------
    result : Analysis

    Yields
    ------
    Drawn
        In the order of a paper. Frames without rows yield none.
    """
    for make in _MAKERS:
        yield from make(result)
