"""Kill `confound analyze` at random moments over an earlier result, and look at what stands there.

Two logs take turns, so that the earlier result and the new one differ. Half of the kills come at any moment of the run,
half once the new result is being written. What stands at ``--out`` must be one of the results that whole runs give, to
the byte: the earlier one, the new one, or the new one whose figures are not drawn yet. The next run must leave that
result alone beside nothing.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.log.made import made

CALM = 0.002  # seconds between looks at the folder
Tree = dict[str, bytes]


def tree(folder: Path) -> Tree:
    """Return the files of a result, but for the list of them."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".confound.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def stages(result: Tree, bare: Tree) -> list[Tree]:
    """Return what a result that is being saved may be: whole, or without its figures, its page and their order too."""
    figures = {name: content for name, content in result.items() if name.startswith("figures/")}
    return [result, bare, bare | figures]


def command(log: Path, out: Path, skip: str) -> list[str]:
    """Return the command line of one run."""
    skipped = [word for part in skip.split(",") for word in ("--skip", part)]
    roles = ["--outcome", "likely", "--negative-control", "party"]
    program = [sys.executable, "-c", "from confound.cli import main; main()"]
    return [*program, "analyze", str(log), *roles, *skipped, "--out", str(out), "--workers", "1"]


def bare(log: Path, out: Path, skip: str) -> Tree:
    """Make the result whose figures are not drawn yet: its process is stopped by a fault where it would draw them."""
    program = (
        "import sys; from confound.presentation import folder; folder._add_pictures = lambda *a: None; "
        "from confound.cli import main; main(sys.argv[1:])"
    )
    line = command(log, out, skip)
    subprocess.run([line[0], "-c", program, *line[3:]], check=True, capture_output=True)  # noqa: S603
    return tree(out)


def killed(line: list[str], room: Path, seconds: float, *, saving: bool, rng: random.Random) -> bool:
    """Start a run, kill it, and tell whether it was still at work; `room` holds the folder of results alone."""
    before = {path.name for path in room.iterdir()}
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    if saving:
        while process.poll() is None and {path.name for path in room.iterdir()} <= before:
            time.sleep(CALM)
        time.sleep(rng.uniform(0, 0.6 * seconds))
    else:
        time.sleep(rng.uniform(0, seconds))
    alive = process.poll() is None
    process.kill()
    process.wait()
    return alive


def measure(kills: int, skip: str, *, seed: int, tell: Callable[[str], None]) -> Counter[str]:
    """Kill runs, and count what stood at ``--out`` after each and what was left after the next run."""
    rng = random.Random(seed)  # noqa: S311 -- no secret
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        room, temporary, aside = (Path(scratch) / name for name in ("room", "tmp", "aside"))
        for folder in (room, temporary, aside):
            folder.mkdir()
        os.environ["TMPDIR"] = str(temporary)
        out, logs = room / "out", [aside / "a.csv", aside / "b.csv"]
        wholes, halves, seconds = [], [], 0.0
        for number, log in enumerate(logs):
            made(seed=number).to_csv(log, index=False)
            begun = time.perf_counter()
            subprocess.run(command(log, out, skip), check=True, capture_output=True)  # noqa: S603
            seconds = time.perf_counter() - begun
            wholes.append(tree(out))
            halves.append(bare(log, aside / f"bare{number}", skip))
        subprocess.run(command(logs[0], out, skip), check=True, capture_output=True)  # noqa: S603
        possible = [stages(whole, half) for whole, half in zip(wholes, halves, strict=True)]
        for number in range(kills):
            new = (number + 1) % 2
            line = command(logs[new], out, skip)
            found["killed at work"] += killed(line, room, seconds, saving=number % 2 == 1, rng=rng)
            found[f"at --out: {_named(out, possible[1 - new], possible[new])}"] += 1
            found["with something left beside it"] += len([*room.iterdir(), *temporary.iterdir()]) > 1
            subprocess.run(line, check=True, capture_output=True)  # noqa: S603
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
    given = parser.parse_args()
    found = measure(given.kills, given.skip, seed=given.seed, tell=lambda line: print(line, file=sys.stderr))
    print("\n".join(f"{name}: {n} of {given.kills}" for name, n in found.items()))


if __name__ == "__main__":
    main()
