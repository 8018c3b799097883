"""The one decision about drift, from which verdict, page, figures and tables read.

Whether there is drift is decided by the joint test of each contrast, adjusted by Holm over the contrasts of a model at
an iteration. Controls are named by closed testing within their contrast, at Bonferroni's level for the contrasts.
Without drift a model is called drifting, at one iteration, with a chance of at most `LEVEL`; so is any of its controls.
"""

from collections.abc import Container
from typing import Any

import numpy as np
import pandas as pd

from confound.statistics import multiplicity
from confound.vocabulary import ALL_ARMS, ALL_CONTROLS

LEVEL = 0.05
SHOWN, SMALL, UNSETTLED, WITHHELD = "shown", "small", "unsettled", "withheld"
FAMILY = ["model", "iteration"]
CONTRAST = ["study", "contrast"]
SINGLE = ["pvalue_answered", "pvalue_common_answered"]


def decided(drift: pd.DataFrame, *, margin: float, withheld: Container[tuple[str, str]] = ()) -> pd.DataFrame:
    """Return the table with its decision.

    Columns `pvalue_joint` (where a joint test is missing), `pvalue_verdict`, `state` and `family` are filled.

    Parameters
    ----------
    drift : pandas.DataFrame
        The table `drift`.
    margin : float
        Drift below it counts as small.
    withheld : container of (study, model)
        Where copies void every number.
    """
    made = drift.copy()
    tested = made[made["contrast"] != ALL_ARMS]
    for _, family in tested.groupby(FAMILY, sort=False):
        contrasts = [rows for _, rows in family.groupby(CONTRAST, sort=False)]
        for rows in contrasts:
            made.loc[rows.index, "pvalue_joint"] = _joint(rows)
        adjusted = multiplicity.holm([_of_contrast(made.loc[rows.index]) for rows in contrasts])
        for rows, pvalue in zip(contrasts, adjusted.tolist(), strict=True):
            own = made.loc[rows.index]
            key = (str(own["study"].iloc[0]), str(own["model"].iloc[0]))
            made.loc[own.index, "pvalue_verdict"] = _adjusted(own, pvalue, len(contrasts))
            made.loc[own.index, "family"] = _family(own, len(contrasts))
            decided_on = made.loc[own.index]
            made.loc[own.index, "state"] = WITHHELD if key in withheld else _states(decided_on, margin)
    return made


def _is_control(rows: pd.DataFrame) -> Any:
    return (rows["question"] != ALL_CONTROLS).to_numpy()


def _joint(rows: pd.DataFrame) -> Any:
    """Return the joint p-values, those of controls by Holm over both single tests where no joint test was made."""
    held = rows["pvalue_joint"].to_numpy(dtype=np.float64).copy()
    controls = _is_control(rows)
    if np.isnan(held[controls]).any():
        held[controls] = _holm_of_both(rows[controls])
    return held


def _holm_of_both(rows: pd.DataFrame) -> Any:
    """Return the smaller of each control's two p-values, adjusted by Holm over both tests of all controls."""
    pvalues = rows[SINGLE].to_numpy(dtype=np.float64).copy()
    # With one answer in each arm a persona's distance is what it is whichever answer was treated: no test.
    once = (rows["design"] == "within") & (rows["n_control"] == rows["n_personas"])
    pvalues[once & (rows["n_treated"] == rows["n_personas"]), 0] = np.nan
    tested = np.isfinite(pvalues)
    adjusted = np.ones(pvalues.shape)
    adjusted[tested] = multiplicity.holm(pvalues[tested])
    return adjusted.min(axis=1)


def _of_contrast(rows: pd.DataFrame) -> float:
    """Return the p-value of no drift in a contrast: of the joint test, else of the control that stands out most."""
    together = rows.loc[~_is_control(rows), "pvalue_joint"].dropna()
    return float(together.iloc[0]) if len(together) else float(rows["pvalue_joint"].min())


def _adjusted(rows: pd.DataFrame, of_contrast: float, n_contrasts: int) -> Any:
    """Return the p-values that decide: a control stands only if its contrast does, at Bonferroni's level for these."""
    named = np.minimum(1.0, n_contrasts * rows["pvalue_joint"].to_numpy(dtype=np.float64))
    return np.where(_is_control(rows) & (len(rows) > 1), np.maximum(named, of_contrast), of_contrast)


def _family(rows: pd.DataFrame, n_contrasts: int) -> str:
    n_controls = int(_is_control(rows).sum())
    over = f"{n_controls} control{'s' if n_controls > 1 else ''}"
    return f"{over}, {n_contrasts} contrast{'s' if n_contrasts > 1 else ''} of the model"


def _states(rows: pd.DataFrame, margin: float) -> Any:
    controls, telling = _is_control(rows), ~blind(rows, margin)
    small = (rows["ci_high"] < margin).to_numpy() & telling
    small[~controls] = small[controls & telling].all() and (controls & telling).any()
    return np.where(rows["pvalue_verdict"] <= LEVEL, SHOWN, np.where(small, SMALL, UNSETTLED))


def blind(rows: pd.DataFrame, margin: float) -> Any:
    """Tell which controls nearly everyone answers alike, so that no distance of the margin can show in them.

    Where a share u of both arms' answers together is not the most frequent one, the arms lie at most 2 u apart.
    """
    return (2 * (1 - rows["modal_share"]) < margin).to_numpy()


def of_contrasts(drift: pd.DataFrame) -> pd.DataFrame:
    """Return one row a study, model, iteration and contrast: that of all controls, or of the only one."""
    tested = drift[drift["contrast"] != ALL_ARMS]
    place = ["study", "model", "iteration", "contrast"]
    together = tested.assign(alone=tested["question"] != ALL_CONTROLS).sort_values("alone", kind="stable")
    kept: pd.DataFrame = together.drop_duplicates(place).drop(columns="alone").sort_index()
    return kept


def combined(states: Any) -> str | None:
    """Return the state of several contrasts together; None of none.

    Examples
    --------
    >>> combined(["small", "unsettled"]), combined(["small", "shown"]), combined(["small", "small"]), combined([])
    ('unsettled', 'shown', 'small', None)
    """
    found = set(states)
    for state in (WITHHELD, SHOWN, UNSETTLED, SMALL):
        if state in found:
            return state
    return None
