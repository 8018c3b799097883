"""The generated grid that the benchmarks count and analyse: its sizes, its bytes and its truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmarks.speed.log import grid
from benchmarks.speed.log.grid import COLUMNS, Grid, truth, write_log

SMALL = Grid(studies=2, models=2, iterations=3, personas=5, trials=4, arms=3, questions=12)


def test_the_grid_of_the_paper_has_18_million_answers() -> None:
    """Sizes by default are the paper's: 12 questions, 2 of them outcomes and 9 negative controls."""
    assert Grid().answers == 18_144_000
    assert [Grid().roles.count(role) for role in ("outcome", "negative_control", "confounder")] == [2, 9, 1]
    assert Grid().cells == 3 * 6 * 14 * 9


def test_every_combination_is_asked_once(tmp_path: Path) -> None:
    """No row is missing or there twice, and each arm is asked as much."""
    write_log(tmp_path / "log.parquet", SMALL, seed=1)
    frame = pd.read_parquet(tmp_path / "log.parquet")
    keys = [column for column in COLUMNS if column not in ("role", "response")]
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == SMALL.answers
    assert not frame.duplicated(keys).any()
    assert frame.groupby("arm").size().tolist() == [SMALL.answers // 3] * 3


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal seeds give equal bytes, another seed other answers; a log of many chunks loses none."""
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        write_log(tmp_path / name, SMALL, seed=seed)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "again").read_bytes()
    assert not pq.read_table(tmp_path / "one").equals(pq.read_table(tmp_path / "other"))
    monkeypatch.setattr(grid, "ROWS_AT_ONCE", SMALL.answers // 10)
    write_log(tmp_path / "chunks", SMALL, seed=1)
    assert pq.read_metadata(tmp_path / "chunks").num_row_groups > 1
    assert pq.read_metadata(tmp_path / "chunks").num_rows == SMALL.answers


@pytest.mark.slow
def test_the_log_holds_the_truth(tmp_path: Path) -> None:
    """Shares of the answers by persona, and effects, are those of the truth within sampling error."""
    sizes = Grid(studies=1, models=1, iterations=2, personas=20, trials=2000, questions=4)
    write_log(tmp_path / "log.parquet", sizes, seed=3)
    expected = truth(sizes, seed=3).set_index(["iteration", "question"])
    frame = pd.read_parquet(tmp_path / "log.parquet").assign(response=lambda f: f["response"].fillna("Unknown"))
    outcomes = frame[(frame["role"] == "outcome") & (frame["response"] != "Unknown")]
    means = outcomes.assign(y=outcomes["response"].str[0].astype(int)).groupby(["iteration", "question", "arm"])["y"]
    effect = means.mean().unstack().eval("treated - control")  # noqa: PD010 -- nothing to sum
    np.testing.assert_allclose(effect, expected.loc[effect.index, "effect"], atol=5 * np.sqrt(2 / 40000))

    controls = frame[frame["role"] == "negative_control"]
    cells = ["iteration", "question", "persona", "arm"]
    shares = controls.groupby(cells)["response"].value_counts(normalize=True).unstack(fill_value=0)  # noqa: PD010
    gaps = shares.xs("treated", level="arm") - shares.xs("control", level="arm")
    tvd = (gaps.abs().sum(axis=1) / 2).groupby(["iteration", "question"]).mean()
    # The plug-in is too large by less than sqrt(K / (2 n)) / 2, and less where there is drift.
    np.testing.assert_allclose(tvd, expected.loc[tvd.index, "tvd"], atol=0.02)


def test_retention_is_asked_beside_from_the_second_iteration_on(tmp_path: Path) -> None:
    """Asking it adds rows with what was specified, and answers are as specified as often as the truth says."""
    sizes = Grid(studies=1, models=1, iterations=2, personas=20, trials=1000, questions=4, retention=2)
    write_log(tmp_path / "log.parquet", sizes, seed=3)
    frame = pd.read_parquet(tmp_path / "log.parquet")
    asked = frame[frame["role"] == "retention"]
    assert len(frame) == sizes.answers == 20 * 1000 * 2 * (4 + 6)
    assert frame["specified"].notna().equals(frame["role"] == "retention")
    assert set(asked["iteration"]) == {1}
    assert asked.groupby(["persona", "question"])["specified"].nunique().eq(1).all()
    kept = (asked["response"] == asked["specified"]).groupby([asked["question"], asked["arm"]]).mean()
    expected = truth(sizes, seed=3).query("kept_control.notna()").set_index("question")
    for arm in ("control", "treated"):
        np.testing.assert_allclose(kept.xs(arm, level="arm"), expected[f"kept_{arm}"], atol=5 * np.sqrt(0.2 / 20000))
    assert (expected["kept_control"] > expected["kept_treated"]).all()


def test_drift_falls_and_the_effect_settles() -> None:
    """Distances fall over the iterations, the last model has none, and the effect comes to its settled value."""
    told = truth(Grid(studies=1, personas=10), seed=1)
    first = told[(told["model"] == "model_1") & (told["question"] == "negative_control_01")]["tvd"].to_numpy()
    assert (np.diff(first) < 0).all()
    assert first[0] > 0.1
    np.testing.assert_allclose(told[told["model"] == "model_6"]["tvd"].dropna(), 0, atol=1e-12)
    last = told[(told["iteration"] == 13) & told["effect"].notna()]
    np.testing.assert_allclose(last["effect"], last["settled"], atol=0.01)
    start = told[(told["iteration"] == 0) & (told["model"] == "model_1") & told["effect"].notna()]
    assert (start["effect"] - start["settled"] > 0.05).all()
