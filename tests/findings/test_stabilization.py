"""From a log to tables, draws on disk and words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import confound
from confound.counts.outcome_series import Series
from confound.errors import InputError
from confound.findings.stabilization import SETTLED, STABILIZATION, Stabilization, fit
from confound.findings.verdict.settling import points
from confound.statistics.stabilization import draws
from confound.statistics.stabilization.inputs import Sampler
from confound.statistics.stabilization.law import Persons

TIMES = np.arange(8.0)
NUMBERS = np.array([1.0, 2.0, 3.0, 4.0])
PERSONS = Persons(np.array([[-1.3, 0.1, 1.5]]), np.array([[0.8, 0.4, 0.3, 0.2]]), np.array([0.05]), np.array([2.0]))
SHORT = Sampler(chains=2, draws=500, tune=300)


def outcome(path: np.ndarray) -> np.ndarray:
    """Return the expected answers of the arms' means, shape (2, T)."""
    means = np.concatenate([path, path[:, -1:]], axis=1)[None]
    return draws.expected(means, PERSONS, TIMES, NUMBERS, (0.0, 1.0))[0, :, :-1]


def make(path: np.ndarray, *, personas: int = 60, trials: int = 20, model: str = "m", seed: int = 0) -> Series:
    """Make a series whose arms' means are given, shape (2, T), treated first."""
    sizes = np.full((personas, 2, len(TIMES)), trials)
    counts = draws.simulate(path, PERSONS, TIMES, sizes, np.random.default_rng(seed))
    every = np.repeat(NUMBERS, counts.sum(axis=(0, 1, 2)))
    return Series(
        *("s", model, "b - a", "y"),
        times=TIMES,
        sizes=sizes,
        counts=counts,
        numbers=NUMBERS,
        means=counts @ NUMBERS / trials,
        errors=np.full(sizes.shape, np.nan),
        sd=float(every.std()),
    )


SETTLING = np.stack([0.3 + 0.6 * np.exp(-TIMES / 1.5), -0.3 - 0.5 * np.exp(-TIMES / 1.5)])


def table(found: Stabilization, quantity: str, path: str = "exponential") -> pd.Series:
    """Return one row."""
    rows = found.stabilization
    return rows[(rows["quantity"] == quantity) & (rows["path"] == path)].iloc[0]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["exponential", "random_walk", "changepoint"])
def test_settled_effect_and_biases_are_found(path: str) -> None:
    """On a log that settles, each path's interval of every part holds the truth, and it says when."""
    found = fit([make(SETTLING)], paths=[path], sampler=SHORT)
    expected = outcome(SETTLING)
    settled = float(np.subtract(*outcome(np.array([[0.3], [-0.3]]) * np.ones((2, 8)))[:, -1]))
    first = float(expected[0, 0] - expected[1, 0])
    for quantity, value in (("settled", settled), ("observed", first), ("asb", first - settled)):
        row = table(found, quantity, path)
        assert row["ci_low"] - 0.02 < value < row["ci_high"] + 0.02
        assert row["ci_high"] - row["ci_low"] < 0.8
        assert row["ci_high"] - row["ci_low"] < row["prior_high"] - row["prior_low"]
    assert tuple(found.settled.columns) == SETTLED
    assert tuple(found.stabilization.columns) == STABILIZATION
    by = found.settled.set_index("iteration")["probability"]
    assert by[0] < 0.2
    assert by.is_monotonic_increasing
    assert found.settled["tolerance"].iloc[0] == pytest.approx(make(SETTLING).sd / 10)


@pytest.mark.slow
def test_flat_log_is_settled_at_once_and_a_trend_is_not() -> None:
    """Where nothing moves the effect is settled from iteration 0 on; where it moves on, at no iteration."""
    flat = np.stack([np.full(8, 0.4), np.full(8, -0.4)])
    trend = np.stack([1.2 - 0.25 * TIMES, -1.2 + 0.25 * TIMES])
    still, moving = (fit([make(p, personas=100, trials=30)], sampler=SHORT) for p in (flat, trend))
    assert still.settled.groupby("path")["probability"].min().max() > 0.8
    assert moving.settled.groupby("path")["probability"].max().max() < 0.5
    assert "settles" in next(points(still.stabilization, still.settled, still.checks, 0.95))
    assert "not seen to settle" in next(points(moving.stabilization, moving.settled, moving.checks, 0.95))


@pytest.mark.slow
def test_models_are_pooled() -> None:
    """Two models fitted together give a row each, nearer to each other than apart; the draws hold both."""
    paths = [SETTLING, SETTLING * 1.3]
    pool = [make(p, personas=15, trials=8, model=f"m{i}", seed=i) for i, p in enumerate(paths)]
    together = fit(pool, paths=["exponential"], sampler=SHORT)
    assert list(together.stabilization[together.stabilization["quantity"] == "settled"]["model"]) == ["m0", "m1"]
    alone = [fit([each], paths=["exponential"], sampler=SHORT) for each in pool]
    rows = together.stabilization.query("quantity == 'settled'")["mean"].to_numpy()
    apart = [table(each, "settled")["mean"] for each in alone]
    assert abs(rows[0] - rows[1]) < abs(apart[0] - apart[1]) + 0.02
    (tree,) = together.fits.values()
    assert dict(tree["posterior"]["outcome"].sizes) | {"draw": 0} == {
        "chain": 2,
        "draw": 0,
        "series": 2,
        "arm": 2,
        "when": 9,
    }


@pytest.mark.slow
def test_number_of_cores_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains one after the other and series in this process give what both give side by side, to the last bit."""
    from confound.findings import stabilization

    monkeypatch.setattr(stabilization, "FEW", 1)
    pool = [make(SETTLING, personas=8, trials=6, model=f"m{i}", seed=i) for i in range(2)]
    short = Sampler(chains=2, draws=50, tune=100)
    one, two = (fit(pool, paths=["changepoint"], sampler=replace(short, cores=cores)) for cores in (1, 2))
    for name in ("stabilization", "settled", "checks"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name), check_exact=True)


@pytest.mark.slow
def test_draws_are_thinned_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many groups share the draws that are kept, parameters, energies and divergences stay side by side."""
    from confound.findings import stabilization
    from confound.statistics.stabilization.model import Sample

    monkeypatch.setattr(stabilization, "KEPT", 20)
    each = np.arange(40.0).reshape(2, 20)
    kept = stabilization._thinned(Sample({"x": each}, each, each), n_groups=2)  # noqa: SLF001 -- a step of its own
    for values in (kept.posterior["x"], kept.diverging, kept.energy):
        np.testing.assert_array_equal(values, each[:, ::4])


@pytest.mark.slow
def test_measurements_and_missing_cells_are_modelled() -> None:
    """A numeric outcome in its own units, with a persona that was left out of an arm."""
    rng = np.random.default_rng(1)
    level = 50 + 10 * SETTLING
    means = level + rng.normal(0, 3, (40, 1, 1)) + rng.normal(0, 2, (40, 2, 8))
    means[3, 1] = np.nan
    sizes = np.where(np.isnan(means), 0, 10)
    numeric = replace(
        make(SETTLING), sizes=sizes, counts=None, numbers=None, means=means, errors=np.full(means.shape, 2.0)
    )
    found = fit([replace(numeric, sd=8.0)], paths=["exponential"], sampler=SHORT)
    row = table(found, "settled")
    assert row["ci_low"] < 6 < row["ci_high"]
    assert row["ci_high"] - row["ci_low"] < 3


@pytest.mark.slow
def test_failing_fit_is_tried_again_and_then_said() -> None:
    """Forty draws cannot pass the gates, nor eighty: the checks say so."""
    found = fit([make(SETTLING, personas=10, trials=5)], paths=["exponential"], sampler=replace(SHORT, draws=20))
    checks = found.checks.set_index("check")
    assert not checks.loc["ess_bulk", "passed"]
    (tree,) = found.fits.values()
    assert tree["posterior"].sizes["draw"] == 40


@pytest.mark.slow
def test_analyze_reports_saves_and_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of three iterations gets tables, a sentence and draws that ArviZ reads back; a seed repeats them."""
    from confound import analysis
    from confound.statistics.stabilization import arviz_versions
    from simulate.run.loop import simulate
    from simulate.study.reading import load_study

    monkeypatch.setattr(analysis, "Sampler", lambda **_: SHORT)
    simulate(load_study("book_opinions"), tmp_path / "run", personas=20, trials=6, iterations=3)
    options = {"skip": ["drift", "decomposition"], "seed": 3}
    first, second = (confound.analyze(tmp_path / "run", **options) for _ in range(2))
    pd.testing.assert_frame_equal(first.stabilization, second.stabilization)
    assert any("likely_to_read" in point and "settle" in point for point in first.verdict[0].points)
    first.save(tmp_path / "out")
    assert (tmp_path / "out" / "tables" / "settled.csv").exists()
    (name, *_) = first.fits
    again = arviz_versions.read(tmp_path / "out" / "stabilization.nc", name)
    np.testing.assert_array_equal(again["posterior"]["noise"], first.fits[name]["posterior"]["noise"])
    skipped = confound.analyze(tmp_path / "run", skip=["drift", "decomposition", "stabilization"])
    assert skipped.stabilization.empty
    assert skipped.fits == {}


def test_unknown_path_is_refused() -> None:
    """The message says which there are."""
    with pytest.raises(InputError, match="exponential, random_walk, changepoint"):
        fit([], paths=["spline"])
