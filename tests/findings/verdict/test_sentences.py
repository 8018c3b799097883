"""The sentences say what the tables hold, and decide nothing of their own."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import confound
from confound.findings import decision, schema
from confound.findings.drift import frame
from confound.findings.tables import TABLES
from confound.findings.verdict import sentences

PLACE = {"study": "s", "model": "m", "iteration": 0, "contrast": "b - a"}


def drift(pvalues: dict[str, float], *, high: float = 0.26, **place: object) -> pd.DataFrame:
    """Make the decided table of controls with given p-values, without a joint test."""
    rows = [
        {
            **PLACE,
            **place,
            "question": question,
            "design": "within",
            "test": "exact",
            "n_personas": 100,
            "n_control": 1000,
            "n_treated": 1000,
            "tvd_plugin": 0.25,
            "tvd_null": 0.1,
            "tvd": 0.18 if high > 0.18 else 0.01,
            "ci_low": 0.05 if p < 0.05 else 0.0,
            "ci_high": high,
            "pvalue": p,
            "pvalue_common": p,
            "pvalue_answered": p,
            "pvalue_common_answered": p,
        }
        for question, p in pvalues.items()
    ]
    return frame(rows)


NOTHING = {name: schema.frame([], TABLES[name]) for name in ("effects", "decomposition", "comparisons", "assumptions")}


def tables(drift: pd.DataFrame) -> sentences.Tables:
    """Return tables that hold drift alone."""
    return sentences.Tables(drift, **NOTHING, sensitivity=schema.frame([], TABLES["sensitivity"]))


def test_drift_is_named_with_its_evidence() -> None:
    """A control that stands is named with distance, interval and the p-value that decided."""
    (finding,) = sentences.findings(tables(drift({"party": 0.001, "race": 0.04, "age": 0.9})), 0.95)
    assert (finding.study, finding.model, finding.drift) == ("s", "m", "shown")
    assert "the users drift" in finding.headline
    assert finding.points == (
        "The joint test of 3 controls has p = .006.",
        "party: drift 0.18 (95 % interval 0.05 to 0.26), adjusted p = .006.",
    )


def test_chance_is_neither_drift_nor_its_absence() -> None:
    """A few p-values below .05 that do not stand are no drift; wide intervals are no proof that there is none."""
    (finding,) = sentences.findings(tables(drift({f"q{i}": p for i, p in enumerate([0.03, *[0.5] * 19])})), 0.95)
    assert finding.drift == "unsettled"
    assert "not settled" in finding.headline
    assert any("not ruled out is 0.26 (q0)" in point for point in finding.points)


def test_small_drift_is_called_small_by_the_margin_asked_for() -> None:
    """All upper ends below the margin: small. One above: not settled."""
    rows = drift({"party": 0.4, "race": 0.6}, high=0.04)
    assert [f.drift for f in sentences.findings(tables(rows), 0.95)] == ["small"]
    assert "lies below 0.05" in sentences.findings(tables(rows), 0.95)[0].headline


def test_a_small_drift_that_is_shown_is_both() -> None:
    """With enough answers a drift below the margin is found: it is drift, and the headline says how little."""
    (finding,) = sentences.findings(tables(drift({"party": 1e-6}, high=0.04)), 0.95)
    assert finding.drift == "shown"
    assert "but little: the distance of every control lies below 0.05" in finding.headline


def test_copies_withhold_the_verdict() -> None:
    """Where the log holds copies nothing is asserted, whatever the p-values."""
    found = sentences.findings(tables(drift({"party": 1e-9})), 0.95, copies={("s", "m"): "Use --unique."})
    assert [(f.drift, f.points) for f in found] == [("withheld", ())]
    assert found[0].headline.endswith("Use --unique.")


def test_without_negative_control_nothing_is_claimed() -> None:
    """Effects alone say nothing about drift."""
    row = {
        **PLACE,
        "question": "y",
        "level": "",
        "design": "within",
        "n_personas": 10,
        "n_control": 10,
        "n_treated": 10,
    }
    row |= {"mean_control": 1.0, "mean_treated": 2.0, "estimate": 1.0, "se": 0.1, "ci_low": 0.8, "ci_high": 1.2}
    row |= {"pvalue": 1e-9, "prob_superiority": 0.7}
    effects = pd.DataFrame([row]).reindex(columns=list(TABLES["effects"].names))
    (finding,) = sentences.findings(replace(tables(drift({})), effects=effects), 0.9)
    assert finding.drift is None
    assert "drift was not measured" in finding.headline
    assert "y, b - a: +1.000 (90 % interval +0.800 to +1.200, p < .001)" in finding.points[0]


def test_last_iteration_decides() -> None:
    """The headline and the first sentence speak of the last iteration; what adjustment removed is told at the end."""
    both = pd.concat([drift({"q": 0.001}), drift({"q": 0.5}, iteration=3)], ignore_index=True)
    (finding,) = sentences.findings(tables(both), 0.95)
    assert finding.drift == "unsettled"
    assert "not settled at iteration 3, the last" in finding.headline
    assert finding.points[0] == "At iteration 3, the test of q has p > .999."
    assert finding.points[-2] == "At iteration 0, the test of q has p = .002."


def test_what_needs_attention_comes_first() -> None:
    """The model that drifts is the first."""
    both = pd.concat([drift({"q": 0.5}, model="a"), drift({"q": 0.001}, model="b")], ignore_index=True)
    assert [finding.model for finding in sentences.findings(tables(both), 0.95)] == ["b", "a"]


@pytest.mark.parametrize("label", ["evil\x1b[31m", "a\u202eb"])
def test_labels_cannot_speak_to_the_terminal(label: str) -> None:
    """Control and bidirectional characters in a label are shown escaped."""
    (finding,) = sentences.findings(tables(drift({label: 0.001})), 0.95)
    said = " ".join(finding.points)
    assert label not in said
    assert label.encode("unicode_escape").decode() in said


def test_a_difference_in_refusing_is_told_and_not_called_drift() -> None:
    """Refusals in one arm: the sentence names the shares and says what cannot be known."""
    rows = drift({"party": 0.5}).assign(unknown_control=0, unknown_treated=300, pvalue_refusal=1e-9)
    (finding,) = sentences.findings(tables(rows), 0.95)
    assert finding.drift == "unsettled"
    (said,) = [point for point in finding.points if "no answer is given" in point]
    assert "party (30% of the treated arm's answers, 0% of the control arm's)" in said
    assert "not counted as drift" in said


@pytest.mark.slow
def test_verdict_agrees_with_the_truth_of_a_simulated_log(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """On the example log the controls called drifting truly drift, and the strong ones are found."""
    from tests.simulate.fakes import write_example

    write_example(tmp_path / "run", personas=60, trials=20, seed=3)
    found = confound.analyze(tmp_path / "run").drift
    first = found[(found["iteration"] == 0) & (found["question"] != "(all)")]
    called = set(first.loc[first["state"] == "shown", "question"])
    assert {"ideology", "party"} <= called <= {"ideology", "party", "race"}  # the others do not drift at all


def test_drift_that_cannot_be_corrected_is_shown_beside_chance() -> None:
    """Without a corrected distance the one seen stands beside what chance alone makes."""
    rows = drift({"party": 0.001}).assign(tvd=np.nan, ci_low=np.nan, ci_high=np.nan)
    (finding,) = sentences.findings(tables(rows), 0.95)
    assert "distance 0.25, 0.10 expected with no drift, adjusted p = .002" in finding.points[1]
    assert any("only drift in a common direction can be tested" in point for point in finding.points)


def test_a_control_that_everyone_answers_alike_does_not_show_that_drift_is_small() -> None:
    """Where no drift could show, its absence is no finding: alone it settles nothing, beside others it is left out."""
    alike = drift({"legs": 1.0}, high=0.0).assign(modal_share=1.0)
    one = decision.decided(alike, margin=0.05)
    (finding,) = sentences.findings(tables(one), 0.95)
    assert finding.drift == "unsettled"
    assert "Nearly everyone gives the same answer to the control, so no drift could show" in finding.headline
    assert not any("not ruled out" in point for point in finding.points)
    both = drift({"legs": 1.0, "party": 1.0, "(all)": 1.0}, high=0.01).assign(modal_share=[1.0, 0.5, np.nan])
    (finding,) = sentences.findings(tables(decision.decided(both, margin=0.05)), 0.95)
    assert finding.drift == "small"
    assert any("same answer to legs: no drift of 0.05 can show there" in point for point in finding.points)


def test_the_effects_that_users_so_far_apart_could_make_are_counted() -> None:
    """Of many outcomes: how many effects the largest distance not ruled out could make, and which take more."""
    needed = {f"y{i}": 0.1 * i for i in range(1, 9)}
    rows = [
        {
            **PLACE,
            "question": q,
            "estimate": x,
            "drift_to_explain_away": x,
            "largest_tvd": 0.3,
            "largest_tvd_high": 0.65,
        }
        for q, x in needed.items()
    ]
    frame = pd.DataFrame(rows).reindex(columns=list(TABLES["sensitivity"].names))
    (finding,) = sentences.findings(replace(tables(drift({"party": 0.001})), sensitivity=frame), 0.95)
    (said,) = [point for point in finding.points if "by themselves" in point]
    assert "reach 0.30 (total variation distance), 0.65 is not ruled out" in said
    assert "could make 6 of the 8 observed effects by themselves; 2 would take more: y7 (b - a) 0.70, y8" in said
