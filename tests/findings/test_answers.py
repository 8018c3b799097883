"""Shares of answers and means by arm: values by hand, and intervals that cover."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

import confound
from confound.findings import answers


def analysed(rows: list[dict[str, object]]) -> confound.Analysis:
    """Analyse rows without drift."""
    return confound.analyze(pd.DataFrame(rows), skip=["drift", "decomposition"], workers=1)


@pytest.fixture
def result(log_frame) -> confound.Analysis:  # type: ignore[no-untyped-def]
    """Analyse four personas: in control x x y and one Unknown, in treated twice as much x as y."""
    control = log_frame({"control": ["x", "x", "y", None], "treated": ["x", "y", "x"]})
    outcome = log_frame({"control": [1, 2], "treated": [2, 4, None]}, question="rating", role="outcome")
    return confound.analyze(pd.concat([control, outcome]), skip=["drift", "decomposition"])


def test_shares_are_averaged_over_personas(result: confound.Analysis) -> None:
    """Every answer has its share in each arm, Unknown among them, and over all arms the mean of the arms'."""
    party = result.distributions[result.distributions["question"] == "party"]
    table = party.pivot_table(index="arm", columns="answer", values="share")
    expected = {"control": (0.5, 0.25, 0.25), "treated": (2 / 3, 1 / 3, 0.0), "(all arms)": (7 / 12, 7 / 24, 1 / 8)}
    for arm, shares in expected.items():
        np.testing.assert_allclose(table.loc[arm, ["x", "y", "Unknown"]], shares)
    counts = party[party["arm"] == "control"].set_index("answer")["n"]
    assert counts.to_dict() == {"x": 8, "y": 4, "Unknown": 4}


def test_shares_add_up_and_lie_in_their_intervals(result: confound.Analysis) -> None:
    """In every cell and arm shares sum to 1, each within its interval, and that within 0 and 1."""
    frame = result.distributions
    sums = frame.groupby(["study", "model", "iteration", "arm", "question"])["share"].sum()
    np.testing.assert_allclose(sums, 1)
    assert ((frame["ci_low"] >= 0) & (frame["ci_low"] <= frame["share"])).all()
    assert ((frame["ci_high"] <= 1) & (frame["ci_high"] >= frame["share"])).all()


def test_one_answer_each_gives_wilsons_interval() -> None:
    """With one answer of each of 41 personas it is Wilson's interval for 40 answers, with Student's t for z."""
    rows = [
        {"persona": f"{arm}{p}", "arm": arm, "question": "q", "role": "outcome", "response": "ab"[p < 12]}
        for arm in ("control", "treated")
        for p in range(41)
    ]
    frame = analysed(rows).distributions
    row = frame[(frame["arm"] == "control") & (frame["answer"] == "b")].iloc[0]
    p, n, t = 12 / 41, 40, special.stdtrit(40, 0.975)
    centre = (p + t**2 / (2 * n)) / (1 + t**2 / n)
    half = t / (1 + t**2 / n) * np.sqrt(p * (1 - p) / n + t**2 / (4 * n**2))
    np.testing.assert_allclose([row["ci_low"], row["ci_high"]], [centre - half, centre + half])


def test_intervals_of_shares_cover() -> None:
    """Over 400 logs of 25 personas with shares of their own, 95 % intervals hold the true share in 92 to 98 of 100."""
    rng = np.random.default_rng(7)
    for mean in (0.05, 0.5):
        own = rng.beta(4 * mean, 4 * (1 - mean), size=(400, 25))
        given = rng.binomial(20, own) / 20
        ends = [answers._wilson(shares[:, None], 500, 0.95) for shares in given]  # noqa: SLF001 -- the law itself
        covered = np.mean([low[0] <= mean <= high[0] for low, high in ends])
        assert 0.92 <= covered <= 0.98


def test_means_by_arm_have_the_persona_as_the_unit(result: confound.Analysis) -> None:
    """Unknown is left out; four equal personas leave no doubt; counts are of known answers."""
    means = result.means.set_index("arm")
    assert means.loc["control", ["estimate", "ci_low", "ci_high", "n_answers"]].tolist() == [1.5, 1.5, 1.5, 8]
    assert means.loc["treated", ["estimate", "n_personas", "n_answers"]].tolist() == [3.0, 4, 8]


def test_continuous_answers_have_no_shares() -> None:
    """A measurement with many values has a mean by arm, and no distribution over answers."""
    rows = [
        {"persona": f"p{p}", "arm": arm, "question": "income", "role": "outcome", "response": 1000 + 7 * p + t}
        for arm in ("control", "treated")
        for p in range(10)
        for t in range(5)
    ]
    result = analysed(rows)
    assert result.distributions.empty
    assert len(result.means) == 2
