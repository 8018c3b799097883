"""Tests of `two_samples` against numerical integration, exact coverage by enumeration, and simulated tables."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from benchmarks.validity.drift import two_samples as validity
from confound.statistics.drift.corrected_distance import corrected_tvd
from confound.statistics.drift.permutation import permutation_test
from confound.statistics.drift.two_samples import (
    DISTANCE_POWER,
    DISTANCES,
    EVEN_SPREAD,
    LOWER_TAIL,
    MEAN_ABSOLUTE,
    NO_DRIFT,
    UPPER_TAIL,
    two_sample_distance,
)

counts = st.integers(1, 7).flatmap(
    lambda k: st.tuples(*[st.lists(st.integers(0, 60), min_size=k, max_size=k).filter(any) for _ in range(2)])
)


# Properties.


@settings(deadline=None, max_examples=60)
@given(counts, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_estimate_lies_within_its_interval_within_0_and_1(table, confidence):
    """Whatever the counts, 0 <= low <= estimate <= high <= 1."""
    found = two_sample_distance(*table, confidence=confidence)
    assert 0 <= found.low <= found.estimate <= found.high <= 1


@settings(deadline=None, max_examples=60)
@given(counts, st.randoms(use_true_random=False))
def test_names_and_order_of_answers_and_arms_change_no_digit(table, random):
    """Answers in another order, an answer that nobody gave, and arms exchanged leave every digit as it was."""
    answers = [*zip(*table, strict=True), (0, 0)]
    random.shuffle(answers)
    control, treated = zip(*answers, strict=True)
    assert two_sample_distance(treated, control) == two_sample_distance(*table)


def test_interval_reaches_0_unless_the_test_rejects():
    """The p-value decides about the lower end alone."""
    treated, control = [[40, 12, 8]], [[20, 22, 18]]
    kept, rejected = (corrected_tvd(treated, control, pvalue=p) for p in (0.2, 0.01))
    assert kept.ci_low == 0 < rejected.ci_low
    assert (kept.estimate, kept.ci_high) == (rejected.estimate, rejected.ci_high)


def test_more_confidence_and_fewer_answers_widen():
    """The interval grows with the confidence and shrinks with the sizes."""
    table = np.array([[40, 12, 8], [20, 22, 18]])
    width = {c: np.subtract(*two_sample_distance(*table, confidence=c)[:0:-1]) for c in (0.5, 0.9, 0.99)}
    assert width[0.5] < width[0.9] < width[0.99]
    widths = [np.subtract(*two_sample_distance(*(table * n))[:0:-1]) for n in (1, 4, 16, 1000)]
    assert (np.diff(widths) < 0).all()


@pytest.mark.parametrize("n", [1000, 100_000, 10_000_000])
def test_large_samples_have_the_distance_seen(n):
    """The estimate tends to the plug-in, and no likelihood overflows."""
    found = two_sample_distance([7 * n, 2 * n, n], [4 * n, 3 * n, 3 * n])
    assert found.estimate == pytest.approx(0.3, abs=0.01)
    assert found.low < 0.3 < found.high


def test_one_answer_alone_leaves_room_for_others():
    """Where all gave one answer the upper end is the largest distance that has them do so in one table of 20."""
    found = two_sample_distance([30, 0], [50, 0])
    assert (found.estimate, found.low) == (0, 0)
    assert (1 - found.high) ** 30 == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("treated", "control", "options", "problem"),
    [
        ([0, 0], [1, 2], {}, "has no answers"),
        ([1, -1], [1, 2], {}, "negative"),
        ([1, 2], [1, 2, 3], {}, "shape"),
        ([1, 2], [1, 2], {"confidence": 1.0}, "confidence"),
    ],
)
def test_what_is_no_table_is_refused(treated, control, options, problem):
    """Empty arms, negative counts, other shapes and impossible confidences raise."""
    with pytest.raises(ValueError, match=problem):
        two_sample_distance(treated, control, **options)


# Reference values.


@pytest.mark.parametrize(("treated", "control"), [((7, 3), (4, 8)), ((28, 2), (19, 11)), ((60, 60), (85, 35))])
def test_two_answers_agree_with_integration(treated, control):
    """With two answers the distance is |p1 - p0|; mean and quantiles come from a fine grid of both shares' arcsines."""
    (a, a_rest), (b, b_rest) = treated, control
    n1, n0 = a + a_rest, b + b_rest
    step = 0.002
    difference = np.arange(-np.pi / 2 + step / 2, np.pi / 2, step)[:, None]
    average = np.arange(step / 2, np.pi / 2, step)
    one, other = average + difference * n0 / (n1 + n0), average - difference * n1 / (n1 + n0)
    inside = (one > 0) & (one < np.pi / 2) & (other > 0) & (other < np.pi / 2)
    likelihood = inside * binom.pmf(a, n1, np.sin(one) ** 2) * binom.pmf(b, n0, np.sin(other) ** 2)
    none = (binom.pmf(a, n1, np.sin(average) ** 2) * binom.pmf(b, n0, np.sin(average) ** 2)).sum()
    given = (a + b) / (n1 + n0)
    size = DISTANCES / (2 * np.sqrt(given * (1 - given)))
    wide, narrow = (norm(loc, scale) for loc, scale in ((0, size / MEAN_ABSOLUTE), (size, EVEN_SPREAD * size)))
    density = (2 * wide.pdf(difference) + (narrow.pdf(difference) + narrow.pdf(-difference)) / 2) / 3
    prior = density @ (DISTANCES**DISTANCE_POWER / (DISTANCES**DISTANCE_POWER).sum()) * step
    joint = (1 - NO_DRIFT) * likelihood * prior[:, None]
    gap = np.abs(np.sin(one) ** 2 - np.sin(other) ** 2)
    found = two_sample_distance(treated, control)
    assert found.estimate == pytest.approx((joint * gap).sum() / (joint.sum() + NO_DRIFT * none), abs=0.002)
    for end, level in ((found.low, LOWER_TAIL * 0.05), (found.high, 1 - UPPER_TAIL * 0.05)):
        assert joint[gap <= end].sum() / joint.sum() == pytest.approx(level, abs=0.02)


def test_coverage_by_enumeration_of_all_tables():
    """Of 20 and 15 answers of two kinds all 336 tables are summed over: coverage is exact, and at least .93."""
    n1, n0 = 20, 15
    ends = np.empty((n1 + 1, n0 + 1, 2))
    for a, b in product(range(n1 + 1), range(n0 + 1)):
        table = [[a, n1 - a]], [[b, n0 - b]]
        p = permutation_test(*table, rng=np.random.default_rng(0)).pvalue
        found = corrected_tvd(*table, pvalue=p)
        ends[a, b] = found.ci_low, found.ci_high
    for share, other in product(np.linspace(0.05, 0.95, 19), repeat=2):
        chance = np.outer(binom.pmf(np.arange(n1 + 1), n1, share), binom.pmf(np.arange(n0 + 1), n0, other))
        truth = abs(share - other)
        covers = (ends[..., 0] <= truth + 1e-12) & (truth <= ends[..., 1])
        assert chance[covers].sum() >= 0.93


# Known truth.


@pytest.mark.parametrize("drift", validity.DRIFTS)
@pytest.mark.parametrize("n_answers", validity.ANSWERS)
def test_generated_tables_have_the_distance_aimed_at(drift, n_answers):
    """The benchmark's shares are laws whose distance is the one stated, and tables come again."""
    for distance, shares in product(validity.DISTANCES, validity.SHARES):
        cell = validity.Cell(n_answers, (30, 30), distance, drift)
        treated, control = validity.true_shares(cell, shares, np.random.default_rng(3))
        assert min(treated.min(), control.min()) >= 0
        assert treated.sum() == pytest.approx(1)
        assert np.abs(treated - control).sum() / 2 == pytest.approx(distance, abs=1e-5)
    assert (validity.draw(cell, 1, 2)[0] == validity.draw(cell, 1, 2)[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("drift", validity.DRIFTS)
@pytest.mark.parametrize("n_answers", [2, 5, 20])
def test_calibration(n_answers, drift):
    """150 tables of 60 and 60 answers at each distance: the interval covers, and the error is below the plug-in's."""
    cells = [validity.Cell(n_answers, (60, 60), distance, drift) for distance in (0.0, 0.1, 0.3)]
    found = [validity.run_cell(cell, 150, 11, ("mixture", "plugin")) for cell in cells]
    ours, plugin = ([validity.summarise(tables, method) for tables in found] for method in ("mixture", "plugin"))
    assert min(summary.coverage for summary in ours) >= 0.93 - 2 * np.sqrt(0.93 * 0.07 / 150)
    assert np.mean([summary.rmse for summary in ours]) < np.mean([summary.rmse for summary in plugin])
