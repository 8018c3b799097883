"""The corrected distance with many personas: `python -m benchmarks.validity.drift.many_personas --help`."""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.page import commit
from benchmarks.validity.drift.corrected_distance import name, table
from benchmarks.validity.drift.generator import DRIFTS, SIZES, Cell, draw
from confound.statistics.drift.corrected_distance import corrected_tvd
from confound.statistics.drift.permutation import permutation_test

PAGE = Path(__file__).parents[1] / "many_personas.md"
# The least coverage aimed at in a cell.
AIM = 0.93
DESIGNS = (
    *product((2, 4, 10, 20), (2, 5, 10, 30), (300,)),
    *product((4, 10), (5, 30), (100, 1000)),
)
COLUMNS = ("cell", "covers", "too low", "too high", "bias by size", "RMSE", "median width", "median upper end")
ABOUT = """A cell is drift-Kanswers-ntrials an arm-Ppersonas; [the README](README.md) tells the kinds of drift. *Too
low* is the share of logs whose whole interval lies below the truth, *too high* above it. The bias is given for each
mean distance aimed at. The nominal coverage is .95."""


class Found(NamedTuple):
    """One log: the distance aimed at, the true one, and what was found."""

    size: float
    truth: float
    estimate: float
    low: float
    high: float


def cells() -> list[Cell]:
    """Return every cell of the page."""
    return [Cell(*design, drift) for drift, design in product(DRIFTS, DESIGNS)]


def run_cell(cell: Cell, n_logs: int, seed: int) -> list[Found]:
    """Draw all of a cell's logs and estimate."""
    return [measured(cell, number, seed) for number in range(n_logs)]


def measured(cell: Cell, number: int, seed: int) -> Found:
    """Draw one log and estimate."""
    log = draw(cell, number, seed)
    pvalue = permutation_test(log.treated, log.control, rng=np.random.default_rng((seed, number, 1))).pvalue
    result = corrected_tvd(log.treated, log.control, pvalue=pvalue)
    return Found(log.size, log.tvd, result.estimate, result.ci_low, result.ci_high)


def row(cell: Cell, logs: Sequence[Found]) -> list[str]:
    """Return a cell's line of the table."""
    size, truth, estimate, low, high = np.array(logs).T
    error, below, above = estimate - truth, high < truth - 1e-12, low > truth + 1e-12
    by_size = [f"{s:g}: {error[size == s].mean():+.3f}" for s in SIZES[cell.drift] if (size == s).any()]
    return [
        name(cell),
        f"{1 - (below | above).mean():.2f}",
        f"{below.mean():.2f}",
        f"{above.mean():.2f}",
        "; ".join(by_size),
        *(f"{x:.3f}" for x in (np.sqrt((error**2).mean()), np.median(high - low), np.median(high))),
    ]


def page(results: dict[Cell, list[Found]], made: str) -> str:
    """Return the whole page."""
    rows = [row(cell, logs) for cell, logs in results.items()]
    limit = AIM - 2 * np.sqrt(AIM * (1 - AIM) / min(map(len, results.values())))
    missed = [f"{cells[0]} ({cells[1]})" for cells in rows if float(cells[1]) < limit]
    return "\n\n".join(
        [
            "# The corrected distance with many personas",
            f"{made} Made by `python -m benchmarks.validity.drift.many_personas --write`.",
            ABOUT,
            table(COLUMNS, rows),
            f"Cells below {AIM} by two simulation errors, of {len(rows)}: {'; '.join(missed) or 'none'}.",
        ]
    )


def main() -> None:
    """Run the cells asked for and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.drift.many_personas", description=__doc__)
    parser.add_argument("--logs", type=int, default=100, help="logs a cell (default 100)")
    parser.add_argument("--cells", nargs="*", default=[], help="names of cells, such as few-K10-n5-P300 (default all)")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=20260605)
    parser.add_argument("--date", default="date not given", help="written into the page")
    parser.add_argument("--write", action="store_true", help=f"write the page into {PAGE.name}")
    asked = parser.parse_args()
    chosen = [cell for cell in cells() if not asked.cells or name(cell) in asked.cells]
    with ProcessPoolExecutor(asked.jobs) as pool:
        runs = {cell: pool.submit(run_cell, cell, asked.logs, asked.seed) for cell in chosen}
        results = {cell: run.result() for cell, run in runs.items()}
    text = page(results, f"Commit {commit()}, seed {asked.seed}, {asked.logs} logs a cell, {asked.date}.")
    print(text)
    if asked.write:
        PAGE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
