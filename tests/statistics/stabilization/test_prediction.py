"""Posterior predictive checks see what they are named after."""

import numpy as np
import pytest

from confound.statistics.stabilization.prediction import discrepancies


def test_discrepancies_see_what_they_name() -> None:
    """More spread, movement and jumps of personas raise their discrepancies, and only theirs."""
    rng = np.random.default_rng(4)
    level = rng.normal(size=(400, 1, 1)) * np.ones((1, 2, 5))
    flat = discrepancies(level, np.zeros((2, 5)))
    moving = discrepancies(level * np.linspace(1, 2, 5), np.zeros((2, 5)))
    noisy = discrepancies(level + rng.normal(size=level.shape), np.zeros((2, 5)))
    assert flat["movement"] == flat["jumps"] == 0
    assert moving["spread_last"] == pytest.approx(4 * flat["spread_last"])
    assert moving["movement"] > 4 * moving["jumps"]
    assert noisy["jumps"] == pytest.approx(2, rel=0.2)
