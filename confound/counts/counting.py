"""Response table -> answer counts. The log is read here, once; everything after works on counts.

`group` runs one grouped query where the log lives. It brings back a row for each (study, model, iteration, persona,
arm, question, role, answer) with its count, as integer codes.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from confound.counts.scales import FloatArray, canonical, label, number_in
from confound.errors import InputError
from confound.log.faults import engine_errors
from confound.log.layout import DEFAULTS
from confound.log.response_table import Responses
from confound.vocabulary import READ_ROLES

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

IntArray = npt.NDArray[np.int64]
CodeArray = npt.NDArray[np.int32]  # a log has more rows than labels; multiply codes by an np.int64

KEYS = (
    *("study", "model", "iteration", "question", "persona", "arm", "role", "response", "source_arm", "specified"),
    "item",
)
MAY_LACK = ("response", "role", "source_arm", "specified", "item")
UNKNOWN_CODE = -1  # the code of a missing label
MAX_DIGITS = 9  # of an iteration
PARTS = 1_000_000  # of a probability, in whose place whole numbers stand
SLACK = 0.03  # by which rounded probabilities may miss 1
MAX_SOUGHT = 1000  # a column of the wrong thing holds more bad labels than one query should name


@dataclass(frozen=True, slots=True)
class Grouped:
    """The grouped log, a row for each distinct combination of `KEYS`.

    Attributes
    ----------
    labels : dict
        Key -> its distinct canonical labels, sorted.
    codes : dict
        Key -> the label's place in `labels`, shape (rows,); -1 where missing.
    n : ndarray of int64, shape (rows,)
        Answers.
    value_n : ndarray of int64, shape (rows,)
        Answers with a number in column `value`.
    value_sum, value_low, value_high : ndarray of float64, shape (rows,)
        Of column `value`; NaN where it holds none.
    trial_n, trial_low, trial_high : ndarray of int64, shape (rows,)
        Answers with a whole number in column `trial`, and the range of these numbers.
    seed_n, seed_low, seed_high : ndarray of int64, shape (rows,)
        The same of column `seed`.
    seed_distinct : ndarray of int64, shape (rows,)
        Distinct seeds; 0 where they were not counted.
    respelled : dict
        Key -> labels that stand in the log in several ways that look the same, such as composed and decomposed accents.
    """

    labels: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, CodeArray]
    n: IntArray
    value_n: IntArray
    value_sum: FloatArray
    value_low: FloatArray
    value_high: FloatArray
    trial_n: IntArray
    trial_low: IntArray
    trial_high: IntArray
    seed_n: IntArray
    seed_low: IntArray
    seed_high: IntArray
    seed_distinct: IntArray
    respelled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def rows(self, keep: npt.NDArray[np.bool_] | IntArray) -> "Grouped":
        """Return the rows chosen by a mask or by their places; labels stay."""
        arrays = {name: getattr(self, name)[keep] for name in _MEASURES}
        return replace(self, codes={key: codes[keep] for key, codes in self.codes.items()}, **arrays)

    def label(self, key: str, code: int) -> str | None:
        """Return a label by its code."""
        return None if code == UNKNOWN_CODE else self.labels[key][code]


_MEASURES: dict[str, type[np.generic]] = {
    f.name: np.float64 if f.name in ("value_sum", "value_low", "value_high") else np.int64
    for f in fields(Grouped)
    if f.name not in ("labels", "codes", "respelled")
}


def expression(responses: Responses, *, distinct_seeds: bool = False) -> "ir.Table":
    """Return the one query that counts a log, in Ibis, for whatever engine holds it.

    It is grouped by those of `KEYS` that the log has: one that holds the same throughout would cost as much as any.
    """
    table = responses.table
    if "weight" in responses.columns:
        return table.group_by([key for key in KEYS if key in responses.columns]).aggregate(**_weighed(table))
    measures = {"n": table.count()}
    if "value" in responses.columns:
        value = table["value"]
        measures |= {"value_n": value.count(), "value_filled": table["_value_filled"].count()}
        measures |= {"value_sum": value.sum(), "value_low": value.min(), "value_high": value.max()}
    for name in {"trial", "seed"} & responses.columns:
        whole = table[name]
        if not whole.type().is_integer():  # pandas writes whole numbers beside missing ones as floats
            whole = whole.try_cast("float64").try_cast("int64")
        measures |= {f"{name}_n": whole.count(), f"{name}_low": whole.min(), f"{name}_high": whole.max()}
    if distinct_seeds:  # takes several times as long as all the rest
        measures["seed_distinct"] = table["seed"].nunique()
    return table.group_by([key for key in KEYS if key in responses.columns]).aggregate(**measures)


def _weighed(table: "ir.Table") -> dict[str, Any]:
    """Return the measures of a log of distributions: probabilities stand in the place of counts."""
    weight = table["weight"].cast("string").try_cast("float64")
    whole = (weight.sum() * PARTS).round().cast("int64")
    return {"n": whole, "weight_low": weight.min(), "weight_bad": table.count() - weight.count()}


def _check_weights(table: "pa.Table", responses: Responses) -> "pa.Table":
    """Refuse probabilities that are none, and leave out answers with probability 0."""
    import pyarrow.compute as pc

    if pc.sum(table.column("weight_bad")).as_py():
        raise InputError(f"{responses.name}, column 'weight': a probability is missing or no number")
    if (pc.min(table.column("weight_low")).as_py() or 0) < 0:
        raise InputError(f"{responses.name}: a probability is below 0. Check the columns, or --weight")
    table = table.filter(pc.greater(table.column("n"), 0))
    place = [key for key in KEYS if key in table.column_names and key not in ("response", "role")]
    sums = table.group_by(place).aggregate([("n", "sum")]).column("n_sum").to_numpy() / PARTS
    whole = np.maximum(1, np.rint(sums))
    if (abs(sums - whole) > SLACK * whole).any():
        raise InputError(
            f"{responses.name}: the probabilities of a persona, arm and question should add up to 1 (or 100), but "
            f"somewhere to {sums[np.argmax(abs(sums - whole))]:.3g}. Survey weights cannot be used; leave out --weight"
        )
    return table


def group(responses: Responses, *, distinct_seeds: bool = False) -> Grouped:
    """Count a log and check every label; its distinct seeds are counted on demand.

    Raises
    ------
    InputError
        Where the log has no rows, a persona, arm or question is missing, an iteration is no whole number, a role is
        unknown, or `value` holds text.
    """
    with engine_errors(responses.name):
        table = expression(responses, distinct_seeds=distinct_seeds).to_pyarrow()
    if table.num_rows == 0:
        raise InputError(f"{responses.name}: the log holds a header but no answers")
    if "weight" in responses.columns:
        table = _check_weights(table, responses)
    _check_values(table, responses)
    with ThreadPoolExecutor() as pool:  # Arrow and numpy let go of Python's lock
        encoded = dict(zip(KEYS, pool.map(partial(_encoded_key, table), KEYS), strict=True))
        raw = {key: labels for key, (labels, _) in encoded.items()}
        known = {key: _canonical(raw[key], key, responses) for key in KEYS}
        codes = pool.map(lambda key: _looked_up(known[key][1], encoded[key][1], table.num_rows), KEYS)
        measures = pool.map(lambda name: numbers_of(table, name, _MEASURES[name]), _MEASURES)
        return Grouped(
            labels={key: labels for key, (labels, _) in known.items()},
            codes=dict(zip(KEYS, codes, strict=True)),
            respelled={key: names for key in ("arm", "question", "response") if (names := _alike(raw[key], key))},
            **dict(zip(_MEASURES, measures, strict=True)),
        )


def _alike(raw: Sequence[str | None], key: str) -> tuple[str, ...]:
    """Return labels that stand in several ways that only a computer tells apart."""
    ways: dict[str, set[str]] = {}
    for text in raw:
        if text is not None and not text.isascii() and (name := _clean(key, text)) is not None:
            ways.setdefault(name, set()).add(text.strip())
    ascii_ways = {(text or "").strip() for text in raw} if ways else set()
    return tuple(sorted(name for name, texts in ways.items() if len(texts | ({name} & ascii_ways)) > 1))


def _encoded_key(table: "pa.Table", key: str) -> tuple[list[str | None], list[CodeArray]]:
    """Return the distinct labels of a key and the place of each row's; a key that the log does not have is missing."""
    if key not in table.column_names:
        return [None], []
    return _encoded(table.column(key))


def numbers_of(table: "pa.Table", name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return a measure; of a column that the log does not have, counts are 0 and the rest NaN, and take no memory."""
    counts = issubclass(dtype, np.integer)
    if name not in table.column_names:
        return np.broadcast_to(np.asarray(0 if counts else np.nan, dtype=dtype), (table.num_rows,))
    column = table.column(name)
    column = column.fill_null(0) if counts and column.null_count else column
    numbers = np.empty(table.num_rows, dtype=dtype)
    at = 0
    for piece in column.chunks:
        numbers[at : at + len(piece)] = piece.to_numpy(zero_copy_only=False)
        at += len(piece)
    return numbers


def _encoded(column: "pa.ChunkedArray") -> tuple[list[str | None], list[CodeArray]]:
    """Return the distinct labels of a column, and for each row the place of its label, in pieces."""
    encoded = column.dictionary_encode(null_encoding="encode")
    if not encoded.num_chunks:
        return [], []
    # All chunks have the dictionary of the whole column.
    labels = [None if value is None else str(value) for value in encoded.chunk(0).dictionary.to_pylist()]
    return labels, [chunk.indices.to_numpy() for chunk in encoded.chunks]


def _looked_up(lookup: CodeArray, pieces: Sequence[CodeArray], n_rows: int) -> CodeArray:
    """Return the code of each row; of a key without pieces, which no row has, one code that takes no memory.

    Memory that is touched for the first time costs more than the arithmetic: pieces go straight to their place.
    """
    if not pieces:
        return np.broadcast_to(lookup[0], (n_rows,))
    codes = np.empty(n_rows, dtype=lookup.dtype)
    at = 0
    for piece in pieces:
        np.take(lookup, piece, out=codes[at : at + len(piece)], mode="clip")
        at += len(piece)
    return codes


def apart(grouped: Grouped) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Split off what was asked of personas whose attributes all come from one arm (column `source_arm`).

    Where a study, model and iteration has answers without a source arm too, as beside a simulated 2 x 2, those with
    one are no part of the log proper; else they are part of both. Retention is asked of anyone.

    Returns
    -------
    tuple of ndarray of bool, shape (rows,)
        Which rows are the log proper, and which have a source arm.
    """
    roles = grouped.labels["role"]
    retention = np.isin(grouped.codes["role"], [code for code, name in enumerate(roles) if name == "retention"])
    sourced = (grouped.codes["source_arm"] != UNKNOWN_CODE) & ~retention
    place = np.zeros(len(grouped.n), dtype=np.int64)
    for key in ("study", "model", "iteration"):
        place = place * len(grouped.labels[key]) + grouped.codes[key]
    beside = np.isin(place, place[~sourced & ~retention])
    return ~(sourced & beside), sourced


def _check_values(table: "pa.Table", responses: Responses) -> None:
    import pyarrow.compute as pc

    if "value_n" not in table.column_names:
        return
    if pc.sum(table.column("value_filled")).as_py() > pc.sum(table.column("value_n")).as_py():
        where = responses.where("value", (), bad_number=True)
        raise InputError(f"{where}: this is no number. Leave `value` empty where an answer has none")


def _canonical(raw: Sequence[str | None], key: str, responses: Responses) -> tuple[tuple[str, ...], CodeArray]:
    """Return the canonical labels, sorted, and the code of each raw one."""
    clean = [_clean(key, text or "") for text in raw]
    bad = [text for text, name in zip(raw, clean, strict=True) if name is None]
    if bad and key not in MAY_LACK:
        _refuse(key, bad, responses)
    if key == "role":
        _check_roles(raw, responses)
    labels = in_order({name for name in clean if name is not None}, key)
    return tuple(labels), _lookup(clean, labels)


def in_order(labels: Collection[str], key: str) -> list[str]:
    """Sort labels as text; iterations, and arms that are all numbers, as numbers."""
    by_number = key == "iteration" or (key == "arm" and all(number_in(name) is not None for name in labels))
    return sorted(labels, key=lambda name: (number_in(name) or 0.0 if by_number else 0.0, name))


def coded(column: "pa.ChunkedArray", key: str, responses: Responses) -> tuple[tuple[str, ...], IntArray]:
    """Return the canonical labels of a column, sorted, and the code of each row's."""
    raw, pieces = _encoded(column)
    labels, lookup = _canonical(raw, key, responses)
    return labels, _looked_up(lookup, pieces, len(column)).astype(np.int64)


def recode(column: "pa.ChunkedArray", key: str, labels: Sequence[str] | None) -> IntArray:
    """Return the code of each row's label, by labels already known; by the labels found themselves if None."""
    raw, pieces = _encoded(column)
    clean = [_clean(key, text or "") for text in raw]
    lookup = _lookup(clean, in_order({name for name in clean if name}, key) if labels is None else labels)
    return _looked_up(lookup, pieces, len(column)).astype(np.int64)


def _lookup(clean: Sequence[str | None], labels: Sequence[str]) -> CodeArray:
    place = {name: code for code, name in enumerate(labels)}
    return np.asarray([UNKNOWN_CODE if name is None else place[name] for name in clean], dtype=np.int32)


def _clean(key: str, text: str) -> str | None:
    if key == "role":
        return _role(text)
    if key in ("response", "specified"):
        return canonical(text)
    name = label(text) or DEFAULTS.get(key)
    if key == "iteration" and name is not None:
        return str(int(name)) if name.isdecimal() and len(name) <= MAX_DIGITS else None
    return name


def _role(text: str) -> str | None:
    return text.strip().casefold().replace("-", "_").replace(" ", "_") or None


def _check_roles(raw: Sequence[str | None], responses: Responses) -> None:
    strange = [text for text in raw if _role(text or "") not in (None, *READ_ROLES)]
    if strange:
        raise InputError(
            f"{responses.where('role', strange[:MAX_SOUGHT])}: unknown role. Known are {', '.join(READ_ROLES)}"
        )


def _refuse(key: str, bad: list[str | None], responses: Responses) -> None:
    where = responses.where(key, bad[:MAX_SOUGHT])
    if key == "iteration":
        raise InputError(f"{where}: an iteration is a whole number from 0 on")
    raise InputError(f"{where}: every answer needs one. Fill it in, or leave these rows out")
