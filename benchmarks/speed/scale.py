"""Counting at 2, 18 and 200 million answers: time and peak memory, beside a bare DuckDB query of the same grouping.

``python -m benchmarks.speed.scale [--trials 3 30 331] [--rounds N] [--write]``

Each side is a process of its own. The log is the paper's grid with more or fewer trials, so rows grow and what was
asked of whom does not. ``--write`` keeps table and figure in benchmarks/.
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

from benchmarks.speed.__main__ import README, circumstances, keep
from benchmarks.speed.grid import Grid, write_log
from benchmarks.speed.table import range_of

ROOT = Path(__file__).parents[2]
START, END = "<!-- scale: written by python -m benchmarks.speed.scale --write -->", "<!-- end of scale -->"
FIGURE = README.with_name("scale.png")
SIDES = {"confound": "confound", "arrow": "DuckDB to Arrow", "pandas": "DuckDB to pandas"}
QUERY = """\
SELECT study, model, iteration, question, persona, arm, role, response, count(*) AS n FROM '{path}' GROUP BY ALL"""


def side(name: str, path: str) -> dict[str, float]:
    """Count one log in this process."""
    from confound import counts, responses

    if name == "confound":
        with responses.opened(path, rename={}) as log:
            start, used = time.perf_counter(), _cpu()
            groups = len(counts.group(log).n)
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


def measure(trials: int, *, rounds: int, seed: int, folder: Path) -> dict[str, Any]:
    """Write a log, count it on every side turn by turn, and delete it."""
    grid, path = Grid(trials=trials), folder / f"grid_{trials}.parquet"
    write_log(path, grid, seed=seed)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
    for _ in range(rounds):
        for name, held in runs.items():
            command = [sys.executable, "-m", "benchmarks.speed.scale", "--side", name, "--log", str(path)]
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own module
            held.append(json.loads(done.stdout))
    size = path.stat().st_size / 2**20
    path.unlink()
    return {"answers": grid.answers, "mib": size, "runs": runs}


def table(measured: list[dict[str, Any]]) -> str:
    """Lay the measurements out as Markdown, a row a size and side."""
    lines = [
        "| answers | file, MiB | groups | side | seconds | processor seconds | peak MiB | ratio of processor |",
        "| --: | --: | --: | --- | --: | --: | --: | --: |",
    ]
    for made in measured:
        ours = [run["cpu"] for run in made["runs"]["confound"]]
        for name, runs in made["runs"].items():
            ratio = range_of([a / run["cpu"] for a, run in zip(ours, runs, strict=True)])
            values = [range_of([run[key] for run in runs]) for key in ("seconds", "cpu", "peak_mib")]
            about = [f"{made['answers']:,}", f"{made['mib']:.0f}", f"{runs[0]['groups']:,.0f}", SIDES[name]]
            lines.append("| " + " | ".join([*about, *values, "" if name == "confound" else ratio]) + " |")
    return "\n".join(lines)


def draw(measured: list[dict[str, Any]], path: Path) -> None:
    """Plot the cost curves: processor time and peak memory over answers."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for ax, key, label in zip(axes, ("cpu", "peak_mib"), ("Processor time, s", "Peak memory, MiB"), strict=True):
        for (name, words), style in zip(SIDES.items(), ("o-", "s--", "^:"), strict=True):
            middle = [sorted(run[key] for run in made["runs"][name]) for made in measured]
            values = [held[len(held) // 2] for held in middle]
            ax.plot([made["answers"] / 1e6 for made in measured], values, style, label=words)
        ax.set(xlabel="Answers, millions", ylabel=label, xscale="log", ylim=(0, None))
    axes[0].set_yscale("log")
    axes[0].legend()
    figure.suptitle("Counting a log: one process, two cores")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Measure, print, and keep the result where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.scale", description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[3, 30, 331], help="of each persona and arm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the logs, while they are needed; default: a temporary one")
    parser.add_argument("--write", action="store_true", help="keep table and figure in benchmarks/")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--log", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(side(given.side, given.log)))
        return
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        measured = [
            measure(trials, rounds=given.rounds, seed=given.seed, folder=Path(folder)) for trials in given.trials
        ]
    text = f"{table(measured)}\n\n{circumstances(given.rounds, given.seed, load)}"
    print(text)
    if given.write:
        draw(measured, FIGURE)
        keep(f"{text}\n\n![Processor time and peak memory over answers]({FIGURE.name})", START, END)


if __name__ == "__main__":
    main()
