"""The decomposition alone, as Markdown; ``--write`` keeps it in benchmarks/README.md."""

import argparse
import os
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.page import circumstances, keep
from benchmarks.speed.table import of_rounds, range_of
from confound.statistics.effect import bootstrap, decomposition
from confound.statistics.effect.population_shift import shifts
from confound.statistics.effect.standardization import Conversations, standardize

GROUPS, ITERATIONS, PERSONAS, TRIALS = 18, 14, 100, 30

FloatArray = NDArray[np.float64]


def adjustment(rng: np.random.Generator) -> None:
    """Decompose one group at all iterations, and estimate its steps."""
    treated, control = rng.normal(2.5, 0.5, size=(2, PERSONAS, ITERATIONS))
    decomposition.decompose(decomposition.by_adjustment(treated, control, paired=True), rng=rng)
    decomposition.steps(treated, control, paired=True, rng=rng)


def source(rng: np.random.Generator) -> None:
    """Decompose one group's 2 x 2 at all iterations."""
    means = rng.normal(2.5, 0.5, size=(PERSONAS, ITERATIONS - 1, 2, 2))
    groups = decomposition.by_source(means, arms_paired=True, sources_paired=True)
    decomposition.decompose(groups, rng=rng)


def standardization(rng: np.random.Generator) -> None:
    """Standardize one group's conversations over three confounders of four answers, by both estimators."""
    n = PERSONAS * TRIALS * 2
    answers = rng.integers(0, 4, size=(n, 3))
    data = Conversations(
        outcome=rng.integers(1, 5, size=n).astype(float),
        confounders=np.hstack([np.eye(4)[column][:, 1:] for column in answers.T]),
        persona=np.repeat(np.arange(PERSONAS), TRIALS * 2),
        treated=np.tile([True, False], n // 2),
        n=np.ones(n),
    )
    for groups in standardize(data, paired=True).groups.values():
        decomposition.decompose(groups, rng=rng)


def population(rng: np.random.Generator) -> None:
    """Test one group's population shifts in eleven controls at all later iterations."""
    for _ in range(ITERATIONS - 1):
        shifts([rng.normal(0, 0.1, size=(PERSONAS, 6)) for _ in range(11)], rng=rng)


ROUTES = {
    "adjustment, and its steps": adjustment,
    "source": source,
    "standardization": standardization,
    "check: population shift of 11 controls": population,
}


def measure(rounds: int, seed: int) -> str:
    """Return seconds for all groups by route, as Markdown."""
    seconds: dict[str, list[float]] = {name: [] for name in ROUTES}
    made = circumstances(os.getloadavg()[0])
    standardization(np.random.default_rng(seed))  # loads statsmodels
    for number in range(rounds):
        for name, route in ROUTES.items():
            start = perf_counter()
            for group in range(GROUPS):
                route(np.random.default_rng([seed, number, group]))
            seconds[name].append(perf_counter() - start)
    seconds["all"] = [sum(parts) for parts in zip(*seconds.values(), strict=True)]
    rows = [f"| {name} | {range_of(values)} |" for name, values in seconds.items()]
    return f"""\
{GROUPS} groups (3 studies x 6 models) of {PERSONAS} personas, {ITERATIONS} iterations, {bootstrap.N_DRAWS:,} draws,
from persona means; of standardization {PERSONAS * TRIALS * 2:,} conversations a group. Seconds, one process.
{of_rounds(rounds)}; seed {seed}. {made}

| route | seconds |
| --- | --: |
{chr(10).join(rows)}"""


def main() -> None:
    """Measure, print, and keep the result where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.decomposition", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/README.md")
    given = parser.parse_args()
    text = measure(given.rounds, given.seed)
    print(text)
    if given.write:
        keep("decomposition", text)


if __name__ == "__main__":
    main()
