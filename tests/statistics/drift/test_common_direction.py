"""Tests of `common_direction` against enumeration, R, and simulation."""

import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency

from confound.statistics.drift.common_direction import (
    cluster_direction_test,
    common_direction_test,
    general_association_test,
)
from confound.statistics.drift.permutation import permutation_test
from tests.statistics.drift.test_distance import TWINS_DIARY, TWINS_THRILLER, arm_pairs

# Made by tests/reference/cmh.R with coin and R's own mantelhaen.test.
REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "cmh.json").read_text())


def unused_rng() -> np.random.Generator:
    """Return a generator for calls that are refused or use chi-square, and so draw nothing."""
    return np.random.default_rng(0)


def relabelled(treated: np.ndarray, control: np.ndarray) -> list[np.ndarray]:
    """Return the treated counts of every relabelling of one stratum, equal ones as often as they occur."""
    answers = np.repeat(np.arange(treated.size), treated + control)
    choices = combinations(range(answers.size), int(treated.sum()))
    return [np.bincount(answers[list(chosen)], minlength=treated.size) for chosen in choices]


def enumerated_statistics(treated: np.ndarray, control: np.ndarray) -> np.ndarray:
    """Return the statistic over every combination of the strata's relabellings."""
    margin = treated + control
    laws = [relabelled(t, c) for t, c in zip(treated, control, strict=True)]
    return np.array(
        [
            common_direction_test(np.array(draw), margin - np.array(draw), rng=unused_rng(), n_resamples=1).statistic
            for draw in product(*laws)
        ]
    )


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["name"])
def test_statistic_is_that_of_r(case):
    """Statistic, degrees of freedom and chi-square tail agree with coin, and with mantelhaen.test where it answers."""
    result = general_association_test(np.array(case["counts"]), rng=np.random.default_rng(1))
    assert result.statistic == pytest.approx(case["statistic"], rel=1e-9)
    assert result.df == case["df"]
    assert chi2.sf(result.statistic, result.df) == pytest.approx(case["pvalue"], rel=1e-9)
    if case["mantelhaen"] is not None:
        assert result.statistic == pytest.approx(case["mantelhaen"], rel=1e-9)
    if result.method == "chi-square":
        assert result.pvalue == pytest.approx(case["pvalue"], rel=1e-9)


def test_chi_square_is_used_where_counts_allow_it():
    """All of the reference cases with every sum five counts from its bounds take chi-square's p-value."""
    methods = {
        case["name"]: general_association_test(np.array(case["counts"]), rng=np.random.default_rng(1)).method
        for case in REFERENCE["cases"]
    }
    assert methods.pop("one_stratum") == "monte carlo"  # eight answers 5: four expected in an arm
    assert set(methods.values()) == {"chi-square"}


def test_one_stratum_is_pearsons_chi_square_less_a_factor():
    """Between subjects the statistic is Pearson's times (N - 1)/N."""
    table = np.array([[23, 30, 8], [44, 15, 7]])
    pearson = chi2_contingency(table, correction=False)
    result = common_direction_test(table[:1], table[1:], rng=unused_rng())
    n = table.sum()
    assert result.statistic == pytest.approx(pearson.statistic * (n - 1) / n, rel=1e-12)
    assert result.df == pearson.dof


@settings(deadline=None, max_examples=40)
@given(arm_pairs(max_strata=2, max_answers=3))
def test_mean_over_all_relabellings_is_the_degrees_of_freedom(arms):
    """The covariance is the exact one: over every relabelling the statistic averages to `df`."""
    statistics = enumerated_statistics(*arms)
    result = common_direction_test(*arms, rng=unused_rng(), n_resamples=1)
    assert statistics.mean() == pytest.approx(result.df, abs=1e-9)


@settings(deadline=None, max_examples=15)
@given(arm_pairs(max_strata=2, max_answers=3))
def test_monte_carlo_pvalue_is_that_of_enumeration(arms):
    """With few answers p is within simulation error of the share of relabellings that reach the statistic."""
    result = common_direction_test(*arms, rng=np.random.default_rng(2), n_resamples=4000)
    assert result.method == "monte carlo" or result.df == 0
    expected = (enumerated_statistics(*arms) >= result.statistic - 1e-9).mean()
    drawn = max(1, result.n_resamples)
    assert abs(result.pvalue - expected) < 5 * np.sqrt(expected * (1 - expected) / drawn) + 1 / drawn


@settings(deadline=None)
@given(arm_pairs(), st.randoms(use_true_random=False))
def test_statistic_does_not_depend_on_how_the_data_are_laid_out(arms, random):
    """Exchanging the arms, reordering answers, adding an empty answer or a stratum of one answer changes nothing."""
    treated, control = arms
    order = random.sample(range(treated.shape[1]), treated.shape[1])
    alike = np.eye(1, treated.shape[1], dtype=np.int64) * 3
    expected = common_direction_test(treated, control, rng=unused_rng(), n_resamples=1)
    for a, b in [
        (control, treated),
        (treated[:, order], control[:, order]),
        (np.pad(treated, [(0, 0), (0, 1)]), np.pad(control, [(0, 0), (0, 1)])),
        (np.vstack([treated, alike]), np.vstack([control, alike])),
    ]:
        other = common_direction_test(a, b, rng=unused_rng(), n_resamples=1)
        assert other.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
        assert other.df == expected.df


def test_three_arms_of_which_two_were_asked_are_two_arms():
    """Strata that lack an arm count for the others: split by pairs of arms, the statistics add up."""
    first, second = np.array([[12, 9, 9], [7, 14, 9]]), np.array([[6, 15, 9], [13, 9, 8]])
    nobody = np.zeros(3, dtype=np.int64)
    # Arms 0 and 1 in stratum one, arms 2 and 3 in stratum two: two separate comparisons.
    counts = np.array([[*first, nobody, nobody], [nobody, nobody, *second]])
    result = general_association_test(counts, rng=unused_rng())
    parts = [common_direction_test(t[:1], t[1:], rng=unused_rng()) for t in (first, second)]
    assert result.statistic == pytest.approx(sum(part.statistic for part in parts), rel=1e-12)
    assert result.df == 4


def test_three_arms_at_small_counts_are_drawn_at_random():
    """With three small arms the Monte Carlo p-value is that of enumerating who sits in which arm."""
    counts = np.array([[[3, 0], [1, 2], [0, 3]]])
    result = general_association_test(counts, rng=np.random.default_rng(3), n_resamples=20_000)
    answers = np.repeat([0, 1], counts.sum(axis=(0, 1)))
    drawn = []
    for first in combinations(range(9), 3):
        rest = [i for i in range(9) if i not in first]
        for second in combinations(rest, 3):
            arms = [list(first), list(second), [i for i in rest if i not in second]]
            table = np.array([[np.bincount(answers[arm], minlength=2) for arm in arms]])
            drawn.append(general_association_test(table, rng=unused_rng(), n_resamples=1).statistic)
    expected = (np.array(drawn) >= result.statistic - 1e-9).mean()
    assert result.method == "monte carlo"
    assert result.pvalue == pytest.approx(expected, abs=5 * np.sqrt(expected / result.n_resamples))


def test_nothing_that_varies_gives_one():
    """Answers that are the same in both arms of each stratum have no degree of freedom and p = 1."""
    result = common_direction_test([[5, 0], [0, 3]], [[4, 0], [0, 6]], rng=unused_rng())
    assert (result.statistic, result.df, result.pvalue, result.n_strata) == (0.0, 0, 1.0, 2)


def test_personas_with_one_answer_each_are_one_stratum():
    """Between subjects, rows of personas with one answer give the pooled test."""
    rows = [np.repeat(np.eye(5, dtype=np.int64), arm[0], axis=0) for arm in (TWINS_THRILLER, TWINS_DIARY)]
    expected = common_direction_test(TWINS_THRILLER, TWINS_DIARY, rng=np.random.default_rng(4))
    assert cluster_direction_test(*rows, rng=np.random.default_rng(4)) == expected


def test_personas_with_equal_answers_weigh_as_one_answer():
    """A persona that repeats itself is no more evidence than one that answers once."""
    rows = [np.repeat(np.eye(5, dtype=np.int64), arm[0], axis=0) for arm in (TWINS_THRILLER, TWINS_DIARY)]
    repeated = cluster_direction_test(*(3 * arm for arm in rows), rng=np.random.default_rng(4))
    once = cluster_direction_test(*rows, rng=np.random.default_rng(4))
    assert repeated.statistic == pytest.approx(once.statistic, rel=1e-9)
    assert repeated.df == once.df


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[1, 2], [1, 1]], r"counts must have shape \(strata, arms, answers\), two arms or more, but got shape \(2, 2"),
        ([[[1, 2]]], r"two arms or more, but got shape \(1, 1, 2\)"),
        ([[[1, 2], [0, 0]], [[1, 2], [0, 0]]], "counts: arm 1 has no answers"),
        ([[[1, 2], [1, 0]], [[1, -2], [0, 0]]], "counts: stratum 1 has a negative count"),
        ([[[1.0, 2.0], [1.0, 0.0]]], "counts must hold integer counts but got dtype float64"),
    ],
)
def test_bad_counts_are_refused(counts, message):
    """What cannot be counted is refused, naming the argument and the fault."""
    with pytest.raises(ValueError, match=message):
        general_association_test(np.array(counts), rng=unused_rng())


def test_resamples_below_one_are_refused():
    """A Monte Carlo test of no draws is refused."""
    with pytest.raises(ValueError, match="n_resamples must be at least 1 but got 0"):
        common_direction_test([[5, 1]], [[1, 5]], rng=unused_rng(), n_resamples=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("personas", "sizes", "n_answers", "concentration"),
    [
        (100, (30, 30), 4, 1.0),
        (10, (5, 5), 4, 1.0),
        (10, (8, 2), 10, 0.3),
        (100, (5, 5), 4, 0.05),
        (1, (60, 40), 5, 1.0),
        (10, (30, 30), 3, 0.02),
    ],
)
def test_rejects_no_more_often_than_its_level(personas, sizes, n_answers, concentration):
    """Calibration: with no drift, few answers and near-deterministic personas included, p <= .05 in 5 % at most."""
    rng = np.random.default_rng(20260605)
    n = 800
    rejected = 0
    for _ in range(n):
        shares = rng.dirichlet(np.full(n_answers, concentration), size=personas)
        arms = [np.array(rng.multinomial(size, shares)) for size in sizes]
        rejected += common_direction_test(*arms, rng=rng, n_resamples=199).pvalue <= 0.05
    assert rejected / n < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


@pytest.mark.slow
def test_power_is_large_where_personas_drift_alike():
    """At a distance of .05 in one direction it finds what the summed distance misses, and the reverse if varied."""
    rng = np.random.default_rng(20260605)
    n, drift = 120, 0.0667  # moved to one answer of four: a distance of .05 on average
    rejected = np.zeros((2, 2))
    for _ in range(n):
        shares = rng.dirichlet(np.ones(4), size=100)
        control = rng.multinomial(30, shares)
        for i, target in enumerate([np.zeros(100, dtype=int), rng.integers(4, size=100)]):
            treated = rng.multinomial(30, (1 - drift) * shares + drift * np.eye(4)[target])
            rejected[i] += [
                common_direction_test(treated, control, rng=rng).pvalue <= 0.05,
                permutation_test(treated, control, rng=rng).pvalue <= 0.05,
            ]
    (common, summed), (common_varied, summed_varied) = rejected / n
    assert common > 0.85 > 0.5 > summed
    assert common_varied < 0.2 < summed_varied + 0.1
