"""Interactions of factors, from a log: against plain pandas."""

import numpy as np
import pandas as pd
import pytest

import confound

SKIP = ("stabilization", "decomposition", "sensitivity", "figures", "report")


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Make a log of two factors, every persona in all four cells; a warm tone helps at the high price alone."""
    rng = np.random.default_rng(0)
    made = pd.MultiIndex.from_product(
        [range(20), ["plain", "warm"], ["low", "high"], range(5)], names=["persona", "tone", "price", "trial"]
    ).to_frame(index=False)
    both = (made["tone"] == "warm") & (made["price"] == "high")
    likes = made.assign(question="likes", response=rng.integers(1, 5, len(made)) + both)
    buys = made.assign(question="buys", response=np.where(rng.random(len(made)) < 0.3 + 0.3 * both, "one", "none"))
    return pd.concat([likes, buys])


def test_interactions_are_those_of_pandas(log: pd.DataFrame) -> None:
    """The mean over personas of the difference of differences, with its error; of a nominal outcome by shares."""
    found = confound.analyze(
        log, arm=["tone", "price"], outcome=["likes", "buys"], control=["plain, low", "plain", "low"], skip=SKIP
    )
    rows = found.interactions.set_index(["question", "level"])
    assert set(rows.index) == {("likes", ""), ("buys", "none"), ("buys", "one")}
    answers = log[log["question"] == "likes"].astype({"response": float})
    means = answers.groupby(["persona", "tone", "price"])["response"].mean().unstack(["tone", "price"])  # noqa: PD010 -- each place once
    high, low = (means["warm", price] - means["plain", price] for price in ("high", "low"))
    row = rows.loc["likes", ""]
    assert (row["factor"], row["contrast"], row["by"], row["by_contrast"]) == (
        *("tone", "warm - plain"),
        *("price", "high - low"),
    )
    assert row["effect_treated"] == pytest.approx(high.mean())
    assert row["effect_control"] == pytest.approx(low.mean())
    assert row["estimate"] == pytest.approx((high - low).mean())
    assert row["se"] == pytest.approx((high - low).std() / np.sqrt(20))
    assert rows.loc[("buys", "one"), "estimate"] == pytest.approx(-rows.loc[("buys", "none"), "estimate"])
    said = [point for finding in found.verdict for point in finding.points if point.startswith("Interaction on ")]
    assert any("the effect of tone (warm - plain) changes with price (high - low) by +" in point for point in said)


def test_one_factor_has_none(log: pd.DataFrame) -> None:
    """Without several arm columns the table is empty."""
    one = log[log["price"] == "low"]
    found = confound.analyze(one, arm=["tone"], outcome=["likes"], skip=SKIP)
    assert found.interactions.empty
