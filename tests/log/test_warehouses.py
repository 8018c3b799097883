"""Logs in databases and on clusters: counted there, with the numbers of the same log as a file, and no secret told."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from ibis.backends.sql import compilers

import confound
from benchmarks.speed.log.grid import Grid, write_log
from confound import InputError
from confound.cli import main
from confound.counts import conversations
from confound.counts.counting import expression
from confound.log import response_table, warehouses

SECRET = "hush/now"  # noqa: S105 -- what must not show


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small log as parquet, with a column `value` that holds fractions."""
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    write_log(path, Grid(studies=1, models=2, iterations=2, personas=8, trials=4, questions=4), seed=2)
    frame = pd.read_parquet(path)
    outcome = frame["role"] == "outcome"
    frame["value"] = (frame["response"].str[:1].where(outcome).astype("float64") + 0.1).where(outcome)
    frame.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def database(log: Path) -> Path:
    """Return the same log as table `t`, and as `kept.t`, of a DuckDB database."""
    path = log.parent / "logs.db"
    with duckdb.connect(path) as connection:
        connection.execute(f"CREATE TABLE t AS FROM '{log}'")
        connection.execute("CREATE SCHEMA kept; CREATE TABLE kept.t AS FROM t; CREATE TABLE other AS SELECT 1 AS a")
    return path


def assert_same_numbers(one: confound.Analysis, other: confound.Analysis) -> None:
    """Hold that two results agree to the last digit."""
    for name, frame in one.frames.items():
        pd.testing.assert_frame_equal(frame, other.frames[name], check_exact=True)
    assert one.verdict == other.verdict


@pytest.mark.slow
def test_a_duckdb_database_gives_the_numbers_of_the_file(log: Path, database: Path) -> None:
    """Every number of an analysis is the same to the last digit, and the database stays as it was, byte for byte."""
    before = database.read_bytes()
    expected = confound.analyze(log)
    found = confound.analyze(f"duckdb://{database}", table="t")
    assert_same_numbers(expected, found)
    assert_same_numbers(expected, confound.analyze([f"duckdb://{database}"], table="kept.t"))
    assert (found.settings["log"], found.settings["table"]) == ([f"duckdb://{database}"], "t")
    assert database.read_bytes() == before


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # Spark's own: pandas, sockets
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_spark_gives_the_numbers_of_the_file(log: Path) -> None:
    """Spark in local mode counts a parquet file of its own reading to the same last digit."""
    pytest.importorskip("pyspark", reason="needs pip install 'confound[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")
    url = "pyspark://?spark.master=local[2]&spark.sql.shuffle.partitions=2&spark.ui.enabled=false"
    assert_same_numbers(confound.analyze(log), confound.analyze(url, table=str(log)))
    with pytest.raises(InputError, match=r"^pyspark://: there is no table 'answers'"):
        confound.analyze(url, table="answers")
    with pytest.raises(InputError, match=r"^pyspark://: .*PATH_NOT_FOUND"):
        confound.analyze(url, table=f"{log}.gone")
    from pyspark.sql import SparkSession

    SparkSession.builder.getOrCreate().stop()


def test_only_counts_leave_the_database(log: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One query reaches us, a row a group, where the log is too large for tests that need whole conversations."""
    fetched = []
    original = ibis.Table.to_pyarrow

    def spied(table: Any, **options: Any) -> pa.Table:
        result = original(table, **options)
        fetched.append(result.num_rows)
        return result

    monkeypatch.setattr(ibis.Table, "to_pyarrow", spied)
    monkeypatch.setattr(conversations, "MOST_ANSWERS", 10)
    confound.analyze(f"duckdb://{database}", table="t", skip=["effects"])
    keys = ["model", "iteration", "persona", "arm", "question", "response"]
    groups = len(pd.read_parquet(log)[keys].drop_duplicates())
    assert fetched == [groups]


@pytest.mark.slow
def test_the_command_line_takes_a_url(database: Path, tmp_path: Path) -> None:
    """`confound analyze URL --table t` saves a result that names the log without the URL's options."""
    out = tmp_path / "out"
    url = f"duckdb://{database}?threads=1"
    done = CliRunner().invoke(main, ["analyze", url, "--table", "t", "--skip", "decomposition", "--out", str(out)])
    assert done.exit_code == 0, done.output
    settings = json.loads((out / "analysis.json").read_text(encoding="utf-8"))["settings"]
    assert (settings["log"], settings["table"]) == ([f"duckdb://{database}"], "t")
    checked = CliRunner().invoke(main, ["check", url, "--table", "t"])
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize(
    ("url", "table", "message"),
    [
        (
            "duckdb://{database}",
            "answers",
            r"duckdb://.*logs.db: there is no table 'answers'. There are: kept.t, other, t$",
        ),
        ("duckdb://{database}", None, r"logs.db: name the table with --table. There are: kept.t, other, t$"),
        ("duckdb://{database}", "other", r"logs.db, table other: columns 'persona' .* are missing; found a"),
        ("duckdb://{database}.gone", "t", r"logs.db.gone: there is no such database file$"),
        ("duckdb://", "t", r"there is no such database file$"),
        ("nosuch://ann:hush@host/db", "t", r"^nosuch://\*\*\*@host/db: no engine is called 'nosuch'. Known are .*duck"),
        ("{database}", "t", r"this is a DuckDB database. Pass duckdb://.*logs.db and the table's name"),
    ],
)
def test_what_cannot_be_opened(database: Path, url: str, table: str | None, message: str) -> None:
    """An unknown engine, a missing file or table, and a table without a URL are refused, and the mend is named."""
    with pytest.raises(InputError, match=message):
        confound.analyze(url.format(database=database), table=table)


def test_a_database_reads_nothing_beside_itself(tmp_path: Path) -> None:
    """A view over another file is refused; so is an address in the place of a table, and a name that is none."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hush")
    database = tmp_path / "evil.db"
    connection = duckdb.connect(str(database))
    columns = "'p' || i AS persona, ['a', 'b'][1 + i % 2] AS arm, 'party' AS question"
    source = f"read_text('{secret}'), range(4) t(i)"
    connection.execute("CREATE VIEW spy AS SELECT " + columns + ", content AS response FROM " + source)  # noqa: S608
    connection.close()
    for table, message in (
        ("spy", "disabled by configuration"),
        ("https://example.org/log.parquet", "an address is no table"),
        ("a.b.c.d", r"a table is named as name, schema.name"),
        ("", "a table is named as"),
        (f"{tmp_path}/none.parquet", "there is no such file"),
    ):
        with pytest.raises(InputError, match=message) as error:
            confound.describe(f"duckdb://{database}", table=table, negative_control=["party"])
        assert "hush" not in str(error.value)


def test_a_wrong_path_makes_no_database(tmp_path: Path) -> None:
    """A URL of an SQLite file that is not there is refused, and leaves no file behind."""
    with pytest.raises(InputError, match="there is no such database file"):
        confound.describe(f"sqlite://{tmp_path}/none.db", table="t")
    assert not list(tmp_path.iterdir())


def test_a_url_stands_alone(database: Path, log: Path) -> None:
    """A URL and a file are not one log."""
    with pytest.raises(InputError, match="a URL stands alone"):
        confound.analyze([log, f"duckdb://{database}"], table="t")
    with pytest.raises(InputError, match="a URL stands alone"):
        confound.analyze([str(log), f"duckdb://{database}"], table="t")


def test_bad_labels_are_shown_without_rows(tmp_path: Path) -> None:
    """A table of a database has no first row, so a message shows what stands there."""
    path = tmp_path / "logs.db"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'p' persona, 'a' arm, 'q' question, '1' response, 'x' iteration")
        connection.execute("INSERT INTO t SELECT * FROM t")
    with pytest.raises(InputError, match=r"logs.db, table t, column 'iteration' \('x'\): an iteration is a whole"):
        confound.analyze(f"duckdb://{path}", table="t")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://ann:hush@host:5432/db?sslpassword=x", "postgres://***@host:5432/db"),
        ("databricks://token@host/db", "databricks://***@host/db"),
        ("snowflake://ann:p@ss@account/db/schema?warehouse=w", "snowflake://***@account/db/schema"),
        ("bigquery://project/dataset", "bigquery://project/dataset"),
        ("duckdb:///data/logs.db?password=x#y", "duckdb:///data/logs.db"),
    ],
)
def test_masked(url: str, expected: str) -> None:
    """User, password and options go; where the log lives stays."""
    assert warehouses.masked(url) == expected


@pytest.mark.parametrize(
    "raised", [ValueError, OSError, ibis.common.exceptions.IbisError, type("DriverError", (Exception,), {})]
)
def test_no_secret_in_an_error(raised: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a driver says of the URL it could not use, the message holds neither password, user nor options."""
    url = "postgres://ann:hush%2Fnow@host/db?sslpassword=quiet"

    def refuse(given: str) -> None:
        raise raised(f"could not connect to {given}: password {SECRET} of ann, sslpassword quiet")

    monkeypatch.setattr(ibis, "connect", refuse)
    with pytest.raises(InputError, match=r"^postgres://\*\*\*@host/db: could not connect") as caught:
        confound.analyze(url, table="t")
    shown = CliRunner().invoke(main, ["analyze", url, "--table", "t"])
    assert shown.exit_code == 2
    for text in (str(caught.value), shown.output):
        assert not [secret for secret in (SECRET, "hush%2Fnow", "quiet") if secret in text]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver the message says what to install."""

    def refuse(_: str) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(ibis, "connect", refuse)
    with pytest.raises(
        InputError, match=r"not installed \(psycopg\). Install .*pip install 'ibis-framework\[postgres\]'"
    ):
        confound.analyze("postgresql://ann:hush@host/db", table="t")


def test_faults_of_ours_are_no_input_errors(database: Path) -> None:
    """A programming error within the block stays what it is."""
    with (
        pytest.raises(ZeroDivisionError),
        warehouses.opened(f"duckdb://{database}", "t", {}),
    ):
        _ = 1 / 0


@pytest.mark.parametrize("engine", ["Postgres", "BigQuery", "Snowflake", "Databricks", "Trino", "MySQL", "ClickHouse"])
@pytest.mark.parametrize("kind", ["int64", "string"])
def test_the_query_can_be_said_to_every_engine(engine: str, kind: str) -> None:
    """Ibis can write the counting query in each engine's SQL, columns being text or numbers, without a sort."""
    columns = {"iteration": kind, "trial": kind, "seed": kind, "value": "float64" if kind == "int64" else kind}
    table = ibis.table({"persona": kind, "arm": "string", "question": "string", "response": kind, **columns}, name="t")
    compiler = getattr(compilers, f"{engine}Compiler")
    with response_table.opened(table) as opened:
        query = compiler().to_sqlglot(expression(opened)).sql(compiler.dialect)
    assert "GROUP BY" in query
    assert "ROW_NUMBER" not in query
