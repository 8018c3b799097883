"""Rows of a log of distributions: counts are parts of probabilities, and nothing has sampling noise."""

import pandas as pd

from confound.counts.contrasts import Contrast
from confound.counts.counting import PARTS
from confound.findings.schema import Row
from confound.findings.sides import sizes
from confound.statistics.drift.distributions import known_distance

TEST = "t"
COUNTS = ("n_control", "n_treated", "n_answers", "n_unknown", "unknown_control", "unknown_treated")


def drift_row(contrast: Contrast, *, confidence: float, margin: float) -> Row:
    """Measure the drift of one negative control whose distributions are known.

    Null hypothesis of the test that decides: the mean distance over personas is at most the margin.

    Parameters
    ----------
    contrast : Contrast
        Within subjects, of a negative control.
    confidence : float
        Of the intervals, in (0, 1).
    margin : float
        Drift below it counts as small.
    """
    treated, control = contrast.treated.answers, contrast.control.answers
    found = known_distance(treated, control, margin=margin, confidence=confidence)
    return {
        **contrast.place,
        "design": contrast.design,
        **sizes(contrast),
        "tvd_plugin": found.tvd,
        "tvd_null": 0.0,
        "tvd": found.tvd,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "tvd_population": found.tvd_population,
        "tvd_population_null": 0.0,
        "pvalue": found.pvalue,
        "pvalue_common": found.pvalue_direction,
        "test": TEST,
        "left_out": contrast.left_out,
        "tvd_answered": found.tvd,
        "pvalue_answered": found.pvalue,
    }


def in_distributions(frame: pd.DataFrame) -> pd.DataFrame:
    """Write counts of answers as those of distributions."""
    columns = [name for name in COUNTS if name in frame]
    return frame.assign(**{name: (frame[name] / PARTS).round() for name in columns})
