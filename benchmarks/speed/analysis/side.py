"""One side of the comparison in a process of its own, from the import to the last p-value; prints JSON.

``python -m benchmarks.speed.analysis.side {log,confound,analyze,analyst} PATH [--size SIZE] [--seed N] [--cells N]``
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Seconds = dict[str, float]


@contextmanager
def timed(seconds: Seconds, step: str) -> Iterator[None]:
    """Put the duration of the `with` block into `seconds`."""
    start = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - start


def log(path: Path, size: str, seed: int) -> dict[str, Any]:
    """Write the log, so that its memory counts for neither side."""
    from benchmarks.speed.analysis.whole import SIZES
    from benchmarks.speed.log.grid import write_log

    write_log(path, SIZES[size], seed=seed)
    return {}


def confound(path: Path) -> dict[str, Any]:
    """Read, count, check, measure and test; what the other side has nothing for is left out."""
    seconds: Seconds = {}
    with timed(seconds, "import"):
        import numpy as np

        from confound import analysis
        from confound.counts.options import Options
        from confound.log.layout import Layout
        from confound.statistics.drift import permutation
    with timed(seconds, "count"):
        prepared = analysis.prepare(str(path), Layout(), Options())
    controls = [contrast for contrast in prepared.contrasts if contrast.cell.role == "negative_control"]
    with timed(seconds, "test"):
        rng = np.random.default_rng(0)
        tests = [permutation.permutation_test(c.treated.answers, c.control.answers, rng=rng) for c in controls]
    return {
        "seconds": seconds,
        "cells": {
            _name(c.cell.model, c.cell.iteration, c.cell.question): [test.statistic, test.pvalue]
            for c, test in zip(controls, tests, strict=True)
        },
        "exact": all(test.method == "exact" for test in tests),
    }


def analyze(path: Path) -> dict[str, Any]:
    """Do all that `confound.analyze` does, effects and verdict included."""
    seconds: Seconds = {}
    with timed(seconds, "analyze"):
        from confound import analyze

        analyze(str(path), skip=["stabilization"])
    return {"seconds": seconds}


def analyst(path: Path, n_cells: int, seed: int) -> dict[str, Any]:
    """Read and count everything, test `n_cells` cells drawn at random."""
    seconds: Seconds = {}
    with timed(seconds, "import"):
        import numpy as np

        from benchmarks.speed.analysis import analyst as by_hand
    with timed(seconds, "count"):
        responses = by_hand.read_controls(path)
        distances = by_hand.distances(by_hand.count(responses))
    rng = np.random.default_rng(seed)
    chosen = distances.index[np.sort(rng.choice(len(distances), size=min(n_cells, len(distances)), replace=False))]
    with timed(seconds, "lay out"):
        cells = responses.groupby(by_hand.CELL)
        arms = [by_hand.arms(cells.get_group(cell)) for cell in chosen]
    tested = {}
    for name, test in by_hand.TESTS.items():
        with timed(seconds, name):
            found = [test(*pair, rng=rng) for pair in arms]
        tested[name] = {_name(*cell): list(result) for cell, result in zip(chosen, found, strict=True)}
    named = {_name(*cell): distance for cell, distance in distances.items()}
    return {"seconds": seconds, "distances": named, "tested": tested, "n_tested": len(chosen)}


def _name(model: str, iteration: int, question: str) -> str:
    return f"{model} {iteration} {question}"


def main() -> None:
    """Run the side asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.analysis.side")
    parser.add_argument("side", choices=["log", "confound", "analyze", "analyst"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--size", default="full")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cells", type=int, default=4)
    given = parser.parse_args()
    run = {
        "log": lambda: log(given.path, given.size, given.seed),
        "confound": lambda: confound(given.path),
        "analyze": lambda: analyze(given.path),
        "analyst": lambda: analyst(given.path, given.cells, given.seed),
    }
    found = run[given.side]()
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    print(json.dumps(found))


if __name__ == "__main__":
    main()
