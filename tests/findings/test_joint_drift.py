"""Rows over all controls and over all arms, and drift held against other drift."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import confound
from confound.errors import InputError
from confound.statistics.drift import change, distance, several_arms

ANSWERS = np.asarray(["x", "y", "z"])


def log(
    shifts: dict[str, float],
    *,
    questions: int = 3,
    personas: int = 30,
    trials: int = 20,
    seed: int = 0,
    **columns: object,
) -> pd.DataFrame:
    """Make a log within subjects: in each arm a share `shifts[arm]` of the answers moves to x."""
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(personas):
        for q in range(questions):
            base = rng.dirichlet(np.ones(3))
            for arm, shift in shifts.items():
                shares = (1 - shift) * base + shift * np.asarray([1, 0, 0])
                given = ANSWERS[rng.choice(3, size=trials, p=shares)]
                rows += [{"persona": p, "arm": arm, "question": f"q{q}", "response": answer} for answer in given]
    return pd.DataFrame(rows).assign(**columns)


def joint(result: confound.Analysis) -> pd.Series:
    """Return the row `(all)` of a result."""
    (_, row), *more = result.drift[result.drift["question"] == "(all)"].iterrows()
    assert not more
    return row


def test_all_controls_within() -> None:
    """The row averages the controls' distances and tests the personas' mean excess."""
    frame = log({"control": 0.0, "treated": 0.0})
    result = confound.analyze(frame, negative_control=["q*"])
    own = result.drift[result.drift["question"] != "(all)"]
    row = joint(result)
    assert row["tvd_plugin"] == pytest.approx(own["tvd_plugin"].mean())
    assert row["n_control"] == own["n_control"].sum()
    excess = []
    for question in ("q0", "q1", "q2"):
        part = frame[frame["question"] == question]
        counts = pd.crosstab([part["arm"], part["persona"]], part["response"])
        arms = counts.loc["treated"].to_numpy(), counts.loc["control"].to_numpy()
        excess.append(distance.stratum_distances(*arms) - distance.stratum_null_means(*arms))
    assert row["pvalue"] == pytest.approx(change.pooled_drift_test(np.stack(excess, axis=1)))


def test_all_controls_find_what_each_alone_may_miss() -> None:
    """A small drift of every control shows in the pooled test."""
    result = confound.analyze(log({"control": 0.0, "treated": 0.2}, questions=8), negative_control=["q*"])
    assert joint(result)["pvalue"] < 1e-4


def test_one_control_has_no_joint_row_and_correction_ignores_it() -> None:
    """A single control is not pooled, and Holm's correction does not count the pooled row."""
    one = confound.analyze(log({"control": 0.0, "treated": 0.1}, questions=1), negative_control=["q*"]).drift
    assert one["question"].tolist() == ["q0"]
    assert one["pvalue_holm"].tolist() == one["pvalue"].tolist()
    three = confound.analyze(log({"control": 0.0, "treated": 0.1}), negative_control=["q*"]).drift
    own = three[three["question"] != "(all)"]
    assert own["pvalue_holm"].min() == pytest.approx(3 * own["pvalue"].min())
    assert three.loc[three["question"] == "(all)", "pvalue_holm"].isna().all()


def test_all_controls_between_relabels_personas() -> None:
    """Between subjects controls that are copies of each other count as one: the pooled p is about a single one's."""
    rng = np.random.default_rng(1)
    one = pd.DataFrame({"persona": range(60), "arm": ["control", "treated"] * 30})
    one["response"] = np.where(rng.uniform(size=60) < np.where(one["arm"] == "treated", 0.7, 0.35), "x", "y")
    frame = pd.concat([one.assign(question=f"q{i}") for i in range(6)])
    drift = confound.analyze(frame, negative_control=["q*"]).drift
    single = drift.loc[drift["question"] == "q0", "pvalue"].iloc[0]
    assert drift.loc[drift["question"] == "(all)", "pvalue"].iloc[0] == pytest.approx(single, abs=0.01)


@pytest.mark.slow
def test_all_arms_is_the_k_sample_test() -> None:
    """Three arms get a row for all of them; two do not."""
    frame = log({"control": 0.0, "low": 0.0, "high": 0.4}, questions=1)
    result = confound.analyze(frame, negative_control=["q*"])
    (row,) = result.drift[result.drift["contrast"] == "(all arms)"].to_dict("records")
    counts = pd.crosstab([frame["persona"], frame["arm"]], frame["response"]).to_numpy().reshape(30, 3, 3)
    expected = several_arms.k_sample_test(counts, rng=np.random.default_rng(0))
    assert row["tvd_plugin"] == pytest.approx(expected.statistic)
    assert row["pvalue"] < 0.01
    two = confound.analyze(log({"control": 0.0, "treated": 0.0}), negative_control=["q*"]).drift
    assert "(all arms)" not in set(two["contrast"])


def test_change_over_iterations() -> None:
    """Adjustment that removes drift shows as a fall against iteration 0, one that adds it as a rise."""
    parts = [log({"control": 0.0, "treated": shift}, seed=k, iteration=k) for k, shift in enumerate((0.4, 0.05, 0.8))]
    table = confound.analyze(pd.concat(parts), negative_control=["q*"]).comparisons
    assert set(table["against"]) == {"iteration 0"}
    assert len(table) == 2 * 4
    overall = table[table["question"] == "(all)"].set_index("iteration")
    assert overall.loc[1, "ci_high"] < 0 < overall.loc[2, "ci_low"]


@pytest.mark.slow
def test_placebo_is_the_noise_floor() -> None:
    """An arm that rewords the control sets what a treatment must exceed; one as far off as it does not."""
    frame = log({"control": 0.0, "reworded": 0.25, "treated": 0.25, "strong": 0.7}, personas=60)
    table = confound.analyze(frame, negative_control=["q*"], placebo={"reworded": "control"}).comparisons
    overall = table[table["question"] == "(all)"].set_index("contrast")
    assert set(overall["against"]) == {"placebo reworded - control"}
    assert set(overall.index) == {"treated - control", "strong - control"}
    assert overall.loc["strong - control", "ci_low"] > 0.1
    assert abs(overall.loc["treated - control", "estimate"]) < 0.05


def test_placebo_of_a_study_file(tmp_path: Path) -> None:
    """`placebo_of` in a study file is what `--placebo` says; arms that the log does not hold are passed over."""
    frame = log({"control": 0.0, "reworded": 0.25, "treated": 0.25}, personas=20)
    path = tmp_path / "study.yaml"
    path.write_text(
        "control: control\narms:\n- {name: reworded, placebo_of: control}\n- {name: other, placebo_of: treated}\n- 7\n"
    )
    options = {"negative_control": ["q*"], "skip": ["decomposition", "sensitivity", "stabilization"]}
    given = confound.analyze(frame, placebo={"reworded": "control"}, **options).comparisons
    read = confound.analyze(frame, study_file=[path], **options).comparisons
    assert set(read["against"]) == {"placebo reworded - control"}
    pd.testing.assert_frame_equal(given, read)


def test_reference_model() -> None:
    """Each other model's drift is held against the reference's, over all controls."""
    frames = [
        log({"control": 0.0, "treated": 0.6}, seed=1, model="llm"),
        log({"control": 0.0, "treated": 0.0}, seed=2, model="human"),
    ]
    result = confound.analyze(pd.concat(frames), negative_control=["q*"], reference="human")
    (row,) = result.comparisons.to_dict("records")
    assert (row["model"], row["question"], row["against"]) == ("llm", "(all)", "model human")
    assert row["ci_low"] > 0
    assert any("minus that of model human" in point for point in result.verdict[0].points)


@pytest.mark.parametrize(
    ("options", "message"), [({"placebo": {"x": "control"}}, "no such arm"), ({"reference": "x"}, "no such model")]
)
def test_labels_that_are_not_there_are_refused(options: dict[str, object], message: str) -> None:
    """A placebo arm or reference model that the log does not hold is an error that lists what it holds."""
    with pytest.raises(InputError, match=message):
        confound.analyze(log({"control": 0.0, "treated": 0.0}), negative_control=["q*"], **options)  # type: ignore[arg-type]
