"""What is read on a terminal fits on a screen, whatever the log, and says what the tables hold."""

import numpy as np
import pandas as pd
import pytest

import confound
from confound.findings.findings import Findings
from confound.presentation import terminal

SKIP = ("stabilization", "decomposition", "figures", "report")
SCREEN = 40


def grid(studies: int, models: int, *, drift: bool = True, seed: int = 0) -> pd.DataFrame:
    """Make a log of studies and models; in the first study and model everyone changes party, if they drift."""
    rng = np.random.default_rng(seed)
    places = [(f"study {s}", f"model {m}", p, a, t) for s in range(studies) for m in range(models)
              for p in range(12) for a in ("control", "treated") for t in range(4)]  # fmt: skip
    made = pd.DataFrame(places, columns=["study", "model", "persona", "arm", "trial"])
    party = rng.choice(["left", "right"], len(made))
    moved = drift & (made["study"] == "study 0") & (made["model"] == "model 0") & (made["arm"] == "treated")
    controls = made.assign(question="party", role="negative_control", response=np.where(moved, "other", party))
    number = rng.integers(1, 6, len(made)).astype(str)
    return pd.concat([controls, made.assign(question="likes", role="outcome", response=number)])


@pytest.fixture(scope="module")
def many() -> Findings:
    """Analyse a log of 36 studies and models."""
    return confound.analyze(grid(6, 6), skip=SKIP, workers=1)


@pytest.mark.slow
def test_a_grid_fits_on_a_screen_and_begins_with_what_needs_attention(many: Findings) -> None:
    """One line a study and model, drifting ones first, and the words explained; what is left out is counted."""
    lines = terminal.text(many).splitlines()
    assert len(lines) <= SCREEN - 3  # an empty line and what was saved follow
    states = [finding.drift for finding in many.verdict]
    assert f"shown in {states.count('shown')}, not settled in {states.count('unsettled')}" in lines[1]
    rows = [line for line in lines if line.startswith("study ") and "model " in line]
    (shown,) = [line for line in rows if " shown " in line]
    assert rows[0].startswith("study  ")  # the names of the columns
    assert rows[1] == shown
    assert shown.split()[:4] == ["study", "0", "model", "0"]
    left = len(many.verdict) - (len(rows) - 1)
    assert f"({left} more are saved)" in lines


def test_one_study_has_its_sentences_and_its_tables() -> None:
    """Verdict first, in the words of the verdict; then drift and effects."""
    found = confound.analyze(grid(1, 1), skip=SKIP, workers=1)
    said = terminal.text(found)
    lines = said.splitlines()
    assert len(lines) <= SCREEN - 3
    assert lines[0] == "VERDICT"
    together = " ".join(said.split())
    (finding,) = found.verdict
    assert finding.headline in together
    assert "DRIFT of the negative controls" in said
    assert "EFFECTS (treated - control)" in said


@pytest.mark.parametrize("n_models", [1, 2, 3])
def test_many_controls_outcomes_and_remarks_fit_too(n_models: int) -> None:
    """Sentences, rows and remarks that have no room are counted, none is cut in the middle."""
    whole = grid(1, n_models, drift=False)
    rng = np.random.default_rng(3)
    copies = [whole.assign(question=whole["question"] + f" {i}") for i in range(12)]
    log = pd.concat(copies)
    log["response"] = log["response"].mask(rng.random(len(log)) < np.where(log["arm"] == "treated", 0.4, 0))
    found = confound.analyze(log, skip=SKIP, workers=1)
    said = terminal.text(found)
    assert len(said.splitlines()) <= SCREEN - 3
    assert "more sentences are saved)" in said or n_models > terminal.ALONE
    warnings = found.warnings[found.warnings["level"] == "warning"]
    told = sum(" ".join(m.split()) in " ".join(said.split()) for m in warnings["message"])
    assert told == len(warnings) or f"{len(warnings) - told} more warning" in said


def test_a_label_cannot_speak_to_the_terminal() -> None:
    """Control characters in a study's name are shown, not obeyed."""
    log = pd.concat([grid(1, 1).assign(study=name) for name in ("\x1b[2J", "b\u202e", "c")])
    said = terminal.text(confound.analyze(log, skip=SKIP, workers=1))
    assert "\x1b" not in said
    assert "\u202e" not in said
