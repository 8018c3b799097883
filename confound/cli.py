"""The command line: parse, one library call, print."""

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from confound import __version__, console, keywords
from confound.console import EXIT_FAILED, errors_told, with_options
from confound.errors import InputError

if TYPE_CHECKING:
    from confound.failures import Failure
    from confound.result import Analysis

LOG = click.argument("log", nargs=-1, required=True)


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
@with_options(
    [
        LOG,
        *(keyword.decorator() for keyword in keywords.OF_THE_LOG),
        click.option(
            "--out",
            default="confound-out",
            show_default=True,
            type=click.Path(path_type=Path),
            help="Folder for the results.",
        ),
        click.option("--open", "opened", is_flag=True, help="Open the report when it is saved."),
        *(keyword.decorator() for keyword in keywords.OF_THE_ANALYSIS),
    ]
)
@errors_told
def analyze(log: tuple[str, ...], out: Path, opened: bool, **given: Any) -> None:
    """Measure user drift and effects in LOG..., and say what they mean.

    LOG is a file, folder or glob: parquet, CSV, TSV, JSON lines, Arrow, or what another tool exports. One row an
    answer, with the columns persona, arm, question, response; study, model, iteration, trial, role, value where there
    are any; or one row a conversation, with a column a question. Or the URL of a database or cluster, with --table.
    `confound check LOG` says how a log is read, and which options it takes.

    \b
    Examples:
      confound analyze results.parquet --out report
      confound analyze log.csv --persona user_id --arm condition \\
          --outcome 'likely_*' --negative-control party --negative-control race
      confound analyze 'runs/{model}/{arm}.csv' --outcome buys --negative-control party    # from the path
      confound analyze duckdb://logs.db --table responses      # counted there; also postgres://..., spark://...
      confound analyze tax.parquet --control 25pct --order change=down,same,up
    """  # noqa: D301 -- click reads the escape
    from confound import analysis
    from confound.presentation import folder, terminal

    folder.check_target(out)
    tell = console.tell()
    if tell is not None:
        tell("Reading and counting ...")
    first: list[tuple[Analysis, tuple[Failure, ...]]] = []

    def so_far(found: "Analysis", seconds: float) -> None:
        first.append((found, folder.save_tables(found, out)))
        click.echo(terminal.text(*first[0]))
        click.echo(f"\nSaved in {out}. Whether the effect settles is being modelled, {_about(seconds)}.", err=True)

    try:
        result = analysis.analyze(log, **given, track=console.track, tell=tell, so_far=so_far)
    except KeyboardInterrupt:
        if not first:
            raise
        click.echo("\nStopped: whether the effect settles was not modelled. Everything else is saved.", err=True)
        result, failures = first[0]  # said and saved already
    else:
        failures = folder.save_tables(result, out)
        click.echo(terminal.settling(result) if first else terminal.text(result, failures))
    if tell is not None and "figures" not in given["skip"]:
        tell("Drawing the figures ...")
    failures = folder.add_pictures(result, out, failures, workers=given["workers"])
    held = [name for name in (folder.PAGE, "analysis.json", "tables", "figures") if (out / name).exists()]
    click.echo(f"\nSaved in {out}: {', '.join(held)} (seed {given['seed']}).")
    if opened and folder.PAGE in held:
        click.launch(str((out / folder.PAGE).resolve()))
    if failures:
        click.echo(f"{len(failures)} parts could not be made; the tracebacks are in {out / folder.TRACES}.", err=True)
        sys.exit(EXIT_FAILED)


def _about(seconds: float) -> str:
    """Say how long something takes."""
    return (
        f"about {seconds / 60:.0f} minutes" if seconds >= 90 else f"about {max(10, 10 * round(seconds / 10))} seconds"
    )


@main.command()
@with_options([LOG, *(keyword.decorator() for keyword in keywords.OF_THE_LOG)])
@errors_told
def check(log: tuple[str, ...], **given: Any) -> None:
    """Say how LOG... is read, what it holds, and which command analyses it; without any statistics.

    \b
    Example:
      confound check results.parquet --outcome 'likely_*'
    """  # noqa: D301 -- click reads the escape
    from confound.look import proposed
    from confound.presentation import terminal

    found, assumed = proposed(log, **given)
    click.echo(terminal.description(found, assumed))


@main.command()
@click.option("--personas", default=100, show_default=True, help="Personas in each arm.")
@click.option("--trials", default=30, show_default=True, help="Answers of each persona in each arm.")
@click.option("--answers", default=4, show_default=True, help="Possible answers to the negative control.")
@click.option("--controls", default=1, show_default=True, help="Negative controls.")
@click.option("--contrasts", default=1, show_default=True, help="Contrasts of the model, over all studies.")
@click.option("--drift", type=float, help="Also say what it takes to find this drift (total variation distance).")
@click.option("--design", type=click.Choice(["within", "between"]), default="within", show_default=True)
@click.option("--level", default=0.05, show_default=True, help="Of the verdict.")
@click.option("--power", default=0.8, show_default=True, help="Probability of finding the drift.")
@errors_told
def power(**given: Any) -> None:
    """Say which drift a design can find, so that "no drift found" is not confused with "could not have found it".

    \b
    Example:
      confound power --personas 100 --trials 30 --answers 4 --controls 12 --drift 0.05
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
