"""``python -m benchmarks.validity.verdict``: how often the verdict says what is not so, and what is."""

import argparse
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

import confound
from benchmarks.page import commit
from benchmarks.validity.verdict.logs import World, log

PAGE = Path(__file__).parents[1] / "verdict.md"
LEVEL = 0.05
# Without drift: false "drift shown".
FALSE_SHOWN = (
    *(World(controls=q, trials=t) for q in (1, 5, 64) for t in (1, 5, 30)),
    *(World(controls=q, trials=t, design="between") for q in (1, 5, 64) for t in (1, 5)),
    World(controls=300, trials=5, personas=50),
    World(controls=300, trials=1, design="between"),
    World(controls=5, models=6, trials=5),
    World(controls=5, models=6, trials=5, design="between"),
    World(controls=5, trials=10, linked=True),
    World(controls=64, trials=5, linked=True),
    World(controls=5, trials=5, linked=True, design="between"),
    World(controls=5, personas=10, trials=5),
    World(controls=1, trials=30, refusals=0.3),
    World(controls=5, trials=30, refusals=0.3),
    World(controls=5, trials=1, design="between", refusals=0.3),
)
# Drift at the margin of .05: false "shown to be small".
FALSE_SMALL = (
    World(controls=1, trials=30, drift="own", size=0.05),
    World(controls=1, trials=30, drift="common", size=0.05),
    World(controls=1, trials=100, drift="own", size=0.05),
    World(controls=1, personas=1000, trials=5, design="between", drift="common", size=0.05),
)
# What should be found; and no drift at all, which should be shown to be small.
POWER = (
    World(controls=64, drift="own", size=0.05),
    World(controls=64, drift="common", size=0.05),
    World(controls=1, trials=30, drift="own", size=0.1),
    World(controls=1, trials=30, drift="common", size=0.05),
    World(controls=16, trials=1, personas=60, design="between", drift="common", size=0.12),
)
TRULY_SMALL = (World(controls=1, trials=30), World(controls=1, trials=100), World(controls=5, trials=100))
OPTIONS = {"skip": ["effects", "decomposition", "sensitivity", "stabilization"], "workers": 1}


def states(world: World, number: int, *, seed: int, correction: str) -> Counter[str]:
    """Return what the verdict says of each model of one log."""
    rng = np.random.default_rng([seed, number, *map(ord, str(world))])
    design = None if world.design == "within" else "between"
    found = confound.analyze(log(world, rng), design=design, correction=correction, **OPTIONS)
    return Counter(str(finding.drift) for finding in found.verdict)


def shares(world: World, replicates: int, pool: ProcessPoolExecutor, *, seed: int, correction: str) -> Counter[str]:
    """Return how often each state is said over logs and models."""
    one = partial(states, world, seed=seed, correction=correction)
    return sum(pool.map(one, range(replicates)), Counter())


def rows(
    worlds: tuple[World, ...], replicates: int, pool: ProcessPoolExecutor, seed: int, correction: str
) -> Iterator[str]:
    """Return the lines of a table; where only `shown` is asked, a quick correction serves."""
    for world in worlds:
        found = shares(world, replicates, pool, seed=seed, correction=correction)
        n = found.total()
        error = 3 * np.sqrt(LEVEL * (1 - LEVEL) / n)
        cells = [f"{found[state] / n:.3f}" for state in ("shown", "small", "unsettled", "withheld")]
        line = f"| {world} | {n} | {' | '.join(cells)} | {LEVEL + error:.3f} |"
        print(line, flush=True)
        yield line


HEAD = "| world | models drawn | shown | small | unsettled | withheld | .05 + 3 errors |\n|---|---|---|---|---|---|---|"


def main() -> None:
    """Draw the logs, and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.verdict", description=__doc__)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--date", default="")
    parser.add_argument("--only", choices=("level", "small", "power"), help="one of the three tables")
    parser.add_argument("--write", action="store_true", help=f"keep the page in {PAGE.name}")
    given = parser.parse_args()
    parts = {
        "level": ("Without drift", FALSE_SHOWN, "null"),
        "small": ("Drift at the margin of .05, and none at all", FALSE_SMALL + TRULY_SMALL, "mixture"),
        "power": ("What should be found", POWER, "null"),
    }
    page = [f"Commit {commit()}, seed {given.seed}, {given.replicates} logs a line, {given.date}."]
    with ProcessPoolExecutor(given.jobs) as pool:
        for name, (title, worlds, correction) in parts.items():
            if given.only in (None, name):
                lines = rows(worlds, given.replicates, pool, given.seed, correction)
                page.append(f"### {title}\n\n{HEAD}\n" + "\n".join(lines))
    if given.write:
        PAGE.write_text(INTRODUCTION + "\n\n".join(page) + "\n", encoding="utf-8")


INTRODUCTION = """# Is the verdict right?

`python -m benchmarks.validity.verdict --replicates 200 --jobs 2 --date YYYY-MM-DD --write` draws logs whose drift is
known, runs the whole analysis on each, and counts what the verdict says of each model. A world is: models, negative
controls, personas an arm (p), trials (t), design, drift (`own`: each persona to an answer of its own; `common`: all to
the same one), whether controls of a conversation are linked by a mood, and the share of the first control's treated
answers that are refused at random.

"""

if __name__ == "__main__":
    main()
