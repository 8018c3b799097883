"""Exports in JSON as they really are: long heads, several choices, failed calls, judges' scores, other nestings."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from confound import InputError
from confound.log.importers import named, recognised
from confound.log.importers.batches import taken_out
from confound.log.importers.protocol import Imported, Wanted


def read(path: Path, name: str, held: Any, **wanted: Any) -> Imported:
    """Write what a file holds, and read it as what it is recognised as."""
    path.write_text(held if isinstance(held, str) else json.dumps(held))
    found = recognised(path)
    assert found is not None
    assert found.name == name
    return found.read(path, Wanted(**wanted))


def rows(made: Imported, *columns: str) -> list[tuple[Any, ...]]:
    """Return the rows of some columns."""
    return list(zip(*(made.table[name].to_pylist() for name in columns), strict=True))


def call(name: str, *texts: Any, **more: Any) -> dict[str, Any]:
    """Return a line of a batch's output."""
    choices = [{"index": i, "message": {"content": text}} for i, text in enumerate(texts)]
    return {"custom_id": name, "response": {"status_code": 200, "body": {"choices": choices, **more}}, "error": None}


def test_batch_choices(tmp_path: Path) -> None:
    """Several choices are trials; one without text stays a missing one, and parts of a message are joined."""
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "De"}, {"type": "text", "text": "m"}]
    lines = [call("p|a|q", "x", None, parts), call("p|b|q", " ")]
    made = read(tmp_path / "out.jsonl", "openai-batch", "\n".join(map(json.dumps, lines)))
    assert rows(made, "arm", "trial", "response") == [
        ("a", "0", "x"),
        ("a", "1", None),
        ("a", "2", "Dem"),
        ("b", None, None),
    ]
    assert "1 calls failed" in made.said


@pytest.mark.parametrize(
    ("given", "trial"), [("rep0", "0"), ("trial_12", "12"), ("7", "7"), ("blue", "blue"), ("v1", "v1")]
)
def test_batch_trials(given: str, trial: str, tmp_path: Path) -> None:
    """A counted repetition is its number; another name stays."""
    made = read(tmp_path / "out.jsonl", "openai-batch", call(f"p|a|q|{given}", "x"))
    assert rows(made, "trial") == [(trial,)]


def test_batch_whose_first_call_is_long_or_failed(tmp_path: Path) -> None:
    """A first line beyond the head, and one of a failed call, are recognised."""
    made = read(tmp_path / "a.jsonl", "openai-batch", call("p|a|q|0", "x" * 100_000))
    assert made.table.num_rows == 1
    failed = {"custom_id": "p|a|q|0", "response": None, "error": {"code": "expired"}}
    made = read(tmp_path / "b.jsonl", "openai-batch", "\n".join(map(json.dumps, [failed, call("p|b|q|0", "x")])))
    assert rows(made, "arm", "response") == [("a", None), ("b", "x")]


def test_batch_of_responses_and_halves_of_characters(tmp_path: Path) -> None:
    """The Responses API is read; an emoji that the model's limit cut in two does not stop the reading."""
    output = [{"type": "reasoning"}, {"type": "message", "content": [{"type": "output_text", "text": "Dem"}]}]
    first = {"custom_id": "p|a|q|0", "response": {"body": {"model": "m", "output": output}}}
    text = json.dumps(first) + "\n" + json.dumps(call("p|b|q|0", "yes \ud83d"))
    made = read(tmp_path / "out.jsonl", "openai-batch", text)
    assert rows(made, "response") == [("Dem",), ("yes \ufffd",)]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"response": 4, "why": "x"}', 4),
        ('{"rating": null}', None),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ("[1, 2]", "[1, 2]"),
        ("4", "4"),
        ("{broken", "{broken"),
        ("", None),
    ],
)
def test_answers_in_json(text: str, answer: Any) -> None:
    """Only an object that names its answer is taken apart; free text stays."""
    assert taken_out(text) == answer


def test_broken_batch(tmp_path: Path) -> None:
    """A cut line, another custom_id and an empty file are refused with their place."""
    path = tmp_path / "out.jsonl"
    first = json.dumps(call("p|a|q|0", "x"))
    for more, message in (
        ('{"custom_id": "p', "line 2 is no whole"),
        (json.dumps(call("p.a.q", "x")), "line 2: custom_id 'p.a.q'"),
    ):
        path.write_text(f"{first}\n{more}")
        with pytest.raises(InputError, match=message):
            named("openai-batch").read(path, Wanted())  # type: ignore[union-attr]


def inspect(*samples: dict[str, Any]) -> dict[str, Any]:
    """Return an Inspect log."""
    return {"version": 2, "status": "success", "eval": {"task": "survey", "model": "m"}, "samples": list(samples)}


def test_inspect_scores(tmp_path: Path) -> None:
    """A score with an answer gives the answer; one without is a question of its own, as are its parts."""
    sample = {
        "id": 1,
        "epoch": 2,
        "metadata": {"condition": "a", "scenario": "tea"},
        "output": {"choices": [{"message": {"content": [{"type": "text", "text": "I say 4"}]}}]},
        "scores": {
            "match": {"value": "I", "answer": "4"},
            "judge": {"value": 0.5},
            "parts": {"value": {"tone": 1.0, "length": 20}},
        },
    }
    made = read(tmp_path / "log.json", "inspect", inspect(sample, {**sample, "scores": {}}))
    assert rows(made, "persona", "arm", "question", "trial", "item", "response") == [
        ("1", "a", "survey", "2", "tea", "4"),
        ("1", "a", "score_judge", "2", "tea", "0.5"),
        ("1", "a", "score_parts_tone", "2", "tea", "1"),
        ("1", "a", "score_parts_length", "2", "tea", "20"),
        ("1", "a", "survey", "2", "tea", "I say 4"),
    ]
    assert "score_judge, score_parts_tone" in made.said


def test_inspect_packed_and_broken(tmp_path: Path) -> None:
    """A log that is still written has its start in a journal; a damaged sample is refused."""
    path = tmp_path / "log.eval"
    held = inspect()
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("_journal/start.json", json.dumps({"version": 2, "eval": held["eval"]}))
        packed.writestr("samples/1_epoch_1.json", json.dumps({"id": "p", "epoch": 1, "output": {"completion": "x"}}))
    found = recognised(path)
    assert found is not None
    assert rows(found.read(path, Wanted()), "persona", "model", "response") == [("p", "m", "x")]
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("samples/2_epoch_1.json", "{")
    with pytest.raises(InputError, match="cannot be read as an Inspect log"):
        found.read(path, Wanted())
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("notes.txt", "x")
    assert recognised(path) is None


def test_tau2_with_long_tasks_and_two_models(tmp_path: Path) -> None:
    """Results whose tasks fill the head are recognised; the model is the simulated user's."""
    held = {
        "timestamp": "2026",
        "info": {"user_info": {"llm": "u"}, "agent_info": {"llm": "a"}},
        "tasks": [{"id": "t1", "description": "x" * 100_000}],
        "simulations": [
            {"task_id": "t1", "trial": 0, "seed": 3, "reward_info": {"reward": 1.0}, "termination_reason": "user_stop"},
            {"task_id": "t2", "trial": 0, "seed": 3, "reward_info": None, "termination_reason": "max_steps"},
        ],
    }
    made = read(tmp_path / "results.json", "tau2", held)
    assert rows(made, "persona", "question", "response", "model", "agent_llm") == [
        ("t1", "reward", "1", "u", "a"),
        ("t1", "termination_reason", "user_stop", "u", "a"),
        ("t2", "reward", None, "u", "a"),
        ("t2", "termination_reason", "max_steps", "u", "a"),
    ]
    assert "the user's, u" in made.said


def test_tau_bench(tmp_path: Path) -> None:
    """The first tau-bench wrote a list of runs."""
    runs = [{"task_id": i, "reward": 0.0, "info": {}, "traj": [], "trial": 1} for i in range(2)]
    assert rows(read(tmp_path / "r.json", "tau2", runs), "persona", "trial", "response") == [
        ("0", "1", "0"),
        ("1", "1", "0"),
    ]


def edsl(**more: Any) -> dict[str, Any]:
    """Return one of EDSL's results."""
    agent = {"name": "Ann", "traits": {"age_group": "old", "arm": "a"}}
    return {"agent": agent, "answer": {"q": "x", "r": None}, "model": {"model": "m"}, "iteration": 0, **more}


def test_edsl_json(tmp_path: Path) -> None:
    """Traits that only look like an arm are none; a list of results is read as well."""
    held = [edsl(scenario={"tea": 1, "scenario_index": 0}), edsl(scenario={"tea": 2}, cache_used_dict={"q": True})]
    made = read(tmp_path / "r.json", "edsl-json", held)
    assert made.columns == {
        "trial": "iteration.iteration",
        "model": "model.model",
        "persona": "agent.agent_name",
        "arm": "agent.arm",
        "item": "item",
    }
    assert made.questions == ("answer.q", "answer.r")
    assert rows(made, "item") == [("1",), ("2",)]
    assert "1 answers came from EDSL's cache" in made.said


def test_edsl_without_names_and_without_answers(tmp_path: Path) -> None:
    """The agent's index stands for a name it lacks; results without an answer are refused."""
    held = {"edsl_class_name": "Results", "data": [edsl(agent={"traits": {}}, indices={"agent": 3})]}
    made = read(tmp_path / "r.json", "edsl-json", held)
    assert made.columns["persona"] == "agent.agent_index"
    assert "arm" not in made.columns
    with pytest.raises(InputError, match="without an answer"):
        read(tmp_path / "r.json", "edsl-json", {"edsl_class_name": "Results", "data": [{"answer": 1, "agent": "x"}]})


FRAME = pd.DataFrame({"persona": ["a", "b"], "arm": ["x", "y"], "response": [3.0, None]}, index=[4, 7])


@pytest.mark.parametrize("orient", ["columns", "split", "index", "table"])
def test_pandas_forms(orient: str, tmp_path: Path) -> None:
    """Every form that is one object is read, also of a frame of which rows were dropped."""
    made = read(tmp_path / "log.json", "pandas-json", FRAME.to_json(orient=orient))  # type: ignore[call-overload]
    assert rows(made, "persona", "arm", "response") == [("a", "x", "3"), ("b", "y", None)]


def test_broken_pandas(tmp_path: Path) -> None:
    """Rows of another length, columns of one name, and none of the forms are refused."""
    for held, message in (
        ({"columns": ["a", "b"], "data": [[1]]}, "do not have its 2 columns"),
        ({"columns": ["a", "a"], "data": [[1, 2]]}, "stands there twice"),
        ({"columns": ["a", "b"], "data": []}, "without rows"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path / "log.json", "pandas-json", held)
    (tmp_path / "log.json").write_text("[1]")
    with pytest.raises(InputError, match="no data frame"):
        named("pandas-json").read(tmp_path / "log.json", Wanted())  # type: ignore[union-attr]


LONG = ("persona", "arm")


@pytest.mark.parametrize(
    ("held", "levels", "expected"),
    [
        ({"p": {"c": {"q": ["x", "y"]}}}, (*LONG, "question"), [("p", "c", "q", "0", "x"), ("p", "c", "q", "1", "y")]),
        ({"p": {"c": {"q": ["x", "y"]}}}, LONG, [("p", "c", "q", "0", "x"), ("p", "c", "q", "1", "y")]),
        ({"p": {"c": [{"q": "x"}, {"q": 4.0}]}}, LONG, [("p", "c", "q", "0", "x"), ("p", "c", "q", "1", "4")]),
        ({"v1": {"p": {"c": {"q": ["x"]}}}}, ("_", *LONG, "question"), [("p", "c", "q", "0", "x")]),
        ({"p": {"c": {"q": {"7": ["x", "y"]}}}}, (*LONG, "question", "trial"), [("p", "c", "q", "7", '["x", "y"]')]),
        (
            {"0": {"c": {"q": "x"}}, "1": {"c": {"q": "y"}}},
            (*LONG, "question"),
            [("0", "c", "q", None, "x"), ("1", "c", "q", None, "y")],
        ),
    ],
)
def test_levels(held: Any, levels: tuple[str, ...], expected: list[tuple[Any, ...]], tmp_path: Path) -> None:
    """Declared levels say what each key is; lists are trials unless a level is."""
    made = read(tmp_path / "log.json", "levels", held, levels=levels)
    names = [name for name in (*LONG, "question", "trial", "response") if name in made.table.column_names]
    assert rows(made, *names) == [
        tuple(v for v, n in zip(row, (*LONG, "question", "trial", "response"), strict=True) if n in names)
        for row in expected
    ]


def test_levels_come_before_a_guess(tmp_path: Path) -> None:
    """What looks like a data frame of pandas is read by its levels where the user names them."""
    held = {"control": {"0": "x", "1": "y"}, "treated": {"0": "x", "1": "x"}}
    made = read(tmp_path / "log.json", "pandas-json", held, levels=("arm", "persona"))
    assert rows(made, "arm", "persona", "response")[1] == ("control", "1", "y")


@pytest.mark.parametrize(
    ("text", "levels", "message"),
    [
        ('{"p": {"c": {"q": {"x": 1}}}}', (*LONG, "question"), "more objects than levels"),
        ('{"p": {"c": 1}, "p": {"c": 2}}', LONG, "'p' stands twice"),
        ('{"p": {"c": {}}}', (*LONG, "question"), "without an answer"),
        ('{"p": {"c": 1}}', ("arm", "arm"), "'arm' stands there twice"),
        ('[{"p": 1}]', LONG, "holds a list"),
        ('{"a":' * 900 + "1" + "}" * 900, (), "900 levels deep"),
        ('{"a":' * 90_000 + "1" + "}" * 90_000, LONG, "nested too deeply"),
        ('{"p": {"c": ', LONG, "cannot be read as JSON"),
    ],
)
def test_levels_that_do_not_fit(text: str, levels: tuple[str, ...], message: str, tmp_path: Path) -> None:
    """What cannot be read without losing answers is refused."""
    path = tmp_path / "log.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        named("levels").read(path, Wanted(levels=levels))  # type: ignore[union-attr]
