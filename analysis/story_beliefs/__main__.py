"""Does a story change who the reader is? Digital twins against the people they copy (Story Beliefs, Twin-2K-500)."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import upstream

import confound
from confound import figures
from confound.presentation.figures import pictures
from confound.presentation.tables import rendering
from confound.statistics.multiplicity import holm
from confound.vocabulary import ALL_CONTROLS

TITLE = "Does a story change who the reader is?"
PEOPLE = "human"
ASKED = (
    "Everyone was asked, after reading, how many books of each genre they had read in the last ten years. These are "
    "the controls that name the genre of a story just read."
)
DIRECTION = (
    "In which direction: the difference of the mean answers (levels 1 to 5) between the readers of the two stories."
)
# The stories whose genre is among the ten that were asked about; chosen by the stories' names alone.
MATCHED = {
    "story_fantasy_vs_scifi": ("books_read_10y_fantasy", "books_read_10y_scifi"),
    "story_teen_vs_postwar": ("books_read_10y_hist_fiction",),
    "story_thriller_vs_diary": ("books_read_10y_thriller",),
}


def matched(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows about the genre that was just read."""
    pairs = zip(frame["study"], frame["question"], strict=True)
    return frame[[question in MATCHED.get(study, ()) for study, question in pairs]]


def of_twins(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of the twins."""
    return frame[frame["model"] != PEOPLE]


def headline(comparisons: pd.DataFrame) -> str:
    """Say how much more the twins drift than the people, in each pair of stories."""
    rows = comparisons[comparisons["question"] == ALL_CONTROLS].sort_values("estimate", ascending=False)
    each = [
        f"{row['estimate']:+.2f} (95 % interval {row['ci_low']:+.2f} to {row['ci_high']:+.2f}) in {row['study']}"
        for row in rows.to_dict("records")
    ]
    beyond = int((rows["ci_low"] > 0).sum())
    surest = holm(rows["pvalue"]).min()
    return (
        f"The drift of the twins in excess of the people they copy, over all negative controls, as total variation "
        f"distance: {'; '.join(each)}. The interval is above 0 in {beyond} of {len(rows)} pairs of stories; "
        f"after Holm's correction over the pairs the smallest p is {surest:.3f}."
    )


def meaning(result: confound.Analysis) -> str:
    """Say what the twins' drift does to the effects of the story."""
    rows = of_twins(result.sensitivity)
    means = of_twins(result.effects).query("level == ''")
    seen = int(((means["ci_low"] > 0) | (means["ci_high"] < 0)).sum())
    left = int(((rows["bound_low"] > 0) | (rows["bound_high"] < 0)).sum())
    return (
        f"Of {len(means)} effects of a story on the twins, {seen} have an interval without 0. With users as far apart "
        f"between the stories as the control that drifts most, {left} of {len(rows)} would still be other than 0: the "
        f"others could be due to who answered alone (bounds below). The people read the same stories; their effects "
        f"stand beside the twins'."
    )


def pages(result: confound.Analysis, recalled: confound.Analysis) -> dict[str, Sequence[Any]]:
    """Lay the page out."""
    shown = replace(result, distributions=matched(result.distributions))
    drawn = list(figures.draw(shown, "negative_controls_by_arm"))
    means = replace(recalled, effects=matched(recalled.effects).query("level == ''"))
    return {
        "": [headline(result.comparisons)],
        "Who drifts": [
            *(f"{each.study}, {each.model}: {' '.join((each.headline, *each.points[:1]))}" for each in result.verdict),
            result.table("comparisons"),
        ],
        "The genre just read": [
            ASKED,
            replace(result, drift=matched(result.drift)).table("drift", columns="model"),
            DIRECTION,
            means.table("effects", columns="model"),
            *pictures.pictures(drawn),
        ],
        "What it means for the effect of the story": [
            meaning(result),
            result.table("effects", columns="model"),
            replace(result, sensitivity=of_twins(result.sensitivity)).table("sensitivity"),
        ],
    }


def main() -> None:
    """Read the answers, analyse them, write the page."""
    parser = argparse.ArgumentParser(prog="python analysis/story_beliefs", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="a response table; or the people's CSV and the twins' CSV")
    parser.add_argument("--out", type=Path, required=True, help="folder for page.html and the whole analysis")
    parser.add_argument("--correction", default="mixture", help="of the distance, as in confound analyze")
    given = parser.parse_args()
    if len(given.files) > 2:
        parser.error("give one response table, or two files: people, twins")
    try:
        log = given.files[0] if len(given.files) == 1 else upstream.read(*given.files)
        result = confound.analyze(log, reference=PEOPLE, correction=given.correction)
        asked = sorted({question for questions in MATCHED.values() for question in questions})
        recalled = confound.analyze(log, outcome=asked, skip=("drift", "decomposition", "sensitivity"))
        result.save(given.out / "analysis")
        page = rendering.to_document(TITLE, pages(result, recalled))
        (given.out / "page.html").write_text(page, encoding="utf-8")
    except confound.ConfoundError as error:
        parser.exit(2, f"Error: {error}\n")
    print(headline(result.comparisons))
    print(f"{given.out / 'page.html'}; everything: {given.out / 'analysis' / 'report.html'}")


if __name__ == "__main__":
    main()
