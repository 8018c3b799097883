"""``python -m benchmarks.validity.summary``: what the pages on validity found; ``--write`` keeps it in the README.

Nothing is measured here: the sentences and the table of aims are taken from the pages as they were last made.
"""

import argparse
from pathlib import Path

from benchmarks.page import keep

HERE = Path(__file__).parent


def paragraphs(page: str, *starts: str) -> list[str]:
    """Return the first paragraph of a page that begins with each of `starts`."""
    blocks = (HERE / page).read_text(encoding="utf-8").split("\n\n")
    return [next(block.strip() for block in blocks if block.startswith(start)) for start in starts]


def aims(table: str) -> str:
    """Leave out of the table of aims which cells miss them; the page names those."""
    lines = [line.split("|")[1:3] for line in table.splitlines()]
    return "\n".join("| " + " | ".join(cell.strip() for cell in line) + " |" for line in lines)


def summary() -> str:
    """Return the summary of all pages."""
    made, table = paragraphs("README.md", "Commit ", "| aim |")
    tests = paragraphs("rejections.md", "Commit ", "Above .05")
    parts = paragraphs("decomposition.md", "Commit ", "Largest bias")
    (settling,) = paragraphs("stabilization.md", "In short: ")
    return "\n\n".join(
        [
            "### [The corrected distance](validity/README.md)",
            made,
            aims(table),
            "### [How often each test rejects without drift](validity/rejections.md)",
            " ".join(tests),
            "### [The decomposition](validity/decomposition.md)",
            " ".join(parts),
            "### [Does the effect settle?](validity/stabilization.md)",
            settling,
        ]
    )


def main() -> None:
    """Print the summary, and keep it where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.summary", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the summary in benchmarks/README.md")
    given = parser.parse_args()
    text = summary()
    print(text)
    if given.write:
        keep("validity", text)


if __name__ == "__main__":
    main()
