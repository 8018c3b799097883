"""Is drift found as often as `power` says? `python -m benchmarks.validity.drift.power --help`."""

import argparse
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.page import commit
from benchmarks.validity.drift.corrected_distance import table
from benchmarks.validity.drift.generator import FloatArray, IntArray
from confound.statistics.drift import power
from confound.statistics.drift.common_direction import cluster_direction_test, common_direction_test
from confound.statistics.drift.permutation import cluster_permutation_test, permutation_test
from confound.statistics.drift.several_controls import step_down_maxt

PAGE = Path(__file__).parents[1] / "power.md"
LEVEL = 0.05
STATED = 0.8
# What the tests may find instead of what is stated.
LEAST, MOST = 0.74, 0.86
# Personas of whom the true shares of a cell are made.
POOL = 2000
RESAMPLES = {"within": 399, "between": 999}
ABOUT = f"""`detectable_tvd` says which drift is found with power {STATED:.2f}, knowing how personas' shares are
spread. Logs with that drift are drawn and put to the tests themselves, at level {LEVEL}. A cell is a design, how
personas drift, shares, trials (n), answers (K), personas (P) and controls (q). `single`: one test, of the distance,
or of a common direction where it is common within subjects. Others: what the verdict decides by; `all` controls drift
by as much, or `one` alone, which is to be named. Shares are flat Dirichlet, `sharp` (concentration 1 about .5 and the
rest) or `alike` (20 about the same)."""
ABOUT_SHARES = f"""The same drift where shares are not known but seen in the log: taken as they are seen, or drawn by
`pool_of_shares`, of logs without drift, and with it. Figures are the true power of the drift said to be found with
{STATED:.2f}, by `power_to_detect` with the true shares: the mean over logs, and the least and the most."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A design, its drift, and who decides."""

    n_trials: int
    n_answers: int
    n_personas: int = 100
    n_controls: int = 1
    test: Literal["single", "verdict"] = "verdict"
    drifting: Literal["all", "one"] = "all"
    direction: power.Direction = "varied"
    design: power.Design = "within"
    shares: Literal["flat", "sharp", "alike"] = "flat"
    n_contrasts: int = 1

    @property
    def family(self) -> power.Family | None:
        """Return what is decided together."""
        return None if self.test == "single" else power.Family(self.n_controls, self.n_contrasts, self.drifting)

    def __str__(self) -> str:
        who = f"{self.n_controls}q {self.drifting}" if self.n_controls > 1 else f"1q {self.test}"
        more = f" {self.n_contrasts}c" if self.n_contrasts > 1 else ""
        size = f"n{self.n_trials} K{self.n_answers} P{self.n_personas}"
        return f"{self.design} {self.direction} {self.shares} {size} {who}{more}"


class Found(NamedTuple):
    """What one cell gave."""

    stated: float  # the drift said to be found
    achieved: float  # share of logs in which it was


def cells() -> list[Cell]:
    """Return the cells of the page."""
    sizes = list(product((2, 5, 10, 30), (2, 4, 10)))
    between = list(product((1, 5), (2, 4, 10)))
    return [
        *(Cell(n, k, test=test) for n, k in sizes for test in ("single", "verdict")),
        *(Cell(n, k, shares="sharp") for n, k in sizes if n in (2, 10)),
        *(Cell(n, 4, shares="alike") for n in (2, 10)),
        *(Cell(n, k, n_personas=10) for n, k in sizes if n in (5, 30)),
        *(Cell(n, k, direction="common", test=test) for n, k in ((2, 4), (10, 4)) for test in ("single", "verdict")),
        *(Cell(n, k, direction="common", design="between", test=t) for n, k in between for t in ("single", "verdict")),
        *(Cell(n, k, n_controls=12) for n, k in sizes),
        *(Cell(n, k, n_controls=12, drifting="one") for n, k in sizes),
        *(Cell(n, 4, n_controls=12, shares="sharp") for n in (2, 10)),
        Cell(10, 4, n_controls=12, direction="common"),
        Cell(10, 4, n_controls=12, n_contrasts=6),
        *(
            Cell(n, k, n_controls=12, drifting=drifting, direction="common", design="between")
            for n, k in between
            for drifting in ("all", "one")
        ),
        *(Cell(n, 4, n_controls=64, drifting=drifting) for n in (2, 10) for drifting in ("all", "one")),
        Cell(1, 4, n_controls=64, direction="common", design="between"),
    ]


def drawn_shares(cell: Cell, size: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Draw personas' shares, shape (*size, answers)."""
    return rng.dirichlet(_concentration(cell), size=size)


def _concentration(cell: Cell) -> FloatArray:
    k = cell.n_answers
    if cell.shares == "flat":
        return np.ones(k)
    return {"sharp": 1.0, "alike": 20.0}[cell.shares] * np.array([0.5, *[0.5 / (k - 1)] * (k - 1)])


def log(cell: Cell, drift: float, rng: np.random.Generator) -> IntArray:
    """Draw a log, shape (controls, 2, personas, answers); axis 1: control arm, treated arm."""
    size = (cell.n_controls, cell.n_personas)
    before = drawn_shares(cell, size, rng)
    start = before if cell.design == "within" else drawn_shares(cell, size, rng)
    target, moved = _targets(cell, drift, rng)
    if cell.drifting == "one":
        moved[1:] = 0
    after = start + moved[:, None, None] * (np.eye(cell.n_answers)[target] - start)
    return np.stack([rng.multinomial(cell.n_trials, shares) for shares in (before, after)], axis=1)


def _targets(cell: Cell, drift: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Return the answer that each persona drifts towards, and the share of answers that moves in each control."""
    if cell.direction == "varied":
        target = rng.integers(cell.n_answers, size=(cell.n_controls, cell.n_personas))
        return target, np.full(cell.n_controls, min(1.0, drift / (1 - 1 / cell.n_answers)))
    mean = _concentration(cell) / _concentration(cell).sum()
    to = rng.choice(np.flatnonzero(1 - mean >= drift), size=cell.n_controls)
    return np.repeat(to[:, None], cell.n_personas, axis=1), drift / (1 - mean[to])


def codes(counts: IntArray, design: power.Design, rng: np.random.Generator) -> IntArray:
    """Return a log by conversation, as `step_down_maxt` takes it; answers of one conversation go together at random."""
    n_controls, _, n_personas, n_answers = counts.shape
    n_trials = int(counts[0, 0, 0].sum())
    given = np.repeat(np.tile(np.arange(n_answers), counts[..., 0].size), counts.ravel())
    by_control = rng.permuted(given.reshape(n_controls, 2, n_personas, n_trials), axis=3)
    held = np.moveaxis(by_control, (0, 2), (3, 0))
    if design == "within":
        return held
    absent = np.full_like(held[:, 0], -1)
    return np.concatenate([np.stack([held[:, 0], absent], axis=1), np.stack([absent, held[:, 1]], axis=1)])


def finds(cell: Cell, drift: float, rng: np.random.Generator) -> bool:
    """Draw a log with this drift and return whether it is found."""
    counts, level = log(cell, drift, rng), LEVEL / cell.n_contrasts
    if cell.n_controls > 1:
        resamples = RESAMPLES[cell.design] * cell.n_contrasts
        held = codes(counts, cell.design, rng)
        together = step_down_maxt(held, design=cell.design, rng=rng, n_resamples=resamples)
        named = together.pvalue_named[0] if cell.drifting == "one" else 0.0
        return max(together.pvalue_joint, named) <= level
    distance, direction = _single_tests(cell, counts[0, 1], counts[0, 0], rng)
    if cell.test == "verdict":
        return 2 * min(distance(), direction()) <= level
    return (direction if (cell.design, cell.direction) == ("within", "common") else distance)() <= level


def _single_tests(
    cell: Cell, treated: IntArray, control: IntArray, rng: np.random.Generator
) -> tuple[Callable[[], float], Callable[[], float]]:
    n = RESAMPLES["between"]
    if cell.design == "within":
        return (
            lambda: permutation_test(treated, control, rng=rng).pvalue,
            lambda: common_direction_test(treated, control, rng=rng, n_resamples=n).pvalue,
        )
    return (
        lambda: cluster_permutation_test(treated, control, rng=rng, n_resamples=n).pvalue,
        lambda: cluster_direction_test(treated, control, rng=rng, n_resamples=n).pvalue,
    )


def run_cell(cell: Cell, replicates: int, seed: int) -> Found:
    """State the drift that is found with the power stated, and see how often it is."""
    rng = np.random.default_rng([seed, *map(ord, str(cell))])
    pool = drawn_shares(cell, (POOL,), rng)
    stated = detectable(cell, pool)
    if math.isnan(stated):
        return Found(stated, math.nan)
    return Found(stated, float(np.mean([finds(cell, stated, rng) for _ in range(replicates)])))


def detectable(cell: Cell, pool: FloatArray) -> float:
    """Return the drift that is said to be found."""
    return power.detectable_tvd(
        *(cell.n_personas, cell.n_trials, pool),
        rng=np.random.default_rng(0),
        direction=cell.direction,
        design=cell.design,
        family=cell.family,
    )


def seen_cells() -> list[Cell]:
    """Return the cells in which shares are taken from a log."""
    shares: tuple[Literal["flat", "sharp", "alike"], ...] = ("flat", "sharp", "alike")
    return [Cell(n, k, shares=s, test="single") for n, k, s in product((2, 5, 10, 30), (2, 10), shares)]


def powers_from_logs(cell: Cell, logs: int, seed: int) -> dict[str, list[float]]:
    """Return the true power of what is stated from logs: of shares as seen, and as drawn."""
    rng = np.random.default_rng([seed, *map(ord, str(cell))])
    pool = drawn_shares(cell, (POOL,), rng)
    true = detectable(cell, pool)
    found: dict[str, list[float]] = {"as seen": [], "drawn": [], "drawn, with that drift": []}
    for _ in range(logs):
        none, drifting = (log(cell, drift, rng)[0] for drift in (0.0, true))
        seen = none.sum(axis=0)
        pools = (seen / seen.sum(axis=1, keepdims=True), power.pool_of_shares(*none), power.pool_of_shares(*drifting))
        for name, shares in zip(found, pools, strict=True):
            found[name].append(_true_power(cell, detectable(cell, shares), pool))
    return found


def _true_power(cell: Cell, drift: float, pool: FloatArray) -> float:
    most = 1 - 1 / cell.n_answers - 0.01
    return power.power_to_detect(
        min(drift, most),
        personas=cell.n_personas,
        trials=cell.n_trials,
        answers=pool,
        rng=np.random.default_rng(0),
        direction=cell.direction,
        design=cell.design,
        family=cell.family,
    )


def page(results: dict[Cell, Found], seen: dict[Cell, dict[str, list[float]]], replicates: int, made: str) -> str:
    """Return the whole page."""
    error = math.sqrt(STATED * (1 - STATED) / replicates)
    off = [f"{cell} ({f.achieved:.2f})" for cell, f in results.items() if not LEAST <= f.achieved <= MOST]
    body = [[str(cell), f"{found.stated:.3f}", f"{found.achieved:.3f}"] for cell, found in results.items()]
    ranges = [
        [str(cell), *(f"{np.mean(p):.2f} ({min(p):.2f} to {max(p):.2f})" for p in powers.values())]
        for cell, powers in seen.items()
    ]
    return "\n\n".join(
        [
            "# Is drift found as often as stated?",
            f"{made} Made by `python -m benchmarks.validity.drift.power --write`.",
            f"{ABOUT} The simulation error of a figure is {error:.3f}.",
            f"Cells outside {LEAST} to {MOST}, of {len(results)}: {'; '.join(off) or 'none'}.",
            table(["cell", "drift stated", "found"], body),
            "## Shares known from the log alone",
            ABOUT_SHARES,
            table(["cell", *next(iter(seen.values()))], ranges),
        ]
    )


def main() -> None:
    """Run every cell and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.drift.power", description=__doc__)
    parser.add_argument("--replicates", type=int, default=200, help="logs a cell (default 200)")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=20260605)
    parser.add_argument("--date", default="date not given", help="written into the page")
    parser.add_argument("--write", action="store_true", help=f"write the page into {PAGE.name}")
    asked = parser.parse_args()
    few = max(2, asked.replicates // 25)
    with ProcessPoolExecutor(asked.jobs) as workers:
        runs = {cell: workers.submit(run_cell, cell, asked.replicates, asked.seed) for cell in cells()}
        logs = {cell: workers.submit(powers_from_logs, cell, few, asked.seed) for cell in seen_cells()}
        results = {cell: run.result() for cell, run in runs.items()}
        seen = {cell: run.result() for cell, run in logs.items()}
    made = f"Commit {commit()}, seed {asked.seed}, {asked.replicates} logs a cell, {asked.date}."
    text = page(results, seen, asked.replicates, made)
    print(text)
    if asked.write:
        PAGE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
