"""The exact test alone, against shuffling labels."""

from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.analysis import analyst
from benchmarks.speed.drift import shuffling
from benchmarks.speed.table import Row, markdown, row
from confound.statistics.drift.permutation import permutation_test

IntArray = NDArray[np.int64]
Shuffle = Callable[[IntArray, IntArray, np.random.Generator], float]
SIZES = {"small": (10, 10, 5), "full": (100, 30, 5)}
RESAMPLES = 10_000
DRIFT = 0.03  # few p-values are then too small for 10,000 shuffles to agree with


def _numpy(shuffle: Callable[..., float]) -> Shuffle:
    return lambda treated, control, rng: shuffle(treated, control, rng=rng, n_resamples=RESAMPLES)


def _scipy(test: Callable[..., tuple[float, float]]) -> Shuffle:
    def run(treated: IntArray, control: IntArray, rng: np.random.Generator) -> float:
        codes = shuffling.in_rows(treated, control).astype(np.int8)
        return test(*np.split(codes, 2, axis=1), rng=rng)[1]

    return run


SHUFFLES: dict[str, Shuffle] = {
    "numpy: shuffled counts drawn, no labels (multivariate hypergeometric)": _numpy(shuffling.counts_only),
    "numpy: labels by random keys, in blocks": _numpy(shuffling.random_keys),
    "numpy: labels by `Generator.permuted`, in blocks": _numpy(shuffling.permuted),
    "numpy: labels by `Generator.permutation`, persona by persona": _numpy(shuffling.plain),
    "scipy: `permutation_test`, a call a persona (9,999)": _scipy(analyst.stratified),
}


def compare(size: str, *, rounds: int, seed: int) -> str:
    """Time the exact test and each shuffle on `rounds` tables, turn by turn, and return Markdown."""
    personas, trials, answers = SIZES[size]
    ours: dict[str, list[float]] = {name: [] for name in SHUFFLES}
    theirs: dict[str, list[float]] = {name: [] for name in SHUFFLES}
    for number in range(rounds):
        rng = np.random.default_rng([seed, number])
        for name, shuffle in SHUFFLES.items():
            treated, control = draw_table(personas, trials, answers, rng)
            start = perf_counter()
            exact = permutation_test(treated, control, rng=rng)
            middle = perf_counter()
            drawn = shuffle(treated, control, rng)
            end = perf_counter()
            assert exact.method == "exact"
            error = np.sqrt(exact.pvalue * (1 - exact.pvalue) / RESAMPLES) + 1 / RESAMPLES
            assert abs(drawn - exact.pvalue) < 5 * error, (name, drawn, exact.pvalue)
            ours[name].append((middle - start) * 1e3)
            theirs[name].append((end - middle) * 1e3)
    rows: list[Row] = [row(name, ours[name], theirs[name]) for name in SHUFFLES]
    about = f"""\
One test of {personas} personas x {trials} trials x 2 arms, {answers} answers, against {RESAMPLES:,} shuffles.
confound: `permutation_test(treated, control, rng=rng)`; the shuffles:
[speed/drift/shuffling.py](speed/drift/shuffling.py).
Milliseconds; every pair has a table of its own."""
    return "\n\n".join([about, markdown(("shuffled by", "exact test", "shuffling", "ratio"), rows)])


def draw_table(personas: int, trials: int, answers: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Draw a table in which the treated arm gives the first answer a little more often."""
    shares = rng.dirichlet(np.ones(answers), size=personas)
    drifted = (1 - DRIFT) * shares + DRIFT * np.eye(answers)[0]
    return rng.multinomial(trials, drifted), rng.multinomial(trials, shares)
