"""Suspect input is told, sound input is not."""

import numpy as np
import pandas as pd

import confound
from confound.counts.options import Options
from confound.counts.prepare import prepare
from confound.findings.warnings import contrast_notes
from confound.log.layout import Layout


def log(**columns: object) -> pd.DataFrame:
    """Make a sound within log of 6 personas, 2 arms, 8 trials, one control of 3 answers; columns replace its own."""
    rng = np.random.default_rng(7)
    index = pd.MultiIndex.from_product([range(6), ["control", "treated"], range(8)], names=["persona", "arm", "trial"])
    frame = index.to_frame(index=False).assign(question="q", role="negative_control")
    frame["response"] = rng.choice(["x", "y", "z"], len(frame))
    return frame.assign(**columns)


def messages(frame: pd.DataFrame, level: str = "warning") -> str:
    """Return all remarks of a level on a log."""
    warnings = confound.analyze(frame).warnings
    return "\n".join(warnings.loc[warnings["level"] == level, "message"])


def test_a_sound_log_has_no_warning() -> None:
    """Nothing is wrong with distinct trials, own seeds, varied answers."""
    frame = log()
    assert messages(frame.assign(seed=range(len(frame)))) == ""


def test_repeated_rows_are_told() -> None:
    """The same rows twice repeat trial numbers; the message counts and names them."""
    told = messages(pd.concat([log(), log().head(3)]))
    assert "repeat a trial number in 1 of 12" in told
    assert "persona 0 / arm control / question q" in told


def test_trial_numbers_with_gaps_are_no_repeat() -> None:
    """A crashed run that lost trials is not taken for one with rows twice."""
    assert messages(log().query("trial not in (2, 5)")) == ""


def test_one_seed_for_all_is_told() -> None:
    """One seed shared by all, or the same seeds for every persona, give every prompt the same noise."""
    assert "same seed" in messages(log(seed=42))
    frame = log()
    assert "same seed" in messages(frame.assign(seed=frame["trial"]))


def test_a_cache_is_told() -> None:
    """Trials that hardly ever differ look like a cache, unless nobody ever answers otherwise."""
    frame = pd.concat([log(), log(trial=lambda t: t["trial"] + 8)])
    told = messages(frame.assign(response=frame["persona"].map({p: "xyzxyz"[p] for p in range(6)})))
    assert "All trials of nearly every persona, arm and question gave one answer, as a cache" in told
    assert "cache" not in messages(frame.assign(response="x"))


def test_unknown_that_differs_by_arm_is_told() -> None:
    """Refusals in one arm alone are a warning with their size."""
    frame = log()
    frame.loc[(frame["arm"] == "treated") & frame["trial"].isin([0, 1]), "response"] = None
    assert "Unknown differs by arm for q (+25%)" in messages(frame)


def test_unknown_by_arm_is_one_family() -> None:
    """64 controls and two treated arms with a tenth of Unknown everywhere give no warning; two gaps give one."""
    rng = np.random.default_rng(5)
    index = pd.MultiIndex.from_product([range(120), [f"q{q}" for q in range(64)]], names=["persona", "question"])
    frame = index.to_frame(index=False).assign(role="negative_control")
    frame["arm"] = frame["persona"].map(lambda p: "abc"[p % 3])
    frame["response"] = np.where(rng.random(len(frame)) < 0.1, None, rng.choice(["x", "y"], len(frame)))
    said = contrast_notes(prepare(frame, Layout(), Options()).contrasts)
    assert [note.message for note in said] == []
    frame.loc[(frame["arm"] != "a") & frame["question"].isin(["q1", "q2"]), "response"] = None
    said = contrast_notes(prepare(frame, Layout(), Options()).contrasts)
    assert len(said) == 1
    assert said[0].message.count("differs by arm for q1") == 2


def test_a_control_that_cannot_show_drift_is_told() -> None:
    """One answer throughout is noted, and its test is p = 1, not an error."""
    frame = log(response="x")
    assert "same answer to q" in messages(frame, "note")
    assert confound.analyze(frame).drift["pvalue"].tolist() == [1.0]


def test_questions_without_role_are_told() -> None:
    """A question nobody gave a role is left out, and named."""
    extra = log(question="other", role=None)
    assert "Left out, having no role: other" in messages(pd.concat([log(), extra]), "note")
