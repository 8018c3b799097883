"""Make the table of bias, error, coverage, type I error and power: `python -m benchmarks.validity --help`."""

import argparse
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.page import commit
from benchmarks.validity.drift.generator import SIZES, Cell, cells, draw
from confound.statistics.drift.common_direction import common_direction_test
from confound.statistics.drift.corrected_distance import METHODS, corrected_tvd
from confound.statistics.drift.permutation import permutation_test
from confound.statistics.drift.squared_distance import l2_squared

PAGES = Path(__file__).parents[1]
LEVEL = 0.05
OURS = "mixture"
MOST_JOBS = 2


class Replicate(NamedTuple):
    """One log: its truth, what was found by method (estimate, low, high), and seconds for exact p and our estimate.

    `squared_covers` tells whether the interval of the squared distance does.
    """

    size: float
    tvd: float
    pvalue: float
    pvalue_common: float
    squared_covers: bool
    seconds: float
    found: dict[str, tuple[float, float, float]]


class Summary(NamedTuple):
    """One method in one cell. `by_size` is the bias at each distance aimed at; `coverage` NaN where no interval."""

    cell: Cell
    method: str
    bias: float
    by_size: tuple[float, ...]
    rmse: float
    coverage: float
    width: float


def replicate(cell: Cell, number: int, seed: int) -> Replicate:
    """Draw one log and put every method to it."""
    log = draw(cell, number, seed)
    rng = np.random.default_rng((seed, number, 1))
    start = time.perf_counter()
    pvalue = permutation_test(log.treated, log.control, rng=rng).pvalue
    found, seconds = {}, 0.0
    for method in (OURS, *(name for name in METHODS if name != OURS)):
        result = corrected_tvd(log.treated, log.control, pvalue=pvalue, method=method)
        found[method] = (result.estimate, result.ci_low, result.ci_high)
        seconds = seconds or time.perf_counter() - start
    common = common_direction_test(log.treated, log.control, rng=rng).pvalue
    squared = l2_squared(log.treated, log.control)
    covers = bool(squared.ci_low <= log.squared <= squared.ci_high)
    return Replicate(log.size, log.tvd, pvalue, common, covers, seconds, found)


def run_cell(cell: Cell, n_replicates: int, seed: int) -> list[Replicate]:
    """Draw all of a cell's logs."""
    return [replicate(cell, number, seed) for number in range(n_replicates)]


def summarise(cell: Cell, replicates: list[Replicate]) -> list[Summary]:
    """Return one summary a method."""
    truth, size = (np.array([getattr(r, name) for r in replicates]) for name in ("tvd", "size"))
    rows = []
    for method in METHODS:
        estimate, low, high = np.array([r.found[method] for r in replicates]).T
        error = estimate - truth
        covered = (low <= truth + 1e-12) & (truth <= high + 1e-12)
        rows.append(
            Summary(
                cell,
                method,
                bias=error.mean(),
                by_size=tuple(error[size == s].mean() for s in np.unique(size)),
                rmse=np.sqrt((error**2).mean()),
                coverage=np.nan if np.isnan(low).any() else covered.mean(),
                width=(high - low).mean(),
            )
        )
    return rows


# The page.


def name(cell: Cell) -> str:
    """Return a cell's name, which `--cells` matches."""
    return f"{cell.drift}-K{cell.n_answers}-n{cell.n_trials}-P{cell.n_personas}"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(header), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def corrections_table(summaries: list[Summary]) -> str:
    """Return bias / RMSE of every method, a row a cell; the smallest RMSE is bold."""
    rows = []
    for cell, group in groupby(summaries, key=lambda s: s.cell):
        of_cell = list(group)
        least = min(s.rmse for s in of_cell)
        shown = [f"{s.bias:+.3f} / {s.rmse:.3f}" for s in of_cell]
        rows.append([name(cell), *(f"**{x}**" if s.rmse == least else x for s, x in zip(of_cell, shown, strict=True))])
    return table(["cell", *METHODS], rows)


def intervals_table(summaries: list[Summary], results: dict[Cell, list[Replicate]]) -> str:
    """Return coverage of each interval, our width and bias by size, and how often each test rejects."""
    rows = []
    for cell, group in groupby(summaries, key=lambda s: s.cell):
        of_cell = {s.method: s for s in group}
        ours = of_cell[OURS]
        rows.append(
            [
                name(cell),
                *(f"{of_cell[m].coverage:.3f}" for m in METHODS),
                f"{ours.width:.3f}",
                " ".join(f"{bias:+.3f}" for bias in ours.by_size),
                f"{share(results[cell], lambda r: r.squared_covers):.3f}",
                f"{share(results[cell], lambda r: r.pvalue <= LEVEL):.3f}",
                f"{share(results[cell], lambda r: r.pvalue_common <= LEVEL):.3f}",
            ]
        )
    columns = [*(f"{m} covers" for m in METHODS), "mixture width", "mixture bias by size", "squared distance covers"]
    return table(["cell", *columns, "distance test rejects", "common-direction test rejects"], rows)


def share(replicates: list[Replicate], holds: Callable[[Replicate], bool]) -> float:
    """Return the share of the replicates for which something holds."""
    return float(np.mean([holds(r) for r in replicates]))


def losses(replicates: list[Replicate]) -> dict[str, tuple[bool, bool]]:
    """Tell by other method whether our RMSE is larger, and whether by more than two standard errors."""
    truth = np.array([r.tvd for r in replicates])
    square = {m: (np.array([r.found[m][0] for r in replicates]) - truth) ** 2 for m in METHODS}
    lost = {}
    for method in METHODS:
        excess = square[OURS] - square[method]
        error = excess.std() / np.sqrt(len(excess))
        lost[method] = (bool(excess.mean() > 0), bool(excess.mean() > 2 * error))
    return {method: lost[method] for method in METHODS if method != OURS}


def targets(results: dict[Cell, list[Replicate]], summaries: list[Summary]) -> str:
    """Return what was aimed at, in how many cells it was reached, and the cells that miss it."""
    ours = {s.cell: s for s in summaries if s.method == OURS}
    lost = {cell: losses(found) for cell, found in results.items()}
    limit = LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / min(map(len, results.values())))
    null = {cell: found for cell, found in results.items() if cell.drift == "none"}
    large = [s for s in ours.values() if s.cell.n_personas == 100]
    small = [s for s in ours.values() if s.cell.n_personas == 10]
    checks = [
        ("abs(bias) <= .02, 30 trials x 100 personas", [(s.cell, abs(s.bias) <= 0.02) for s in large if is_long(s)]),
        ("RMSE <= .03, 30 trials x 100 personas", [(s.cell, s.rmse <= 0.03) for s in large if is_long(s)]),
        ("abs(bias) <= .05, 5 trials x 100 personas", [(s.cell, abs(s.bias) <= 0.05) for s in large if is_short(s)]),
        ("coverage >= .93, 100 personas", [(s.cell, s.coverage >= 0.93) for s in large]),
        ("coverage >= .90, 10 personas", [(s.cell, s.coverage >= 0.90) for s in small]),
        ("RMSE no worse than every other", [(c, not any(worse for worse, _ in of.values())) for c, of in lost.items()]),
        *(
            (
                f"type I error of the {test} test <= {limit:.3f}",
                [(c, share(f, holds) <= limit) for c, f in null.items()],
            )
            for test, holds in (
                ("distance", lambda r: r.pvalue <= LEVEL),
                ("common-direction", lambda r: r.pvalue_common <= LEVEL),
            )
        ),
        (
            "RMSE not worse than any other by two standard errors",
            [(c, not any(clearly for _, clearly in of.values())) for c, of in lost.items()],
        ),
        *(
            (f"RMSE no worse than {method}", [(c, not of[method][0]) for c, of in lost.items()])
            for method in METHODS
            if method != OURS
        ),
    ]
    rows = [
        [aim, f"{sum(ok for _, ok in held)} of {len(held)}", ", ".join(name(c) for c, ok in held if not ok)]
        for aim, held in checks
        if held
    ]
    return table(["aim", "cells", "cells that miss it"], rows)


def is_long(summary: Summary) -> bool:
    """Tell whether a cell has 30 trials an arm."""
    return summary.cell.n_trials == 30


def is_short(summary: Summary) -> bool:
    """Tell whether a cell has 5 trials an arm."""
    return summary.cell.n_trials == 5


def page(results: dict[Cell, list[Replicate]], *, n_replicates: int, seed: int, date: str) -> str:
    """Return the whole page."""
    summaries = [s for cell, replicates in results.items() for s in summarise(cell, replicates)]
    seconds = [r.seconds for found in results.values() for r in found]
    error = np.sqrt(0.95 * 0.05 / n_replicates)
    sizes = "; ".join(f"{kind} {', '.join(map(str, values))}" for kind, values in SIZES.items())
    made = (
        f"Commit {commit()}, seed {seed}, {n_replicates} replicates a cell, {date}. A coverage of .95 has a "
        f"simulation error of {error:.3f}. Exact p, estimate and interval took {np.mean(seconds):.2f} s on "
        f"average, {max(seconds):.2f} s at most."
    )
    return "\n\n".join(
        [
            made,
            f"A cell is drift-Kanswers-ntrials an arm-Ppersonas. Mean distances aimed at, in turn: {sizes}.",
            "### Targets",
            targets(results, summaries),
            "### Bias / RMSE",
            corrections_table(summaries),
            "### Coverage of nominal 95 % intervals, and the tests at 5 % (type I error where drift is none)",
            intervals_table(summaries, results),
        ]
    )


def write(text: str) -> None:
    """Put the page into the README, below the line that says it is made."""
    readme = PAGES / "README.md"
    marker = "<!-- made by python -m benchmarks.validity --write -->"
    head = readme.read_text(encoding="utf-8").split(marker)[0]
    readme.write_text(f"{head}{marker}\n\n{text}\n", encoding="utf-8")


def main() -> None:
    """Run the cells asked for and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity", description=__doc__)
    parser.add_argument("--replicates", type=int, default=200, help="logs a cell (default 200)")
    parser.add_argument(
        "--cells", nargs="*", default=[], help="parts of names, such as few-K10 or n30-P100 (default all)"
    )
    parser.add_argument("--jobs", type=int, default=1, choices=range(1, MOST_JOBS + 1), help="processes")
    parser.add_argument("--seed", type=int, default=20260605)
    parser.add_argument("--date", default="date not given", help="written into the page")
    parser.add_argument("--write", action="store_true", help="write the page into README.md")
    asked = parser.parse_args()
    chosen = [
        cell for cell in cells() if any(set(part.split("-")) <= set(name(cell).split("-")) for part in asked.cells)
    ]
    chosen = chosen if asked.cells else cells()
    if not chosen:
        parser.error(f"no cell's name holds any of {asked.cells}; they are like {name(cells()[0])}")
    with ProcessPoolExecutor(asked.jobs) as pool:
        runs = {cell: pool.submit(run_cell, cell, asked.replicates, asked.seed) for cell in chosen}
        results = {cell: run.result() for cell, run in runs.items()}
    text = page(results, n_replicates=asked.replicates, seed=asked.seed, date=asked.date)
    print(text)
    if asked.write:
        write(text)


if __name__ == "__main__":
    main()
