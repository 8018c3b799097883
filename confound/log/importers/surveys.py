"""Surveys, one row a respondent: Qualtrics with its header rows, and oTree."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from confound.log.importers import csvs
from confound.log.importers.arms import called_arms, others
from confound.log.importers.protocol import Imported, Importer, Wanted, guarded, table_by_column

if TYPE_CHECKING:
    import pyarrow as pa

METADATA = re.compile(
    r"(start|end|recorded)date|status|ipaddress|progress|duration.*|finished|recipient\w+|externalreference|"
    r"location\w+|distributionchannel|userlanguage|responseid|_recordid|q_\w+|sc\d+|fl_\d+_do(_.*)?|q\d+_do(_\w+)?|"
    r".*_(first|last|page) (click|submit)|.*_click count|prolific_?pid|workerid|assignmentid|session_?id|study_?id",
    re.IGNORECASE,
)
PERSONA = ("persona", "persona_id", "twin_id", "responseid", "_recordid")
# Columns of every Qualtrics export, and what its second header row says of them.
TEXTS = {"startdate": "start date", "enddate": "end date", "recordeddate": "recorded date", "responseid": "response id"}
MOST_ARMS = 20
RANDOMIZER = re.compile(r"fl_\d+_do", re.IGNORECASE)  # which of its branches a respondent saw
FIELD = re.compile(r".+\.\d+\.player\.(?!id_in_group$|role$|payoff$).+")


def header_rows(rows: Sequence[Sequence[str]]) -> int:
    """Count the header rows of a Qualtrics export by its first three rows; 0 if it is none."""
    for place, row in enumerate(rows[1:3], start=1):
        filled = [cell for cell in row if cell]
        if filled and all(cell.lstrip().startswith('{"ImportId"') for cell in filled):
            return place + 1
    told = (
        {name.strip().casefold(): text.strip().casefold() for name, text in zip(*rows[:2], strict=False)}
        if (len(rows) > 1)
        else {}
    )
    return 2 if sum(told.get(name) == text for name, text in TEXTS.items()) > 1 else 0


def is_qualtrics(names: Iterable[str]) -> bool:
    """Tell whether columns are those of a Qualtrics export, where its header rows are gone, as in SPSS."""
    return len({name.casefold() for name in names} & set(TEXTS)) > 1


def qualtrics(file: Path, names: Sequence[str], rows: Sequence[Sequence[Any]], n_header: int) -> Imported:
    """Make what is imported of a Qualtrics export.

    Parameters
    ----------
    file : path
    names : sequence of str
        The first row.
    rows : sequence of sequences
        The others.
    n_header : int
        How many rows are headers, `names` being the first; 1 where there is no other.
    """
    headers, answers = rows[: n_header - 1], rows[n_header - 1 :]
    if not answers:
        raise InputError(f"{file}: a Qualtrics export without a response")
    ids = {n: str(cell) for n, cell in zip(names, headers[-1], strict=False)} if headers else {}
    ids = {name: _import_id(cell) for name, cell in ids.items()}
    table = _table(names, answers)
    persona = next((name for wanted in PERSONA for name in names if name.casefold() == wanted), None)
    found, how = _arms(table, ids)
    columns = {column: name for column, name in (("persona", persona), ("arm", next(iter(found), None))) if name}
    questions = tuple(n for n in names if n and n not in columns.values() and not METADATA.fullmatch(n))
    texts = dict(zip(names, headers[0], strict=False)) if headers and not _is_ids(headers[0]) else {}
    labels = {name: {"": str(texts[name])} for name in questions if texts.get(name)}
    what = f"{file}: read as a Qualtrics export of {len(answers):,} responses"
    what += f"; its {n_header} header rows are no answers" if headers else ""
    said = f"{_said(what, columns)}{how}{others(found)}{_doubtful(table)}"
    return Imported(table, said, columns, questions, labels)


def _is_ids(row: Sequence[Any]) -> bool:
    return any(str(cell).lstrip().startswith('{"ImportId"') for cell in row)


def _import_id(cell: str) -> str:
    try:
        held = json.loads(cell)
    except (ValueError, RecursionError):
        return ""
    return str(held.get("ImportId", "")) if isinstance(held, dict) else ""


def _arms(table: "pa.Table", ids: Mapping[str, str]) -> tuple[list[str], str]:
    """Return the columns that may be the arm, and how the first was found if not by its name."""
    asked = {name for name, held in ids.items() if "QID" in held}
    own = [name for name in table.column_names if name not in asked]
    embedded = [name for name in own if not METADATA.fullmatch(name) or RANDOMIZER.fullmatch(name)]
    exact = [name for name in table.column_names if name in asked and name.casefold() in ("arm", "condition")]
    found = called_arms([*embedded, *exact])
    if found or not asked:
        return found, ""
    few = [name for name in embedded if name.casefold() not in PERSONA and _is_assigned(table[name].to_pylist())]
    if len(few) == 1:
        return few, f" '{few[0]}' is the only field that is no question and has few values; say --arm if it is no arm."
    return [], ""


def _is_assigned(values: Sequence[str | None]) -> bool:
    """Tell whether values look as if respondents were assigned to them: few, repeated, and no measurement.

    >>> _is_assigned(["1", "2", "2", "1"]), _is_assigned(["31", "47", "31", "47"]), _is_assigned(["a", "b", "c"])
    (True, False, False)
    """
    held = [value for value in values if value]
    different = set(held)
    if not 2 <= len(different) <= min(MOST_ARMS, len(held) // 2):
        return False
    numbers = all(re.fullmatch(r"-?\d+([.,]\d+)?", value) for value in different)
    counted = [{str(n + first) for n in range(len(different))} for first in (0, 1)]
    return not numbers or different in counted  # numbers that count on from 0 or 1 are codes


def _doubtful(table: "pa.Table") -> str:
    """Word how many responses are previews, or were not finished; nothing is left out for it."""
    by_name = {name.casefold(): name for name in table.column_names}
    counts = []
    for column, values, words in (
        ("status", {"survey preview", "1"}, "previews"),
        ("finished", {"false", "0"}, "not finished"),
    ):
        held = table[by_name[column]].to_pylist() if column in by_name else []
        n = sum(value is not None and value.casefold() in values for value in held)
        counts += [f"{n:,} are {words}"] if n else []
    return f" Of the responses {' and '.join(counts)}; they are read like the others." if counts else ""


def _looks_qualtrics(file: Path) -> bool:
    return header_rows(csvs.first_rows(file, 3)) > 0


@guarded
def _read_qualtrics(file: Path, _: Wanted) -> Imported:
    held = csvs.read(file)
    n_header = header_rows([held.names, *held.rows[:2]])
    if not n_header:
        raise InputError(f"{file}: no header rows of Qualtrics (names, texts, ImportId). Read it without --format")
    return _with(qualtrics(file, held.names, held.rows, n_header), held.said)


def _is_otree(file: Path) -> bool:
    names = next(iter(csvs.first_rows(file, 1)), [])
    return "participant.code" in names and any(FIELD.fullmatch(name) for name in names)


@guarded
def _read_otree(file: Path, _: Wanted) -> Imported:
    held = csvs.read(file)
    if not held.rows:
        raise InputError(f"{file}: an oTree export without a participant")
    if "participant.code" not in held.names:
        raise InputError(f"{file}: no column 'participant.code', so it is no wide export of oTree. Check --format")
    table = _table(held.names, held.rows)
    filled = [name for name in table.column_names if table[name].null_count < len(table)]
    found = called_arms(filled)
    columns = {"persona": "participant.code"} | ({"arm": found[0]} if found else {})
    questions = tuple(name for name in table.column_names if FIELD.fullmatch(name) and name not in columns.values())
    what = f"{file}: read as a wide oTree export of {len(table):,} participants"
    return Imported(table, _said(what, columns) + others(found) + held.said, columns, questions)


def _with(made: Imported, said: str) -> Imported:
    return Imported(made.table, made.said + said, made.columns, made.questions, made.labels)


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> "pa.Table":
    """Make a table of rows that may be shorter than the header; an empty text is missing."""
    return table_by_column(
        {
            name: [None if place >= len(row) or row[place] == "" else row[place] for row in rows]
            for place, name in enumerate(names)
            if name
        }
    )


def _said(what: str, columns: Mapping[str, str]) -> str:
    taken = " and ".join(f"the {column} from '{name}'" for column, name in columns.items())
    lacking = [f"--{column} COLUMN" for column in ("persona", "arm") if column not in columns]
    return f"{what}. It takes {taken or 'nothing for sure'}." + (f" Say {' '.join(lacking)}." if lacking else "")


QUALTRICS = Importer(
    "qualtrics", "Qualtrics, CSV with its three header rows", (".csv", ".tsv"), _looks_qualtrics, _read_qualtrics
)
OTREE = Importer("otree", "oTree, all apps wide", (".csv",), _is_otree, _read_otree)
