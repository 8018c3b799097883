"""The corrected distance of a cell, against PySAL's `segregation`: its index of dissimilarity is the same distance.

Two groups over K places are two arms over K answers. PySAL takes one pair of groups a call, so a cell of personas in
both arms takes a call a persona, and their mean.
"""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.speed.drift.exact import SIZES
from benchmarks.speed.table import markdown, row
from confound.statistics.drift.corrected_distance import BOOTSTRAP_DRAWS, corrected_tvd
from confound.statistics.drift.permutation import permutation_test

IntArray = NDArray[np.int64]
Log = tuple[IntArray, IntArray]
DRIFTS = (0.0, 0.25)  # of every persona, towards one answer
OURS = "mixture"
THE_SAME = {  # confound's method -> PySAL's class, its options and what it does
    "plugin": ("Dissim", {}, "no correction"),
    "bootstrap": ("BiasCorrectedDissim", {"B": BOOTSTRAP_DRAWS}, f"less its bootstrap bias, {BOOTSTRAP_DRAWS} draws"),
    "folded": ("DensityCorrectedDissim", {}, "each answer's difference by a folded normal"),
}
COMMAND = f"""\
np.mean([BiasCorrectedDissim(persona, "treated", "total", B={BOOTSTRAP_DRAWS}).statistic for persona in personas])"""


def compare(size: str, *, rounds: int, seed: int) -> str:
    """Time the same indices on both sides, and confound's own, turn by turn, and return Markdown."""
    try:
        found = version("segregation")
    except PackageNotFoundError:
        return "PySAL's `segregation` is not installed (`pip install 'confound[bench]'`), so it was not measured."
    personas, trials, answers = SIZES[size]
    _warm_up()
    ours: dict[str, list[float]] = {name: [] for name in (*THE_SAME, OURS)}
    theirs: dict[str, list[float]] = {name: [] for name in THE_SAME}
    rows: dict[float, list[dict[str, float]]] = {drift: [] for drift in DRIFTS}
    for number in range(rounds):
        for drift in DRIFTS:
            rng = np.random.default_rng([seed, number, int(drift > 0)])
            log, truth = draw(personas, trials, answers, drift, rng)
            estimates = {"truth": truth}
            for name in THE_SAME:
                estimates[f"{name} ours"] = _timed(ours[name], confound_side, name, log, rng)
                estimates[f"{name} theirs"] = _timed(theirs[name], _pysal, name, log, number)
            estimates[OURS] = _timed(ours[OURS], confound_side, OURS, log, rng)
            _check_agreement(estimates)
            rows[drift].append(estimates)
    about = f"""\
A cell of {personas} personas x {trials} trials x 2 arms, {answers} answers, from counts in memory to the estimate:
the mean over personas of the index of dissimilarity of two groups (the arms) over {answers} places (the answers).
segregation {found}: `{COMMAND}`,
`Dissim` and `DensityCorrectedDissim` likewise;
confound: `corrected_tvd(treated, control, pvalue=..., method=...)`.
PySAL gives a number for one persona at a time. confound's own way fits all personas together and comes with an interval
and the exact test that the interval needs; its time has all of that. Milliseconds."""
    times = [
        row(f"the same: {words} (`{name}`, `{THE_SAME[name][0]}`)", ours[name], theirs[name])
        for name, (*_, words) in THE_SAME.items()
    ]
    times += [
        row(f"confound's own, with test and interval (`{OURS}`, `{THE_SAME[name][0]}`)", ours[OURS], theirs[name])
        for name in ("bootstrap", "folded")
    ]
    timed = markdown(("index", "confound", "PySAL", "ratio"), times)
    return "\n\n".join([about, timed, _estimates(rows)])


def draw(personas: int, trials: int, answers: int, drift: float, rng: np.random.Generator) -> tuple[Log, float]:
    """Draw a cell in which every persona gives one answer more often in the treated arm; return its distance too."""
    shares = rng.dirichlet(np.ones(answers), size=personas)
    drifted = (1 - drift) * shares + drift * np.eye(answers)[0]
    truth = np.abs(drifted - shares).sum(axis=1).mean() / 2
    return (rng.multinomial(trials, drifted), rng.multinomial(trials, shares)), float(truth)


def _timed(milliseconds: list[float], side: Callable[..., float], *given: Any) -> float:
    start = perf_counter()
    estimate = side(*given)
    milliseconds.append((perf_counter() - start) * 1e3)
    return estimate


def confound_side(method: str, log: Log, rng: np.random.Generator) -> float:
    """Estimate as a cell's row in the drift table does; only its own method asks for the p-value."""
    pvalue = permutation_test(*log, rng=rng).pvalue if method == OURS else 1.0
    return corrected_tvd(*log, pvalue=pvalue, method=method).estimate


def _pysal(method: str, log: Log, seed: int) -> float:
    from segregation import singlegroup

    name, options, _ = THE_SAME[method]
    index = getattr(singlegroup, name)
    np.random.seed(seed)  # noqa: NPY002 -- PySAL draws from numpy's global generator
    return float(np.mean([index(frame, "treated", "total", **options).statistic for frame in _frames(log)]))


def _frames(log: Log) -> list[pd.DataFrame]:
    """Lay each persona's answers out as PySAL wants them; an answer that it never gave has no share to compare."""
    frames = (
        pd.DataFrame({"treated": treated, "total": treated + control}) for treated, control in zip(*log, strict=True)
    )
    return [frame[frame["total"] > 0] for frame in frames]


def _warm_up() -> None:
    """Import what the first calls import: neither side's start is counted."""
    rng = np.random.default_rng(0)
    log, _ = draw(2, 5, 3, 0.0, rng)
    for name in THE_SAME:
        _pysal(name, log, 0)
        confound_side(name, log, rng)
    confound_side(OURS, log, rng)


def _check_agreement(found: dict[str, float]) -> None:
    """Hold that both sides found the same where they are to, without which a ratio of times means nothing."""
    for name, error in (("plugin", 1e-9), ("bootstrap", 0.02), ("folded", 1e-3)):
        assert abs(found[f"{name} ours"] - found[f"{name} theirs"]) < error, (name, found)


def _estimates(rows: dict[float, list[dict[str, float]]]) -> str:
    """Lay out what each says about cells whose distance is known: means over the rounds."""
    columns = ["truth", *(f"{name} {side}" for name in THE_SAME for side in ("theirs", "ours")), OURS]
    heads = ["true distance"]
    for name, (index, *_) in THE_SAME.items():
        heads += [f"`{index}`", f"`{name}`"]
    means = [[f"{np.mean([each[column] for each in found]):.3f}" for column in columns] for found in rows.values()]
    table = [[*heads, f"`{OURS}`"], ["--:"] * len(columns), *means]
    lines = ["| " + " | ".join(cells) + " |" for cells in table]
    return """\
What they say, mean over the rounds' cells (PySAL's index, then the same by confound; last, confound's own):

""" + "\n".join(lines)
