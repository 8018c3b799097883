"""Arm differences: against R, against a regression, and calibrated."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.regression.linear_model import OLS

from confound.statistics.effect import difference

R = json.loads((Path(__file__).parents[1] / "reference" / "effects.json").read_text())
TREATED = np.asarray([3.1, 2.4, 3.9, 2.2, 3.3, 3.0, 1.8])[:, None]
CONTROL = np.asarray([2.5, 2.6, 3.1, 2.0, 2.9, 2.2, 1.9])[:, None]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("paired", difference.paired_difference(TREATED, CONTROL)),
        ("welch", difference.welch_difference(TREATED, CONTROL[:5])),
    ],
)
def test_differences_equal_r(name: str, result: difference.Difference) -> None:
    """Estimate, interval and p-value are those of R's t.test (tests/reference/effects.R)."""
    for key, value in R[name].items():
        assert getattr(result, key)[0] == pytest.approx(value, rel=1e-8)


def test_paired_equals_clustered_regression() -> None:
    """Balanced, the paired interval's error is that of a persona-fixed-effects regression clustered by persona."""
    rng = np.random.default_rng(1)
    personas, trials = 12, 5
    y = rng.normal(size=(personas, 2, trials)) + rng.normal(size=(personas, 1, 1))
    arm = np.broadcast_to(np.arange(2)[None, :, None], y.shape).ravel()
    persona = np.broadcast_to(np.arange(personas)[:, None, None], y.shape).ravel()
    design = np.column_stack([arm, persona[:, None] == np.arange(personas)]).astype(float)
    fit = OLS(y.ravel(), design).fit(
        cov_type="cluster", cov_kwds={"groups": persona, "use_correction": False, "df_correction": False}
    )
    means = y.mean(axis=2)
    result = difference.paired_difference(means[:, 1:], means[:, :1])
    assert result.estimate[0] == pytest.approx(fit.params[0])
    assert result.se[0] == pytest.approx(fit.bse[0] * np.sqrt(personas / (personas - 1)))


def test_cumulative_logit_equals_polr() -> None:
    """The log odds ratio is that of MASS::polr on the same counts (tests/reference/effects.R)."""
    rows = {0: [20, 14, 9, 5], 1: [8, 12, 15, 17]}
    one_answer_each = {arm: np.repeat(np.eye(4, dtype=np.int64), n, axis=0) for arm, n in rows.items()}
    result = difference.cumulative_logit(one_answer_each[1], one_answer_each[0], paired=False)
    assert result.estimate == pytest.approx(R["polr"]["estimate"], abs=1e-4)
    assert 0 < result.pvalue < 0.01


@pytest.mark.parametrize("paired", [True, False])
def test_cumulative_logit_is_that_of_statsmodels(paired: bool) -> None:
    """Estimate, clustered error and p are OrderedModel's, up to where its search stops."""
    rng = np.random.default_rng(7)
    shares = rng.dirichlet(np.full(4, 1.5), size=(2, 20))
    treated, control = (np.stack([rng.multinomial(9, p) for p in side]) for side in shares)
    answer = np.concatenate([np.repeat(np.tile(np.arange(4), 20), side.ravel()) for side in (control, treated)])
    persona = np.repeat(np.arange(40) % (20 if paired else 40), 9)
    arm = np.repeat([0.0, 1.0], 20 * 9)
    model = OrderedModel(answer, arm[:, None], distr="logit")
    fit = model.fit(method="bfgs", gtol=1e-8, disp=0, cov_type="cluster", cov_kwds={"groups": persona})
    found = difference.cumulative_logit(treated, control, paired=paired)
    expected = [fit.params[0], fit.bse[0], fit.pvalues[0]]
    np.testing.assert_allclose([found.estimate, found.se, found.pvalue], expected, rtol=1e-4)


def test_cumulative_logit_steps_back_from_where_it_overshoots() -> None:
    """Where Newton's first steps go too far, the maximum is still found (by Nelder-Mead: 3.81485)."""
    rows = np.asarray([[183, 739, 4], [1, 925, 0]])
    found = difference.cumulative_logit(np.tile(rows[1], (2, 1)), np.tile(rows[0], (2, 1)), paired=False)
    assert found.estimate == pytest.approx(3.81485, abs=1e-5)


def test_cumulative_logit_of_arms_alike_in_each_persona() -> None:
    """Where no persona answers differently, the odds ratio is 1 without error; one persona has none."""
    answers = np.asarray([[3, 1], [1, 4]])
    assert difference.cumulative_logit(answers, answers, paired=True) == difference.OddsRatio(0.0, 0.0, 1.0)
    assert np.isnan(difference.cumulative_logit(answers[:1], answers[:1], paired=True).estimate)


def test_cumulative_logit_refuses_arms_separated_but_for_a_tie() -> None:
    """An arm that only ever gives the lowest answer has no finite odds ratio either."""
    result = difference.cumulative_logit(np.asarray([[2, 0], [2, 0]]), np.asarray([[1, 1], [2, 0]]), paired=True)
    assert np.isnan(result.estimate)


def test_cumulative_logit_refuses_separated_arms() -> None:
    """Arms without a common answer have no finite odds ratio, and get none."""
    answers = np.asarray([[5, 0], [4, 0]])
    result = difference.cumulative_logit(answers[:, ::-1], answers, paired=True)
    assert np.isnan([result.estimate, result.se, result.pvalue]).all()


@given(arrays(np.float64, (2, 6, 3), elements=st.floats(-10, 10)))
def test_swapping_arms_flips_the_sign(values: np.ndarray) -> None:
    """Treated against control is the negative of control against treated, with the same p-value."""
    for compare in (difference.paired_difference, difference.welch_difference):
        one, other = compare(values[0], values[1]), compare(values[1], values[0])
        np.testing.assert_allclose(one.estimate, -other.estimate)
        np.testing.assert_allclose(one.ci_low, -other.ci_high)
        np.testing.assert_allclose(one.pvalue, other.pvalue)


def test_nothing_varies() -> None:
    """Without variation the error is exactly 0: no difference has p = 1, a difference p = 0, one persona neither."""
    same, other = np.full((3, 1), 0.1), np.full((3, 1), 0.4)
    for compare in (difference.paired_difference, difference.welch_difference):
        assert compare(same, same).pvalue[0] == 1
        assert compare(other, same).pvalue[0] == 0
        assert np.isnan(compare(other[:1], same[:1]).pvalue[0])


def test_superiority_known_values() -> None:
    """Alike arms give one half, a sure win one, and ties count half."""
    even = np.full(4, 0.25)
    assert difference.superiority(even, even) == pytest.approx(0.5)
    assert difference.superiority(np.asarray([0, 0, 1.0]), np.asarray([0.5, 0.5, 0])) == 1
    assert difference.superiority(np.asarray([0, 1.0]), np.asarray([0.5, 0.5])) == pytest.approx(0.75)


@given(arrays(np.int64, (2, 4), elements=st.integers(0, 9)))
def test_superiority_counts_pairs(counts: np.ndarray) -> None:
    """It equals the share of pairs that the treated answer wins, by counting every pair."""
    counts = counts + np.eye(2, 4, dtype=np.int64)
    wins = sum(counts[0, i] * counts[1, j] * ((i > j) + 0.5 * (i == j)) for i in range(4) for j in range(4)) / (
        counts[0].sum() * counts[1].sum()
    )
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert difference.superiority(shares[0], shares[1]) == pytest.approx(wins)


@pytest.mark.parametrize("design", ["within", "between"])
def test_intervals_cover(design: str) -> None:
    """Over 2,000 normal logs the 95 % interval holds the true effect as often as it says, give or take 3 errors."""
    rng = np.random.default_rng(2)
    treated = rng.normal(0.3, 1.0, size=(20, 2000))
    control = rng.normal(0.0, 2.0, size=(20 if design == "within" else 35, 2000))
    compare = difference.paired_difference if design == "within" else difference.welch_difference
    result = compare(treated, control)
    coverage = np.mean((result.ci_low <= 0.3) & (result.ci_high >= 0.3))
    assert abs(coverage - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.slow
def test_cumulative_logit_is_calibrated() -> None:
    """With no effect and answers clustered by persona, p < .05 comes about as often as it says (paired, 300 logs)."""
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        shares = rng.dirichlet(np.full(4, 1.5), size=40)
        sides = [np.stack([rng.multinomial(10, p) for p in shares]) for _ in range(2)]
        hits += difference.cumulative_logit(sides[1], sides[0], paired=True).pvalue < 0.05
    assert abs(hits / 300 - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 300)
