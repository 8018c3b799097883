"""Response table -> answer counts. The log is read here, once; everything after works on counts.

`group` runs one grouped query where the log lives and brings back a row a (study, model, iteration, persona, arm,
question, role, answer) with its count, as integer codes. `elicited` runs one more, over the first iteration, where
outcomes and confounders were asked in one conversation: counts lose which answers go together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

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

KEYS = ("study", "model", "iteration", "question", "persona", "arm", "role", "response", "source_arm", "specified")
MAY_LACK = ("response", "role", "source_arm", "specified")
UNKNOWN = -1  # the code of a missing label
NOT_ASKED = -2
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
    codes: Mapping[str, IntArray]
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


_MEASURES = tuple(f.name for f in fields(Grouped) if f.name not in ("labels", "codes"))


def expression(responses: Responses) -> "ir.Table":
    """Return the one query that counts a log, in Ibis, for whatever engine holds it."""
    table = responses.table
    measures = {
        "n": table.count(),
        "value_n": table["value"].count(),
        "value_text": table["_value_text"].count(),
    }
    if "value" in responses.columns:
        value = table["value"]
        measures |= {"value_sum": value.sum(), "value_low": value.min(), "value_high": value.max()}
    for name in {"trial", "seed"} & responses.columns:
        # By way of float64: pandas writes whole numbers beside missing ones as floats.
        whole = table[name].try_cast("float64").try_cast("int64")
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
    coded = {key: _coded(table.column(key), key, responses) for key in KEYS}
    return Grouped(
        labels={key: labels for key, (labels, _) in coded.items()},
        codes={key: codes for key, (_, codes) in coded.items()},
        n=_integers(table, "n"),
        value_n=_integers(table, "value_n"),
        value_sum=_floats(table, "value_sum"),
        value_low=_floats(table, "value_low"),
        value_high=_floats(table, "value_high"),
        trial_n=_integers(table, "trial_n"),
        trial_low=_integers(table, "trial_low"),
        trial_high=_integers(table, "trial_high"),
        seed_n=_integers(table, "seed_n"),
        seed_low=_integers(table, "seed_low"),
        seed_high=_integers(table, "seed_high"),
    )


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
    sourced = (grouped.codes["source_arm"] != UNKNOWN) & ~retention
    place = np.zeros(len(grouped.n), dtype=np.int64)
    for key in ("study", "model", "iteration"):
        place = place * len(grouped.labels[key]) + grouped.codes[key]
    beside = np.isin(place, place[~sourced & ~retention])
    return ~(sourced & beside), sourced


@dataclass(frozen=True, slots=True)
class Elicited:
    """The answers of the first iteration's conversations, those alike in all counted in one row.

    Attributes
    ----------
    labels : dict
        Of study, model, persona, arm and each question -> its distinct labels, sorted.
    codes : dict
        The label's place, shape (rows,); of an answer `UNKNOWN` or `NOT_ASKED` where there is none.
    n : ndarray of int64, shape (rows,)
        Conversations.
    """

    labels: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, IntArray]
    n: IntArray


HELD = ("study", "model", "persona", "arm")


def elicited(responses: Responses, questions: Sequence[str], *, iteration: int) -> Elicited | None:
    """Count which answers to some questions go together, by the log's own numbers of conversations (column `trial`).

    Conversations that answer a question twice are left out: their numbers do not tell conversations apart.

    Returns
    -------
    Elicited or None
        None where the log has no such column, or there are none.
    """
    if "trial" not in responses.columns:
        return None
    table = responses.table
    asked = table.filter(
        table["iteration"].try_cast("float64") == iteration,
        table["question"].strip().isin([text for q in questions for text in (q, f"{q}.0")]),
        table["trial"].notnull(),
        table["source_arm"].isnull(),
    )
    answers = {
        f"answer_{number}": asked["response"].fill_null("").max(where=asked["question"].strip().isin([q, f"{q}.0"]))
        for number, q in enumerate(questions)
    }
    held = asked.group_by([*HELD, "trial"]).aggregate(
        **answers, _rows=asked.count(), _questions=asked["question"].nunique()
    )
    alike = (
        held.filter(held["_rows"] == held["_questions"]).group_by([*HELD, *answers]).aggregate(n=lambda t: t.count())
    )
    with engine_errors(responses.name):
        found = alike.to_pyarrow()
    if not found.num_rows:
        return None
    coded = {key: _coded(found.column(key), key, responses) for key in HELD}
    coded |= {q: _answer_codes(found.column(name)) for q, name in zip(questions, answers, strict=True)}
    # The engine's order changes, and with it the last digits of sums.
    order = np.lexsort([codes for _, codes in coded.values()])
    return Elicited(
        labels={key: labels for key, (labels, _) in coded.items()},
        codes={key: codes[order] for key, (_, codes) in coded.items()},
        n=_integers(found, "n")[order],
    )


def _answer_codes(column: "pa.ChunkedArray") -> tuple[tuple[str, ...], IntArray]:
    """Code answers; the empty text is Unknown, a missing one was not asked for."""
    given = column.to_pylist()
    clean = {text: canonical(text) for text in set(given) if text is not None}
    labels = tuple(sorted({name for name in clean.values() if name is not None}))
    place: dict[str | None, int] = {name: code for code, name in enumerate(labels)} | {None: UNKNOWN}
    return labels, np.asarray([NOT_ASKED if text is None else place[clean[text]] for text in given], dtype=np.int64)


def _check_values(table: "pa.Table", responses: Responses) -> None:
    import pyarrow.compute as pc

    if pc.sum(table.column("value_text")).as_py() > pc.sum(table.column("value_n")).as_py():
        where = responses.where("value", (), bad_number=True)
        raise InputError(f"{where}: this is no number. Leave `value` empty where an answer has none")


def _coded(column: "pa.ChunkedArray", key: str, responses: Responses) -> tuple[tuple[str, ...], IntArray]:
    """Give each label its canonical spelling, and each row the code of it."""
    raw, indices = _encoded(column)
    clean = [_clean(key, text) for text in raw]
    bad: list[str | None] = [text for text, name in zip(raw, clean, strict=True) if name is None]
    if (indices == len(raw)).any():
        bad.append(None)
    if bad and key not in MAY_LACK:
        _refuse(key, bad, responses)
    if key == "role":
        _check_roles(raw, responses)
    labels = sorted({name for name in clean if name is not None}, key=int if key == "iteration" else str)
    return tuple(labels), _lookup(clean, labels)[indices]


def recode(column: "pa.ChunkedArray", key: str, labels: Sequence[str] | None) -> IntArray:
    """Return the code of each row's label, by labels already known; by the labels found themselves if None."""
    raw, indices = _encoded(column)
    clean = [_clean(key, text) for text in raw]
    return _lookup(clean, sorted({name for name in clean if name}) if labels is None else labels)[indices]


def _encoded(column: "pa.ChunkedArray") -> tuple[list[str], IntArray]:
    """Return the distinct texts, and the place of each row's; one past the last where it is missing."""
    encoded = column.combine_chunks().dictionary_encode()
    raw: list[str] = encoded.dictionary.to_pylist()
    return raw, np.asarray(encoded.indices.fill_null(len(raw)).to_numpy(zero_copy_only=False))


def _lookup(clean: Sequence[str | None], labels: Sequence[str]) -> IntArray:
    place = {name: code for code, name in enumerate(labels)}
    return np.asarray([*(UNKNOWN if name is None else place[name] for name in clean), UNKNOWN], dtype=np.int64)


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


def _check_roles(raw: list[str], responses: Responses) -> None:
    strange: list[str | None] = [text for text in raw if _role(text) not in (None, *ROLES)]
    if strange:
        raise InputError(f"{responses.where('role', strange[:MAX_SOUGHT])}: unknown role. Known are {', '.join(ROLES)}")


def _refuse(key: str, bad: list[str | None], responses: Responses) -> None:
    where = responses.where(key, bad[:MAX_SOUGHT])
    if key == "iteration":
        raise InputError(f"{where}: an iteration is a whole number from 0 on")
    raise InputError(f"{where}: every answer needs one. Fill it in, or leave these rows out")


def _integers(table: "pa.Table", name: str) -> IntArray:
    if name not in table.column_names:
        return np.zeros(table.num_rows, dtype=np.int64)
    return np.asarray(table.column(name).fill_null(0).to_numpy(), dtype=np.int64)


def _floats(table: "pa.Table", name: str) -> FloatArray:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
