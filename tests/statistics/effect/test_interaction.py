"""The interaction of two factors: against regressions, under relabelling, and with its level held."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from confound.statistics.effect.interaction import interaction


def only(cells: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Leave personas in some cells."""
    return np.where(keep[..., None], cells, np.nan)


def designs(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Put the same personas into four, two or one of the cells."""
    n, half = len(cells), np.arange(len(cells)) % 2 == 0
    first, second, between = (np.zeros((n, 2, 2), dtype=bool) for _ in range(3))
    first[half, :, 0] = first[~half, :, 1] = True
    second[half, 0] = second[~half, 1] = True
    between[np.arange(n), half.astype(int), np.arange(n) // 2 % 2] = True
    kept = {"mixed": first, "turned": second, "between": between}
    return {"within": cells} | {name: only(cells, keep) for name, keep in kept.items()}


def test_within_equals_the_regression_of_differences() -> None:
    """Paired: the mean of the personas' differences of differences, with its t test."""
    cells = np.random.default_rng(1).normal(size=(30, 2, 2, 1))
    found = interaction(cells)
    d = ((cells[:, 1, 1] - cells[:, 0, 1]) - (cells[:, 1, 0] - cells[:, 0, 0]))[:, 0]
    fit = smf.ols("d ~ 1", data=pd.DataFrame({"d": d})).fit()
    assert found.difference.estimate[0] == pytest.approx(fit.params["Intercept"])
    assert found.difference.se[0] == pytest.approx(fit.bse["Intercept"])
    assert found.difference.pvalue[0] == pytest.approx(fit.pvalues["Intercept"])
    assert found.design == "within"


def test_between_equals_the_heteroscedastic_regression() -> None:
    """Four groups of equal size: estimate and error of `y ~ a * b` with HC2 errors."""
    cells = designs(np.random.default_rng(2).normal(size=(48, 2, 2, 1)) * [[[1], [2]], [[3], [4]]])["between"]
    found = interaction(cells)
    rows = [(y, i, j) for (_, i, j, _), y in np.ndenumerate(cells) if np.isfinite(y)]
    fit = smf.ols("y ~ a * b", data=pd.DataFrame(rows, columns=["y", "a", "b"])).fit(cov_type="HC2")
    assert found.design == "between"
    assert found.difference.estimate[0] == pytest.approx(fit.params["a:b"])
    assert found.difference.se[0] == pytest.approx(fit.bse["a:b"])


@pytest.mark.parametrize("name", ["within", "mixed", "turned", "between"])
def test_it_is_the_same_by_either_factor(name: str) -> None:
    """Exchanging the factors leaves estimate and test; exchanging a factor's levels turns the sign."""
    cells = designs(np.random.default_rng(3).normal(size=(40, 2, 2, 2)))[name]
    found, other, turned = interaction(cells), interaction(cells.swapaxes(1, 2)), interaction(cells[:, ::-1])
    np.testing.assert_allclose(found.difference.estimate, found.at_treated - found.at_control)
    np.testing.assert_allclose(other.difference.estimate, found.difference.estimate)
    np.testing.assert_allclose(other.difference.pvalue, found.difference.pvalue)
    np.testing.assert_allclose(turned.difference.estimate, -found.difference.estimate)
    assert found.design == {"turned": "mixed"}.get(name, name)
    assert found.n_personas == 40


@pytest.mark.slow
@pytest.mark.parametrize("name", ["within", "mixed", "turned", "between"])
def test_level_and_coverage(name: str) -> None:
    """Without an interaction .05 of logs are rejected, though spreads differ and factors have effects of their own."""
    rng, rejected, covered, rounds = np.random.default_rng(4), 0, 0, 2000
    scale = np.array([[1.0, 2.0], [1.5, 1.0]])[..., None]
    for _ in range(rounds):
        persona = rng.normal(size=(40, 1, 1, 1))
        cells = persona + rng.normal(size=(40, 2, 2, 1)) * scale
        cells[:, 1] += 1.0
        cells[:, :, 1] -= 0.5
        found = interaction(designs(cells)[name]).difference
        rejected += found.pvalue[0] < 0.05
        covered += found.ci_low[0] <= 0 <= found.ci_high[0]
    assert abs(rejected / rounds - 0.05) < 3 * np.sqrt(0.05 * 0.95 / rounds)
    assert covered == rounds - rejected


def test_nobody_in_a_cell_gives_no_number() -> None:
    """An empty cell leaves the interaction undefined, without an error."""
    cells = designs(np.ones((8, 2, 2, 1)))["between"]
    cells[:, 1, 1] = np.nan
    assert np.isnan(interaction(cells).difference.estimate).all()
