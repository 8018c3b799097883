"""The words that every wing shares: special names in tables, and what a reader sees for the names in columns."""

from typing import Literal

ALL_CONTROLS = "(all)"  # in column `question`: all negative controls of a contrast together
ALL_ARMS = "(all arms)"  # in columns `contrast` and `arm`: all arms together
JOINT = ", "  # between the levels of several factors, in the label of an arm
UNKNOWN = "Unknown"  # in column `answer`: missing, or none of the options

Design = Literal["within", "between"]

ROLE_WORDS: dict[str, str] = {
    "outcome": "Outcomes",
    "negative_control": "Negative controls",
    "confounder": "Confounders",
    "retention": "Retention",
    "other": "Other questions",
}
ROLES = ("outcome", "negative_control", "confounder", "retention")  # what a study may ask for
READ_ROLES = (*ROLES, "other")  # what a log may hold; `other` is held against people, and no more
QUANTITY_WORDS = {
    "observed": "Observed effect",
    "cate": "Causal effect (CATE)",
    "att": "Effect on treated-arm users (ATT)",
    "atc": "Effect on control-arm users (ATC)",
    "sbt": "Selection bias, treated outcome (SBT)",
    "sbc": "Selection bias, control outcome (SBC)",
    "asb": "Average selection bias (ASB)",
    "settled": "Settled effect",
    "scale": "Scale of the approach, iterations",
    "step": "First step of the walk",
    "kept": "Part of a step kept in the next",
    "change": "Constant from iteration",
}
PATH_WORDS = {
    "exponential": "exponential approach",
    "random_walk": "random walk with shrinking steps",
    "changepoint": "random walk up to a change point",
}
CORRECTION_WORDS = {
    "mixture": "by a mixture over kinds of persona, calibrated by simulation",
    "plugin": "not at all",
    "null": "by its exact mean with no drift",
    "jackknife": "by the jackknife",
    "bootstrap": "by the bootstrap",
    "folded": "by inversion of the folded normal (Allen et al. 2015)",
    "npmle": "by the nonparametric maximum likelihood estimate over personas and answers",
}
DEFAULT_CORRECTION = "mixture"
DEFAULT_MARGIN = 0.05
