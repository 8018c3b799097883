"""Logs of distributions: probabilities in columns or in a weight a row, and what is said of them."""

import numpy as np
import pandas as pd
import pytest

import confound
from confound import InputError
from tests.log.made import told

ANSWERS = ["Dem", "Ind", "Rep"]
OPTIONS = {"negative_control": ["party"], "outcome": ["likely"], "workers": 1}


def wide(*, moved: float = 0.2, personas: int = 12, seed: int = 1) -> pd.DataFrame:
    """Return a row a persona, arm and question with the probability of each answer; the treated are `moved` apart."""
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(personas):
        base = 0.25 + 0.25 * rng.dirichlet([2, 2, 2])
        shift = rng.permutation([moved, -moved, 0.0])
        scale = rng.dirichlet([2] * 5)
        for arm, sign in (("control", 0), ("treated", 1)):
            rows.append(
                {"persona": f"p{p}", "arm": arm, "question": "party"}
                | {f"P_{a}": x for a, x in zip(ANSWERS, base + sign * shift, strict=True)}
            )
            levels = np.roll(scale, sign)
            rows.append(
                {"persona": f"p{p}", "arm": arm, "question": "likely"} | {f"P_{i + 1}": x for i, x in enumerate(levels)}
            )
    return pd.DataFrame(rows).fillna(0.0)


def long(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row an answer with its probability."""
    melted = table.melt(id_vars=["persona", "arm", "question"], var_name="response", value_name="chance")
    return melted.assign(response=melted["response"].str.removeprefix("P_"))


@pytest.fixture(scope="module")
def found() -> confound.Analysis:
    """Analyse the wide log."""
    return confound.analyze(wide(), **OPTIONS)  # type: ignore[arg-type]


def test_distances_and_effects_have_no_sampling_noise(found: confound.Analysis) -> None:
    """The distance is the one that was put in, the effect the difference of the expected values."""
    (row,) = found.drift.to_dict("records")
    assert row["tvd"] == pytest.approx(0.2, abs=1e-5)
    assert (row["tvd_null"], row["state"], row["n_control"]) == (0.0, "shown", 12)
    table = wide()
    levels = table[table["question"] == "likely"].set_index(["persona", "arm"])[[f"P_{i}" for i in range(1, 6)]]
    means = (levels * np.arange(1, 6)).sum(axis=1)
    moved = means.xs("treated", level="arm") - means.xs("control", level="arm")
    effect = found.effects.query("level == ''").iloc[0]
    assert effect["estimate"] == pytest.approx(moved.mean(), abs=1e-5)
    assert effect["se"] == pytest.approx(moved.std() / np.sqrt(12), abs=1e-5)
    assert effect["n_control"] == 12
    assert set(found.data["n_answers"]) == {12}
    assert "holds distributions of answers" in told(found)
    assert found.failures == ()


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_weight_a_row_is_the_same(scale: float, found: confound.Analysis) -> None:
    """Probabilities in a column, as shares or as percent, give the numbers of the wide table."""
    rows = long(wide())
    other = confound.analyze(rows.assign(chance=scale * rows["chance"]), weight="chance", **OPTIONS)  # type: ignore[arg-type]
    columns = ["tvd", "ci_low", "ci_high", "pvalue", "pvalue_common", "state"]
    pd.testing.assert_frame_equal(other.drift[columns], found.drift[columns], rtol=1e-4)


@pytest.mark.parametrize(("moved", "state"), [(0.0, "small"), (0.02, "small"), (0.2, "shown")])
def test_what_is_said(moved: float, state: str, tmp_path: object) -> None:
    """Below the margin drift is small and above it shown, whatever the direction; pages and tables are made."""
    made = confound.analyze(wide(moved=moved), **OPTIONS)  # type: ignore[arg-type]
    assert [each.drift for each in made.verdict] == [state]
    folder = made.save(f"{tmp_path}/out", workers=1)
    assert not (folder / "failures.txt").exists()
    assert "nan" not in " ".join(made.verdict[0].points)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(P_Dem=t["P_Dem"] * 3), "should add up to 1"),
        (lambda t: t.assign(P_Dem=t["P_Dem"] - 1), "below 0"),
        (lambda t: t.assign(P_Dem="much"), "missing or no number"),
        (lambda t: t.assign(persona=t["arm"] + t["persona"]), "different personas in each arm"),
    ],
)
def test_what_cannot_be_used(change: object, message: str) -> None:
    """Probabilities that do not add up, are below 0 or no numbers, and different personas, are refused."""
    with pytest.raises(InputError, match=message):
        confound.analyze(change(wide()), **OPTIONS)  # type: ignore[operator, arg-type]
