"""Which answers of a conversation go together: what counts of single answers lose.

One more query over the first iteration, where outcomes and confounders were asked in one conversation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from confound.counts.counting import UNKNOWN_CODE, IntArray, coded, numbers_of
from confound.counts.scales import canonical
from confound.log.faults import engine_errors
from confound.log.response_table import Responses

if TYPE_CHECKING:
    import pyarrow as pa

NOT_ASKED_CODE = -2


@dataclass(frozen=True, slots=True)
class Elicited:
    """The answers of the first iteration's conversations, those alike in all counted in one row.

    Attributes
    ----------
    labels : dict
        Of study, model, persona, arm and each question -> its distinct labels, sorted.
    codes : dict
        The label's place, shape (rows,); of an answer `UNKNOWN_CODE` or `NOT_ASKED_CODE` where there is none.
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
    held_codes = {key: coded(found.column(key), key, responses) for key in HELD}
    held_codes |= {q: _answer_codes(found.column(name)) for q, name in zip(questions, answers, strict=True)}
    # The engine's order changes, and with it the last digits of sums.
    order = np.lexsort([codes for _, codes in held_codes.values()])
    return Elicited(
        labels={key: labels for key, (labels, _) in held_codes.items()},
        codes={key: codes[order] for key, (_, codes) in held_codes.items()},
        n=numbers_of(found, "n", np.int64)[order],
    )


def _answer_codes(column: "pa.ChunkedArray") -> tuple[tuple[str, ...], IntArray]:
    """Code answers; the empty text is Unknown, a missing one was not asked for."""
    given = column.to_pylist()
    clean = {text: canonical(text) for text in set(given) if text is not None}
    labels = tuple(sorted({name for name in clean.values() if name is not None}))
    place: dict[str | None, int] = {name: code for code, name in enumerate(labels)} | {None: UNKNOWN_CODE}
    return labels, np.asarray(
        [NOT_ASKED_CODE if text is None else place[clean[text]] for text in given], dtype=np.int64
    )
