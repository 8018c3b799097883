"""Tests of `ordered` against enumeration, scipy, and simulation."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_hypergeom, wasserstein_distance

from confound.statistics.drift import distance, ordered_law
from confound.statistics.drift.ordered import cluster_ordered_test, ordered_test
from tests.statistics.drift.test_distance import TWINS_DIARY, TWINS_THRILLER, arm_pairs


def scores(n_answers: int, seed: int = 0) -> np.ndarray:
    """Return numbers of answers, uneven and not in order."""
    return np.random.default_rng(seed).permutation(np.cumsum(1.0 + np.arange(n_answers)) / 3)


@given(arm_pairs())
@settings(deadline=None, max_examples=40)
def test_agrees_with_scipy(arms):
    """Reference values: scipy's distance of each stratum's samples, averaged; between, of the averaged shares."""
    treated, control = arms
    values = scores(treated.shape[1])
    own = [wasserstein_distance(values, values, t, c) for t, c in zip(treated, control, strict=True)]
    if (treated.sum(axis=1) + control.sum(axis=1) > 2).any():
        assert ordered_test(treated, control, values, n_resamples=1).statistic == pytest.approx(np.mean(own))
    shares = [(arm / arm.sum(axis=1, keepdims=True)).mean(axis=0) for arm in arms]
    between = cluster_ordered_test(treated, control, values, n_resamples=1)
    assert between.statistic == pytest.approx(wasserstein_distance(values, values, *shares))


@given(arm_pairs(), st.floats(-1e3, 1e3), st.floats(0.01, 100))
@settings(deadline=None, max_examples=40)
def test_scores_may_be_shifted_and_scaled(arms, shift, scale):
    """A shift of all scores changes nothing; a factor multiplies the distances and leaves the p-value."""
    treated, control = arms
    values = scores(treated.shape[1])
    for test in (ordered_test, cluster_ordered_test):
        plain = test(treated, control, values, n_resamples=49)
        moved = test(treated, control, shift + scale * values, n_resamples=49)
        assert moved.statistic == pytest.approx(scale * plain.statistic, abs=1e-9)
        assert moved.null_mean == pytest.approx(scale * plain.null_mean, abs=1e-9)
        assert moved.pvalue == plain.pvalue


@given(arm_pairs())
@settings(deadline=None, max_examples=40)
def test_swapped_arms_are_as_far_apart(arms):
    """The distance and its exact expectation do not tell the arms apart."""
    values = scores(arms[0].shape[1])
    there, back = (ordered_test(*pair, values, n_resamples=1) for pair in (arms, arms[::-1]))
    assert there.statistic == pytest.approx(back.statistic)
    assert there.null_mean == pytest.approx(back.null_mean)


@given(arm_pairs())
@settings(deadline=None, max_examples=40)
def test_two_answers_are_the_difference_of_shares(arms):
    """With two answers one apart the distance is the total variation distance, and so is its expectation."""
    treated, control = (np.column_stack([arm[:, 0], arm[:, 1:].sum(axis=1)]) for arm in arms)
    found = ordered_test(treated, control, [0, 1], n_resamples=1)
    one_answer = (treated.sum(axis=1) + control.sum(axis=1) == 2).all()
    seen, chance = (
        (distance.population_plugin, distance.population_null_mean)
        if one_answer
        else (distance.plugin, distance.null_mean)
    )
    assert found.statistic == pytest.approx(seen(treated, control))
    assert found.null_mean == pytest.approx(chance(treated, control))


@given(arm_pairs(), st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_no_order_of_rows_or_columns_moves_a_number(arms, seed):
    """Strata and answers in another order, and answers never given, leave every digit."""
    treated, control = arms
    rng = np.random.default_rng(seed)
    values = scores(treated.shape[1])
    rows, columns = rng.permutation(len(treated)), rng.permutation(treated.shape[1])
    moved = [np.column_stack([arm[rows][:, columns], np.zeros(len(arm), dtype=int)]) for arm in arms]
    for test in (ordered_test, cluster_ordered_test):
        plain = test(treated, control, values, n_resamples=49)
        assert test(*moved, [*values[columns], 1e6], n_resamples=49) == plain


@given(arm_pairs())
@settings(deadline=None, max_examples=40)
def test_the_distance_is_at_least_the_difference_of_means(arms):
    """Moving a distribution by its mean's difference is the least that can be needed."""
    treated, control = arms
    values = scores(treated.shape[1])
    means = [(arm @ values / arm.sum(axis=1)).mean() for arm in arms]
    for test in (ordered_test, cluster_ordered_test):
        assert test(treated, control, values, n_resamples=1).statistic >= abs(means[0] - means[1]) - 1e-9


def test_answers_with_one_number_count_as_one():
    """Two answers that mean the same are no distance apart."""
    merged = ordered_test([[3, 2], [1, 4]], [[1, 4], [2, 3]], [1, 2], n_resamples=99)
    apart = ordered_test([[1, 2, 2], [1, 0, 4]], [[0, 1, 4], [1, 1, 3]], [1, 1, 2], n_resamples=99)
    assert apart == merged


@pytest.mark.parametrize(("values", "method"), [((0, 1, 5), "exact"), ((0, 1, 1 + 4 * 2**0.5), "monte carlo")])
def test_within_agrees_with_enumeration(values, method):
    """Over every relabelling of two strata: exact where steps share a unit, p up to Monte Carlo error where not."""
    samples = [([0, 0, 2], [1, 2]), ([1, 2], [0, 0, 1])]
    counts = [np.array([np.bincount(s[arm], minlength=3) for s in samples]) for arm in (0, 1)]
    laws = []
    for one, other in samples:
        pooled = np.array([values[k] for k in one + other])
        chosen = [np.isin(np.arange(pooled.size), c) for c in combinations(range(pooled.size), len(one))]
        laws.append([wasserstein_distance(pooled[c], pooled[~c]) for c in chosen])
    drawn = np.array([np.mean(pair) for pair in product(*laws)])
    observed = np.mean([law[0] for law in laws])
    found = ordered_test(*counts, values)
    assert found.method == method
    assert found.statistic == pytest.approx(observed)
    assert found.null_mean == pytest.approx(drawn.mean())
    close = {"rel": 1e-9, "abs": 0} if method == "exact" else {"abs": 0.02}
    assert found.pvalue == pytest.approx((drawn >= observed - 1e-9).mean(), **close)


@given(arm_pairs(max_strata=4))
@settings(deadline=None, max_examples=40)
def test_exact_and_drawn_agree(arms):
    """The exact p-value lies within the Monte Carlo error of relabelling."""
    treated, control = arms
    values = np.arange(treated.shape[1]) ** 2
    exact = ordered_test(treated, control, values)
    if exact.method == "exact":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ordered_law, "EXACT_LIMIT_NS", 0.0)
            drawn = ordered_test(treated, control, values)
        assert drawn.pvalue == pytest.approx(exact.pvalue, abs=0.025)


def test_equal_trials_cost_little_and_go_far_below_one_in_ten_thousand():
    """A hundred personas with thirty trials, all moved from one end to the other: exact, however small."""
    treated, control = (np.tile(np.eye(5, dtype=int)[level] * 30, (100, 1)) for level in (4, 0))
    found = ordered_test(treated, control, range(1, 6))
    assert (found.method, found.statistic) == ("exact", 4.0)
    assert found.pvalue < 1e-300


def test_whole_steps():
    """Steps with a shared unit are counted in it, whatever the unit; others have none."""
    assert ordered_law.whole_steps(np.array([0.1, 0.3, 0.1])).tolist() == [1, 3, 1]
    assert ordered_law.whole_steps(np.array([2.0, 5.0])).tolist() == [2, 5]
    assert ordered_law.whole_steps(np.array([1.0, np.pi])) is None


def test_one_answer_an_arm_agrees_with_enumeration():
    """Where each stratum has one answer an arm, over every way to change arms."""
    one, other = np.array([3, 3, 2, 5, 1]), np.array([1, 2, 2, 2, 3])
    values = [1, 2, 3, 5]
    counts = [np.array([[int(v == x) for v in values] for x in arm]) for arm in (one, other)]
    drawn = [
        wasserstein_distance(np.where(swapped, other, one), np.where(swapped, one, other))
        for swapped in product([False, True], repeat=len(one))
    ]
    found = ordered_test(*counts, values)
    assert found.statistic == pytest.approx(wasserstein_distance(one, other))
    assert found.null_mean == pytest.approx(np.mean(drawn))
    assert found.pvalue == pytest.approx(np.mean(np.array(drawn) >= found.statistic - 1e-9), abs=0.02)


@pytest.mark.parametrize("answers_each", [1, 3])
def test_between_agrees_with_enumeration(answers_each):
    """Over every way to put whole personas into the arms; a persona with one answer or several."""
    values = [0, 1, 4]
    rng = np.random.default_rng(3)
    counts = rng.multinomial(answers_each, [0.4, 0.3, 0.3], size=7)
    shares = counts / answers_each
    drawn = []
    for chosen in combinations(range(7), 3):
        treated = np.isin(np.arange(7), chosen)
        drawn.append(wasserstein_distance(values, values, shares[treated].mean(axis=0), shares[~treated].mean(axis=0)))
    found = cluster_ordered_test(counts[:3], counts[3:], values)
    assert found.statistic == pytest.approx(drawn[0])
    assert found.null_mean == pytest.approx(np.mean(drawn), rel=0.02)
    assert found.pvalue == pytest.approx(np.mean(np.array(drawn) >= drawn[0] - 1e-9), abs=0.02)


def test_twins_remember_more_thrillers():
    """Story Beliefs: the arms' counts of thrillers read lie half a level apart, far beyond chance."""
    answers = [np.repeat(np.eye(5, dtype=int), arm[0], axis=0) for arm in (TWINS_THRILLER, TWINS_DIARY)]
    found = cluster_ordered_test(*answers, range(1, 6))
    assert found.statistic == pytest.approx(0.49986, abs=1e-5)
    assert found.null_mean == pytest.approx(0.108, abs=0.001)
    margin, n1, n0 = (TWINS_THRILLER + TWINS_DIARY)[0, 1:4], int(TWINS_THRILLER.sum()), int(TWINS_DIARY.sum())
    tables = [(a, b, n1 - a - b) for a in range(n1 + 1) for b in range(n1 - a + 1) if n1 - a - b <= margin[2]]
    chances = multivariate_hypergeom.pmf(tables, margin, n1)
    up_to = np.cumsum(tables, axis=1)[:, :2]
    far = np.abs(up_to / n1 - (np.cumsum(margin)[:2] - up_to) / n0).sum(axis=1) >= found.statistic - 1e-9
    assert found.pvalue == pytest.approx(chances[far].sum(), rel=1e-9, abs=0)
    assert found.pvalue == pytest.approx(1.036e-5, rel=1e-3, abs=0)


def test_one_answer_throughout_is_no_distance():
    """Where everyone answers alike there is nothing to move."""
    for test in (ordered_test, cluster_ordered_test):
        found = test([[2, 0], [2, 0]], [[2, 0], [3, 0]], [1, 2], n_resamples=9)
        assert (found.statistic, found.null_mean, found.pvalue) == (0.0, 0.0, 1.0)


def test_values_must_be_numbers():
    """A number that is missing, or one too few, is refused."""
    for values in ([1, np.nan], [1]):
        with pytest.raises(ValueError, match="values must be 2 finite numbers, one an answer"):
            ordered_test([[1, 1]], [[1, 1]], values)


@pytest.mark.slow
@pytest.mark.parametrize(("personas", "trials", "answers"), [(10, 5, 5), (100, 5, 5), (30, 10, 60), (40, 1, 5)])
def test_the_tests_hold_their_level(personas, trials, answers):
    """Calibration: with no drift p <= .05 in 5 % at most, and the distance is its expectation on average."""
    rng = np.random.default_rng(20261127)
    n, values = 200, np.arange(answers)
    rejected, excess = np.zeros(2), np.zeros((n, 2))
    for i in range(n):
        shares = rng.dirichlet(np.full(answers, 4 / answers), size=(2, personas))
        within = ordered_test(*rng.multinomial(trials, [shares[0]] * 2), values, n_resamples=499)
        between = cluster_ordered_test(*rng.multinomial(trials, shares), values, n_resamples=499)
        rejected += [test.pvalue <= 0.05 for test in (within, between)]
        excess[i] = [test.statistic - test.null_mean for test in (within, between)]
    assert (rejected / n < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)).all()
    assert (np.abs(excess.mean(axis=0)) < 4 * excess.std(axis=0) / np.sqrt(n)).all()


@pytest.mark.slow
def test_it_finds_a_shift_that_the_total_variation_distance_does_not():
    """Power: a slider moved by 4 of its 100 points, 60 personas with ten trials."""
    rng = np.random.default_rng(20261127)
    found = np.zeros(2)
    for _ in range(100):
        middle = rng.uniform(20, 80, size=(60, 1))
        arms = [np.clip(np.round(rng.normal(middle + shift, 10, size=(60, 10))), 0, 100) for shift in (4, 0)]
        counts = [np.stack([np.bincount(own.astype(int), minlength=101) for own in arm]) for arm in arms]
        found[0] += ordered_test(*counts, np.arange(101), n_resamples=499).pvalue <= 0.05
        bins = np.searchsorted(np.quantile(np.concatenate(arms, axis=1), np.arange(0.1, 1, 0.1)), arms, side="right")
        binned = [np.stack([np.bincount(own, minlength=10) for own in arm]) for arm in bins]
        excess = distance.stratum_distances(*binned) - distance.stratum_null_means(*binned)
        found[1] += excess.mean() / excess.std(ddof=1) * np.sqrt(60) > 1.671
    assert found[0] > 60
    assert found[0] > found[1] + 20
