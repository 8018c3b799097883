"""``python -m benchmarks.validity.people``: coverage of what holds users against people; ``--write`` keeps the page."""

import argparse
from pathlib import Path

from benchmarks import page
from benchmarks.validity.people import agreement, combination, effects, variance

PAGE = Path(__file__).parents[1] / "people.md"
AIM = 0.93


def parts(logs: int, seed: int) -> list[str]:
    """Measure everything; each part is a table with its words."""
    return [_agreement(logs, seed), _effects(logs, seed), _variance(logs, seed), _combined(logs, seed)]


def _agreement(logs: int, seed: int) -> str:
    quantities = ("r", "accuracy", "SD ratio", "distance of marginals")
    rows, low = [], []
    for world, n, tally in agreement.tallies(logs, seed):
        rows += [f"| {world}, {n} | {name} | {tally.cells(name)} |" for name in quantities]
        low += [f"{world}, {n}, {name}" for name in quantities if tally.coverage(name) < AIM - tally.error(AIM)]
    for world, n, tally in agreement.gaps(logs, seed):
        rows.append(f"| {world}, {n} | gap | {tally.cells('gap')} |")
        low += [f"{world}, {n}, gap"] if tally.coverage("gap") < AIM - tally.error(AIM) else []
    words = (
        "Pairs of a person and its persona, drawn from a normal copula with given shares of the answers. "
        f"Below {AIM} by more than two errors of the benchmark: {'; '.join(low) or 'none'}."
    )
    return "\n".join(
        [
            "## Agreement",
            "",
            words,
            "",
            "| people, personas | quantity | coverage | median error | median width | without interval |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def _effects(logs: int, seed: int) -> str:
    rows, low = [], []
    for world, tally in effects.tallies(logs, seed):
        names = [*effects.truths(), *effects.uncorrected(0), "same_sign", "replicated", "overstated"]
        rows += [f"| {world} | {name} | {tally.cells(name)} |" for name in names]
        low += [f"{world}, {name}" for name in names if tally.coverage(name) < AIM - tally.error(AIM)]
    words = (
        f"True effects have standard deviations of {effects.SIMULATED_SD:g} (simulated) and {effects.people_sd():.2f} "
        f"(people), correlate by {effects.CORRELATION} and have a slope of {effects.SLOPE}. Noise is the error "
        "of a simulated effect, that of people's is half as much again. Contrasts of a study share part of their true "
        "effects and of their errors. Without interval: refused, for noise or for want of studies. "
        f"Below {AIM} by more than two errors of the benchmark: {'; '.join(low) or 'none'}."
    )
    head = "| effects | quantity | coverage | median error | median width | without interval |"
    return "\n".join(["## Effects compared", "", words, "", head, "| --- | --- | --- | --- | --- | --- |", *rows])


def _variance(logs: int, seed: int) -> str:
    rows, low = [], []
    for world, n, tally in variance.tallies(logs, seed):
        rows.append(f"| {world}, {n} | {tally.cells('icc')} |")
        low += [f"{world}, {n}"] if tally.coverage("icc") < AIM - tally.error(AIM) else []
    words = (
        "Answers are a normal variable, cut; part of its variance is the persona's own. The quantity is the intraclass "
        f"correlation. Below {AIM} by more than two errors of the benchmark: {'; '.join(low) or 'none'}."
    )
    head = "| answers, personas | coverage | median error | median width | without interval |"
    return "\n".join(["## Variance", "", words, "", head, "| --- | --- | --- | --- | --- |", *rows])


def _combined(logs: int, seed: int) -> str:
    rows, low = [], []
    for world, tally in combination.tallies(logs, seed):
        rows += [f"| {world} | {name} | {tally.cells(name)} |" for name in ("effect", "worth")]
        low += [f"{world}, {name}" for name in ("effect", "worth") if tally.coverage(name) < AIM - tally.error(AIM)]
    words = (
        f"The effect on people is {combination.EFFECT}, the simulation makes it {combination.SIMULATED_EFFECT}. "
        f"Below {AIM} by more than two errors of the benchmark: {'; '.join(low) or 'none'}."
    )
    head = "| people and simulated users | quantity | coverage | median error | median width | without interval |"
    return "\n".join(["## Combined", "", words, "", head, "| --- | --- | --- | --- | --- | --- |", *rows])


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
