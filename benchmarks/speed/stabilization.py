"""``python -m benchmarks.speed.stabilization``: models of the effect over iterations against the same on single rows.

Each side runs in a process of its own; memory is that of all its processes. ``--write`` keeps the tables in
stabilization.md beside this file.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks.page import circumstances
from benchmarks.speed import process

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).with_name("stabilization.md")
FloatArray = npt.NDArray[np.float64]
PERSONAS, TRIALS, TIMES = 100, 30, np.arange(14.0)
POOLED_PERSONAS = 40  # in each group; with a hundred it takes more than twice as long
NUMBERS = np.array([1.0, 2.0, 3.0, 4.0])
STUDIES, MODELS = 3, 6


def _log(seed: int, personas: int) -> npt.NDArray[np.int64]:
    """Draw counts, shape (P, 2, T, K), of a log whose effect settles."""
    from confound.statistics.stabilization import draws
    from confound.statistics.stabilization.law import Persons

    persons = Persons(
        *(np.array([[-1.3, 0.1, 1.5]]), np.array([[0.9, 0.6, 0.4, 0.3]])),
        noise=np.array([0.15]),
        growth=np.array([3.0]),
    )
    left = np.exp(-TIMES / 3)
    means = np.stack([0.4 + 0.5 * left, -0.4 - 0.4 * left])
    sizes = np.full((personas, 2, len(TIMES)), TRIALS)
    return draws.simulate(means, persons, TIMES, sizes, np.random.default_rng(seed)).astype(np.int64)


def _outcome(seed: int, personas: int = PERSONAS) -> Any:
    from confound.findings.trajectories import OutcomeTrajectory
    from confound.statistics.stabilization.inputs import Trajectory

    counts = _log(seed, personas)
    answers = np.repeat(NUMBERS, counts.sum(axis=(0, 1, 2)))
    sizes = counts.sum(axis=-1)
    means = counts @ NUMBERS / TRIALS
    errors, sd = np.full(means.shape, np.nan), float(answers.std())
    data = Trajectory(TIMES, sizes, counts, NUMBERS, means, errors, sd)
    return OutcomeTrajectory("study", "model", "b - a", "y", data)


class Marks:
    """When each path was begun; that a fit is sampled once more is no new path."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def __call__(self, told: str) -> None:
        """Look at the clock."""
        if told.startswith("Fitting"):
            self.at.append(time.perf_counter())


def paths() -> dict[str, Any]:
    """Fit and summarise all three paths of one model, from the import to the tables."""
    start = time.perf_counter()
    from confound.findings.stabilization import fit

    marks = Marks()
    found = fit([_outcome(1)], tell=marks)
    end = time.perf_counter()
    rows = found.stabilization.query("quantity == 'settled' and path == 'exponential'").iloc[0]
    gates = found.checks[~found.checks["check"].str.startswith(("ppc", "elpd", "weight"))]
    return {
        "seconds": end - start,
        "exponential": marks.at[1] - marks.at[0],
        "ess": min(float(rows["ess_bulk"]), float(rows["ess_tail"])),
        "passed": bool(gates["passed"].all()),
    }


def pooled() -> dict[str, Any]:
    """Fit the three paths to 18 groups, three studies with six models."""
    from confound.findings.stabilization import fit

    pool = [
        replace(_outcome(2 + 6 * s + m, POOLED_PERSONAS), study=f"study {s}", model=f"model {m}")
        for s in range(STUDIES)
        for m in range(MODELS)
    ]
    start = time.perf_counter()
    marks = Marks()
    found = fit(pool, tell=marks)
    marks("Fitting has ended")
    gates = found.checks[~found.checks["check"].str.startswith(("ppc", "elpd", "weight"))]
    return {
        "seconds": marks.at[-1] - start,
        "by_path": dict(zip(found.checks["path"].unique(), np.diff(marks.at).tolist(), strict=True)),
        "answers": int(sum(each.data.sizes.sum() for each in pool)),
        "failed": gates[~gates["passed"].astype(bool)][["path", "check", "value"]].drop_duplicates().to_dict("records"),
    }


def rows(draws: int) -> dict[str, Any]:
    """Sample the exponential path's model of single answers by PyMC's own sampler."""
    import arviz as az
    import pymc as pm
    import pytensor.tensor as pt

    counts = _log(1, PERSONAS)
    persona, arm, when, answer = (np.repeat(each.ravel(), counts.ravel()) for each in np.indices(counts.shape))
    side = np.where(arm == 0, 0.5, -0.5)
    start = time.perf_counter()
    with pm.Model():
        cuts = pm.Normal("cuts", 0, 3, shape=3, initval=[-1, 0, 1], transform=pm.distributions.transforms.ordered)
        effect, biases = pm.Normal("effect", 0, 1.5), pm.Normal("biases", 0, 0.75, shape=2)
        scale, growth = pm.LogNormal("scale", np.log(3), 1), pm.LogNormal("growth", np.log(3), 1)
        sds = pm.HalfNormal("sds", np.array([1, 1, 0.5, 0.5]), shape=4)
        unit = pm.Normal("unit", shape=(PERSONAS, 4)) * sds
        f, left = 1 - pt.exp(-TIMES[when] / growth), pt.exp(-TIMES[when] / scale)
        own = unit[persona, 0] + f * unit[persona, 1] + side * (unit[persona, 2] + f * unit[persona, 3])
        mean = side * effect + 2 * side * left * biases[arm]
        pm.OrderedLogistic("answer", eta=mean + own, cutpoints=cuts, observed=answer, compute_p=False)
        trace = pm.sample(
            draws=draws, tune=draws, chains=2, cores=2, random_seed=1, nuts_sampler="pymc", progressbar=False
        )
    seconds = time.perf_counter() - start
    drawn = np.asarray(trace["posterior"]["effect"])
    ess = min(float(az.ess(drawn, method=method)) for method in ("bulk", "tail"))
    return {"seconds": seconds, "ess": ess, "draws": draws, "rows": len(answer)}


def main() -> None:
    """Measure each side, print, and keep the tables where asked."""
    sides: dict[str, Callable[[], dict[str, Any]]] = {"paths": paths, "pooled": pooled}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.stabilization", description=__doc__)
    parser.add_argument("--draws", type=int, default=25, help="of the row-level model, in each of two chains")
    parser.add_argument("--side", choices=[*sides, "rows"], help="run one side and print its measures as JSON")
    parser.add_argument("--into", type=Path, help="a file to write them to instead")
    parser.add_argument("--write", action="store_true", help=f"keep the tables in {PAGE.name}")
    given = parser.parse_args()
    if given.side is not None:
        found = rows(given.draws) if given.side == "rows" else sides[given.side]()
        told = json.dumps(found)
        if given.into is None:
            print(told)
        else:
            given.into.write_text(told, encoding="utf-8")
        return
    load = os.getloadavg()[0]
    text = page({side: _side(side, given.draws) for side in (*sides, "rows")}, load)
    print(text)
    if given.write:
        PAGE.write_text(text, encoding="utf-8")


def _side(side: str, draws: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder, "found.json")
        asked = ("--side", side, "--draws", str(draws), "--into", str(into))
        cost = process.run([sys.executable, "-m", "benchmarks.speed.stabilization", *asked])
        return {**json.loads(into.read_text(encoding="utf-8")), "peak_mib": cost.peak_mib, "cpu": cost.cpu}


def page(found: dict[str, dict[str, Any]], load: float) -> str:
    """Write the tables."""
    ours, theirs, many = found["paths"], found["rows"], found["pooled"]
    rate, slow = ours["ess"] / ours["exponential"], theirs["ess"] / theirs["seconds"]
    most = rate * theirs["seconds"] / (2 * theirs["draws"])
    failed = ", ".join(f"{each['path']} {each['check']} {each['value']:.3g}" for each in many["failed"]) or "none"
    by_path = ", ".join(f"{path} {seconds:.0f}" for path, seconds in many["by_path"].items())
    return f"""# Speed: does the effect settle?

`python -m benchmarks.speed.stabilization --draws {theirs["draws"]} --write`.
{circumstances(load)}
{versions("numba", "nutpie", "pymc", "arviz")}.

One model, {PERSONAS} personas x {len(TIMES)} iterations x 2 arms x {TRIALS} trials, four answers: {theirs["rows"]:,}
answers. All three paths, 4 chains of 1,000 draws, from the import to the tables: {ours["seconds"]:.0f} s,
{ours["peak_mib"]:.0f} MiB; all gates passed: {"yes" if ours["passed"] else "no"}.

| exponential path | seconds | effective draws of the settled effect | a second |
|---|--:|--:|--:|
| confound, compiling and summary included | {ours["exponential"]:.1f} | {ours["ess"]:.0f} | {rate:.2f} |
| single rows, PyMC's sampler, 2 x ({theirs["draws"]} + {theirs["draws"]}) draws | {theirs["seconds"]:.0f} \
| {theirs["ess"]:.1f} | {slow:.4f} |

Ratio: {rate / slow:,.0f}. The row-level model has no noise of its own for each persona, arm and iteration, which is one
parameter less, and ran far shorter than it would have to: its effective draws are as measured, no more than a guess.
Were each of its draws worth an independent one, the ratio would be {most:,.0f}.

{STUDIES * MODELS} groups pooled ({STUDIES} studies x {MODELS} models, {POOLED_PERSONAS} personas each,
{many["answers"]:,} answers), all three paths: {many["seconds"]:.0f} s ({by_path}), {many["cpu"]:.0f} s of processors,
{many["peak_mib"]:,.0f} MiB; gates failed: {failed}.
"""


def versions(*packages: str) -> str:
    """Name the versions that were measured."""
    return ", ".join(f"{name} {version(name)}" for name in packages)


if __name__ == "__main__":
    main()
