"""What an analyst would write: pandas to count, `scipy.stats.permutation_test` to test.

Written for the log at hand, so it checks nothing, and takes for granted that every persona gave as many answers in
both arms, trial by trial. Where there was a choice it is the faster one: only the needed columns are read, the
statistic is vectorised, and the batch is small enough for the processor's cache (500; by default scipy draws all
resamples at once, which is slower and takes gigabytes).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

CELL = ["model", "iteration", "question"]
COLUMNS = [*CELL, "persona", "trial", "arm", "role", "response"]
N_RESAMPLES = 9999
BATCH = 500

Codes = NDArray[np.int8]


def read_controls(path: Path) -> pd.DataFrame:
    """Read the negative controls; Unknown counts as an answer."""
    log = pd.read_parquet(path, columns=COLUMNS)
    log = log[log["role"] == "negative_control"]
    return log.assign(response=log["response"].fillna("Unknown"))


def count(log: pd.DataFrame) -> pd.DataFrame:
    """Count each persona's answers by cell and arm, an answer a column."""
    sizes = log.groupby([*CELL, "persona", "arm", "response"]).size()
    return sizes.unstack(fill_value=0)  # noqa: PD010 - pivot_table would group once more


def distances(counts: pd.DataFrame) -> pd.Series:
    """Return the mean distance of each cell."""
    shares = counts.div(counts.sum(axis=1), axis=0)
    gaps = shares.xs("treated", level="arm") - shares.xs("control", level="arm")
    return (gaps.abs().sum(axis=1) / 2).groupby(CELL).mean()


def arms(cell: pd.DataFrame) -> tuple[Codes, Codes]:
    """Lay one cell's answers out as codes, treated and control, each of shape (personas, trials)."""
    codes = pd.Categorical(cell["response"]).codes
    coded = cell.assign(code=codes)
    wide = coded.pivot(index="persona", columns=["arm", "trial"], values="code")  # noqa: PD010 - nothing to sum
    return wide["treated"].to_numpy(), wide["control"].to_numpy()


def paired(treated: Codes, control: Codes, *, rng: np.random.Generator) -> tuple[float, float]:
    """Swap labels within a persona's trials, in one call for the cell; return the distance and the p-value."""

    def statistic(x: Codes, y: Codes, axis: int) -> NDArray[np.float64]:
        assert axis in (-1, x.ndim - 1)
        by_persona = (*x.shape[:-1], *treated.shape)
        return _distance(x.reshape(by_persona), y.reshape(by_persona)).mean(axis=-1)

    test = stats.permutation_test(
        (treated.ravel(), control.ravel()),
        statistic,
        permutation_type="samples",
        vectorized=True,
        n_resamples=N_RESAMPLES,
        batch=BATCH,
        alternative="greater",
        rng=rng,
    )
    return float(test.statistic), float(test.pvalue)


def stratified(treated: Codes, control: Codes, *, rng: np.random.Generator) -> tuple[float, float]:
    """Shuffle labels within each persona, a call each, and add the null distributions; confound's own null."""
    drawn, observed = np.zeros(N_RESAMPLES), 0.0
    for x, y in zip(treated, control, strict=True):
        test = stats.permutation_test(
            (x, y),
            lambda x, y, axis: _distance(x, y),  # noqa: ARG005 - scipy names the axis, always the last
            vectorized=True,
            n_resamples=N_RESAMPLES,
            alternative="greater",
            rng=rng,
        )
        drawn += test.null_distribution
        observed += test.statistic
    reached = np.count_nonzero(drawn >= observed - 1e-9)
    return observed / len(treated), (1 + reached) / (1 + N_RESAMPLES)


def _distance(x: Codes, y: Codes) -> NDArray[np.float64]:
    kinds = range(1 + max(x.max(), y.max()))
    gaps = [np.abs(np.count_nonzero(x == kind, axis=-1) - np.count_nonzero(y == kind, axis=-1)) for kind in kinds]
    return np.sum(gaps, axis=0) / (2 * x.shape[-1])


TESTS: dict[str, Callable[..., tuple[float, float]]] = {"paired": paired, "stratified": stratified}
