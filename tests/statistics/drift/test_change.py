"""Tests of `change` against closed forms and simulation."""

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from confound.statistics.drift import distance
from confound.statistics.drift.change import (
    change_in_drift,
    difference_between_subjects,
    difference_in_drift,
    persona_drift,
    pooled_drift_test,
)
from tests.statistics.drift.test_distance import arm_pairs


def shifted(rng: np.random.Generator, shares: np.ndarray, drift: float) -> np.ndarray:
    """Move answers to one answer drawn for each row, so that the mean distance is `drift` over all rows and draws."""
    k = shares.shape[1]
    return shares + drift / (1 - 1 / k) * (np.eye(k)[rng.integers(k, size=len(shares))] - shares)


def answers(rng: np.random.Generator, shares: np.ndarray, personas: int, alike: float) -> list[np.ndarray]:
    """Return one answer a persona to each control (a row of shares), as counts; `alike` makes them dependent."""
    mood = rng.random(personas)
    counts = []
    for row in shares:
        point = np.where(rng.random(personas) < alike, mood, rng.random(personas))
        answer = np.minimum(np.searchsorted(np.cumsum(row), point), row.size - 1)
        counts.append(np.eye(row.size, dtype=np.int64)[answer])
    return counts


@given(arm_pairs())
def test_persona_drift_has_the_sign_and_order_of_the_excess(arms):
    """The signed root is positive where the distance exceeds its no-drift mean, and at most the distance."""
    distances, none = distance.stratum_distances(*arms), distance.stratum_null_means(*arms)
    drift = persona_drift(*arms)
    clear = np.abs(distances - none) > 1e-9
    assert (np.sign(drift)[clear] == np.sign(distances - none)[clear]).all()
    assert (drift <= distances + 1e-9).all()


def test_change_is_the_paired_t_test_of_persona_means():
    """The change equals scipy's paired test on personas' means over the controls asked in both iterations."""
    rng = np.random.default_rng(1)
    later, earlier = rng.normal(size=(2, 12, 3))
    later[2, 1] = earlier[5, 0] = np.nan
    earlier[7] = np.nan
    result = change_in_drift(later, earlier)
    both = np.isfinite(later) & np.isfinite(earlier)
    means = [[v[both[i]].mean() for i, v in enumerate(values) if both[i].any()] for values in (later, earlier)]
    expected = stats.ttest_rel(*means)
    interval = expected.confidence_interval()
    assert result.n_personas == 11
    assert result.pvalue == pytest.approx(expected.pvalue)
    assert (result.ci_low, result.ci_high) == pytest.approx((interval.low, interval.high))
    assert result.estimate == pytest.approx(np.mean(means[0]) - np.mean(means[1]))


def test_difference_of_groups_within_subjects_is_welchs_test():
    """Two groups of different personas are compared by scipy's Welch test on personas' means."""
    rng = np.random.default_rng(2)
    group, reference = rng.normal(size=(9, 2)), rng.normal(0.5, 2, size=(20, 2))
    result = difference_in_drift(group, reference)
    expected = stats.ttest_ind(group.mean(axis=1), reference.mean(axis=1), equal_var=False)
    assert result.pvalue == pytest.approx(expected.pvalue)
    assert (result.ci_low, result.ci_high) == pytest.approx(tuple(expected.confidence_interval()))
    assert result.n_personas == 29


def test_nothing_to_compare_gives_no_number():
    """Without a persona asked in both there is no estimate, with one no interval, and the pooled test needs two."""
    nothing = np.full((3, 2), np.nan)
    assert np.isnan(change_in_drift(nothing, np.zeros((3, 2))).estimate)
    assert np.isnan(difference_in_drift(nothing, np.zeros((3, 2))).estimate)
    one = change_in_drift([0.2], [0.1])
    assert one.estimate == pytest.approx(0.1)
    assert np.isnan([one.se, one.ci_low, one.pvalue]).all()
    assert np.isnan(pooled_drift_test([[0.1, np.nan], [np.nan, np.nan]]))
    assert pooled_drift_test(np.zeros((5, 2))) == 1.0


def test_difference_between_subjects_does_not_depend_on_repeated_answers_or_rows_not_asked():
    """Personas weigh the same however often they answer, and rows of zeros are left out of a control's shares."""
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(3), size=2)
    arms = [answers(rng, shares, 20, 0.0) for _ in range(4)]
    group, reference = list(zip(*arms[:2], strict=True)), list(zip(*arms[2:], strict=True))
    result = difference_between_subjects(group, reference, rng=np.random.default_rng(4))
    repeated = [(3 * a, b) for a, b in group]
    assert difference_between_subjects(repeated, reference, rng=np.random.default_rng(4)) == result
    padded = [(np.vstack([a, np.zeros_like(a[:5])]), b) for a, b in group]
    other = difference_between_subjects(padded, reference, rng=np.random.default_rng(4))
    assert other.estimate == pytest.approx(result.estimate, abs=0.02)


def test_groups_and_iterations_that_do_not_match_are_refused():
    """Shapes that cannot be compared are refused with what was found."""
    pair = (np.eye(3, dtype=int), np.eye(3, dtype=int))
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"later and earlier must have one shape but got \(3,\) and \(4,\)"):
        change_in_drift(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="must have the same controls but got 2 and 1"):
        difference_between_subjects([pair, pair], [pair], rng=rng)
    with pytest.raises(ValueError, match="group: the treated arm must have two rows or more, as many in each control"):
        difference_between_subjects([pair, (pair[0][:2], pair[1])], [pair, pair], rng=rng)
    with pytest.raises(ValueError, match="reference: control 0 has no answers in the control arm"):
        difference_between_subjects([pair], [(pair[0], 0 * pair[1])], rng=rng)


@pytest.mark.slow
@pytest.mark.parametrize(("personas", "trials"), [(10, 5), (10, 30), (100, 5), (100, 30)])
@pytest.mark.parametrize("concentration", [0.1, 1.0])
def test_change_test_holds_its_level_and_is_nearly_unbiased(personas, trials, concentration):
    """Calibration: with equal drift of .2 it rejects 5 % at most; from .2 to .1 at 30 trials the change is right."""
    rng = np.random.default_rng(20260605)
    n, rejected, changes, truths = 300, 0, [], []
    for _ in range(n):
        before = rng.dirichlet(np.full(4, concentration), size=personas)
        target = np.eye(4)[rng.integers(4, size=personas)]
        strong, weak = (before + d / 0.75 * (target - before) for d in (0.2, 0.1))
        drifts = [persona_drift(rng.multinomial(trials, p), rng.multinomial(trials, before)) for p in (strong, strong)]
        rejected += change_in_drift(*drifts).pvalue <= 0.05
        weaker = persona_drift(rng.multinomial(trials, weak), rng.multinomial(trials, before))
        changes.append(change_in_drift(weaker, drifts[0]).estimate)
        truths.append((np.abs(weak - before) - np.abs(strong - before)).sum(axis=1).mean() / 2)
    assert rejected / n < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    bias = np.mean(np.subtract(changes, truths))
    assert abs(bias) < (0.01 if trials == 30 else 0.06)


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


@pytest.mark.slow
@pytest.mark.parametrize(("personas", "controls", "n_answers"), [(60, 10, 5), (60, 1, 5), (20, 10, 4), (30, 4, 2)])
@pytest.mark.parametrize(("drift", "reference_drift"), [(0.0, 0.0), (0.2, 0.2), (0.2, 0.0), (0.4, 0.1)])
def test_interval_of_the_difference_between_subjects_covers(personas, controls, n_answers, drift, reference_drift):
    """Calibration: with dependent controls and groups that answer differently, at least .90 of .95 intervals cover."""
    rng = np.random.default_rng(20260605)
    n, covered = 150, 0
    for _ in range(n):
        groups, truth = [], 0.0
        for sign, moved in ((1, drift), (-1, reference_drift)):
            before = rng.dirichlet(np.ones(n_answers), size=controls)
            after = shifted(rng, before, moved)
            truth += sign * np.abs(after - before).sum(axis=1).mean() / 2
            arms = [answers(rng, shares, personas, 0.5) for shares in (after, before)]
            groups.append(list(zip(*arms, strict=True)))
        result = difference_between_subjects(*groups, rng=rng)
        covered += result.ci_low <= truth <= result.ci_high
    assert covered / n > 0.95 - 3 * np.sqrt(0.05 * 0.95 / n)
