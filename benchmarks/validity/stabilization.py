"""``python -m benchmarks.validity.stabilization``: whether the models of the effect over iterations are right.

Recovery: logs whose truth follows one path, fitted by that path and by the others; how often the 95 % intervals of the
settled effect and the biases hold the truth, and how far off the means are. Calibration: simulation-based calibration
(Talts et al. 2018) of the exponential model; parameters from the prior, a log from the parameters, the rank of each
true quantity among the posterior's draws, which is uniform if the computation is right. The same for groups that are
pooled, three models in two studies: their standard deviations, and the first group's quantities.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats

from confound.statistics import multiplicity
from confound.statistics.stabilization import draws
from confound.statistics.stabilization.fit import PathFit, fit_paths
from confound.statistics.stabilization.inputs import PATHS, Pool, Priors, Sampler, Trajectory
from confound.statistics.stabilization.law import Persons

FloatArray = npt.NDArray[np.float64]

PAGE = Path(__file__).with_name("stabilization.md")
TIMES = np.arange(8.0)
PERSONAS, TRIALS, ANSWERS = 30, 10, 4
NUMBERS = np.arange(1.0, ANSWERS + 1)
SAMPLER = Sampler(chains=2, draws=500, tune=300, cores=1)
STUDY, MODEL = (0, 0, 0, 1, 1, 1), (0, 1, 2, 0, 1, 2)
POOLED_TIMES, POOLED_PERSONAS = np.arange(5.0), 12
REPORTED = ("observed", "settled", "sbt", "sbc", "asb")
THIN = 10  # draws further apart are nearly independent
BINS = 10
MIXED = 1.05
# What the truth of the recovery logs looks like, on the scale of the log odds.
PERSONS = Persons(
    cuts=np.array([[-1.3, 0.1, 1.5]]),
    sds=np.array([[0.9, 0.6, 0.4, 0.3]]),
    noise=np.array([0.2]),
    growth=np.array([2.5]),
)
OWN = {"exponential": {"scale": 2.0}, "random_walk": {"step": 0.35, "kept": 0.55}, "changepoint": {"step": 0.25}}


@dataclass(frozen=True, slots=True)
class Made:
    """A log and its truth."""

    data: Trajectory
    truth: Mapping[str, float]


def make(
    theta: draws.Theta,
    path: str,
    rng: np.random.Generator,
    times: FloatArray = TIMES,
    personas: int = PERSONAS,
) -> Made:
    """Draw a path and a log of new personas."""
    means = draws.draw_prior_paths(path, times, theta, rng)
    outcome = draws.expected(means, theta.persons, times, NUMBERS, (0.0, 1.0))
    truth = {name: float(value[0]) for name, value in draws.quantities(outcome).items()}
    sizes = np.full((personas, 2, len(times)), TRIALS)
    counts = draws.simulate(means[0, :, :-1], theta.persons, times, sizes, rng)
    total = counts.sum(axis=(0, 1, 2))
    mean = (total @ NUMBERS) / total.sum()
    data = Trajectory(
        times=times,
        sizes=sizes,
        counts=counts,
        numbers=NUMBERS,
        means=counts @ NUMBERS / TRIALS,
        errors=np.ones(sizes.shape),
        sd=float(np.sqrt((total @ NUMBERS**2) / total.sum() - mean**2)),
    )
    own = {f"own_{name}": float(value[0]) for name, value in theta.path.items()}
    sds = dict(zip(("level", "level_growth", "effect", "effect_growth"), theta.persons.sds[0].tolist(), strict=True))
    return Made(data, {**truth, **own, **sds, "noise": float(theta.persons.noise[0])})


def fit(pool: Sequence[Made], path: str, seed: int) -> PathFit:
    """Fit one path, once: to one log, or to the pooled logs of `STUDY` and `MODEL`."""
    alone = len(pool) == 1
    study, model = ((0,), (0,)) if alone else (STUDY, MODEL)
    names = tuple(f"s{s} | m{m} | b - a | y" for s, m in zip(study, model, strict=True))
    name = "s | m | b - a | y" if alone else f"b - a | y | {len(pool)} pooled"
    together = Pool(name, tuple(made.data for made in pool), (name,) if alone else names, study, model)
    (found,) = fit_paths(together, [path], sampler=SAMPLER, seed=seed, again=False)
    return found


def recovery(truth: str, fitted: str, seed: int) -> list[dict[str, object]]:
    """Fit one log of a path; a row a quantity."""
    rng = np.random.default_rng([1, PATHS.index(truth), seed])
    own = {name: np.array([value]) for name, value in OWN[truth].items()}
    theta = draws.Theta(PERSONS, np.array([[0.5, 0.35, 0.25]]), np.array([0.2]), np.array([0.1]), own)
    made = make(theta, truth, rng)
    found = fit([made], fitted, seed)
    rows: list[dict[str, object]] = []
    for name in ("settled", "asb", "sbt", "sbc"):
        drawn = draws.quantities(found.members[0].outcome)[name]
        low, high = np.quantile(drawn, (0.025, 0.975))
        rows.append(
            {
                "truth": truth,
                "fitted": fitted,
                "quantity": name,
                "error": drawn.mean() - made.truth[name],
                "covered": low <= made.truth[name] <= high,
                "width": high - low,
                "mixed": found.gates[0].value < MIXED,
            }
        )
    return rows


def rank(seed: int) -> dict[str, float]:
    """Return the rank, in [0, 1], of each true quantity among the draws of one log from the prior."""
    rng = np.random.default_rng([2, seed])
    while True:
        theta = draws.draw_prior("exponential", ANSWERS - 1, 1, priors=Priors(), rng=rng)
        made = make(theta, "exponential", rng)
        if every_answer_given(made):
            break
    found = fit([made], "exponential", seed)
    theta = found.members[0].theta
    persons, own = theta.persons, theta.path
    drawn = {**draws.quantities(found.members[0].outcome), "own_scale": own["scale"], "noise": persons.noise}
    for k, name in enumerate(("level", "level_growth", "effect", "effect_growth")):
        drawn[name] = persons.sds[:, k]
    return {name: float((values[::THIN] < made.truth[name]).mean()) for name, values in drawn.items()}


def every_answer_given(made: Made) -> bool:
    """Tell whether a log has as many answers as its model; to choose by the data alone leaves ranks uniform."""
    assert made.data.counts is not None
    return bool((made.data.counts.sum(axis=(0, 1, 2)) > 0).all())


def pooled_rank(seed: int) -> dict[str, float]:
    """Return the ranks of what pooled groups have in common, and of the first group's quantities."""
    rng = np.random.default_rng([3, seed])
    while True:
        theta, truth = draw_pool(rng)
        pool = [
            make(theta.rows(slice(g, g + 1)), "exponential", rng, POOLED_TIMES, POOLED_PERSONAS)
            for g in range(len(STUDY))
        ]
        if all(map(every_answer_given, pool)):
            break
    truth |= {name: pool[0].truth[name] for name in REPORTED}
    found = fit(pool, "exponential", seed)
    kept = found.sample.posterior
    drawn = dict(draws.quantities(found.members[0].outcome))
    for name in ("study_sd", "model_sd"):
        flat = kept[name].reshape(-1, 3)
        drawn |= {f"{name}_{what}": flat[:, k] for k, what in enumerate(("effect", "bias_treated", "bias_control"))}
    drawn |= {name: kept[name].ravel() for name in ("effect_sd", "bias_sd", "scale_sd")}
    return {name: float((drawn[name][::THIN] < value).mean()) for name, value in truth.items()}


def draw_pool(rng: np.random.Generator) -> tuple[draws.Theta, dict[str, float]]:
    """Draw the parameters of pooled groups from the prior, and tell the standard deviations between them."""
    priors, n = Priors(), len(STUDY)
    theta = draws.draw_prior("exponential", ANSWERS - 1, n, priors=priors, rng=rng)
    spread = np.abs(rng.normal(0, priors.between, (2, 3)))
    centre = rng.normal(0, (priors.effect, priors.bias, priors.bias)) * np.ones((n, 1))
    for labels, sds in zip((STUDY, MODEL), spread, strict=True):
        centre = centre + rng.normal(0, sds, (max(labels) + 1, 3))[list(labels)]
    effect_sd, bias_sd, scale_sd = np.abs(rng.normal(0, priors.between, 3))
    median, width = priors.scale
    scale = median * np.exp(rng.normal(0, width) + rng.normal(0, scale_sd, n))
    truth = {"effect_sd": effect_sd, "bias_sd": bias_sd, "scale_sd": scale_sd}
    for name, sds in zip(("study_sd", "model_sd"), spread, strict=True):
        truth |= {f"{name}_{what}": sds[k] for k, what in enumerate(("effect", "bias_treated", "bias_control"))}
    own = draws.Theta(theta.persons, centre, np.full(n, effect_sd), np.full(n, bias_sd), {"scale": scale})
    return own, {name: float(value) for name, value in truth.items()}


def calibration_table(ranks: pd.DataFrame) -> pd.DataFrame:
    """Test each quantity's ranks for uniformity: chi-square over ten bins, and Kolmogorov-Smirnov."""
    rows = []
    for name in ranks.columns:
        counts = np.histogram(ranks[name], bins=BINS, range=(0, 1))[0]
        chi = stats.chisquare(counts).pvalue
        ks = stats.kstest(ranks[name], "uniform").pvalue
        rows.append(
            {"quantity": name, "ranks in ten bins": " ".join(map(str, counts)), "chi-square p": chi, "KS p": ks}
        )
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    table["Holm p"] = multiplicity.holm(table[["chi-square p", "KS p"]].to_numpy().ravel()).reshape(-1, 2).min(axis=1)
    return table


def recovery_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise the recovery."""
    if rows.empty:
        return pd.DataFrame(columns=["truth", "fitted"])
    return (
        rows.groupby(["truth", "fitted", "quantity"], sort=False)
        .agg(
            logs=("error", "size"),
            covered=("covered", "mean"),
            bias=("error", "mean"),
            rmse=("error", lambda error: float(np.sqrt((error**2).mean()))),
            width=("width", "mean"),
            mixed=("mixed", "mean"),
        )
        .reset_index()
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, print, and keep the page where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity.stabilization", description=__doc__)
    parser.add_argument("--logs", type=int, default=100, help="of each path, fitted by itself")
    parser.add_argument("--others", type=int, default=25, help="of each path, fitted by each other path")
    parser.add_argument("--simulations", type=int, default=200, help="of simulation-based calibration")
    parser.add_argument("--pooled", type=int, default=100, help="simulations of it with groups that are pooled")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--date", default="", help="written on the page")
    parser.add_argument("--write", action="store_true", help=f"keep the result in {PAGE.name}")
    given = parser.parse_args(arguments)
    pairs = [
        (truth, fitted, seed)
        for truth in PATHS
        for fitted in PATHS
        for seed in range(given.logs if truth == fitted else given.others)
    ]
    run = Parallel(n_jobs=given.jobs, verbose=1)
    rows = pd.DataFrame([row for found in run(delayed(recovery)(*pair) for pair in pairs) for row in found])
    ranks = pd.DataFrame(run(delayed(rank)(seed) for seed in range(given.simulations)))
    pooled = pd.DataFrame(run(delayed(pooled_rank)(seed) for seed in range(given.pooled)))
    text = page(recovery_table(rows), calibration_table(ranks), calibration_table(pooled), given)
    print(text)
    if given.write:
        PAGE.write_text(text, encoding="utf-8")


def page(recovered: pd.DataFrame, calibrated: pd.DataFrame, pooled: pd.DataFrame, given: argparse.Namespace) -> str:
    """Write the page, without the parts that were not asked for."""
    asked = f"--logs {given.logs} --others {given.others} --simulations {given.simulations} --pooled {given.pooled}"
    head = f"""# Validity: does the effect settle?

`python -m benchmarks.validity.stabilization {asked} --write`{f", {given.date}" if given.date else ""}.
Logs of {PERSONAS} personas x {len(TIMES)} iterations x 2 arms x {TRIALS} trials, {ANSWERS} answers;
{SAMPLER.chains} chains of {SAMPLER.draws} draws. Errors and widths in units of the outcome, whose answers count
1 to {ANSWERS}."""
    own = recovered[recovered["truth"] == recovered["fitted"]]
    cross = recovered[recovered["truth"] != recovered["fitted"]]
    parts = [head, _short(own, cross, calibrated, pooled)]
    if len(own):
        parts.append(f"""## Recovery

Truth from the path that is fitted. Covered: share of logs whose 95 % interval holds the truth; mixed: share of fits
with R-hat below {MIXED}, for the gates ask for more draws than were taken here.

{_markdown(own.drop(columns="fitted"))}""")
    if len(cross):
        parts.append(f"""## Under another path's truth

{_markdown(cross)}""")
    if len(calibrated):
        parts.append(f"""## Simulation-based calibration of the exponential model

Parameters from the prior, a log from the parameters, the rank of the truth among the draws. Null hypothesis: ranks are
uniform. Two tests each, chi-square over ten bins and Kolmogorov-Smirnov; Holm's correction over all of them.
Rejected at .05: {_rejected(calibrated)}. Observed to asb are what is reported, own_scale its scale; the others
are standard deviations, of personas and of what is a persona's, an arm's and an iteration's own (noise). In these it
shows first how good the quadratic form of the likelihood is: expanded about the mode, instead of matched by expectation
propagation, it put 52 true noises of the first 200 logs into the top bin.

{_markdown(calibrated)}""")
    if len(pooled):
        parts.append(f"""## The same with pooled groups

{max(STUDY) + 1} studies x {max(MODEL) + 1} models, in each {POOLED_PERSONAS} personas x {len(POOLED_TIMES)} iterations
x 2 arms x {TRIALS} trials. Standard deviations between studies and between models, of the settled effect and of the
arms' biases; those over both (effect_sd, bias_sd) and of the log of the scale; observed to asb of the first group.
Rejected at .05: {_rejected(pooled)}.

{_markdown(pooled)}""")
    return "\n\n".join(parts) + "\n"


def _short(own: pd.DataFrame, cross: pd.DataFrame, calibrated: pd.DataFrame, pooled: pd.DataFrame) -> str:
    """Say in a paragraph what was found."""
    said = []
    for rows, what in ((own, "the path that made the log"), (cross, "another path")):
        if len(rows):
            least = rows.loc[rows["covered"].idxmin()]
            which = f"{least['quantity']} of a {least['truth']} by {least['fitted']}"
            said.append(f"smallest coverage of a nominal .95 by {what} {least['covered']:.2f} ({which})")
    for table, what in ((calibrated, "calibration"), (pooled, "calibration of pooled groups")):
        if len(table):
            said.append(f"{what} rejects uniform ranks of {_rejected(table)}, of {len(table)} quantities")
    return f"In short: {'; '.join(said)}."


def _rejected(table: pd.DataFrame) -> str:
    return ", ".join(table.loc[table["Holm p"] < 0.05, "quantity"]) or "none"


def _markdown(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False, floatfmt=".3f")


if __name__ == "__main__":
    main()
