"""What stands beside a log: a run's own files are read, and anything else of the same name is passed over."""

import json
from pathlib import Path

import pytest

from confound.log import run_files

LEVEL = {"effect": {"likely": {"observed": 0.5, "cate": 0.3}}, "drift": {"party": {"tvd": 0.1}}}
TRUTH = {
    "study": "s",
    "model": "m",
    "contrasts": [{"contrast": "b - a", "target": LEVEL, "iterations": [{"iteration": 0, **LEVEL}]}],
}


def test_a_truth_is_read(tmp_path: Path) -> None:
    """It comes back as it is written, without what no table uses."""
    (tmp_path / "truth.json").write_text(json.dumps(TRUTH | {"seed": 3}))
    assert run_files.truths([str(tmp_path / "responses.parquet")]) == [TRUTH]


@pytest.mark.parametrize(
    "change",
    [
        {"study": 3},
        {"model": ["m"]},
        {"contrasts": {}},
        {"contrasts": [3]},
        {"contrasts": [{**TRUTH["contrasts"][0], "contrast": None}]},  # type: ignore[dict-item]
        {"contrasts": [{**TRUTH["contrasts"][0], "target": {}}]},  # type: ignore[dict-item]
        {"contrasts": [{**TRUTH["contrasts"][0], "iterations": [{"iteration": "0", **LEVEL}]}]},  # type: ignore[dict-item]
        {"contrasts": [{**TRUTH["contrasts"][0], "target": LEVEL | {"drift": {"party": {"tvd": "0.1"}}}}]},  # type: ignore[dict-item]
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_file_of_that_name_is_passed_over(change: dict[str, object], tmp_path: Path) -> None:
    """It may be anybody's, or damaged."""
    (tmp_path / "truth.json").write_text(json.dumps(TRUTH | change))
    assert run_files.truths([str(tmp_path)]) == []


def test_a_manifest_must_say_a_number(tmp_path: Path) -> None:
    """What else stands in its place is no iteration."""
    for held, found in ((3, {"s": 3}), ("3", {}), (True, {}), (None, {})):
        (tmp_path / "manifest.json").write_text(json.dumps({"study": "s", "targeted_from": held}))
        assert run_files.targeted_from([str(tmp_path)]) == found
