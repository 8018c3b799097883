"""One decision about drift: its level, what it is adjusted over, and that it does not hang on names."""

import numpy as np
import pandas as pd
import pytest

import confound
from confound.findings import decision
from tests.findings.verdict.test_sentences import drift


def log(rng: np.random.Generator, *, personas: int, trials: int, controls: int, moved: float = 0.0) -> pd.DataFrame:
    """Draw answers within subjects; in each control a share of treated answers becomes `a`."""
    shape = (personas, 2, trials, controls)
    answer = rng.choice(list("abc"), size=shape)
    answer[:, 1][rng.random((personas, trials, controls)) < moved] = "a"
    persona, arm, trial, question = np.indices(shape).reshape(4, -1)
    names = {"persona": persona, "arm": np.where(arm, "treated", "control"), "trial": trial}
    return pd.DataFrame(names | {"question": [f"q{q}" for q in question], "response": answer.ravel()})


def analyzed(table: pd.DataFrame, **options: object) -> pd.DataFrame:
    """Return the decided table."""
    return confound.analyze(table, negative_control=["q*"], correction="null", **options).drift


def test_a_control_stands_only_where_its_contrast_does() -> None:
    """Of many controls with p = .5 and one with p = .01, Holm leaves none: contrast and control agree."""
    rows = drift({"one": 0.01, **{f"q{i}": 0.5 for i in range(9)}})
    assert set(rows["state"]) == {"unsettled"}
    assert rows["pvalue_verdict"].min() == pytest.approx(0.2)


def test_contrasts_of_a_model_are_one_family() -> None:
    """With four contrasts of one model a p-value counts four times, and those of another model do not count."""
    contrasts = [drift({"q": p}, study=f"s{i}") for i, p in enumerate([0.002, 0.5, 0.5, 0.5])]
    other = drift({"q": 0.5}, model="other")
    made = decision.decided(pd.concat([*contrasts, other], ignore_index=True), margin=0.05)
    assert made.loc[made["study"] == "s0", "pvalue_verdict"].item() == pytest.approx(4 * 2 * 0.002)
    assert made.loc[made["study"] == "s0", "family"].item() == "1 control, 4 contrasts of the model"
    assert made.loc[made["model"] == "other", "pvalue_verdict"].item() == 1.0


def test_copies_void_the_state() -> None:
    """Withheld is said of every row of the study and model."""
    made = decision.decided(drift({"q": 1e-9, "r": 0.5}), margin=0.05, withheld={("s", "m")})
    assert set(made["state"]) == {"withheld"}


def test_names_order_and_seed_move_no_digit() -> None:
    """Other names of study, personas, arms, answers and questions, shuffled rows and another seed: the same numbers."""
    table = log(np.random.default_rng(1), personas=12, trials=5, controls=3, moved=0.2)
    renamed = table.sample(frac=1, random_state=2).assign(study="another")
    renamed["persona"] = renamed["persona"].map(lambda p: f"who {99 - p}")
    renamed["response"] = renamed["response"].map({"a": "z", "b": "y", "c": "x"})
    renamed["question"] = renamed["question"].map({"q0": "q9", "q1": "q5", "q2": "q7"})
    one, other = analyzed(table, seed=0), analyzed(renamed, seed=7)
    other["question"] = other["question"].map({"q9": "q0", "q5": "q1", "q7": "q2", "(all)": "(all)"})
    kept = [c for c in one.columns if c not in ("study", "detectable_tvd")]
    pd.testing.assert_frame_equal(
        one[kept].sort_values("question", ignore_index=True), other[kept].sort_values("question", ignore_index=True)
    )


def test_one_answer_a_persona_and_arm_is_decided_by_direction_alone() -> None:
    """The distance cannot vary then: its p-value of 1 takes no part in the family."""
    table = log(np.random.default_rng(3), personas=200, trials=1, controls=1, moved=0.4)
    (row,) = analyzed(table).to_dict("records")
    assert row["pvalue"] == 1
    assert row["pvalue_verdict"] == row["pvalue_common"] < 0.05
    assert row["state"] == "shown"


@pytest.mark.slow
def test_many_controls_at_distance_one_are_drift() -> None:
    """Between subjects, 250 controls on which the arms share no answer: no floor of Monte Carlo hides it."""
    rng = np.random.default_rng(9)
    persona, trial, question = np.indices((16, 2, 250)).reshape(3, -1)
    treated = persona % 2 == 1
    table = pd.DataFrame({"persona": persona, "trial": trial, "question": [f"q{q}" for q in question]})
    table["arm"] = np.where(treated, "treated", "control")
    table["response"] = np.where(treated, rng.choice(["a", "b"], len(table)), rng.choice(["c", "d"], len(table)))
    found = analyzed(table, design="between")
    assert set(found["state"]) == {"shown"}


@pytest.mark.slow
def test_refusing_at_random_is_not_called_drift() -> None:
    """Users alike, 30 % of one arm's answers to a control refused at random: drift is shown in at most 5 % of logs."""
    rng = np.random.default_rng(5)
    shown = 0
    for _ in range(100):
        table = log(rng, personas=30, trials=10, controls=2)
        refused = (table["arm"] == "treated") & (table["question"] == "q0") & (rng.random(len(table)) < 0.3)
        table["response"] = table["response"].where(~refused)
        found = analyzed(table)
        assert (found.loc[found["question"] == "q0", "pvalue"] < 0.01).all()  # with Unknown as an answer it stands out
        shown += (found["state"] == "shown").any()
    assert shown / 100 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
