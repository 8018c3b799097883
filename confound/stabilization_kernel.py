"""The evidence of `confound.stabilization_law` and its gradient, compiled by numba, as a PyTensor operation.

A graph of array operations takes PyTensor minutes to compile; one operation with a gradient worked out by hand takes
seconds. This module is imported by functions only: numba takes seconds to load.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as dispatch
from pytensor.tensor import as_tensor_variable, dmatrix, dtensor3, dtensor4, dvector

FloatArray = npt.NDArray[np.float64]

_compiled = numba.njit(cache=True, nogil=True)


@_compiled
def _root(gram):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the lower root of a small matrix; NaN where there is none."""
    n = len(gram)
    root = np.zeros((n, n))
    for k in range(n):
        for m in range(k + 1):
            total = gram[k, m]
            for j in range(m):
                total -= root[k, j] * root[m, j]
            root[k, m] = np.sqrt(total) if k == m else total / root[m, m]
    return root


@_compiled
def _inverse(root):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the inverse of a lower root."""
    n = len(root)
    inverse = np.zeros((n, n))
    for k in range(n):
        inverse[k, k] = 1 / root[k, k]
        for m in range(k):
            total = 0.0
            for j in range(m, k):
                total -= root[k, j] * inverse[j, m]
            inverse[k, m] = total / root[k, k]
    return inverse


@_compiled
def _condense(cuts, design, variance, weight, slope, offset, given, told, inverses):  # type: ignore[no-untyped-def] # pragma: no cover
    """Add up what one group's personas say of the arms' means, as `stabilization_law.condense` without linear terms.

    What the gradient needs again is left in `given` (P, 2 T), `told` (P, 4) and `inverses` (P, 4, 4).
    """
    n_personas, n_cells = weight.shape
    n_effects = design.shape[1]
    const, h, precision = 0.0, np.zeros(n_cells), np.zeros((n_cells, n_cells))
    loaded = np.empty((n_cells, n_effects))
    for p in range(n_personas):
        gram = np.eye(n_effects)
        told[p] = 0.0
        for i in range(n_cells):
            given[p, i] = -offset[p, i]
            for c in range(len(cuts)):
                given[p, i] += slope[p, i, c] * cuts[c]
            kept = 1 / (1 + variance * weight[p, i])
            v, z = weight[p, i] * kept, given[p, i] * kept
            const += 0.5 * (variance * given[p, i] * z + np.log(kept))
            h[i] += z
            precision[i, i] += v
            for k in range(n_effects):
                loaded[i, k] = v * design[i, k]
                told[p, k] += z * design[i, k]
                for m in range(k + 1):
                    gram[k, m] += loaded[i, k] * design[i, m]
        root = _root(gram)
        inverses[p] = _inverse(root)
        half = inverses[p] @ told[p]
        for k in range(n_effects):
            const += 0.5 * half[k] * half[k] - np.log(root[k, k])
        h -= loaded @ (inverses[p].T @ half)
        w = loaded @ inverses[p].T
        precision -= w @ w.T
    return const, h, precision


@_compiled
def _condense_back(design, variance, weight, slope, given, told, inverses, gh, gp):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients of ``const + gh'h + tr(gp precision)`` in cuts, design and variance; `gp` is symmetric."""
    n_personas, n_cells = weight.shape
    n_effects, n_cuts = design.shape[1], slope.shape[2]
    d_cuts, d_design, d_variance = np.zeros(n_cuts), np.zeros((n_cells, n_effects)), 0.0
    loaded, v, kept = np.empty((n_cells, n_effects)), np.empty(n_cells), np.empty(n_cells)
    for p in range(n_personas):
        for i in range(n_cells):
            kept[i] = 1 / (1 + variance * weight[p, i])
            v[i] = weight[p, i] * kept[i]
            for k in range(n_effects):
                loaded[i, k] = v[i] * design[i, k]
        inner = inverses[p].T @ inverses[p]
        a = inner @ told[p]
        b = inner @ (loaded.T @ gh)
        across = gp @ loaded
        both = inner @ (loaded.T @ across) @ inner
        for k in range(n_effects):
            for m in range(n_effects):
                both[k, m] += 0.5 * (b[k] * a[m] + a[k] * b[m] - a[k] * a[m] - inner[k, m])
        d_told = a - b
        pulled, spread = across @ inner, design @ both
        for i in range(n_cells):
            d_v, d_z, g = gp[i, i], gh[i], given[p, i]
            z = g * kept[i]
            for k in range(n_effects):
                d_loaded = -gh[i] * a[k] - 2 * pulled[i, k]
                d_v += design[i, k] * (d_loaded + spread[i, k])
                d_z += design[i, k] * d_told[k]
                d_design[i, k] += v[i] * (d_loaded + 2 * spread[i, k]) + z * d_told[k]
            d_kept = weight[p, i] * d_v + g * d_z + 0.5 * (variance * g * g + 1 / kept[i])
            d_given = kept[i] * (d_z + variance * g)
            d_variance += 0.5 * g * z - weight[p, i] * kept[i] ** 2 * d_kept
            for c in range(n_cuts):
                d_cuts[c] += slope[p, i, c] * d_given
    return d_cuts, d_design, d_variance


@_compiled
def evidence(cuts, design, variance, centre, factor, weight, slope, offset):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return each group's log evidence, averaged over variants, and its gradients.

    Less the terms that depend on nothing but cutpoints: see `confound.stabilization_law.direct`.

    Parameters
    ----------
    cuts, design, variance, centre, factor : shapes (G, C), (G, 2 T, 4), (G,), (G, 2 T) and (G, V, 2 T, Q)
        Design: loadings times standard deviations; variance: of the noise.
    weight, slope, offset : see `confound.stabilization_law.Quadratic`

    Returns
    -------
    tuple
        The log evidence (G,), and its gradients in the first five arguments.
    """
    n_groups, n_variants, n_cells, n_columns = factor.shape
    n_personas, n_effects = weight.shape[1], design.shape[2]
    found = np.empty(n_groups)
    d_cuts, d_design, d_variance = np.empty_like(cuts), np.empty_like(design), np.empty_like(variance)
    d_centre, d_factor = np.zeros_like(centre), np.empty_like(factor)
    given, told = np.empty((n_personas, n_cells)), np.empty((n_personas, n_effects))
    inverses = np.empty((n_personas, n_effects, n_effects))
    halves, logs = np.empty((n_variants, n_columns, n_columns)), np.empty(n_variants)
    for g in range(n_groups):
        const, h, precision = _condense(
            cuts[g], design[g], variance[g], weight[g], slope[g], offset[g], given, told, inverses
        )
        pulled = precision @ centre[g]
        toward = h - pulled
        for u in range(n_variants):
            root = _root(factor[g, u].T @ (precision @ factor[g, u]) + np.eye(n_columns))
            halves[u] = _inverse(root)
            half = halves[u] @ (factor[g, u].T @ toward)
            logs[u] = 0.5 * np.sum(half * half) - np.sum(np.log(np.diag(root)))
        top = np.max(logs)
        shares = np.exp(logs - top)
        total = np.sum(shares)
        found[g] = const + np.sum((h - 0.5 * pulled) * centre[g]) + top + np.log(total / n_variants)
        gh, gp = np.zeros(n_cells), np.zeros((n_cells, n_cells))
        for u in range(n_variants):
            share, f = shares[u] / total, factor[g, u]
            inner = halves[u].T @ halves[u]
            x = inner @ (f.T @ toward)
            mean, fitted = centre[g] + f @ x, f @ inner
            left = h - precision @ mean
            gh += share * mean
            gp -= 0.5 * share * (np.outer(mean, mean) + fitted @ f.T)
            d_centre[g] += share * left
            d_factor[g, u] = share * (np.outer(left, x) - precision @ fitted)
        d_cuts[g], d_design[g], d_variance[g] = _condense_back(
            design[g], variance[g], weight[g], slope[g], given, told, inverses, gh, gp
        )
    return found, d_cuts, d_design, d_variance, d_centre, d_factor


class Evidence(Op):
    """`evidence` as an operation on PyTensor variables; only its first output has a gradient of its own."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Take the arguments of `evidence`."""
        outputs = [dvector(), dmatrix(), dtensor3(), dvector(), dmatrix(), dtensor4()]
        return Apply(self, [as_tensor_variable(each) for each in inputs], outputs)

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:  # noqa: ARG002
        """Evaluate."""
        for output, found in zip(outputs, evidence(*map(np.ascontiguousarray, inputs)), strict=True):
            output[0] = found

    def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Any]:  # noqa: N802
        """Pull a gradient back."""
        upper = output_grads[0]
        slopes = [upper.reshape((-1, *(1,) * (slope.ndim - 1))) * slope for slope in outputs[1:]]
        return [*slopes, *(DisconnectedType()() for _ in inputs[len(slopes) :])]

    pullback = L_op  # its name from PyTensor 3 on

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Say that the data have no gradient."""
        return [[i < len(node.outputs) - 1] + [False] * (len(node.outputs) - 1) for i in range(len(node.inputs))]


@dispatch.register_funcify_default_op_cache_key(Evidence)
def _compile_evidence(op: Evidence, node: Apply, **kwargs: Any) -> Any:  # noqa: ARG001
    """Let PyTensor's numba backend call the compiled function without Python in between."""

    @dispatch.numba_njit
    def call(cuts, design, variance, centre, factor, weight, slope, offset):  # type: ignore[no-untyped-def] # pragma: no cover
        return evidence(
            np.ascontiguousarray(cuts),
            np.ascontiguousarray(design),
            np.ascontiguousarray(variance),
            np.ascontiguousarray(centre),
            np.ascontiguousarray(factor),
            np.ascontiguousarray(weight),
            np.ascontiguousarray(slope),
            np.ascontiguousarray(offset),
        )

    return call
