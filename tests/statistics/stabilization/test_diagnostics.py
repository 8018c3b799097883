"""Gates let through what is good and stop what is not."""

import numpy as np
import pytest

from confound.statistics.stabilization import diagnostics as checks

GOOD = checks.Diagnostics(rhat=1.001, ess_bulk=900, ess_tail=800)


def failed(**changes: object) -> list[str]:
    """Return the gates that a good fit fails once something is changed."""
    rng = np.random.default_rng(0)
    given = {
        "found": [GOOD],
        "diverging": 0,
        "energy": rng.normal(size=(4, 500)),
    } | changes
    return [check.name for check in checks.gates(**given) if not check.passed]  # type: ignore[arg-type]


def test_good_fit_passes() -> None:
    """A fit without a fault passes every gate, and one that cannot vary has nothing to fail."""
    assert failed() == []
    assert failed(found=[checks.Diagnostics(np.nan, np.nan, np.nan)]) == []


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"found": [GOOD, checks.Diagnostics(1.02, 900, 800)]}, "rhat"),
        ({"found": [checks.Diagnostics(1.0, 399, 800), GOOD]}, "ess_bulk"),
        ({"found": [GOOD, checks.Diagnostics(1.0, 900, 399)]}, "ess_tail"),
        ({"diverging": 1}, "divergences"),
        ({"energy": np.cumsum(np.random.default_rng(1).normal(size=(4, 500)), axis=1)}, "ebfmi"),
    ],
)
def test_each_fault_fails_its_own_gate(change: dict[str, object], gate: str) -> None:
    """The worst of all quantities and chains decides."""
    assert failed(**change) == [gate]


def test_comparison_hangs_on_the_worst_persona() -> None:
    """The largest Pareto k decides, and fewer draws allow less."""
    assert checks.compared(np.array([0.1, 0.65]), 4000).passed
    assert not checks.compared(np.array([0.75, 0.1]), 4000).passed
    assert not checks.compared(np.array([0.1, 0.65]), 500).passed


def test_stacking_prefers_what_predicts() -> None:
    """A path that predicts every persona better takes all; paths good for different personas share."""
    rng = np.random.default_rng(2)
    base = rng.normal(size=60)
    np.testing.assert_allclose(checks.stacking_weights(np.stack([base, base - 2], axis=1)), [1, 0], atol=0.02)
    halves = np.where(np.arange(60) < 30, 1.0, -1.0)
    np.testing.assert_allclose(
        checks.stacking_weights(np.stack([base + halves, base - halves], axis=1)), [0.5, 0.5], atol=0.02
    )


def test_sensitivity_knows_what_matters() -> None:
    """With equal weight of normal prior and likelihood, both matter; a flat part does not."""
    rng = np.random.default_rng(3)
    draws = rng.normal(0.5, np.sqrt(0.5), 40_000)  # prior N(0, 1), one observation 1 with sd 1
    prior, likelihood = -(draws**2) / 2, -((draws - 1) ** 2) / 2
    assert checks.sensitivity(draws, prior) > 0.05
    assert checks.sensitivity(draws, likelihood) > 0.05
    assert checks.sensitivity(draws, prior / 100) < 0.01
    assert checks.sensitivity(draws, np.zeros_like(draws)) == pytest.approx(0, abs=1e-6)
