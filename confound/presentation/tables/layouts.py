"""What stands in each table of a publication, how it is written, and what is said under it."""

from collections.abc import Iterator

import pandas as pd

from confound.findings.decision import SHOWN
from confound.findings.tables import TABLES
from confound.findings.verdict.effect_points import main_rows
from confound.presentation.tables.layout import MARK
from confound.presentation.tables.people_layouts import PEOPLE
from confound.presentation.tables.statistics_shown import (
    P_LINE,
    Layout,
    Record,
    Shown,
    Statistic,
    check,
    of_bounds,
    of_fixed,
    of_interval,
    of_p,
    of_schema,
    of_value,
    p_line,
)
from confound.text import MISSING, number
from confound.vocabulary import ALL_CONTROLS, CORRECTION_WORDS


def _marked_distance(row: Record, d: int) -> str:
    text = number(row["tvd"], d)
    return f"{text}{MARK}" if text != MISSING and row["state"] == SHOWN else text


def _joint_p_line(row: Record, d: int) -> str:
    return p_line({**row, "pvalue": row["pvalue_verdict"]}, d) if row["question"] == ALL_CONTROLS else ""


def _unknown_share(row: Record, _: int) -> str:
    return number(100 * row["n_unknown"] / row["n_answers"], 1) if row["n_answers"] else MISSING


def _in_brackets(row: Record, d: int) -> str:
    text = _unknown_share(row, d)
    return text if text == MISSING else f"({text}%)"


UNKNOWN_NEEDS = ("n_unknown", "n_answers")
PERSONAS = of_fixed("n_personas", "Personas", 0)
LAYOUTS: dict[str, Layout] = {}


def _drift_notes(shown: Shown) -> Iterator[str]:
    how = CORRECTION_WORDS.get(shown.settings.get("correction", ""), "as the settings say")
    within, between = (design in set(shown.frame["design"]) for design in ("within", "between"))
    over = " and ".join(
        [*(["averaged over personas"] if within else []), *(["of the arms' answers"] if between else [])]
    )
    yield f"Statistic: total variation distance (TVD) between the arms, {over}, corrected {how}."
    yield f"The null hypothesis is that {_exchangeable(within=within, between=between)}."
    if "Verdict" not in shown.heads:
        yield "p: permutation test of the distance; adjusted: over the contrast's controls and the model's contrasts."
    if ALL_CONTROLS in set(shown.frame["question"]):
        yield "All controls: mean of the distances, and one test of all of them."


def _exchangeable(*, within: bool, between: bool) -> str:
    words = "answers are exchangeable between the arms within each persona, the cluster and stratum"
    other = "personas, the clusters, are exchangeable between the arms"
    return (
        f"{words} (within subjects), or {other} (between subjects)"
        if within and between
        else words
        if within
        else other
    )


def _effect_notes(shown: Shown) -> Iterator[str]:
    within, between = (design in set(shown.frame["design"]) for design in ("within", "between"))
    tests = " or ".join([*(["paired t"] if within else []), *(["Welch's"] if between else [])])
    yield "Statistic: difference of the arms' means over personas, each counting by its own mean (Unknown left out)."
    yield f"Cluster: persona ({tests}); p is two-sided for no difference, not corrected for several outcomes."


def _decomposition_notes(shown: Shown) -> Iterator[str]:
    parts = ", and ASB is the mean of SBT and SBC" if "sbt" in set(shown.frame["quantity"]) else ""
    yield f"Observed effect = CATE + ASB{parts} (Lin et al. 2026, appendix A)."
    methods = set(shown.frame["method"])
    if "adjustment" in methods:
        yield (
            "By adjustment: how the arms' means move from iteration 0 to the iteration named; assumes that the adopted "
            "attributes carry all of the drift."
        )
    if "source" in methods:
        yield "By source: outcomes in either arm of personas whose attributes were all drawn in one."
    if methods & {"g-formula", "aipw"}:
        yield (
            "By g-formula and AIPW: standardized over the confounders elicited at iteration 0; assumes that they carry "
            "all of the drift."
        )
    yield "Intervals are clustered by persona; no correction for several parts."


def _comparison_notes(_: Shown) -> Iterator[str]:
    yield (
        "Statistic: difference of two total variation distances, each corrected and averaged over personas; between "
        "subjects, of the signed roots of the squared distance less its squared mean without drift."
    )
    yield (
        "p: two-sided, null hypothesis of equal distances, whatever their shapes; the persona is the cluster; not "
        "corrected for several controls."
    )


def _by_role(data: pd.DataFrame) -> pd.DataFrame:
    """Gather the questions of a role."""
    keys = ["study", "model", "iteration", "role", "arm"]
    return data.groupby(keys, sort=False, as_index=False).agg(
        n_questions=("question", "nunique"),
        n_personas=("n_personas", "max"),
        n_answers=("n_answers", "sum"),
        n_unknown=("n_unknown", "sum"),
    )


def _data_notes(_: Shown) -> Iterator[str]:
    yield "Unknown: answers that are missing or could not be read as one of the options."


def _sensitivity_notes(_: Shown) -> Iterator[str]:
    yield (
        "Drift to explain away: the total variation distance between the arms' users that selection would need to make "
        "the whole effect; beside it the largest corrected distance of a negative control, a lower bound on it."
    )
    yield "Bounds: the effect's interval widened by the upper end of that distance. The persona is the cluster."


def _assumption_notes(_: Shown) -> Iterator[str]:
    yield "Found: what the check measures; expected: what it would be on average if the assumption held."
    yield "The persona is the cluster; p is not corrected for several checks."


def _stabilization_notes(_: Shown) -> Iterator[str]:
    yield "Posterior means with central intervals of a model of answers over iterations; personas are its clusters."
    yield "R-hat at most 1.01 and effective sample sizes (ESS) of 400 or more are taken as converged."


LAYOUTS["drift"] = Layout(
    "User drift: negative controls",
    "Negative control",
    ("contrast", "iteration"),
    ("question",),
    of_schema(TABLES["drift"]),
    (of_value("tvd", "TVD"), of_interval(), of_p("pvalue", "p"), of_p("pvalue_verdict", "p, adjusted")),
    (
        Statistic("TVD", _marked_distance, ("tvd", "state")),
        of_interval(),
        Statistic("p (all controls)", _joint_p_line, ("pvalue_verdict",)),
    ),
    (),
    _drift_notes,
)
LAYOUTS["effects"] = Layout(
    "Observed effects",
    "Outcome",
    ("contrast", "iteration"),
    ("question", "level"),
    of_schema(TABLES["effects"]),
    (of_value("estimate", "Difference"), of_interval(), of_p("pvalue", "p")),
    (of_value("estimate", "Difference"), of_interval(), P_LINE),
    ("study", "question"),
    _effect_notes,
    choose=main_rows,
)
LAYOUTS["decomposition"] = Layout(
    "Decomposition of the observed effect",
    "Part",
    ("contrast", "question", "method", "iteration"),
    ("quantity",),
    of_schema(TABLES["decomposition"]),
    (of_value("estimate", "Estimate"), of_interval()),
    (of_value("estimate", "Estimate"), of_interval()),
    ("study", "question"),
    _decomposition_notes,
    last=True,
)
LAYOUTS["comparisons"] = Layout(
    "Drift compared",
    "Negative control",
    ("contrast", "against", "iteration"),
    ("question",),
    of_schema(TABLES["comparisons"]),
    (of_value("estimate", "Difference"), of_interval(), of_p("pvalue", "p")),
    (of_value("estimate", "Difference"), of_interval(), P_LINE),
    (),
    _comparison_notes,
    last=True,
)
LAYOUTS["data"] = Layout(
    "Personas and answers by arm",
    "Role and arm",
    ("iteration",),
    ("role", "arm"),
    (
        PERSONAS,
        of_fixed("n_questions", "Questions", 0),
        of_fixed("n_answers", "Answers", 0),
        of_fixed("n_unknown", "Unknown", 0),
        Statistic("Unknown, %", _unknown_share, UNKNOWN_NEEDS),
    ),
    (
        PERSONAS,
        of_fixed("n_answers", "Answers", 0),
        Statistic("Unknown, %", _unknown_share, UNKNOWN_NEEDS),
    ),
    (of_fixed("n_answers", "Answers", 0), Statistic("Unknown", _in_brackets, UNKNOWN_NEEDS)),
    (),
    _data_notes,
    choose=_by_role,
)
LAYOUTS["sensitivity"] = Layout(
    "Sensitivity of the effect to drift",
    "Outcome",
    ("contrast", "iteration"),
    ("question",),
    of_schema(TABLES["sensitivity"]),
    (
        of_value("estimate", "Effect"),
        of_fixed("drift_to_explain_away", "To explain away", 3),
        of_fixed("largest_tvd", "Largest seen", 3),
    ),
    (of_value("estimate", "Effect"), of_bounds("bound_low", "bound_high", "Bounds")),
    ("study", "question"),
    _sensitivity_notes,
    last=True,
)
LAYOUTS["assumptions"] = Layout(
    "Checks of what the decomposition assumes",
    "Question, arm",
    ("contrast", "check", "iteration"),
    ("question", "arm"),
    of_schema(TABLES["assumptions"]),
    (of_value("estimate", "Found"), of_value("expected", "Expected"), of_p("pvalue", "p")),
    (of_value("estimate", "Found"), of_value("expected", "Expected"), P_LINE),
    ("check",),
    _assumption_notes,
    last=True,
)
LAYOUTS["stabilization"] = Layout(
    "The effect over iterations",
    "Quantity",
    ("contrast", "question", "path"),
    ("quantity",),
    of_schema(TABLES["stabilization"]),
    (of_value("mean", "Mean"), of_interval()),
    (of_value("mean", "Mean"), of_interval()),
    ("study", "question"),
    _stabilization_notes,
)

LAYOUTS |= PEOPLE

for _name, _layout in LAYOUTS.items():
    check(_name, _layout)
