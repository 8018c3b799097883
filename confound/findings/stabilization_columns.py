"""The columns of the tables `stabilization`, `settled` and `stabilization_checks`."""

from confound.findings import schema
from confound.findings.schema import CONTRAST, ITERATION, MODEL, STUDY, Column, Schema

_UNIT = "of the outcome; of scale and change: iterations"
_PATH = Column("path", "text", "The model of the path: exponential, random_walk or changepoint")
_WHERE = (STUDY, MODEL, CONTRAST, Column("question", "text", "The outcome"), _PATH)
SCHEMA = Schema(
    "stabilization",
    "A quantity of an outcome in a contrast, by one model of its path over the iterations",
    (
        *_WHERE,
        Column(
            "quantity",
            "text",
            "`observed`: the effect at the first iteration; `settled`: the effect in the limit; sbt, sbc, asb: "
            "selection bias; scale, step, kept, change: of the path itself",
        ),
        Column("mean", "number", "Posterior mean", _UNIT, head="Mean"),
        Column("sd", "number", "Posterior standard deviation", _UNIT, head="SD"),
        *schema.interval("the posterior (central)", _UNIT),
        Column(
            "rhat", "number", "Rank-normalized R-hat (Vehtari et al. 2021); at most 1.01 passes", head="R-hat", places=2
        ),
        Column("ess_bulk", "number", "Effective sample size of the bulk", "draws", head="bulk", group="ESS", places=0),
        Column("ess_tail", "number", "Effective sample size of the tails", "draws", head="tail", group="ESS", places=0),
        Column("prior_low", "number", "Lower end of the interval that the prior alone expects", _UNIT),
        Column("prior_high", "number", "Upper end of the interval that the prior alone expects", _UNIT),
        Column(
            "prior_sensitivity", "number", "Power-scaling sensitivity to the prior (Kallioinen et al. 2024); high: .05"
        ),
        Column("likelihood_sensitivity", "number", "Power-scaling sensitivity to the likelihood; high: .05"),
    ),
)
SETTLED = Schema(
    "settled",
    "An iteration of an outcome in a contrast, by one model of its path",
    (
        *_WHERE,
        ITERATION,
        Column(
            "probability",
            "number",
            "Probability that from this iteration on the effect is within `tolerance` of the settled effect",
            "0 to 1",
        ),
        Column("tolerance", "number", "By default a tenth of the outcome's standard deviation", "of the outcome"),
    ),
)
CHECKS = Schema(
    "stabilization_checks",
    "A check of one model of an outcome's path",
    (
        *_WHERE,
        Column("check", "text", "A gate (rhat to pareto_k), a posterior predictive check (ppc_...), or elpd, weight"),
        Column("value", "number", "What the check found"),
        Column("limit", "number", "Where the check passes"),
        Column("passed", "flag", "Whether it passed"),
    ),
)
