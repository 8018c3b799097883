"""Tests of `several_arms` against enumeration, the test of two arms, and simulation."""

from itertools import combinations

import numpy as np
import pytest

from confound.statistics.drift.common_direction import general_association_test
from confound.statistics.drift.permutation import cluster_permutation_test, permutation_test
from confound.statistics.drift.several_arms import cluster_k_sample_test, k_sample_test


def statistic(counts: np.ndarray) -> float:
    """Return the statistic of one stratum as defined: scaled mean distance of the arms to what they give together."""
    pooled = counts.sum(axis=0) / counts.sum()
    distances = [np.abs(arm / arm.sum() - pooled).sum() / 2 for arm in counts]
    return float(np.mean(distances)) * len(counts) / (len(counts) - 1)


def enumerated(counts: np.ndarray) -> np.ndarray:
    """Return the statistic of every way to seat one stratum's answers in its three arms."""
    given = np.repeat(np.arange(counts.shape[1]), counts.sum(axis=0))
    sizes = counts.sum(axis=1)
    everyone = set(range(given.size))
    values = []
    for first in combinations(sorted(everyone), int(sizes[0])):
        for second in combinations(sorted(everyone - set(first)), int(sizes[1])):
            third = everyone - set(first) - set(second)
            arms = [given[list(seats)] for seats in (first, second, third)]
            values.append(statistic(np.array([np.bincount(arm, minlength=counts.shape[1]) for arm in arms])))
    return np.array(values)


@pytest.mark.parametrize(
    "counts", [[[3, 0, 0], [1, 2, 0], [0, 1, 2]], [[2, 0], [1, 3], [0, 2]], [[1, 1, 1], [0, 4, 0], [2, 0, 0]]]
)
def test_pvalue_and_null_mean_are_those_of_enumeration(counts):
    """With three small arms, equal or not, statistic and null mean are exact and p within simulation error."""
    table = np.array(counts)
    result = k_sample_test(table[None], rng=np.random.default_rng(1), n_resamples=20_000)
    values = enumerated(table)
    expected = (values >= statistic(table) - 1e-9).mean()
    assert result.statistic == pytest.approx(statistic(table), abs=1e-12)
    assert result.null_mean == pytest.approx(values.mean(), rel=1e-9)
    assert result.pvalue == pytest.approx(expected, abs=5 * np.sqrt(expected / result.n_resamples))


def test_two_arms_are_the_exact_test():
    """With two arms the result is that of the test of two arms; a third that was never asked is refused."""
    rng = np.random.default_rng(2)
    counts = rng.multinomial(12, rng.dirichlet(np.ones(4), size=(6, 1)).repeat(2, axis=1))
    expected = permutation_test(counts[:, 1], counts[:, 0], rng=rng)
    assert k_sample_test(counts, rng=rng) == expected
    assert np.mean([statistic(stratum) for stratum in counts]) == pytest.approx(expected.statistic)
    with pytest.raises(ValueError, match="counts: arm 2 has no answers"):
        k_sample_test(np.pad(counts, [(0, 0), (0, 1), (0, 0)]), rng=rng)


def test_arms_missing_from_a_stratum_are_left_out_of_it():
    """Strata with fewer arms take part with those they have; a stratum with a single arm does not."""
    counts = np.array([[[5, 1], [2, 4], [3, 3]], [[6, 0], [0, 0], [1, 5]], [[4, 4], [0, 0], [0, 0]]])
    result = k_sample_test(counts, rng=np.random.default_rng(3), n_resamples=999)
    expected = (statistic(counts[0]) + statistic(counts[1][[0, 2]])) / 2
    assert result.statistic == pytest.approx(expected)
    assert result.n_strata == 2


def test_arms_without_a_common_answer_are_at_one():
    """Three arms that share no answer are as far apart as can be, whatever their sizes."""
    result = k_sample_test(np.array([[[9, 0, 0], [0, 2, 0], [0, 0, 5]]]), rng=np.random.default_rng(4), n_resamples=99)
    assert result.statistic == pytest.approx(1.0)


def test_personas_with_several_answers_are_permuted_whole():
    """Between subjects each persona weighs the same; two arms are the persona test, one answer each is one stratum."""
    rng = np.random.default_rng(5)
    arms = [np.array(rng.multinomial(4, rng.dirichlet(np.ones(3), size=n))) for n in (8, 11, 9)]
    result = cluster_k_sample_test(*arms, rng=np.random.default_rng(6))
    tripled = cluster_k_sample_test(*(3 * arm for arm in arms), rng=np.random.default_rng(6))
    assert tripled == result
    two = cluster_permutation_test(arms[1], arms[0], rng=np.random.default_rng(7))
    assert cluster_k_sample_test(*arms[:2], rng=np.random.default_rng(7)) == two
    single = [np.eye(3, dtype=np.int64)[rng.integers(3, size=n)] for n in (8, 11, 9)]
    pooled = np.stack([arm.sum(axis=0) for arm in single])[None]
    expected = k_sample_test(pooled, rng=np.random.default_rng(8))
    assert cluster_k_sample_test(*single, rng=np.random.default_rng(8)) == expected


def test_arms_of_different_answers_are_refused():
    """One arm alone, arms of different answers, and strata with one arm each are refused."""
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="arms must be two or more but got 1"):
        cluster_k_sample_test([[1, 0]], rng=rng)
    with pytest.raises(ValueError, match="arm 0 and arm 1 must have one number of answers but got 2 and 3"):
        cluster_k_sample_test([[1, 0]], [[1, 0, 0]], rng=rng)
    with pytest.raises(ValueError, match="counts: no stratum has answers in two arms"):
        k_sample_test([[[1, 2], [0, 0]], [[0, 0], [1, 1]]], rng=rng)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("personas", "sizes", "concentration"), [(20, (10, 10, 10), 1.0), (20, (12, 5, 5), 0.1), (1, (40, 30, 30), 1.0)]
)
def test_tests_of_three_arms_hold_their_level(personas, sizes, concentration):
    """Calibration: with no drift both tests of three arms have p <= .05 in 5 % at most."""
    rng = np.random.default_rng(20260605)
    n, rejected = 400, np.zeros(2)
    for _ in range(n):
        shares = rng.dirichlet(np.full(4, concentration), size=personas)
        counts = np.stack([rng.multinomial(size, shares) for size in sizes], axis=1)
        results = k_sample_test(counts, rng=rng, n_resamples=199), general_association_test(counts, rng=rng)
        rejected += [result.pvalue <= 0.05 for result in results]
    assert (rejected / n < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)).all()


@pytest.mark.slow
def test_each_test_finds_its_own_kind_of_drift():
    """One of three arms drifting in varied directions is found by distances, in a common one by general association."""
    rng = np.random.default_rng(20260605)
    n, found = 60, {}
    for kind, drift in (("common", 0.08), ("varied", 0.2)):
        rejected = np.zeros(2)
        for _ in range(n):
            shares = rng.dirichlet(np.ones(4), size=40)
            target = np.eye(4)[rng.integers(4, size=40) if kind == "varied" else np.zeros(40, dtype=int)]
            arms = [shares, shares, (1 - drift) * shares + drift * target]
            counts = np.stack([rng.multinomial(20, arm) for arm in arms], axis=1)
            results = k_sample_test(counts, rng=rng, n_resamples=399), general_association_test(counts, rng=rng)
            rejected += [result.pvalue <= 0.05 for result in results]
        found[kind] = rejected / n
    assert found["common"][1] > 0.6 > found["common"][0]
    assert found["varied"][0] > 0.6 > found["varied"][1]
