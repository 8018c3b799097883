"""Comparisons of two drifts of known truth: `python -m benchmarks.validity.drift.comparisons --help`."""

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.page import commit
from benchmarks.validity.drift.corrected_distance import table
from benchmarks.validity.drift.generator import FloatArray
from confound.statistics.drift.change import change_in_drift
from confound.statistics.drift.measured import MeasuredDrift, measured_drift
from confound.statistics.effect.difference import paired_difference

PAGE = Path(__file__).parents[1] / "comparisons.md"
LEVEL = 0.05
PERSONAS, ANSWERS = 100, 4
TRIALS = (30, 10)
CONTROLS = 6
# Concentration of answers that are nearly even; share of other answers where a persona nearly always gives one.
EVEN, REST = 8.0, 0.03
STRONG, ONE_IN = 0.6, 6
LARGEST = 0.7


ABOUT = f"""Logs of each shape, distance and number of trials are measured once. A cell compares each log of its
earlier side with the next log of its later one, or the next six with six, as the controls of the same personas. Answers
are nearly *even*, in all proportions (*mixed*), or nearly always the same (*sharp*). *All* personas drift alike, by
*exponential* amounts, as *few* as it takes by {STRONG}, or one in {ONE_IN} (*sixth*)."""


class Shape(NamedTuple):
    """How varied a persona's answers are, and how drift is spread over personas.

    Attributes
    ----------
    answers : {"even", "mixed", "sharp"}
        Nearly even shares; any shares; nearly always one answer.
    spread : {"all", "exponential", "few", "sixth"}
        All personas drift alike; by exponential amounts; as few as it takes drift by `STRONG`; one in `ONE_IN` drifts.
    """

    answers: str
    spread: str


EVEN_ALL, MIXED_ALL, SHARP_ALL = (Shape(answers, "all") for answers in ("even", "mixed", "sharp"))
MIXED_FEW, MIXED_SIXTH, MIXED_EXPONENTIAL = (Shape("mixed", spread) for spread in ("few", "sixth", "exponential"))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two drifts to be compared.

    Attributes
    ----------
    earlier, later : Shape
    sizes : tuple of float
        True distances, earlier and later.
    n_trials, n_controls : int
    """

    earlier: Shape
    later: Shape
    sizes: tuple[float, float]
    n_trials: int
    n_controls: int = 1


UNLIKE = (
    (EVEN_ALL, SHARP_ALL),
    (SHARP_ALL, EVEN_ALL),
    (MIXED_ALL, MIXED_FEW),
    (MIXED_FEW, MIXED_ALL),
    (MIXED_ALL, MIXED_EXPONENTIAL),
    (SHARP_ALL, MIXED_FEW),
    (EVEN_ALL, MIXED_FEW),
    (MIXED_EXPONENTIAL, MIXED_FEW),
)
ALIKE = (MIXED_ALL, SHARP_ALL, MIXED_EXPONENTIAL, MIXED_SIXTH)
FALLS = ((0.1, 0.07), (0.1, 0.0), (0.2, 0.1))
EQUAL = ((MIXED_ALL, 0.0), (SHARP_ALL, 0.0), (MIXED_ALL, 0.1), (SHARP_ALL, 0.1), (MIXED_SIXTH, 0.1))
TOGETHER = ((EVEN_ALL, SHARP_ALL), (MIXED_ALL, MIXED_FEW), (EVEN_ALL, MIXED_FEW))


def pairs() -> list[Pair]:
    """Return every cell: equal distances of unlike and of alike shapes, then falling distances of alike shapes."""
    level = [Pair(*shapes, (0.1, 0.1), n) for n in TRIALS for shapes in UNLIKE]
    level += [Pair(shape, shape, (size, size), n) for n in TRIALS for shape, size in EQUAL]
    several = [Pair(*shapes, (0.1, 0.1), n, CONTROLS) for n in TRIALS for shapes in TOGETHER]
    # One persona in six cannot drift by more than it has, so that a larger drift has another shape.
    power = [
        Pair(shape, shape, sizes, n)
        for n in TRIALS
        for shape in ALIKE
        for sizes in FALLS
        if (shape, sizes[0]) != (MIXED_SIXTH, 0.2)
    ]
    power += [Pair(shape, shape, (0.1, 0.07), n, CONTROLS) for n in TRIALS for shape in ALIKE]
    return level + several + power


def shares(shape: Shape, size: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return the personas' shares in the control and the treated arm; drift is towards the answer least given."""
    if shape.answers == "sharp":
        control = (1 - REST) * np.eye(ANSWERS)[rng.integers(ANSWERS, size=PERSONAS)] + REST / ANSWERS
    else:
        control = rng.dirichlet(np.full(ANSWERS, EVEN if shape.answers == "even" else 1.0), size=PERSONAS)
    aim = np.eye(ANSWERS)[control.argmin(axis=1)]
    gap = 0.5 * np.abs(aim - control).sum(axis=1)
    part = np.minimum(1.0, by_persona(shape.spread, size, rng) / gap)
    return control, control + part[:, None] * (aim - control)


def by_persona(spread: str, size: float, rng: np.random.Generator) -> FloatArray:
    """Return each persona's distance, of mean `size`."""
    if spread == "exponential":
        drawn = np.minimum(size * rng.exponential(size=PERSONAS), LARGEST)
        return drawn * size / max(float(drawn.mean()), 1e-9)
    n_drifting = {"all": PERSONAS, "few": round(size / STRONG * PERSONAS), "sixth": PERSONAS // ONE_IN}[spread]
    made = np.zeros(PERSONAS)
    made[rng.permutation(PERSONAS)[:n_drifting]] = size * PERSONAS / max(n_drifting, 1)
    return made


class Side(NamedTuple):
    """What is measured: drift of a shape and a mean distance, and trials an arm."""

    shape: Shape
    size: float
    n_trials: int


Measured = tuple[MeasuredDrift, float]  # and the true distance


def earlier(pair: Pair) -> Side:
    """Return the earlier side of a pair."""
    return Side(pair.earlier, pair.sizes[0], pair.n_trials)


def later(pair: Pair) -> Side:
    """Return the later side of a pair."""
    return Side(pair.later, pair.sizes[1], pair.n_trials)


def measure(side: Side, n_replicates: int, seed: int) -> list[Measured]:
    """Draw and measure logs of one kind."""
    key = [seed, *map(ord, "".join(side.shape)), round(1000 * side.size), side.n_trials]
    return [_measured(side, np.random.default_rng([*key, i])) for i in range(n_replicates)]


def _measured(side: Side, rng: np.random.Generator) -> Measured:
    control, treated = shares(side.shape, side.size, rng)
    found = measured_drift(rng.multinomial(side.n_trials, treated), rng.multinomial(side.n_trials, control))
    return found, float(0.5 * np.abs(treated - control).sum(axis=1).mean())


class Found(NamedTuple):
    """One replicate: errors of both estimates, whether both tests reject, the interval's coverage and width."""

    signed_root_error: float
    signed_root_rejects: bool
    error: float
    rejects: bool
    covers: bool
    width: float


def compare(later: Sequence[Measured], earlier: Sequence[Measured]) -> Found:
    """Compare two sides by the paired t test of `persona_drift` and by `change_in_drift`."""
    truth = float(np.mean([distance for _, distance in later]) - np.mean([distance for _, distance in earlier]))
    measured = [[drift for drift, _ in side] for side in (later, earlier)]
    root = paired_difference(*(np.mean([drift.by_persona for drift in side], axis=0)[:, None] for side in measured))
    found = change_in_drift(*measured)
    return Found(
        float(root.estimate[0]) - truth,
        bool(root.pvalue[0] <= LEVEL),
        found.estimate - truth,
        found.pvalue <= LEVEL,
        found.ci_low - 1e-9 <= truth <= found.ci_high + 1e-9,
        found.ci_high - found.ci_low,
    )


def cell(pair: Pair, measured: Mapping[Side, Sequence[Measured]]) -> FloatArray:
    """Return the means of `Found` over replicates."""
    one, other = measured[earlier(pair)], measured[later(pair)]
    n = pair.n_controls
    found = [compare(_taken(other, i + n, n), _taken(one, i, n)) for i in range(len(one))]
    return np.asarray(np.mean(found, axis=0))


def _taken(measured: Sequence[Measured], start: int, n: int) -> list[Measured]:
    return [measured[i % len(measured)] for i in range(start, start + n)]


def name(pair: Pair) -> str:
    """Return what a cell is called."""
    shapes = [f"{shape.answers}, {shape.spread}" for shape in (pair.earlier, pair.later)]
    shape = shapes[0] if shapes[0] == shapes[1] else " -> ".join(shapes)
    several = f", {pair.n_controls} controls" if pair.n_controls > 1 else ""
    return f"{shape}; {pair.sizes[0]:g} -> {pair.sizes[1]:g}; {pair.n_trials} trials{several}"


HEAD = ("shapes; distances; trials", "t rejects", "rejects", "t bias", "bias", "coverage", "width")


def rows(found: Sequence[tuple[Pair, FloatArray]]) -> list[list[str]]:
    """Return the lines of the table."""
    made = []
    for pair, (root_error, root_rejects, error, rejects, covers, width) in found:
        figures = (root_rejects, rejects, root_error, error, covers, width)
        formats = (".2f", ".2f", "+.3f", "+.3f", ".2f", ".3f")
        made.append([name(pair), *(format(figure, form) for figure, form in zip(figures, formats, strict=True))])
    return made


def page(found: Sequence[tuple[Pair, FloatArray]], *, replicates: int, made: str) -> str:
    """Return the whole page."""
    limits = {n: LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / max(1, replicates // n)) for n in (1, CONTROLS)}
    equal = [(pair, figures) for pair, figures in found if pair.sizes[0] == pair.sizes[1]]
    above = [f"{name(pair)} ({figures[3]:.2f})" for pair, figures in equal if figures[3] > limits[pair.n_controls]]
    falling = [(pair, figures) for pair, figures in found if pair.sizes[0] != pair.sizes[1]]
    lost = max(float(figures[1] - figures[3]) for _, figures in falling)
    above_line = (
        f"Above .05 by more than three errors ({limits[1]:.3f}; of {CONTROLS} controls {limits[CONTROLS]:.3f}): "
        f"{'; '.join(above) or 'none'}."
    )
    return "\n\n".join(
        [
            "# Do comparisons of drift hold their level where shapes differ?",
            f"{made} {PERSONAS} personas, {ANSWERS} answers.",
            f"{ABOUT} *t*: the paired t test of `persona_drift` alone.",
            f"{above_line} The most power lost to the t test where shapes are alike: {lost:.2f}.",
            "## Equal distances",
            table(HEAD, rows(equal)),
            "## Falling distances, alike shapes",
            table(HEAD, rows(falling)),
        ]
    )


def main() -> None:
    """Run every cell and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.drift.comparisons", description=__doc__)
    parser.add_argument("--replicates", type=int, default=200, help="logs of a kind (default 200)")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=20260605)
    parser.add_argument("--date", default="date not given", help="written into the page")
    parser.add_argument("--write", action="store_true", help=f"write the page into {PAGE.name}")
    asked = parser.parse_args()
    sides = sorted({side(pair) for pair in pairs() for side in (earlier, later)})
    with ProcessPoolExecutor(asked.jobs) as pool:
        futures = {side: pool.submit(measure, side, asked.replicates, asked.seed) for side in sides}
        measured = {side: future.result() for side, future in futures.items()}
    found = [(pair, cell(pair, measured)) for pair in pairs()]
    made = f"Commit {commit()}, seed {asked.seed}, {asked.replicates:,} logs of a kind, {asked.date}."
    text = page(found, replicates=asked.replicates, made=made)
    print(text)
    if asked.write:
        PAGE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
