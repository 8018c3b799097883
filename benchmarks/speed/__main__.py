"""``python -m benchmarks.speed``: confound against what else does the same, as Markdown; ``--write`` keeps it."""

import argparse
import os

from benchmarks.page import circumstances, keep
from benchmarks.speed.analysis import whole
from benchmarks.speed.drift import exact, peers, pysal
from benchmarks.speed.table import of_rounds

TABLES = {
    "A whole log": whole.compare,
    "The exact test alone": exact.compare,
    "The tests of a cell, and R's `coin`": peers.compare,
    "The corrected distance of a cell, and PySAL's `segregation`": pysal.compare,
}


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
    made = circumstances(os.getloadavg()[0])
    sections = []
    for title, compare in TABLES.items():
        sections += [f"### {title}", compare(given.size, rounds=given.rounds, seed=given.seed)]
        print("\n\n".join(sections[-2:]), end="\n\n", flush=True)
    sections.append(f"""\
{of_rounds(given.rounds)}, the sides taking turns; ratio: the other side over confound,
within a round; seed {given.seed}. {made}""")
    print(sections[-1])
    if given.write:
        keep("speed", "\n\n".join(sections))


if __name__ == "__main__":
    main()
