"""What `docs/laptop.md` says to run: the tests run that."""

from __future__ import annotations

import shlex

from tests.docs.blocks import ROOT, Block, blocks

MARK = "`make test-model` runs it"
ADDRESS = "http://127.0.0.1:8080/v1"


def server_script() -> str:
    """Return the page's `serve.py`."""
    (script,) = [block.text for block in _run_here() if block.language == "python"]
    return script


def simulate_command(study: str, out: str, address: str) -> list[str]:
    """Return the words of the page's `confound simulate`, with another study, folder and address."""
    command, _ = _commands()
    other = {"opinionqa": study, "run": out, ADDRESS: address, "--choice": ""}
    assert set(other) <= set(command)
    return [word for word in (other.get(word, word) for word in command) if word]


def analyze_command(run: str, report: str) -> list[str]:
    """Return the words of the page's `confound analyze`, with other folders."""
    _, command = _commands()
    other = {"run": run, "report": report}
    assert set(other) <= set(command)
    return [other.get(word, word) for word in command]


def _commands() -> tuple[list[str], list[str]]:
    (console,) = [block for block in _run_here() if block.language == "console"]
    simulate, analyze = (shlex.split(command)[1:] for command in console.commands)
    return simulate, analyze


def _run_here() -> list[Block]:
    return [block for block in blocks(ROOT / "docs" / "laptop.md") if block.said.startswith(MARK)]
