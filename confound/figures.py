"""Tidy tables -> the figures of a paper: pages of panels, a column for each model, one file or more for each study."""

from confound.presentation.figures.drawn import Drawn
from confound.presentation.figures.gallery import KINDS, draw, draw_all
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
)
from confound.presentation.figures.waterfall import waterfall

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
