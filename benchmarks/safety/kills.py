"""Kill `confound analyze` at random moments over an earlier result, and look at what stands there.

Two logs take turns, so that the earlier result and the new one differ. A third of the kills come at any moment of the
run, a third once the new result is being written, and a third when it is about to take the place of the old one. What
stands at ``--out`` must be one of the results that whole runs give, to the byte: the earlier one, the new one, or the
new one whose figures are not drawn yet. The next run must leave that result alone and nothing beside it.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from confound.cli import main as main_of_confound
from confound.presentation import folder
from tests.log.made import made

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

FORKS = multiprocessing.get_context("forkserver")
LOADED = (
    *("confound.cli", "confound.analysis", "confound.presentation.terminal", "confound.presentation.report.page"),
    "ibis.backends.duckdb",
)
AFTER = ("start", "scratch", "list")
CALM = 0.001  # seconds between looks at the folder
Tree = dict[str, bytes]


def tree(folder: Path) -> Tree:
    """Return the files of a result, but for the list of them."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".confound.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def stages(result: Tree, bare: Tree) -> list[Tree]:
    """Return what a result that is being saved may be: whole, or without its figures, its page and their order too."""
    figures = {name: content for name, content in result.items() if name.startswith("figures/")}
    return [result, bare, bare | figures]


def arguments(log: Path, out: Path, skip: str) -> list[str]:
    """Return the command line of one run, but for its program."""
    skipped = [word for part in skip.split(",") for word in ("--skip", part)]
    roles = ["--outcome", "likely", "--negative-control", "party"]
    return ["analyze", str(log), *roles, *skipped, "--out", str(out), "--workers", "1"]


def run(line: Sequence[str], temporary: Path, *, drawn: bool = True) -> None:
    """Run the command in this process; without `drawn` up to where it would draw figures."""
    tempfile.tempdir = str(temporary)
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 -- the process ends soon
    if not drawn:
        folder._add_pictures = lambda *_: None  # type: ignore[assignment]  # noqa: SLF001
    main_of_confound(list(line), standalone_mode=False)


def started(line: Sequence[str], temporary: Path, *, drawn: bool = True) -> "ForkServerProcess":
    """Start the command in a process of its own, whose modules are loaded already, so that kills fall on its work."""
    process = FORKS.Process(target=run, args=(line, temporary), kwargs={"drawn": drawn})
    process.start()
    return process


def finished(line: Sequence[str], temporary: Path, *, drawn: bool = True) -> float:
    """Run the command to its end and return the seconds that it took."""
    begun = time.perf_counter()
    process = started(line, temporary, drawn=drawn)
    process.join()
    if process.exitcode:
        raise SystemExit(f"confound {' '.join(line)} ended with exit code {process.exitcode}")
    return time.perf_counter() - begun


def killed(line: Sequence[str], rooms: tuple[Path, Path], seconds: float, *, after: str, rng: random.Random) -> bool:
    """Start a run, kill it, and tell whether it was still at work.

    Parameters
    ----------
    line : sequence of str
        The command.
    rooms : tuple of Path
        The folder that holds the folder of results alone, and that of temporary files.
    seconds : float
        What a whole run takes.
    after : {"start", "scratch", "list"}
        From when on it may be killed: its start, its folder beside the result, or the list in that folder, which is
        written last before the folder takes its place.
    rng : random.Random
    """
    room, temporary = rooms
    patterns = {"start": "*", "scratch": ".out-confound-*", "list": ".out-confound-*/.confound.json"}
    longest = {"start": seconds, "scratch": 0.6 * seconds, "list": 0.02}
    process = started(line, temporary)
    while process.is_alive() and not any(room.glob(patterns[after])):
        time.sleep(CALM)
    time.sleep(rng.uniform(0, longest[after]))
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


def measure(
    kills: int, skip: str, *, seed: int, tell: Callable[[str], None], after: Sequence[str] = AFTER
) -> Counter[str]:
    """Kill runs, and count what stood at ``--out`` after each and what was left after the next run."""
    rng = random.Random(seed)  # noqa: S311 -- no secret
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        room, temporary, aside = (Path(scratch) / name for name in ("room", "tmp", "aside"))
        for place in (room, temporary, aside):
            place.mkdir()
        FORKS.set_forkserver_preload([*LOADED])
        out, logs = room / "out", [aside / "a.csv", aside / "b.csv"]
        wholes, halves, seconds = [], [], 0.0
        for number, log in enumerate(logs):
            made(seed=number).to_csv(log, index=False)
            seconds = finished(arguments(log, out, skip), temporary)
            wholes.append(tree(out))
            finished(arguments(log, aside / f"bare{number}", skip), temporary, drawn=False)
            halves.append(tree(aside / f"bare{number}"))
        finished(arguments(logs[0], out, skip), temporary)
        possible = [stages(whole, half) for whole, half in zip(wholes, halves, strict=True)]
        for number in range(kills):
            new = (number + 1) % 2
            line = arguments(logs[new], out, skip)
            found["killed at work"] += killed(
                line, (room, temporary), seconds, after=after[number % len(after)], rng=rng
            )
            found[f"at --out: {_named(out, possible[1 - new], possible[new])}"] += 1
            found["with something left beside it"] += len([*room.iterdir(), *temporary.iterdir()]) > 1
            finished(line, temporary)
            whole = tree(out) == wholes[new] and [path.name for path in room.iterdir()] == ["out"]
            found["after the next run: the whole result and nothing left"] += whole and not [*temporary.iterdir()]
            if number % 20 == 19:
                tell(f"{number + 1} of {kills}: {dict(found)}")
    return found


def _named(out: Path, old: list[Tree], new: list[Tree]) -> str:
    """Say which result stands there."""
    if not out.is_dir():
        return "nothing"
    held = tree(out)
    if held in (old[0], new[0]):
        return "the old result, whole" if held == old[0] else "the new result, whole"
    return "the new result, its figures not drawn yet" if held in new else "something else"


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.safety.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--skip", default="decomposition,sensitivity,stabilization,figures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--after", nargs="+", choices=AFTER, default=AFTER, help="from when on")
    given = parser.parse_args()
    found = measure(
        given.kills, given.skip, seed=given.seed, after=given.after, tell=lambda line: print(line, file=sys.stderr)
    )
    print("\n".join(f"{name}: {n} of {given.kills}" for name, n in found.items()))


if __name__ == "__main__":
    main()
