"""Tests of `change_between` against simulation."""

import numpy as np
import pytest

from confound.statistics.drift.change_between import difference_between_subjects


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


def test_difference_between_subjects_does_not_depend_on_repeated_answers_or_rows_not_asked():
    """Personas weigh the same however often they answer, and rows of zeros are left out of a control's shares."""
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(3), size=2)
    arms = [answers(rng, shares, 20, 0.0) for _ in range(4)]
    group, reference = list(zip(*arms[:2], strict=True)), list(zip(*arms[2:], strict=True))
    result = difference_between_subjects(group, reference)
    repeated = [(3 * a, b) for a, b in group]
    assert difference_between_subjects(repeated, reference) == result
    padded = [(np.vstack([a, np.zeros_like(a[:5])]), b) for a, b in group]
    other = difference_between_subjects(padded, reference)
    assert other.estimate == pytest.approx(result.estimate, abs=0.02)


def test_names_and_orders_do_not_move_the_difference():
    """Personas, answers and controls in another order, and answers never given, leave every digit but the last."""
    rng = np.random.default_rng(5)
    arms = [answers(rng, rng.dirichlet(np.ones(4), size=3), 25, 0.3) for _ in range(4)]
    result = difference_between_subjects(list(zip(*arms[:2], strict=True)), list(zip(*arms[2:], strict=True)))
    controls = rng.permutation(3)
    shuffled = []
    for arm in arms:
        rows = rng.permutation(25)
        shuffled.append([np.pad(arm[q][rows], ((0, 0), (1, 0)))[:, ::-1] for q in controls])
    other = difference_between_subjects(list(zip(*shuffled[:2], strict=True)), list(zip(*shuffled[2:], strict=True)))
    assert (other.estimate, other.se, other.pvalue) == pytest.approx((result.estimate, result.se, result.pvalue))


@pytest.mark.parametrize("moved", [0.15, 0.45])
def test_interval_and_p_value_agree_where_answers_are_less_varied_in_one_group(moved):
    """Sharp answers against even ones: the interval holds 0 where p does not reject, and reversed signs mirror it."""
    rng = np.random.default_rng(6)
    for _ in range(10):
        groups = []
        for before, drift in ((np.array([[0.9, 0.05, 0.05]]), moved), (np.full((1, 3), 1 / 3), 0.1)):
            after = before + drift * (np.eye(3)[[2]] - before)
            groups.append(list(zip(*(answers(rng, shares, 60, 0.0) for shares in (after, before)), strict=True)))
        one, other = difference_between_subjects(*groups), difference_between_subjects(*groups[::-1])
        assert (one.pvalue > 0.05) == (one.ci_low <= 0 <= one.ci_high)
        assert (other.ci_low, other.ci_high) == pytest.approx((-one.ci_high, -one.ci_low))


@pytest.mark.slow
def test_level_where_answers_are_less_varied_in_one_group():
    """Calibration: equal distances of .1, even answers against sharp ones, reject in 5 % at most."""
    rng = np.random.default_rng(20260605)
    n, rejected = 60, 0
    for _ in range(n):
        groups = []
        for sharp in (False, True):
            even = rng.dirichlet(np.full(4, 30.0), size=10)
            before = 0.92 * np.eye(4)[rng.integers(4, size=10)] + 0.02 if sharp else even
            gap = np.eye(4)[before.argmin(axis=1)] - before
            after = before + 0.1 * gap / (0.5 * np.abs(gap).sum(axis=1, keepdims=True))
            groups.append(list(zip(*(answers(rng, shares, 60, 0.0) for shares in (after, before)), strict=True)))
        rejected += difference_between_subjects(*groups).pvalue <= 0.05
    assert rejected / n <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


def test_groups_that_do_not_match_are_refused():
    """Shapes that cannot be compared are refused with what was found."""
    pair = (np.eye(3, dtype=int), np.eye(3, dtype=int))
    with pytest.raises(ValueError, match="must have the same controls but got 2 and 1"):
        difference_between_subjects([pair, pair], [pair])
    with pytest.raises(ValueError, match="group: the treated arm must have two rows or more, as many in each control"):
        difference_between_subjects([pair, (pair[0][:2], pair[1])], [pair, pair])
    with pytest.raises(ValueError, match="reference: control 0 has no answers in the control arm"):
        difference_between_subjects([pair], [(pair[0], 0 * pair[1])])


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
        result = difference_between_subjects(*groups)
        covered += result.ci_low <= truth <= result.ci_high
    assert covered / n > 0.95 - 3 * np.sqrt(0.05 * 0.95 / n)
