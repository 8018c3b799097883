"""The command `confound simulate`: its options, and which function of `simulate.commands` each use calls."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from confound.console import EXIT_INTERRUPTED, PAIR, errors_told, with_options
from simulate import commands
from simulate.progress import watched

STUDY_OPTIONS = (
    click.argument("study", required=False),
    click.option("--out", type=click.Path(path_type=Path), help="Folder for the run."),
    click.option("--list", "show_list", is_flag=True, help="List the studies that come with confound."),
    click.option("--show", is_flag=True, help="Print the file of STUDY."),
    click.option("--dry-run", is_flag=True, help="Print every kind of prompt once, and the size of the run."),
    click.option("--personas", type=int, help="Number of synthetic users. Default: as the study says."),
    click.option("--trials", type=int, help="Conversations of each user in each arm. Default: as the study says."),
    click.option("--iterations", type=int, help="Iterations, iteration 0 included. Default: as the study says."),
    click.option("--seed", type=int, help="Seed of all random draws. Default: 0."),
    click.option("--draw", type=click.Choice(["separate", "joint"]), help="How a batch of confounders is drawn."),
    click.option("--retention", is_flag=True, default=None, help="Ask whether users still answer as specified."),
    click.option(
        "--source-design",
        is_flag=True,
        default=None,
        help="Run the 2 x 2 of arm by source arm too: all adopted attributes come from one arm. Written to "
        "source_design.parquet.",
    ),
    click.option("--stop", metavar="RULE", help="Stop adjusting once RULE holds, such as 'tvd_upper < 0.05'."),
    click.option("--shard", metavar="I/N", help="Run the I-th of N parts of the users."),
    click.option("--merge", is_flag=True, help="Join the shards in --out."),
    click.option(
        "--resume", is_flag=True, help="Continue the run in --out; with larger --trials or --personas, add to it."
    ),
    click.option(
        "--drop-incomplete",
        is_flag=True,
        help="Leave users with missing answers out of the tables, in all arms. Without this option there are no tables "
        "while any user has missing answers.",
    ),
)
MODEL_OPTIONS = (
    click.option("--models", "show_models", is_flag=True, help="List the models with known settings."),
    click.option(
        "--backend",
        help="What answers. structural (the default without --model): made-up users whose truth is known; vllm: a "
        "model in this process; openai: any server with OpenAI's protocol; gemini.",
    ),
    click.option("--model", help="The model that plays the users; --models lists those with known settings."),
    click.option(
        "--temperature", type=float, help="Like the next three options, overrides the study's setting and --models'."
    ),
    click.option("--top-p", type=float),
    click.option("--top-k", type=int),
    click.option("--max-tokens", type=int, help="Most tokens of an answer, thinking included."),
    click.option("--choice", is_flag=True, default=None, help="Let the server allow only the options' labels."),
    click.option(
        "--draws", type=int, metavar="N", help="Most answers drawn in one call. 1: one seeded call for each answer."
    ),
    click.option("--agent-backend", help="What speaks as the agent of dialogues. Default: as --backend."),
    click.option("--agent-model", help="The model that speaks as the agent. Default: as --model."),
    click.option(
        "--agent-sampling",
        type=PAIR,
        multiple=True,
        help="Such as temperature=0.5; overrides the settings of --models.",
    ),
    click.option("--base-url", multiple=True, help="Server of the model; several share the calls. For keys see above."),
    click.option("--agent-base-url", multiple=True, help="Server of --agent-model. Default: as --base-url."),
    click.option(
        "--key-env",
        multiple=True,
        metavar="NAME",
        help="Environment variable with the key of --base-url: one for each address, or one for all.",
    ),
    click.option("--agent-key-env", multiple=True, metavar="NAME", help="The same for --agent-base-url."),
    click.option("--engine", type=PAIR, multiple=True, help="For vllm, such as tensor_parallel_size=2."),
    click.option("--concurrency", type=int, help="Calls at once. Default: 64."),
    click.option("--rpm", type=float, help="Most calls in a minute."),
    click.option("--tpm", type=float, help="Most tokens in a minute, read and written."),
    click.option("--timeout", type=float, metavar="SECONDS", help="Most seconds of one call. Default: 300."),
    click.option("--attempts", type=int, help="Calls for one request before it counts as failed. Default: 8."),
    click.option("--max-calls", type=int, help="Most calls of the whole run; --resume continues after them."),
    click.option("--price-in", type=float, metavar="PRICE", help="Of a million tokens read, to compute the cost."),
    click.option("--price-out", type=float, metavar="PRICE", help="Of a million tokens written."),
    click.option("--agent-price-in", type=float, metavar="PRICE", help="For the agent. Default: as --price-in."),
    click.option("--agent-price-out", type=float, metavar="PRICE", help="For the agent. Default: as --price-out."),
)


@click.command()
@with_options(STUDY_OPTIONS + MODEL_OPTIONS)
@errors_told
def simulate(study: str | None, out: Path | None, **given: Any) -> None:
    """Simulate STUDY by Algorithm 1, and write a response table that `confound analyze` reads as it is.

    STUDY is `example`, a study that comes with confound (--list), or the path of a study file. After each iteration one
    answer to each confounder, drawn from all of a user's conversations in all arms, becomes part of the user.

    \b
    RULE compares one quantity of the negative controls, largest over controls and arms, with a number:
      tvd_upper   upper end of the corrected distance's 95 % interval: how much drift there may still be
      tvd_plugin  plug-in distance, which is above 0 even without drift
      tvd_excess  plug-in less its exact mean without drift, which is too small where users drift
      pvalue      smallest p-value of no drift, times the number of tests; large: no drift was found

    The keys of paid servers are read from the environment only. OPENAI_API_KEY, and GEMINI_API_KEY or GOOGLE_API_KEY,
    go to their own provider. A server of another address gets the key in the variable that --key-env names, or none.

    A call that fails is repeated after a while. If it still fails, the user's answers stay missing, and --resume asks
    for them again. Until then no table is written, since the failures may depend on the arm; --drop-incomplete writes
    one without such users.

    \b
    Examples:
      confound simulate book_opinions --out run
      confound analyze run --out report
      confound simulate opinionqa --out run --model Qwen/Qwen3-30B-A3B --base-url http://localhost:8000/v1
      confound simulate my_study.yaml --out run --shard 1/4     # and 2/4 to 4/4, anywhere, then
      confound simulate my_study.yaml --out run --merge
    """  # noqa: D301 -- click reads the escape
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


def _tell(text: str) -> None:
    """Print a word of trouble with a server."""
    from confound.text import printable

    click.echo(printable(text), err=True)


def _run(study: str | None, out: Path | None, *, merge: bool, **given: Any) -> None:
    """Run or merge with progress; after Ctrl-C print the command that continues."""
    if out is None:
        raise click.UsageError("Missing option '--out': the folder for the run.")
    try:
        with watched() as progress:
            if merge:
                done = commands.merge(study, out, drop_incomplete=given["drop_incomplete"])
            else:
                done = commands.run(study, out, progress=progress, tell=_tell, **given)
    except KeyboardInterrupt:
        again = commands.resume_command(study, out, given)
        click.echo(f"\nStopped. The answers so far are on disk. Continue with:\n  {again}", err=True)
        sys.exit(EXIT_INTERRUPTED)
    click.echo(done)
