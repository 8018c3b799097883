"""From a log to tables, draws on disk and words."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import confound
from confound.errors import InputError
from confound.findings.stabilization import Stabilization, fit
from confound.findings.stabilization_columns import SCHEMA, SETTLED
from confound.findings.trajectories import OutcomeTrajectory
from confound.findings.verdict.settling import points
from confound.statistics.stabilization import draws, engines
from confound.statistics.stabilization.inputs import Sampler, Trajectory
from confound.statistics.stabilization.law import Persons

TIMES = np.arange(8.0)
NUMBERS = np.array([1.0, 2.0, 3.0, 4.0])
PERSONS = Persons(np.array([[-1.3, 0.1, 1.5]]), np.array([[0.8, 0.4, 0.3, 0.2]]), np.array([0.05]), np.array([2.0]))
SHORT = Sampler(chains=2, draws=500, tune=300)


def outcome(path: np.ndarray) -> np.ndarray:
    """Return the expected answers of the arms' means, shape (2, T)."""
    means = np.concatenate([path, path[:, -1:]], axis=1)[None]
    return draws.expected(means, PERSONS, TIMES, NUMBERS, (0.0, 1.0))[0, :, :-1]


def make(
    path: np.ndarray, *, personas: int = 60, trials: int = 20, model: str = "m", seed: int = 0
) -> OutcomeTrajectory:
    """Make an outcome whose arms' means are given, shape (2, T), treated first."""
    sizes = np.full((personas, 2, len(TIMES)), trials)
    counts = draws.simulate(path, PERSONS, TIMES, sizes, np.random.default_rng(seed))
    every = np.repeat(NUMBERS, counts.sum(axis=(0, 1, 2)))
    data = Trajectory(
        times=TIMES,
        sizes=sizes,
        counts=counts,
        numbers=NUMBERS,
        means=counts @ NUMBERS / trials,
        errors=np.full(sizes.shape, np.nan),
        sd=float(every.std()),
    )
    return OutcomeTrajectory("s", model, "b - a", "y", data)


def small_log() -> pd.DataFrame:
    """Make a log of one outcome and one negative control, six personas in two arms."""
    columns = {"persona": range(6), "arm": ["control", "treated"], "question": ["y", "z"], "trial": range(4)}
    frame = pd.MultiIndex.from_product(columns.values(), names=list(columns)).to_frame(index=False)
    frame["role"] = frame["question"].map({"y": "outcome", "z": "negative_control"})
    return frame.assign(response=np.random.default_rng(0).integers(1, 4, len(frame)).astype(str))


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
    assert tuple(found.settled.columns) == SETTLED.names
    assert tuple(found.stabilization.columns) == SCHEMA.names
    by = found.settled.set_index("iteration")["probability"]
    assert by[0] < 0.2
    assert by.is_monotonic_increasing
    assert found.settled["tolerance"].iloc[0] == pytest.approx(make(SETTLING).data.sd / 10)


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
    from confound.statistics.stabilization import fit as fitting
    from confound.statistics.stabilization.model import Sample

    monkeypatch.setattr(fitting, "KEPT", 20)
    each = np.arange(40.0).reshape(2, 20)
    kept = fitting._thinned(Sample({"x": each}, each, each), n_groups=2)  # noqa: SLF001 -- a step of its own
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
    made, errors = make(SETTLING), np.full(means.shape, 2.0)
    numeric = replace(made.data, sizes=sizes, counts=None, numbers=None, means=means, errors=errors, sd=8.0)
    found = fit([replace(made, data=numeric)], paths=["exponential"], sampler=SHORT)
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
    from confound.findings import stabilization
    from confound.statistics.stabilization import arviz_versions
    from simulate.run.loop import simulate
    from simulate.study.reading import load_study

    monkeypatch.setattr(stabilization, "Sampler", lambda **_: SHORT)
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


@pytest.mark.slow
def test_without_pymc_all_but_the_models_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A log with iterations is analysed and saved without the models' packages; a note says how to get them."""
    for name in engines.PACKAGES:
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails, as where it is not installed
    iterations = [small_log().assign(iteration=t) for t in range(3)]
    found = confound.analyze(pd.concat(iterations, ignore_index=True))
    assert len(found.effects)
    assert len(found.drift)
    assert found.stabilization.empty
    told = found.warnings["message"]
    assert (
        told.str.contains("PyMC is not installed. Install it with: pip install 'confound[bayes]'", regex=False).sum()
        == 1
    )
    found.save(tmp_path / "out")
    assert not (tmp_path / "out" / "stabilization.nc").exists()
    with pytest.raises(InputError, match=r"cannot be fitted: PyMC is not installed.*confound\[bayes\]"):
        fit([make(SETTLING)])


def test_two_iterations_need_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is nothing to model, no package is asked for."""
    monkeypatch.setitem(sys.modules, "pymc", None)
    found = confound.analyze(small_log(), skip=["drift"])
    assert not found.warnings["message"].str.contains("PyMC").any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "import confound.analysis, confound.cli, confound.figures, confound.result",
        "import confound, pandas\nconfound.analyze(pandas.read_parquet(sys.argv[1]), skip=['figures'])",
        "from confound.cli import main\nmain(['check', sys.argv[1]], standalone_mode=False)",
    ],
)
def test_models_packages_load_only_for_a_fit(code: str, tmp_path: Path) -> None:
    """Importing the package, analysing a log of one iteration and checking it load none of the models' packages."""
    small_log().to_parquet(tmp_path / "log.parquet")
    program = f"import sys\n{code}\nprint(*sorted({set(engines.PACKAGES)!r} & set(sys.modules)), file=sys.stderr)"
    command = [sys.executable, "-c", program, str(tmp_path / "log.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stderr.strip() == ""
