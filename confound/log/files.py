"""Opening a log: any supported format -> one lazy table, in which needed columns of text formats are text.

Parquet, Arrow, data frames and Ibis tables are scanned where they are. Text formats are parsed once, strictly, into a
DuckDB table that holds the needed columns alone. Every row knows its file and its number there (`FILE`, `ROW`), so
that an error can name them; the engine never computes either unless an error asks for it.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from confound import scratch
from confound.errors import InputError
from confound.log import faults, importers, unchanged, warehouses
from confound.log.faults import (
    engine_errors,
    refuse_duplicates,
    refuse_pointer,
    refuse_unended,
)
from confound.log.importers.protocol import Wanted
from confound.log.in_memory import to_arrow
from confound.log.layout import Layout
from confound.log.opening import SMALL_ROWS, Opening
from confound.log.paths import FORMATS, expand, named_in, named_parts, partition, suffix
from confound.log.source import FILE, ROW, LogLike, Source, _nested, literal, numbered, unnumbered
from confound.log.text_files import TextFiles

OF_TABLES = (".db", ".sqlite", ".sqlite3", ".xlsx", ".xlsm")  # files that hold several tables
MEMORY_LIMIT = "2GB"  # DuckDB spills to disk beyond it; counting the paper's grid stays below


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
        Where a path does not exist, a format is unknown, or a file is broken or written to until the block ends.
    """
    import ibis

    url = _url(data, layout.table)
    if isinstance(data, ibis.Table):
        yield [unnumbered("the table", data)]
        return
    with scratch.temporary() as room:
        limits = {"memory_limit": MEMORY_LIMIT, "temp_directory": f"{room}/spill"}
        if url is not None:
            with warehouses.opened(url, layout.table, limits) as (name, held):
                yield [unnumbered(name, held)]
            return
        connection = ibis.duckdb.connect(**limits)
        opening = Opening(connection, Path(room), layout)
        try:
            with unchanged.told(opening.states):
                yield _Readers(opening).sources(data)
        finally:
            connection.disconnect()


def _url(data: LogLike, table: str | None) -> str | None:
    """Return the URL that a log is, or None."""
    given = list(data) if isinstance(data, list | tuple) else [data]
    urls = [path for path in given if warehouses.is_url(path)]
    if len(urls) > 1 or (urls and len(given) > 1):
        raise InputError(f"{warehouses.masked(str(urls[0]))}: a URL stands alone; pass one log")
    if table is not None and not urls and not any(suffix(Path(path)) in OF_TABLES for path in map(str, given)):
        raise InputError(f"--table {table}: a table goes with the URL of a database, such as duckdb://file.db")
    return str(urls[0]) if urls else None


@dataclass(frozen=True, slots=True)
class _Readers:
    """Opens each kind of data."""

    opening: Opening

    def sources(self, data: LogLike) -> list[Source]:
        """Dispatch on what `data` is."""
        import pandas as pd
        import pyarrow as pa

        if isinstance(data, pd.DataFrame):
            names = tuple(map(str, data.columns))
            refuse_duplicates("the data frame", names)
            with engine_errors("the data frame"):
                kept = self.opening.kept(names, small=len(data) <= SMALL_ROWS)
                table = to_arrow(data, self.opening.layout.placed(names).needed, kept)
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
                self.opening.named.update((file, named_in(path, file)) for file in found_here)
            listed += found_here
        files = list({file.resolve(): file for file in listed}.values())  # a file named twice is read once
        if not files:
            raise InputError("no log was given. Name a file, a folder or a glob")
        self.opening.states.update((file, unchanged.state(file)) for file in files)
        for file in files:
            with engine_errors(str(file)):
                refuse_pointer(file)
        imported = [source for file in files if (source := self._imported(file)) is not None]
        own = [file for file in files if str(file) not in {source.name for source in imported}]
        kinds = {kind: [f for f in own if FORMATS[suffix(f)] == kind] for kind in ("parquet", "arrow", "csv", "json")}
        strange = [file for file in own if FORMATS[suffix(file)] == "other"]
        if strange:
            raise InputError(faults.not_as_named(strange[0]))
        text = TextFiles(self.opening)
        readers: dict[str, Callable[[list[Path]], list[Source]]] = {
            "parquet": self._parquet,
            "arrow": self._arrow_files,
            "csv": text.sources,
            "json": text.sources,
        }
        read = [source for kind, members in kinds.items() if members for source in readers[kind](members)]
        found = imported + read
        if not found:
            raise InputError(f"{files[0]}: the file is empty")
        return found

    def _imported(self, file: Path) -> Source | None:
        """Read a foreign export into memory; None where a file is an ordinary log."""
        layout = self.opening.layout
        importer = importers.recognised(file) if layout.format is None else importers.named(layout.format)
        if importer is None and layout.levels and suffix(file) == ".json":
            importer = importers.named("levels")
        if importer is None:
            return None
        with engine_errors(str(file)):
            made = importer.read(file, Wanted(tuple(layout.levels), layout.custom_id, layout.table, layout.taken))
        given = {key: text for key, text in self.opening.given(file).items() if key not in made.table.column_names}
        source = self._registered(str(file), made.table, tuple(made.table.column_names))
        table = source.table.mutate(**{key: literal(text) for key, text in given.items()})
        return replace(
            source,
            table=table,
            columns=(*source.columns, *given),
            sure=made.columns,
            questions=made.questions,
            said=(made.said,),
        )

    def _registered(self, name: str, data: Any, columns: tuple[str, ...]) -> Source:
        """Scan an Arrow table or data set in place."""
        refuse_duplicates(name, columns)
        view = f"arrow_{uuid4().hex}"
        with engine_errors(name):
            self.opening.connection.con.register(view, self._needed(data))
            source = numbered(name, self.opening.connection.table(view))
        return Source(name, source.table, columns, source.nested)

    def _needed(self, data: Any) -> Any:
        """Leave out the columns that are not wanted, whose types the engine may not know."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        wanted = self.opening.kept(data.schema.names, small=False)
        plain = [field.name for field in data.schema if field.name not in wanted and _is_plain(field.type)]
        wanted = [*wanted, *(name for name in self.opening.kept(data.schema.names, small=True) if name in plain)]
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
                    refuse_unended(file)
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
            needed = self.opening.kept(schema.names, small=False)
            types = [f"{field.name}: {field.type}" for field in schema if field.name in needed]
            if schema.names:  # without columns it is an empty partition
                alike.setdefault(
                    (*sorted(types), "", *partition(file), "", *self.opening.named.get(file, {}).values()), []
                ).append(file)
        return [self._alike_parquet(members) for members in alike.values()]

    def _alike_parquet(self, files: list[Path]) -> Source:
        name = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
        paths = {self.opening.no_glob(file): str(file) for file in files}
        with engine_errors(name):
            table = self.opening.connection.read_parquet(
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
        given = {key: text for key, text in self.opening.named.get(files[0], {}).items() if key not in table.columns}
        table = table.mutate(**{key: literal(text) for key, text in given.items()})
        return Source(name, table, tuple(c for c in table.columns if c not in (FILE, ROW)), _nested(table))


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
