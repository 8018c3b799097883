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
