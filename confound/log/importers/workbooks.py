"""Files of statistical packages and spreadsheets, with their labels: SPSS, Stata, Excel."""

from collections.abc import Callable
from pathlib import Path

from confound.errors import InputError
from confound.log.importers.protocol import Imported, Importer, Wanted, table_of


def _begins(*marks: bytes) -> Callable[[Path], bool]:
    def recognises(file: Path) -> bool:
        try:
            with file.open("rb") as stream:
                return stream.read(11).startswith(marks)
        except OSError:
            return False

    return recognises


def _labelled(file: Path, _: Wanted) -> Imported:
    """Read SPSS or Stata; a value that has a label is the label."""
    try:
        import pyreadstat
    except ImportError:
        raise InputError(
            f"{file}: reading it takes pyreadstat. Install it with: pip install 'confound[spss]'"
        ) from None
    read = pyreadstat.read_sav if file.suffix.lower() in (".sav", ".zsav") else pyreadstat.read_dta
    try:
        frame, about = read(str(file), apply_value_formats=True, formats_as_category=False)
    except Exception as error:
        raise InputError(f"{file}: cannot be read: {error}. Save it again, or as CSV") from error
    labelled = [name for name in frame.columns if name in about.variable_value_labels]
    said = (
        f"{file}: read with the labels of {', '.join(labelled)}." if labelled else f"{file}: it holds no value labels."
    )
    return Imported(table_of([{str(k): value for k, value in row.items()} for row in frame.to_dict("records")]), said)


def _excel(file: Path, wanted: Wanted) -> Imported:
    try:
        import openpyxl
    except ImportError:
        raise InputError(f"{file}: reading it takes openpyxl. Install it with: pip install 'confound[excel]'") from None
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except Exception as error:
        raise InputError(f"{file}: cannot be read: {error}. Save it again, or as CSV") from error
    if wanted.table is not None and wanted.table not in book.sheetnames:
        raise InputError(f"--table {wanted.table}: {file} has no such sheet. It has {', '.join(book.sheetnames)}")
    sheet = book[wanted.table or book.sheetnames[0]]
    rows = [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
    if len(rows) < 2:
        raise InputError(f"{file}: sheet '{sheet.title}' holds no rows below a header")
    names = ["" if name is None else str(name).strip() for name in rows[0]]
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise InputError(f"{file}: column '{doubled[0]}' stands there twice. Rename or drop one")
    table = table_of([{n: cell for n, cell in zip(names, row, strict=False) if n} for row in rows[1:]])
    others = [name for name in book.sheetnames if name != sheet.title]
    more = f" Others are {', '.join(others)}; choose with --table." if others else ""
    return Imported(table, f"{file}: read from sheet '{sheet.title}'.{more}")


SPSS = Importer("spss", "SPSS, .sav", (".sav", ".zsav"), _begins(b"$FL2", b"$FL3"), _labelled)
STATA = Importer("stata", "Stata, .dta", (".dta",), _begins(b"<stata_dta>", b"\x71", b"\x72", b"\x73"), _labelled)
EXCEL = Importer("excel", "Excel, .xlsx", (".xlsx", ".xlsm"), _begins(b"PK\x03\x04"), _excel)
