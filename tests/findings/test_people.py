"""Simulated users held against people, from a log to the tables, with pandas as the oracle."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import confound
from confound.findings.verdict import people_points
from confound.presentation.report.page import page

FAST: dict[str, Any] = {"skip": ["drift", "decomposition", "sensitivity", "stabilization", "figures", "report"]}


def log(seed: int = 0, n: int = 80, studies: int = 3) -> pd.DataFrame:
    """Draw studies of people and of twins who carry their names, one arm a person, with one question beside."""
    rng, parts = np.random.default_rng(seed), []
    for s in range(studies):
        arm = rng.permutation(np.arange(n) % 2)
        taste = rng.normal(size=n)
        for model, effect, noise in (("human", 0.5, 1.0), ("twin", 1.0, 0.4)):
            for question in ("buys", "likes"):
                y = np.clip(np.round(4 + taste + effect * arm * (s - 1) + noise * rng.normal(size=n)), 1, 7)
                parts.append(_rows(s, model, np.array(["a", "b"])[arm], question, "outcome", y))
            y = np.clip(np.round(4 + noise * taste + noise * rng.normal(size=n)), 1, 7)
            parts.append(_rows(s, model, np.repeat("all", n), "alone", "other", y))
    return pd.concat(parts, ignore_index=True)


def _rows(s: int, model: str, arm: np.ndarray, question: str, role: str, y: np.ndarray) -> pd.DataFrame:
    names = [f"p{i}" for i in range(len(y))]
    study = f"s{s}" if role == "outcome" else f"alone{s}"
    return pd.DataFrame(
        {
            "study": study,
            "model": model,
            "persona": names,
            "arm": arm,
            "question": question,
            "role": role,
            "response": y,
        }
    )


def both(frame: pd.DataFrame, study: str, question: str) -> pd.DataFrame:
    """Set people beside their twins."""
    rows = frame[(frame["study"] == study) & (frame["question"] == question)]
    return rows[rows["model"] == "human"].merge(rows[rows["model"] == "twin"], on=["persona", "arm"])


def test_agreement_is_what_pandas_says() -> None:
    """Every row of the table is the plain statistic of the merged frame, questions of role `other` included."""
    frame = log()
    table = confound.analyze(frame, reference="human", ranges={"*": (1, 7)}, **FAST).agreement
    assert {*table["question"]} == {"buys", "likes", "alone"}
    for row in table.to_dict("records"):
        w = both(frame, row["study"], row["question"])
        w = w if row["arm"] == "(all arms)" else w[w["arm"] == row["arm"]]
        x, y = w["response_x"], w["response_y"]
        centered = [v - v.groupby(w["arm"]).transform("mean") for v in (x, y)]
        assert row["n_personas"] == len(w)
        assert row["r"] == pytest.approx(x.corr(y), abs=1e-9)
        assert row["r_within_arms"] == pytest.approx(centered[0].corr(centered[1]), abs=1e-9)
        assert row["accuracy"] == pytest.approx(1 - (x - y).abs().mean() / 6, abs=1e-9)
        assert row["sd_ratio"] == pytest.approx(y.std() / x.std(), abs=1e-9)
        assert row["r_low"] < row["r"] < row["r_high"]


def test_a_question_of_role_other_is_held_against_people_alone() -> None:
    """It has no drift and no effect, and it does not stop the run."""
    found = confound.analyze(log(), reference="human", skip=["stabilization", "figures", "report"])
    assert "alone" not in {*found.drift["question"], *found.effects["question"]}
    assert "alone" in {*found.data["question"]}


def test_other_names_leave_the_marginals() -> None:
    """Personas that carry other names are compared as a group, and the table says so."""
    frame = log()
    frame.loc[frame["model"] == "twin", "persona"] = "x" + frame["persona"]
    rows = confound.analyze(frame, reference="human", **FAST).agreement
    assert {*rows["pairing"]} == {"marginals"}
    assert rows["r"].isna().all()
    one = rows[(rows["question"] == "alone") & (rows["arm"] == "(all arms)")].iloc[0]
    alone = frame[(frame["study"] == one["study"]) & (frame["question"] == "alone")]
    sd = alone.groupby("model")["response"].std()
    assert one["sd_ratio"] == pytest.approx(sd["twin"] / sd["human"])
    assert one["sd_ratio_low"] < one["sd_ratio"] < one["sd_ratio_high"]


def test_repeated_answers_give_a_ceiling() -> None:
    """Who answers twice has a ceiling: how well people agree with themselves; words without an order count matches."""
    frame = pd.DataFrame(
        [
            {"persona": f"p{i}", "arm": arm, "model": model, "question": "party", "response": word}
            for i in range(20)
            for arm in ("a", "b")
            for model, words in (("human", ["red", "red" if i % 2 else "blue"]), ("twin", ["red"]))
            for word in words
        ]
    )
    found = confound.analyze(frame, outcome=["party"], reference="human", control=["a"], **FAST).agreement
    whole = found[found["arm"] == "(all arms)"].iloc[0]
    # Odd people say red twice, even ones once each: accuracy 1 and 1/2, ceiling 1 and 0.
    assert (whole["accuracy"], whole["ceiling"], whole["normalized"]) == pytest.approx((0.75, 0.5, 1.5))
    assert whole["normalized_by_person"] == pytest.approx(1)
    assert np.isnan(whole["r"])


def test_the_stamp_says_whether_people_stand_behind_it() -> None:
    """Without people the analysis says so; with people whom no option names, it says how to name them."""
    frame = log()
    alone = confound.analyze(frame[frame["model"] == "twin"], **FAST)
    assert people_points.lines(alone.frames, alone.settings) == ["No people in this log: internal validity only."]
    unnamed = confound.analyze(frame, **FAST)
    assert "--reference model=human" in people_points.stamp(unnamed.frames, unnamed.settings)
    held = confound.analyze(frame, reference="human", **FAST)
    assert people_points.stamp(held.frames, held.settings) == ""
    assert 1 <= len(people_points.lines(held.frames, held.settings)) <= 2
    assert "twin" in people_points.points(held.frames, held.settings)


def test_a_range_must_hold_the_answers() -> None:
    """A range that answers lie outside of is refused, and so is one that ends before it begins."""
    with pytest.raises(confound.InputError, match="which is outside"):
        confound.analyze(log(), reference="human", ranges={"buys": (3, 4)}, **FAST)
    with pytest.raises(confound.InputError, match="the lower first"):
        confound.analyze(log(), ranges={"buys": (7, 1)}, **FAST)


def test_effects_are_compared_as_pandas_and_scipy_say() -> None:
    """Each contrast's effects, errors, d and paired difference are the plain ones; over all, r and slope of them."""
    frame = log(studies=4)
    table = confound.analyze(frame, reference="human", **FAST).effects_compared
    single = table[table["quantity"] == "difference"]
    assert len(single) == 2 * 8
    for row in single.to_dict("records"):
        w = both(frame, row["study"], row["question"])
        treated, control = w[w["arm"] == "b"], w[w["arm"] == "a"]
        for name, column in (("people", "response_x"), ("simulated", "response_y")):
            a, b = treated[column], control[column]
            sd = np.sqrt((a.var() * (len(a) - 1) + b.var() * (len(b) - 1)) / (len(w) - 2))
            effect = a.mean() - b.mean()
            assert row[name] == pytest.approx(effect if row["unit"] == "raw" else effect / sd, abs=1e-9)
            assert row[f"{name}_pvalue"] == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, abs=1e-9)
        if row["unit"] == "raw":
            gaps = [part["response_y"] - part["response_x"] for part in (treated, control)]
            assert row["pvalue"] == pytest.approx(stats.ttest_ind(*gaps, equal_var=False).pvalue, abs=1e-9)
    for unit in ("raw", "d"):
        own = single[single["unit"] == unit]
        whole = table[(table["unit"] == unit) & (table["question"] == "(all)")].set_index("quantity")["estimate"]
        line = stats.linregress(own["simulated"], own["people"])
        assert (whole["r"], whole["slope"]) == pytest.approx((line.rvalue, line.slope), abs=1e-9)


def test_few_effects_are_refused_with_a_reason() -> None:
    """Below five effects nothing over all of them is estimated, and the table says why."""
    table = confound.analyze(log(studies=2), reference="human", **FAST).effects_compared
    whole = table[(table["question"] == "(all)") & table["quantity"].isin(["r", "slope"])]
    assert whole["estimate"].isna().all()
    assert set(whole["reason"]) == {"fewer than 5 effects"}


def test_a_model_within_and_people_between_subjects_are_compared() -> None:
    """Personas asked in both arms stand beside people in one; what they share still counts in the error."""
    frame = log(studies=3)
    twins = frame[(frame["model"] == "twin") & (frame["role"] == "outcome")]
    other = twins.assign(arm=np.where(twins["arm"] == "a", "b", "a"))
    table = confound.analyze(pd.concat([frame, other]), reference="human", **FAST).effects_compared
    single = table[table["quantity"] == "difference"]
    assert len(single) == 2 * 6
    assert np.isfinite(single["se"]).all()


def test_variance_stands_beside_that_of_people() -> None:
    """The ratio of standard deviations is that of the groups; with one answer a persona there is no more, and why."""
    frame = log()
    table = confound.analyze(frame, reference="human", **FAST).variance
    for row in table[(table["model"] == "twin") & (table["arm"] == "(all arms)")].to_dict("records"):
        own = frame[(frame["study"] == row["study"]) & (frame["question"] == row["question"])]
        by_model = own.groupby("model")["response"]
        assert row["sd_ratio"] == pytest.approx(by_model.std()["twin"] / by_model.std()["human"])
        shares = own.groupby("model")["response"].value_counts(normalize=True)
        assert row["modal_share"] == pytest.approx(shares["twin"].max())
        assert row["entropy"] == pytest.approx(stats.entropy(shares["twin"], base=2))
        assert row["entropy_people"] == pytest.approx(stats.entropy(shares["human"], base=2))
    assert table["icc"].isna().all()
    assert set(table["reason"]) == {"one answer a persona: its runs cannot be told apart"}


def test_variance_needs_no_people() -> None:
    """Without a reference the runs of personas are told apart, here by pandas' sums of squares."""
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        [
            {"persona": f"p{i}", "arm": arm, "question": "buys", "response": int(np.clip(round(x), 1, 7))}
            for i, own in enumerate(rng.normal(4, 1, 30))
            for arm in ("a", "b")
            for x in own + rng.normal(0, 1, 4)
        ]
    )
    table = confound.analyze(frame, outcome=["buys"], **FAST).variance.set_index("arm")
    within = frame.groupby(["arm", "persona"])["response"].var().mean()
    between = frame.groupby(["arm", "persona"])["response"].mean().groupby("arm").var().mean() - within / 4
    row = table.loc["(all arms)"]
    assert row["variance_within"] == pytest.approx(within)
    assert row["variance_between"] == pytest.approx(between)
    assert row["se_twice_trials"] == pytest.approx(np.sqrt((between + within / 8) / 30))
    assert row["se_twice_personas"] == pytest.approx(row["se_mean"] / np.sqrt(2))


def test_a_log_without_arms_is_held_against_people() -> None:
    """Questions of role `other` alone are enough with people; without people there is nothing to do."""
    frame = log()
    alone = frame[frame["role"] == "other"]
    found = confound.analyze(alone, reference="human", skip=["stabilization", "figures"])
    assert set(found.agreement["question"]) == {"alone"}
    assert found.effects_compared.empty
    assert not found.verdict
    assert "Over 3 questions a persona" in page(found)
    with pytest.raises(confound.InputError):
        confound.analyze(alone)


def test_labels_are_escaped_on_the_page() -> None:
    """A question and a model named by HTML are text on the page."""
    frame = log(studies=4).replace({"buys": "<b>buys</b>", "twin": "<i>twin</i>"})
    found = confound.analyze(frame, reference="human", skip=["stabilization", "figures"])
    written = page(found)
    assert "<b>buys" not in written
    assert "<i>twin" not in written
    assert "&lt;i&gt;twin" in written


def test_further_users_sharpen_the_effect_on_people() -> None:
    """With simulated users who have no person the table has a row an outcome; with none it is empty."""
    frame = log()
    assert confound.analyze(frame, reference="human", **FAST).combined.empty
    few = frame[(frame["model"] == "twin") | frame["persona"].isin([f"p{i}" for i in range(40)])]
    found = confound.analyze(few, reference="human", **FAST)
    table = found.combined
    assert len(table) == 6
    assert set(table["n_people"]) == set(table["n_others"]) == {40}
    people = few[(few["model"] == "human") & (few["study"] == "s0") & (few["question"] == "buys")]
    means = people.groupby("arm")["response"].mean()
    row = table[(table["study"] == "s0") & (table["question"] == "buys")].iloc[0]
    assert row["people"] == pytest.approx(means["b"] - means["a"])
    assert row["worth"] >= 40
    assert any("100 people are worth" in said for said in people_points.points(found.frames, found.settings)["twin"])


def test_groups_of_people_are_compared() -> None:
    """Twins who are right about one party alone leave a gap between the parties, named in the table."""
    frame = log()
    names = frame["persona"].unique()
    party = {name: "left" if i % 2 else "right" for i, name in enumerate(names)}
    frame.loc[frame["persona"].map(party).eq("left") & frame["model"].eq("twin"), "response"] = 1
    asked = pd.DataFrame({"study": "s0", "persona": names, "question": "party", "arm": "a"})
    asked = pd.concat([asked.assign(model=m, response=[party[n] for n in names]) for m in ("human", "twin")])
    whole = pd.concat([frame, asked]).astype({"response": str})
    table = confound.analyze(whole, reference="human", group="party", **FAST).agreement
    row = table[(table["study"] == "s1") & (table["question"] == "buys") & (table["arm"] == "(all arms)")].iloc[0]
    w = both(frame, "s1", "buys")
    width = (
        frame.loc[(frame["study"] == "s1") & (frame["question"] == "buys"), "response"]
        .agg(["min", "max"])
        .diff()
        .iloc[1]
    )
    accuracy = (1 - (w["response_x"] - w["response_y"]).abs() / width).groupby(w["persona"].map(party)).mean()
    assert row["gap"] == pytest.approx(accuracy["right"] - accuracy["left"])
    assert row["gap_low"] < row["gap"] < row["gap_high"]
    assert row["gap_between"] == "left, right"
    with pytest.raises(confound.InputError, match="--group nobody"):
        confound.analyze(whole, reference="human", group="nobody", **FAST)
