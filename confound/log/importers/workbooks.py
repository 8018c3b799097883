"""Files of statistical packages and spreadsheets, with their labels: SPSS, Stata, Excel."""

import importlib.util
import itertools
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.faults import refuse_duplicates
from confound.log.importers import labelled, surveys
from confound.log.importers.protocol import Imported, Importer, Wanted, guarded, table_by_column, text_of
from confound.log.importers.zips import refuse_swollen

# What a cell shows whose formula failed.
ERRORS = frozenset(("#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"))
OLD_STATA = range(104, 116)  # releases of the format before it began with a text


def _start(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(11)
    except OSError:
        return b""


def _begins(*marks: bytes) -> Callable[[Path], bool]:
    def recognises(file: Path) -> bool:
        return _start(file).startswith(marks)

    return recognises


def _is_stata(file: Path) -> bool:
    start = _start(file)
    return start == b"<stata_dta>" or (
        len(start) > 3 and start[0] in OLD_STATA and start[1] in (1, 2) and start[2] == 1
    )


@guarded
def _labelled(file: Path, _: Wanted) -> Imported:
    """Read SPSS or Stata; the answers of an item whose every value has a label are the labels."""
    if importlib.util.find_spec("pyreadstat") is None:
        raise InputError(f"{file}: reading it takes pyreadstat. Install it with: pip install 'confound[spss]'")
    try:
        held, about = labelled.read(file)
    except labelled.BrokenFileError as error:
        raise InputError(f"{file}: cannot be read: {error}. Save it again, or as CSV") from error
    if not len(held):
        raise InputError(f"{file}: it holds no rows")
    names = held.column_names
    codes = {name: _in_order(pairs) for name, pairs in about["values"].items() if name in names}
    columns = {name: [text_of(value) for value in held[name].to_pylist()] for name in names}
    whole = [name for name, labels in codes.items() if _is_whole(columns[name], labels)]
    table = table_by_column(
        {n: [codes[n].get(v or "", v) for v in values] if n in whole else values for n, values in columns.items()}
    )
    texts = about["texts"]
    labels = {name: ({"": texts[name]} if name in texts else {}) | codes.get(name, {}) for name in names}
    said = _said(file, whole, [name for name in codes if name not in whole])
    labels = {name: held for name, held in labels.items() if held}
    if not surveys.is_qualtrics(names):
        return Imported(table, said, labels=labels)
    own = surveys.qualtrics(file, names, list(zip(*table.to_pydict().values(), strict=True)), 1)
    return Imported(own.table, f"{said} {own.said}", own.columns, own.questions, labels)


def _in_order(pairs: Sequence[tuple[Any, str]]) -> dict[str, str]:
    """Return the text of each code -> its label, in the order of the codes."""
    numbers = all(isinstance(code, int | float) for code, _ in pairs)
    return {text_of(code) or "": str(label) for code, label in (sorted(pairs) if numbers else pairs)}


def _is_whole(values: Sequence[str | None], labels: Mapping[str, str]) -> bool:
    """Tell whether every answer has a label, and every label is another one.

    Where only some have, as the ends of a scale, labels beside numbers would be an item that is neither.
    """
    return len(set(labels.values())) == len(labels) and all(value in labels for value in values if value is not None)


def _said(file: Path, whole: Sequence[str], partly: Sequence[str]) -> str:
    if not whole and not partly:
        return f"{file}: it holds no value labels."
    said = f"{file}: read with the labels of {', '.join(whole)}." if whole else f"{file}: read by its codes."
    return said + (
        f" Not every answer to {', '.join(partly)} has a label of its own: codes are kept." if partly else ""
    )


@guarded
def _excel(file: Path, wanted: Wanted) -> Imported:
    try:
        import openpyxl
    except ImportError:
        raise InputError(f"{file}: reading it takes openpyxl. Install it with: pip install 'confound[excel]'") from None
    try:
        with zipfile.ZipFile(file) as packed:
            refuse_swollen(file, packed)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            sheets = {sheet.title: sheet for sheet in book.worksheets}
            title, others = _sheet(file, list(sheets), wanted.table)
            sheets[title].reset_dimensions()  # some programs write wrong ones
            rows = [list(map(_cell, row)) for row in sheets[title].iter_rows(values_only=True)]
        finally:
            book.close()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{file}: cannot be read: {error}. Save it again, or as CSV") from error
    rows = [row for row in rows if any(cell is not None for cell in row)]
    if len(rows) < 2:
        raise InputError(f"{file}: sheet '{title}' holds no rows below a header")
    names = [(text_of(name) or "").strip() for name in rows[0]]
    refuse_duplicates(str(file), [name for name in names if name])
    said = f"{file}: read from sheet '{title}'.{others}"
    n_header = surveys.header_rows([[text_of(cell) or "" for cell in row] for row in rows[:3]])
    if n_header or surveys.is_qualtrics(names):
        own = surveys.qualtrics(file, names, rows[1:], n_header or 1)
        return Imported(own.table, f"{said} {own.said}", own.columns, own.questions, own.labels)
    by_place = itertools.zip_longest(*rows[1:])
    return Imported(table_by_column({n: cells for n, cells in zip(names, by_place, strict=False) if n}), said)


def _sheet(file: Path, titles: Sequence[str], wanted: str | None) -> tuple[str, str]:
    """Return the sheet that is asked for, else the first, and a word on the others."""
    if wanted is not None and wanted not in titles:
        raise InputError(f"--table {wanted}: {file} has no such sheet. It has {', '.join(titles)}")
    if not titles:
        raise InputError(f"{file}: a workbook without a sheet of cells")
    title = wanted or titles[0]
    others = [name for name in titles if name != title]
    return title, f" Others are {', '.join(others)}; choose with --table." if others else ""


def _cell(value: Any) -> Any:
    return None if isinstance(value, str) and (not value.strip() or value in ERRORS) else value


SPSS = Importer("spss", "SPSS, .sav", (".sav", ".zsav"), _begins(b"$FL2", b"$FL3"), _labelled)
STATA = Importer("stata", "Stata, .dta", (".dta",), _is_stata, _labelled)
EXCEL = Importer("excel", "Excel, .xlsx", (".xlsx", ".xlsm"), _begins(b"PK\x03\x04"), _excel)
