"""How often each test rejects, with no drift and with some: `python -m benchmarks.validity.drift.rejections --help`.

Logs come from the generator of the corrections' table. Tests of several controls see three of them, answered in one
conversation whose mood moves half of its answers, so that the controls go together.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.page import commit
from benchmarks.validity.drift.corrected_distance import name, table
from benchmarks.validity.drift.generator import Cell, FloatArray, IntArray, true_shares
from confound.statistics.drift import (
    change,
    change_between,
    common_direction,
    permutation,
    several_arms,
    several_controls,
)
from confound.statistics.drift import distance as tvd

PAGE = Path(__file__).parents[1] / "rejections.md"
LEVEL = 0.05
CONTROLS = 3
RESAMPLES = 499  # of tests that are not exact; whether they hold their level does not depend on it
SMALL_DRIFT = 0.05
DESIGNS = [Cell(k, n, p, "none") for k, n, p in product((2, 4, 10), (5, 30), (10, 100))]
POWER = Cell(4, 30, 100, "common")

Log = tuple[IntArray, IntArray]


def shares(cell: Cell, size: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return the personas' shares in the control and the treated arm; personas are alike or unlike at random."""
    return true_shares(cell, size, int(rng.integers(6)), rng)


def within(cell: Cell, size: float, rng: np.random.Generator) -> Log:
    """Draw the counts of a control, the same personas in the treated and the control arm."""
    control, treated = shares(cell, size, rng)
    return rng.multinomial(cell.n_trials, treated), rng.multinomial(cell.n_trials, control)


def between(cell: Cell, size: float, rng: np.random.Generator) -> Log:
    """Draw the counts of a control of personas that are in one arm each."""
    control, treated = shares(replace(cell, n_personas=2 * cell.n_personas), size, rng)
    rows = cell.n_personas
    return rng.multinomial(cell.n_trials, treated[:rows]), rng.multinomial(cell.n_trials, control[rows:])


def conversations(cell: Cell, size: float, rng: np.random.Generator) -> IntArray:
    """Draw conversations about several controls, shape (personas, 2, trials, controls)."""
    codes = np.empty((cell.n_personas, 2, cell.n_trials, CONTROLS), dtype=np.int64)
    mood = rng.random((*codes.shape[:3], 1))
    uniform = np.where(rng.random(codes.shape) < 0.5, mood, rng.random(codes.shape))
    for control in range(CONTROLS):
        ends = np.cumsum(np.stack(shares(cell, size, rng), axis=1), axis=2)  # (personas, 2, answers)
        codes[..., control] = (uniform[..., control, None] > ends[:, :, None, :-1]).sum(axis=3)
    return codes


def arms_of(codes: IntArray, n_answers: int) -> list[Log]:
    """Return the counts by control."""
    counts = (codes[..., None] == np.arange(n_answers)).sum(axis=2)  # (personas, 2, controls, answers)
    return [(counts[:, 1, q], counts[:, 0, q]) for q in range(codes.shape[3])]


def apart(codes: IntArray) -> IntArray:
    """Give each persona's conversations of one arm only, the arms in turn."""
    held = codes.copy()
    held[::2, 0], held[1::2, 1] = -1, -1
    return held


# Each takes a design, the drift's size and a generator, and returns a p-value.


def distance(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of the summed distance, within subjects."""
    return permutation.permutation_test(*within(cell, size, rng), rng=rng, n_resamples=RESAMPLES).pvalue


def distance_one_answer(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of the distance between subjects, of personas with one answer each."""
    return _pooled(permutation.permutation_test, between(replace(cell, n_trials=1), size, rng), rng)


def distance_between(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of the distance between subjects, of personas with several answers."""
    log = between(cell, size, rng)
    return permutation.cluster_permutation_test(*log, rng=rng, n_resamples=RESAMPLES).pvalue


def common(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of the common-direction test, within subjects."""
    return common_direction.common_direction_test(*within(cell, size, rng), rng=rng, n_resamples=RESAMPLES).pvalue


def common_one_answer(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of the common-direction test between subjects, of personas with one answer each."""
    return _pooled(common_direction.common_direction_test, between(replace(cell, n_trials=1), size, rng), rng)


def common_between(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of the common-direction test between subjects, of personas with several answers."""
    return common_direction.cluster_direction_test(*between(cell, size, rng), rng=rng, n_resamples=RESAMPLES).pvalue


def _pooled(
    test: Callable[..., permutation.PermutationTest | common_direction.DirectionTest], log: Log, rng: object
) -> float:
    treated, control = (side.sum(axis=0, keepdims=True) for side in log)
    return test(treated, control, rng=rng, n_resamples=RESAMPLES).pvalue


def any_control(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the smallest step-down maxT p-value of three controls, within subjects."""
    codes = conversations(cell, size, rng)
    return several_controls.step_down_maxt(codes, design="within", rng=rng, n_resamples=RESAMPLES).pvalue_any


def any_control_between(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the smallest step-down maxT p-value of three controls, between subjects."""
    codes = apart(conversations(replace(cell, n_personas=2 * cell.n_personas), size, rng))
    return several_controls.step_down_maxt(codes, design="between", rng=rng, n_resamples=RESAMPLES).pvalue_any


def all_controls(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of three controls together, conversations relabelled."""
    codes = conversations(cell, size, rng)
    return several_controls.step_down_maxt(codes, design="within", rng=rng, n_resamples=RESAMPLES).pvalue_pooled


def all_controls_t(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of three controls together, by the t test that needs no trial numbers."""
    logs = arms_of(conversations(cell, size, rng), cell.n_answers)
    return change.pooled_drift_test(
        np.stack([tvd.stratum_distances(*log) - tvd.stratum_null_means(*log) for log in logs], axis=1)
    )


def three_arms(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of the summed distance of three arms, within subjects; the second and third are alike."""
    return several_arms.k_sample_test(_three(cell, size, rng), rng=rng, n_resamples=RESAMPLES).pvalue


def three_arms_common(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of the common-direction test of three arms, within subjects."""
    return common_direction.general_association_test(_three(cell, size, rng), rng=rng, n_resamples=RESAMPLES).pvalue


def _three(cell: Cell, size: float, rng: np.random.Generator) -> IntArray:
    control, treated = shares(cell, size, rng)
    return np.stack([rng.multinomial(cell.n_trials, law) for law in (control, treated, treated)], axis=1)


def reference_between(cell: Cell, size: float, rng: np.random.Generator) -> float:
    """Return the p-value of the difference in drift from a reference group without any, between subjects."""
    groups = [[between(cell, s, rng) for _ in range(CONTROLS)] for s in (size, 0.0)]
    return change_between.difference_between_subjects(*groups).pvalue


TESTS = {
    "distance": distance,
    "distance, between, one answer a persona": distance_one_answer,
    "distance, between": distance_between,
    "common direction": common,
    "common direction, between, one answer a persona": common_one_answer,
    "common direction, between": common_between,
    "maxT, any of three controls": any_control,
    "maxT, any of three controls, between": any_control_between,
    "three controls together": all_controls,
    "three controls together, t": all_controls_t,
    "three arms": three_arms,
    "three arms, common direction": three_arms_common,
    "difference from a reference, between": reference_between,
}


def rejected(test: str, cell: Cell, size: float, n_replicates: int, seed: int) -> float:
    """Return the share of logs in which a test rejects at `LEVEL`; NaN p-values do not."""
    key = [seed, list(TESTS).index(test), cell.n_answers, cell.n_trials, cell.n_personas, int(1000 * size)]
    found = [TESTS[test](cell, size, np.random.default_rng([*key, i])) <= LEVEL for i in range(n_replicates)]
    return float(np.mean(found))


def page(levels: dict[str, list[float]], powers: dict[str, list[float]], *, replicates: int, made: str) -> str:
    """Return the whole page."""
    error = np.sqrt(LEVEL * (1 - LEVEL) / replicates)
    limit = LEVEL + 3 * error  # over 192 cells one at three errors above is to be expected less than once
    designs = {cell: name(cell).removeprefix(f"{cell.drift}-") for cell in (*DESIGNS, POWER)}
    above = [
        f"{test} in {designs[cell]} ({rate:.3f})"
        for test, rates in levels.items()
        for cell, rate in zip(DESIGNS, rates, strict=True)
        if rate > limit
    ]
    return "\n\n".join(
        [
            "# Do the tests hold their level, and what do they find?",
            f"{made} A level of .05 has a simulation error of {error:.3f}.",
            "Made by `python -m benchmarks.validity.drift.rejections --write`, which says what each test gets.",
            f"Above .05 by more than three errors ({limit:.3f}): {'; '.join(above) or 'none'}.",
            "## Share rejected at level .05 with no drift, by answers, trials and personas an arm",
            table(
                ["test", *(designs[cell] for cell in DESIGNS)],
                [[test, *(f"{rate:.3f}" for rate in rates)] for test, rates in levels.items()],
            ),
            f"## Share rejected at level .05 with a mean distance of {SMALL_DRIFT}, {designs[POWER]}",
            table(
                ["test", "all drift the same way", "in different ways"],
                [[test, *(f"{rate:.3f}" for rate in rates)] for test, rates in powers.items()],
            ),
        ]
    )


def main() -> None:
    """Run every test in every design and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.drift.rejections", description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000, help="logs a cell (default 1,000)")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=20260605)
    parser.add_argument("--date", default="date not given", help="written into the page")
    parser.add_argument("--write", action="store_true", help=f"write the page into {PAGE.name}")
    asked = parser.parse_args()
    drifts = [replace(POWER, drift=drift) for drift in ("common", "varied")]
    with ProcessPoolExecutor(asked.jobs) as pool:
        level = {
            (test, cell): pool.submit(rejected, test, cell, 0.0, asked.replicates, asked.seed)
            for test, cell in product(TESTS, DESIGNS)
        }
        power = {
            (test, cell): pool.submit(rejected, test, cell, SMALL_DRIFT, asked.replicates, asked.seed)
            for test, cell in product(TESTS, drifts)
        }
        levels = {test: [level[test, cell].result() for cell in DESIGNS] for test in TESTS}
        powers = {test: [power[test, cell].result() for cell in drifts] for test in TESTS}
    made = f"Commit {commit()}, seed {asked.seed}, {asked.replicates:,} replicates a cell, {asked.date}."
    text = page(levels, powers, replicates=asked.replicates, made=made)
    print(text)
    if asked.write:
        PAGE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
