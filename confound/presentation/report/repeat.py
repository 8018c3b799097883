"""The settings of an analysis -> what to type to repeat it, on the command line and in Python."""

import csv
import io
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

INDENT = "    "
DERIVED = frozenset({"log", "labels"})  # not options by themselves: what is read, and what study files say


def command(settings: Mapping[str, Any]) -> str | None:
    """Return the command line, an option a line; None where the log was in memory.

    Parameters
    ----------
    settings : mapping
        As in `confound.result.Analysis.settings`.
    """
    if _in_memory(settings["log"]):
        return None
    log = " ".join(shlex.quote(path) for path in settings["log"])
    return f" \\\n{INDENT}".join([f"confound analyze {log}", *_options(settings)])


def call(settings: Mapping[str, Any]) -> str:
    """Return the call in Python, an argument a line; a log that was in memory is called `log`.

    Parameters
    ----------
    settings : mapping
        As in `confound.result.Analysis.settings`.
    """
    paths = settings["log"]
    data = "log" if _in_memory(paths) else repr(paths[0] if len(paths) == 1 else paths)
    given = dict(_chosen(settings))
    if "control" in given:
        given["control"] = [_control(entry) for entry in given["control"]]
    lines = [data, *(f"{name}={value!r}" for name, value in given.items())]
    return "confound.analyze(\n" + "".join(f"{INDENT}{line},\n" for line in lines) + ")"


def _in_memory(log: Sequence[str]) -> bool:
    return len(log) == 1 and log[0].startswith("a ") and log[0].endswith(" in memory")


def _chosen(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the options that hold something."""
    for name, value in settings.items():
        if name == "targeted_from":
            iterations = set((value or {}).values())
            if len(iterations) == 1:
                yield name, iterations.pop()
        elif name not in DERIVED and value is not None and value is not False and value not in ([], {}, ()):
            yield name, value


def _options(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in _chosen(settings):
        option = "--" + ("bin" if name == "bins" else name.replace("_", "-"))
        for text in _texts(name, value):
            yield f"{option} {shlex.quote(text)}" if text else option


def _texts(name: str, value: Any) -> list[str]:
    """Return what stands after an option, each time that it is written; nothing after a flag."""
    if name == "control":
        return [_control(entry) for entry in value]
    if name == "reference":
        return [f"model={value}"]
    if name == "order":
        return [f"{question}={_csv(answers)}" for question, answers in value.items()]
    if name == "bins":
        return [f"{question}=quantile:{count}" for question, count in value.items()]
    if isinstance(value, Mapping):
        return [f"{left}={right}" for left, right in value.items()]
    if isinstance(value, list | tuple):
        return [str(entry) for entry in value]
    return [""] if value is True else [str(value)]


def _control(entry: Mapping[str, str | None]) -> str:
    return str(entry["arm"]) if entry["study"] is None else f"{entry['study']}={entry['arm']}"


def _csv(answers: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(answers)
    return line.getvalue()
