"""Counting at 2, 18 and 200 million answers, beside a bare DuckDB query of the same grouping; and whole analyses.

``python -m benchmarks.speed.log.scale [--trials 3 30 331] [--analyze 3 30] [--rounds N] [--write]``

Each side is a process of its own. The log is the paper's grid with more or fewer trials, so rows grow and what was
asked of whom does not. ``--write`` keeps tables and figure in benchmarks/.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.page import README, ROOT, circumstances, keep
from benchmarks.speed import process
from benchmarks.speed.log.grid import Grid, write_log
from benchmarks.speed.table import of_rounds, range_of

FIGURE = README.with_name("scale.png")
SIDES = {"confound": "confound", "arrow": "DuckDB to Arrow", "pandas": "DuckDB to pandas"}
QUERY = """\
SELECT study, model, iteration, question, persona, arm, role, response, count(*) AS n FROM '{path}' GROUP BY ALL"""
WHOLE = "import sys; sys.argv[0] = 'confound'; from confound.cli import main; main()"


def side(name: str, path: str) -> dict[str, float]:
    """Count one log in this process."""
    from confound.counts import by_arm, readings, repeats
    from confound.counts import counting as counts
    from confound.counts.options import Options
    from confound.log import response_table
    from confound.log.layout import Layout

    if name == "confound":
        with response_table.opened(path) as log:
            start, used = time.perf_counter(), _cpu()
            counted = counts.group(log)
            readings.settled(log, counted, Options(), Layout(), adjusted=False)  # and every check of labels
            repeats.notes(log, counted, Layout())
            list(by_arm.notes(counted, counted.labels["question"]))
            groups = len(counted.n)
    else:
        import duckdb

        connection = duckdb.connect(config={"memory_limit": "16GB"})
        start, used = time.perf_counter(), _cpu()
        relation = connection.sql(QUERY.format(path=path))
        groups = len(relation.df() if name == "pandas" else relation.to_arrow_table())
    return {
        "groups": groups,
        "seconds": time.perf_counter() - start,
        "cpu": _cpu() - used,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # Linux counts in KiB
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(trials: int, *, rounds: int, analyses: int, seed: int, folder: Path) -> dict[str, Any]:
    """Write a log, count it on every side turn by turn, analyse it as often as asked, and delete it."""
    grid, path = Grid(trials=trials), folder / f"grid_{trials}.parquet"
    write_log(path, grid, seed=seed)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
    for _ in range(rounds):
        for name, held in runs.items():
            command = [sys.executable, "-m", "benchmarks.speed.log.scale", "--side", name, "--log", str(path)]
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own module
            held.append(json.loads(done.stdout))
    whole = [analyze(path, folder / "report") for _ in range(analyses)]
    size = path.stat().st_size / 2**20
    path.unlink()
    return {"answers": grid.answers, "mib": size, "runs": runs, "whole": whole}


def analyze(log: Path, out: Path) -> process.Cost:
    """Run `confound analyze`, tables, figures and page included, but for the models of whether effects settle."""
    return process.run([sys.executable, "-c", WHOLE, "analyze", str(log), "--out", str(out), *_skipped()])


def _skipped() -> list[str]:
    from confound.keywords import PARTS

    return ["--skip", "stabilization"] if "stabilization" in PARTS else []


def counting(measured: list[dict[str, Any]]) -> str:
    """Lay the measurements of counting out as Markdown, a row a size and side."""
    lines = [
        "| answers | file, MiB | groups | side | seconds | ratio | processor seconds | ratio | peak MiB |",
        "| --: | --: | --: | --- | --: | --: | --: | --: | --: |",
    ]
    for made in measured:
        for name, runs in made["runs"].items():
            about = [f"{made['answers']:,}", f"{made['mib']:.0f}", f"{runs[0]['groups']:,.0f}", SIDES[name]]
            values = []
            for key in ("seconds", "cpu"):
                ratios = [a[key] / b[key] for a, b in zip(made["runs"]["confound"], runs, strict=True)]
                values += [range_of([run[key] for run in runs]), "" if name == "confound" else range_of(ratios)]
            lines.append("| " + " | ".join([*about, *values, range_of([run["peak_mib"] for run in runs])]) + " |")
    return "\n".join(lines)


def whole(measured: list[dict[str, Any]]) -> str:
    """Lay the whole analyses out as Markdown, a row a size."""
    lines = ["| answers | seconds | processor seconds | peak MiB, all processes |", "| --: | --: | --: | --: |"]
    for made in measured:
        if made["whole"]:
            columns = zip(*made["whole"], strict=True)
            lines.append(f"| {made['answers']:,} | " + " | ".join(range_of(column) for column in columns) + " |")
    return "\n".join(lines)


def draw(measured: list[dict[str, Any]], path: Path) -> None:
    """Plot the cost curves over answers: time and peak memory of counting, and of whole analyses."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for ax, key, label in zip(axes, ("seconds", "peak_mib"), ("Time, s", "Peak memory, MiB"), strict=True):
        lines = {words: [(made["answers"], made["runs"][name]) for made in measured] for name, words in SIDES.items()}
        lines = {f"count: {words}": places for words, places in lines.items()}
        analysed = [(made["answers"], [run._asdict() for run in made["whole"]]) for made in measured if made["whole"]]
        lines |= {"confound analyze, whole": analysed} if analysed else {}
        for (words, places), style in zip(lines.items(), ("o-", "s--", "^:", "D-."), strict=False):
            middle = [sorted(run[key] for run in runs)[len(runs) // 2] for _, runs in places]
            ax.plot([answers / 1e6 for answers, _ in places], middle, style, label=words)
        ax.set(xlabel="Answers, millions", ylabel=label, xscale="log")
        millions = [made["answers"] / 1e6 for made in measured]
        ax.set_xticks(millions, [f"{number:.3g}" for number in millions])
        ax.grid(alpha=0.3)
        ax.minorticks_off()
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_formatter("{x:,g}")
    axes[1].set_ylim(0, None)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize="small")
    figure.suptitle(f"What the paper's grid costs as it gets more answers; {os.cpu_count()} cores")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Measure, print, and keep the result where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.log.scale", description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[3, 30, 331], help="of each persona and arm")
    parser.add_argument("--analyze", type=int, nargs="*", default=[3, 30], help="those of --trials to analyse whole")
    parser.add_argument("--rounds", type=int, default=3, help="of counting; whole analyses are run once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the logs, while they are needed; default: a temporary one")
    parser.add_argument("--write", action="store_true", help="keep tables and figure in benchmarks/")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--log", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(side(given.side, given.log)))
        return
    made = circumstances(os.getloadavg()[0])
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        measured = [
            measure(
                trials,
                rounds=given.rounds,
                analyses=int(trials in given.analyze),
                seed=given.seed,
                folder=Path(folder),
            )
            for trials in given.trials
        ]
    text = f"""\
{counting(measured)}

{of_rounds(given.rounds)}, the sides taking turns; ratio: confound over the other side, within a round.
Peak: resident set size of the one process. Seed {given.seed}. {made}"""
    if any(each["whole"] for each in measured):
        text += f"""

`confound analyze LOG --out DIR --skip stabilization`, from the start of the program to the page, once each:

{whole(measured)}

Peak: proportional set size, summed over all processes every {process.PAUSE} s."""
    print(text)
    if given.write:
        draw(measured, FIGURE)
        keep("scale", f"{text}\n\n![Time and peak memory over answers]({FIGURE.name})")


if __name__ == "__main__":
    main()
