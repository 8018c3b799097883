"""How often personas answered a retention question as they were told."""

from dataclasses import dataclass

import numpy as np

from confound.counts.counting import UNKNOWN_CODE, Grouped, IntArray
from confound.counts.scales import FloatArray


@dataclass(frozen=True, slots=True)
class Retained:
    """How often the personas answered a retention question as specified.

    Attributes
    ----------
    study, model, arm, question : str
    iteration : int
    personas : ndarray of int64, shape (P,)
        Codes.
    shares : ndarray of float64, shape (P,)
        In [0, 1]; Unknown is not as specified.
    """

    study: str
    model: str
    iteration: int
    arm: str
    question: str
    personas: IntArray
    shares: FloatArray


def retained(grouped: Grouped) -> tuple[Retained, ...]:
    """Compare retention's answers with what was specified (column `specified`), persona by persona."""
    roles = [code for code, name in enumerate(grouped.labels["role"]) if name == "retention"]
    rows = grouped.rows(np.isin(grouped.codes["role"], roles) & (grouped.codes["specified"] != UNKNOWN_CODE))
    if not len(rows.n):
        return ()
    told = {name: code for code, name in enumerate(grouped.labels["specified"])}
    # The answers by the codes of what is specified; the last is Unknown's, as code -1 finds it.
    answers = np.asarray([*(told.get(name, UNKNOWN_CODE) for name in grouped.labels["response"]), UNKNOWN_CODE])
    kept = rows.n * (answers[rows.codes["response"]] == rows.codes["specified"])
    keys = ("study", "model", "iteration", "arm", "question")
    places, place = np.unique(np.stack([rows.codes[key] for key in (*keys, "persona")]), axis=1, return_inverse=True)
    shares = np.bincount(place.ravel(), weights=kept) / np.bincount(place.ravel(), weights=rows.n)
    starts = np.flatnonzero(np.any(np.diff(places[:-1], axis=1, prepend=-1) != 0, axis=0))
    found = []
    for start, own, personas in zip(
        starts, np.split(shares, starts[1:]), np.split(places[-1], starts[1:]), strict=True
    ):
        study, model, iteration, arm, question = (
            grouped.labels[key][code] for key, code in zip(keys, places[:-1, start], strict=True)
        )
        found.append(Retained(study, model, int(iteration), arm, question, personas, own))
    return tuple(found)
