"""Corrections for testing many negative controls at once (arrays only)."""

import numpy as np
from numpy.typing import ArrayLike

from confound.statistics.arrays import FloatArray


def holm(pvalues: ArrayLike) -> FloatArray:
    """Holm's step-down adjustment: controls the family-wise error rate under any dependence.

    statsmodels' `multipletests` gives the same but collects garbage on every call, which is most of its time here.

    Parameters
    ----------
    pvalues : array_like, shape (n,)
        In [0, 1]; one that is NaN counts as a test and stays NaN.

    Returns
    -------
    ndarray of float64, shape (n,)
        Adjusted p-values, in [0, 1].

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(pvalues, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(pvalues: ArrayLike) -> FloatArray:
    """Benjamini and Hochberg's step-up adjustment: controls the false discovery rate.

    scipy's `false_discovery_control` gives the same digits, but `scipy.stats` takes most of a second to import.

    Parameters
    ----------
    pvalues : array_like, shape (n,)
        In [0, 1]; independent, or positively dependent.

    Returns
    -------
    ndarray of float64, shape (n,)
        Adjusted p-values, in [0, 1].

    Raises
    ------
    ValueError
        If a p-value is NaN or not in [0, 1].

    References
    ----------
    Benjamini and Hochberg (1995), "Controlling the false discovery rate", J. R. Statist. Soc. B 57.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    p = np.asarray(pvalues, dtype=np.float64)
    bad = ~((p >= 0) & (p <= 1))
    if bad.any():
        raise ValueError(f"pvalues must lie in the interval [0, 1] but got {p[bad][0]}")
    order = np.argsort(p, kind="stable")
    stepped = p[order] * (len(p) / np.arange(1.0, len(p) + 1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(stepped[::-1])[::-1]
    return np.minimum(adjusted, 1.0)
