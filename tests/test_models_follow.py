"""The verdict never waits for Bayesian models: it is said and saved before any is fitted."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import confound
from confound.cli import main
from confound.findings import stabilization as stable
from confound.statistics.stabilization import engines
from tests.test_failures import log

QUICK = ("figures", "report", "decomposition", "sensitivity")


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as if the packages were there; no test here fits a model."""
    monkeypatch.setattr(engines, "missing", list)


def test_the_result_so_far_is_the_result_but_for_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given before any model is fitted, with the time that these will take."""
    order: list[str] = []
    held: list[tuple[confound.Analysis, float]] = []

    def modelled(*_: Any, **__: Any) -> stable.Stabilization:
        order.append("models")
        return stable.NOTHING

    def so_far(found: confound.Analysis, seconds: float) -> None:
        order.append("so far")
        held.append((found, seconds))

    monkeypatch.setattr(stable, "modelled", modelled)
    result = confound.analyze(log(), skip=QUICK, so_far=so_far)
    assert order == ["so far", "models"]
    ((first, seconds),) = held
    assert seconds > 0
    for name, frame in result.frames.items():
        pd.testing.assert_frame_equal(frame, first.frames[name])
    assert result.verdict == first.verdict


def test_what_takes_long_is_not_begun_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A note says how long it would take and how to ask; asked, it is begun."""
    begun: list[int] = []

    def modelled(series: Any, **_: Any) -> stable.Stabilization:
        begun.append(len(series))
        return stable.NOTHING

    monkeypatch.setattr(stable, "modelled", modelled)
    monkeypatch.setattr(stable, "SECONDS_A_PATH", 1000.0)
    result = confound.analyze(log(), skip=QUICK)
    assert begun == []
    (note,) = [m for m in result.warnings["message"] if "--stabilization" in m]
    assert "Bayesian models of 1 outcomes would take some 400 minutes" in note
    confound.analyze(log(), skip=QUICK, stabilization=True)
    assert begun == [1]


def test_an_interruption_keeps_what_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while models are fitted leaves the verdict said and the tables saved."""

    def interrupted(*_: Any, **__: Any) -> stable.Stabilization:
        assert (tmp_path / "out" / "tables" / "drift.csv").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(stable, "modelled", interrupted)
    log().to_csv(tmp_path / "log.csv", index=False)
    skipped = [word for part in QUICK for word in ("--skip", part)]
    done = CliRunner().invoke(main, ["analyze", str(tmp_path / "log.csv"), *skipped, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("VERDICT\n")
    assert "Whether the effect settles is being modelled, about" in done.stderr
    assert "Stopped: whether the effect settles was not modelled" in done.stderr
    found = confound.load(tmp_path / "out")
    assert len(found.drift)
    assert found.stabilization.empty
