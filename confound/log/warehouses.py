"""A log that lives in a database or on a cluster: a URL and the name of a table -> an Ibis table, read where it is.

A URL may hold a password. It reaches the engine and nothing else: `masked` is what results and messages call the log.
"""

import contextlib
import glob
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from confound.errors import ConfoundError, InputError
from confound.log.source import LogLike

if TYPE_CHECKING:
    import ibis.expr.types as ir

URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
SPARK = ("spark", "pyspark")
SHOWN_TEXT = 300
HIDDEN = "***"
MOST_PARTS = 2  # before a table's name: its catalog and its schema
SHORT = 3  # an option's value of so few characters, such as a number, is no secret


def is_url(data: object) -> bool:
    """Tell whether `data` names a database or a cluster, and no path."""
    return isinstance(data, str) and URL.match(data) is not None


def masked(url: str) -> str:
    """Return a URL without user, password and options.

    >>> masked("postgres://ann:secret@db.example.org:5432/logs?sslmode=require")
    'postgres://***@db.example.org:5432/logs'
    """
    scheme, _, rest = url.partition("://")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    user, at, host = place.rpartition("@")
    return f"{scheme.lower()}://{HIDDEN if user or at else ''}{at}{host}"


def names_of(data: LogLike) -> list[str]:
    """Name the log as it was given, a URL without its password; data in memory has no name."""
    if isinstance(data, str | Path):
        data = [data]
    if isinstance(data, list | tuple):
        return [masked(str(path)) if is_url(path) else str(path) for path in data]
    return [f"a {type(data).__name__} in memory"]


@contextlib.contextmanager
def opened(url: str, table: str | None, options: dict[str, Any]) -> Iterator[tuple[str, "ir.Table"]]:
    """Connect, and yield what messages call the log, and the table.

    Parameters
    ----------
    url : str
        As Ibis takes it, such as ``duckdb://file.db`` or ``postgres://user@host/database``; and
        ``spark://host:7077?NAME=VALUE`` or ``pyspark://?spark.master=local[2]``, with any of Spark's settings.
    table : str
        Its name, `schema.name` or `catalog.schema.name`; or a path with a slash of a parquet file or folder that the
        engine itself reads.
    options : dict
        Settings of DuckDB's, where DuckDB is the engine.

    Raises
    ------
    InputError
        Where the engine is unknown or its driver missing, or there is no such database or table; and for whatever the
        engine raises within the `with` block. No message holds the URL's user, password or options.
    """
    name = masked(url)
    connection = None
    try:
        connection = _connected(url, options)
        held = _table(connection, name, table)
        if connection.name == "duckdb":
            _shut_in(connection)
        yield f"{name}, table {table}", held
    except ConfoundError as error:
        raise type(error)(_hidden(str(error), url)) from None
    except Exception as error:
        if isinstance(error, Warning) or (connection is not None and type(error).__module__ == "builtins"):
            raise  # a fault of our own; every engine has exceptions of its own
        raise InputError(_hidden(f"{name}: {_plain(error)}", url)) from None
    finally:
        # Spark has one session a process, which may be the caller's.
        if connection is not None and connection.name != "pyspark":
            connection.disconnect()


def _connected(url: str, options: dict[str, Any]) -> Any:
    """Connect by Ibis."""
    import ibis

    parts = urlsplit(url)
    engine = "pyspark" if parts.scheme in SPARK else {"postgresql": "postgres"}.get(parts.scheme, parts.scheme)
    known = sorted(entry.name for entry in ibis.util.backend_entry_points())
    if engine not in known:
        raise InputError(f"{masked(url)}: no engine is called '{engine}'. Known are {', '.join(known)} and spark")
    try:
        if engine == "pyspark":
            return _spark(parts)
        if engine == "duckdb":
            return ibis.connect(url, **_duckdb(parts), **options)
        if engine == "sqlite" and not Path(f"{parts.netloc}{parts.path}").is_file():  # it would make one
            raise InputError(f"{masked(url)}: there is no such database file")
        return ibis.connect(url)
    except ImportError as error:
        extra = "confound[spark]" if engine == "pyspark" else f"ibis-framework[{engine}]"
        raise InputError(
            f"{masked(url)}: the driver for {engine} is not installed ({error.name or 'see its extra'}). "
            f"Install it with: pip install '{extra}'"
        ) from None


def _duckdb(parts: SplitResult) -> dict[str, Any]:
    """Open a database that is there, and leave it as it is."""
    file = Path(f"{parts.netloc}{parts.path}")
    if not parts.netloc.startswith("md:") and not file.is_file():
        raise InputError(f"duckdb://{file}: there is no such database file")
    return {"read_only": True}


def _shut_in(connection: Any) -> None:
    """Keep a database to itself: a view in it may read no other file, no address and no setting of this process."""
    connection.raw_sql("SET enable_external_access = false")
    connection.raw_sql("SET lock_configuration = true")


def _spark(parts: SplitResult) -> Any:
    """Start Spark, or join the session of this process; settings that Ibis would set too late are set before."""
    import ibis
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.config("spark.ui.showConsoleProgress", "false")
    if parts.scheme == "spark" and parts.netloc:
        builder = builder.master(f"spark://{parts.netloc}")
    for name, value in parse_qsl(parts.query):
        builder = builder.config(name, value)
    return ibis.pyspark.connect(builder.getOrCreate())


def _table(connection: Any, name: str, table: str | None) -> "ir.Table":
    """Find the table, or say which there are."""
    from ibis.common.exceptions import TableNotFound

    if table is None:
        raise InputError(f"{name}: name the table with --table{_tables(connection)}")
    if "/" in table:
        if "://" in table:
            raise InputError(
                f"{name}: --table {table}: an address is no table. Fetch the file first, and name its path"
            )
        if connection.name == "duckdb" and not glob.glob(table) and not Path(table).exists():  # noqa: PTH207 -- absolute
            raise InputError(f"{name}: --table {table}: there is no such file")
        return connection.read_parquet(table)
    *database, own = table.split(".")
    if not all((*database, own)) or len(database) > MOST_PARTS:
        raise InputError(f"{name}: --table {table!r}: a table is named as name, schema.name or catalog.schema.name")
    place: Any = {0: None, 1: database[0] if database else None}.get(len(database), tuple(database))
    try:
        return connection.table(own, database=place)
    except TableNotFound:
        raise InputError(f"{name}: there is no table '{table}'{_tables(connection)}") from None


def _tables(connection: Any) -> str:
    """List the tables, where the engine can."""
    if connection.name == "duckdb":  # Ibis 12 lists them in a way that DuckDB 2 has no more
        tables = connection.table("tables", database="information_schema")
        found = tables.select("table_schema", "table_name").to_pyarrow().to_pylist()
        names = [".".join(part for part in row.values() if part != "main") for row in found]
    else:
        names = connection.list_tables()
    shown = sorted(names)[:20]
    return f". There are: {', '.join(shown)}{', ...' if len(names) > len(shown) else ''}" if names else ""


def _plain(error: Exception) -> str:
    text = " ".join(str(error).split())[:SHOWN_TEXT]
    if "JAVA_GATEWAY_EXITED" in text:
        return "Spark needs Java, which was not found. On Debian: apt-get install default-jre-headless"
    return text or type(error).__name__


def _hidden(text: str, url: str) -> str:
    """Take out of a message whatever the URL holds besides the place."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    options = [value for _, value in parse_qsl(parts.query) if len(value) > SHORT]
    given = [user, user.partition(":")[2], parts.query, *options]
    text = text.replace(url, masked(url))
    for secret in sorted({form for held in given for form in (held, unquote(held)) if held}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
