"""The routes of the decomposition, from a log to its rows: what each takes, and why it is left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import confound
from confound.statistics.effect.decomposition import QUANTITIES
from simulate.run.loop import simulate
from simulate.study.reading import load_study

PLACE = ["study", "model", "contrast", "question", "method", "iteration"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulate the example with its 2 x 2 and retention."""
    folder = tmp_path_factory.mktemp("routes") / "run"
    simulate(
        load_study(Path("simulate/example.yaml")), folder, personas=20, trials=10, source_design=True, retention=True
    )
    return folder


@pytest.fixture(scope="module")
def analysis(run: Path) -> confound.Analysis:
    """Analyse the run's folder without drift, which takes long."""
    return confound.analyze(run, control=["control"], skip=["drift"])


def part(analysis: confound.Analysis, method: str, quantity: str) -> pd.Series:
    """Return a row of the decomposition."""
    rows = analysis.decomposition
    (place,) = rows.index[(rows["method"] == method) & (rows["quantity"] == quantity)]
    return rows.loc[place]


def persona_means(log: pd.DataFrame, iteration: int, arm: str, source: str | None = None) -> pd.Series:
    """Return the outcome's mean by persona, by hand."""
    rows = log[(log["role"] == "outcome") & (log["iteration"] == iteration) & (log["arm"] == arm)]
    rows = rows if source is None else rows[rows["source_arm"] == source]
    return rows.groupby("persona")["value"].mean()


def test_a_simulated_folder_allows_every_route(analysis: confound.Analysis) -> None:
    """A run with a 2 x 2 is decomposed by all routes without an option, each with all parts that add up."""
    found = analysis.decomposition.groupby(PLACE)["quantity"].agg(list)
    assert {(key[4], key[5]) for key in found.index} == {
        ("source", 1),
        ("adjustment", 1),
        ("g-formula", 0),
        ("aipw", 0),
    }
    assert all(quantities == list(QUANTITIES) for quantities in found)
    wide = analysis.decomposition.pivot_table(index=PLACE, columns="quantity", values="estimate")
    assert (wide["observed"] - wide["cate"] - wide["asb"]).abs().max() < 1e-12
    assert not analysis.warnings["message"].str.contains("No decomposition|rows twice").any()


def test_adjustment_and_source_are_differences_of_persona_means(run: Path, analysis: confound.Analysis) -> None:
    """SBT and SBC by hand: 2 (before - after), and the difference between source arms within an arm."""
    log, square = (pd.read_parquet(run / f"{name}.parquet") for name in ("responses", "source_design"))
    before, after = (persona_means(log, i, "positive").mean() for i in (0, 1))
    assert part(analysis, "adjustment", "sbt")["estimate"] == pytest.approx(2 * (before - after))
    cells = [persona_means(square, 1, "control", source) for source in ("positive", "control")]
    sbc = part(analysis, "source", "sbc")
    assert sbc["estimate"] == pytest.approx((cells[0] - cells[1]).mean())
    assert sbc["se"] == pytest.approx((cells[0] - cells[1]).sem())


def test_the_two_by_two_is_no_part_of_the_log_proper(run: Path, analysis: confound.Analysis) -> None:
    """Effects and counts are those of responses.parquet alone."""
    alone = confound.analyze(run / "responses.parquet", control=["control"], skip=["drift"])
    pd.testing.assert_frame_equal(alone.effects, analysis.effects)
    outcome = analysis.data["role"] != "retention"
    pd.testing.assert_frame_equal(alone.data[outcome.to_numpy()], analysis.data[outcome])
    assert "source" not in set(alone.decomposition["method"])
    assert alone.warnings["message"].str.contains("No decomposition by source: it takes outcomes").any()


def test_the_two_by_two_alone_is_a_mixture_too(run: Path) -> None:
    """A log in which every answer has a source arm is analysed as one, and gives the 2 x 2."""
    found = confound.analyze(run / "source_design.parquet", control=["control"], skip=["drift"])
    assert set(found.decomposition["method"]) == {"source"}
    assert found.effects["n_treated"].iloc[0] > 0
    assert not found.warnings["message"].str.contains("rows twice").any()


def test_standardization_is_by_conversation() -> None:
    """The g-formula by hand, from outcome and confounder of each conversation, for one yes-no confounder."""
    rng = np.random.default_rng(0)
    rows = []
    for persona in range(12):
        for arm, chance in (("control", 0.3), ("treated", 0.7)):
            for trial in range(6):
                trait = rng.random() < chance
                outcome = 1 + int(trait) + int(arm == "treated") + int(rng.random() < 0.5)
                place = {"persona": persona, "arm": arm, "trial": trial}
                rows.append({**place, "question": "y", "role": "outcome", "response": outcome})
                rows.append({**place, "question": "c", "role": "confounder", "response": "yes" if trait else "no"})
    log = pd.DataFrame(rows)
    found = part(confound.analyze(log.sample(frac=1, random_state=0)), "g-formula", "sbt")
    wide = log.pivot_table(index=["persona", "arm", "trial"], columns="question", values="response", aggfunc="first")
    frame = wide.reset_index().assign(y=lambda d: d["y"].astype(float), c=lambda d: (d["c"] == "yes").astype(float))
    treated = frame[frame["arm"] == "treated"]
    centered = treated[["y", "c"]] - treated.groupby("persona")[["y", "c"]].transform("mean")
    slope = (centered["y"] * centered["c"]).sum() / (centered["c"] ** 2).sum()
    shares = frame.groupby("arm")["c"].mean()
    assert found["estimate"] == pytest.approx(slope * (shares["treated"] - shares["control"]))


def small(**change: object) -> pd.DataFrame:
    """Make a log of six personas in two iterations, with a confounder."""
    index = pd.MultiIndex.from_product(
        [range(6), ["control", "treated"], range(4), [0, 1]], names=["persona", "arm", "trial", "iteration"]
    )
    frame = index.to_frame(index=False)
    outcome = frame.assign(question="y", role="outcome", response=1 + (frame["persona"] + frame["trial"]) % 3)
    answers = np.where((frame["trial"] + (frame["arm"] == "treated")) % 3, "a", "b")
    confounder = frame.assign(question="c", role="confounder", response=answers)
    return pd.concat([outcome, confounder]).assign(**change)


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (small().query("iteration == 0"), "No decomposition by adjustment: it takes iterations"),
        (small().drop(columns="trial"), "No decomposition by standardization: it takes a confounder"),
        (small().query("role == 'outcome'"), "No decomposition by standardization: it takes a confounder"),
        (
            small().query("iteration > 0 or role == 'outcome'"),
            "No decomposition by standardization: it takes a confounder",
        ),
        (small(response=lambda f: f["response"].where(f["role"] == "outcome", "x")), "everyone gave the same answer"),
        (small(response=lambda f: "x" + f["response"].astype(str)), "the outcome is nominal and has no mean"),
        (
            small(response=lambda f: f["response"].where(f["role"] == "outcome", f["trial"].astype(str))),
            "3 indicators of confounders take 30 conversations in each arm, and there are 24",
        ),
        (small(trial=1), "No decomposition by standardization: it takes a confounder"),
    ],
)
def test_a_route_left_out_says_why(log: pd.DataFrame, reason: str) -> None:
    """What a log does not allow is noted with its reason, once, and nothing is made up instead."""
    found = confound.analyze(log)
    messages = found.warnings["message"]
    assert messages.str.contains(reason, regex=False).sum() >= 1, messages.tolist()
    assert found.decomposition["estimate"].notna().all()


def test_the_share_changes_cate_and_asb_alone() -> None:
    """With all users treated CATE is ATT, and the other quantities stay."""
    half, whole = (confound.analyze(small(), share=share).decomposition for share in (0.5, 1.0))
    half, whole = (frame[frame["method"] == "adjustment"].set_index("quantity")["estimate"] for frame in (half, whole))
    assert whole["cate"] == pytest.approx(half["att"])
    for quantity in ("observed", "att", "atc", "sbt", "sbc"):
        assert whole[quantity] == half[quantity]
    with pytest.raises(confound.InputError, match="share must lie between 0 and 1"):
        confound.analyze(small(), share=1.5)


def test_with_three_arms_adjustment_tells_the_parts_of_all() -> None:
    """Attributes drawn from three arms do not tell SBT and SBC of two, and a note says so."""
    log = small()
    third = log[log["arm"] == "treated"].assign(arm="third")
    found = confound.analyze(pd.concat([log, third]))
    rows = found.decomposition[found.decomposition["method"] == "adjustment"]
    assert set(rows["quantity"]) == {"observed", "cate", "asb"}
    assert found.warnings["message"].str.contains("drawn from all 3 arms alike").any()


def test_an_outcome_changes_no_other_outcomes_draws() -> None:
    """Resamples are keyed by place: with a second outcome the first one's intervals stay the same to the last digit."""
    log = small()
    more = pd.concat([log, log[log["role"] == "outcome"].assign(question="another")])
    alone, beside = (confound.analyze(frame).decomposition for frame in (log, more))
    beside = beside[beside["question"] == "y"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, beside)


def test_checks_of_what_is_assumed(run: Path, analysis: confound.Analysis) -> None:
    """Retention, population shift, own attributes and overlap are rows, retention as counted by hand from the log."""
    rows = analysis.assumptions
    assert {"retention", "population shift", "own attributes", "overlap: unmatched"} <= set(rows["check"])
    log = pd.concat([pd.read_parquet(run / f"{name}.parquet") for name in ("responses", "source_design")])
    asked = log[(log["question"] == "retention_region") & (log["arm"] == "control")]
    kept = (asked["response"] == asked["specified"]).groupby(asked["persona"]).mean().mean()
    chosen = rows[
        (rows["check"] == "retention") & (rows["question"] == "retention_region") & (rows["arm"] == "control")
    ]
    assert chosen["estimate"].tolist() == pytest.approx([kept])
    asked = log[(log["role"] == "retention") & (log["arm"] == "control")]
    by_question = (asked["response"] == asked["specified"]).groupby([asked["persona"], asked["question"]]).mean()
    everything = by_question.groupby("persona").mean().mean()
    chosen = rows[(rows["check"] == "retention") & (rows["question"] == "(all)") & (rows["arm"] == "control")]
    assert chosen["estimate"].tolist() == pytest.approx([everything])


def test_the_sentence_to_quote(analysis: confound.Analysis) -> None:
    """The verdict quotes observed effect, causal part and selection bias with intervals and route, as in the table."""
    (finding,) = analysis.verdict
    (quoted,) = [point for point in finding.points if "of the observed effect" in point]
    for quantity in ("observed", "cate", "asb"):
        row = part(analysis, "adjustment", quantity)
        ends = f"{row['ci_low']:+.3f} to {row['ci_high']:+.3f}"
        written = f"{row['estimate']:+.3f} ({'95 % interval ' if quantity == 'observed' else ''}{ends})"
        assert written in quoted.replace("\N{MINUS SIGN}", "-")
    assert "by adjustment up to iteration 1" in quoted
    assert any("by attributes drawn in one arm" in point and "by aipw" in point for point in finding.points)
