"""Corrections for testing many negative controls at once (arrays only)."""

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control

from confound.statistics.arrays import FloatArray


def holm(pvalues: npt.ArrayLike) -> FloatArray:
    """Adjust p-values so that any falsely low one is as rare as the level says, whatever their dependence.

    statsmodels' `multipletests` gives the same but collects garbage on every call, which is most of its time here.

    Parameters
    ----------
    pvalues : array_like, shape (n,)
        In [0, 1].

    Returns
    -------
    ndarray of float64, shape (n,)
        Adjusted p-values, in [0, 1].

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    p = np.asarray(pvalues, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(pvalues: npt.ArrayLike) -> FloatArray:
    """Adjust p-values so that false ones are at most the level's share of those called, on average.

    Parameters
    ----------
    pvalues : array_like, shape (n,)
        In [0, 1]; independent, or positively dependent.

    Returns
    -------
    ndarray of float64, shape (n,)
        Adjusted p-values, in [0, 1].

    References
    ----------
    Benjamini and Hochberg (1995), "Controlling the false discovery rate", J. R. Statist. Soc. B 57.
    """
    return np.asarray(false_discovery_control(np.asarray(pvalues, dtype=np.float64)))
