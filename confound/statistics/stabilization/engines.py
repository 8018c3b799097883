"""The packages that fit Bayesian models and keep their draws: imported only where a model is fitted, and optional."""

from importlib.util import find_spec

PACKAGES = ("pymc", "pytensor", "nutpie", "numba", "arviz", "xarray", "h5netcdf")


def missing() -> tuple[str, ...]:
    """Return those of `PACKAGES` that are not installed; none is imported to find out."""
    return tuple(name for name in PACKAGES if find_spec(name) is None)
