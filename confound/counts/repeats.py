"""Columns that nothing reads, but that tell repeated rows apart: what was asked about, or who was asked.

Rows of one persona, arm and question that differ in such a column were counted as trials of one stratum. If the column
is what was asked about (a scenario, a price), distances between such mixtures hide drift; if it is the simulated user,
the persona merges people.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from confound.counts import data_warnings
from confound.counts.counting import Grouped
from confound.counts.notes import Note
from confound.log.faults import engine_errors
from confound.log.layout import Layout
from confound.log.response_table import EXTRA, Responses

MOST_ROWS = 3_000_000
MOST_COLUMNS = 40
MOST_VALUES = 60  # of something that was asked about
ALIKE = 0.9  # share of the personas, arms and questions that have as many values as the others
COMBINATION = ("study", "model", "iteration", "persona", "arm", "question", "trial", "item")
WEIGHTS = ("weight", "weights", "wt", "wgt", "survey_weight")


def notes(log: Responses, grouped: Grouped, layout: Layout) -> list[Note]:
    """Name columns that may say why rows repeat, and weights, which are not used."""
    weights = [name for name in log.unused if name.casefold() in WEIGHTS]
    made = [
        Note("warning", f"Column '{name}' is not used: every answer counts the same, whatever its weight.")
        for name in weights
    ]
    columns = [name for name in log.unused if name not in weights][:MOST_COLUMNS]
    if not columns or grouped.n.sum() > MOST_ROWS or not data_warnings.repeats(grouped):
        return made
    return made + list(_told(log, columns, layout))


def _told(log: Responses, columns: Sequence[str], layout: Layout) -> Iterator[Note]:
    table = log.table
    values = {f"v{i}": table[f"{EXTRA}{name}"] for i, name in enumerate(columns)}
    keys = [key for key in COMBINATION if key in log.columns]
    by = {key: table[key].cast("string").fill_null("") for key in keys}
    person = table["persona"].cast("string")
    whole = {f"d{i}": values[f"v{i}"].nunique() for i in range(len(columns))}
    whole |= {f"p{i}": (values[f"v{i}"] + "\0" + person).nunique() for i in range(len(columns))}
    each = {f"d{i}": values[f"v{i}"].nunique() for i in range(len(columns))}
    with engine_errors(log.name):
        combined = table.group_by(**by).aggregate(n=table.count(), **each).to_pyarrow()
        totals = table.aggregate(rows=table.count(), personas=person.nunique(), **whole).to_pyarrow().to_pylist()[0]
    n = np.asarray(combined.column("n").to_numpy())
    repeated = n > 1
    if repeated.mean() < 1 - ALIKE:
        return
    for i, name in enumerate(columns):
        distinct = np.asarray(combined.column(f"d{i}").to_numpy())[repeated]
        n_values, apart = totals[f"d{i}"], float((distinct > 1).mean())
        if totals["personas"] < n_values == totals[f"p{i}"] <= totals["rows"] / 2 and apart > 0.5:
            yield Note(
                "warning",
                f"Column '{name}' names {n_values:,} different things, each within one of the {totals['personas']:,} "
                f"personas. If it is the simulated user, say --persona {name}: now its answers are taken for "
                "repetitions of one conversation.",
            )
        elif 2 <= n_values <= MOST_VALUES and apart >= ALIKE <= _mode_share(distinct):
            arm = ",".join(layout.arm) or "arm"
            yield Note(
                "warning",
                f"Rows of one persona, arm and question differ in column '{name}' ({n_values:,} values), which nothing "
                f"reads: they were counted as repetitions. If it is what was asked about, say --item {name}; if it is "
                f"a condition, --arm {arm},{name}; if it numbers repetitions, --trial {name}.",
            )


def _mode_share(distinct: "np.typing.NDArray[np.int64]") -> float:
    return float(np.bincount(distinct).max() / len(distinct))
