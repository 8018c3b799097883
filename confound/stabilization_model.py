"""The PyMC models: priors on a dozen parameters a group, and the likelihood of `confound.stabilization_law`.

This module is imported by functions only: PyMC takes seconds to load.
"""

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import nutpie
import pymc as pm
import pytensor.tensor as pt

from confound.stabilization_kernel import Evidence
from confound.stabilization_law import (
    EFFECTS,
    SIDES,
    Persons,
    Quadratic,
    direct,
    exponential,
    loadings,
    shrinking,
    walk,
)
from confound.stabilization_settings import Priors, Sampler

FloatArray = npt.NDArray[np.float64]


def build(path: str, data: Quadratic, study: tuple[int, ...], model: tuple[int, ...], priors: Priors) -> pm.Model:
    """Build the model of one path.

    Parameters
    ----------
    path : {"exponential", "random_walk", "changepoint"}
    data : Quadratic
        G groups.
    study, model : tuple of int, G of them
        Which study and model each group is of; effects, biases and scales are pooled over both. With one group
        nothing is pooled.
    priors : Priors
    """
    n_times, n_groups = len(data.times), len(study)
    with pm.Model() as built:
        shared = Quadratic(**{name: pm.Data(name, getattr(data, name)) for name in Quadratic.__slots__})
        persons = _persons(n_groups, data.square.shape[-1], priors)
        centre, effect_sd, bias_sd = _pooled(study, model, priors, with_bias=path == "exponential")
        zeros = shared.times * 0
        if path == "exponential":
            scale = _scale(n_groups, priors)
            factor = exponential(shared.times, scale, effect_sd, bias_sd, pt)
            unit = exponential(shared.times, scale, 0 * effect_sd + 1, 0 * bias_sd + 1, pt)
            middle = (unit[:, 0] * centre[:, None, :]).sum(axis=-1)
        else:
            sds = _steps(path, shared.times, n_times, n_groups, priors)
            ahead = pm.Data("ahead", np.triu(np.ones((n_times, n_times))))
            factor = walk(sds, effect_sd, ahead, pt)
            sides = pt.concatenate([side + zeros for side in SIDES])
            middle = centre[:, :1] * sides
        design = loadings(shared.times, persons.growth, pt) * persons.sds[:, None, :]
        found = Evidence()(
            *(persons.cuts, design, persons.noise**2, middle, factor, shared.weight, shared.slope, shared.offset)
        )[0]
        pm.Deterministic("log_prior", sum(pm.logp(free, free).sum() for free in built.free_RVs))
        pm.Potential("likelihood", found.sum() + direct(shared, persons.cuts, pt).sum())
    return built


def _persons(n_groups: int, n_cuts: int, priors: Priors) -> Persons:
    first = pm.Normal("cut", 0, priors.cut, shape=n_groups)
    cuts = first[:, None]
    if n_cuts > 1:
        gaps = pm.LogNormal("gap", 0, 1, shape=(n_groups, n_cuts - 1))
        cuts = pt.concatenate([cuts, first[:, None] + pt.cumsum(gaps, axis=1)], axis=1)
    scales = [priors.level, priors.level, priors.difference, priors.difference]
    return Persons(
        cuts=cuts,
        sds=pm.HalfNormal("persona_sd", np.asarray(scales), shape=(n_groups, EFFECTS)),
        noise=pm.HalfNormal("noise", priors.noise, shape=n_groups),
        growth=pm.LogNormal("growth", np.log(priors.scale[0]), priors.scale[1], shape=n_groups),
    )


def _pooled(study: tuple[int, ...], model: tuple[int, ...], priors: Priors, *, with_bias: bool) -> tuple[Any, Any, Any]:
    """Return centre (G, 3) and standard deviations (G,), (G,) of settled effects and of biases."""
    widths = np.asarray([priors.effect, priors.bias, priors.bias])[: 3 if with_bias else 1]
    n = len(study)
    if n == 1:
        return pt.zeros((1, len(widths))), pt.ones(1) * priors.effect, pt.ones(1) * priors.bias
    centre = pm.Normal("mean", 0, widths, shape=len(widths))[None, :]
    for name, member in (("study", study), ("model", model)):
        if len(set(member)) > 1:
            spread = pm.HalfNormal(f"{name}_sd", priors.between, shape=len(widths))
            unit = pm.Normal(f"{name}_unit", shape=(max(member) + 1, len(widths)))
            centre = centre + (unit * spread)[np.asarray(member)]
    rest = pm.HalfNormal("group_sd", priors.between, shape=2)
    centre = pm.Deterministic("centre", centre + np.zeros((n, 1)))
    return centre, rest[0] * pt.ones(n), rest[1] * pt.ones(n)


def _scale(n_groups: int, priors: Priors) -> Any:
    median, width = np.log(priors.scale[0]), priors.scale[1]
    if n_groups == 1:
        return pm.LogNormal("scale", median, width, shape=1)
    mean = pm.Normal("scale_mean", median, width)
    spread = pm.HalfNormal("scale_sd", priors.between)
    unit = pm.Normal("scale_unit", shape=n_groups)
    return pm.Deterministic("scale", pt.exp(mean + spread * unit))


def _steps(path: str, times: Any, n_times: int, n_groups: int, priors: Priors) -> Any:
    size = pm.HalfNormal("step", priors.step, shape=n_groups)
    if path == "random_walk":
        return shrinking(times, size, pm.Beta("kept", *priors.kept, shape=n_groups), pt)
    return pm.Data("before", np.tri(n_times + 1, n_times, -1))[None] * size[:, None, None]


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sampler gave.

    Attributes
    ----------
    posterior : dict
        Parameter -> draws, shape (chains, draws, ...).
    diverging, energy : ndarray, shape (chains, draws)
    """

    posterior: dict[str, FloatArray]
    diverging: FloatArray
    energy: FloatArray


def sample(
    path: str,
    data: Quadratic,
    study: tuple[int, ...],
    model: tuple[int, ...],
    *,
    priors: Priors,
    sampler: Sampler,
    seed: int,
    progress: bool,
) -> Sample:
    """Draw from the posterior of one path by the no-U-turn sampler of nutpie."""
    n_times = len(data.times)
    arrays = {name: getattr(data, name) for name in Quadratic.__slots__}
    if path != "exponential":
        arrays["ahead"] = np.triu(np.ones((n_times, n_times)))
    if path == "changepoint":
        arrays["before"] = np.tri(n_times + 1, n_times, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numba's compilation, none of them the analyst's concern
        compiled = _compiled(path, data.square.shape[-1], study, model, priors).with_data(**arrays)
        trace = nutpie.sample(
            compiled,
            chains=sampler.chains,
            draws=sampler.draws,
            tune=sampler.tune,
            target_accept=sampler.target_accept,
            cores=sampler.cores,
            seed=seed,
            save_warmup=False,
            progress_bar=progress,
        )
    posterior = {str(name): np.asarray(values) for name, values in trace["posterior"].data_vars.items()}
    kept = {name: values for name, values in posterior.items() if not name.endswith("__")}
    stats = trace["sample_stats"]
    return Sample(kept, np.asarray(stats["diverging"]), np.asarray(stats["energy"]))


@lru_cache(maxsize=16)
def _compiled(path: str, n_cuts: int, study: tuple[int, ...], model: tuple[int, ...], priors: Priors) -> Any:
    """Compile a model; the data, of any number of personas and iterations, are put in later."""
    n_groups, n_times = len(study), 3
    empty = Quadratic(
        weight=np.zeros((n_groups, 2, 2 * n_times)),
        offset=np.zeros((n_groups, 2, 2 * n_times)),
        slope=np.zeros((n_groups, 2, 2 * n_times, n_cuts)),
        const=np.zeros((n_groups, 2)),
        linear=np.zeros((n_groups, 2, n_cuts)),
        square=np.zeros((n_groups, 2, n_cuts)),
        between=np.zeros((n_groups, 2, n_cuts - 1)),
        times=np.arange(float(n_times)),
    )
    return nutpie.compile_pymc_model(build(path, empty, study, model, priors), freeze_model=False)
