"""The tables that hold simulated users against people, as a paper shows them."""

from collections.abc import Iterator

import pandas as pd

from confound.findings.tables import TABLES
from confound.presentation.tables.statistics_shown import Layout, Shown, of_bounds, of_fixed, of_schema
from confound.vocabulary import ALL_ARMS


def _whole(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows about all arms together."""
    kept: pd.DataFrame = frame[frame["arm"] == ALL_ARMS]
    return kept


def _agreement_notes(shown: Shown) -> Iterator[str]:
    if (shown.frame["pairing"] == "paired").any():
        yield "r: Pearson's correlation over people of a person's mean answer with that of the persona of its name."
        yield "Accuracy: 1 less the mean distance between their answers, as a part of the scale."
    yield "SD ratio: standard deviation of simulated answers over that of people's."
    yield "TVD: total variation distance between what all people and all simulated users answered, corrected."
    yield "Intervals leave out one persona, the cluster, at a time."


PEOPLE: dict[str, Layout] = {
    "agreement": Layout(
        "Agreement with people",
        "Question",
        ("against", "iteration"),
        ("question",),
        of_schema(TABLES["agreement"]),
        (
            of_fixed("r", "r", 2),
            of_bounds("r_low", "r_high", "{ci}"),
            of_fixed("accuracy", "Accuracy", 2),
            of_fixed("sd_ratio", "SD ratio", 2),
        ),
        (of_fixed("r", "r", 2), of_fixed("accuracy", "Accuracy", 2), of_fixed("sd_ratio", "SD ratio", 2)),
        (),
        _agreement_notes,
        last=True,
        choose=_whole,
    ),
}
