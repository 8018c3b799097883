"""Arm differences: against R, against a regression, and calibrated."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
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


def test_confidence_is_checked() -> None:
    """A confidence of 95 is refused with what was found."""
    for compare in (difference.paired_difference, difference.welch_difference):
        with pytest.raises(ValueError, match=r"confidence must lie in the interval \(0, 1\) but got 95"):
            compare(TREATED, CONTROL, confidence=95)
