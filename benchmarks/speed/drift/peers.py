"""The tests of one cell, against R's `coin` with labels shuffled 10,000 times."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.speed.drift import shuffling
from benchmarks.speed.drift.exact import RESAMPLES, SIZES, draw_table
from benchmarks.speed.table import markdown, row
from confound.statistics.drift.common_direction import common_direction_test
from confound.statistics.drift.permutation import permutation_test

SCRIPT = Path(__file__).with_name("coin.R")
COMMAND = """\
independence_test(answer ~ arm | persona, teststat = "quadratic", distribution = approximate(nresample = 10000))"""


def compare(size: str, *, rounds: int, seed: int) -> str:
    """Time both of confound's tests of a cell and coin's one, turn by turn, and return Markdown."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return "R is not installed (Debian: `r-base-core r-cran-coin`), so `coin` was not measured."
    personas, trials, answers = SIZES[size]
    ours: dict[str, list[float]] = {"both": [], "direction": []}
    theirs: list[float] = []
    found = ""
    _warm_up(personas, trials, answers)
    for number in range(rounds):
        rng = np.random.default_rng([seed, number])
        treated, control = draw_table(personas, trials, answers, rng)
        start = perf_counter()
        permutation_test(treated, control, rng=rng)
        middle = perf_counter()
        direction = common_direction_test(treated, control, rng=rng)
        end = perf_counter()
        seconds, pvalue, found = _coin(rscript, shuffling.in_rows(treated, control), trials)
        error = np.sqrt(direction.pvalue * (1 - direction.pvalue) / RESAMPLES) + 1 / RESAMPLES
        # coin draws, and ours is chi-square's where counts allow, which is good to a hundredth here.
        assert abs(pvalue - direction.pvalue) < 5 * error + 0.02, (pvalue, direction)
        ours["both"].append((end - start) * 1e3)
        ours["direction"].append((end - middle) * 1e3)
        theirs.append(seconds * 1e3)
    about = f"""\
The same table, from counts in memory to the p-value; R's start is not counted. coin {found}: `{COMMAND}`,
whose statistic is that of the common-direction test ([speed/drift/coin.R](speed/drift/coin.R)); confound:
`common_direction_test(treated, control, rng=rng)`, and `permutation_test` likewise. Milliseconds."""
    rows = [
        row("the common-direction test, which is coin's", ours["direction"], theirs),
        row("both tests of a cell: exact distance and common direction", ours["both"], theirs),
    ]
    return "\n\n".join([about, markdown(("confound's side", "confound", "R coin", "ratio"), rows)])


def _warm_up(personas: int, trials: int, answers: int) -> None:
    """Import what the first call imports: R's start is not counted either."""
    rng = np.random.default_rng(0)
    table = draw_table(personas, trials, answers, rng)
    permutation_test(*table, rng=rng)
    common_direction_test(*table, rng=rng)


def _coin(rscript: str, in_rows: shuffling.IntArray, trials: int) -> tuple[float, float, str]:
    """Run coin on one cell; return seconds, the p-value and coin's version."""
    persona, place = np.indices(in_rows.shape)
    columns = np.stack([persona.ravel(), (place >= trials).ravel(), in_rows.ravel()], axis=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cell.csv")
        np.savetxt(path, columns, fmt="%d", delimiter=",", header="persona,arm,answer", comments="")
        command = [rscript, "--vanilla", str(SCRIPT), str(path), str(RESAMPLES)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own script
    seconds, pvalue, version = done.stdout.split()
    return float(seconds), float(pvalue), version
