"""Where ArviZ 0.23 (with PyMC 5, Python 3.11) and ArviZ 1.x (with PyMC 6, Python 3.12 on) differ.

Groups of a fit are reached by brackets (``fit["posterior"]``), which an `InferenceData` and a `DataTree` both know.
This module is imported by functions only: ArviZ takes seconds to load.
"""

import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from confound.statistics.arrays import FloatArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ArviZ 0.23 announces its refactoring on import
    import arviz as az
    import xarray as xr

TAILS = (0.05, 0.95)  # the default of 0.23, which 1.x wants told
OLD = int(version("arviz").split(".")[0]) < 1


def rank_rhat(draws: FloatArray) -> float:
    """Return the rank-normalised R-hat of draws of shape (chains, draws) (Vehtari et al. 2021)."""
    return _number(az.rhat, draws, method="rank")


def effective(draws: FloatArray, method: str) -> float:
    """Return the effective sample size, `method` bulk or tail, of draws of shape (chains, draws)."""
    return _number(az.ess, draws, method=method, **({"prob": TAILS} if method == "tail" else {}))


def _number(statistic: Any, draws: FloatArray, **options: Any) -> float:
    if np.ptp(draws) == 0:
        return np.nan
    with np.errstate(all="ignore"):
        return float(np.asarray(statistic(np.asarray(draws), **options)))


def tree(groups: Mapping[str, Mapping[str, Any]], coords: Mapping[str, Any], dims: Mapping[str, Any]) -> Any:
    """Return one fit as ArviZ keeps it; arrays begin with (chain, draw)."""
    names = {"coords": dict(coords), "dims": dict(dims)}
    return az.from_dict(**groups, **names) if OLD else az.from_dict(dict(groups), **names)


def save(fits: Mapping[str, Any], path: Path) -> None:
    """Write fits to one netCDF file, each in a group of its own; read one by ``read(path, name)``."""
    nodes = {f"/{name}/{group}": _dataset(fit[group]) for name, fit in fits.items() for group in _groups(fit)}
    xr.DataTree.from_dict(nodes).to_netcdf(path, engine="h5netcdf")


def read(path: Path, name: str) -> Any:
    """Read one fit back."""
    opened = xr.open_datatree(path, engine="h5netcdf")
    with opened:
        groups = {group: node.to_dataset().load() for group, node in opened[name].children.items()}
    return az.InferenceData(**groups) if OLD else xr.DataTree.from_dict(groups)


def _groups(fit: Any) -> list[str]:
    return list(fit.groups()) if callable(fit.groups) else list(fit.children)


def _dataset(group: Any) -> Any:
    return group.to_dataset() if hasattr(group, "to_dataset") and not isinstance(group, xr.Dataset) else group


def loo(log_likelihood: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return each unit's expected log density left out, and the Pareto k of its estimate (Vehtari et al. 2017, 2024).

    Parameters
    ----------
    log_likelihood : ndarray, shape (chains, draws, units)
    """
    fit = tree(
        {"posterior": {"x": log_likelihood[..., 0]}, "log_likelihood": {"y": log_likelihood}},
        coords={},
        dims={"y": ["unit"]},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large Pareto k is a gate's to report
        found = az.loo(fit, pointwise=True, var_name="y")
    each = found.loo_i if hasattr(found, "loo_i") else found.elpd_i
    return np.asarray(each, dtype=float), np.asarray(found.pareto_k, dtype=float)


def smoothed(log_weights: FloatArray) -> tuple[FloatArray, float]:
    """Return logs of importance weights, shape (draws,), that sum to 1, the largest smoothed by a Pareto law; its k."""
    if OLD:
        weights, k = az.psislw(log_weights)
    else:
        from arviz_stats.base import array_stats

        weights, k = array_stats.psislw(-log_weights)  # it takes log likelihoods, whose inverses are the weights
    return np.asarray(weights), float(k)
