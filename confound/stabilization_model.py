"""The PyMC models: priors on a dozen parameters a group, and the likelihood of `confound.stabilization_law`.

This module is imported by functions only: PyMC takes seconds to load.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import nutpie
import pymc as pm
import pytensor
import pytensor.tensor as pt
from nutpie.compiled_pyfunc import from_pyfunc
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from confound.stabilization_kernel import evidence
from confound.stabilization_law import EFFECTS, Quadratic, direct
from confound.stabilization_settings import PATHS, Priors, Sampler

FloatArray = npt.NDArray[np.float64]

AS_IT_IS = Mode(linker="py", optimizer="fast_compile")  # where compiling takes longer than running


class Evidence(Op):
    """The log evidence of each group as an operation on PyTensor variables, its gradients beside it.

    Parameters
    ----------
    path : {"exponential", "random_walk", "changepoint"}
    data : Quadratic
    """

    def __init__(self, path: str, data: Quadratic) -> None:
        self.kind = PATHS.index(path)
        self.times = np.ascontiguousarray(data.times, dtype=float)
        self.data = tuple(np.ascontiguousarray(each) for each in (data.weight, data.slope, data.offset))

    def make_node(self, *inputs: Any) -> Apply:
        """Take the parameters of `confound.stabilization_kernel.evidence`."""
        given = [pt.as_tensor_variable(each, dtype="float64") for each in inputs]
        return Apply(self, given, [pt.dvector(), *(each.type() for each in given)])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:  # noqa: ARG002 -- PyTensor's signature
        """Evaluate."""
        given = [np.ascontiguousarray(each) for each in inputs]
        for output, found in zip(outputs, evidence(self.kind, self.times, *given, *self.data), strict=True):
            output[0] = found

    def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Any]:  # noqa: ARG002, N802 -- its name
        """Pull a gradient in the first output back; the others are not for use."""
        upper = output_grads[0]
        return [upper[:, None] * slope if slope.ndim == 2 else upper * slope for slope in outputs[1:]]

    pullback = L_op  # its name from PyTensor 3 on


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
    n_groups = len(study)
    with pm.Model() as built:
        cuts, persons = _persons(n_groups, data.square.shape[-1], priors)
        pooled = _pooled(study, model, priors, with_bias=path == "exponential")
        found = Evidence(path, data)(cuts, *persons, *pooled, _own(path, n_groups, priors))[0]
        pm.Potential("likelihood", found.sum() + _direct(data, cuts))
    return built


def _persons(n_groups: int, n_cuts: int, priors: Priors) -> tuple[Any, tuple[Any, Any, Any]]:
    """Return cutpoints, and standard deviations, noise and growth."""
    first = pm.Normal("cut", 0, priors.cut, shape=n_groups)
    cuts = first[:, None]
    if n_cuts > 1:
        gaps = pm.LogNormal("gap", 0, 1, shape=(n_groups, n_cuts - 1))
        cuts = pt.concatenate([cuts, cuts + pt.cumsum(gaps, axis=1)], axis=1)
    scales = np.asarray([priors.level, priors.level, priors.difference, priors.difference])
    sds = pm.HalfNormal("persona_sd", scales, shape=(n_groups, EFFECTS))
    noise = pm.HalfNormal("noise", priors.noise, shape=n_groups)
    return cuts, (sds, noise, pm.LogNormal("growth", np.log(priors.scale[0]), priors.scale[1], shape=n_groups))


def _direct(data: Quadratic, cuts: Any) -> Any:
    """Return the terms that depend on nothing but cutpoints, personas added up beforehand."""
    summed = Quadratic(
        *(data.weight, data.offset, data.slope),
        const=data.const.sum(axis=1, keepdims=True),
        linear=data.linear.sum(axis=1, keepdims=True),
        square=data.square.sum(axis=1, keepdims=True),
        between=data.between.sum(axis=1, keepdims=True),
        times=data.times,
    )
    return direct(summed, cuts, pt).sum()


def _pooled(study: tuple[int, ...], model: tuple[int, ...], priors: Priors, *, with_bias: bool) -> tuple[Any, Any, Any]:
    """Return centre (G, 3) and standard deviations (G,), (G,) of settled effects and of biases."""
    n = len(study)
    if n == 1:
        return np.zeros((1, 3)), np.full(1, priors.effect), np.full(1, priors.bias)
    widths = np.asarray([priors.effect, priors.bias, priors.bias])[: 3 if with_bias else 1]
    centre = pm.Normal("mean", 0, widths, shape=len(widths))[None, :] + np.zeros((n, 1))
    for name, member in (("study", study), ("model", model)):
        if len(set(member)) > 1:
            spread = pm.HalfNormal(f"{name}_sd", priors.between, shape=len(widths))
            unit = pm.Normal(f"{name}_unit", shape=(max(member) + 1, len(widths)))
            centre = centre + (unit * spread)[np.asarray(member)]
    centre = pm.Deterministic("centre", centre)
    effect_sd = pm.HalfNormal("effect_sd", priors.between) * np.ones(n)
    if not with_bias:
        return pt.concatenate([centre, np.zeros((n, 2))], axis=1), effect_sd, np.ones(n)
    return centre, effect_sd, pm.HalfNormal("bias_sd", priors.between) * np.ones(n)


def _own(path: str, n_groups: int, priors: Priors) -> Any:
    """Return the path's own parameters, shape (G, 2)."""
    if path == "exponential":
        return pt.stack([_scale(n_groups, priors), np.ones(n_groups)], axis=1)
    size = pm.HalfNormal("step", priors.step, shape=n_groups)
    if path == "random_walk":
        return pt.stack([size, pm.Beta("kept", *priors.kept, shape=n_groups)], axis=1)
    return pt.stack([size, np.ones(n_groups)], axis=1)


def _scale(n_groups: int, priors: Priors) -> Any:
    median, width = np.log(priors.scale[0]), priors.scale[1]
    if n_groups == 1:
        return pm.LogNormal("scale", median, width, shape=1)
    mean = pm.Normal("scale_mean", median, width)
    spread = pm.HalfNormal("scale_sd", priors.between)
    unit = pm.Normal("scale_unit", shape=n_groups)
    return pm.Deterministic("scale", pt.exp(mean + spread * unit))


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sampler gave.

    Attributes
    ----------
    posterior : dict
        Parameter -> draws, shape (chains, draws, ...); and `log_prior`, the log density of all of them.
    diverging, energy : ndarray, shape (chains, draws)
    """

    posterior: dict[str, FloatArray]
    diverging: FloatArray
    energy: FloatArray


def sample(built: pm.Model, sampler: Sampler, *, seed: int, progress: bool) -> Sample:
    """Draw from a model's posterior by the no-U-turn sampler of nutpie.

    Parameters
    ----------
    built : pymc.Model
    sampler : Sampler
    seed : int
    progress : bool
        Whether nutpie shows how far it is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTensor's on its own compilers, which are not used
        start = built.initial_point(random_seed=0)
        names, sizes = list(start), [start[name].size for name in start]
        density, unpack = _functions(built, start)
        compiled = from_pyfunc(
            sum(sizes),
            lambda: lambda x: (lambda found: (float(found[0]), found[1]))(density(x)),
            lambda _seed, _other, _chain: lambda x: {"x": np.asarray(x)},
            [np.dtype("float64")],
            [(sum(sizes),)],
            ["x"],
            make_initial_point_fn=lambda number: _near(names, start, number),
        )
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
    raw = np.asarray(trace["posterior"]["x"])
    stats = trace["sample_stats"]
    return Sample(unpack(raw), np.asarray(stats["diverging"]), np.asarray(stats["energy"]))


def _near(names: list[str], start: dict[str, FloatArray], seed: int) -> FloatArray:
    """Return a start around the prior's middle."""
    middle = np.concatenate([np.ravel(start[name]) for name in names])
    return np.asarray(middle + np.random.default_rng(seed).uniform(-1, 1, len(middle)))


def _functions(
    built: pm.Model, start: dict[str, FloatArray]
) -> tuple[Any, Callable[[FloatArray], dict[str, FloatArray]]]:
    """Return the log density with its gradient, of one flat vector, and what turns draws of it into parameters."""
    values = [next(v for v in built.value_vars if v.name == name) for name in start]
    flat = pt.dvector("flat")
    pieces, at = {}, 0
    for value in values:
        shape = start[value.name].shape
        size = int(np.prod(shape))
        pieces[value] = flat[at : at + size].reshape(shape).astype(value.dtype)
        at += size
    logp = pytensor.clone_replace(built.logp(), pieces)
    # The compiled function itself, which chains can share; PyTensor's wrapper keeps what it is given last.
    density = pytensor.function([flat], [logp, pytensor.grad(logp, flat)], mode="NUMBA").vm.jit_fn
    prior = sum(term.sum() for term in built.logp(built.free_RVs, jacobian=False, sum=False))
    kept = [*built.free_RVs, *built.deterministics]
    outputs = pytensor.clone_replace([*built.replace_rvs_by_values(kept), prior], pieces)
    expand = pytensor.function([flat], outputs, mode=AS_IT_IS)

    def unpack(raw: FloatArray) -> dict[str, FloatArray]:
        rows = [expand(x) for x in raw.reshape(-1, raw.shape[-1])]
        columns = [np.asarray(column) for column in zip(*rows, strict=True)]
        shaped = [column.reshape(*raw.shape[:2], *column.shape[1:]) for column in columns]
        return dict(zip([*(each.name for each in kept), "log_prior"], shaped, strict=True))

    return density, unpack
