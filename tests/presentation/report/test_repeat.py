"""What the report says to type gives the same settings again."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import confound
from confound import cli
from confound.counts.options import Options
from confound.presentation.report import repeat

LogFrame = Callable[..., Any]
OPTIONS: dict[str, Any] = {
    "rename": {"condition of 'x'": "arm", "who": "persona"},
    "outcome": ["buys", "like*"],
    "negative_control": ["party", "a b"],
    "confounder": ["$HOME"],
    "control": ["old", "study=new"],
    "placebo": {"re worded": "new"},
    "reference": "human",
    "group": "party",
    "order": {"buys": ["no, never", 'say "yes"', "-3"]},
    "bins": {"age": 4},
    "ranges": {"buys": (1.0, 7.5)},
    "design": "within",
    "correction": "null",
    "confidence": 0.9,
    "seed": 7,
    "skip": ["decomposition"],
}


def settings(**options: Any) -> dict[str, Any]:
    """Return what `analyze` would list as its settings."""
    rename, skip = options.pop("rename", {}), options.pop("skip", [])
    return {"log": ["my log.csv"], "rename": rename, **Options(**options).listed(), "skip": list(skip)}


def parsed(line: str) -> dict[str, Any]:
    """Parse a command line as `confound analyze` does, up to the library call."""
    words = shlex.split(line)
    assert words[:2] == ["confound", "analyze"]
    context = cli.analyze.make_context("analyze", words[2:])
    return {name: value for name, value in context.params.items() if name in OPTIONS}


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["defaults", "all"])
def test_the_command_gives_the_same_settings(options: dict[str, Any]) -> None:
    """Parsed again, the command line holds the options that were given, however they are written."""
    before = settings(**options)
    line = repeat.command(before)
    assert line is not None
    assert settings(**parsed(line)) == before


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["defaults", "all"])
def test_the_call_gives_the_same_settings(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluated, the Python call passes the options that were given."""
    before = settings(**options)
    seen: dict[str, Any] = {}
    monkeypatch.setattr(confound, "analyze", lambda log, **given: seen.update(log=log, **given), raising=False)
    eval(repeat.call(before), {"confound": confound})  # noqa: S307 -- our own text
    assert seen.pop("log") == "my log.csv"
    assert settings(**seen) == before


def test_control_arms_of_studies() -> None:
    """A control arm given for one study is written with it."""
    line = repeat.command(settings(control={"books": "old arm"}))
    assert line is not None
    assert "--control 'books=old arm'" in line


def test_a_log_in_memory_has_no_command(log_frame: LogFrame, tmp_path: Path) -> None:
    """A data frame cannot be named on the command line; the call then takes `log`."""
    frame = log_frame({"control": "xxyy", "treated": "xyyy"})
    result = confound.analyze(frame, correction="null")
    assert repeat.command(result.settings) is None
    assert repeat.call(result.settings).startswith("confound.analyze(\n    log,\n")
    frame.to_csv(tmp_path / "log.csv", index=False)
    assert repeat.command(confound.analyze(tmp_path / "log.csv", correction="null").settings) is not None


def test_what_was_not_asked_for_is_no_option() -> None:
    """What a run's manifest or a study file says is not repeated as an option, unless it can be."""
    derived = settings() | {"labels": {"studies": {"a": "A"}}, "targeted_from": {"a": 3}}
    assert "labels" not in str(repeat.command(derived))
    assert "--targeted-from 3" in str(repeat.command(derived))
    assert "--targeted-from" not in str(repeat.command(derived | {"targeted_from": {"a": 3, "b": 4}}))


def test_the_command_is_known_to_the_command_line() -> None:
    """Every option that is written exists."""
    line = repeat.command(settings(**OPTIONS))
    names = {name for p in cli.analyze.params if isinstance(p, click.Option) for name in p.opts}
    assert line is not None
    assert {word for word in shlex.split(line) if word.startswith("--")} <= names
