"""The command line: parse, one library call, print."""

import contextlib
import csv
import functools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from confound import __version__
from confound.errors import ConfoundError, InputError

T = TypeVar("T")
Command = Callable[..., None]

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


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
            from confound.text import printable

            click.echo(f"Error: {printable(str(error))}", err=True)
            sys.exit(EXIT_BAD_INPUT)

    return told


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
@_errors_told
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
@_errors_told
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
@_errors_told
def power(**given: Any) -> None:
    """Say which drift a design can find, so that "no drift found" is not confused with "could not have found it".

    \b
    Example:
      confound power --personas 100 --trials 30 --answers 4 --drift 0.05
    """  # noqa: D301 -- click reads the escape
    from confound.presentation import terminal

    click.echo(terminal.power(given.pop("design"), **given))


@main.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--table", "name", default="drift", show_default=True, help="Which: drift, effects, decomposition, ...")
@click.option(
    "--format", "form", default="tex", show_default=True, type=click.Choice(["tex", "html", "md", "csv", "docx"])
)
@click.option("--columns", help="model or statistic. Default: models where there are from two to six.")
@click.option("--iterations", default="ends", show_default=True, help="ends (the first and the last) or all.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write. Default: print.")
@_errors_told
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


def _simulate_options(command: Command) -> Command:
    """Add the options of `simulate`."""
    folder = click.Path(path_type=Path)
    options = [
        click.argument("study", required=False),
        click.option("--out", type=folder, help="Folder for the run."),
        click.option("--list", "show_list", is_flag=True, help="List the studies that come with confound."),
        click.option("--show", is_flag=True, help="Print the file of STUDY."),
        click.option("--dry-run", is_flag=True, help="Print every kind of prompt once, and what a run would take."),
        click.option("--personas", type=int, help="Synthetic users. Default: as the study says."),
        click.option("--trials", type=int, help="Conversations of each user in each arm. Default: as the study says."),
        click.option("--iterations", type=int, help="Iteration 0 included. Default: as the study says."),
        click.option("--seed", type=int, help="Of all random draws. Default: 0."),
        click.option("--draw", type=click.Choice(["separate", "joint"]), help="How a batch of confounders is drawn."),
        click.option("--retention", is_flag=True, default=None, help="Ask whether users keep to what they adopted."),
        click.option(
            "--source-design",
            is_flag=True,
            default=None,
            help="Run arm by source arm too, adopted attributes all from one arm; written to source_design.parquet.",
        ),
        click.option("--stop", metavar="RULE", help="Stop adjusting once RULE holds, such as 'tvd_upper < 0.05'."),
        click.option("--shard", metavar="I/N", help="Run the I-th of N shares of the users."),
        click.option("--merge", is_flag=True, help="Join the shards in --out."),
        click.option("--resume", is_flag=True, help="Go on with the run in --out."),
        click.option(
            "--drop-incomplete",
            is_flag=True,
            help="Leave users that miss answers out of the tables, in all arms. Else no table while any does.",
        ),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def _model_options(command: Command) -> Command:
    """Add the options that say which models answer, and how they are reached."""
    options = [
        click.option("--models", "show_models", is_flag=True, help="List the models with known settings."),
        click.option(
            "--backend",
            help="What answers: structural (the default without --model), made-up users of known truth; vllm, in this "
            "process; openai, any server that speaks its protocol; gemini.",
        ),
        click.option("--model", help="The model that plays the users; --models has settings for some."),
        click.option("--temperature", type=float, help="This and the next three override the study's and --models'."),
        click.option("--top-p", type=float),
        click.option("--top-k", type=int),
        click.option("--max-tokens", type=int, help="Most tokens of an answer, thinking included."),
        click.option("--choice", is_flag=True, default=None, help="Let the server allow only options' labels."),
        click.option(
            "--draws", type=int, metavar="N", help="Most answers drawn in one call. 1: a seed for each answer."
        ),
        click.option("--agent-backend", help="What speaks as the agent of dialogues. Default: as --backend."),
        click.option("--agent-model", help="The model that speaks as the agent. Default: as --model."),
        click.option("--agent-sampling", type=PAIR, multiple=True, help="Such as temperature=0.5; overrides --models."),
        click.option("--base-url", multiple=True, help="Server of the model; several share the load. Keys: see above."),
        click.option("--agent-base-url", multiple=True, help="Server of --agent-model. Default: as --base-url."),
        click.option("--engine", type=PAIR, multiple=True, help="For vllm, such as tensor_parallel_size=2."),
        click.option("--concurrency", type=int, help="Calls at once. Default: 64."),
        click.option("--rpm", type=float, help="Most calls in a minute."),
        click.option("--tpm", type=float, help="Most tokens in a minute, read and written."),
        click.option("--timeout", type=float, metavar="SECONDS", help="Of one call. Default: 300."),
        click.option("--attempts", type=int, help="Calls for one request before it counts as failed. Default: 8."),
        click.option("--max-calls", type=int, help="Stop before more calls are made in all; --resume goes on."),
        click.option("--price-in", type=float, metavar="PRICE", help="Of a million tokens read, to count the cost."),
        click.option("--price-out", type=float, metavar="PRICE", help="Of a million tokens written."),
        click.option("--agent-price-in", type=float, metavar="PRICE", help="Of the agent. Default: as --price-in."),
        click.option("--agent-price-out", type=float, metavar="PRICE", help="Of the agent. Default: as --price-out."),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


@main.command()
@_simulate_options
@_model_options
@_errors_told
def simulate(study: str | None, out: Path | None, **given: Any) -> None:
    """Simulate STUDY by Algorithm 1, and leave a response table that `confound analyze` takes as it is.

    STUDY is `example`, a study that comes with confound (--list), or the path of a study file. After each iteration one
    answer to each confounder, drawn from all of a user's conversations in all arms, becomes part of the user.

    \b
    RULE compares one quantity of the negative controls, largest over controls and arms, with a number:
      tvd_upper   the upper end of the corrected distance's 95 % interval: what drift there may still be
      tvd_plugin  the plug-in distance, which is above 0 even with no drift
      tvd_excess  the plug-in less its exact mean with no drift, which is too small where users drift
      pvalue      the smallest p-value of no drift, times the number of tests; large: none was found

    The keys of paid servers come from the environment alone: OPENAI_API_KEY, and GEMINI_API_KEY or GOOGLE_API_KEY. A
    call that fails is made again after a while; a user whose answers still do not come waits, and --resume asks again.
    Until then there is no table, since who fails may depend on the arm; --drop-incomplete makes one without such users.

    \b
    Examples:
      confound simulate book_opinions --out run
      confound analyze run --out report
      confound simulate opinionqa --out run --model Qwen/Qwen3-30B-A3B --base-url http://localhost:8000/v1
      confound simulate my_study.yaml --out run --shard 1/4     # and 2/4 to 4/4, anywhere, then
      confound simulate my_study.yaml --out run --merge
    """  # noqa: D301 -- click reads the escape
    from simulate import commands

    shown = {name: given.pop(name) for name in ("show_list", "show_models", "show", "dry_run")}
    if shown["show_list"]:
        click.echo(commands.listing())
    elif shown["show_models"]:
        click.echo(commands.models())
    elif shown["show"]:
        click.echo(commands.text(study), nl=False)
    elif shown["dry_run"]:
        sizes = {name: given[name] for name in ("personas", "trials", "iterations", "seed")}
        click.echo(commands.preview(study, **sizes))
    else:
        _run(study, out, **given)


def _run(study: str | None, out: Path | None, *, merge: bool, **given: Any) -> None:
    """Run or merge, watched; Ctrl-C ends in a sentence."""
    from simulate import commands

    if out is None:
        raise click.UsageError("Missing option '--out': the folder for the run.")
    try:
        with _watched() as progress:
            if merge:
                done = commands.merge(study, out, drop_incomplete=given["drop_incomplete"])
            else:
                done = commands.run(study, out, progress=progress, **given)
    except KeyboardInterrupt:
        again = commands.resume_command(study, out, given)
        click.echo(f"\nStopped. What was answered is on disk. Go on with:\n  {again}", err=True)
        sys.exit(EXIT_INTERRUPTED)
    click.echo(done)


@contextlib.contextmanager
def _watched() -> Iterator[Callable[[int, int], None]]:
    """Yield what shows answers on disk, their rate and the time left on stderr, if a person is there to see it."""
    if not sys.stderr.isatty():
        yield lambda done, total: None  # noqa: ARG005
        return
    with contextlib.ExitStack() as stack:
        bars: list[Any] = []
        before, start = 0, time.monotonic()

        def show(done: int, total: int) -> None:
            nonlocal before
            if not bars:
                bar = click.progressbar(length=max(1, total - done), file=sys.stderr, show_eta=True)
                bars.append(stack.enter_context(bar))
            else:
                rate = (bars[0].pos + done - before) / max(time.monotonic() - start, 1e-9)
                bars[0].label = f"{done:,} answers, {rate:,.0f} a second"
                bars[0].update(done - before)
            before = done

        yield show
