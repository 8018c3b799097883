"""Output of batches: OpenAI, vLLM and Anthropic, JSON lines whose `custom_id` says who was asked what."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.importers import jsons
from confound.log.importers.protocol import Imported, Importer, Wanted, guarded, table_of

PATTERNS = ("{persona}|{arm}|{question}|{trial}", "{persona}|{arm}|{question}")
SEPARATORS = ("|", "::", "__", "--", ":", "/")
NAMES = ("persona", "arm", "question", "trial", "item", "model", "study", "iteration")
ADVICE = "Say how it is made, such as --custom-id '{persona}|{arm}|{question}|{trial}'"
COUNTED = re.compile(r"(?:rep(?:etition)?|run|trial|sample|iter|r|t|s|k|n)[-_ ]?(\d+)", re.IGNORECASE)
KEYS = ("answer", "response", "choice", "value", "rating")


def _is_batch(file: Path) -> bool:
    line = jsons.head(file).lstrip().partition("\n")[0]
    first = jsons.line_of(line)
    if first is None:  # its end may lie beyond the head
        long = line.startswith("{") and len(line) > jsons.HEAD // 4
        return (
            long and jsons.opens(line, "custom_id", '"') and (jsons.opens(line, "body") or jsons.opens(line, "result"))
        )
    failed = first.get("response") is None and isinstance(first.get("error"), dict)
    return "custom_id" in first and (failed or any(isinstance(first.get(key), dict) for key in ("response", "result")))


@guarded
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
        own = list(_rows(line, found.groupdict()))
        failed += all(row["response"] is None for row in own)
        rows += own
    if pattern is None:
        raise InputError(f"{file}: a batch without a line")
    said = f"{file}: read as the output of a batch of {len(rows):,} answers, by custom_id as {_shown(pattern)}."
    if failed:
        said += f" {failed:,} calls failed; their answers are Unknown."
    return Imported(table_of(rows), said)


def _rows(line: Mapping[str, Any], place: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the row of each answer that one call gave; several answers are several trials, a failed call is one."""
    model = jsons.at(line, "response", "body", "model") or jsons.at(line, "result", "message", "model")
    row = ({"model": model} if model else {}) | dict(place)
    if "trial" in row:
        counted = COUNTED.fullmatch(row["trial"])
        row["trial"] = counted.group(1) if counted else row["trial"]
    answers = _contents(line) or [None]
    for number, answer in enumerate(answers):
        own = f"{row['trial']}.{number}" if "trial" in row else str(number)
        yield row | ({"trial": own} if len(answers) > 1 else {}) | {"response": taken_out(answer)}


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
    problem = f"does not fit {given}" if given else "does not say persona, arm and question"
    raise InputError(f"{file}: custom_id {name[:80]!r} {problem}. {ADVICE}")


def _apart(pattern: str, found: re.Match[str]) -> bool:
    """Tell whether no part holds the separator, so that the parts are not guessed."""
    separator = re.split(r"\{\w+\}", pattern)[1]
    return not any(separator in part for part in found.groups())


def _shown(pattern: re.Pattern[str]) -> str:
    return re.sub(r"\\(.)", r"\1", re.sub(r"\(\?P<(\w+)>\.\+\?\)", r"{\1}", pattern.pattern))


def _contents(line: Mapping[str, Any]) -> list[str | None]:
    """Return the texts that one call of a batch gave, None for one that holds no text."""
    body = jsons.object_at(line, "response", "body")
    if isinstance(body.get("choices"), list):
        texts = [jsons.at(choice, "message", "content") or jsons.at(choice, "text") for choice in body["choices"]]
        return [text if isinstance(text, str) else joined(text) for text in texts]
    if isinstance(jsons.at(line, "result", "message", "content"), list):
        return [joined(jsons.at(line, "result", "message", "content"))]
    if isinstance(body.get("output"), list):
        return [joined([part for each in body["output"] for part in jsons.list_at(each, "content")])]
    return []


def joined(parts: Any) -> str | None:
    """Join the texts of a message in parts, leaving out what it thought; None where there is no text."""
    if not isinstance(parts, list):
        return None
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict)) or None


def taken_out(text: str | None) -> Any:
    """Take an answer out of JSON, where the text is an object with one.

    >>> taken_out('{"answer": "Dem", "reason": "x"}'), taken_out("I am a Democrat"), taken_out(" ")
    ('Dem', 'I am a Democrat', None)
    """
    if text is None or not text.strip():
        return None
    held = jsons.line_of(re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip()))
    if not held:
        return text
    named = [held[key] for key in KEYS if key in held]
    return named[0] if named else next(iter(held.values())) if len(held) == 1 else text


BATCH = Importer(
    "openai-batch",
    "Batches of OpenAI, vLLM and Anthropic, JSON lines",
    (".jsonl", ".ndjson", ".json"),
    _is_batch,
    _read_batch,
)
