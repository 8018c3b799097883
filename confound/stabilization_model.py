"""The PyMC models: priors on a dozen parameters a group, and the likelihood of `confound.stabilization_law`.

This module is imported by functions only: PyMC takes seconds to load.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
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

IntArray = npt.NDArray[np.int64]
PATHS = ("exponential", "random_walk", "changepoint")


@dataclass(frozen=True, slots=True)
class Priors:
    """Scales of the priors, of the linear predictor: log odds, or standard deviations of a numeric outcome.

    Attributes
    ----------
    effect : float
        Standard deviation of the settled effect. Effects beyond 3 on the log odds scale turn most answers around.
    bias : float
        Standard deviation of half a selection bias; as wide in all as the effect.
    scale : (float, float)
        Median and standard deviation of the log of the exponential's scale. Lin et al. (2026) see effects move over
        the first few iterations; three standard deviations up there is no settling in sight.
    step : float
        Scale of a step of the random walk, or of one before the change point (half-normal).
    kept : (float, float)
        Beta law of the factor by which the random walk's steps shrink.
    level, difference : float
        Scales of the standard deviations of persona effects in level and in effect (half-normal).
    noise : float
        Scale of what is a persona's, an arm's and an iteration's own (half-normal).
    cut : float
        Standard deviation of the first cutpoint; distances between cutpoints are log-normal about 1.
    between : float
        Scale of the standard deviations between studies, between models and over both (half-normal).
    """

    effect: float = 1.5
    bias: float = 0.75
    scale: tuple[float, float] = (3.0, 1.0)
    step: float = 0.5
    kept: tuple[float, float] = (2.0, 2.0)
    level: float = 1.0
    difference: float = 0.5
    noise: float = 0.5
    cut: float = 3.0
    between: float = 0.5


def build(path: str, data: Quadratic, study: IntArray, model: IntArray, priors: Priors) -> pm.Model:
    """Build the model of one path.

    Parameters
    ----------
    path : {"exponential", "random_walk", "changepoint"}
    data : Quadratic
        G groups.
    study, model : ndarray of int, shape (G,)
        Which study and model each group is of; effects, biases and scales are pooled over both. With one group nothing is
        pooled.
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


def _pooled(study: IntArray, model: IntArray, priors: Priors, *, with_bias: bool) -> tuple[Any, Any, Any]:
    """Return centre (G, 3) and standard deviations (G,), (G,) of settled effects and of biases."""
    widths = np.asarray([priors.effect, priors.bias, priors.bias])[: 3 if with_bias else 1]
    n = len(study)
    if n == 1:
        return pt.zeros((1, len(widths))), pt.ones(1) * priors.effect, pt.ones(1) * priors.bias
    centre = pm.Normal("mean", 0, widths, shape=len(widths))[None, :]
    for name, member in (("study", study), ("model", model)):
        if len(set(member.tolist())) > 1:
            spread = pm.HalfNormal(f"{name}_sd", priors.between, shape=len(widths))
            unit = pm.Normal(f"{name}_unit", shape=(int(member.max()) + 1, len(widths)))
            centre = centre + (unit * spread)[member]
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
