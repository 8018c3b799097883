"""Tests of `squared_distance` against all pairs of answers, and by simulation."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings

from confound.statistics.drift.squared_distance import l2_squared, l2_squared_between, stratum_l2_squared
from tests.statistics.drift.test_distance import arm_pairs


@settings(deadline=None, max_examples=50)
@given(arm_pairs(max_strata=1))
def test_squared_distance_is_that_of_all_pairs_of_answers(arms):
    """The unbiased form equals the average over pairs of different answers within and between arms."""
    treated, control = arms
    x, y = (np.repeat(np.arange(arm.shape[1]), arm[0]) for arm in arms)
    value = stratum_l2_squared(treated, control)[0]
    if min(x.size, y.size) < 2:
        assert np.isnan(value)
        return
    alike = [np.mean([a == b for a, b in combinations(arm, 2)]) for arm in (x, y)]
    assert value == pytest.approx(sum(alike) - 2 * np.mean([a == b for a, b in product(x, y)]), abs=1e-12)
    rows = [np.eye(arm.shape[1], dtype=np.int64)[z] for arm, z in zip(arms, (x, y), strict=True)]
    assert l2_squared_between(*rows).estimate == pytest.approx(value, abs=1e-12)


def test_squared_distance_needs_two_answers_an_arm():
    """Personas with a single answer are left out; with none left there is no number, with one no interval."""
    one = l2_squared([[1, 0], [4, 2]], [[0, 3], [1, 5]])
    assert one.n_personas == 1
    assert one.estimate == pytest.approx(stratum_l2_squared([[4, 2]], [[1, 5]])[0])
    assert np.isnan([one.ci_low, one.ci_high]).all()
    assert np.isnan(l2_squared([[1, 0]], [[0, 3]]).estimate)
    assert np.isnan(l2_squared_between([[1, 0]], [[0, 3], [1, 1]]).estimate)


def test_arms_of_one_mind_are_at_squared_distance_two_for_sure():
    """Personas who all give one answer in an arm and another in the other leave no doubt."""
    result = l2_squared_between(np.tile([3, 0], (5, 1)), np.tile([0, 2], (7, 1)))
    assert (result.estimate, result.ci_low, result.ci_high, result.n_personas) == (2.0, 2.0, 2.0, 12)


@pytest.mark.slow
@pytest.mark.parametrize("personas", [10, 100])
@pytest.mark.parametrize("trials", [5, 30])
@pytest.mark.parametrize("drift", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("varied", [False, True])
def test_squared_distance_is_unbiased_and_its_t_interval_covers(personas, trials, drift, varied):
    """Calibration within subjects: no bias beyond simulation error, coverage of a nominal .95 at least .92."""
    rng = np.random.default_rng(20260605)
    n, estimates, covered = 500, [], 0
    target = np.eye(4)[rng.integers(4, size=5000) if varied else np.zeros(5000, dtype=int)]
    population = rng.dirichlet(np.ones(4), size=5000)
    drifted = (1 - drift) * population + drift * target
    truth = ((drifted - population) ** 2).sum(axis=1).mean()
    for _ in range(n):
        who = rng.integers(5000, size=personas)
        result = l2_squared(rng.multinomial(trials, drifted[who]), rng.multinomial(trials, population[who]))
        estimates.append(result.estimate)
        covered += result.ci_low <= truth <= result.ci_high
    assert abs(np.mean(estimates) - truth) < 4 * np.std(estimates) / np.sqrt(n)
    assert covered / n >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("n_answers", [2, 4, 10])
@pytest.mark.parametrize("drift", [0.0, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("trials", [1, 5])
def test_squared_distance_between_subjects_covers(n_answers, drift, trials):
    """Calibration between subjects: a nominal .95 interval covers at least .92 at 60 and 40 personas."""
    rng = np.random.default_rng(20260605)
    p = np.arange(n_answers, 0, -1.0) / np.arange(n_answers + 1).sum()
    q = (1 - drift) * p + drift * np.eye(n_answers)[-1]
    truth = ((p - q) ** 2).sum()
    n, covered = 800, 0
    for _ in range(n):
        x, y = (rng.multinomial(trials, rng.dirichlet(2 * shares, size=size)) for shares, size in ((q, 60), (p, 40)))
        result = l2_squared_between(x, y)
        covered += result.ci_low <= truth <= result.ci_high
    assert covered / n >= 0.92


def test_bad_input_is_refused_by_name():
    """Counts that cannot be counted and a confidence of 95 are refused with what was found."""
    with pytest.raises(ValueError, match="treated: stratum 1 has no answers"):
        l2_squared([[1, 2], [0, 0]], [[1, 2], [1, 1]])
    with pytest.raises(ValueError, match="control: persona 0 has a negative count"):
        l2_squared_between([[1, 2]], [[1, -2]])
    for function in (l2_squared, l2_squared_between):
        with pytest.raises(ValueError, match=r"confidence must lie in the interval \(0, 1\) but got 95"):
            function([[1, 2]], [[1, 2]], confidence=95)
