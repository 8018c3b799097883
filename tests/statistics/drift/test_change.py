"""Tests of `change` against closed forms and simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmarks.validity.drift import comparisons
from confound.statistics.drift import distance
from confound.statistics.drift.change import change_in_drift, difference_in_drift, pooled_drift_test
from confound.statistics.drift.measured import MeasuredDrift


def drift(by_persona: np.ndarray, ends: tuple[float, float, float], by_chance: float = 0.1) -> MeasuredDrift:
    """Return a drift whose estimate and ends are given and whose posterior says nothing of its shape."""
    return MeasuredDrift(*ends, by_persona, np.full(len(by_persona), by_chance), np.zeros(50), np.zeros(50))


def uneven(measured: MeasuredDrift, ratio: float) -> MeasuredDrift:
    """Return the drift with a posterior that puts all its draws at one unevenness."""
    return replace(measured, distances=np.full(50, 0.1), squares=np.full(50, (0.1 * ratio) ** 2))


LARGE, SMALL = (0.3, 0.2, 0.35), (0.1, 0.0, 0.18)


@pytest.fixture
def values() -> tuple[np.ndarray, np.ndarray]:
    """Return two clearly different samples of persona drifts."""
    return np.random.default_rng(1).normal([[0.3], [0.1]], 0.1, size=(2, 30))


def test_alike_shapes_are_compared_by_the_paired_t_test(values):
    """The p-value is scipy's, of personas' means over the controls asked; the estimate that of corrected distances."""
    later, earlier = values
    other = np.where(np.arange(30) == 4, np.nan, later + 0.05)
    result = change_in_drift([drift(later, LARGE), drift(other, LARGE)], [drift(earlier, SMALL), drift(earlier, SMALL)])
    expected = stats.ttest_rel(np.nanmean([later, other], axis=0), earlier)
    assert result.pvalue == pytest.approx(expected.pvalue)
    assert (result.estimate, result.n_personas, result.alike) == (pytest.approx(0.2), 30, True)


def test_groups_are_compared_by_welchs_test(values):
    """Two groups of different personas, alike in shape, have Welch's p-value."""
    group, reference = values[0][:9], values[1]
    result = difference_in_drift([drift(group, LARGE)], [drift(reference, SMALL)])
    assert result.pvalue == pytest.approx(stats.ttest_ind(group, reference, equal_var=False).pvalue)
    assert result.n_personas == 39


def test_the_interval_joins_both_intervals(values):
    """The ends are those of Zou and Donner (2008), from the ends of the two corrected distances."""
    result = change_in_drift([drift(values[0], LARGE)], [drift(values[1], (0.1, 0.05, 0.18))])
    assert result.ci_low == pytest.approx(0.2 - np.hypot(0.1, 0.08))
    assert result.ci_high == pytest.approx(0.2 + np.hypot(0.05, 0.05))
    assert result.se == pytest.approx((result.ci_high - result.ci_low) / (2 * stats.norm.ppf(0.975)))


@pytest.mark.parametrize("by_chance", [0.05, 0.1])
def test_what_answers_less_varied_can_explain_is_taken_off(values, by_chance):
    """Where the larger drift has the lower no-drift mean, p is larger, and the interval decides with it."""
    sharp, plain = drift(values[0], LARGE, by_chance), drift(values[1], SMALL)
    result, reverse = change_in_drift([sharp], [plain]), change_in_drift([plain], [sharp])
    t = stats.ttest_rel(values[0] - 0.75 * (0.1 - by_chance), values[1]).pvalue
    robust = 2 * stats.norm.sf(0.2 * stats.norm.ppf(0.975) / np.hypot(0.1, 0.08))
    assert result.pvalue == pytest.approx(t if by_chance == 0.1 else max(t, robust))
    assert result.alike == (by_chance == 0.1)
    assert (reverse.estimate, reverse.pvalue) == pytest.approx((-result.estimate, result.pvalue))
    assert (reverse.ci_low, reverse.ci_high) == pytest.approx((-result.ci_high, -result.ci_low))


@pytest.mark.parametrize(("ratios", "alike"), [((2.0, 1.3), False), ((1.3, 2.0), True), ((1.3, 1.27), True)])
def test_a_drift_that_seems_larger_as_it_is_more_uneven_needs_the_interval(values, ratios, alike):
    """Only where the larger drift is the more uneven one do shapes count as unlike."""
    one, other = drift(values[0], (0.12, 0.05, 0.2)), drift(values[1], SMALL)
    result = change_in_drift([uneven(one, ratios[0])], [uneven(other, ratios[1])])
    assert result.alike == alike
    assert (result.pvalue <= 0.05) == alike


def test_the_interval_holds_0_where_the_test_does_not_reject(values):
    """Estimate, interval and p-value never disagree, whichever of the tests decides."""
    rng = np.random.default_rng(2)
    for _ in range(300):
        ends = np.sort(rng.random((2, 3)) * rng.choice([0.2, 1.0]), axis=1)[:, [1, 0, 2]]
        sides = [
            uneven(drift(rng.permutation(v), tuple(e)), rng.uniform(1, 3)) for v, e in zip(values, ends, strict=True)
        ]
        result = change_in_drift([sides[0]], [sides[1]])
        assert (result.pvalue <= 0.05) == (result.ci_low > 0 or result.ci_high < 0)
        assert result.ci_low <= result.estimate <= result.ci_high


def test_nothing_to_compare_gives_no_number():
    """Without a persona in both there is no estimate; with one the interval decides; the pooled test needs two."""
    nothing = drift(np.full(3, np.nan), (np.nan, np.nan, np.nan))
    for compare in (change_in_drift, difference_in_drift):
        assert np.isnan(compare([nothing], [drift(np.zeros(3), SMALL)]).estimate)
        assert np.isnan(compare([], []).estimate)
    one = change_in_drift([drift(np.array([0.4]), LARGE)], [drift(np.array([0.1]), (0.1, 0.05, 0.15))])
    assert one.estimate == pytest.approx(0.2)
    assert (one.alike, one.pvalue < 0.05, one.ci_low > 0) == (False, True, True)
    assert np.isnan(pooled_drift_test([[0.1, np.nan], [np.nan, np.nan]]))
    assert pooled_drift_test(np.zeros((5, 2))) == 1.0


def test_sides_that_do_not_match_are_refused():
    """Other controls, or another number of personas, are refused with what was found."""
    three, four = drift(np.zeros(3), SMALL), drift(np.zeros(4), SMALL)
    with pytest.raises(ValueError, match=r"but got 1 and 1 controls of \[3, 4\] personas"):
        change_in_drift([three], [four])
    with pytest.raises(ValueError, match="must have the same controls but got 2 and 1"):
        difference_in_drift([three, three], [three])


@pytest.mark.slow
def test_comparisons_hold_their_level_and_keep_their_power():
    """Calibration: equal distances, unlike shapes reject 5 % at most; alike shapes as often as the t test."""
    pairs = [pair for pair in comparisons.pairs() if pair.n_trials == 30 and pair.n_controls == 1]
    level = [pair for pair in pairs if pair.sizes == (0.1, 0.1) and pair.earlier != pair.later][:4]
    power = [pair for pair in pairs if pair.earlier == pair.later == comparisons.MIXED_ALL and pair.sizes[0] > 0.1]
    n = 40
    kinds = {side(pair) for pair in level + power for side in (comparisons.earlier, comparisons.later)}
    measured = {kind: comparisons.measure(kind, n, 1) for kind in kinds}
    limit = 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    for pair in level:
        found = comparisons.Found(*comparisons.cell(pair, measured))
        assert found.rejects <= limit
        assert found.covers >= 1 - limit
    for pair in power:
        found = comparisons.Found(*comparisons.cell(pair, measured))
        assert found.rejects >= found.signed_root_rejects - 0.05


@pytest.mark.slow
@pytest.mark.parametrize("alike", [0.0, 0.7])
@pytest.mark.parametrize(("personas", "trials"), [(10, 5), (100, 5), (100, 30)])
def test_pooled_test_holds_its_level_whatever_the_dependence(personas, trials, alike):
    """Calibration: over six controls answered in one conversation, p <= .05 in 5 % at most with no drift."""
    rng = np.random.default_rng(20260605)
    n, rejected = 400, 0
    for _ in range(n):
        mood = rng.random((2, personas, trials))
        excess = []
        for _ in range(6):
            edges = np.cumsum(rng.dirichlet(np.ones(4), size=personas), axis=1)[:, None]
            point = np.where(rng.random(mood.shape) < alike, mood, rng.random(mood.shape))
            answer = np.minimum((point[..., None] > edges).sum(axis=-1), 3)
            counts = (answer[..., None] == np.arange(4)).sum(axis=2)
            excess.append(distance.stratum_distances(*counts) - distance.stratum_null_means(*counts))
        rejected += pooled_drift_test(np.stack(excess, axis=1)) <= 0.05
    assert rejected / n < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
