"""No file breaks an importer, and no ordinary log is taken for an export."""

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confound import InputError
from confound.log.importers import IMPORTERS, recognised
from confound.log.importers.protocol import Imported, Wanted

WORDS = (
    *("data", "agent", "traits", "answer", "scenario", "indices", "model", "cache_used_dict", "edsl_class_name"),
    *("version", "eval", "task", "task_args", "samples", "metadata", "scores", "value", "output", "completion"),
    *("choices", "message", "content", "text", "custom_id", "response", "body", "result", "error"),
    *("simulations", "tasks", "task_id", "reward_info", "info", "user_info", "llm", "columns", "schema", "0", "1"),
    *("persona", "arm", "question", "trial"),
)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "a|b|c", '{"answer": [1]}', "\ud800"])
)
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)
SHAPES: tuple[dict[str, Any], ...] = (
    {"data": [{"agent": {"traits": None}, "answer": {}, "scenario": None, "model": None, "indices": None}]},
    {"version": 2, "eval": {"task": "t"}, "samples": [{"metadata": None, "scores": {"m": None}, "output": None}]},
    {"info": None, "tasks": [], "simulations": [{"task_id": None, "reward_info": None}]},
    {"custom_id": "a|b|c", "response": {"body": {"choices": [{"message": None}]}}, "result": {"message": None}},
    {"columns": ["a"], "data": [[None]]},
)


@st.composite
def exports(draw: st.DrawFn) -> Any:
    """Draw the shape of an export in which one place holds what it should not."""
    whole = json.loads(json.dumps(draw(st.sampled_from(SHAPES))))
    held = whole
    while True:
        key = draw(st.sampled_from(sorted(held) if isinstance(held, dict) else range(len(held))))
        if not isinstance(held[key], dict | list) or not held[key] or draw(st.booleans()):
            held[key] = draw(JSON)
            return whole
        held = held[key]


@settings(max_examples=40, deadline=None)
@given(exports() | JSON, st.sampled_from([(), ("persona", "arm"), ("_", "question")]))
def test_reading_raises_nothing_else(held: Any, levels: tuple[str, ...]) -> None:
    """An importer that is named for a file of another shape reads it or refuses it in words."""
    with tempfile.TemporaryDirectory() as folder:
        for importer in IMPORTERS:
            if not {".json", ".jsonl"} & set(importer.suffixes):
                continue
            path = Path(folder) / f"log{importer.suffixes[0]}"
            if path.suffix != ".eval":
                path.write_text(json.dumps(held))
            assert importer.recognises(path) in (True, False)
            with contextlib.suppress(InputError):
                assert isinstance(importer.read(path, Wanted(levels=levels)), Imported)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20) | st.sampled_from(
    ['{"ImportId":"QID1"}', '{"custom_id": "a"}', '"agent": {"traits": {}} "answer": {', '"eval": {"task"', "a;b\tc"]
)
OTHER = st.sampled_from(
    ["custom_id", "agent", "answer", "traits", "eval", "task", "version", "simulations", "data", "columns"]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), st.lists(OTHER, max_size=3, unique=True))
def test_an_ordinary_log_is_recognised_as_nothing(rows: list[tuple[str, str]], more: list[str]) -> None:
    """A response table is none of the exports, whatever its texts and its other columns are."""
    frame = pd.DataFrame(
        [{"persona": p, "arm": "a", "question": "q", "response": r, **dict.fromkeys(more, r)} for p, r in rows]
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in ("log.csv", "log.tsv", "log.jsonl", "log.ndjson", "lines.json", "log.json"):
            path = Path(folder) / name
            if path.suffix in (".csv", ".tsv"):
                frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
            else:
                frame.to_json(path, orient="records", lines=name != "log.json")
            assert recognised(path) is None, name


@pytest.mark.parametrize("name", ["log.parquet", "log.feather"])
def test_binary_logs_are_recognised_as_nothing(name: str, tmp_path: Path) -> None:
    """Parquet and Arrow are read elsewhere."""
    frame = pd.DataFrame({"persona": ["p"], "arm": ["a"], "question": ["q"], "response": ["x"]})
    frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_feather(tmp_path / name)
    assert recognised(tmp_path / name) is None


def test_names_are_distinct() -> None:
    """Each importer has a name, a word on what it reads, and endings of files."""
    assert len({each.name for each in IMPORTERS}) == len(IMPORTERS)
    assert all(each.about and all(end.startswith(".") for end in each.suffixes) for each in IMPORTERS)
