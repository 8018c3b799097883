"""Opening a log: any supported format -> one lazy table, in which needed columns of text formats are text.

Parquet, Arrow, data frames and Ibis tables are scanned where they are. Text formats are parsed once, strictly, into a
DuckDB table that holds the needed columns alone. Every row knows its file and its number there (`FILE`, `ROW`), so
that an error can name them; the engine never computes either unless an error asks for it.
"""

import codecs
import contextlib
import csv
import glob
import io
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from confound.errors import InputError
from confound.log import warehouses
from confound.log.faults import (
    HEAD,
    SHOWN_ROWS,
    csv_fault,
    encoding_of,
    engine_errors,
    is_windows,
    json_fault,
    nested_message,
    refuse_binary,
    refuse_duplicates,
    refuse_pointer,
    undecodable,
)
from confound.log.in_memory import to_arrow
from confound.log.layout import Layout
from confound.log.paths import FORMATS, binary, expand, named_in, named_parts, partition, suffix
from confound.log.source import FILE, ROW, LogLike, Source, _nested, literal, numbered, unnumbered

MEMORY_LIMIT = "2GB"  # DuckDB spills to disk beyond it; counting the paper's grid stays below
DELIMITERS = ",;\t|"
MOST_COMMENTS = 100  # lines before the header
SMALL, SMALL_ROWS, MOST_COLUMNS = 64 * 2**20, 300_000, 300  # of a log up to this size other columns are kept too


@contextlib.contextmanager
def opened(data: LogLike, layout: Layout) -> Iterator[list[Source]]:
    """Open a log and keep its engine and scratch folder alive for the `with` block.

    Parameters
    ----------
    data : path, sequence of paths, pandas.DataFrame, pyarrow.Table or ibis.Table
        Paths may be files, folders and globs; or one is the URL of a database or a cluster, see
        `confound.log.warehouses.opened`.
    layout : Layout
        Which columns to keep of text formats, and the table's name for a URL; a column that a log lacks is no error
        here.

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

    url = _url(data, layout.table)
    if isinstance(data, ibis.Table):
        yield [unnumbered("the table", data)]
        return
    with tempfile.TemporaryDirectory(prefix="confound-", ignore_cleanup_errors=True) as scratch:
        limits = {"memory_limit": MEMORY_LIMIT, "temp_directory": f"{scratch}/spill"}
        if url is not None:
            with warehouses.opened(url, layout.table, limits) as (name, held):
                yield [unnumbered(name, held)]
            return
        connection = ibis.duckdb.connect(**limits)
        try:
            yield _Opener(connection, Path(scratch), layout).sources(data)
        finally:
            connection.disconnect()


def _url(data: LogLike, table: str | None) -> str | None:
    """Return the URL that a log is, or None."""
    given = list(data) if isinstance(data, list | tuple) else [data]
    urls = [path for path in given if warehouses.is_url(path)]
    if len(urls) > 1 or (urls and len(given) > 1):
        raise InputError(f"{warehouses.masked(str(urls[0]))}: a URL stands alone; pass one log")
    if table is not None and not urls:
        raise InputError(f"--table {table}: a table goes with the URL of a database, such as duckdb://file.db")
    return str(urls[0]) if urls else None


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens each kind of data on one DuckDB connection."""

    connection: Any
    scratch: Path
    layout: Layout
    named: dict[Path, dict[str, str]] = field(default_factory=dict)  # file -> the columns that its path's pattern names
    windows: set[Path] = field(default_factory=set)  # files in Windows' western code page

    def _given(self, file: Path) -> dict[str, str | None]:
        """Return the columns that stand in a file's path."""
        return {**partition(file), **self.named.get(file, {})}

    def _kept(self, columns: Sequence[str], *, small: bool) -> list[str]:
        """Return the columns to keep: those needed; of a small log the others too, which may say why rows repeat."""
        needed = self.layout.placed(columns).needed
        needed = [name for name in dict.fromkeys([*needed, *self.layout.names]) if name in columns]
        if not small:
            return needed
        taken = {name.casefold() for name in needed}  # the engine does not tell names apart by case
        others = [name for name in columns[:MOST_COLUMNS] if name and name.casefold() not in taken]
        return [*needed, *{name.casefold(): name for name in others}.values()]

    def sources(self, data: LogLike) -> list[Source]:
        """Dispatch on what `data` is."""
        import pandas as pd
        import pyarrow as pa

        if isinstance(data, pd.DataFrame):
            names = tuple(map(str, data.columns))
            refuse_duplicates("the data frame", names)
            with engine_errors("the data frame"):
                kept = self._kept(names, small=len(data) <= SMALL_ROWS)
                table = to_arrow(data, self.layout.placed(names).needed, kept)
            return [self._registered("the data frame", table, names)]
        if isinstance(data, pa.Table):
            return [self._registered("the table", data, tuple(data.column_names))]
        if isinstance(data, str | PathLike):
            data = [data]
        if not isinstance(data, Sequence) or not all(isinstance(path, str | PathLike) for path in data):
            raise InputError(
                f"a log is a path, a list of paths, a pandas DataFrame, a pyarrow Table or an Ibis table; "
                f"got {type(data).__name__}"
            )
        listed = []
        for path in cast("Sequence[str | PathLike[str]]", data):
            found_here = expand(path)
            if named_parts(path):
                self.named.update((file, named_in(path, file)) for file in found_here)
            listed += found_here
        files = list({file.resolve(): file for file in listed}.values())  # a file named twice is read once
        if not files:
            raise InputError("no log was given. Name a file, a folder or a glob")
        for file in files:
            with engine_errors(str(file)):
                refuse_pointer(file)
        kinds = {kind: [f for f in files if FORMATS[suffix(f)] == kind] for kind in ("parquet", "arrow", "csv", "json")}
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
        refuse_duplicates(name, columns)
        view = f"arrow_{uuid4().hex}"
        with engine_errors(name):
            self.connection.con.register(view, self._needed(data))
            source = numbered(name, self.connection.table(view))
        return Source(name, source.table, columns, source.nested)

    def _needed(self, data: Any) -> Any:
        """Leave out the columns that are not wanted, whose types the engine may not know."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        wanted = self._kept(data.schema.names, small=False)
        plain = [field.name for field in data.schema if field.name not in wanted and _is_plain(field.type)]
        wanted = [*wanted, *(name for name in self._kept(data.schema.names, small=True) if name in plain)]
        fields = [field for field in data.schema if field.name in wanted] or [pa.field("_nothing", pa.null())]
        if isinstance(data, ds.Dataset):
            return data.replace_schema(pa.schema(fields))
        kept = [field.name for field in fields if field.name in data.column_names]
        return data.select(kept) if kept else pa.table({"_nothing": pa.nulls(data.num_rows)})

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
        """Scan parquet files together where the wanted columns have the same types.

        Where they differ, one type for all would not do: as a float, a long whole number loses its last digits.
        """
        import pyarrow.parquet as pq

        alike: dict[tuple[str, ...], list[Path]] = {}
        for file in files:
            with engine_errors(str(file)):
                schema = pq.read_schema(file)
            refuse_duplicates(str(file), schema.names)
            needed = self._kept(schema.names, small=False)
            types = [f"{field.name}: {field.type}" for field in schema if field.name in needed]
            if schema.names:  # without columns it is an empty partition
                alike.setdefault(
                    (*sorted(types), "", *partition(file), "", *self.named.get(file, {}).values()), []
                ).append(file)
        return [self._alike_parquet(members) for members in alike.values()]

    def _alike_parquet(self, files: list[Path]) -> Source:
        name = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
        paths = {self._no_glob(file): str(file) for file in files}
        with engine_errors(name):
            table = self.connection.read_parquet(
                list(paths),
                union_by_name=True,
                hive_partitioning=bool(partition(files[0])),
                hive_types_autocast=False,
                filename=FILE,
                file_row_number=True,
                binary_as_string=True,
            )
            table = table.rename({ROW: "file_row_number"}).mutate(**{ROW: lambda t: t[ROW] + 1})
        linked = {path: file for path, file in paths.items() if path != file}
        if len(files) == 1:
            table = table.mutate(**{FILE: literal(name)})
        elif linked:
            table = table.mutate(**{FILE: table[FILE].substitute(linked)})
        given = {key: text for key, text in self.named.get(files[0], {}).items() if key not in table.columns}
        table = table.mutate(**{key: literal(text) for key, text in given.items()})
        return Source(name, table, tuple(c for c in table.columns if c not in (FILE, ROW)), _nested(table))

    def _text(self, files: list[Path], load: Callable[[Path, str], Sequence[str]]) -> list[Source]:
        """Parse text files into DuckDB tables of the wanted columns, one table a file."""
        sources = []
        for number, file in enumerate(files):
            if file.stat().st_size == 0:  # an empty partition; a log of nothing else is refused by the caller
                continue
            view = f"text_{number}_{suffix(file)[1:]}"
            with engine_errors(str(file)):
                columns = self._loaded(file, view, load)
                if not columns:
                    continue
                table = self.connection.table(view)
            held = table.select(*(c for c in table.columns if c in columns), ROW, **{FILE: literal(str(file))})
            given = {key: text for key, text in self._given(file).items() if key not in columns}
            located = held.mutate(**{key: literal(text) for key, text in given.items()})
            sources.append(Source(str(file), located, (*columns, *given), said=self._said(file)))
        return sources

    def _said(self, file: Path) -> tuple[str, ...]:
        if file not in self.windows:
            return ()
        return (f"{file} is no UTF-8 and was read as Windows-1252. Save it as UTF-8 if letters look wrong.",)

    def _loaded(self, file: Path, view: str, load: Callable[[Path, str], Sequence[str]]) -> Sequence[str]:
        """Parse one file and return its columns, none if it holds nothing; say where it is no text."""
        import duckdb

        try:
            return load(file, view)
        except (duckdb.Error, UnicodeError) as error:
            fault = undecodable(file)
            if fault and file not in self.windows and is_windows(file):
                self.windows.add(file)
                return self._loaded(file, view, load)
            if fault:
                raise InputError(fault) from error
            raise

    def _csv(self, file: Path, view: str) -> Sequence[str]:
        """Parse one CSV or TSV file strictly; every row must have the header's fields."""
        import duckdb

        path = self._utf8(file)
        header, delimiter, blank = _header(Path(path), tabs=suffix(file) == ".tsv")
        if not header:
            return header
        if any("\ufffd" in name for name in header):
            raise UnicodeError("the header holds bytes that are no UTF-8")
        refuse_duplicates(str(file), [name for name in header if name])
        # Columns go by their place: names may be empty (the index that pandas writes), or differ in case alone.
        types = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(header)))
        scan = (
            f"{_quoted(path)}, columns={{{types}}}, auto_detect=false, header=true, skip={blank}, "
            f"delim={_quoted(delimiter)}, nullstr='', strict_mode=true, hive_partitioning=false, "
            """quote='"', escape='"'"""
        )
        wanted = self._kept(header, small=file.stat().st_size <= SMALL)
        kept = [f"c{header.index(c)} AS {_identifier(c)}" for c in wanted]
        try:
            self._create(view, [*kept, f"row_number() OVER () AS {ROW}"], f"read_csv({scan})")
        except duckdb.InvalidInputException as error:
            if "Expected Number of Columns" in str(error):
                raise InputError(self._ragged(file, scan, len(header))) from error
            if "unicode" in str(error).lower():
                raise
            raise InputError(csv_fault(file, str(error))) from error
        return header

    def _create(self, view: str, columns: Sequence[str], scan: str) -> None:
        self.connection.raw_sql(f"CREATE TEMP TABLE {view} AS SELECT {', '.join(columns)} FROM {scan}")

    def _ragged(self, file: Path, scan: str, expected: int) -> str:
        """Name the first rows whose number of fields is not the header's."""
        self.connection.raw_sql(f"SELECT count(*) FROM read_csv({scan}, store_rejects=true)").fetchall()
        # A row is rejected once for each field that it lacks or has too many; the last count is the whole row's.
        rows = self.connection.raw_sql(
            "SELECT line, list(regexp_extract(error_message, '[0-9]+$')::INT) AS fields FROM reject_errors "
            f"WHERE error_message LIKE 'Expected Number of Columns%' GROUP BY line ORDER BY line LIMIT {SHOWN_ROWS}"
        ).fetchall()
        counts = [(line, min(fields) if min(fields) < expected else max(fields)) for line, fields in rows]
        lines = "; ".join(f"line {line} has {count}" for line, count in counts)
        return (
            f"{file}: some rows do not have the header's {expected} fields: {lines}. "
            "Quote fields that hold the delimiter, or write the log as parquet"
        )

    def _json(self, file: Path, view: str) -> Sequence[str]:
        """Read the wanted keys as JSON, so that plain values and nested objects can be told apart."""
        import duckdb

        path = self._utf8(file, strip_mark=True)
        shape = "auto" if suffix(file) == ".json" else "newline_delimited"
        try:
            keys = self._keys(path, shape)
        except duckdb.InvalidInputException as error:
            fault = undecodable(file) or (json_fault(file) if shape == "newline_delimited" else "")
            if fault and (file in self.windows or not is_windows(file)):
                raise InputError(fault) from error
            raise
        needed = self.layout.placed([*keys, *self.layout.names]).needed
        needed = list(dict.fromkeys([*needed, *self._kept(keys, small=False), *self.layout.names]))
        taken = {name.casefold() for name in needed}
        small = self._kept(keys, small=file.stat().st_size <= SMALL)
        wanted = [*needed, *(name for name in small if name.casefold() not in taken)]
        types = ", ".join(f"{_quoted(name)}: 'JSON'" for name in wanted)
        nested = " ".join(f"WHEN json_type({_identifier(c)}) IN ('OBJECT', 'ARRAY') THEN {_quoted(c)}" for c in needed)
        kept = [f"{_identifier(c)} ->> '$' AS {_identifier(c)}" for c in wanted]
        extra = [f"CASE {nested} END AS _confound_nested", f"row_number() OVER () AS {ROW}"]
        scan = f"{_quoted(path)}, columns={{{types}}}, format='{shape}', hive_partitioning=false"
        try:
            self._create(view, [*kept, *extra], f"read_json({scan})")
        except duckdb.InvalidInputException as error:
            fault = undecodable(file) or (json_fault(file) if shape == "newline_delimited" else "")
            if fault:
                raise InputError(fault) from error
            raise
        bad = self.connection.raw_sql(
            f"SELECT _confound_nested, {ROW} FROM {view} WHERE _confound_nested IS NOT NULL "
            f"ORDER BY {ROW} LIMIT {SHOWN_ROWS}"
        ).fetchall()
        if bad:
            raise InputError(nested_message(str(file), bad[0][0], [row for _, row in bad]))
        counts = ", ".join(f"count({_identifier(c)})" for c in wanted)
        [(n, *filled)] = self.connection.raw_sql(f"SELECT count(*), {counts} FROM {view}").fetchall()
        later = [c for c, count in zip(wanted, filled, strict=True) if count]
        return [*keys, *(c for c in later if c not in keys)] or ["{}"] * bool(n)

    def _keys(self, path: str, shape: str) -> list[str]:
        """List the keys of the first objects, in the order in which they come."""
        reader = "read_json_objects_auto" if shape == "auto" else "read_ndjson_objects"
        rows = self.connection.raw_sql(
            "SELECT DISTINCT unnest(json_keys(json)) "
            f"FROM (FROM {reader}({_quoted(path)}, hive_partitioning=false) LIMIT 10000)"
        ).fetchall()
        return sorted(key for (key,) in rows)

    def _utf8(self, file: Path, *, strip_mark: bool = False) -> str:
        """Return a path to the file as UTF-8; UTF-16 and UTF-32 are known by their byte-order mark."""
        with binary(file) as stream:
            start = stream.read(HEAD)
        encoding = "cp1252" if file in self.windows else encoding_of(start)
        if encoding.startswith("utf-8"):
            refuse_binary(file, start)
        if encoding == "utf-8" or (encoding == "utf-8-sig" and not strip_mark):
            return self._no_glob(file)
        copy = self.scratch / f"utf8_{uuid4().hex}{suffix(file)}"
        with (
            binary(file) as raw,
            codecs.getreader(encoding)(raw) as source,
            copy.open("w", encoding="utf-8", newline="") as target,
        ):
            shutil.copyfileobj(source, target)
        return str(copy)

    def _no_glob(self, file: Path) -> str:
        """Return a path in which the engine sees neither a glob nor a home folder."""
        if not glob.has_magic(str(file)):
            return str(file.absolute()) if str(file).startswith("~") else str(file)
        link = self.scratch / f"link_{uuid4().hex}{''.join(file.suffixes[-2:])}"
        link.symlink_to(file.resolve())
        return str(link)


def _header(path: Path, *, tabs: bool) -> tuple[list[str], str, int]:
    """Read the header of a CSV file, the delimiter that splits it best, and how many blank lines stand before it."""
    # Bytes that are no text are for the parser to find, which knows their line.
    with binary(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="") as text:
        head = list(itertools.islice(text, MOST_COMMENTS))
        blank, line = next(((n, line) for n, line in enumerate(head) if line.strip()), (0, ""))
        while line.startswith("#") and _is_comment(line, head[blank + 1 :], tabs=tabs):
            blank, line = next(((n, each) for n, each in enumerate(head) if n > blank and each.strip()), (blank, ""))
        delimiter = "\t" if tabs else max(DELIMITERS, key=line.count)
        lines = itertools.chain([line], head[blank + 1 :], text)
        names = next(csv.reader(lines, delimiter=delimiter), [])
    return [name.strip() for name in names], delimiter, blank


def _is_comment(line: str, later: Sequence[str], *, tabs: bool) -> bool:
    """Tell whether a line that begins with # is a comment: the first later line that does not has other fields."""
    header = next((each for each in later if each.strip() and not each.startswith("#")), "")
    delimiter = "\t" if tabs else max(DELIMITERS, key=header.count)
    return line.count(delimiter) != header.count(delimiter)


def _is_plain(kind: Any) -> bool:
    """Tell whether an Arrow type holds texts, numbers or truth values, which every engine knows."""
    import pyarrow as pa

    types = pa.types
    held = kind.value_type if types.is_dictionary(kind) else kind
    plain = (
        types.is_string,
        types.is_large_string,
        types.is_float32,
        types.is_float64,
        types.is_integer,
        types.is_boolean,
    )
    return any(is_kind(held) for is_kind in plain)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
