"""``python -m benchmarks.validity.effect.decomposition``: the page on the decomposition's bias and coverage."""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from benchmarks.page import commit
from benchmarks.validity.effect.square import FloatArray, Log, Size, World, draw, truth
from confound.statistics.effect import bootstrap
from confound.statistics.effect.decomposition import QUANTITIES, Decomposition, by_adjustment, by_source, decompose
from confound.statistics.effect.difference import paired_difference
from confound.statistics.effect.population_shift import shift
from confound.statistics.effect.standardization import standardize

PAGE = Path(__file__).parents[1] / "decomposition.md"
MARK = "<!-- made by python -m benchmarks.validity.effect.decomposition --write -->"
SIZES = (Size("within", 100, 30), Size("within", 10, 5), Size("between", 100, 5))
BROKEN = {
    "nothing": World(),
    "incomplete confounders": World(complete=0.5),
    "imperfect conditioning": World(adherence=0.7),
    "moving population": World(moved=0.1),
}
ROUTES = ("adjustment", "source", "g-formula", "aipw")
LEVEL = 0.05


class Found(NamedTuple):
    """Estimates and whether intervals hold the truth, shape (replicates, 7), and standard errors."""

    estimate: FloatArray
    covered: FloatArray
    se: FloatArray


class Seen(NamedTuple):
    """What the checks see: the true distance left, and how often a shift of population or own attributes is found."""

    remaining: float
    shifted: float
    own: float


def routes(log: Log, *, paired: bool) -> dict[str, list[FloatArray]]:
    """Return each route's contributions to the square."""
    return {
        "adjustment": by_adjustment(log.treated, log.control, paired=paired),
        "source": by_source(log.square, arms_paired=paired, sources_paired=paired),
        **standardize(log.conversations, paired=paired).groups,
    }


def simulate(size: Size, world: World, n_replicates: int, seed: int) -> tuple[dict[str, Found], Seen]:
    """Draw logs and put every route to them."""
    known = np.array(truth())
    made: dict[str, list[Decomposition]] = {route: [] for route in ROUTES}
    remaining, shifted, own = [], [], []
    for number in range(n_replicates):
        rng = np.random.default_rng([seed, number])
        log = draw(size, world, rng)
        for route, groups in routes(log, paired=size.design == "within").items():
            made[route].append(decompose(groups, rng=rng))
        remaining.append(log.remaining)
        shifted.append(shift(log.first, log.later).pvalue <= LEVEL)
        if size.design == "within":
            before = np.stack([log.treated[:, 0], log.control[:, 0]], axis=1)
            moved = paired_difference(np.diagonal(log.square[:, 0], axis1=1, axis2=2), before)
            own.append(moved.pvalue.min() <= LEVEL / 2)
    found = {}
    for route, parts in made.items():
        estimate, low, high, se = (
            np.array([getattr(p, name)[0] for p in parts]) for name in ("estimate", "ci_low", "ci_high", "se")
        )
        found[route] = Found(estimate, (low <= known) & (known <= high), se)
    return found, Seen(float(np.mean(remaining)), float(np.mean(shifted)), float(np.mean(own)) if own else np.nan)


# Which interval.


def values(kind: str, n: int, rng: np.random.Generator) -> FloatArray:
    """Draw n personas' values with mean 0."""
    if kind == "normal":
        return rng.normal(size=n)
    if kind == "binomial of 5":
        return rng.binomial(5, 0.15, n) / 5 - rng.binomial(5, 0.1, n) / 5 - 0.05
    return rng.lognormal(0, 1, n) - np.exp(0.5)


def intervals(sample: FloatArray, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Return nominal 95 % intervals of the mean by name."""
    n = len(sample)
    ours = bootstrap.sum_of_means([sample[:, None]], rng=rng)
    draws, mean, se = ours.draws[:, 0], ours.estimate[0], ours.se[0]
    t = stats.t.ppf(0.975, n - 1)
    tails = np.array([0.025, 0.975])
    wide = stats.norm.cdf(np.array([-1, 1]) * t * np.sqrt(n / (n - 1)))
    centered = sample - sample.mean()
    skew = (centered**3).sum() / (6 * (centered**2).sum() ** 1.5)
    shift = stats.norm.ppf(np.clip((draws < mean).mean(), 1e-3, 1 - 1e-3))
    z = shift + stats.norm.ppf(tails)
    low, high = {}, {}
    for name, levels in {
        "percentile": tails,
        "expanded percentile": wide,
        "BCa": stats.norm.cdf(shift + z / (1 - skew * z)),
    }.items():
        low[name], high[name] = np.quantile(draws, levels)
    low["t"], high["t"] = mean - t * se, mean + t * se
    low["bootstrap-t"], high["bootstrap-t"] = ours.ci_low[0], ours.ci_high[0]
    return {name: (float(low[name]), float(high[name])) for name in low}


def interval_rows(n_replicates: int, seed: int) -> Iterator[list[str]]:
    """Yield coverage and median width of each interval, a row a kind of value and number of personas."""
    for n in (10, 30, 100):
        for kind in ("normal", "binomial of 5", "lognormal"):
            made: dict[str, list[tuple[float, float]]] = {}
            for number in range(n_replicates):
                rng = np.random.default_rng([seed, n, number])
                for name, ends in intervals(values(kind, n, rng), rng).items():
                    made.setdefault(name, []).append(ends)
            cells = []
            for ends in map(np.array, made.values()):
                covered = (ends[:, 0] <= 1e-12) & (ends[:, 1] >= -1e-12)
                cells.append(f"{covered.mean():.3f} / {np.median(ends[:, 1] - ends[:, 0]):.2f}")
            yield [kind, str(n), *cells]


# The page.


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(header), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def named(size: Size) -> str:
    """Name a size."""
    each = " in each arm" if size.design == "between" else ""
    return f"{size.design}, {size.personas} personas{each} x {size.trials} trials"


def accuracy(n_replicates: int, seed: int) -> str:
    """Return bias and coverage where all assumptions hold."""
    rows, worst_bias, worst_cover = [], 0.0, 1.0
    known = np.array(truth())
    for size in SIZES:
        found, _ = simulate(size, World(), n_replicates, seed)
        for route, one in found.items():
            error = one.estimate.std(axis=0, ddof=1) / np.sqrt(n_replicates)
            bias = one.estimate.mean(axis=0) - known
            worst_bias = max(worst_bias, float(np.max(np.abs(bias) / error)))
            worst_cover = min(worst_cover, float(one.covered.mean(axis=0).min()))
            for q, quantity in enumerate(QUANTITIES):
                shown = [
                    f"{known[q]:.3f}",
                    f"{bias[q]:+.4f}",
                    f"{error[q]:.4f}",
                    f"{one.estimate[:, q].std(ddof=1):.3f}",
                ]
                rows.append(
                    [
                        named(size),
                        route,
                        quantity,
                        *shown,
                        f"{one.se[:, q].mean():.3f}",
                        f"{one.covered[:, q].mean():.3f}",
                    ]
                )
    header = ["log", "route", "quantity", "truth", "bias", "its error", "sd", "mean se", "coverage"]
    said = (
        f"Largest bias: {worst_bias:.1f} of its simulation errors, over {len(rows)} rows. Smallest coverage of a "
        f"nominal .95: {worst_cover:.3f}; its simulation error is {np.sqrt(0.95 * 0.05 / n_replicates):.3f}."
    )
    return f"{said}\n\n{table(header, rows)}"


def failures(n_replicates: int, seed: int) -> str:
    """Return how each route fails as what it assumes is broken."""
    rows = []
    known = np.array(truth())
    for broken, world in BROKEN.items():
        found, seen = simulate(SIZES[0], world, n_replicates, seed)
        checks = [f"{seen.remaining:.3f}", f"{world.adherence:.2f}", f"{seen.shifted:.2f}", f"{seen.own:.2f}"]
        for route, one in found.items():
            bias, covered = one.estimate.mean(axis=0) - known, one.covered.mean(axis=0)
            parts = [QUANTITIES.index(q) for q in ("cate", "sbt", "sbc", "asb")]
            rows.append([broken, route, *(f"{bias[q]:+.3f} / {covered[q]:.2f}" for q in parts), *checks])
    header = [
        "broken",
        "route",
        "CATE",
        "SBT",
        "SBC",
        "ASB",
        "drift left",
        "adherence",
        "population shift found",
        "own attributes shift found",
    ]
    return table(header, rows)


def page(n_replicates: int, n_failures: int, n_intervals: int, *, seed: int, date: str) -> str:
    """Return the page below its mark."""
    known = ", ".join(f"{quantity} {value:+.3f}" for quantity, value in zip(QUANTITIES, truth(), strict=True))
    kinds = ["percentile", "expanded percentile", "BCa", "t", "bootstrap-t"]
    return "\n\n".join(
        [
            f"Commit {commit()}, seed {seed}, {date}. Truth: {known}.",
            f"## Where the assumptions hold: {n_replicates} replicates a log",
            accuracy(n_replicates, seed),
            f"## Where one is broken: bias / coverage over {n_failures} replicates; {named(SIZES[0])}",
            failures(n_failures, seed),
            f"## Which interval: coverage of a nominal .95 / median width over {n_intervals} samples",
            table(["personas' values", "personas", *kinds], interval_rows(n_intervals, seed)),
        ]
    )


def main() -> None:
    """Make the page, and print or write it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.effect.decomposition", description=__doc__)
    parser.add_argument("--replicates", type=int, default=500, help="logs of each size (default 500)")
    parser.add_argument("--failures", type=int, default=200, help="logs for each broken assumption (default 200)")
    parser.add_argument("--intervals", type=int, default=2000, help="samples a row of the intervals (default 2000)")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--date", default="date not given", help="written into the page")
    parser.add_argument("--write", action="store_true", help=f"write the page into {PAGE.name}")
    asked = parser.parse_args()
    text = page(asked.replicates, asked.failures, asked.intervals, seed=asked.seed, date=asked.date)
    print(text)
    if asked.write:
        head = PAGE.read_text(encoding="utf-8").split(MARK)[0]
        PAGE.write_text(f"{head}{MARK}\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
