"""Answers by conversation: the same answers as in the counts, with their pairing."""

import numpy as np
import pandas as pd
import pytest

import confound
from confound.counts import conversations
from confound.counts.contrasts import gathered
from confound.counts.options import Options
from confound.counts.prepare import prepare
from confound.log.layout import Layout
from confound.statistics.drift import several_controls


def log(*, trials: int = 5, seed: int = 3, drift: float = 0.0) -> pd.DataFrame:
    """Return 8 personas in two arms with three controls, the second a copy of the first where there is no drift."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"p{i}" for i in range(8)], ["c", "t"], range(trials)], names=["persona", "arm", "trial"]
    ).to_frame(index=False)
    first = rng.integers(0, 3, len(index))
    answers = {
        "z1": np.array(["a", "b", "Unknown"])[first],
        "z2": np.array(["u", "v", "w"])[first],
        "z3": np.where(rng.random(len(index)) < 0.5 + drift * (index["arm"] == "t"), "x", "y"),
    }
    parts = [index.assign(question=name, response=given) for name, given in answers.items()]
    return pd.concat(parts, ignore_index=True).assign(role="negative_control").sample(frac=1, random_state=seed)


def made(table: pd.DataFrame, **options: object) -> tuple[list, np.ndarray | None]:
    """Return the contrasts of a log and their codes."""
    prepared = prepare(table, Layout(), Options(**options), joint=True)  # type: ignore[arg-type]
    ((_, contrasts),) = gathered(prepared.contrasts, "study", "model", "iteration", "contrast").items()
    assert prepared.conversations is not None
    return contrasts, prepared.conversations.codes(contrasts)


def test_codes_hold_the_counts_and_the_pairing() -> None:
    """Counted over conversations, the codes are the counts; a control that copies another has its codes."""
    contrasts, codes = made(log())
    assert codes is not None
    assert codes.shape == (8, 2, 5, 3)
    for q, contrast in enumerate(contrasts):
        width = contrast.treated.answers.shape[1]
        counts = (codes[..., q, None] == np.arange(width)).sum(axis=2)
        np.testing.assert_array_equal(counts[:, 0], contrast.control.answers)
        np.testing.assert_array_equal(counts[:, 1], contrast.treated.answers)
    unknown = contrasts[0].cell.answers.shape[2] - 1
    np.testing.assert_array_equal(codes[..., 0] == unknown, codes[..., 1] == 2)


def test_binned_answers_are_paired_too() -> None:
    """Answers binned into quantiles are coded by their bins."""
    rng = np.random.default_rng(1)
    table = log()
    chosen = table["question"] == "z3"
    table.loc[chosen, "response"] = rng.integers(0, 100, chosen.sum()).astype(str)
    contrasts, codes = made(table, bins={"z3": 4})
    counts = (codes[..., 2, None] == np.arange(5)).sum(axis=(0, 2))
    np.testing.assert_array_equal(counts[1], contrasts[2].treated.answers.sum(axis=0))


def test_a_persona_not_asked_and_a_conversation_cut_short_are_minus_one() -> None:
    """What was not asked is -1; a persona asked in one arm alone is left out of that control only."""
    table = log()
    gone = (table["persona"] == "p3") & (table["arm"] == "t") & (table["question"] == "z1")
    cut = (table["persona"] == "p5") & (table["trial"] == 4) & (table["question"] == "z3") & (table["arm"] == "c")
    _, codes = made(table[~gone & ~cut])
    assert codes is not None
    assert (codes[3, :, :, 0] == -1).all()
    assert (codes[3, :, :, 1] >= 0).all()
    assert (codes[5, 0, :, 2] == -1).sum() == 1


def test_the_analysis_reports_the_step_down_pvalues() -> None:
    """Column `pvalue_maxt` and the row `(all)` come from the relabellings of conversations; copies count once."""
    table = log(drift=0.4)
    drift = confound.analyze(table).drift.set_index("question")
    _, codes = made(table)
    direct = several_controls.step_down_maxt(codes, design="within", rng=np.random.default_rng(8), n_resamples=1999)
    assert drift.loc[["z1", "z2", "z3"], "pvalue_maxt"].to_numpy() == pytest.approx(direct.pvalue_adjusted, abs=0.05)
    assert drift.loc["z3", "pvalue_maxt"] < 0.01
    assert drift.loc["(all)", "test"] == "monte carlo"
    assert drift.loc["(all)", "pvalue"] == pytest.approx(direct.pvalue_pooled, abs=0.05)


def test_the_row_of_all_controls_has_an_interval() -> None:
    """Its ends are the means of the controls' ends, and the lower one is 0 where the joint test does not reject."""
    drift = confound.analyze(log(seed=4)).drift.set_index("question")
    controls, pooled = drift.loc[["z1", "z2", "z3"]], drift.loc["(all)"]
    assert pooled["ci_high"] == pytest.approx(controls["ci_high"].mean())
    assert pooled["pvalue"] > 0.05
    assert pooled["ci_low"] == 0
    assert pooled["ci_low"] <= pooled["tvd"] <= pooled["ci_high"]


@pytest.mark.parametrize("spoil", ["no trials", "some trials missing", "trials twice"])
def test_without_trial_numbers_the_joint_test_is_of_persona_means(spoil: str) -> None:
    """Where conversations cannot be told, `pvalue_maxt` is empty and the joint test says that it is another."""
    table = log()
    if spoil == "no trials":
        table = table.drop(columns="trial")
    elif spoil == "some trials missing":
        table["trial"] = table["trial"].astype(float).where(table["trial"] != 2)
    else:
        table["trial"] = 1
    drift = confound.analyze(table).drift.set_index("question")
    assert drift["pvalue_maxt"].isna().all()
    assert drift.loc["(all)", "test"] == "pooled t"


def test_a_large_log_goes_without_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the answers are not read again, and a note says why."""
    monkeypatch.setattr(conversations, "MOST_ANSWERS", 100)
    result = confound.analyze(log())
    assert result.drift["pvalue_maxt"].isna().all()
    assert any("maxT is left out" in message for message in result.warnings["message"])
