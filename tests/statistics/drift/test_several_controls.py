"""Tests of `several_controls` against R, a plain rewriting of the algorithm, and simulation."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confound.statistics.drift import distance, several_controls
from confound.statistics.drift.permutation import cluster_permutation_test, permutation_test
from confound.statistics.drift.several_controls import step_down_maxt

# Made by tests/reference/maxt.R with multtest and coin.
REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "maxt.json").read_text())


def simulated_codes(
    rng: np.random.Generator, *, personas: int, trials: int, n_answers: list[int], drift: list[float], alike: float
) -> np.ndarray:
    """Return answers of both arms; `alike` makes the controls of one conversation depend on each other."""
    mood = rng.random((personas, 2, trials))
    codes = []
    for k, moved in zip(n_answers, drift, strict=True):
        shares = rng.dirichlet(np.ones(k), size=(personas, 1, 1))
        own = rng.random((personas, 2, trials))
        point = np.where(rng.random((personas, 2, trials)) < alike, mood, own)
        answer = np.minimum((point[..., None] > np.cumsum(shares, axis=-1)).sum(axis=-1), k - 1)
        answer[:, 1][rng.random((personas, trials)) < moved] = 0
        codes.append(answer)
    return np.stack(codes, axis=-1)


def counts_of(codes: np.ndarray, control: int) -> tuple[np.ndarray, np.ndarray]:
    """Return treated and control counts of one control, shape (personas, answers)."""
    k = codes[..., control].max() + 1
    arms = [[np.bincount(row[row >= 0], minlength=k) for row in codes[:, a, :, control]] for a in (1, 0)]
    return np.array(arms[0]), np.array(arms[1])


def test_adjusted_pvalues_are_those_of_r(monkeypatch):
    """On questions of one margin, over all relabellings, p-values equal multtest's and come near to coin's draws."""
    answers, treated = np.array(REFERENCE["answers"], dtype=int), np.array(REFERENCE["treated"])
    codes = np.full((16, 2, 1, 5), -1)
    codes[np.arange(16), treated, 0] = answers.T
    choices = list(combinations(range(16), 8))
    labels = np.zeros((16, len(choices)), dtype=np.float32)
    for i, choice in enumerate(choices):
        labels[list(choice), i] = 1
    monkeypatch.setattr(several_controls, "_labels", lambda *_: labels)
    result = step_down_maxt(codes, design="between", rng=np.random.default_rng(1), n_resamples=len(choices))
    # We count the observed labels once more, and multtest leaves out the two relabellings of a question, ten of all
    # five, whose t is infinite.
    one_question, all_questions = 3 / len(choices), 11 / len(choices)
    assert result.pvalue == pytest.approx(REFERENCE["multtest_pvalue"], abs=one_question)
    assert result.pvalue_adjusted == pytest.approx(REFERENCE["multtest_adjusted"], abs=all_questions)
    assert result.pvalue_adjusted == pytest.approx(REFERENCE["coin_adjusted"], abs=0.005)


def test_statistic_and_pvalue_are_those_of_each_control_alone():
    """With complete answers each control's distance, no-drift mean and p-value agree with the exact test's."""
    rng = np.random.default_rng(2)
    codes = simulated_codes(rng, personas=12, trials=8, n_answers=[2, 3, 5], drift=[0.3, 0.1, 0.0], alike=0.5)
    result = step_down_maxt(codes, design="within", rng=rng, n_resamples=20_000)
    for q in range(3):
        exact = permutation_test(*counts_of(codes, q), rng=rng)
        assert result.statistic[q] == pytest.approx(exact.statistic, rel=1e-6)
        assert result.null_mean[q] == pytest.approx(exact.null_mean, abs=5 * result.null_sd[q] / np.sqrt(20_000))
        error = np.sqrt(exact.pvalue * (1 - exact.pvalue) / 20_000)
        assert result.pvalue[q] == pytest.approx(exact.pvalue, abs=5 * error + 1e-4)


def test_between_subjects_agrees_with_the_test_of_one_control():
    """Between subjects, with several answers a persona, one control gives the persona test's distance and p-value."""
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 3, size=(30, 2, 4, 1))
    codes[:14, 0], codes[14:, 1] = -1, -1
    codes[3, 1, 2:] = -1
    treated, control = counts_of(codes, 0)
    expected = cluster_permutation_test(treated[:14], control[14:], rng=rng, n_resamples=20_000)
    result = step_down_maxt(codes, design="between", rng=rng, n_resamples=20_000)
    assert result.statistic[0] == pytest.approx(expected.statistic, abs=1e-12)
    assert result.pvalue[0] == pytest.approx(expected.pvalue, abs=0.02)
    assert result.pvalue_adjusted[0] == result.pvalue[0] == result.pvalue_any == result.pvalue_pooled


def test_missing_conversations_and_questions_leave_the_distance_of_what_was_answered():
    """Absent trials and questions not asked are left out of the shares; a persona in one arm alone is left out."""
    rng = np.random.default_rng(4)
    codes = simulated_codes(rng, personas=6, trials=5, n_answers=[3, 4], drift=[0.0, 0.0], alike=0.0)
    codes[0, 1] = -1
    codes[1, 0, 3:] = -1
    codes[2, 1, 1, 0] = -1
    result = step_down_maxt(codes, design="within", rng=rng, n_resamples=50)
    for q in range(2):
        assert result.statistic[q] == pytest.approx(distance.plugin(*counts_of(codes[1:], q)), rel=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 30), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_step_down_is_the_algorithm_of_westfall_and_young(n_rows, n_controls, seed):
    """Adjusted p-values equal those of the algorithm written out; they are monotone and never below the raw ones."""
    scores = np.random.default_rng(seed).integers(0, 6, size=(n_rows, n_controls)).astype(float)
    order = np.argsort(-scores[0], kind="stable")
    expected, so_far = np.zeros(n_controls), 0.0
    for i, control in enumerate(order):
        others = order[i:]
        share = np.mean([row[others].max() >= scores[0, control] for row in scores])
        so_far = expected[control] = max(so_far, share)
    adjusted = several_controls._step_down(scores)  # noqa: SLF001 - the algorithm by itself
    assert adjusted == pytest.approx(expected)
    assert (adjusted >= (scores >= scores[0]).mean(axis=0) - 1e-12).all()
    assert (np.diff(adjusted[order]) >= 0).all()


def test_labels_are_every_choice_equally_often():
    """The fast labelling gives each choice of the treated units the same chance."""
    treated = np.array([True, False, True, False, False])
    labels = several_controls._labels(treated, 40_000, np.random.default_rng(5))  # noqa: SLF001 - the draws by themselves
    assert set(np.unique(labels)) == {0.0, 1.0}
    places = {choice: i for i, choice in enumerate(combinations(range(5), 2))}
    seen = np.bincount([places[tuple(np.flatnonzero(row))] for row in labels.T], minlength=10)
    assert ((seen - 4000) ** 2 / 4000).sum() < 30  # chi-square with 9 df: 30 is p = .0004


def test_a_control_that_never_varies_has_pvalue_one():
    """A control everyone answers alike neither rejects nor hides another."""
    rng = np.random.default_rng(6)
    codes = simulated_codes(rng, personas=10, trials=10, n_answers=[3], drift=[0.8], alike=0.0)
    codes = np.concatenate([codes, np.zeros_like(codes)], axis=-1)
    result = step_down_maxt(codes, design="within", rng=rng, n_resamples=999)
    assert result.pvalue.tolist() == [0.001, 1.0]
    assert result.pvalue_adjusted.tolist() == [0.001, 1.0]


@pytest.mark.parametrize(
    ("codes", "design", "message"),
    [
        (np.zeros((2, 2, 3)), "within", r"codes must hold integers in shape .* but got float64 \(2, 2, 3\)"),
        (np.full((2, 2, 3, 1), -2), "within", "codes must be -1 or above but got -2"),
        (np.stack([np.zeros((2, 3, 1), int), np.full((2, 3, 1), -1)], axis=1), "within", "control 0 has no answers in"),
        (np.zeros((2, 2, 3, 1), int), "between", "persona 0 is in both arms, in design 'between'"),
        (np.array([[[[0]], [[-1]]], [[[-1]], [[1]]]]), "within", "no persona has a conversation in both arms"),
    ],
)
def test_bad_codes_are_refused(codes, design, message):
    """What cannot be tested is refused with what was found."""
    with pytest.raises(ValueError, match=message):
        step_down_maxt(codes, design=design, rng=np.random.default_rng(0))


@pytest.mark.slow
@pytest.mark.parametrize("alike", [0.0, 0.9])
@pytest.mark.parametrize(("personas", "trials"), [(10, 5), (30, 10)])
def test_family_wise_error_is_held_with_some_drifting(personas, trials, alike):
    """Calibration: with two of six controls drifting strongly, any false rejection has chance .05 at most."""
    rng = np.random.default_rng(20260605)
    n, false, found = 300, 0, 0
    for _ in range(n):
        codes = simulated_codes(
            rng,
            personas=personas,
            trials=trials,
            n_answers=[2, 3, 4, 4, 5, 8],
            drift=[0.5, 0.5, 0, 0, 0, 0],
            alike=alike,
        )
        adjusted = step_down_maxt(codes, design="within", rng=rng, n_resamples=199).pvalue_adjusted
        false += (adjusted[2:] <= 0.05).any()
        found += (adjusted[:2] <= 0.05).any()
    assert false / n < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    assert found / n > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("design", ["within", "between"])
def test_tests_of_no_drift_at_all_hold_their_level_and_the_pooled_one_has_more_power(design):
    """Calibration of both tests over all controls; with every control drifting a little the sum finds it sooner."""
    rng = np.random.default_rng(20260605)
    n = 300
    rejected = np.zeros((2, 2))
    for i, drift in enumerate((0.0, 0.2 if design == "within" else 0.25)):
        for _ in range(n):
            personas, trials = (10, 8) if design == "within" else (60, 1)
            codes = simulated_codes(
                rng, personas=personas, trials=trials, n_answers=[3] * 6, drift=[drift] * 6, alike=0.3
            )
            if design == "between":
                codes[:30, 0], codes[30:, 1] = -1, -1
            result = step_down_maxt(codes, design=design, rng=rng, n_resamples=199)
            rejected[i] += [result.pvalue_any <= 0.05, result.pvalue_pooled <= 0.05]
    (any_false, pooled_false), (any_found, pooled_found) = rejected / n
    assert max(any_false, pooled_false) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    assert pooled_found > any_found > 0.1


def test_a_common_direction_is_found_where_distances_show_little():
    """Controls that all drift a little one way: the joint p-value is far below that of the summed distances."""
    rng = np.random.default_rng(4)
    codes = simulated_codes(rng, personas=40, trials=8, n_answers=[4] * 6, drift=[0.15] * 6, alike=0.0)
    found = step_down_maxt(codes, design="within", rng=rng, n_resamples=1999)
    assert found.pvalue_common < 0.01
    assert found.pvalue_joint < 0.05


def test_one_control_of_many_that_stands_out_is_enough():
    """A single strong drift among many controls is found jointly and named."""
    rng = np.random.default_rng(5)
    codes = simulated_codes(rng, personas=30, trials=6, n_answers=[3] * 40, drift=[0.6, *[0.0] * 39], alike=0.0)
    found = step_down_maxt(codes, design="within", rng=rng, n_resamples=999)
    assert found.pvalue_joint < 0.05
    assert np.flatnonzero(found.pvalue_named < 0.05).tolist() == [0]


@pytest.mark.slow
@pytest.mark.parametrize("design", ["within", "between"])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_joint_tests_hold_their_level(design, missing):
    """Without drift, controls linked, answers missing more often in one arm: both joint p-values reject 5 %."""
    rng = np.random.default_rng(6)
    joint, named, replicates = 0, 0, 300
    for _ in range(replicates):
        codes = simulated_codes(rng, personas=20, trials=6, n_answers=[2, 4, 6, 3], drift=[0.0] * 4, alike=0.5)
        codes[:, 1][rng.random(codes[:, 1].shape) < missing] = -1
        if design == "between":
            codes[::2, 0], codes[1::2, 1] = -1, -1
        found = step_down_maxt(codes, design=design, rng=rng, n_resamples=199)
        joint += found.pvalue_joint <= 0.05
        named += found.pvalue_named.min() <= 0.05
    limit = 0.05 + 3 * np.sqrt(0.05 * 0.95 / replicates)
    assert joint / replicates <= limit
    assert named / replicates <= limit
