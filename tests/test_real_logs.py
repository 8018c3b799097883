"""Published logs, where they are at hand beside the project; the figures come from `shared/data`'s own description."""

from pathlib import Path

import pytest

import confound

DATA = Path(__file__).parents[2] / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason="the published logs are not beside the project"),
]


@pytest.fixture(scope="module")
def story() -> confound.Analysis:
    """Analyse Story Beliefs (Twin-2K-500 Mega-Study)."""
    return confound.analyze(DATA / "story_beliefs.parquet")


def test_story_beliefs_known_figures(story: confound.Analysis) -> None:
    """The thriller control of the twins has the published distance, expectation and exact p-value."""
    row = story.drift.set_index(["study", "model", "question"]).loc[
        ("story_thriller_vs_diary", "llm_twin", "books_read_10y_thriller")
    ]
    assert row["design"] == "between"
    assert {row["n_control"], row["n_treated"]} == {59, 61}
    assert row["tvd_plugin"] == pytest.approx(0.3687, abs=5e-5)
    assert row["tvd_null"] == pytest.approx(0.0893, abs=5e-5)
    assert row["pvalue"] == pytest.approx(0.000073, abs=5e-7)


def test_twins_drift_and_humans_do_not(story: confound.Analysis) -> None:
    """8 of 64 controls of the twins and 2 of the people have p < .05; drift is shown in two pairs, of the twins."""
    controls = story.drift[story.drift["question"] != "(all)"]
    below = (controls["pvalue"] < 0.05).groupby(controls["model"]).sum()
    assert below.to_dict() == {"human": 2, "llm_twin": 8}
    shown = [(each.study, each.model) for each in story.verdict if each.drift == "shown"]
    assert shown == [("story_fantasy_vs_scifi", "llm_twin"), ("story_thriller_vs_diary", "llm_twin")]
    humans = [each for each in story.verdict if each.model == "human"]
    assert [each.drift for each in humans] == ["unsettled"] * 4
    named = controls[controls["state"] == "shown"]
    assert set(named["question"]) == {"books_read_10y_fantasy", "books_read_10y_thriller"}


def test_tax_rates_by_order_and_by_share() -> None:
    """Ten arms against 25pct for two models, within subjects: means with an order, shares of the answers without."""
    log = DATA / "tax_rates.parquet"
    ordered = confound.analyze(log, control=["25pct"], order={"taxable_income_change": ["down", "same", "up"]}).effects
    assert set(ordered["design"]) == {"within"}
    assert ordered.groupby("model")["contrast"].nunique().to_dict() == {"gpt-4o": 10, "gpt-4o-mini": 10}
    means = ordered[ordered["level"] == ""].set_index(["model", "contrast"])["estimate"]
    assert means["gpt-4o-mini", "35pct - 25pct"] < 0 < means["gpt-4o-mini", "15pct - 25pct"]
    shares = confound.analyze(log, control=["25pct"]).effects
    assert set(shares["level"]) == {"down", "same", "up"}
    assert len(shares) == 2 * 10 * 3


CONTROLS = {
    "consumer_minimalism": "pictures_first",
    **dict.fromkeys(("context_cell", "context_printer", "context_tv"), "binary"),
    **dict.fromkeys(("default_green", "default_organ"), "opt_in"),
    **dict.fromkeys(("hiring_job1", "hiring_job2", "hiring_job3", "hiring_job4"), "team"),
    "targeting_fairness": "broad",
}
REST = ["drift", "decomposition", "sensitivity", "stabilization"]


@pytest.fixture(scope="module")
def twins() -> confound.Analysis:
    """Hold the twins of ten studies (Twin-2K-500 Mega-Study) against their people."""
    log, ranges = DATA / "people_and_twins.parquet", {"lack of control": (1, 7), "*_mean": (1, 5)}
    return confound.analyze(log, reference="human", control=CONTROLS, ranges=ranges, skip=REST)


def test_twins_agree_with_people_as_described(twins: confound.Analysis) -> None:
    """Over the described questions (all but the choices of the other default) the means are those described."""
    rows = twins.agreement[twins.agreement["arm"] == "(all arms)"]
    rows = rows[~rows["question"].str.startswith("earlier_")]
    means = rows.groupby("model")[["r", "r_within_arms", "accuracy", "sd_ratio"]].mean()
    assert rows.groupby("model").size().to_dict() == {"llm_twin": 59, "llm_twin_reasoning": 99}
    assert means.loc["llm_twin"].tolist() == pytest.approx([0.2307, 0.2232, 0.7274, 0.6434], abs=5e-5)
    assert means.loc["llm_twin_reasoning"].tolist() == pytest.approx([0.1990, 0.1939, 0.7466, 0.6811], abs=5e-5)


def test_effects_on_twins_relate_to_peoples_as_described(twins: confound.Analysis) -> None:
    """r, slope, slope through 0, same sign and mean sizes of 65 and 97 effects, in standard deviations and raw."""
    table = twins.effects_compared
    whole = table[table["question"] == "(all)"].set_index(["model", "unit", "quantity"])["estimate"].sort_index()
    names = ["r", "slope", "slope_through_zero", "mean_size_people", "mean_size_simulated"]
    described = {
        ("llm_twin", "d"): [0.5839, 0.2356, 0.2362, 0.1371, 0.3507],
        ("llm_twin", "raw"): [0.6293, 0.4082, 0.4137, 0.1965, 0.3160],
        ("llm_twin_reasoning", "d"): [0.5482, 0.3060, 0.3091, 0.1578, 0.2433],
        ("llm_twin_reasoning", "raw"): [0.5306, 0.4464, 0.4816, 0.2182, 0.2183],
    }
    for (model, unit), values in described.items():
        assert whole[model, unit][names].tolist() == pytest.approx(values, abs=5.1e-5)
    assert whole["llm_twin", "raw", "same_sign"] == pytest.approx(0.6615, abs=5e-5)
    assert whole["llm_twin_reasoning", "raw", "same_sign"] == pytest.approx(0.6907, abs=5e-5)


def test_incomes_differ_little_in_tax_rates() -> None:
    """The part of the variance that lies between incomes, averaged over arms."""
    order = {"taxable_income_change": ["down", "same", "up"]}
    table = confound.analyze(DATA / "tax_rates.parquet", order=order, skip=REST).variance
    means = table[table["arm"] != "(all arms)"].groupby("model")["icc"].mean()
    assert means.to_dict() == pytest.approx({"gpt-4o": 0.060, "gpt-4o-mini": 0.127}, abs=5e-4)
