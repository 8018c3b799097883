"""Rows of single contrasts: what is compared, and in which direction."""

import numpy as np
import pandas as pd
import pytest

import confound
from confound.statistics.drift import permutation


def outcome(control: list[object], treated: list[object], **options: object) -> pd.DataFrame:
    """Analyse one outcome that three personas answered alike; return its effects by level."""
    rows = [
        {"persona": p, "arm": arm, "question": "q", "response": answer}
        for p in range(3)
        for arm, answers in (("control", control), ("treated", treated))
        for answer in answers
    ]
    result = confound.analyze(pd.DataFrame(rows), outcome=["q"], **options)  # type: ignore[arg-type]
    return result.effects.set_index("level")


def test_ordinal_outcome_has_a_mean_and_levels() -> None:
    """An outcome with numbers gets its mean and P(Y >= level) of each level but the lowest."""
    table = outcome(["1 - No", "2 - Maybe"], ["2 - Maybe", "3 - Yes"])
    assert list(table.index) == ["", "2 - Maybe", "3 - Yes"]
    assert table.loc["", "estimate"] == pytest.approx(1)
    assert table.loc["2 - Maybe", "estimate"] == pytest.approx(0.5)
    assert table.loc["3 - Yes", "mean_treated"] == pytest.approx(0.5)
    assert table.loc["", "prob_superiority"] == pytest.approx(7 / 8)


def test_levels_add_up_to_the_mean() -> None:
    """With values 1, 2, ... the effects on P(Y >= level) sum to the effect on the mean."""
    table = outcome([1, 1, 2, 4], [2, 3, 3, 4])
    assert table.loc[table.index != "", "estimate"].sum() == pytest.approx(table.loc["", "estimate"])


def test_nominal_outcome_has_shares_alone() -> None:
    """Answers without order or number get the difference in the share of each, which sum to 0."""
    table = outcome(["up", "down"], ["up", "same"])
    assert list(table.index) == ["down", "same", "up"]
    assert table["estimate"].sum() == pytest.approx(0)
    assert table.loc["same", "estimate"] == pytest.approx(0.5)
    assert table["prob_superiority"].isna().all()


def test_order_makes_it_ordinal() -> None:
    """--order numbers the answers from low to high."""
    table = outcome(["up", "down"], ["up", "same"], order={"q": ["down", "same", "up"]})
    assert table.loc["", "mean_control"] == pytest.approx(2)
    assert table.loc["", "estimate"] == pytest.approx(0.5)


def test_continuous_outcome_has_a_mean_alone() -> None:
    """Many distinct numbers give a mean effect and no level."""
    control = [float(x) for x in np.linspace(0, 1, 40)]
    table = outcome(control, [x + 0.5 for x in control])
    assert list(table.index) == [""]
    assert table.loc["", "estimate"] == pytest.approx(0.5)
    assert np.isnan(table.loc["", "prob_superiority"])


def test_many_levels_have_a_mean_alone() -> None:
    """A scale of more than 11 points is reported by its mean and its probability of superiority."""
    table = outcome(list(range(15)), [*range(1, 15), 14])
    assert list(table.index) == [""]
    assert table.loc["", "prob_superiority"] > 0.5


def test_unknown_is_left_out_of_effects_and_counted() -> None:
    """A missing answer moves no mean; its number stands by arm."""
    table = outcome([1, 2, None], [2, 3, "Unknown", "Unknown"])
    row = table.loc[""]
    assert (row["n_control"], row["n_treated"]) == (6, 6)
    assert (row["unknown_control"], row["unknown_treated"]) == (3, 6)
    assert row["estimate"] == pytest.approx(1)


def test_bounds_are_the_effect_where_nothing_is_missing() -> None:
    """Without Unknown the bounds of a mean are its estimate, and nothing is tested; levels have none."""
    table = outcome([1, 2, 3, 4], [2, 3, 3, 4])
    row = table.loc[""]
    for name in ("manski_low", "manski_high", "lee_low", "lee_high"):
        assert row[name] == pytest.approx(row["estimate"])
    assert (row["missing_control"], row["missing_treated"]) == (0, 0)
    assert np.isnan(row["pvalue_missing"])
    assert table.loc["2", ["missing_control", "manski_low", "lee_low"]].isna().all()


def test_bounds_by_hand_where_a_class_refuses() -> None:
    """Each persona would answer 1, 1, 2, 2 in both arms; a 2 is refused in the treated arm."""
    row = outcome([1, 1, 2, 2], [1, 1, 2, None]).loc[""]
    assert row["estimate"] == pytest.approx(4 / 3 - 1.5)
    assert (row["manski_low"], row["manski_high"]) == pytest.approx((5 / 4 - 1.5, 1.5 - 1.5))
    assert (row["lee_low"], row["lee_high"]) == pytest.approx((4 / 3 - 5 / 3, 4 / 3 - 4 / 3))
    assert row["missing_treated"] == pytest.approx(1 / 4)


def test_shares_of_a_nominal_outcome_have_bounds() -> None:
    """Missing answers may all have been this one, or none of them."""
    table = outcome(["up", "down", "down", "up"], ["up", "down", "down", None])
    assert tuple(table.loc["up", ["manski_low", "manski_high"]]) == pytest.approx((0.25 - 0.5, 0.5 - 0.5))
    assert tuple(table.loc["down", ["manski_low", "manski_high"]]) == pytest.approx((0.5 - 0.5, 0.75 - 0.5))
    assert table["lee_low"].isna().all()


@pytest.mark.parametrize("answers", [(1, 2), ("no", "yes")])
@pytest.mark.parametrize("between", [False, True])
def test_refusing_in_one_arm_is_told(answers: tuple[object, object], between: bool) -> None:
    """Half of those who would give the second answer refuse when treated: an effect that is not there, and told."""
    rng = np.random.default_rng(4)
    index = pd.MultiIndex.from_product([range(40), ["control", "treated"], range(10)])
    frame = index.to_frame(index=False, name=["persona", "arm", "trial"]).assign(question="q")
    if between:
        frame["persona"] = frame["arm"] + frame["persona"].astype(str)
    second = rng.random(len(frame)) < 0.6
    refused = second & (frame["arm"] == "treated") & (rng.random(len(frame)) < 0.5)
    frame["response"] = np.where(second, answers[1], answers[0]).astype(object)
    frame.loc[refused, "response"] = None
    result = confound.analyze(frame, outcome=["q"])
    row = result.effects[result.effects["level"] != str(answers[1])].iloc[0]
    assert not row["ci_low"] <= 0 <= row["ci_high"]
    assert row["manski_ci_low"] <= 0 <= row["manski_ci_high"]  # the end itself is 0, up to chance
    assert row["pvalue_missing"] < 0.001
    assert any("no answer is given" in point for finding in result.verdict for point in finding.points)


def test_recorded_values_of_each_answer() -> None:
    """Column `value` that varies within an answer makes the outcome continuous, on its own numbers."""
    rows = pd.DataFrame(
        {
            "persona": [1, 1, 2, 2, 3, 3],
            "arm": ["control", "treated"] * 3,
            "question": "q",
            "response": ["same", "up", "same", "up", "down", "up"],
            "value": [10.0, 15.0, 12.0, 16.0, 5.0, 11.0],
        }
    )
    row = confound.analyze(rows, outcome=["q"]).effects.iloc[0]
    assert (row["mean_control"], row["mean_treated"]) == pytest.approx((9.0, 14.0))


def test_drift_row_is_the_permutation_test_of_the_counts() -> None:
    """Within subjects, distance, null mean and p-value are those of the personas' counts, Unknown an answer."""
    rng = np.random.default_rng(5)
    rows = pd.DataFrame(
        [
            {"persona": p, "arm": arm, "question": "q", "response": rng.choice(["x", "y", None])}
            for p in range(6)
            for arm in ("control", "treated")
            for _ in range(7)
        ]
    )
    row = confound.analyze(rows, negative_control=["q"]).drift.iloc[0]
    counts = pd.crosstab([rows["arm"], rows["persona"]], rows["response"].fillna("?"))
    expected = permutation.permutation_test(
        counts.loc["treated"].to_numpy(), counts.loc["control"].to_numpy(), rng=np.random.default_rng(0)
    )
    assert row["tvd_plugin"] == pytest.approx(expected.statistic)
    assert row["tvd_null"] == pytest.approx(expected.null_mean)
    assert row["pvalue"] == pytest.approx(expected.pvalue)
    assert row["test"] == "exact"
    assert row["unknown_control"] + row["unknown_treated"] == rows["response"].isna().sum()


def test_between_with_several_answers_permutes_personas() -> None:
    """Answers of one persona are no independent units: with 20 each, 3 personas an arm cannot give a tiny p-value."""
    rows = pd.DataFrame(
        [
            {"persona": f"{arm}{p}", "arm": arm, "question": "q", "response": "x" if arm == "control" else "y"}
            for arm in ("control", "treated")
            for p in range(3)
            for _ in range(20)
        ]
    )
    row = confound.analyze(rows, negative_control=["q"]).drift.iloc[0]
    assert (row["design"], row["tvd_plugin"], row["test"]) == ("between", 1.0, "monte carlo")
    assert row["pvalue"] == pytest.approx(2 / 20, abs=0.02)  # 2 of the 20 ways to split 6 personas are as far apart


def test_drift_is_corrected_as_asked() -> None:
    """The corrected distance is that of `--correction`, with an interval that starts at 0 where nothing is rejected."""
    rng = np.random.default_rng(8)
    index = pd.MultiIndex.from_product(
        [range(20), ["control", "treated"], range(10)], names=["persona", "arm", "trial"]
    )
    frame = index.to_frame(index=False).assign(question="q")
    frame["response"] = rng.choice(["x", "y", "z"], len(frame))
    rows = {
        method: confound.analyze(frame, negative_control=["q"], correction=method).drift.iloc[0]
        for method in ("mixture", "plugin", "null")
    }
    assert rows["plugin"]["tvd"] == pytest.approx(rows["plugin"]["tvd_plugin"])
    assert rows["null"]["tvd"] == pytest.approx(max(0, rows["null"]["tvd_plugin"] - rows["null"]["tvd_null"]))
    assert rows["mixture"]["pvalue"] > 0.05
    assert 0 == rows["mixture"]["ci_low"] <= rows["mixture"]["tvd"] <= rows["mixture"]["ci_high"]
    assert rows["mixture"]["tvd"] < rows["mixture"]["tvd_plugin"]


def test_one_trial_an_arm_has_no_corrected_distance() -> None:
    """Within subjects a persona's distance cannot be told from single answers; the row says so by leaving it out."""
    rows = [(p, arm, "q", "xy"[(p + (arm == "b")) % 2]) for p in range(8) for arm in "ab"]
    frame = pd.DataFrame(rows, columns=["persona", "arm", "question", "response"])
    row = confound.analyze(frame, negative_control=["q"]).drift.iloc[0]
    assert row["design"] == "within"
    assert np.isnan(row["tvd"])
