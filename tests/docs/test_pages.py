"""Pages that describe the code say what the code is."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from confound.cli import analyze
from confound.log import files, text_files
from confound.presentation.report.methods import texts
from confound.presentation.report.references import REFERENCES
from tests.docs.blocks import ROOT
from tests.test_architecture import FLOW

DOCS = ROOT / "docs"


def hook(name: str) -> ModuleType:
    """Load one of the modules that build the site."""
    spec = importlib.util.spec_from_file_location(f"hooks_{name}", DOCS / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def table(page: Path, head: str) -> list[list[str]]:
    """Return the cells of the rows under a table's head."""
    _, _, rest = page.read_text(encoding="utf-8").partition(f"\n| {head} |")
    lines = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_the_wings_are_those_of_the_flow() -> None:
    """The table of wings names the wings that there are, and what each may import, as the test of imports has it."""
    rows = table(DOCS / "architecture.md", "wing")
    assert {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows} == FLOW
    for name in FLOW:
        assert (ROOT / "confound" / name).is_dir() or (ROOT / "confound" / f"{name}.py").exists()


def test_the_simulators_folders_are_those_that_there_are() -> None:
    """The table of the simulator names its folders."""
    named = {row[0].strip("`") for row in table(DOCS / "architecture.md", "folder")}
    assert named == {path.parent.name for path in (ROOT / "simulate").glob("*/__init__.py")}


def test_every_option_is_described() -> None:
    """The page on logs has all options of `confound analyze`."""
    text = (DOCS / "your-log.md").read_text(encoding="utf-8")
    options = {name for option in analyze.params for name in option.opts if name.startswith("--")}
    assert {name for name in options if f"`{name}" not in text} == set()


def test_limits_are_those_of_the_code() -> None:
    """The page on logs gives the memory and the lengths of rows by which logs are read."""
    text = (DOCS / "your-log.md").read_text(encoding="utf-8")
    assert f"with {files.MEMORY_LIMIT.replace('GB', ' GB')} of memory at most" in text
    assert f"{text_files.LONGEST_ROW // 10**6} MB long in CSV" in text


def test_every_short_text_is_quoted_where_it_belongs() -> None:
    """Marks name texts that exist; each text, but those of a correction or of the design option, is on a page."""
    pages = [page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md")]
    marks = [mark for page in pages for mark in re.findall(r"<!-- in short: (.+?) -->", page)]
    quoted = {name.strip() for mark in marks for name in mark.split(",")}
    left = {name for name in texts() if name.startswith("correction ")} - {"correction mixture"}
    assert quoted == set(texts()) - left - {"design given", "null both"}


def test_quoted_texts_cite_the_sources() -> None:
    """A citation becomes a link to the page of sources, which has an anchor for each."""
    marks = hook("marks")
    made = marks.expanded("<!-- in short: verdict -->", {"in short": lambda n: marks.in_short(n, to_sources="s.md")})
    assert "([Holm 1979](s.md#holm))" in made
    assert all(f'id="{key}"' in marks.sources() for key in REFERENCES)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("[a](docs/x.md#y)", "[a](x.md#y)"),
        ("[a](confound/cli.py)", "a"),
        ("![p](docs/p.png)", "![p](p.png)"),
        ('<img src="docs/p.png" alt="p">', '<img src="p.png" alt="p">'),
        ("[w](https://a.org)", "[w](https://a.org)"),
        ("```text\n[a](docs/x.md)\n```", "```text\n[a](docs/x.md)\n```"),
    ],
)
def test_links_are_led_to_pages_of_the_site(text: str, made: str) -> None:
    """A link to a file on the site leads to its page, another becomes its text, and code is left alone."""
    pages = {"README.md": "index.md", "docs/x.md": "x.md", "docs/p.png": "p.png"}
    assert hook("links").rewritten(text, "README.md", pages) == made
