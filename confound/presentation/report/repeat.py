"""From the settings of an analysis to what repeats it: the command line, and the call in Python."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confound.keywords import KEYWORDS

INDENT = "    "


def command(settings: Mapping[str, Any]) -> str | None:
    """Return the command line, one option on each line; None where the log was in memory.

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
    """Return the call in Python, one argument on each line; a log that was in memory is called `log`.

    Parameters
    ----------
    settings : mapping
        As in `confound.result.Analysis.settings`.
    """
    paths = settings["log"]
    data = "log" if _in_memory(paths) else repr(paths[0] if len(paths) == 1 else paths)
    given = dict(_chosen(settings))
    if "control" in given:  # listed by study and arm, but given as texts
        given["control"] = KEYWORDS["control"].texts(given["control"])
    lines = [data, *(f"{name}={value!r}" for name, value in given.items())]
    return "confound.analyze(\n" + "".join(f"{INDENT}{line},\n" for line in lines) + ")"


def _in_memory(log: Sequence[str]) -> bool:
    return len(log) == 1 and log[0].startswith("a ") and log[0].endswith(" in memory")


def _chosen(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the keywords that hold something; the log and the labels of study files are no keywords."""
    for name, value in settings.items():
        if name == "targeted_from":  # listed by study, but given for all of them
            iterations = set((value or {}).values())
            if len(iterations) == 1:
                yield name, iterations.pop()
        elif name in KEYWORDS and value is not None and value not in ([], {}, (), False):
            yield name, value


def _options(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in _chosen(settings):
        if KEYWORDS[name].is_switch:
            yield KEYWORDS[name].option
            continue
        for text in KEYWORDS[name].texts(value):
            yield f"{KEYWORDS[name].option} {shlex.quote(text)}"
