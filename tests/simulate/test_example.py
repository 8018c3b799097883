"""The example log: what it holds, that it repeats itself, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from confound.errors import InputError
from simulate.backends.structural import draw_personas, truth
from simulate.example import example_structure, write_example

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the log and the truth in a folder."""
    known = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return pd.read_parquet(folder / "responses.parquet"), known


def test_example_has_the_sizes_asked_for(tmp_path: Path) -> None:
    """Every persona, trial, arm and question is there once, with its role, and no other file is left."""
    write_example(tmp_path / "run", personas=12, trials=3)
    frame, known = read(tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["responses.parquet", "truth.json"]
    assert len(frame) == 12 * 3 * 2 * 9
    assert not frame.duplicated(["persona", "trial", "arm", "question"]).any()
    assert list(frame["persona"].unique()) == [f"p{i:03d}" for i in range(1, 13)]
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


def test_example_log_agrees_with_its_truth(tmp_path: Path) -> None:
    """The paired estimate of the log is within 4 standard errors of the observed difference in truth.json."""
    write_example(tmp_path / "run")
    frame, known = read(tmp_path / "run")
    answered = frame[frame["role"] == "outcome"]
    means = answered.pivot_table(index="persona", columns="arm", values="value")
    difference = means["positive"] - means["control"]
    error = difference.std() / np.sqrt(len(difference))
    assert error < 0.03
    assert abs(difference.mean() - known["effect"]["likely_to_read"]["observed"]) < 4 * error


def test_truth_file_holds_the_closed_form(tmp_path: Path) -> None:
    """The file says, to 12 decimals, what the closed form gives for the same personas."""
    write_example(tmp_path / "run", personas=20, trials=1, seed=5)
    known = read(tmp_path / "run")[1]
    structure = example_structure()
    personas = draw_personas(structure, [f"p{i:03d}" for i in range(1, 21)], seed=5)
    expected = truth(structure, personas, control="control", treated="positive")
    effect = expected.effect["likely_to_read"]
    assert known["contrast"] == "positive - control"
    assert known["effect"]["likely_to_read"]["cate"] == pytest.approx(effect.cate, abs=1e-12)
    assert known["effect"]["likely_to_read"]["asb"] == pytest.approx(effect.asb, abs=1e-12)
    assert known["drift"].keys() == expected.drift.keys()
    for question, distance in expected.drift.items():
        assert known["drift"][question]["tvd"] == pytest.approx(distance.tvd, abs=1e-12)


def test_example_is_worth_looking_at() -> None:
    """Between .2 and .6 of the observed effect is bias; drift is strong, weak and absent where said."""
    structure = example_structure()
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


def test_fewer_personas_give_the_same_first_answers(tmp_path: Path) -> None:
    """The first 10 personas of a log of 100 answer exactly as in a log of 10."""
    write_example(tmp_path / "ten", personas=10, trials=4)
    write_example(tmp_path / "hundred", personas=100, trials=4)
    ten, hundred = (read(tmp_path / name)[0] for name in ("ten", "hundred"))
    pd.testing.assert_frame_equal(ten, hundred.iloc[: len(ten)])


@pytest.mark.parametrize("content", ["responses.parquet", "notes.txt", "folder"])
def test_occupied_folder_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    """A folder that holds anything is refused by name, and keeps exactly what it held."""
    out = tmp_path / "run"
    out.mkdir()
    kept = out / content
    if content == "folder":
        kept.mkdir()
    else:
        kept.write_text("mine")
    with pytest.raises(InputError, match=f"run: already holds {content}.*--out"):
        write_example(out, personas=1, trials=1)
    assert list(out.iterdir()) == [kept]
    assert content == "folder" or kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [out]


def test_empty_and_nested_folders_are_taken(tmp_path: Path) -> None:
    """An empty folder is filled, and missing parents are made."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for out in (empty, tmp_path / "a" / "b"):
        write_example(out, personas=1, trials=1)
        assert sorted(path.name for path in out.iterdir()) == ["responses.parquet", "truth.json"]


def test_file_in_the_way_is_refused(tmp_path: Path) -> None:
    """A file where the folder, or a parent of it, should be is an InputError and stays as it is."""
    file = tmp_path / "run"
    file.write_text("mine")
    for out in (file, file / "deeper"):
        with pytest.raises(InputError, match=r"run.*--out"):
            write_example(out, personas=1, trials=1)
    assert file.read_text() == "mine"


def test_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while the log is written is an InputError, with no folder left half-written."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_example(tmp_path / "run", personas=1, trials=1)
    assert list(tmp_path.iterdir()) == []


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
