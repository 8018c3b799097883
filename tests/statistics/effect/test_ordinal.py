"""Comparisons by the order of answers: against R, against statsmodels, by counting pairs, and calibrated."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.miscmodels.ordinal_model import OrderedModel

from confound.statistics.effect import ordinal

R = json.loads((Path(__file__).parents[1] / "reference" / "effects.json").read_text())


def test_cumulative_logit_equals_polr() -> None:
    """The log odds ratio is that of MASS::polr on the same counts (tests/reference/effects.R)."""
    rows = {0: [20, 14, 9, 5], 1: [8, 12, 15, 17]}
    one_answer_each = {arm: np.repeat(np.eye(4, dtype=np.int64), n, axis=0) for arm, n in rows.items()}
    result = ordinal.cumulative_logit(one_answer_each[1], one_answer_each[0], paired=False)
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
    found = ordinal.cumulative_logit(treated, control, paired=paired)
    expected = [fit.params[0], fit.bse[0], fit.pvalues[0]]
    np.testing.assert_allclose([found.estimate, found.se, found.pvalue], expected, rtol=1e-4)


def test_cumulative_logit_steps_back_from_where_it_overshoots() -> None:
    """Where Newton's first steps go too far, the maximum is still found (by Nelder-Mead: 3.81485)."""
    rows = np.asarray([[183, 739, 4], [1, 925, 0]])
    found = ordinal.cumulative_logit(np.tile(rows[1], (2, 1)), np.tile(rows[0], (2, 1)), paired=False)
    assert found.estimate == pytest.approx(3.81485, abs=1e-5)


def test_cumulative_logit_of_arms_alike_in_each_persona() -> None:
    """Where no persona answers differently, the odds ratio is 1 without error; one persona has none."""
    answers = np.asarray([[3, 1], [1, 4]])
    assert ordinal.cumulative_logit(answers, answers, paired=True) == ordinal.OddsRatio(0.0, 0.0, 1.0)
    assert np.isnan(ordinal.cumulative_logit(answers[:1], answers[:1], paired=True).estimate)


def test_cumulative_logit_refuses_arms_separated_but_for_a_tie() -> None:
    """An arm that only ever gives the lowest answer has no finite odds ratio either."""
    result = ordinal.cumulative_logit(np.asarray([[2, 0], [2, 0]]), np.asarray([[1, 1], [2, 0]]), paired=True)
    assert np.isnan(result.estimate)


def test_cumulative_logit_refuses_separated_arms() -> None:
    """Arms without a common answer have no finite odds ratio, and get none."""
    answers = np.asarray([[5, 0], [4, 0]])
    result = ordinal.cumulative_logit(answers[:, ::-1], answers, paired=True)
    assert np.isnan([result.estimate, result.se, result.pvalue]).all()


@pytest.mark.slow
def test_cumulative_logit_is_calibrated() -> None:
    """With no effect and answers clustered by persona, p < .05 comes about as often as it says (paired, 300 logs)."""
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        shares = rng.dirichlet(np.full(4, 1.5), size=40)
        sides = [np.stack([rng.multinomial(10, p) for p in shares]) for _ in range(2)]
        hits += ordinal.cumulative_logit(sides[1], sides[0], paired=True).pvalue < 0.05
    assert abs(hits / 300 - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 300)


def test_superiority_known_values() -> None:
    """Alike arms give one half, a sure win one, and ties count half."""
    even = np.full(4, 0.25)
    assert ordinal.superiority(even, even) == pytest.approx(0.5)
    assert ordinal.superiority(np.asarray([0, 0, 1.0]), np.asarray([0.5, 0.5, 0])) == 1
    assert ordinal.superiority(np.asarray([0, 1.0]), np.asarray([0.5, 0.5])) == pytest.approx(0.75)


@given(arrays(np.int64, (2, 4), elements=st.integers(0, 9)))
def test_superiority_counts_pairs(counts: np.ndarray) -> None:
    """It equals the share of pairs that the treated answer wins, by counting every pair."""
    counts = counts + np.eye(2, 4, dtype=np.int64)
    wins = sum(counts[0, i] * counts[1, j] * ((i > j) + 0.5 * (i == j)) for i in range(4) for j in range(4)) / (
        counts[0].sum() * counts[1].sum()
    )
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert ordinal.superiority(shares[0], shares[1]) == pytest.approx(wins)
