"""Sensitivity: its arithmetic, and that it is wired to the tables it is made of."""

import numpy as np
import pandas as pd
import pytest

import confound
from confound.statistics.effect import sensitivity


def test_drift_to_explain_away_and_bounds_by_hand() -> None:
    """An effect of -.6 on a scale of 1 to 4 takes users .2 apart; a drift of .1 widens its interval by .3 each way."""
    assert sensitivity.drift_to_explain_away(-0.6, 3.0) == pytest.approx(0.2)
    assert sensitivity.bounds(-0.8, -0.4, width=3.0, tvd=0.1) == pytest.approx((-1.1, -0.1))


def test_no_bias_beyond_the_bound() -> None:
    """|ASB| <= range x TVD for any users and outcomes, and a question that depends on the user alone shows no more."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        users = rng.dirichlet(np.ones(5), size=2)
        means = rng.uniform(1, 4, size=(2, 5))
        distance = 0.5 * np.abs(users[1] - users[0]).sum()
        asb = 0.5 * (means @ (users[1] - users[0])).sum()
        answers = users @ rng.dirichlet(np.ones(3), size=5)
        assert abs(asb) <= 3 * distance + 1e-12
        assert 0.5 * np.abs(answers[1] - answers[0]).sum() <= distance + 1e-12


@pytest.fixture(scope="module")
def analysis() -> confound.Analysis:
    """Analyse three iterations with an outcome, two controls, and a confounder asked in the first two."""
    rng = np.random.default_rng(1)
    index = pd.MultiIndex.from_product(
        [range(3), range(12), ["control", "treated"], range(6)], names=["iteration", "persona", "arm", "trial"]
    )
    place = index.to_frame(index=False)
    treated = (place["arm"] == "treated").to_numpy()
    outcome = place.assign(question="y", role="outcome", response=rng.integers(1, 4, len(place)) + treated)
    controls = [
        place.assign(question=name, role="negative_control", response=rng.random(len(place)) < 0.3 + 0.4 * treated)
        for name in ("party", "race")
    ]
    asked = place[place["iteration"] < 2].assign(question="religion", role="confounder")
    asked = asked.assign(response=rng.choice(["some", "none"], len(asked)))
    return confound.analyze(pd.concat([outcome, *controls, asked]), skip=["stabilization"])


def test_rows_are_made_of_effects_and_drift(analysis: confound.Analysis) -> None:
    """A row holds its iteration's effect over the range of the answers, and the largest distance of its controls."""
    rows = analysis.sensitivity.set_index("iteration")
    effects = analysis.effects[analysis.effects["level"] == ""].set_index("iteration")
    drift = analysis.drift[analysis.drift["question"] != "(all)"].groupby("iteration")[["tvd", "ci_high"]].max()
    assert rows["range"].tolist() == [3, 3, 3]
    assert rows["largest_tvd"].tolist() == drift["tvd"].tolist()
    assert rows["largest_tvd_high"].tolist() == drift["ci_high"].tolist()
    assert rows["drift_to_explain_away"].tolist() == pytest.approx((effects["estimate"].abs() / 3).tolist())
    assert rows["bound_high"].tolist() == pytest.approx((effects["ci_high"] + 3 * drift["ci_high"]).tolist())


def test_steps_name_what_was_adopted(analysis: confound.Analysis) -> None:
    """A step's change is the effect less the one before, beside the confounders asked in the iteration before."""
    rows = analysis.sensitivity.set_index("iteration")
    assert rows["adopted"].fillna("").tolist() == ["", "religion", "religion"]
    assert rows["change"].tolist()[1:] == pytest.approx(np.diff(rows["estimate"]).tolist())
    assert (rows["change_low"] < rows["change"]).tolist()[1:] == [True, True]
    (finding,) = analysis.verdict
    assert any("Adopting religion at iteration 1 moved the effect by" in point for point in finding.points)
    last = rows.iloc[-1]
    (said,) = [point for point in finding.points if "is not ruled out, and" in point]
    assert f"at iteration {rows.index[-1]} reach {last['largest_tvd']:.2f}" in said
    enough = last["drift_to_explain_away"] <= last["largest_tvd_high"]
    assert f"Users {last['drift_to_explain_away']:.2f} apart could make the effect on" in said
    assert said.endswith("by themselves: this is not ruled out." if enough else "by themselves: more than that.")


def test_remaining_drift_and_shift_are_repeated_as_checks(analysis: confound.Analysis) -> None:
    """Of each later iteration, every control has its remaining drift and its population shift among the assumptions."""
    rows = analysis.assumptions
    for check in ("remaining drift", "population shift"):
        found = rows[(rows["check"] == check) & (rows["question"] != "(all)")]
        assert sorted(zip(found["iteration"], found["question"], strict=True)) == [
            (1, "party"),
            (1, "race"),
            (2, "party"),
            (2, "race"),
        ]
    left = rows[(rows["check"] == "remaining drift") & (rows["question"] == "party")]["estimate"]
    drift = analysis.drift[(analysis.drift["question"] == "party") & (analysis.drift["iteration"] > 0)]
    assert left.tolist() == drift["tvd"].tolist()


def test_it_can_be_skipped() -> None:
    """`skip` leaves the table empty, with its columns."""
    index = pd.MultiIndex.from_product([range(4), ["a", "b"], range(3)], names=["persona", "arm", "trial"])
    log = index.to_frame(index=False).assign(question="y", role="outcome", response=[1, 2, 3] * 8)
    assert len(confound.analyze(log).sensitivity) == 1
    assert confound.analyze(log, skip=["sensitivity"]).sensitivity.empty


def test_without_a_decomposition_the_drift_needed_is_still_said() -> None:
    """A log without iterations or confounders gets one sentence on the drift that would explain its effect away."""
    rng = np.random.default_rng(2)
    index = pd.MultiIndex.from_product([range(10), ["a", "b"], range(5)], names=["persona", "arm", "trial"])
    place = index.to_frame(index=False)
    outcome = place.assign(question="y", role="outcome", response=rng.integers(1, 4, len(place)))
    control = place.assign(question="z", role="negative_control", response=rng.choice(["u", "v"], len(place)))
    found = confound.analyze(pd.concat([outcome, control]))
    (finding,) = found.verdict
    needed = found.sensitivity["drift_to_explain_away"].iloc[0]
    assert any(f"Users {needed:.2f} apart could make the effect on y (b - a)" in point for point in finding.points)
    assert not any("causal part" in point for point in finding.points)
