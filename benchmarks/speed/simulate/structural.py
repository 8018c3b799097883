"""``python -m benchmarks.speed.simulate.structural``: the paper's size, structural backend, whole, killed, in shards.

Each side is a process of its own, timed from its start to its end, with its peak memory. All must leave one table.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.table import range_of

ROOT = Path(__file__).parents[3]
COMMAND = "import sys; sys.argv[0] = 'confound'; from confound.cli import main; main()"
SHARDS = 4


class Cost(NamedTuple):
    """What one process took: wall-clock seconds and peak memory in MiB."""

    seconds: float
    peak_mib: float


def simulate(*arguments: str, kill_after: float | None = None) -> Cost:
    """Run `confound simulate` in a process of its own; kill it after some seconds where asked."""
    begun = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 -- our own command
        [sys.executable, "-c", COMMAND, "simulate", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    if kill_after is not None:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == (0 if kill_after is None else -signal.SIGKILL)
    return Cost(time.perf_counter() - begun, usage.ru_maxrss / 1024)  # Linux counts in KiB


def once(study: str, sizes: list[str]) -> dict[str, list[Cost]]:
    """Make the table in three ways and hold that it is the same."""
    with tempfile.TemporaryDirectory() as folder:
        whole, killed, shards = (Path(folder, name) for name in ("whole", "killed", "shards"))
        costs = {"in one go": [simulate(study, "--out", str(whole), *sizes)]}
        half = costs["in one go"][0].seconds / 2
        costs["killed half way, then resumed"] = [
            simulate(study, "--out", str(killed), *sizes, kill_after=half),
            simulate("--out", str(killed), "--resume"),
        ]
        costs[f"{SHARDS} shards, one after another, then merged"] = [
            *(simulate(study, "--out", str(shards), *sizes, "--shard", f"{i}/{SHARDS}") for i in range(1, SHARDS + 1)),
            simulate("--out", str(shards), "--merge"),
        ]
        tables = {(path / "responses.parquet").read_bytes() for path in (whole, killed, shards)}
        assert len(tables) == 1
    return costs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.simulate.structural", description=__doc__)
    parser.add_argument("--study", default="opinionqa")
    parser.add_argument("--personas", type=int, default=100)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    sizes = ["--personas", str(given.personas), "--trials", str(given.trials)]
    rounds = [once(given.study, sizes) for _ in range(given.rounds)]
    print(f"{given.study}: {given.personas} personas x {given.trials} trials x 2 arms, all iterations.\n")
    print("| way | seconds | peak MiB of a process |\n| --- | --: | --: |")
    for way in rounds[0]:
        seconds = range_of([sum(cost.seconds for cost in costs[way]) for costs in rounds])
        peak = range_of([max(cost.peak_mib for cost in costs[way]) for costs in rounds])
        print(f"| {way} | {seconds} | {peak} |")


if __name__ == "__main__":
    main()
