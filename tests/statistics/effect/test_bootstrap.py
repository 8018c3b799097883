"""Joint resampling of personas: its intervals, and what every draw keeps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from confound.statistics.effect.bootstrap import sum_of_means

VALUES = arrays(np.float64, st.tuples(st.integers(2, 8), st.just(3)), elements=st.floats(-100, 100))


def seeded() -> np.random.Generator:
    """Return the same generator each time."""
    return np.random.default_rng(0)


@given(VALUES, VALUES)
def test_the_estimate_is_the_sum_of_means_and_its_error_welchs(one: np.ndarray, other: np.ndarray) -> None:
    """Estimate, standard error and degrees of freedom are those of Welch's formula."""
    found = sum_of_means([one, other], rng=seeded(), n_draws=50)
    parts = [g.var(axis=0, ddof=1) / len(g) for g in (one, other)]
    assert found.estimate == pytest.approx(one.mean(axis=0) + other.mean(axis=0), abs=1e-9)
    assert found.se == pytest.approx(np.sqrt(sum(parts)), abs=1e-9)


@given(VALUES)
def test_what_holds_between_columns_holds_in_every_draw(values: np.ndarray) -> None:
    """A column that is the sum of two others is so in each resample: the weights are the same for all."""
    columns = np.column_stack([values[:, 0], values[:, 1], values[:, 0] + values[:, 1]])
    draws = sum_of_means([columns], rng=seeded(), n_draws=100).draws
    assert draws[:, 2] == pytest.approx(draws[:, 0] + draws[:, 1], abs=1e-10)


def test_draws_spread_as_the_mean_does() -> None:
    """Draws have the standard deviation of a resampled mean, within Monte Carlo error."""
    values = np.random.default_rng(1).normal(size=(50, 1))
    found = sum_of_means([values], rng=seeded(), n_draws=20_000)
    assert found.draws.std() == pytest.approx(values.std() / np.sqrt(50), rel=0.02)


def test_a_persona_without_value_is_left_out() -> None:
    """A missing value changes nothing for the others, whose column is as if the persona were not there."""
    values = np.random.default_rng(2).normal(size=(20, 2))
    values[3, 0] = np.nan
    found = sum_of_means([values], rng=seeded())
    alone = np.delete(values[:, :1], 3, axis=0)
    assert found.estimate[0] == pytest.approx(alone.mean())
    assert found.se[0] == pytest.approx(alone.std(ddof=1) / np.sqrt(19))


def test_where_nothing_varies_the_interval_is_a_point() -> None:
    """Equal personas give se 0 and an interval without width, also for large values."""
    found = sum_of_means([np.full((6, 1), 1e6 / 3)], rng=seeded())
    assert (found.se[0], found.ci_low[0], found.ci_high[0]) == (0.0, found.estimate[0], found.estimate[0])


def test_where_resamples_cannot_tell_it_is_the_t_interval() -> None:
    """With one persona unlike the rest a third of the resamples have no spread: the t interval stands in."""
    values = np.zeros((30, 1))
    values[0] = 1.0
    found = sum_of_means([values], rng=seeded())
    half = stats.t.ppf(0.975, 29) * found.se[0]
    assert (found.ci_low[0], found.ci_high[0]) == pytest.approx((1 / 30 - half, 1 / 30 + half))


def test_a_single_persona_has_no_interval() -> None:
    """One persona gives an estimate, and no standard error or interval."""
    found = sum_of_means([np.ones((1, 1))], rng=seeded())
    assert found.estimate[0] == 1.0
    assert np.isnan([found.se[0], found.ci_low[0], found.ci_high[0]]).all()


def test_close_to_the_t_interval_for_normal_values() -> None:
    """With 200 normal values the bootstrap-t interval is the t interval, within its Monte Carlo error."""
    values = np.random.default_rng(3).normal(size=(200, 1))
    found = sum_of_means([values], rng=seeded(), n_draws=20_000)
    low, high = stats.t.interval(0.95, 199, loc=values.mean(), scale=found.se[0])
    assert (found.ci_low[0], found.ci_high[0]) == pytest.approx((low, high), abs=0.15 * found.se[0])
