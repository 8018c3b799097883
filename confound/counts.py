"""Response table -> answer counts. The log is read here, once; everything after works on counts.

`group` runs one grouped query where the log lives and brings back a row a (study, model, iteration, persona, arm,
question, role, answer) with its count, as integer codes.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from confound.errors import InputError
from confound.responses import DEFAULTS, ROLES, Responses
from confound.scales import FloatArray, canonical, label
from confound.sources import engine_errors

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

IntArray = npt.NDArray[np.int64]
CodeArray = npt.NDArray[np.int32]  # a log has more rows than labels; multiply codes by an np.int64

KEYS = ("study", "model", "iteration", "question", "persona", "arm", "role", "response")
UNKNOWN = -1  # the code of a missing label
MAX_DIGITS = 9  # of an iteration
MAX_SOUGHT = 1000  # a column of the wrong thing holds more bad labels than one query should name


@dataclass(frozen=True, slots=True)
class Grouped:
    """The grouped log, a row a distinct combination of `KEYS`.

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

    def rows(self, keep: npt.NDArray[np.bool_] | IntArray) -> "Grouped":
        """Return the rows chosen by a mask or by their places; labels stay."""
        arrays = {name: getattr(self, name)[keep] for name in _MEASURES}
        return replace(self, codes={key: codes[keep] for key, codes in self.codes.items()}, **arrays)

    def label(self, key: str, code: int) -> str | None:
        """Return a label by its code."""
        return None if code == UNKNOWN else self.labels[key][code]


_MEASURES: dict[str, type[np.generic]] = {
    f.name: np.float64 if f.name in ("value_sum", "value_low", "value_high") else np.int64
    for f in fields(Grouped)
    if f.name not in ("labels", "codes")
}


def expression(responses: Responses) -> "ir.Table":
    """Return the one query that counts a log, in Ibis, for whatever engine holds it."""
    table = responses.table
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
    return table.group_by(list(KEYS)).aggregate(**measures)


def group(responses: Responses) -> Grouped:
    """Count a log and check every label.

    Raises
    ------
    InputError
        Where the log has no rows, a persona, arm or question is missing, an iteration is no whole number, a role is
        unknown, or `value` holds text.
    """
    with engine_errors(responses.name):
        table = expression(responses).to_pyarrow()
    if table.num_rows == 0:
        raise InputError(f"{responses.name}: the log holds a header but no answers")
    _check_values(table, responses)
    with ThreadPoolExecutor() as pool:  # Arrow and numpy let go of Python's lock
        encoded = dict(zip(KEYS, pool.map(lambda key: _encoded(table.column(key)), KEYS), strict=True))
        known = {key: _canonical(encoded[key][0], key, responses) for key in KEYS}
        codes = pool.map(lambda key: known[key][1][encoded[key][1]], KEYS)
        measures = pool.map(lambda name: _numbers(table, name, _MEASURES[name]), _MEASURES)
        return Grouped(
            labels={key: labels for key, (labels, _) in known.items()},
            codes=dict(zip(KEYS, codes, strict=True)),
            **dict(zip(_MEASURES, measures, strict=True)),
        )


def _numbers(table: "pa.Table", name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return a measure; of a column that the log does not have, counts are 0 and the rest NaN, and take no memory."""
    counts = issubclass(dtype, np.integer)
    if name not in table.column_names:
        return np.broadcast_to(np.asarray(0 if counts else np.nan, dtype=dtype), (table.num_rows,))
    column = table.column(name)
    return np.asarray((column.fill_null(0) if counts else column).to_numpy(), dtype=dtype)


def _encoded(column: "pa.ChunkedArray") -> tuple[list[str | None], CodeArray]:
    """Return the distinct labels of a column, and for each row the place of its label."""
    encoded = column.dictionary_encode(null_encoding="encode")
    if not encoded.num_chunks:
        return [], np.empty(0, dtype=np.int32)
    # All chunks have the dictionary of the whole column.
    labels = [None if value is None else str(value) for value in encoded.chunk(0).dictionary.to_pylist()]
    return labels, np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])


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
    if bad and key not in ("response", "role"):
        _refuse(key, bad, responses)
    if key == "role":
        _check_roles(raw, responses)
    labels = sorted({name for name in clean if name is not None}, key=int if key == "iteration" else str)
    return tuple(labels), _lookup(clean, labels)


def recode(column: "pa.ChunkedArray", key: str, labels: Sequence[str] | None) -> IntArray:
    """Return the code of each row's label, by labels already known; by the labels found themselves if None."""
    raw, places = _encoded(column)
    clean = [_clean(key, text or "") for text in raw]
    lookup = _lookup(clean, sorted({name for name in clean if name}) if labels is None else labels)
    return lookup[places].astype(np.int64)


def _lookup(clean: Sequence[str | None], labels: Sequence[str]) -> CodeArray:
    place = {name: code for code, name in enumerate(labels)}
    return np.asarray([UNKNOWN if name is None else place[name] for name in clean], dtype=np.int32)


def _clean(key: str, text: str) -> str | None:
    if key == "role":
        return _role(text)
    if key == "response":
        return canonical(text)
    name = label(text) or DEFAULTS.get(key)
    if key == "iteration" and name is not None:
        return str(int(name)) if name.isdecimal() and len(name) <= MAX_DIGITS else None
    return name


def _role(text: str) -> str | None:
    return text.strip().casefold().replace("-", "_").replace(" ", "_") or None


def _check_roles(raw: Sequence[str | None], responses: Responses) -> None:
    strange = [text for text in raw if _role(text or "") not in (None, *ROLES)]
    if strange:
        raise InputError(f"{responses.where('role', strange[:MAX_SOUGHT])}: unknown role. Known are {', '.join(ROLES)}")


def _refuse(key: str, bad: list[str | None], responses: Responses) -> None:
    where = responses.where(key, bad[:MAX_SOUGHT])
    if key == "iteration":
        raise InputError(f"{where}: an iteration is a whole number from 0 on")
    raise InputError(f"{where}: every answer needs one. Fill it in, or leave these rows out")
