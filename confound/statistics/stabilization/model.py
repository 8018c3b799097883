"""The PyMC models: priors on a dozen parameters a group, and the likelihood of `law`.

This module is imported by functions only: PyMC takes seconds to load.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytensor
import pytensor.tensor as pt
from nutpie.compiled_pyfunc import from_pyfunc
from pymc.logprob.transforms import Transform
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.replace import clone_replace, vectorize_graph
from pytensor.graph.traversal import ancestors

from confound.statistics.arrays import FloatArray
from confound.statistics.stabilization.inputs import PATHS, Priors, Sampler
from confound.statistics.stabilization.kernel import CENTRES, evidence
from confound.statistics.stabilization.law import EFFECTS, Quadratic

INNER = "_inner"  # ends the names of what means nothing by itself: signs, and coordinates of what is kept
# What data tell of a group's settled effect, biases, and log of the scale, as a precision: their standard errors are
# about .1 and .3. It shapes how samplers move and no result; ten times more or less still does.
CENTRE_INFORMATION, SCALE_INFORMATION = 100.0, 10.0
AS_IT_IS = Mode(linker="py", optimizer="fast_compile")  # where compiling takes longer than running


class Evidence(Op):  # type: ignore[misc] # PyTensor is not followed
    """The log evidence of all groups as an operation on PyTensor variables, its gradients beside it.

    Its data can be replaced, so that a model is compiled once for all logs of its kind.

    Parameters
    ----------
    path : {"exponential", "random_walk", "changepoint"}
    data : Quadratic
    """

    def __init__(self, path: str, data: Quadratic) -> None:
        self.kind = PATHS.index(path)
        self.put(data)

    def put(self, data: Quadratic) -> None:
        """Take new data, of as many groups and cutpoints."""
        summed = (each.sum(axis=1) for each in (data.const, data.linear, data.square, data.between))
        cells = (data.weight.swapaxes(1, 2), data.slope.transpose(0, 3, 2, 1), data.offset.swapaxes(1, 2))
        arrays = (data.times, *cells, *summed)
        self.times, *kept = (np.ascontiguousarray(each, dtype=float) for each in arrays)
        self.data = tuple(kept)

    def make_node(self, *inputs: Any) -> Apply:
        """Take the parameters of `kernel.evidence`."""
        given = [pt.as_tensor_variable(each, dtype="float64") for each in inputs]
        return Apply(self, given, [pt.dscalar(), *(each.type() for each in given)])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:  # noqa: ARG002 -- PyTensor's signature
        """Evaluate."""
        given = [np.ascontiguousarray(each) for each in inputs]
        for output, found in zip(outputs, evidence(self.kind, self.times, *given, self.data), strict=True):
            output[0] = np.asarray(found)

    def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Any]:  # noqa: ARG002, N802 -- its name
        """Pull a gradient in the first output back; the others are not for use."""
        return [output_grads[0] * slope for slope in outputs[1:]]

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
        pooled = _pooled(study, model, priors, CENTRES if path == "exponential" else 1)
        pm.Potential("likelihood", Evidence(path, data)(cuts, *persons, *pooled, _own(path, n_groups, priors))[0])
    return built


def _persons(n_groups: int, n_cuts: int, priors: Priors) -> tuple[Any, tuple[Any, Any, Any]]:
    """Return cutpoints, and standard deviations, noise and growth."""
    first = pm.Normal("cut", 0, priors.cut, shape=n_groups)
    cuts = first[:, None]
    if n_cuts > 1:
        gaps = pm.LogNormal("gap", 0, 1, shape=(n_groups, n_cuts - 1))
        cuts = pt.concatenate([cuts, cuts + pt.cumsum(gaps, axis=1)], axis=1)
    scales = np.asarray([priors.level, priors.level, priors.difference, priors.difference])
    sds = _half_normal("persona_sd", scales, (n_groups, EFFECTS))
    noise = _half_normal("noise", priors.noise, (n_groups,))
    return cuts, (sds, noise, pm.LogNormal("growth", np.log(priors.scale[0]), priors.scale[1], shape=n_groups))


def _half_normal(name: str, scale: Any, shape: tuple[int, ...]) -> Any:
    """Return a standard deviation of what is integrated out, as the size of a normal variable.

    The likelihood knows only its square, so the density is smooth where the sign changes, and short steps are not
    needed near 0.
    """
    return pm.Deterministic(name, pt.abs(pm.Normal(name + INNER, 0, scale, shape=shape)))


def _pooled(study: tuple[int, ...], model: tuple[int, ...], priors: Priors, width: int) -> tuple[Any, Any, Any]:
    """Return centre (G, 3) and standard deviations (G,), (G,) of settled effects and, if `width` is 3, of biases."""
    n = len(study)
    if n == 1:
        return np.zeros((1, CENTRES)), np.full(1, priors.effect), np.full(1, priors.bias)
    widths = np.array([priors.effect, priors.bias, priors.bias])[:width]
    spreads = [
        (member, pm.HalfNormal(f"{name}_sd", priors.between, shape=width))
        for name, member in (("study", study), ("model", model))
        if len(set(member)) > 1
    ]
    centre = pm.Deterministic("centre", _alike("centre", widths, spreads, n, CENTRE_INFORMATION))
    effect_sd = pm.HalfNormal("effect_sd", priors.between) * np.ones(n)
    bias_sd = pm.HalfNormal("bias_sd", priors.between) * np.ones(n) if width == CENTRES else np.ones(n)
    return pt.concatenate([centre, np.zeros((n, CENTRES - width))], axis=1), effect_sd, bias_sd


def _alike(
    name: str, widths: FloatArray, spreads: Sequence[tuple[tuple[int, ...], Any]], n: int, information: float
) -> Any:
    """Return for each of n groups a normal mean plus a deviation for each label that it has, shape (n, width).

    The mean of a label's deviations goes to the mean, and what is sampled are deviations about it, which are
    independent of it: so no ridge is left on which the mean rises while all deviations fall.

    Parameters
    ----------
    name : str
    widths : ndarray, shape (width,)
        Standard deviations of the mean.
    spreads : sequence of (tuple of int, variable)
        The labels of n groups, from 0 on, and the standard deviations of their deviations, shape (width,).
    n : int
    information : float
        About how precisely the data tell a group's value.
    """
    variance, found = widths**2, np.zeros((n, len(widths)))
    for k, (labels, spread) in enumerate(spreads):
        size = max(labels) + 1
        about = np.linalg.svd(np.eye(size) - 1 / size)[0][:, : size - 1]
        near, shape = _Near(information * n / size), (size - 1, len(widths))
        inner = pm.Normal(f"{name}_{k}{INNER}", 0, spread, shape=shape, transform=near)
        variance = variance + spread**2 / size
        found = found + pt.dot(about, inner)[np.asarray(labels)]
    sd = pt.sqrt(variance)
    return found + pm.Normal(f"{name}_mean{INNER}", 0, sd, shape=len(widths), transform=_Near(information * n))


class _Near(Transform):  # type: ignore[misc] # PyMC is not followed
    """Measure a normal variable in units of about its posterior's standard deviation.

    Where data tell little that is its prior's, where they tell much it does not depend on the prior's: between the
    non-centred and the centred parametrization, each of which samplers find hard where the other is easy (Betancourt
    and Girolami 2015). `information` is the precision that the data may add.
    """

    name = "near"
    ndim_supp = 0

    def __init__(self, information: float) -> None:
        self.information = information

    def _unit(self, inputs: Any) -> Any:
        return 1 / pt.sqrt(1 / inputs[-1] ** 2 + self.information)

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Divide by the unit."""
        return value / self._unit(inputs)

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Multiply by the unit."""
        return value * self._unit(inputs)

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Return the log of the unit."""
        return pt.zeros_like(value) + pt.log(self._unit(inputs))


def _own(path: str, n_groups: int, priors: Priors) -> Any:
    """Return the path's own parameters, shape (G, 2)."""
    if path == "exponential":
        return pt.stack([_scale(n_groups, priors), np.ones(n_groups)], axis=1)
    size = pm.LogNormal("step", np.log(priors.step[0]), priors.step[1], shape=n_groups)
    if path == "random_walk":
        return pt.stack([size, pm.Beta("kept", *priors.kept, shape=n_groups)], axis=1)
    return pt.stack([size, np.ones(n_groups)], axis=1)


def _scale(n_groups: int, priors: Priors) -> Any:
    median, width = priors.scale
    if n_groups == 1:
        return pm.LogNormal("scale", np.log(median), width, shape=1)
    spreads = [(tuple(range(n_groups)), pm.HalfNormal("scale_sd", priors.between, shape=1))]
    logs = _alike("scale", np.array([width]), spreads, n_groups, SCALE_INFORMATION)[:, 0]
    return pm.Deterministic("scale", median * pt.exp(logs))


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


@dataclass(frozen=True, slots=True)
class Compiled:
    """A model that can be sampled, again and again.

    Attributes
    ----------
    evidence : Evidence
        Where data are put.
    start : ndarray, shape (N,)
        Of all parameters, unconstrained.
    density : callable
        What takes such a vector and returns the log density and its gradient.
    unpack : callable
        What turns draws, shape (chains, draws, N), into parameters.
    """

    evidence: Evidence
    start: FloatArray
    density: Callable[[FloatArray], tuple[Any, Any]]
    unpack: Callable[[FloatArray], dict[str, FloatArray]]


def sample(
    path: str,
    data: Quadratic,
    *,
    study: tuple[int, ...],
    model: tuple[int, ...],
    priors: Priors,
    sampler: Sampler,
    seed: int,
    progress: bool,
) -> Sample:
    """Draw from the posterior of one path's model by the no-U-turn sampler of nutpie.

    Parameters
    ----------
    path, data, study, model, priors
        As in `build`.
    sampler : Sampler
    seed : int
    progress : bool
        Whether nutpie shows how far it is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTensor's and numba's on how they compile
        compiled = _compiled(path, data.square.shape[-1], study, model, priors)
        compiled.evidence.put(data)
        trace = nutpie.sample(
            _sampled(compiled),
            chains=sampler.chains,
            draws=sampler.draws,
            tune=sampler.tune,
            target_accept=sampler.target_accept,
            cores=sampler.cores,
            seed=seed,
            save_warmup=False,
            progress_bar=progress,
        )
    stats = trace["sample_stats"]
    draws = compiled.unpack(np.asarray(trace["posterior"]["x"]))
    return Sample(draws, np.asarray(stats["diverging"]), np.asarray(stats["energy"]))


def _sampled(compiled: Compiled) -> Any:
    """Return the model as nutpie takes it."""
    n = len(compiled.start)

    def density(x: FloatArray) -> tuple[float, FloatArray]:
        value, slope = compiled.density(x)
        return float(value), slope

    def near(seed: int) -> FloatArray:
        return np.asarray(compiled.start + np.random.default_rng(seed).uniform(-1, 1, n))

    return from_pyfunc(
        n,
        lambda: density,
        lambda *_: lambda x: {"x": np.asarray(x)},
        [np.dtype("float64")],
        [(n,)],
        ["x"],
        make_initial_point_fn=near,
    )


@lru_cache(maxsize=32)
def _compiled(path: str, n_cuts: int, study: tuple[int, ...], model: tuple[int, ...], priors: Priors) -> Compiled:
    """Compile a model on data of its kind that say nothing."""
    n = len(study)
    cells, cuts = np.zeros((n, 1, 6)), np.zeros((n, 1, n_cuts))
    slope, between = np.zeros((n, 1, 6, n_cuts)), np.zeros((n, 1, n_cuts - 1))
    empty = Quadratic(cells, cells, slope, np.zeros((n, 1)), cuts, cuts, between, np.arange(3.0))
    built = build(path, empty, study, model, priors)
    start = built.initial_point(random_seed=0)
    flat, pieces = _flat(built, start)
    logp = clone_replace(built.logp(), pieces)
    # The compiled function itself, which chains can share; PyTensor's wrapper keeps what it is given last.
    density = pytensor.function([flat], [logp, pytensor.grad(logp, flat)], mode="NUMBA").vm.jit_fn
    kept = [*built.free_RVs, *built.deterministics]
    prior = sum(term.sum() for term in built.logp(built.free_RVs, jacobian=False, sum=False))
    outputs = clone_replace([*built.replace_rvs_by_values(kept), prior], pieces)
    rows = pt.dmatrix("rows")
    expand = pytensor.function([rows], vectorize_graph(outputs, {flat: rows}), mode=AS_IT_IS)
    used = next(v.owner.op for v in ancestors([logp]) if v.owner is not None and isinstance(v.owner.op, Evidence))
    unpack = _unpacking(expand, [*(each.name for each in kept), "log_prior"])
    return Compiled(used, np.concatenate([np.ravel(each) for each in start.values()]), density, unpack)


def _flat(built: pm.Model, start: dict[str, FloatArray]) -> tuple[Any, dict[Any, Any]]:
    """Return one vector of all unconstrained parameters, and each of them as a piece of it."""
    flat = pt.dvector("flat")
    values = {each.name: each for each in built.value_vars}
    pieces, at = {}, 0
    for name, each in start.items():
        size = int(np.size(each))
        pieces[values[name]] = flat[at : at + size].reshape(np.shape(each))
        at += size
    return flat, pieces


def _unpacking(expand: Any, names: list[str]) -> Callable[[FloatArray], dict[str, FloatArray]]:
    def unpack(raw: FloatArray) -> dict[str, FloatArray]:
        columns = expand(raw.reshape(-1, raw.shape[-1]))
        shaped = [column.reshape(*raw.shape[:2], *column.shape[1:]) for column in columns]
        return {name: column for name, column in zip(names, shaped, strict=True) if not name.endswith(INNER)}

    return unpack
