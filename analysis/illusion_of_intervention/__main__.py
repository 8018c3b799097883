"""Remake the figures and tables of Lin et al. (2026), section 6 and appendices B and I, from any response table."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import confound
from confound import figures
from confound.presentation.figures import pictures

FIRST = 3
OVERVIEW = "mean_drift_over_iterations"  # one figure for all studies
EACH = {  # kind -> what it shows, what a log must hold for it; one figure a study
    "drift_over_iterations": ("drift of each negative control over iterations", "iterations"),
    "effect_over_iterations": ("effects over iterations", "iterations and outcomes"),
    "negative_controls_by_arm": ("answers to the negative controls, before and after", "negative controls"),
    "outcome_by_arm": ("mean outcome by arm", "outcomes with an order"),
    "outcome_answers_by_arm": ("answers to the outcomes by arm, before adjustment", "outcomes"),
    "retention": ("do users keep what they were told to be?", "questions with role retention and column specified"),
    "marginals_over_iterations": ("answers of all arms together over iterations", "iterations"),
    "answers_by_arm": ("all answers by arm, at each iteration", "questions"),
}
TABLES = ("data", "drift", "effects", "comparisons", "decomposition", "assumptions")


@dataclass(frozen=True)
class Wanted:
    """One figure of the paper: its number, kind and study (none for all studies)."""

    number: int
    kind: str
    study: str | None
    shows: str
    needs: str


def wanted(studies: list[str]) -> Iterator[Wanted]:
    """Yield the figures in the order of their numbers: the overview, then each kind for each study."""
    yield Wanted(FIRST, OVERVIEW, None, "mean drift over iterations", "iterations")
    places = ((kind, study) for kind in EACH for study in studies)
    for number, (kind, study) in enumerate(places, FIRST + 1):
        yield Wanted(number, kind, study, *EACH[kind])


def drawn(result: confound.Analysis, figure: Wanted) -> Iterator[figures.Drawn]:
    """Draw one figure; its pages are called figure_NN, figure_NN-2 and so on."""
    part = result if figure.study is None else result.only(study=figure.study)
    stem = f"figure_{figure.number:02d}"
    for page in figures.draw(part, figure.kind):
        yield replace(page, name=stem + page.name.removeprefix(figure.kind).removeprefix("_over_iterations"))


def remake(result: confound.Analysis, out: Path, *, workers: int | None) -> None:
    """Write figures, tables and the list of them."""
    lines = ["| figure | shows | study | files |", "|---|---|---|---|"]
    captions = []
    for figure in wanted(list(dict.fromkeys(result.data["study"]))):
        pages = pictures.write(drawn(result, figure), out, workers=workers)
        files = ", ".join(f"`{page.name}.pdf`" for page in pages) or f"none: the log holds no {figure.needs}"
        lines.append(f"| {figure.number} | {figure.shows} | {figure.study or 'all'} | {files} |")
        captions += [f"**{page.name}.** {page.caption}" for page in pages]
        where, many = figure.study or "all studies", "page" if len(pages) == 1 else "pages"
        print(f"figure {figure.number}: {figure.shows}, {where}: {len(pages)} {many}", flush=True)
    for name in TABLES:
        if len(result.frames[name]):
            for form in ("csv", "tex", "md", "html"):
                (out / f"table_{name}.{form}").write_bytes(result.publish(name, form, iterations="all"))
    (out / "index.md").write_text("\n".join([*lines, "", *captions, ""]), encoding="utf-8")


def main() -> None:
    """Read the log, or the folder of an analysis, and remake everything."""
    parser = argparse.ArgumentParser(prog="python analysis/illusion_of_intervention", description=__doc__)
    parser.add_argument("log", help="response table (file, folder or glob), or the folder that confound analyze left")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures and tables")
    parser.add_argument("--targeted-from", type=int, metavar="K", help="first iteration with targeted confounders")
    parser.add_argument("--correction", default="mixture", help="of the distance, as in confound analyze")
    parser.add_argument("--workers", type=int, help="processes; by default one a core")
    given = parser.parse_args()
    try:
        if (Path(given.log) / "analysis.json").exists():
            result = confound.load(given.log)
        else:
            result = confound.analyze(
                given.log,
                correction=given.correction,
                targeted_from=given.targeted_from,
                skip=("stabilization", "figures", "report"),
                workers=given.workers,
            )
            result.save(given.out / "analysis")
        remake(result, given.out, workers=given.workers)
    except confound.ConfoundError as error:
        parser.exit(2, f"Error: {error}\n")


if __name__ == "__main__":
    main()
