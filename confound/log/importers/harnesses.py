"""What harnesses leave: logs of Inspect AI, results of tau2 and tau-bench."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.importers import jsons
from confound.log.importers.batches import joined, taken_out
from confound.log.importers.protocol import Imported, Importer, Wanted, guarded, table_of
from confound.log.importers.zips import refuse_swollen

ARMS = ("arm", "condition", "treatment", "group", "variant")
HEADERS = ("header.json", "_journal/start.json")


def _is_inspect(file: Path) -> bool:
    if file.suffix.lower() == ".eval":
        try:
            with zipfile.ZipFile(file) as packed:
                return any(name in HEADERS or name.startswith("samples/") for name in packed.namelist())
        except (OSError, ValueError, RuntimeError, zipfile.BadZipFile):
            return False
    text = jsons.head_of_object(file)
    return jsons.opens(text, "eval") and '"version"' in text and '"task"' in text


@guarded
def _read_inspect(file: Path, _: Wanted) -> Imported:
    if file.suffix.lower() == ".eval":
        status, rows = _packed(file)
    else:
        held = jsons.whole(file)
        if not isinstance(held, dict) or not isinstance(held.get("samples") or [], list):
            raise InputError(f"{file}: an Inspect log should be an object with samples. Write it again")
        samples = jsons.list_at(held, "samples")
        status, rows = held.get("status"), [row for sample in samples for row in _sample(sample, held)]
    if not rows:
        raise InputError(f"{file}: an Inspect log without samples. Its status is {status!r}")
    said = f"{file}: read as an Inspect log of {len(rows):,} samples: the sample is the persona, the epoch the trial."
    scores = list(dict.fromkeys(str(row["question"]) for row in rows if row.pop("scored", False)))
    if scores:
        said += f" Scores that hold no answer are questions of their own: {', '.join(scores)}."
        said = said.replace(f"{len(rows):,} samples", f"{len(rows):,} answers and scores")
    return Imported(table_of(rows), said)


def _packed(file: Path) -> tuple[Any, list[dict[str, Any]]]:
    """Return the status and the rows of a packed log; of its samples, which are long, one is held at a time."""
    try:
        with zipfile.ZipFile(file) as packed:
            refuse_swollen(file, packed)
            names = packed.namelist()
            first = next((name for name in HEADERS if name in names), None)
            header = json.loads(packed.read(first)) if first else {}
            inside = sorted(name for name in names if name.startswith("samples/") and name.endswith(".json"))
            rows = [row for name in inside for row in _sample(json.loads(packed.read(name)), header)]
            return jsons.at(header, "status"), rows
    except NotImplementedError as error:
        raise InputError(f"{file}: it is packed in a way that is not known here ({error}). Write it as JSON") from error
    except (ValueError, zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(f"{file}: cannot be read as an Inspect log: {error}. Copy it again") from error


def _sample(sample: Any, header: Any) -> Iterator[dict[str, Any]]:
    """Yield the row of a sample's answer, and one for each score that is no grade of that answer.

    A score that has an `answer` is what a scorer read in the completion: it is the answer, and its value only grades
    it. A score without one is a measurement of its own, such as a judge's rating.
    """
    if not isinstance(sample, dict):
        return
    told, arguments = jsons.object_at(sample, "metadata"), jsons.object_at(header, "eval", "task_args")
    arms = [held[name] for held in (told, arguments) for name in ARMS if held.get(name) is not None]
    scores = jsons.object_at(sample, "scores")
    read = [score["answer"] for score in scores.values() if jsons.at(score, "answer") is not None]
    place = {
        "persona": told.get("persona", sample.get("id")),
        "arm": next(iter(arms), None),
        "question": told.get("question", jsons.at(header, "eval", "task")),
        "trial": sample.get("epoch"),
        "model": jsons.at(header, "eval", "model"),
        "item": told.get("item", told.get("scenario")),
    }
    place = {name: value for name, value in place.items() if value is not None}
    yield {**place, "response": read[0] if read else taken_out(_completion(sample))}
    for name, score in scores.items():
        value = jsons.at(score, "value")
        if jsons.at(score, "answer") is None and value is not None:
            parts = value if isinstance(value, dict) else {"": value}
            for part, each in parts.items():
                question = f"score_{name}_{part}" if part else f"score_{name}"
                yield {**place, "question": question, "response": each, "scored": True}


def _completion(sample: Mapping[str, Any]) -> str | None:
    text = jsons.at(sample, "output", "completion")
    if isinstance(text, str):
        return text
    content = jsons.at(next(iter(jsons.list_at(sample, "output", "choices")), None), "message", "content")
    return content if isinstance(content, str) else joined(content)


def _is_tau(file: Path) -> bool:
    text = jsons.head_of_object(file)
    if text:  # the tasks, which come before the simulations, may fill the head
        named = jsons.opens(text, "simulations", "[") and ('"task_id"' in text or jsons.opens(text, "tasks", "["))
        return named or (jsons.opens(text, "agent_info") and jsons.opens(text, "user_info"))
    text = jsons.head(file).lstrip()
    return text.startswith("[") and jsons.opens(text, "traj", "[") and '"task_id"' in text and '"reward"' in text


@guarded
def _read_tau(file: Path, _: Wanted) -> Imported:
    held = jsons.whole(file)
    runs = held if isinstance(held, list) else jsons.list_at(held, "simulations")
    runs = [run for run in runs if isinstance(run, dict)]
    if not runs:
        raise InputError(f"{file}: tau2 results without simulations")
    user, agent = (jsons.at(held, "info", f"{who}_info", "llm") for who in ("user", "agent"))
    about = {"model": user or agent, "agent_llm": agent}
    about = {name: value for name, value in about.items() if value}
    rows = [{**row, **about} for run in runs for row in _run(run)]
    said = (
        f"{file}: read as tau2 results of {len(runs):,} simulations: the task is the persona; reward and "
        f"termination_reason are questions.{_models(user, agent)} "
        "The arm is not in the file: name it in the path, as in 'runs/{arm}.json'."
    )
    return Imported(table_of(rows), said)


def _models(user: Any, agent: Any) -> str:
    """Word which of the two models is taken for the model: that of the simulated user, if the file names it."""
    if user:
        return f" The model is the user's, {user}" + (f"; the agent's, {agent}, is 'agent_llm'." if agent else ".")
    return f" The model is the agent's, {agent}." if agent else ""


def _run(run: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    place = {"persona": run.get("task_id"), "trial": run.get("trial"), "seed": run.get("seed")}
    place = {name: value for name, value in place.items() if value is not None}
    reward = jsons.at(run, "reward_info", "reward") if "reward_info" in run else run.get("reward")
    yield {**place, "question": "reward", "response": reward}
    if "termination_reason" in run:
        yield {**place, "question": "termination_reason", "response": run["termination_reason"]}


INSPECT = Importer("inspect", "Inspect AI, .json or .eval", (".json", ".eval"), _is_inspect, _read_inspect)
TAU2 = Importer("tau2", "tau2-bench and tau-bench results", (".json",), _is_tau, _read_tau)
