"""Answers that repeat another trial's seed and answer: an engine that honours seeds gave them once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from confound.counts.coincidence import log_chance_of_share
from confound.counts.copies import LEAST, NEARLY_ALL
from confound.counts.counting import CodeArray, Grouped, IntArray, recode
from confound.log.faults import engine_errors
from confound.log.response_table import Responses

if TYPE_CHECKING:
    import ibis.expr.types as ir

HELD = ("study", "model", "persona", "arm", "question")
MATERIAL = 0.05  # share of the answers that repeat a seed


def repeated(responses: Responses, grouped: Grouped) -> dict[tuple[str, str], str]:
    """Say of each study and model whether equal seeds gave equal answers in several trials.

    Within a persona, arm and question of the first iteration, answers may share a seed: one seed may serve all trials,
    and an engine may ignore seeds. They are copies only where those of one seed agree although answers differ. If seeds
    meant nothing, two trials of one seed would agree as often as any two, of which `Grouped` tells.

    Parameters
    ----------
    responses : Responses
        The open log.
    grouped : Grouped
        The counted log.

    Returns
    -------
    dict
        (study, model) -> what was found.
    """
    if "seed" not in responses.columns or not grouped.seed_n.any():
        return {}
    with engine_errors(responses.name):
        table = _expression(responses, min(map(int, grouped.labels["iteration"]))).to_pyarrow()
    codes = {key: recode(table.column(key), key, grouped.labels[key]) for key in HELD}
    n, seeds, split = (np.asarray(table.column(name).to_numpy(), dtype=np.int64) for name in ("n", "seeds", "split"))
    agree = _agreement(grouped, codes)
    place = codes["study"] * len(grouped.labels["model"]) + codes["model"]
    said = {}
    for each in np.unique(place):
        mine = place == each
        again = int((n - seeds)[mine].sum())
        told = mine & (n > seeds) & (agree < 1)
        if again >= MATERIAL * n[mine].sum() and _honoured(codes, told, split == 0, agree):
            study, model = divmod(int(each), len(grouped.labels["model"]))
            labels = grouped.labels["study"][study], grouped.labels["model"][model]
            said[labels] = (
                f"{again:,} of {n[mine].sum():,} answers of the first iteration repeat the seed and the answer of "
                "another trial of the same persona, arm and question."
            )
    return said


def _expression(responses: Responses, iteration: int) -> "ir.Table":
    """Return answers, distinct seeds, and seeds with several answers of each persona, arm and question."""
    table = responses.table
    asked = table.filter(
        table["iteration"].try_cast("float64") == iteration,
        table["seed"].notnull(),
        table["source_arm"].isnull(),
    )
    answer = asked["response"].cast("string").fill_null("")
    of_seed = asked.group_by([*HELD, "seed"]).aggregate(m=asked.count(), low=answer.min(), high=answer.max())
    split = (of_seed["low"] != of_seed["high"]).cast("int64")
    return of_seed.group_by(HELD).aggregate(n=of_seed["m"].sum(), seeds=of_seed.count(), split=split.sum())


def _agreement(grouped: Grouped, codes: Mapping[str, IntArray]) -> IntArray:
    """Return the share of pairs of trials that agree in the first iteration, in the order of `codes`."""
    first = grouped.codes["iteration"] == 0  # iterations are sorted as numbers
    rows = grouped.rows(first & (grouped.codes["source_arm"] < 0))
    known, place = np.unique(_key(rows, rows.codes), return_inverse=True)
    total = np.bincount(place, weights=rows.n)
    same = np.bincount(place, weights=rows.n * (rows.n - 1.0)) / np.maximum(1, total * (total - 1))
    return np.asarray(same[np.searchsorted(known, _key(rows, codes))])


def _key(grouped: Grouped, codes: Mapping[str, IntArray | CodeArray]) -> IntArray:
    key = np.zeros(len(codes["study"]), dtype=np.int64)
    for name in HELD:
        key = key * len(grouped.labels[name]) + codes[name]
    return key


def _honoured(codes: Mapping[str, IntArray], told: IntArray, whole: IntArray, agree: IntArray) -> bool:
    """Tell whether equal seeds gave equal answers beyond chance, a persona and arm counting once."""
    if not told.any():
        return False
    _, unit = np.unique(np.stack([codes[key][told] for key in ("persona", "arm")]), axis=1, return_inverse=True)
    unit = unit.ravel()
    chance = np.ones(int(unit.max()) + 1)
    np.minimum.at(chance, unit, agree[told])
    hold = np.bincount(unit, weights=~whole[told]) == 0
    return bool(hold.mean() >= NEARLY_ALL) and log_chance_of_share(hold, chance) <= LEAST
