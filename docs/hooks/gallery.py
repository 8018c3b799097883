"""The gallery: the example is simulated and analysed while the site is built, so figures and tables are never old."""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from click.testing import CliRunner

import confound
from confound.cli import main
from confound.failures import Failures
from confound.presentation.figures.pictures import Picture, of_findings
from confound.presentation.report.page import page


@dataclass(frozen=True, slots=True)
class Example:
    """What the example gives.

    Attributes
    ----------
    result : Analysis
    pictures : list of Picture
    report : str
        The page, HTML.
    """

    result: confound.Analysis
    pictures: list[Picture]
    report: str


@cache
def example() -> Example:
    """Simulate and analyse the example, with retention, once for a build."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        CliRunner().invoke(main, ["simulate", "example", "--retention", "--out", str(run)], catch_exceptions=False)
        result = confound.analyze(run, control=["control"])
    pictures = of_findings(result, Failures())
    return Example(result, pictures, page(result, pictures))


def gallery(_: str) -> str:
    """Show every figure of the example under its name, with its caption."""
    return "\n".join(
        f"### `{one.name}`\n\n![{_plain(one.alt)}](gallery/{one.name}.png){{ width={one.width} }}\n\n{one.caption}\n"
        for one in example().pictures
    )


def table(name: str) -> str:
    """Show a table of the example as `confound tables` writes it in Markdown."""
    return example().result.publish(name, "md").decode()


def _plain(text: str) -> str:
    return text.replace("[", "(").replace("]", ")")
