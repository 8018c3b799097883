"""The table `comparisons`, from a log."""

import numpy as np
import pandas as pd
import pytest

import confound
from tests.findings.test_joint_drift import log

SKIP = ("stabilization", "decomposition", "sensitivity", "figures", "report")


def compared(frame: pd.DataFrame, **options: object) -> confound.Analysis:
    """Analyse what comparisons rest on."""
    return confound.analyze(frame, negative_control=["*q*"], skip=SKIP, workers=1, **options)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Make a log of two iterations with less drift in the second; the last persona is missing in one of them."""
    parts = [log({"control": 0.0, "treated": s}, seed=k, questions=2, iteration=k) for k, s in enumerate((0.5, 0.1))]
    parts[1] = parts[1][parts[1]["persona"] < 29]
    return pd.concat(parts, ignore_index=True)


def test_the_estimate_is_the_difference_of_the_corrected_distances(frame: pd.DataFrame) -> None:
    """Of the personas in both iterations, `comparisons` holds the difference of what `drift` holds."""
    result = compared(frame[frame["persona"] < 29])
    drift = result.drift.pivot_table(index="question", columns="iteration", values="tvd")
    table = result.comparisons.set_index("question")
    assert (table["n_personas"] == 29).all()
    expected = (drift[1] - drift[0]).to_dict()
    # Of all controls it is the mean of the controls' own; row `(all)` of the drift table is cut to its pooled interval.
    expected["(all)"] = np.mean([expected[name] for name in ("q0", "q1")])
    assert table["estimate"].to_dict() == pytest.approx(expected)
    assert table.loc["(all)", "ci_high"] < 0
    assert set(table["shapes"]) <= {"alike", "unlike"}
    whole = compared(frame).comparisons.set_index("question")
    pd.testing.assert_frame_equal(whole, table)


def test_names_order_and_seed_move_no_digit(frame: pd.DataFrame) -> None:
    """Other names of study, personas, questions and answers, other rows' order and another seed: the same numbers."""
    plain = compared(frame, seed=1).comparisons
    renamed = frame.sample(frac=1, random_state=0).assign(
        study="other",
        persona=lambda rows: "z" + (97 - rows["persona"]).astype(str),
        question=lambda rows: rows["question"].map({"q0": "second q", "q1": "first q"}),
        response=lambda rows: rows["response"].map({"x": "m", "y": "a", "z": "k"}),
    )
    other = compared(renamed, seed=2).comparisons
    names = {"second q": "q0", "first q": "q1"}
    other = other.assign(question=other["question"].replace(names)).set_index("question").loc[plain["question"]]
    for column in ("estimate", "se", "ci_low", "ci_high", "pvalue"):
        assert other[column].to_numpy() == pytest.approx(plain[column].to_numpy(), rel=1e-9), column


def test_one_answer_an_arm_says_nothing() -> None:
    """Within subjects, a persona with one answer an arm has no distance, and the row says so."""
    parts = [log({"control": 0.0, "treated": 0.3}, seed=k, trials=1, iteration=k) for k in range(2)]
    table = compared(pd.concat(parts)).comparisons
    assert (table["n_personas"] == 0).all()
    assert np.isnan(table["estimate"]).all()
    assert table["shapes"].isna().all() or (table["shapes"] == "").all()
