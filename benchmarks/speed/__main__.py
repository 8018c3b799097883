"""``python -m benchmarks.speed``: both comparisons as Markdown; ``--write`` keeps them in benchmarks/README.md."""

import argparse
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.speed import exact, peers, whole

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- speed: written by python -m benchmarks.speed --write -->", "<!-- end of speed -->"
PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "duckdb", "ibis-framework", "statsmodels")


def main() -> None:
    """Measure, print, and keep the result where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--size", choices=["small", "full"], default="full", help="small: seconds, to try it out")
    parser.add_argument("--rounds", type=int, default=5, help="paired runs of each comparison")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/README.md")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error(f"--rounds must be 1 or more but got {given.rounds}")
    load = os.getloadavg()[0]
    sections = [
        "### A whole log",
        whole.compare(given.size, rounds=given.rounds, seed=given.seed),
        "### The exact test alone",
        exact.compare(given.size, rounds=given.rounds, seed=given.seed),
        "### The tests of a cell, and R's `coin`",
        peers.compare(given.size, rounds=given.rounds, seed=given.seed),
        circumstances(given.rounds, given.seed, load),
    ]
    text = "\n\n".join(sections)
    print(text)
    if given.write:
        keep(text)


def circumstances(rounds: int, seed: int, load: float) -> str:
    """Say where and with what the figures were made."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return f"""\
Median (lowest to highest) of {rounds} rounds, the sides taking turns; ratio: the other side over confound,
within a round; seed {seed};
commit {_commit()}; {platform.system()}, {os.cpu_count()} cores, {memory:.0f} GiB, load {load:.1f} at the start;
Python {platform.python_version()}, {packages}."""


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(command, cwd=README.parent, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"


def keep(text: str, start: str = START, stop: str = END) -> None:
    """Put the result between its marks in the README."""
    before, _, rest = README.read_text(encoding="utf-8").partition(start)
    _, end, after = rest.partition(stop)
    if not end:
        raise SystemExit(f"{README}: the marks {start} and {stop} are missing; put them where the result belongs")
    README.write_text(f"{before}{start}\n\n{text}\n\n{stop}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
