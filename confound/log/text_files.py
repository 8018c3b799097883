"""Text formats: CSV, TSV and JSON, parsed once, strictly, into a DuckDB table of the columns to keep."""

import codecs
import csv
import io
import itertools
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from confound.errors import InputError
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
    undecodable,
)
from confound.log.opening import SMALL, Opening
from confound.log.paths import FORMATS, binary, suffix
from confound.log.source import FILE, ROW, Source, literal

DELIMITERS = ",;\t|"
LONGEST_ROW = 2_000_000  # bytes
MOST_SWOLLEN = 1_100  # bytes that gzip can make of one
MOST_COMMENTS = 100  # lines before the header


@dataclass(frozen=True, slots=True)
class TextFiles:
    """Reads text files.

    Attributes
    ----------
    opening : Opening
    """

    opening: Opening

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Parse files of one format, each into a table of its own."""
        load = self._csv if FORMATS[suffix(files[0])] == "csv" else self._json
        return self._text(files, load)

    def _text(self, files: Sequence[Path], load: Callable[[Path, str], Sequence[str]]) -> list[Source]:
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
                table = self.opening.connection.table(view)
            held = table.select(*(c for c in table.columns if c in columns), ROW, **{FILE: literal(str(file))})
            given = {key: text for key, text in self.opening.given(file).items() if key not in columns}
            located = held.mutate(**{key: literal(text) for key, text in given.items()})
            sources.append(Source(str(file), located, (*columns, *given), said=self._said(file)))
        return sources

    def _said(self, file: Path) -> tuple[str, ...]:
        if file not in self.opening.windows:
            return ()
        return (f"{file} is no UTF-8 and was read as Windows-1252. Save it as UTF-8 if letters look wrong.",)

    def _loaded(self, file: Path, view: str, load: Callable[[Path, str], Sequence[str]]) -> Sequence[str]:
        """Parse one file and return its columns, none if it holds nothing; say where it is no text."""
        import duckdb

        try:
            return load(file, view)
        except (duckdb.Error, UnicodeError) as error:
            fault = undecodable(file)
            if fault and file not in self.opening.windows and is_windows(file):
                self.opening.windows.add(file)
                return self._loaded(file, view, load)
            if fault:
                raise InputError(fault) from error
            raise

    def _csv(self, file: Path, view: str) -> Sequence[str]:
        """Parse one CSV or TSV file strictly; every row must have the header's fields."""
        import duckdb

        path = self._utf8(file)
        _check_end(file, Path(path))
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
        wanted = self.opening.kept(header, small=file.stat().st_size <= SMALL)
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
        self.opening.connection.raw_sql(f"CREATE TEMP TABLE {view} AS SELECT {', '.join(columns)} FROM {scan}")

    def _ragged(self, file: Path, scan: str, expected: int) -> str:
        """Name the first rows whose number of fields is not the header's."""
        self.opening.connection.raw_sql(f"SELECT count(*) FROM read_csv({scan}, store_rejects=true)").fetchall()
        # A row is rejected once for each field that it lacks or has too many; the last count is the whole row's.
        rows = self.opening.connection.raw_sql(
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
            if fault and (file in self.opening.windows or not is_windows(file)):
                raise InputError(fault) from error
            raise
        refuse_duplicates(str(file), keys)
        needed = self.opening.layout.placed([*keys, *self.opening.layout.names]).needed
        needed = list(dict.fromkeys([*needed, *self.opening.kept(keys, small=False), *self.opening.layout.names]))
        taken = {name.casefold() for name in needed}
        small = self.opening.kept(keys, small=file.stat().st_size <= SMALL)
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
        bad = self.opening.connection.raw_sql(
            f"SELECT _confound_nested, {ROW} FROM {view} WHERE _confound_nested IS NOT NULL "
            f"ORDER BY {ROW} LIMIT {SHOWN_ROWS}"
        ).fetchall()
        if bad:
            raise InputError(nested_message(str(file), bad[0][0], [row for _, row in bad]))
        counts = ", ".join(f"count({_identifier(c)})" for c in wanted)
        [(n, *filled)] = self.opening.connection.raw_sql(f"SELECT count(*), {counts} FROM {view}").fetchall()
        later = [c for c, count in zip(wanted, filled, strict=True) if count]
        return [*keys, *(c for c in later if c not in keys)] or ["{}"] * bool(n)

    def _keys(self, path: str, shape: str) -> list[str]:
        """List the keys of the first objects, in the order in which they come."""
        reader = "read_json_objects_auto" if shape == "auto" else "read_ndjson_objects"
        rows = self.opening.connection.raw_sql(
            "SELECT DISTINCT unnest(json_keys(json)) "
            f"FROM (FROM {reader}({_quoted(path)}, hive_partitioning=false) LIMIT 10000)"
        ).fetchall()
        return sorted(key for (key,) in rows)

    def _utf8(self, file: Path, *, strip_mark: bool = False) -> str:
        """Return a path to the file as UTF-8; UTF-16 and UTF-32 are known by their byte-order mark."""
        with binary(file) as stream:
            start = stream.read(HEAD)
        encoding = "cp1252" if file in self.opening.windows else encoding_of(start)
        if encoding.startswith("utf-8"):
            refuse_binary(file, start)
        if encoding == "utf-8" or (encoding == "utf-8-sig" and not strip_mark):
            return self.opening.no_glob(file)
        copy = self.opening.scratch / f"utf8_{uuid4().hex}{suffix(file)}"
        with (
            binary(file) as raw,
            codecs.getreader(encoding)(raw) as source,
            copy.open("w", encoding="utf-8", newline="") as target,
        ):
            shutil.copyfileobj(source, target)
        return str(copy)


def _check_end(file: Path, path: Path) -> None:
    """Refuse a last row that is longer than the engine reads: it would be left out in silence."""
    end = _end(path)
    if len(end) > LONGEST_ROW and not re.search(rb"[\r\n]", end.rstrip(b"\r\n")):
        raise InputError(
            f"{file}: the last row is longer than {LONGEST_ROW // 10**6} MB. A quote may be opened and never closed; "
            "write the log anew, or as parquet"
        )


def _end(path: Path) -> bytes:
    """Return the last bytes of a text, more than the longest row has where there are so many."""
    most = LONGEST_ROW + 2
    with binary(path) as stream:
        if path.suffix.lower() != ".gz":
            stream.seek(-min(most, path.stat().st_size), io.SEEK_END)
            return stream.read()
        end = b""
        if path.stat().st_size * MOST_SWOLLEN > LONGEST_ROW:
            while chunk := stream.read(most):
                end = (end + chunk)[-most:]
        return end


def _header(path: Path, *, tabs: bool) -> tuple[list[str], str, int]:
    """Read the header of a CSV file, the delimiter that splits it best, and how many blank lines stand before it."""
    # Bytes that are no text are for the parser to find, which knows their line.
    with binary(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="") as text:
        head = list(itertools.islice(text, MOST_COMMENTS))
        blank, line = next(((n, line) for n, line in enumerate(head) if line.strip()), (0, ""))
        while line.startswith("sep=") or (line.startswith("#") and _is_comment(line, head[blank + 1 :], tabs=tabs)):
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


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
