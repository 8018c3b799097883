"""What engines and harnesses leave: batches of OpenAI, vLLM and Anthropic, Inspect AI, tau2."""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.importers import jsons
from confound.log.importers.protocol import Imported, Importer, Wanted, table_of

PATTERNS = ("{persona}|{arm}|{question}|{trial}", "{persona}|{arm}|{question}")
SEPARATORS = ("|", "::", "__", "--", ":", "/")
NAMES = ("persona", "arm", "question", "trial", "item", "model", "study", "iteration")
ARMS = ("arm", "condition", "treatment", "group", "variant")


def _is_batch(file: Path) -> bool:
    first = jsons.first_line(file)
    return "custom_id" in first and ("response" in first or "result" in first)


def _read_batch(file: Path, wanted: Wanted) -> Imported:
    rows: list[dict[str, Any]] = []
    pattern: re.Pattern[str] | None = None
    failed = 0
    for number, line in jsons.lines(file):
        name = str(line.get("custom_id"))
        pattern = pattern or _pattern(file, name, wanted.custom_id)
        found = pattern.fullmatch(name)
        if found is None:
            raise InputError(f"{file}: line {number}: custom_id {name[:80]!r} does not fit {_shown(pattern)}. {ADVICE}")
        answers = _contents(line)
        failed += not answers
        model = jsons.at(line, "response", "body", "model") or jsons.at(line, "result", "message", "model")
        for place, answer in enumerate(answers or [None]):
            row = {"model": model, **found.groupdict(), "response": _answer(answer)}
            rows.append(row | ({"trial": f"{row.get('trial', '')}.{place}"} if len(answers) > 1 else {}))
    if not rows:
        raise InputError(f"{file}: a batch without a line")
    said = f"{file}: read as the output of a batch of {len(rows):,} answers, by custom_id as {_shown(pattern)}."
    if failed:
        said += f" {failed:,} calls failed; their answers are Unknown."
    return Imported(
        table_of([{k: v for k, v in row.items() if v is not None or k == "response"} for row in rows]), said
    )


ADVICE = "Say how it is made, such as --custom-id '{persona}|{arm}|{question}|{trial}'"


def _pattern(file: Path, name: str, given: str | None) -> re.Pattern[str]:
    """Make an expression of the pattern that is given, else of the usual ones that fits."""
    for pattern in [given] if given else [p.replace("|", s) for s in SEPARATORS for p in PATTERNS]:
        pieces = re.split(r"\{(\w+)\}", pattern)
        if any(part not in NAMES for part in pieces[1::2]) or len(set(pieces[1::2])) < len(pieces[1::2]):
            raise InputError(
                f"--custom-id {pattern}: each name in braces is one of {', '.join(NAMES)}, and stands once"
            )
        text = "".join(re.escape(p) if i % 2 == 0 else f"(?P<{p}>.+?)" for i, p in enumerate(pieces))
        found = re.fullmatch(text, name)
        if found and (given or _apart(pattern, found)):
            return re.compile(text)
    raise InputError(f"{file}: custom_id {name[:80]!r} does not say persona, arm and question. {ADVICE}")


def _apart(pattern: str, found: re.Match[str]) -> bool:
    """Tell whether no part holds the separator, so that the parts are not guessed."""
    separator = re.split(r"\{\w+\}", pattern)[1]
    return not any(separator in part for part in found.groups())


def _shown(pattern: re.Pattern[str] | None) -> str:
    text = pattern.pattern if pattern else ""
    return re.sub(r"\\(.)", r"\1", re.sub(r"\(\?P<(\w+)>\.\+\?\)", r"{\1}", text))


def _contents(line: Mapping[str, Any]) -> list[str]:
    """Return the texts that one call of a batch gave."""
    choices = jsons.at(line, "response", "body", "choices")
    if isinstance(choices, list):
        found = [jsons.at(choice, "message", "content") or jsons.at(choice, "text") for choice in choices]
        return [text for text in found if isinstance(text, str)]
    parts = jsons.at(line, "result", "message", "content")
    if isinstance(parts, list):
        return ["".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))]
    output = jsons.at(line, "response", "body", "output")
    if isinstance(output, list):
        inner = [part for each in output if isinstance(each, dict) for part in each.get("content") or []]
        return ["".join(str(part.get("text", "")) for part in inner if isinstance(part, dict))]
    return []


def _answer(text: str | None) -> Any:
    """Take an answer out of JSON, where the text is an object with one."""
    if text is None:
        return None
    bare = re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip())
    try:
        held = json.loads(bare)
    except (ValueError, RecursionError):
        return text
    if not isinstance(held, dict):
        return text
    named = [held[key] for key in ("answer", "response", "choice", "value", "rating") if key in held]
    return named[0] if named else next(iter(held.values())) if len(held) == 1 else text


def _is_inspect(file: Path) -> bool:
    if file.suffix == ".eval":
        return zipfile.is_zipfile(file)
    text = jsons.head(file)
    return text.lstrip().startswith("{") and '"eval"' in text and '"version"' in text and '"task"' in text


def _read_inspect(file: Path, _: Wanted) -> Imported:
    header, samples = _inspect_parts(file)
    about = header.get("eval") if isinstance(header.get("eval"), dict) else {}
    arguments = jsons.at(about, "task_args") or {}
    own = [name for name in ARMS if name in arguments]
    rows = []
    for sample in samples:
        told = sample.get("metadata") or {}
        arm = next((told[name] for name in ARMS if name in told), arguments.get(own[0]) if own else None)
        scores = sample.get("scores") or {}
        given = [jsons.at(score, "answer") for score in scores.values() if jsons.at(score, "answer") is not None]
        row = {
            "persona": told.get("persona", sample.get("id")),
            "arm": arm,
            "question": told.get("question", jsons.at(about, "task")),
            "trial": sample.get("epoch"),
            "model": jsons.at(about, "model"),
            "item": told.get("item", told.get("scenario")),
            "response": given[0] if given else _answer(jsons.at(sample, "output", "completion")),
        }
        rows.append({name: value for name, value in row.items() if value is not None or name == "response"})
    if not rows:
        raise InputError(f"{file}: an Inspect log without samples. Its status is {header.get('status')!r}")
    said = f"{file}: read as an Inspect log of {len(rows):,} samples: the sample is the persona, the epoch the trial."
    return Imported(table_of(rows), said)


def _inspect_parts(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the header and the samples of a log in either form."""
    if file.suffix != ".eval":
        held = jsons.whole(file)
        if not isinstance(held, dict) or not isinstance(held.get("samples", []), list):
            raise InputError(f"{file}: an Inspect log should be an object with samples. Write it again")
        return held, [sample for sample in held.get("samples") or [] if isinstance(sample, dict)]
    try:
        with zipfile.ZipFile(file) as packed:
            names = packed.namelist()
            first = next((name for name in ("header.json", "_journal/start.json") if name in names), None)
            header = json.loads(packed.read(first)) if first else {}
            inside = sorted(name for name in names if name.startswith("samples/") and name.endswith(".json"))
            return header, [json.loads(packed.read(name)) for name in inside]
    except (ValueError, zipfile.BadZipFile, OSError, RecursionError, NotImplementedError) as error:
        raise InputError(f"{file}: cannot be read as an Inspect log: {error}. Copy it again") from error


def _is_tau2(file: Path) -> bool:
    text = jsons.head(file)
    return (text.lstrip().startswith("{") and '"simulations"' in text and '"task_id"' in text) or (
        '"simulations"' in text and '"tasks"' in text
    )


def _read_tau2(file: Path, _: Wanted) -> Imported:
    held = jsons.whole(file)
    runs = held.get("simulations") if isinstance(held, dict) else None
    if not isinstance(runs, list) or not runs:
        raise InputError(f"{file}: tau2 results without simulations")
    model = jsons.at(held, "info", "agent_info", "llm")
    rows = [row | ({"model": model} if model else {}) for run in runs if isinstance(run, dict) for row in _tau2(run)]
    said = (
        f"{file}: read as tau2 results of {len(runs):,} simulations: the task is the persona; reward and "
        "termination_reason are questions. The arm is not in the file: name it in the path, as in 'runs/{arm}.json'."
    )
    return Imported(table_of(rows), said)


def _tau2(run: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    place = {"persona": run.get("task_id"), "trial": run.get("trial"), "seed": run.get("seed")}
    yield {**place, "question": "reward", "response": jsons.at(run, "reward_info", "reward")}
    yield {**place, "question": "termination_reason", "response": run.get("termination_reason")}


BATCH = Importer(
    "openai-batch", "Batches of OpenAI, vLLM and Anthropic, JSON lines", (".jsonl", ".ndjson"), _is_batch, _read_batch
)
INSPECT = Importer("inspect", "Inspect AI, .json or .eval", (".json", ".eval"), _is_inspect, _read_inspect)
TAU2 = Importer("tau2", "tau2-bench results", (".json",), _is_tau2, _read_tau2)
