"""A whole log, from the file to the last p-value: confound against pandas and scipy, turn by turn."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.speed.log.grid import Grid
from benchmarks.speed.table import Row, markdown, range_of, row

ROOT = Path(__file__).parents[3]
CELLS = 4
SIZES = {"small": Grid(1, 1, 2, 10, 10, questions=4), "full": Grid(studies=1, models=2)}
RESAMPLES = 9999


class Round(NamedTuple):
    """What each process of a round printed, in the order in which they ran."""

    confound: dict[str, Any]
    analyst: dict[str, Any]
    analyze: dict[str, Any]


def compare(size: str, *, rounds: int, seed: int) -> str:
    """Run both sides `rounds` times on one log and return the table as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        small, log = (Path(folder, name) for name in ("small.parquet", "log.parquet"))
        _side("log", small, "--size", "small", "--seed", str(seed))
        _side("log", log, "--size", size, "--seed", str(seed))
        _round(small, seed)  # so that Python has compiled every module before the first round that counts
        runs = [_round(log, seed + number) for number in range(rounds)]
    return _table(size, runs)


def _round(log: Path, seed: int) -> Round:
    ours, theirs = _side("confound", log), _side("analyst", log, "--cells", str(CELLS), "--seed", str(seed))
    _check_agreement(ours, theirs)
    return Round(ours, theirs, _side("analyze", log))


def _side(side: str, path: Path, *options: str) -> dict[str, Any]:
    # Modules are compiled once, as in any installation, whatever the caller's own habit.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(path.parent / "compiled")
    command = [sys.executable, "-m", "benchmarks.speed.analysis.side", side, str(path), *options]
    done = subprocess.run(  # noqa: S603 - our own module
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE
    )
    return dict(json.loads(done.stdout))


def _check_agreement(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Hold that both sides found the same, without which a ratio of times means nothing."""
    assert ours["cells"].keys() == theirs["distances"].keys()
    assert ours["exact"]
    for cell, (distance, pvalue) in ours["cells"].items():
        assert abs(distance - theirs["distances"][cell]) < 1e-9, cell
        if cell in theirs["tested"]["stratified"]:
            tested, drawn = theirs["tested"]["stratified"][cell]
            error = np.sqrt(pvalue * (1 - pvalue) / RESAMPLES) + 1 / RESAMPLES
            assert abs(distance - tested) < 1e-9, cell
            assert abs(drawn - pvalue) < 5 * error, (cell, drawn, pvalue)
            assert abs(distance - theirs["tested"]["paired"][cell][0]) < 1e-9, cell


def _table(size: str, runs: list[Round]) -> str:
    rows, log = _rows(SIZES[size], runs), SIZES[size]
    peaks = [range_of([side["peak_mib"] for side in sides]) for sides in zip(*runs, strict=True)]
    whole = range_of([run.analyze["seconds"]["analyze"] for run in runs])
    controls = log.roles.count("negative_control")
    about = f"""\
A log of {log.answers:,} answers: {log.models} models x {log.iterations} iterations x {log.personas} personas x
{log.trials} trials x 2 arms x {log.questions} questions, {controls} of them negative controls of 5 answers and
Unknown, so {log.cells} tests. Seconds.

- confound: `contrasts = analysis.prepare(log, {{}}, Settings()).contrasts`, then for each negative control's
  `permutation_test(c.treated.answers, c.control.answers, rng=rng)`
- pandas + scipy ([speed/analysis/analyst.py](speed/analysis/analyst.py)):
  `log.groupby([*cell, "persona", "arm", "response"]).size().unstack(fill_value=0)`, then for each cell
  `scipy.stats.permutation_test((treated, control), distance, permutation_type="samples", vectorized=True,
  n_resamples=9999, batch=500, alternative="greater", rng=rng)`; to shuffle labels within a persona, a call a persona"""
    memory = f"""\
Peak memory in MiB: confound {peaks[0]}, pandas + scipy {peaks[1]}.
`confound.analyze`, for most of which the other side has nothing (corrected distances with intervals, further tests,
effects, decomposition, verdict): {whole} s, {peaks[2]} MiB in the first of its processes."""
    return "\n\n".join([about, markdown(("step", "confound", "pandas + scipy", "ratio"), rows), memory])


def _rows(log: Grid, runs: list[Round]) -> list[Row]:
    n_tested = runs[0].analyst["n_tested"]
    scale = log.cells / n_tested
    part = f"measured on {n_tested} cells, times {scale:g}" if scale > 1 else "all cells"
    ours, theirs = [run.confound["seconds"] for run in runs], [run.analyst["seconds"] for run in runs]
    testing = [seconds["test"] for seconds in ours]
    paired, stratified = ([(b["lay out"] + b[name]) * scale for b in theirs] for name in ("paired", "stratified"))
    return [
        row("import", [a["import"] for a in ours], [b["import"] for b in theirs]),
        row("read and count", [a["count"] for a in ours], [b["count"] for b in theirs]),
        row(f"test, labels swapped within a persona's trials ({part})", testing, paired),
        row(f"test, labels shuffled within a persona ({part})", testing, stratified),
        row(
            "all of it, with the faster test",
            [a["import"] + a["count"] + a["test"] for a in ours],
            [b["import"] + b["count"] + min(test) for b, *test in zip(theirs, paired, stratified, strict=True)],
        ),
    ]
