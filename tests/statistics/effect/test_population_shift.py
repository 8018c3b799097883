"""Whether the population moved: level and power of the sign-flip test."""

import numpy as np
import pytest

from confound.statistics.effect.population_shift import shifts


def test_a_shift_of_everyone_is_found() -> None:
    """If all of ten personas move the same way, only two of 1,024 sign flips are as far."""
    moved = np.tile([-0.2, 0.2], (10, 1))
    (found,) = shifts([moved], rng=np.random.default_rng(0))
    assert found.distance == pytest.approx(0.2)
    assert found.pvalue == pytest.approx(2 / 1024, abs=0.004)
    assert found.null_mean < 0.06


def test_personas_that_move_anywhere_are_no_shift() -> None:
    """Each persona adopts one of two answers at random: its own shares move a lot, the population's do not."""
    rng = np.random.default_rng(1)
    rejected = 0
    for _ in range(400):
        towards = rng.integers(0, 2, size=60) * 2.0 - 1.0
        moved = np.stack([towards, -towards], axis=1) * rng.uniform(0.2, 0.5, size=(60, 1))
        rejected += shifts([moved], rng=rng)[0].pvalue <= 0.05
    assert rejected / 400 < 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 400)


def test_a_persona_not_asked_twice_is_left_out() -> None:
    """Missing shares are left out and counted."""
    moved = np.asarray([[0.1, -0.1], [np.nan, np.nan], [0.3, -0.3]])
    (found,) = shifts([moved], rng=np.random.default_rng(0))
    assert (found.n_personas, found.distance) == (2, pytest.approx(0.2))
    (nobody,) = shifts([np.full((2, 2), np.nan)], rng=np.random.default_rng(0))
    assert nobody.n_personas == 0
    assert np.isnan(nobody.pvalue)
