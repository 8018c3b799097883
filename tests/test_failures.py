"""A part of an analysis that fails costs only itself: the rest is computed, and the failure is told."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import confound
from confound import keywords, parallel
from confound.failures import Failures, Guarded
from confound.findings import answers, assumptions, comparisons, data, drift, effects, joint_drift, routes, sensitivity
from confound.findings import stabilization as stable
from confound.findings.verdict import sentences

if TYPE_CHECKING:
    from collections.abc import Callable


def log(arms: int = 2) -> pd.DataFrame:
    """Make a log of three iterations with drift that adjustment halves, in so many arms."""
    rng = np.random.default_rng(1)
    names = ["control", *(f"arm {a}" for a in range(1, arms))]
    grid = pd.MultiIndex.from_product(
        [range(3), range(8), names, range(6), ["party", "race", "likely", "religion"]],
        names=["iteration", "persona", "arm", "trial", "question"],
    ).to_frame(index=False)
    moved = (grid["arm"] != "control") * 0.4 / (1 + grid["iteration"])
    yes = rng.random(len(grid)) < 0.3 + moved
    grid["response"] = np.where(grid["question"] == "likely", np.where(yes, "4", "2"), np.where(yes, "yes", "no"))
    roles = {"likely": "outcome", "religion": "confounder"}
    grid["role"] = grid["question"].map(lambda question: roles.get(question, "negative_control"))
    return grid


# What is made to raise, and what is then missing or empty; everything else must be as it was.
PARTS: dict[str, tuple[object, str, set[str]]] = {
    "drift rows": (drift, "drift_row", {"drift", "assumptions", "sensitivity"}),
    "effect rows": (effects, "effect_rows", {"effects", "sensitivity"}),
    "joint test": (joint_drift, "joint_test", {"drift", "assumptions"}),
    "all arms": (joint_drift, "all_arms", {"drift", "assumptions"}),
    "comparisons": (comparisons, "over_iterations", {"comparisons"}),
    "adjustment": (routes, "by_adjustment", {"decomposition"}),
    "source": (routes, "by_source", {"decomposition"}),
    "standardization": (routes, "by_standardization", {"decomposition", "assumptions"}),
    "population shift": (assumptions, "population_shifts", {"assumptions"}),
    "remaining drift": (assumptions, "remaining_drift", {"assumptions"}),
    "sensitivity": (sensitivity, "rows", {"sensitivity"}),
    "distributions": (answers, "share_rows", {"distributions"}),
    "means": (answers, "mean_rows", {"means"}),
    "drift table": (drift, "frame", {"drift"}),
    "effects table": (effects, "frame", {"effects"}),
    "data table": (data, "frame", {"data"}),
    "verdict": (sentences, "findings", set()),
    "workers": (parallel, "spread", {"drift", "effects", "comparisons", "assumptions", "sensitivity"}),
}
SKIP = ("stabilization", "figures", "report")


@pytest.fixture(scope="module")
def sound() -> confound.Analysis:
    """Analyse the log with nothing raised."""
    return confound.analyze(log(3), skip=SKIP)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_raises_costs_itself(
    part: str, sound: confound.Analysis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Tables that do not rest on it are as they were, and the failure is in `warnings` and in a file."""
    module, name, touched = PARTS[part]
    monkeypatch.setattr(module, name, raising)
    result = confound.analyze(log(3), skip=SKIP, workers=1)
    assert result.failures
    assert "KeyError: 'sbt'" in result.failures[0].error
    told = result.warnings[result.warnings["level"] == "failure"]
    assert "Missing: " in told["message"].iloc[0]
    for table, frame in result.frames.items():
        if table not in {*touched, "warnings"}:
            pd.testing.assert_frame_equal(frame, sound.frames[table])
    with pytest.warns(confound.ConfoundWarning, match="Missing: "):
        result.save(tmp_path / "out")
    assert "Traceback" in (tmp_path / "out" / "failures.txt").read_text()
    assert (tmp_path / "out" / "tables" / "data.csv").is_file()
    assert len(confound.load(tmp_path / "out").warnings) == len(result.warnings)


def raising(*_args: object, **_more: object) -> None:
    """Fail as a part once did."""
    raise KeyError("sbt")


def test_models_that_raise_cost_only_their_tables(sound: confound.Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Bayesian model that fails leaves its tables empty and typed, and all others are there."""
    monkeypatch.setattr(stable, "fit", raising)
    result = confound.analyze(log(3), skip=("figures", "report"), workers=1)
    assert [failure.part for failure in result.failures] == ["stabilization"]
    assert result.stabilization.empty
    pd.testing.assert_frame_equal(result.drift, sound.drift)
    assert result.verdict == sound.verdict


def test_one_contrast_costs_one_row(sound: confound.Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one control's row fails, the other controls have theirs, and the failure names the place."""
    made: Callable[..., object] = drift.drift_row

    def of_party(contrast: object, **more: object) -> object:
        if contrast.cell.question == "party":  # type: ignore[attr-defined]
            raise ZeroDivisionError("party")
        return made(contrast, **more)

    monkeypatch.setattr(drift, "drift_row", of_party)
    result = confound.analyze(log(3), skip=SKIP, workers=1)
    rows = result.drift[(result.drift["question"] == "race") & (result.drift["contrast"] != "(all arms)")]
    before = sound.drift[(sound.drift["question"] == "race") & (sound.drift["contrast"] != "(all arms)")]
    assert rows["pvalue"].tolist() == before["pvalue"].tolist()
    assert result.failures[0].about == "study / model / 0 / arm 1 - control / party"


@pytest.mark.parametrize("arms", [2, 3, 20])
def test_any_number_of_arms_is_analysed(arms: int) -> None:
    """Nothing fails with two arms, three, or twenty."""
    result = confound.analyze(log(arms), skip=SKIP)
    assert result.failures == ()
    assert len(set(result.effects["contrast"])) == arms - 1


def test_one_arm_is_refused() -> None:
    """With one arm there is nothing to compare, and the message says so."""
    with pytest.raises(confound.InputError, match="holds one arm only"):
        confound.analyze(log(1))


def test_guarded_tasks_go_on() -> None:
    """Of many items those that fail become failures, the others are done."""
    failures = Failures()
    task = Guarded(lambda item: 1 / item, "quotient", str)
    assert list(failures.sifted(map(task, [1, 0, 2]))) == [1.0, 0.5]
    assert [(each.part, each.about) for each in failures] == [("quotient", "0")]
    assert keywords.PARTS[-1] == "report"
