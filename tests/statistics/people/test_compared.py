"""Effects on simulated users beside those on people: plain formulas as the oracle, and what noise must not move."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.validity.people import effects as worlds
from confound.statistics.effect.difference import paired_difference, welch_difference
from confound.statistics.people import compared, influence
from confound.statistics.people.agreement import Answers
from confound.statistics.people.compared import Effects


def exact(people: np.ndarray, simulated: np.ndarray) -> Effects:
    """Return effects without noise, each of a study of its own."""
    none = np.zeros((len(people), len(people)))
    return Effects(people, simulated, none, none, none, np.arange(len(people)))


def test_without_noise_it_is_what_scipy_says() -> None:
    """r, concordance and slopes are the textbook's, and correcting for no noise changes nothing."""
    rng = np.random.default_rng(0)
    x = rng.normal(0.3, 1, 12)
    y = 0.4 * x + rng.normal(0, 0.3, 12)
    found = compared.measures(exact(y, x))
    line = stats.linregress(x, y)
    concordance = 2 * np.cov(x, y)[0, 1] / (x.var(ddof=1) + y.var(ddof=1) + (x.mean() - y.mean()) ** 2)
    expected = {
        "r": line.rvalue,
        "slope": line.slope,
        "slope_through_zero": x @ y / (x @ x),
        "slope_simulated": stats.linregress(y, x).slope,
        "ccc": concordance,
    }
    for name, value in expected.items():
        for key in (name, f"{name}_corrected"):
            estimate = found[key].estimate
            assert estimate.value == pytest.approx(value, abs=1e-12)
            assert estimate.low < value < estimate.high


def test_influences_make_the_errors_of_the_usual_tests() -> None:
    """Parts of personas make Welch's and the paired t test's errors, and d is scipy's pooled one."""
    rng = np.random.default_rng(1)
    one, other = rng.normal(1, 2, 30), rng.normal(0, 1, 30)
    sides = [Answers(v, v**2) for v in (one, other)]
    between = influence.standardized(*sides, paired=False)
    assert between.se == pytest.approx(welch_difference(one[:, None], other[:, None]).se[0])
    pooled = np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2)
    assert between.d == pytest.approx((one.mean() - other.mean()) / pooled)
    within = influence.standardized(*sides, paired=True)
    assert within.se == pytest.approx(paired_difference(one[:, None], other[:, None]).se[0])


def test_a_gap_between_the_same_persons_is_the_test_of_their_differences() -> None:
    """Where persona and person share names, the difference of two effects is Welch's of their differences."""
    rng = np.random.default_rng(2)
    people = rng.normal(size=(2, 40))
    simulated = 0.7 * people + 0.5 * rng.normal(size=(2, 40))
    one, other = (
        influence.standardized(*(Answers(v, v**2) for v in arms), paired=False) for arms in (simulated, people)
    )
    parts = tuple(a - b for a, b in zip(one.parts, other.parts, strict=True))
    found = influence.gap(one.estimate, other.estimate, parts)
    test = stats.ttest_ind(*(simulated - people), equal_var=False)
    assert found.pvalue == pytest.approx(test.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()))


def test_d_counts_the_noise_of_the_standard_deviation() -> None:
    """The error of d is that of the delta method: at normal answers near Hedges and Olkin's formula."""
    rng = np.random.default_rng(3)
    one, other = rng.normal(1.5, 1, 2000), rng.normal(0, 1, 2000)
    found = influence.standardized(*(Answers(v, v**2) for v in (one, other)), paired=False)
    assert found.d_se == pytest.approx(np.sqrt(2 / 2000 + found.d**2 / (2 * 4000)), rel=0.03)


def test_five_effects_in_three_studies_are_needed() -> None:
    """Fewer studies leave the estimate without an interval and a reason; noise alone refuses a correction."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 6))
    none = np.zeros((6, 6))
    found = compared.measures(Effects(y, x, none, none, none, np.array([0, 0, 0, 1, 1, 1])))
    assert np.isnan(found["slope"].estimate.low)
    assert found["slope"].reason == compared.ONE_STUDY
    noise = 10 * np.eye(6)
    refused = compared.measures(Effects(y, x, noise, noise, none, np.arange(6)))
    assert np.isnan(refused["slope_corrected"].estimate.value)
    assert refused["slope_corrected"].reason == compared.NOISE
    assert np.isfinite(refused["slope"].estimate.value)


def test_the_order_of_effects_does_not_matter() -> None:
    """Effects in another order give the same."""
    effects = worlds.draw(worlds.World((3, 4, 2, 5), 0.3), np.random.default_rng(5))
    order = np.random.default_rng(6).permutation(14)
    place = np.ix_(order, order)
    noises = (effects.noise_people[place], effects.noise_simulated[place], effects.noise_product[place])
    turned = Effects(effects.people[order], effects.simulated[order], *noises, effects.study[order])
    one, other = compared.measures(effects), compared.measures(turned)
    for name, found in one.items():
        assert other[name].estimate == pytest.approx(found.estimate, nan_ok=True)


def test_shares_have_an_interval_over_studies() -> None:
    """A study that decides alone makes the interval wide; no significant effect is said, not counted as 0."""
    hits = np.array([True] * 8 + [False] * 8)
    every = np.ones(16, dtype=bool)
    spread = compared.share(hits, every, np.tile(np.arange(8), 2)).estimate
    lumped = compared.share(hits, every, np.repeat(np.arange(4), 4)).estimate
    assert lumped.high - lumped.low > spread.high - spread.low
    assert compared.share(hits, ~every, np.arange(16)).reason == compared.NONE_SIGNIFICANT


@pytest.mark.slow
def test_the_corrected_slope_is_free_of_noise() -> None:
    """With noise the slope seen is too small; the corrected one is right on average, and its interval holds it."""
    rng, world = np.random.default_rng(7), worlds.World((1,) * 40, 0.2)
    true = worlds.truths()["slope_simulated_corrected"]
    seen, right, held = [], [], 0
    for _ in range(300):
        found = compared.measures(worlds.draw(world, rng))
        estimate = found["slope_simulated_corrected"].estimate
        seen.append(found["slope_simulated"].estimate.value)
        right.append(estimate.value)
        held += estimate.low < true < estimate.high
    assert np.mean(seen) < true - 0.15
    assert np.mean(right) == pytest.approx(true, abs=0.06)
    assert held / 300 > 0.91
