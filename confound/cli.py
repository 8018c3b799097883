"""The command line: parse, one library call, print."""

import csv
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from confound import __version__
from confound.errors import ConfoundError

T = TypeVar("T")
Command = Callable[..., None]

EXIT_BAD_INPUT = 2


class Pairs(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        left, sign, right = value.partition("=")
        if not (left and sign and right):
            self.fail(f"{value!r} has not the form {param.metavar if param else self.name}", param, ctx)
        return left, right


PAIR = Pairs()


def _log_options(command: Command) -> Command:
    """Add the options that say how to read a log."""
    options = [
        click.argument("log", nargs=-1, required=True, type=click.Path(path_type=Path)),
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
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


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


def _errors_told(command: Command) -> Command:
    """Print what the library refuses as one message and exit 2."""

    @functools.wraps(command)
    def told(**given: Any) -> None:
        try:
            command(**given)
        except ConfoundError as error:
            from confound.tables import printable

            click.echo(f"Error: {printable(str(error))}", err=True)
            sys.exit(EXIT_BAD_INPUT)

    return told


def _track(items: Sequence[T]) -> Iterator[T]:
    """Show progress on stderr, if a person is there to see it."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(items, label="Testing", file=sys.stderr, hidden=hidden, show_pos=True) as bar:
        yield from bar


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="confound")
def main() -> None:
    """Say whether the effect of an experiment on simulated users can be read as causal.

    \b
    Example:
      confound simulate example --out run
      confound analyze run --out report
    """  # noqa: D301 -- click reads the escape


@main.command()
@_log_options
@click.option(
    "--out", default="confound-out", show_default=True, type=click.Path(path_type=Path), help="Folder for results."
)
@click.option("--seed", default=0, show_default=True, help="Of tests that cannot be exact.")
@click.option("--confidence", default=0.95, show_default=True, help="Of the intervals.")
@click.option("--skip", multiple=True, type=click.Choice(["drift", "effects"]), help="Leave a part out.")
@_errors_told
def analyze(out: Path, **given: Any) -> None:
    """Measure user drift and effects in LOG..., and say what they mean.

    LOG is a file, folder or glob: parquet, CSV, TSV, JSON lines or Arrow. One row an answer, with the columns persona,
    arm, question, response; study, model, iteration, trial, role, value where there are any.

    \b
    Examples:
      confound analyze results.parquet --out report
      confound analyze log.csv --rename user_id=persona --rename condition=arm \\
          --outcome 'likely_*' --negative-control party --negative-control race
      confound analyze tax.parquet --control 25pct --order change=down,same,up
    """  # noqa: D301 -- click reads the escape
    from confound import analysis, summary
    from confound.result import check_target

    check_target(out)
    if sys.stderr.isatty():
        click.echo("Reading and counting ...", err=True)
    result = analysis.analyze(**_library_options(given), track=_track)
    result.save(out)
    click.echo(summary.text(result))
    click.echo(f"\nSaved: {out / 'analysis.json'} and {out / 'tables'} (seed {given['seed']}).")


@main.command()
@_log_options
@_errors_told
def check(**given: Any) -> None:
    """Validate and describe LOG... without any statistics.

    \b
    Example:
      confound check results.parquet --outcome 'likely_*'
    """  # noqa: D301 -- click reads the escape
    from confound import analysis, summary

    click.echo(summary.description(analysis.describe(**_library_options(given))))


@main.command()
@click.option("--personas", default=100, show_default=True, help="Personas in each arm.")
@click.option("--trials", default=30, show_default=True, help="Answers of each persona in each arm.")
@click.option("--answers", default=4, show_default=True, help="Possible answers to the negative control.")
@click.option("--drift", type=float, help="Also say what it takes to find this drift (total variation distance).")
@click.option("--design", type=click.Choice(["within", "between"]), default="within", show_default=True)
@click.option("--level", default=0.05, show_default=True, help="Of the test.")
@click.option("--power", default=0.8, show_default=True, help="How often the drift shall be found.")
@_errors_told
def power(**given: Any) -> None:
    """Say which drift a design can find, so that "no drift found" is not confused with "could not have found it".

    \b
    Example:
      confound power --personas 100 --trials 30 --answers 4 --drift 0.05
    """  # noqa: D301 -- click reads the escape
    from confound import summary

    click.echo(summary.power(given.pop("design"), **given))


@main.command()
@click.argument("study", type=click.Choice(["example"]))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the run.")
@click.option("--personas", default=100, show_default=True, help="Synthetic users.")
@click.option("--trials", default=30, show_default=True, help="Conversations of each user in each arm.")
@click.option("--seed", default=0, show_default=True, help="Of all random draws.")
@_errors_told
def simulate(study: str, out: Path, personas: int, trials: int, seed: int) -> None:  # noqa: ARG001 -- one study so far
    """Simulate STUDY and write its response table to a folder.

    `example` needs no language model: users with a latent class, drift and answers of known probability. The truth is
    written beside the log.

    \b
    Example:
      confound simulate example --out run
      confound analyze run --out report
    """  # noqa: D301 -- click reads the escape
    from simulate.example import write_example

    write_example(out, personas=personas, trials=trials, seed=seed)
    click.echo(f"Wrote {out / 'responses.parquet'} and {out / 'truth.json'} (seed {seed}).")
    click.echo(f"Next: confound analyze {out}")
