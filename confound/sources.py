"""Opening a log: any supported format -> one lazy table, in which needed columns of text formats are text.

Parquet, Arrow, data frames and Ibis tables are scanned where they are. Text formats are parsed once, strictly, into a
DuckDB table that holds the needed columns alone. Every row knows its file and its number there (`FILE`, `ROW`), so
that an error can name them; the engine never computes either unless an error asks for it.
"""

import codecs
import contextlib
import csv
import glob
import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, cast
from uuid import uuid4

from confound.errors import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

LogLike: TypeAlias = "str | PathLike[str] | Sequence[str | PathLike[str]] | pd.DataFrame | pa.Table | ir.Table"

FILE, ROW = "_file", "_row"
FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
MEMORY_LIMIT = "1GB"  # DuckDB spills to disk beyond it; counting 20 million answers stays below
DELIMITERS = ",;\t|"
SHOWN_ROWS = 3


@dataclass(frozen=True, slots=True)
class Source:
    """One scan: a table whose columns still have the names that the log gave them.

    Attributes
    ----------
    name : str
        What messages call it.
    table : ibis.Table
        The rows, lazily, with the columns `FILE` and `ROW` (1-based) added.
    columns : tuple of str
        The log's own column names.
    nested : tuple of str
        The columns that hold lists or objects.
    """

    name: str
    table: "ir.Table"
    columns: tuple[str, ...]
    nested: tuple[str, ...] = ()


@contextlib.contextmanager
def opened(data: LogLike, wanted: Sequence[str]) -> Iterator[list[Source]]:
    """Open a log and keep its engine and scratch folder alive for the `with` block.

    Parameters
    ----------
    data : path, sequence of paths, pandas.DataFrame, pyarrow.Table or ibis.Table
        Paths may be files, folders and globs.
    wanted : sequence of str
        The columns, by the log's own names, to keep of text formats; one that a log lacks is no error here.

    Yields
    ------
    list of Source
        At least one, in a fixed order.

    Raises
    ------
    InputError
        Where a path does not exist, a format is unknown, or a file is broken.
    """
    import ibis

    if isinstance(data, ibis.Table):
        yield [_numbered("the table", data)]
        return
    with tempfile.TemporaryDirectory(prefix="confound-", ignore_cleanup_errors=True) as scratch:
        connection = ibis.duckdb.connect(memory_limit=MEMORY_LIMIT, temp_directory=f"{scratch}/spill")
        try:
            yield _Opener(connection, Path(scratch), tuple(wanted)).sources(data)
        finally:
            connection.disconnect()


@contextlib.contextmanager
def engine_errors(name: str) -> Iterator[None]:
    """Turn what the engine raises into an `InputError` about `name`, in one sentence."""
    import duckdb
    import pyarrow as pa

    try:
        yield
    except (duckdb.Error, pa.ArrowException, UnicodeError, EOFError, gzip.BadGzipFile, OSError) as error:
        raise InputError(f"{name}: cannot be read: {_plain(error)}") from error


def _plain(error: Exception) -> str:
    """Say in words what an engine's message says about the data, leaving out its advice on its own options."""
    text = " ".join(str(error).split())
    for mark in (" Possible fixes:", " Possible Solution:", " Try setting", " LINE 1:", " Candidate "):
        text = text.split(mark)[0]
    lower = text.lower()
    if "unicode" in lower or "utf-8" in lower or "utf8" in lower or isinstance(error, UnicodeError):
        return f"it holds bytes that are no UTF-8 text. Save it as UTF-8 (iconv -f LATIN1 -t UTF-8). [{text}]"
    if "no space left" in lower or "out of memory" in lower:
        return f"the machine ran out of room. Free some, or pass fewer files at once. [{text}]"
    return text


def _numbered(name: str, table: "ir.Table") -> Source:
    """Wrap a table that does not know its rows' numbers."""
    import ibis

    columns = tuple(table.columns)
    numbered = table.mutate(**{FILE: ibis.literal(name), ROW: ibis.row_number() + 1})
    return Source(name, numbered, columns, _nested(table))


def _nested(table: "ir.Table") -> tuple[str, ...]:
    """Name the columns of lists, structs and maps."""
    return tuple(name for name, dtype in table.schema().items() if dtype.is_nested())


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens each kind of data on one DuckDB connection."""

    connection: Any
    scratch: Path
    wanted: tuple[str, ...]

    def sources(self, data: LogLike) -> list[Source]:
        """Dispatch on what `data` is."""
        import pandas as pd
        import pyarrow as pa

        if isinstance(data, pd.DataFrame):
            names = tuple(map(str, data.columns))
            _refuse_duplicates("the data frame", names)
            return [self._registered("the data frame", _arrow(data, self.wanted), names)]
        if isinstance(data, pa.Table):
            return [self._registered("the table", data, tuple(data.column_names))]
        if isinstance(data, str | PathLike):
            data = [data]
        if not isinstance(data, Sequence) or not all(isinstance(path, str | PathLike) for path in data):
            raise InputError(
                f"a log is a path, a list of paths, a pandas DataFrame, a pyarrow Table or an Ibis table; "
                f"got {type(data).__name__}"
            )
        files = [file for path in cast("Sequence[str | PathLike[str]]", data) for file in expand(path)]
        if not files:
            raise InputError("no log was given. Name a file, a folder or a glob")
        kinds = {
            kind: [f for f in files if FORMATS[_suffix(f)] == kind] for kind in ("parquet", "arrow", "csv", "json")
        }
        readers: dict[str, Callable[[list[Path]], list[Source]]] = {
            "parquet": self._parquet,
            "arrow": self._arrow_files,
            "csv": lambda files: self._text(files, self._csv),
            "json": lambda files: self._text(files, self._json),
        }
        found = [source for kind, members in kinds.items() if members for source in readers[kind](members)]
        if not found:
            raise InputError(f"{files[0]}: the file is empty")
        return found

    def _registered(self, name: str, data: Any, columns: tuple[str, ...]) -> Source:
        """Scan an Arrow table or data set in place."""
        _refuse_duplicates(name, columns)
        view = f"arrow_{uuid4().hex}"
        with engine_errors(name):
            self.connection.con.register(view, data)
            source = _numbered(name, self.connection.table(view))
        return Source(name, source.table, columns, source.nested)

    def _arrow_files(self, files: list[Path]) -> list[Source]:
        """Scan Arrow files, memory-mapped; a stream is read whole."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        sources = []
        for file in files:
            with engine_errors(str(file)):
                try:
                    data: Any = ds.dataset(file, format="ipc")
                    names = data.schema.names
                except pa.ArrowInvalid:
                    with pa.OSFile(str(file)) as stream:
                        data = pa.ipc.open_stream(stream).read_all()
                    names = data.column_names
                sources.append(self._registered(str(file), data, tuple(names)))
        return sources

    def _parquet(self, files: list[Path]) -> list[Source]:
        """Scan all parquet files at once, matching columns by name."""
        import pyarrow.parquet as pq

        for file in files:
            with engine_errors(str(file)):
                _refuse_duplicates(str(file), pq.read_schema(file).names)
        name = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
        with engine_errors(name):
            table = self.connection.read_parquet(
                [str(self._no_glob(file)) for file in files],
                union_by_name=True,
                hive_partitioning=any("=" in part for file in files for part in file.parent.parts),
                filename=FILE,
                file_row_number=True,
                binary_as_string=True,
            )
            table = table.rename({ROW: "file_row_number"}).mutate(**{ROW: lambda t: t[ROW] + 1})
        columns = tuple(c for c in table.columns if c not in (FILE, ROW))
        return [Source(name, table, columns, _nested(table))]

    def _text(self, files: list[Path], load: Callable[[Path, str], Sequence[str]]) -> list[Source]:
        """Parse text files into DuckDB tables of the wanted columns, one table a file."""
        sources = []
        for number, file in enumerate(files):
            if file.stat().st_size == 0:  # an empty partition; a log of nothing else is refused by the caller
                continue
            view = f"text_{number}_{_suffix(file)[1:]}"
            with engine_errors(str(file)):
                columns = load(file, view)
                table = self.connection.table(view)
            located = table.select(*(c for c in table.columns if c in self.wanted), ROW, **{FILE: _literal(str(file))})
            sources.append(Source(str(file), located, tuple(columns)))
        return sources

    def _csv(self, file: Path, view: str) -> Sequence[str]:
        """Parse one CSV or TSV file strictly; every row must have the header's fields."""
        import duckdb

        path = self._utf8(file)
        header, delimiter = _header(path, tabs=_suffix(file) == ".tsv")
        _refuse_duplicates(str(file), header)
        types = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in header)
        scan = (
            f"{_quoted(str(path))}, columns={{{types}}}, auto_detect=false, header=true, delim={_quoted(delimiter)}, "
            """quote='"', escape='"', nullstr='', strict_mode=true"""
        )
        kept = [_identifier(c) for c in self.wanted if c in header]
        try:
            self._create(view, [*kept, f"row_number() OVER () AS {ROW}"], f"read_csv({scan})")
        except duckdb.InvalidInputException as error:
            if "Expected Number of Columns" in str(error):
                raise InputError(self._ragged(file, scan, len(header))) from error
            raise
        return header

    def _create(self, view: str, columns: Sequence[str], scan: str) -> None:
        self.connection.raw_sql(f"CREATE TEMP TABLE {view} AS SELECT {', '.join(columns)} FROM {scan}")

    def _ragged(self, file: Path, scan: str, expected: int) -> str:
        """Name the first rows whose number of fields is not the header's."""
        self.connection.raw_sql(f"SELECT count(*) FROM read_csv({scan}, store_rejects=true)").fetchall()
        rows = self.connection.raw_sql(
            "SELECT DISTINCT line, error_message FROM reject_errors "
            f"WHERE error_message LIKE 'Expected Number of Columns%' ORDER BY line LIMIT {SHOWN_ROWS}"
        ).fetchall()
        lines = "; ".join(f"line {line} has {message.rsplit(' ', 1)[-1]}" for line, message in rows)
        return (
            f"{file}: some rows do not have the header's {expected} fields: {lines}. "
            "Quote fields that hold the delimiter, or write the log as parquet"
        )

    def _json(self, file: Path, view: str) -> Sequence[str]:
        """Read the wanted keys as JSON, so that plain values and nested objects can be told apart."""
        path = self._utf8(file, strip_mark=True)
        shape = "auto" if _suffix(file) == ".json" else "newline_delimited"
        types = ", ".join(f"{_quoted(name)}: 'JSON'" for name in self.wanted)
        names = [_identifier(c) for c in self.wanted]
        nested = " ".join(
            f"WHEN json_type({name}) IN ('OBJECT', 'ARRAY') THEN {_quoted(c)}"
            for name, c in zip(names, self.wanted, strict=True)
        )
        kept = [f"{name} ->> '$' AS {name}" for name in names]
        extra = [f"CASE {nested} END AS _nested", f"row_number() OVER () AS {ROW}"]
        self._create(view, [*kept, *extra], f"read_json({_quoted(str(path))}, columns={{{types}}}, format='{shape}')")
        bad = self.connection.raw_sql(
            f"SELECT _nested, {ROW} FROM {view} WHERE _nested IS NOT NULL ORDER BY {ROW} LIMIT {SHOWN_ROWS}"
        ).fetchall()
        if bad:
            raise InputError(nested_message(str(file), bad[0][0], [row for _, row in bad]))
        return self._keys(path, shape)

    def _keys(self, path: Path, shape: str) -> list[str]:
        """List the keys of the first objects, in the order in which they come."""
        reader = "read_json_objects_auto" if shape == "auto" else "read_ndjson_objects"
        rows = self.connection.raw_sql(
            f"SELECT DISTINCT unnest(json_keys(json)) FROM (FROM {reader}({_quoted(str(path))}) LIMIT 10000)"
        ).fetchall()
        return sorted(key for (key,) in rows)

    def _utf8(self, file: Path, *, strip_mark: bool = False) -> Path:
        """Return a path to the file as UTF-8; UTF-16 and UTF-32 are known by their byte-order mark."""
        with _binary(file) as stream:
            start = stream.read(4)
        encoding = _encoding(start)
        if encoding == "utf-8" or (encoding == "utf-8-sig" and not strip_mark):
            return self._no_glob(file)
        copy = self.scratch / f"utf8_{len(list(self.scratch.iterdir()))}{_suffix(file)}"
        with (
            _binary(file) as raw,
            codecs.getreader(encoding)(raw) as source,
            copy.open("w", encoding="utf-8", newline="") as target,
        ):
            shutil.copyfileobj(source, target)
        return copy

    def _no_glob(self, file: Path) -> Path:
        """Return a path that the engine does not take for a glob."""
        if not glob.has_magic(str(file)):
            return file
        link = self.scratch / f"link_{len(list(self.scratch.iterdir()))}{''.join(file.suffixes[-2:])}"
        link.symlink_to(file.resolve())
        return link


def nested_message(name: str, column: str, rows: Sequence[int]) -> str:
    """Word the refusal of a column that holds objects or lists."""
    where = ", ".join(map(str, rows))
    return (
        f"{name}: column '{column}' holds nested objects or lists (first in row {where}); it must hold plain values. "
        "Flatten it before writing the log"
    )


def expand(path: str | PathLike[str]) -> list[Path]:
    """List the files that a path, a folder or a glob stands for, sorted.

    A folder that holds `responses.*` stands for that file; another stands for every log file below it.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    if path.exists():
        if _suffix(path) not in FORMATS:
            raise InputError(f"{path}: unknown format. Known are {', '.join(FORMATS)}, each also with .gz for text")
        return [path]
    if glob.has_magic(str(path)):
        files = [Path(p) for p in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 -- absolute patterns
        files = [file for file in files if _is_log(file)]
        if not files:
            raise InputError(f"{path}: no file of a known format matches ({', '.join(FORMATS)})")
        return files
    raise InputError(f"{path}: no such file or folder")


def _folder(folder: Path) -> list[Path]:
    whole = [file for file in sorted(folder.glob("responses.*")) if _is_log(file)]
    if whole:
        return whole[:1]
    files = [file for file in sorted(folder.rglob("*")) if _is_log(file)]
    kinds = sorted({FORMATS[_suffix(file)] for file in files})
    if not files:
        raise InputError(f"{folder}: the folder holds no log ({', '.join(FORMATS)})")
    if len(kinds) > 1:
        raise InputError(f"{folder}: the folder mixes {' and '.join(kinds)} files. Name the files, or use a glob")
    return files


def _is_log(file: Path) -> bool:
    return file.is_file() and _suffix(file) in FORMATS and not file.name.startswith((".", "_"))


def _suffix(file: Path) -> str:
    suffixes = [s.lower() for s in file.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]


def _binary(file: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(file)) if file.suffix.lower() == ".gz" else file.open("rb")


def _encoding(start: bytes) -> str:
    marks = {
        codecs.BOM_UTF32_LE: "utf-32",
        codecs.BOM_UTF32_BE: "utf-32",
        codecs.BOM_UTF16_LE: "utf-16",
        codecs.BOM_UTF16_BE: "utf-16",
        codecs.BOM_UTF8: "utf-8-sig",
    }  # UTF-32 first: its little-endian mark begins with UTF-16's
    return next((name for mark, name in marks.items() if start.startswith(mark)), "utf-8")


def _header(path: Path, *, tabs: bool) -> tuple[list[str], str]:
    """Read the first record of a CSV file, and the delimiter that splits it best."""
    with _binary(path) as raw, codecs.getreader("utf-8-sig")(raw) as text:
        line = text.readline()
    delimiter = "\t" if tabs else max(DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    return [name.strip() for name in names], delimiter


def _refuse_duplicates(name: str, columns: Sequence[str]) -> None:
    doubled = sorted({column for column in columns if list(columns).count(column) > 1})
    if doubled:
        raise InputError(f"{name}: column '{doubled[0]}' stands there twice. Rename or drop one")


def _arrow(frame: "pd.DataFrame", wanted: Sequence[str]) -> "pa.Table":
    """Hand the needed columns of a data frame to Arrow; a column of mixed Python objects becomes text."""
    import pyarrow as pa

    columns: Mapping[str, pd.Series[Any]] = {str(name): frame[name] for name in frame.columns if name in wanted}
    arrays = {
        name: pa.array(_text_objects(name, column) if column.dtype == object else column, from_pandas=True)
        for name, column in columns.items()
    }
    return pa.table(arrays or {"_nothing": pa.nulls(len(frame))})  # the caller says which columns are missing


def _text_objects(name: str, column: "pd.Series[Any]") -> list[str | None]:
    nested = [i + 1 for i, value in enumerate(column) if isinstance(value, dict | list | tuple | set)]
    if nested:
        raise InputError(nested_message("the data frame", name, nested[:SHOWN_ROWS]))
    return [None if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _literal(text: str) -> Any:
    import ibis

    return ibis.literal(text)
