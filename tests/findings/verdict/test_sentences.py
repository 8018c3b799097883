"""The sentences say what the tables hold."""

import numpy as np
import pandas as pd
import pytest

import confound
from confound.findings.tables import TABLES
from confound.findings.verdict import sentences


def drift(pvalues: dict[str, float], *, model: str = "m", iteration: int = 0) -> pd.DataFrame:
    """Make drift rows with given p-values by question."""
    rows = [
        {
            "study": "s",
            "model": model,
            "iteration": iteration,
            "contrast": "b - a",
            "question": question,
            "tvd_plugin": 0.25,
            "tvd_null": 0.1,
            "tvd": 0.18,
            "ci_low": 0.05,
            "ci_high": 0.26,
            "pvalue": p,
            "pvalue_common": p,
            "detectable_tvd": 0.08,
        }
        for question, p in pvalues.items()
    ]
    return pd.DataFrame(rows, columns=list(TABLES["drift"].names))


NO_EFFECTS = pd.DataFrame(columns=list(TABLES["effects"].names))
NOTHING_ELSE = (
    pd.DataFrame(columns=list(TABLES["decomposition"].names)),
    pd.DataFrame(columns=list(TABLES["comparisons"].names)),
)


def test_drift_is_named_with_its_evidence() -> None:
    """A control that stands after Holm is named with distance, expectation and p."""
    (finding,) = sentences.findings(drift({"party": 0.001, "race": 0.04, "age": 0.9}), NO_EFFECTS, *NOTHING_ELSE, 0.95)
    assert finding.drifts
    assert "the users drift" in finding.headline
    assert finding.points == (
        (
            "2 of 3 negative controls have p < .05 by distance and 2 by common direction, where chance gives 0.15; "
            "1 control stands after Holm's correction over all 6 tests."
        ),
        "party: drift 0.18 (95 % interval 0.05 to 0.26), p = .001; common direction p = .001.",
        "Below .05 before correction only: race.",
    )


def test_chance_is_not_called_drift() -> None:
    """A few p-values below .05 that do not stand after correction are no drift, and not proof of none."""
    (finding,) = sentences.findings(
        drift({f"q{i}": p for i, p in enumerate([0.03, *[0.5] * 19])}), NO_EFFECTS, *NOTHING_ELSE, 0.95
    )
    assert finding.drifts is False
    assert "no drift beyond chance" in finding.headline
    assert "would not show" in finding.headline
    assert "80 % power to find a drift of 0.08 by distance (median over the controls)." in finding.points


def test_false_alarms_over_a_model_keep_their_level() -> None:
    """With no drift at all, a model of 20 controls is called drifting in at most 5 % of logs, plus simulation error."""
    rng = np.random.default_rng(11)
    called = 0
    for _ in range(400):
        rows = drift({f"q{i}": p for i, p in enumerate(rng.uniform(size=20))})
        called += len(sentences.standing(rows.assign(pvalue_common=rng.uniform(size=20)))) > 0
    assert called / 400 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_without_negative_control_nothing_is_claimed() -> None:
    """Effects alone say nothing about drift."""
    effects = pd.DataFrame(
        [["s", "m", 0, "b - a", "y", "", 10, 10, 10, 1.0, 2.0, 1.0, 0.1, 0.8, 1.2, 1e-9, 0.7] + [None] * 6],
        columns=list(TABLES["effects"].names),
    )
    (finding,) = sentences.findings(drift({}), effects, *NOTHING_ELSE, 0.9)
    assert finding.drifts is None
    assert "drift was not measured" in finding.headline
    assert "y, b - a: +1.000 (90 % interval +0.800 to +1.200, p < .001)" in finding.points[0]


def test_last_iteration_decides() -> None:
    """Drift that adjustment removed is told at iteration 0, and the headline speaks of the last."""
    both = pd.concat([drift({"q": 0.001}), drift({"q": 0.5}, iteration=3)])
    (finding,) = sentences.findings(both, NO_EFFECTS, *NOTHING_ELSE, 0.95)
    assert finding.drifts is False
    assert "no drift beyond chance at iteration 3, the last" in finding.headline
    assert finding.points[0].startswith("At iteration 0, 1 of 1 negative")


def test_drifting_models_come_first() -> None:
    """The model that needs attention is the first line."""
    both = pd.concat([drift({"q": 0.5}, model="a"), drift({"q": 0.001}, model="b")])
    assert [finding.model for finding in sentences.findings(both, NO_EFFECTS, *NOTHING_ELSE, 0.95)] == ["b", "a"]


@pytest.mark.parametrize("label", ["evil\x1b[31m", "a\u202eb"])
def test_labels_cannot_speak_to_the_terminal(label: str) -> None:
    """Control and bidirectional characters in a label are shown escaped."""
    (finding,) = sentences.findings(drift({label: 0.001}), NO_EFFECTS, *NOTHING_ELSE, 0.95)
    assert label not in finding.points[1]
    assert label.encode("unicode_escape").decode() in finding.points[1]


@pytest.mark.slow
def test_verdict_agrees_with_the_truth_of_a_simulated_log(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """On the example log the controls called drifting truly drift, and the strong ones are found."""
    from tests.simulate.fakes import write_example

    write_example(tmp_path / "run", personas=60, trials=20, seed=3)
    drift_rows = confound.analyze(tmp_path / "run").drift
    called = set(sentences.standing(drift_rows)["question"])
    assert {"ideology", "party"} <= called <= {"ideology", "party", "race"}  # the others do not drift at all


def test_drift_that_cannot_be_corrected_is_shown_beside_chance() -> None:
    """Without a corrected distance the one seen stands beside what chance alone makes."""
    rows = drift({"party": 0.001}).assign(tvd=np.nan, ci_low=np.nan, ci_high=np.nan)
    (finding,) = sentences.findings(rows, NO_EFFECTS, *NOTHING_ELSE, 0.95)
    assert "distance 0.25, 0.10 expected with no drift, p = .001" in finding.points[1]
