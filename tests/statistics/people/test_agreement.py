"""Agreement with people: plain formulas as the oracle, what must not matter, and coverage."""

import numpy as np
import pytest
from scipy import stats

from confound.statistics.people import marginals
from confound.statistics.people.agreement import Answers, agreement
from confound.statistics.people.jackknife import jackknifed


def single(values: np.ndarray) -> Answers:
    """Return answers given once."""
    return Answers(values, values**2)


def pairs(seed: int = 0, n: int = 60, arms: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Draw people and personas, each in one arm, that moves both; NaN elsewhere."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(arms, size=n)
    x = np.full((n, arms), np.nan)
    y = x.copy()
    x[range(n), arm] = np.round(3 + arm + rng.normal(size=n), 1)
    y[range(n), arm] = np.round(0.5 * x[range(n), arm] + arm + rng.normal(size=n), 1)
    return x, y


def test_it_is_what_scipy_and_numpy_say() -> None:
    """r, r about the arms' means, mean distance, means and standard deviations are the textbook's."""
    x, y = pairs()
    found = agreement(single(x), single(y), abs(x - y))
    assert found is not None
    arm = np.argmax(~np.isnan(x), axis=1)
    xs, ys = x[~np.isnan(x)], y[~np.isnan(y)]
    middle_x, middle_y = (np.array([v[arm == a].mean() for a in (0, 1)])[arm] for v in (xs, ys))
    assert found.r.value == pytest.approx(stats.pearsonr(xs, ys)[0], abs=1e-12)
    assert found.r_within_arms.value == pytest.approx(stats.pearsonr(xs - middle_x, ys - middle_y)[0], abs=1e-12)
    assert found.distance.value == pytest.approx(abs(xs - ys).mean(), abs=1e-12)
    assert found.sd_ratio.value == pytest.approx(ys.std(ddof=1) / xs.std(ddof=1), abs=1e-12)
    assert (found.mean_people, found.mean_simulated) == pytest.approx((xs.mean(), ys.mean()))
    t = stats.t.interval(0.95, len(xs) - 1, abs(xs - ys).mean(), stats.sem(abs(xs - ys)))
    assert (found.distance.low, found.distance.high) == pytest.approx(t)


def test_leaving_out_in_closed_form_is_leaving_out() -> None:
    """The interval of r is that of correlations computed anew without each person."""
    x, y = pairs(n=25, arms=1)
    found = agreement(single(x), single(y), abs(x - y))
    assert found is not None
    left = [np.corrcoef(np.delete(x[:, 0], i), np.delete(y[:, 0], i))[0, 1] for i in range(25)]
    assert found.r == pytest.approx(jackknifed(found.r.value, np.array(left), scale="atanh"))
    left = [np.delete(y[:, 0], i).std(ddof=1) / np.delete(x[:, 0], i).std(ddof=1) for i in range(25)]
    assert found.sd_ratio == pytest.approx(jackknifed(found.sd_ratio.value, np.array(left), scale="log"))


def test_order_and_units_do_not_matter() -> None:
    """Persons in another order give the same; a shift and a unit change the distance alone."""
    x, y = pairs(3)
    one = agreement(single(x), single(y), abs(x - y))
    turned = agreement(single(x[::-1]), single(y[::-1]), abs(x - y)[::-1])
    scaled = agreement(single(1000 + 7 * x), single(1000 + 7 * y), 7 * abs(x - y))
    assert one is not None
    assert turned is not None
    assert scaled is not None
    for name in ("r", "r_within_arms", "sd_ratio"):
        assert getattr(turned, name) == pytest.approx(getattr(one, name), rel=1e-9)
        assert getattr(scaled, name) == pytest.approx(getattr(one, name), rel=1e-9)
    assert scaled.distance == pytest.approx([7 * end for end in one.distance])


def test_one_mind_has_no_correlation() -> None:
    """Where one side does not vary there is no r, and the ratio of standard deviations is 0 without an interval."""
    x = np.arange(10.0)[:, None]
    y = np.full_like(x, 0.1 + 0.2)
    found = agreement(single(x), single(y), abs(x - y))
    assert found is not None
    assert np.isnan(found.r.value)
    assert found.sd_ratio.value == 0
    assert np.isnan(found.sd_ratio.low)
    assert agreement(single(x), single(y), np.full_like(x, np.nan)) is None


def test_runs_of_one_persona_count_as_single_answers_in_the_spread() -> None:
    """Personas that toss a coin ten times vary as much, answer by answer, as people who toss it once."""
    x = np.array([[0.0], [1.0]] * 50)
    y = Answers(np.full_like(x, 0.5), np.full_like(x, 0.5))
    found = agreement(single(x), y, np.full_like(x, 0.5))
    assert found is not None
    assert found.sd_ratio.value == pytest.approx(1)


def test_groups_that_are_alike_have_no_distance() -> None:
    """The distance of the marginals reaches 0 for equal groups and excludes it for different ones."""
    even, odd = np.array([[1, 0], [0, 1]] * 50), np.array([[1, 0], [1, 0], [1, 0], [0, 1]] * 25)
    assert marginals.distance(even, even).low == 0
    apart = marginals.distance(even, odd)
    assert 0 < apart.low < 0.25 < apart.high


def test_two_groups_spread_as_jackknifed() -> None:
    """The variance of a group's log standard deviation is that of leaving out each in turn."""
    values = np.random.default_rng(1).normal(10, 2, 30)
    found = marginals.spread(values, values**2)
    logs = [np.log(np.delete(values, i).std(ddof=1)) for i in range(30)]
    assert found.sd == pytest.approx(values.std(ddof=1))
    assert found.log_sd_variance == pytest.approx(29 / 30 * np.sum((logs - np.mean(logs)) ** 2))
    twice = marginals.sd_ratio(found, marginals.spread(2 * values, 4 * values**2))
    assert twice.value == pytest.approx(2)
    assert twice.low < 2 < twice.high


def test_a_scale_that_a_value_is_off_has_no_interval() -> None:
    """A correlation of 1 has no interval on Fisher's scale; a mean of few has none at all."""
    assert np.isnan(jackknifed(1.0, np.ones(5), scale="atanh").low)
    assert np.isnan(jackknifed(1.0, np.ones(1)).low)


@pytest.mark.slow
def test_intervals_cover() -> None:
    """Of 400 samples of 50 pairs, at least 92 % of the intervals hold the truth."""
    rng, held = np.random.default_rng(5), np.zeros(2)
    for _ in range(400):
        x = rng.normal(size=(50, 1))
        y = 0.6 * x + 0.8 * rng.normal(size=(50, 1))
        found = agreement(single(x), single(y), abs(x - y))
        assert found is not None
        held += [found.r.low < 0.6 < found.r.high, found.sd_ratio.low < 1 < found.sd_ratio.high]
    assert (held / 400 >= 0.92).all()
