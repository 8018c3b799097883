"""The corrected distance: properties, values by hand, and a small calibration (the large one: benchmarks/validity)."""

import numpy as np
import pytest

from confound import correction, tvd
from confound.correction import METHODS, CorrectedTvd, corrected_tvd
from confound.permutation import permutation_test


def counts(
    drift: float, *, personas: int, trials: int, answers: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Draw a log in which each persona drifts in its own way; return both arms and the true mean distance."""
    rng = np.random.default_rng(seed)
    before = rng.dirichlet(np.ones(answers), size=personas)
    after = (1 - drift) * before + drift * rng.dirichlet(np.ones(answers), size=personas)
    arms = [np.stack([rng.multinomial(trials, shares) for shares in side]) for side in (after, before)]
    return arms[0], arms[1], float(0.5 * np.abs(after - before).sum(axis=1).mean())


def corrected(treated: np.ndarray, control: np.ndarray, method: str = "mixture", seed: int = 0) -> CorrectedTvd:
    """Correct a log's distance, with its exact p-value."""
    pvalue = permutation_test(treated, control, rng=np.random.default_rng(0)).pvalue
    return corrected_tvd(treated, control, pvalue=pvalue, method=method, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("personas", "trials", "answers", "drift"),
    [(10, 5, 2, 0.0), (10, 5, 4, 0.5), (30, 30, 3, 0.3), (1, 60, 5, 0.4), (12, 8, 30, 0.2)],
)
def test_ends_hold_the_estimate(method: str, personas: int, trials: int, answers: int, drift: float) -> None:
    """Every method gives a distance in [0, 1], inside its interval where it has one."""
    treated, control, _ = counts(drift, personas=personas, trials=trials, answers=answers, seed=1)
    result = corrected(treated, control, method)
    assert 0 <= result.estimate <= 1
    if not np.isnan(result.ci_low):
        assert 0 <= result.ci_low <= result.estimate <= result.ci_high <= 1


@pytest.mark.parametrize("method", METHODS)
def test_one_answer_is_no_distance(method: str) -> None:
    """Where everyone says the same the distance is 0, without doubt."""
    result = corrected(np.full((4, 1), 6), np.full((4, 1), 5), method)
    assert (result.estimate, result.ci_low, result.ci_high) == (0, 0, 0)


@pytest.mark.parametrize("drift", [0.0, 0.9])
def test_lower_end_is_zero_unless_the_exact_test_rejects(drift: float) -> None:
    """The interval starts at 0 if p is above 1 - confidence, and above 0 if it is below."""
    treated, control, _ = counts(drift, personas=20, trials=20, answers=3, seed=2)
    for pvalue in (0.04, 0.06):
        result = corrected_tvd(treated, control, pvalue=pvalue, rng=np.random.default_rng(0))
        assert (result.ci_low == 0) == (pvalue > 0.05)


@pytest.mark.parametrize("method", METHODS)
def test_names_do_not_matter(method: str) -> None:
    """Personas and answers in another order give the same result to the last digit."""
    treated, control, _ = counts(0.4, personas=8, trials=12, answers=4, seed=3)
    rng = np.random.default_rng(4)
    rows, columns = rng.permutation(8), rng.permutation(4)
    other = corrected(treated[rows][:, columns], control[rows][:, columns], method)
    assert other.estimate == pytest.approx(corrected(treated, control, method).estimate, rel=1e-12)


def test_plugin_and_null_are_what_they_say() -> None:
    """`plugin` is the plug-in, `null` the plug-in less its exact no-drift mean."""
    treated, control, _ = counts(0.6, personas=15, trials=10, answers=4, seed=5)
    assert corrected(treated, control, "plugin").estimate == pytest.approx(tvd.plugin(treated, control))
    less = tvd.plugin(treated, control) - tvd.null_mean(treated, control)
    assert corrected(treated, control, "null").estimate == pytest.approx(less)


def test_jackknife_of_a_linear_case() -> None:
    """Arms without a common answer are at distance 1 whichever answer is left out, so the jackknife leaves it at 1."""
    treated, control = np.asarray([[9, 0], [8, 0]]), np.asarray([[0, 7], [0, 9]])
    assert corrected(treated, control, "jackknife").estimate == pytest.approx(1)


def test_unusable_arguments_are_refused() -> None:
    """A method, p-value or confidence out of range is an error that repeats it."""
    treated, control, _ = counts(0.4, personas=3, trials=4, answers=2, seed=6)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="but got 'best'"):
        corrected_tvd(treated, control, pvalue=0.5, method="best", rng=rng)
    with pytest.raises(ValueError, match=r"but got 1\.5"):
        corrected_tvd(treated, control, pvalue=1.5, rng=rng)
    with pytest.raises(ValueError, match="but got 95"):
        corrected_tvd(treated, control, pvalue=0.5, confidence=95, rng=rng)
    assert correction.DEFAULT in METHODS


@pytest.mark.slow
@pytest.mark.parametrize("drift", [0.0, 0.2, 0.5])
def test_mixture_is_calibrated(drift: float) -> None:
    """At 100 personas, 30 trials, 4 answers: mean error within .02 and the truth in 17 or more of 20 intervals."""
    errors, covered = [], 0
    for seed in range(20):
        treated, control, truth = counts(drift, personas=100, trials=30, answers=4, seed=100 + seed)
        result = corrected(treated, control, seed=seed)
        errors.append(result.estimate - truth)
        covered += result.ci_low <= truth <= result.ci_high
    assert abs(np.mean(errors)) < 0.02
    assert covered >= 17
