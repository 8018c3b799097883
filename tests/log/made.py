"""A small log with a known effect and no drift, as it looks before anybody writes it in a way of their own."""

import numpy as np
import pandas as pd

import confound

ROLES = {"outcome": ["likely"], "negative_control": ["party"]}


def made(*, personas: int = 12, trials: int = 4, seed: int = 7) -> pd.DataFrame:
    """Return a log of two arms; everyone's party is drawn alike in both, and the treated are likelier by a half."""
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(personas):
        shares = rng.dirichlet([2, 2, 1])
        for arm in ("control", "treated"):
            for trial in range(trials):
                party = str(rng.choice(["Dem", "Ind", "Rep"], p=shares))
                likely = str(int(np.clip(rng.normal(3 + 0.5 * (arm == "treated"), 1), 1, 5).round()))
                place = (f"p{p:02d}", arm, str(trial))
                rows += [(*place, "party", party), (*place, "likely", likely)]
    return pd.DataFrame(rows, columns=["persona", "arm", "trial", "question", "response"])


def analysed(data: object, **options: object) -> confound.Analysis:
    """Analyse a log for drift and effects alone."""
    given = {**ROLES, "workers": 1, "skip": ("decomposition", "sensitivity", "stabilization"), **options}
    return confound.analyze(data, **given)  # type: ignore[arg-type]


def numbers(found: confound.Analysis) -> pd.DataFrame:
    """Return what must not depend on how a log is written: distances, p-values, intervals and effects."""
    drift = found.drift[["n_personas", "n_control", "tvd_plugin", "tvd_null", "tvd", "ci_low", "ci_high", "pvalue"]]
    effects = found.effects.query("level == ''")[["n_personas", "n_control", "estimate", "se", "pvalue"]]
    return pd.concat([drift.reset_index(drop=True), effects.reset_index(drop=True)])


def told(found: confound.Analysis, level: str | None = None) -> str:
    """Return the remarks on the data."""
    rows = found.warnings if level is None else found.warnings[found.warnings["level"] == level]
    return "\n".join(rows["message"])
