"""The tables that hold simulated users against people, as a paper shows them."""

from collections.abc import Iterator

import pandas as pd

from confound.findings.tables import TABLES
from confound.presentation.tables.statistics_shown import (
    P_LINE,
    Layout,
    Shown,
    of_bounds,
    of_fixed,
    of_interval,
    of_p,
    of_schema,
    of_value,
)
from confound.vocabulary import ALL_ARMS


def _whole(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows about all arms together."""
    kept: pd.DataFrame = frame[frame["arm"] == ALL_ARMS]
    return kept


def _in_deviations(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the effects in standard deviations; the quantities over all of them are said in words."""
    kept: pd.DataFrame = frame[(frame["unit"] == "d") & (frame["quantity"] == "difference")]
    return kept


def _compared_notes(_: Shown) -> Iterator[str]:
    yield "Effects: differences of the arms' means in pooled standard deviations of a model's own answers (Cohen's d)."
    yield "Difference: simulated less people; paired where personas carry people's names. The persona is the cluster."
    yield "p: two-sided for equal effects, not corrected for several outcomes."


def _combined_notes(_: Shown) -> Iterator[str]:
    yield "Combined: the effect on people by prediction-powered inference, which simulated users cannot bias."
    yield "Worth: how many people would give the same error without simulated users. The persona is the cluster."
    yield "p: two-sided for no effect on people, not corrected for several outcomes."


def _variance_notes(shown: Shown) -> Iterator[str]:
    if "ICC" in shown.heads:
        yield "ICC: part of the variance of single answers that lies between personas and not between the runs of one."
    if "Design effect" in shown.heads:
        yield "Design effect: variance of a mean over that of as many independent answers."
    yield "Mode: share of the most frequent answer. Entropy in bits."
    if "SD ratio" in shown.heads:
        yield "SD ratio: standard deviation of single answers over that of people's."
    yield "Intervals leave out one persona, the cluster, at a time."


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
        ("iteration",),
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
    "effects_compared": Layout(
        "Effects on simulated users and on people",
        "Outcome",
        ("contrast", "iteration"),
        ("question",),
        of_schema(TABLES["effects_compared"]),
        (of_fixed("people", "People", 2), of_fixed("simulated", "Simulated", 2), of_p("pvalue", "p")),
        (of_fixed("people", "People", 2), of_fixed("simulated", "Simulated", 2), P_LINE),
        (),
        _compared_notes,
        last=True,
        choose=_in_deviations,
    ),
    "combined": Layout(
        "Effects on people, with the help of simulated users",
        "Outcome",
        ("contrast", "iteration"),
        ("question",),
        of_schema(TABLES["combined"]),
        (of_value("estimate", "Combined"), of_interval(), of_fixed("worth", "Worth", 0)),
        (of_value("estimate", "Combined"), of_interval(), of_fixed("worth", "Worth", 0)),
        ("study", "question"),
        _combined_notes,
        last=True,
    ),
    "variance": Layout(
        "Where the variance is",
        "Question",
        ("iteration",),
        ("question",),
        of_schema(TABLES["variance"]),
        (of_fixed("icc", "ICC", 2), of_fixed("modal_share", "Mode", 2), of_fixed("sd_ratio", "SD ratio", 2)),
        (of_fixed("icc", "ICC", 2), of_fixed("modal_share", "Mode", 2), of_fixed("sd_ratio", "SD ratio", 2)),
        (),
        _variance_notes,
        last=True,
        choose=_whole,
    ),
}
