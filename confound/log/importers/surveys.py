"""Surveys, one row a respondent: Qualtrics with its header rows, and oTree."""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from confound.errors import InputError
from confound.log.importers.jsons import head
from confound.log.importers.protocol import Imported, Importer, Wanted, table_of
from confound.log.paths import binary

if TYPE_CHECKING:
    import pyarrow as pa

METADATA = re.compile(
    r"(start|end|recorded)date|status|ipaddress|progress|duration.*|finished|recipient\w+|externalreference|"
    r"location\w+|distributionchannel|userlanguage|responseid|q_\w+|.*_(first|last|page) (click|submit)|.*_click count|"
    r"prolific_?pid|workerid|assignmentid|session_?id|study_?id",
    re.IGNORECASE,
)
ARM = re.compile(
    r"(?!.*id_in_)(?:.*[._ ])?(condition|arm|group|treatment|cell|variant|assigned_?condition|treated)", re.IGNORECASE
)
PERSONA = ("persona", "persona_id", "twin_id", "responseid", "_recordid")


def _rows(file: Path, limit: int | None = None) -> list[list[str]]:
    with binary(file) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="") as text:
        return list(itertools.islice(csv.reader(text), limit))


def _first_rows(file: Path, n: int) -> list[list[str]]:
    try:
        return list(itertools.islice(csv.reader(io.StringIO(head(file))), n))
    except csv.Error:
        return []


def _is_qualtrics(file: Path) -> bool:
    return any('{"ImportId"' in cell for row in _first_rows(file, 3)[1:] for cell in row)


def _read_qualtrics(file: Path, _: Wanted) -> Imported:
    rows = _rows(file)
    ids = next(place for place, row in enumerate(rows[:3]) if any('{"ImportId"' in cell for cell in row))
    names, answers = rows[0], [row for row in rows[ids + 1 :] if any(row)]
    if not answers:
        raise InputError(f"{file}: a Qualtrics export without a response")
    columns = _placed(names)
    questions = _questions(names, columns.values())
    what = f"{file}: read as a Qualtrics export of {len(answers):,} responses; its {ids + 1} header rows are no answers"
    return Imported(_table(names, answers), _said(what, columns), columns, questions)


def _is_otree(file: Path) -> bool:
    names = next(iter(_first_rows(file, 1)), [])
    return "participant.code" in names and any(re.fullmatch(r".+\.\d+\.player\..+", name) for name in names)


def _read_otree(file: Path, _: Wanted) -> Imported:
    rows = _rows(file)
    names, answers = rows[0], [row for row in rows[1:] if any(row)]
    if not answers:
        raise InputError(f"{file}: an oTree export without a participant")
    arm = next((name for name in names if ARM.fullmatch(name)), None)
    columns = {"persona": "participant.code"} | ({"arm": arm} if arm else {})
    own = re.compile(r".+\.\d+\.player\.(?!id_in_group$|role$|payoff$).+")
    questions = tuple(name for name in names if own.fullmatch(name) and name != arm)
    what = f"{file}: read as a wide oTree export of {len(answers):,} participants"
    return Imported(_table(names, answers), _said(what, columns), columns, questions)


def _placed(names: Sequence[str]) -> dict[str, str]:
    by_name = {name.casefold(): name for name in reversed(names)}
    persona = next((by_name[wanted] for wanted in PERSONA if wanted in by_name), None)
    arm = next((name for name in names if ARM.fullmatch(name)), None)
    return {column: name for column, name in (("persona", persona), ("arm", arm)) if name is not None}


def _questions(names: Sequence[str], taken: Iterable[str]) -> tuple[str, ...]:
    used = set(taken)
    return tuple(name for name in names if name and name not in used and not METADATA.fullmatch(name))


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> "pa.Table":
    return table_of([{name: text or None for name, text in zip(names, row, strict=False) if name} for row in rows])


def _said(what: str, columns: dict[str, str]) -> str:
    taken = " and ".join(f"the {column} from '{name}'" for column, name in columns.items())
    lacking = [f"--{column} COLUMN" for column in ("persona", "arm") if column not in columns]
    return f"{what}. It takes {taken or 'nothing for sure'}." + (f" Say {' '.join(lacking)}." if lacking else "")


QUALTRICS = Importer(
    "qualtrics", "Qualtrics, CSV with its three header rows", (".csv", ".tsv"), _is_qualtrics, _read_qualtrics
)
OTREE = Importer("otree", "oTree, all apps wide", (".csv",), _is_otree, _read_otree)
