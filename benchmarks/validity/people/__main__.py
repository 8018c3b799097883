"""``python -m benchmarks.validity.people``: coverage of the intervals that hold users against people; ``--write`` keeps it."""

import argparse
from pathlib import Path

from benchmarks import page
from benchmarks.validity.people import agreement

PAGE = Path(__file__).parents[1] / "people.md"
AIM = 0.93


def parts(logs: int, seed: int) -> list[str]:
    """Measure everything; each part is a table with its words."""
    return [_agreement(logs, seed)]


def _agreement(logs: int, seed: int) -> str:
    quantities = ("r", "accuracy", "SD ratio", "distance of marginals")
    rows, low = [], []
    for world, n, tally in agreement.tallies(logs, seed):
        rows += [f"| {world}, {n} | {name} | {tally.cells(name)} |" for name in quantities]
        low += [f"{world}, {n}, {name}" for name in quantities if tally.coverage(name) < AIM - tally.error(AIM)]
    return "\n".join(
        [
            "## Agreement",
            "",
            "Pairs of a person and its persona, drawn from a normal copula with given shares of the answers. "
            f"Below {AIM} by more than two errors of the benchmark: {'; '.join(low) or 'none'}.",
            "",
            "| people, personas | quantity | coverage | median error | median width | without interval |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def main() -> None:
    """Print the page, and keep it where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.people", description=__doc__)
    parser.add_argument("--logs", type=int, default=1000, help="logs of a kind")
    parser.add_argument("--seed", type=int, default=20260605)
    parser.add_argument("--date", default="", help="of today, for the page")
    parser.add_argument("--write", action="store_true", help="keep the page")
    given = parser.parse_args()
    made = f"Commit {page.commit()}, seed {given.seed}, {given.logs} logs of a kind{given.date and ', '}{given.date}."
    words = "Nominal coverage is .95. Errors and widths are in the units of the quantity."
    title = "# Do intervals that hold simulated users against people hold the truth?"
    text = "\n\n".join([title, made, words, *parts(given.logs, given.seed)]) + "\n"
    print(text)
    if given.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
