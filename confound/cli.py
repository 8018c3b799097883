"""The command line: parse, one library call, print."""

import csv
import functools
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from confound import __version__
from confound.console import EXIT_FAILED, PAIR, Command, errors_told, with_options
from confound.errors import InputError

T = TypeVar("T")


class Imported(click.Command):
    """A command that is imported when it is asked for, so that `confound --help` starts at once.

    Parameters
    ----------
    name : str
    place : str
        Module and name of the command, `module:name`.
    short_help : str
        What `confound --help` says of it.
    """

    def __init__(self, name: str, place: str, short_help: str) -> None:
        super().__init__(name, short_help=short_help)
        self._module, _, self._command = place.partition(":")

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of the command itself, which parses and runs in the place of this one."""
        command: click.Command = getattr(importlib.import_module(self._module), self._command)
        return command.make_context(info_name, args, parent, **extra)


def _log_options(command: Command) -> Command:
    """Add the options that say how to read a log."""
    options = [
        click.argument("log", nargs=-1, required=True),
        click.option("--table", metavar="NAME", help="The table, where LOG is the URL of a database or cluster."),
        click.option(
            "--rename", type=PAIR, multiple=True, metavar="OLD=NEW", help="Column OLD of the log is column NEW."
        ),
        click.option("--outcome", multiple=True, metavar="Q", help="Question that is an outcome (globs allowed)."),
        click.option("--negative-control", multiple=True, metavar="Q", help="Question the treatment cannot change."),
        click.option("--confounder", multiple=True, metavar="Q", help="Question that is a confounder."),
        click.option("--control", multiple=True, metavar="[STUDY=]ARM", help="The control arm."),
        click.option("--placebo", type=PAIR, multiple=True, metavar="ARM=OTHER", help="ARM only rewords arm OTHER."),
        click.option("--reference", metavar="model=NAME", help="Hold the other models' drift against this model's."),
        click.option(
            "--order", type=PAIR, multiple=True, metavar="Q=LOW,..,HIGH", help="The answers to Q from low to high."
        ),
        click.option(
            "--bin", "bins", type=PAIR, multiple=True, metavar="Q=quantile:N", help="Bin numeric answers to Q."
        ),
        click.option(
            "--study-file", multiple=True, type=click.Path(), help="YAML with roles, options, values of questions."
        ),
        click.option("--design", type=click.Choice(["within", "between"]), help="Default: inferred for each contrast."),
    ]
    return with_options(options)(command)


def _library_options(given: dict[str, Any]) -> dict[str, Any]:
    """Turn parsed options into the library's arguments."""
    given["data"] = list(given.pop("log"))
    for name in ("rename", "order", "bins", "placebo"):
        _refuse_repeats(name, [left for left, _ in given[name]])
    given["rename"] = dict(given["rename"])
    given["placebo"] = dict(given["placebo"])
    given["reference"] = _reference(given["reference"])
    given["order"] = {q: tuple(next(csv.reader([answers], skipinitialspace=True))) for q, answers in given["order"]}
    given["bins"] = {q: _bins(q, text) for q, text in given["bins"]}
    return given


def _reference(text: str | None) -> str | None:
    if text is not None and not text.startswith("model="):
        raise click.UsageError(f"--reference {text}: name a model, such as --reference model=human")
    return None if text is None else text.removeprefix("model=")


def _refuse_repeats(option: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise click.UsageError(f"--{option.removesuffix('s')} names {twice[0]} twice. Keep one")


def _bins(question: str, text: str) -> int:
    kind, _, count = text.partition(":")
    if kind != "quantile" or not count.isdecimal():
        raise click.BadParameter(f"{question}={text}: the only bins are quantiles, such as {question}=quantile:5")
    return int(count)


def _track(made: Iterable[T], total: int) -> Iterator[T]:
    """Show progress on stderr, if a person is there to see it."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(made, total, "Testing", file=sys.stderr, hidden=hidden, show_pos=True) as bar:
        yield from bar


def _tell() -> Callable[[str], None] | None:
    """Return what shows a line on stderr, if a person is there to see it."""
    return functools.partial(click.echo, err=True) if sys.stderr.isatty() else None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="confound")
def main() -> None:
    """Say whether the effect of an experiment on simulated users can be read as causal.

    \b
    Example:
      confound simulate example --out run
      confound analyze run --out report
    """  # noqa: D301 -- click reads the escape


main.add_command(
    Imported(
        "simulate",
        "simulate.options:simulate",
        short_help="Simulate STUDY by Algorithm 1, and write a response table for `analyze`.",
    )
)


@main.command()
@_log_options
@click.option(
    "--out", default="confound-out", show_default=True, type=click.Path(path_type=Path), help="Folder for results."
)
@click.option(
    "--correction", default="mixture", show_default=True, help="Of the distance: plugin, null, jackknife, ..."
)
@click.option("--seed", default=0, show_default=True, help="Of tests that cannot be exact.")
@click.option("--share", default=0.5, show_default=True, help="Of the users in the treated arm, for the decomposition.")
@click.option("--confidence", default=0.95, show_default=True, help="Of the intervals.")
@click.option(
    "--skip",
    multiple=True,
    type=click.Choice(["drift", "effects", "decomposition", "sensitivity", "stabilization", "figures", "report"]),
    help="Leave a part out.",
)
@click.option(
    "--targeted-from", type=int, metavar="K", help="First iteration with targeted confounders, marked in figures."
)
@click.option("--workers", type=int, help="Processes. Default: one a core, for a log that is worth it.")
@errors_told
def analyze(out: Path, **given: Any) -> None:
    """Measure user drift and effects in LOG..., and say what they mean.

    LOG is a file, folder or glob: parquet, CSV, TSV, JSON lines or Arrow. One row an answer, with the columns persona,
    arm, question, response; study, model, iteration, trial, role, value where there are any. Or the URL of a database
    or cluster, with --table.

    \b
    Examples:
      confound analyze results.parquet --out report
      confound analyze log.csv --rename user_id=persona --rename condition=arm \\
          --outcome 'likely_*' --negative-control party --negative-control race
      confound analyze duckdb://logs.db --table responses      # counted there; also postgres://..., spark://...
      confound analyze tax.parquet --control 25pct --order change=down,same,up
    """  # noqa: D301 -- click reads the escape
    from confound import analysis
    from confound.presentation import folder, terminal

    folder.check_target(out)
    if sys.stderr.isatty():
        click.echo("Reading and counting ...", err=True)
    result = analysis.analyze(**_library_options(given), track=_track, tell=_tell())
    failures = folder.save(result, out, workers=given["workers"])
    click.echo(terminal.text(result, failures))
    page = "" if "report" in given["skip"] else f"{out / folder.PAGE}, "
    click.echo(f"\nSaved: {page}{out / 'analysis.json'} and {out / 'tables'} (seed {given['seed']}).")
    if failures:
        click.echo(f"{len(failures)} parts could not be made; the tracebacks are in {out / folder.TRACES}.", err=True)
        sys.exit(EXIT_FAILED)


@main.command()
@_log_options
@errors_told
def check(**given: Any) -> None:
    """Validate and describe LOG... without any statistics.

    \b
    Example:
      confound check results.parquet --outcome 'likely_*'
    """  # noqa: D301 -- click reads the escape
    from confound import analysis
    from confound.presentation import terminal

    click.echo(terminal.description(analysis.describe(**_library_options(given))))


@main.command()
@click.option("--personas", default=100, show_default=True, help="Personas in each arm.")
@click.option("--trials", default=30, show_default=True, help="Answers of each persona in each arm.")
@click.option("--answers", default=4, show_default=True, help="Possible answers to the negative control.")
@click.option("--drift", type=float, help="Also say what it takes to find this drift (total variation distance).")
@click.option("--design", type=click.Choice(["within", "between"]), default="within", show_default=True)
@click.option("--level", default=0.05, show_default=True, help="Of the test.")
@click.option("--power", default=0.8, show_default=True, help="How often the drift shall be found.")
@errors_told
def power(**given: Any) -> None:
    """Say which drift a design can find, so that "no drift found" is not confused with "could not have found it".

    \b
    Example:
      confound power --personas 100 --trials 30 --answers 4 --drift 0.05
    """  # noqa: D301 -- click reads the escape
    from confound.findings.power import planned
    from confound.presentation import terminal

    click.echo(terminal.planned(planned(given.pop("design"), **given)))


@main.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--table", "name", default="drift", show_default=True, help="Which: drift, effects, decomposition, ...")
@click.option(
    "--format", "form", default="tex", show_default=True, type=click.Choice(["tex", "html", "md", "csv", "docx"])
)
@click.option("--columns", help="model or statistic. Default: models where there are from two to six.")
@click.option("--iterations", default="ends", show_default=True, help="ends (the first and the last) or all.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write. Default: print.")
@errors_told
def tables(result: Path, name: str, form: str, out: Path | None, **given: Any) -> None:
    """Make one table for a publication from RESULT, the folder that `confound analyze --out` left.

    LaTeX comes with booktabs and threeparttable and compiles by itself or in a document; csv is the whole tidy frame,
    whatever --columns and --iterations say; docx needs --out.

    \b
    Examples:
      confound tables report --table drift --columns model --format tex --out drift.tex
      confound tables report --table effects --format md
    """  # noqa: D301 -- click reads the escape
    from confound.result import load

    if form == "docx" and out is None:
        raise click.UsageError("--format docx needs --out, such as --out drift.docx")
    content = load(result).publish(name, form, **given)
    if out is None:
        click.echo(content.decode(), nl=False)
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}. Name another file") from error
    click.echo(f"Saved: {out}")
