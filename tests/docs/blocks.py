"""The blocks of code in the README and the documentation, and how each is run or checked."""

import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from confound.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"((?:^<!-- [^\n]* -->\n)?)^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (not run|output of|head of): (.+) -->")
EXTRAS = re.compile(r"confound\[([\w,]+)\]")
# Made-up users are few in tests, however many a page asks for.
SMALL = {"--personas": "8", "--trials": "4"}
SIMULATED = re.compile(r"^simulate (?!.*--(list|models|show|dry-run|resume|merge))")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes
    ----------
    page : Path
    line : int
        Where it starts.
    language : str
    text : str
    mark, said : str
        Of the comment before it: ``not run`` and the reason, ``output of`` or ``head of`` and a file; empty if none.
    """

    page: Path
    line: int
    language: str
    text: str
    mark: str
    said: str

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, each on one line; what has no ``$`` before it is output."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        found = [re.match(r"\w*\$ (.*)", line) for line in joined.splitlines()]
        return [one.group(1) for one in found if one]

    @property
    def output(self) -> str:
        """What a console block shows after its command."""
        return re.sub(r"\\\n\s*", "", self.text).partition("\n")[2]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        mark = MARK.search(match.group(1))
        line = text.count("\n", 0, match.start(2)) + 1
        said = mark.groups() if mark else ("", "")
        found.append(Block(page, line, match.group(2), match.group(3), *said))
    return found


def run(command: str) -> str:
    """Run a command of `confound` in this process; check one of another program. Return what was printed."""
    words, target = _split(command)
    if words[0] != "confound":
        check_other(words)
        return ""
    words = words[1:]
    if SIMULATED.match(" ".join(words)):
        words += [word for pair in SMALL.items() for word in pair]  # the last of an option's values counts
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, f"{command}\n{done.output}"
    if target:
        Path(target).write_text(done.stdout, encoding="utf-8")
    return done.stdout


def check(command: str) -> None:
    """Check that `confound` has the command's options, without running it."""
    words, _ = _split(command)
    if words[0] == "confound":
        parse(words[1:])


def parse(words: list[str]) -> dict[str, Any]:
    """Parse the words of a command as `confound` does."""
    group = main.make_context("confound", [*words], resilient_parsing=False)
    assert isinstance(main, click.Group)
    name, command, rest = main.resolve_command(group, words)
    assert command is not None
    return command.make_context(name, rest, parent=group).params


def check_other(words: list[str]) -> None:
    """Check that what another program is asked for is there; a program that is not known here must be marked."""
    program = words[0].rpartition("/")[2]
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
        assert words[1:] in [["install", "."], *(["install", f".[{extra}]"] for extra in extras)]
    elif program == "python3":
        assert words[1:3] == ["-m", "venv"]
    else:
        raise AssertionError(f"{words[0]}: mark its block as not run, with a reason")


def _split(command: str) -> tuple[list[str], str]:
    words = shlex.split(command, comments=True)
    words = words[next(i for i, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)) :]
    if ">" in words:
        return words[: words.index(">")], words[words.index(">") + 1]
    return words, ""


def same(shown: str, printed: str) -> bool:
    """Tell whether lines shown stand in what was printed, in their order; ``...`` stands for any lines between."""
    parts = [re.escape(part.strip("\n")) for part in re.split(r"^ *\.\.\.\n", shown, flags=re.MULTILINE)]
    return re.search(r"\n(?:.*\n)*?".join(part for part in parts if part), printed) is not None
