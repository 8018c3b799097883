"""The example study: what its log holds, and that it is worth looking at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from confound.errors import InputError
from simulate.backends.latent_class.classes import draw_personas
from simulate.backends.latent_class.derived import structure_of
from simulate.backends.latent_class.truth import truth
from simulate.study.personas import make_personas
from simulate.study.reading import load_study
from tests.simulate.fakes import write_example

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the log and the truth in a folder."""
    known = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return pd.read_parquet(folder / "responses.parquet"), known


def test_example_has_the_sizes_asked_for(tmp_path: Path) -> None:
    """Every persona, trial, arm and question of both iterations is there once, with its role."""
    write_example(tmp_path / "run", personas=12, trials=3)
    frame, known = read(tmp_path / "run")
    assert len(frame) == 12 * 3 * 2 * (9 + 6)
    assert not frame.duplicated(["iteration", "persona", "trial", "arm", "question"]).any()
    assert frame["persona"].nunique() == 12
    assert set(frame["arm"]) == {"control", "positive"}
    questions = frame.drop_duplicates("question").groupby("role")["question"].agg(set)
    assert questions["outcome"] == {"likely_to_read"}
    assert questions["negative_control"] == {
        "citizenship",
        "ideology",
        "party",
        "race",
        "heard_of_it_before",
    }
    assert questions["confounder"] == {"region", "religion", "education"}
    assert (known["personas"], known["trials"], known["seed"], known["design"]) == (12, 3, 0, "within")


@pytest.mark.slow
def test_example_log_agrees_with_its_truth(tmp_path: Path) -> None:
    """The paired estimates of both iterations are within 4 standard errors of the differences in truth.json."""
    write_example(tmp_path / "run")
    frame, known = read(tmp_path / "run")
    answered = frame[frame["role"] == "outcome"]
    (contrast,) = known["contrasts"]
    for level in contrast["iterations"]:
        of_level = answered[answered["iteration"] == level["iteration"]]
        means = of_level.pivot_table(index="persona", columns="arm", values="value")
        difference = means["positive"] - means["control"]
        error = difference.std() / np.sqrt(len(difference))
        assert error < 0.03
        assert abs(difference.mean() - level["effect"]["likely_to_read"]["observed"]) < 4 * error


def test_truth_file_holds_the_closed_form(tmp_path: Path) -> None:
    """The file says, to 12 decimals, what the closed form gives for the same personas before adjustment."""
    write_example(tmp_path / "run", personas=20, trials=1, seed=5)
    (known,) = read(tmp_path / "run")[1]["contrasts"]
    study = load_study("example")
    structure = structure_of(study)
    ids = [persona.id for persona in make_personas(study.personas, 20, seed=5, study=study)]
    expected = truth(structure, draw_personas(structure, ids, seed=5), control="control", treated="positive")
    effect = expected.effect["likely_to_read"]
    assert known["contrast"] == "positive - control"
    assert known["target"]["effect"]["likely_to_read"]["cate"] == pytest.approx(effect.cate, abs=1e-12)
    assert known["target"]["effect"]["likely_to_read"]["asb"] == pytest.approx(effect.asb, abs=1e-12)
    assert known["target"]["drift"].keys() == expected.drift.keys()
    for question, distance in expected.drift.items():
        assert known["target"]["drift"][question]["tvd"] == pytest.approx(distance.tvd, abs=1e-12)


def test_example_is_worth_looking_at() -> None:
    """Between .2 and .6 of the observed effect is bias; drift is strong, weak and absent where said."""
    structure = structure_of(load_study("example"))
    personas = draw_personas(structure, [f"p{i:03d}" for i in range(1, 101)], seed=0)
    known = truth(structure, personas, control="control", treated="positive")
    effect = known.effect["likely_to_read"]
    assert effect.cate > 0.2
    assert 0.2 < effect.asb / effect.observed < 0.6
    drift = {question: distance.tvd for question, distance in known.drift.items()}
    assert min(drift["ideology"], drift["party"]) > 0.12
    assert 0.03 < max(drift["race"], drift["religion"]) < 0.08
    assert max(drift["citizenship"], drift["heard_of_it_before"]) < 1e-12


def test_no_label_reads_as_missing_in_csv(tmp_path: Path) -> None:
    """No answer is a word that a CSV reader takes for a missing value."""
    write_example(tmp_path / "run", personas=5, trials=5)
    frame = read(tmp_path / "run")[0]
    frame.to_csv(tmp_path / "log.csv", index=False)
    assert pd.read_csv(tmp_path / "log.csv")["response"].isna().sum() == frame["response"].isna().sum()


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Both files repeat themselves byte for byte with the seed, and change with it."""
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        write_example(tmp_path / name, personas=8, trials=4, seed=seed)
    for file in ("responses.parquet", "truth.json"):
        one, two, other = ((tmp_path / name / file).read_bytes() for name in ("one", "two", "other"))
        assert one == two
        assert one != other


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"personas": 0}, "--personas must be 1 or more but got 0"),
        ({"trials": -2}, "--trials must be 1 or more but got -2"),
        ({"seed": -1}, "--seed must be 0 or more but got -1"),
    ],
)
def test_sizes_too_small_are_refused(tmp_path: Path, sizes: dict[str, int], message: str) -> None:
    """Each size below its least is refused by the name of its option, before anything is written."""
    with pytest.raises(InputError, match=message):
        write_example(tmp_path / "run", **sizes)
    assert list(tmp_path.iterdir()) == []
