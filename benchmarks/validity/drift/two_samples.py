"""The distance of two samples, on tables of known truth: `python -m benchmarks.validity.drift.two_samples --help`."""

import argparse
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.page import commit
from benchmarks.validity.drift.corrected_distance import table
from benchmarks.validity.drift.generator import FloatArray, IntArray, scaled, tilted
from confound.statistics.arrays import BoolArray
from confound.statistics.drift.corrected_distance import corrected_tvd
from confound.statistics.drift.distance import plugin
from confound.statistics.drift.permutation import permutation_test

PAGE = Path(__file__).parents[1] / "two_samples.md"
LEVEL = 0.05
ANSWERS = (2, 3, 5, 10, 20)
SIZES = ((30, 30), (60, 30), (60, 60), (200, 200), (1000, 1000))
DISTANCES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
SHARES = ("even", "dirichlet", "sharp")
DRIFTS = ("one", "spread", "odds")
# Share of the answer that most give; the others share the rest at random.
SHARP = 0.85
# Answers in both arms above which the test is drawn: its exact law takes seconds there with 20 answers.
DRAWN_ABOVE = 400
RESAMPLES = 1999
TRIES = 100
TOLERANCE = 1e-6

OURS = "mixture"
COMPARED = (OURS, "plugin", "null", "jackknife", "folded")
# The least coverage aimed at in a cell.
AIM = 0.93
ABOUT = f"""A cell is a number of answers K, the sizes of both samples, a true distance and a kind of drift: to one
answer, from half of the answers to the others, or log odds moved by normal amounts. Shares before drift are even,
Dirichlet or sharp ({SHARP} for one answer) in turn. Figures are means over cells; in brackets the least coverage. The
nominal coverage is .95."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A design and its truth.

    Attributes
    ----------
    n_answers : int
        K.
    sizes : tuple of int
        Answers in the treated and the control arm.
    distance : float
        True total variation distance.
    drift : str
        One of `DRIFTS`: to one answer; from half of the answers to the other half; or log odds moved by normal amounts.
    """

    n_answers: int
    sizes: tuple[int, int]
    distance: float
    drift: str


class Found(NamedTuple):
    """One table: what was found by method, as (estimate, low, high)."""

    truth: float
    rejects: bool
    by_method: dict[str, tuple[float, float, float]]


class Summary(NamedTuple):
    """One method over the tables of a cell, or of several; `coverage` is NaN where it has no interval."""

    bias: float
    rmse: float
    coverage: float
    width: float
    upper: float


def cells(answers: Iterable[int] = ANSWERS, sizes: Iterable[tuple[int, int]] = SIZES) -> list[Cell]:
    """Return every cell; without drift there is one kind of it."""
    designs = product(answers, sizes, DISTANCES, DRIFTS)
    return [Cell(k, n, d, drift) for k, n, d, drift in designs if d > 0 or drift == DRIFTS[0]]


def true_shares(cell: Cell, shares: str, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return the shares in the treated and the control arm, `cell.distance` apart.

    Shares that leave no room for the drift are drawn again; where they never do (a sharp control has no room for a
    large drift to its common answer) all moves to the rarest answer.
    """
    for _ in range(TRIES):
        control = _control(cell.n_answers, shares, rng)
        treated = _drifted(control, cell, rng)
        if treated.min() >= 0 and abs(np.abs(treated - control).sum() / 2 - cell.distance) < TOLERANCE:
            return treated, control
    return _moved(control, cell.distance, np.arange(cell.n_answers) == control.argmin()), control


def _drifted(control: FloatArray, cell: Cell, rng: np.random.Generator) -> FloatArray:
    if cell.drift == "odds":
        direction = rng.normal(size=cell.n_answers)
        return scaled(control[None], cell.distance, lambda c: tilted(control[None], c * direction))[0]
    gaining = 1 if cell.drift == "one" else cell.n_answers // 2
    return _moved(control, cell.distance, rng.permutation(cell.n_answers) < gaining)


def _moved(control: FloatArray, distance: float, gains: BoolArray) -> FloatArray:
    """Move `distance` from the other answers, in proportion to their shares, evenly to those that gain."""
    return control + distance * np.where(gains, 1 / gains.sum(), -control / control[~gains].sum())


def _control(n_answers: int, shares: str, rng: np.random.Generator) -> FloatArray:
    if shares == "even":
        return np.full(n_answers, 1 / n_answers)
    if shares == "dirichlet":
        return rng.dirichlet(np.ones(n_answers))
    return np.append(SHARP, (1 - SHARP) * rng.dirichlet(np.ones(n_answers - 1)))


def draw(cell: Cell, number: int, seed: int) -> tuple[IntArray, IntArray]:
    """Draw one table, rows of shape (1, answers); the same (cell, number, seed) gives the same one."""
    place = (ANSWERS.index(cell.n_answers), SIZES.index(cell.sizes), DISTANCES.index(cell.distance))
    rng = np.random.default_rng((seed, number, *place, DRIFTS.index(cell.drift)))
    treated, control = true_shares(cell, SHARES[number % len(SHARES)], rng)
    return rng.multinomial(cell.sizes[0], treated)[None], rng.multinomial(cell.sizes[1], control)[None]


def pvalue(treated: IntArray, control: IntArray, rng: np.random.Generator) -> float:
    """Return the p-value of no drift: exact, or drawn where that is slow."""
    if treated.sum() + control.sum() <= DRAWN_ABOVE:
        return permutation_test(treated, control, rng=rng).pvalue
    margin, size = (treated + control)[0], treated.sum()
    drawn = rng.multivariate_hypergeometric(margin, size, size=RESAMPLES, method="marginals")
    gaps = np.abs(drawn / size - (margin - drawn) / control.sum()).sum(axis=1) / 2
    return float((1 + (gaps >= plugin(treated, control) - 1e-10).sum()) / (1 + RESAMPLES))


def measured(cell: Cell, number: int, seed: int, methods: Sequence[str]) -> Found:
    """Draw one table and put the methods to it."""
    treated, control = draw(cell, number, seed)
    rng = np.random.default_rng((seed, number, 1))
    found, p = {}, pvalue(treated, control, rng)
    for method in methods:
        result = corrected_tvd(treated, control, pvalue=p, method=method)
        found[method] = (result.estimate, result.ci_low, result.ci_high)
    return Found(cell.distance, p <= LEVEL, found)


def run_cell(cell: Cell, n_tables: int, seed: int, methods: Sequence[str]) -> list[Found]:
    """Draw all of a cell's tables, shares of each kind in turn."""
    return [measured(cell, number, seed, methods) for number in range(n_tables)]


def summarise(tables: Sequence[Found], method: str) -> Summary:
    """Return bias, error, coverage and width of one method over tables."""
    truth = np.array([found.truth for found in tables])
    estimate, low, high = np.array([found.by_method[method] for found in tables]).T
    covered = (low <= truth + 1e-12) & (truth <= high + 1e-12)
    return Summary(
        bias=float((estimate - truth).mean()),
        rmse=float(np.sqrt(((estimate - truth) ** 2).mean())),
        coverage=np.nan if np.isnan(low).any() else float(covered.mean()),
        width=float((high - low).mean()),
        upper=float(high.mean()),
    )


def rows(results: dict[Cell, list[Found]], attribute: str) -> list[list[str]]:
    """Return bias and RMSE of every method, and our coverage and width, by the value of a cell's attribute."""
    made = []
    for value in dict.fromkeys(getattr(cell, attribute) for cell in results):
        of_value = [found for cell, found in results.items() if getattr(cell, attribute) == value]
        by_method = {method: [summarise(found, method) for found in of_value] for method in COMPARED}
        ours = by_method[OURS]
        errors = [f"{_mean(s, 'bias'):+.3f} / {_mean(s, 'rmse'):.3f}" for s in by_method.values()]
        coverage = f"{_mean(ours, 'coverage'):.3f} ({min(s.coverage for s in ours):.3f})"
        made.append([f"{attribute} {value}", *errors, coverage, f"{_mean(ours, 'width'):.3f}"])
    return made


def _mean(summaries: Sequence[Summary], field: str) -> float:
    return float(np.mean([getattr(summary, field) for summary in summaries]))


def low_coverage(results: dict[Cell, list[Found]]) -> list[str]:
    """Return the cells whose coverage is below what is aimed at by more than two simulation errors."""
    limit = AIM - 2 * np.sqrt(AIM * (1 - AIM) / min(map(len, results.values())))
    ours = {cell: summarise(found, OURS).coverage for cell, found in results.items()}
    return [
        f"K {cell.n_answers}, {cell.sizes}, {cell.drift} {cell.distance} ({coverage:.3f})"
        for cell, coverage in ours.items()
        if coverage < limit
    ]


def page(results: dict[Cell, list[Found]], made: str) -> str:
    """Return the whole page."""
    low = "; ".join(low_coverage(results)) or "none"
    columns = [*(f"{method}: bias / RMSE" for method in COMPARED), "mixture covers (least)", "mixture width"]
    body = [row for name in ("n_answers", "sizes", "distance", "drift") for row in rows(results, name)]
    return "\n\n".join(
        [
            "# The distance of two samples",
            f"{made} Made by `python -m benchmarks.validity.drift.two_samples --write`.",
            ABOUT,
            table(["cells", *columns], body),
            f"Cells that cover less than {AIM} by two simulation errors, of {len(results)}: {low}.",
        ]
    )


def main() -> None:
    """Run every cell and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.drift.two_samples", description=__doc__)
    parser.add_argument("--tables", type=int, default=200, help="tables a cell (default 200)")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=20260605)
    parser.add_argument("--date", default="date not given", help="written into the page")
    parser.add_argument("--write", action="store_true", help=f"write the page into {PAGE.name}")
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.jobs) as pool:
        runs = {cell: pool.submit(run_cell, cell, asked.tables, asked.seed, COMPARED) for cell in cells()}
        results = {cell: run.result() for cell, run in runs.items()}
    made = f"Commit {commit()}, seed {asked.seed}, {asked.tables} tables a cell, {asked.date}."
    text = page(results, made)
    print(text)
    if asked.write:
        PAGE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
