"""Reading: every format and habit of writing gives the same result, and no bytes give a traceback."""

import gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import confound
from confound import ConfoundError, InputError
from confound.log.paths import expand

Write = Callable[[pd.DataFrame, Path], None]
QUICK = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def made() -> pd.DataFrame:
    """Return a log with an ordinal outcome, a negative control, hard labels and missing answers."""
    rng = np.random.default_rng(5)
    rows = [
        (f"Zoë 🙂 {p}", arm, question, trial, rng.choice(answers), role)
        for p in range(5)
        for arm in ("контроль", '処置, \n"neu"')
        for question, answers, role in (
            ("likely", ["1", "2", "3 "], "outcome"),
            ("party", ["ja; oder", "не,т", '"so"', ""], "negative_control"),
        )
        for trial in range(4)
    ]
    return pd.DataFrame(rows, columns=["persona", "arm", "question", "trial", "response", "role"])


@pytest.fixture
def log() -> pd.DataFrame:
    """Return the log, for one test to change."""
    return made()


@pytest.fixture(scope="module")
def expected() -> confound.Analysis:
    """Analyse the data frame, which every way of reading the log is held to."""
    return confound.analyze(made())


def assert_same(found: confound.Analysis, expected: confound.Analysis) -> None:
    """Compare all numbers of two results, to the last bit."""
    pd.testing.assert_frame_equal(found.data, expected.data, check_exact=True)
    pd.testing.assert_frame_equal(found.drift, expected.drift, check_exact=True)
    pd.testing.assert_frame_equal(found.effects, expected.effects, check_exact=True)
    assert len(expected.drift) > 0
    assert len(expected.effects) > 0


def csv_text(frame: pd.DataFrame, **options: object) -> str:
    """Return a frame as CSV without its index."""
    return str(frame.to_csv(index=False, **options))  # type: ignore[call-overload]


def lines_text(frame: pd.DataFrame) -> str:
    """Return a frame as JSON lines, characters as they are."""
    return frame.to_json(orient="records", lines=True, force_ascii=False)


def encoded(text: str, encoding: str) -> bytes:
    """Return text with its byte-order mark."""
    return ("\ufeff" + text).encode(encoding)


FORMATS: dict[str, Write] = {
    "log.csv": lambda f, p: f.to_csv(p, index=False),
    "log.CSV": lambda f, p: f.to_csv(p, index=False),
    "log.tsv": lambda f, p: f.to_csv(p, index=False, sep="\t"),
    "semicolon.csv": lambda f, p: f.to_csv(p, index=False, sep=";"),
    "bar.csv": lambda f, p: f.to_csv(p, index=False, sep="|"),
    "quoted.csv": lambda f, p: f.to_csv(p, index=False, quoting=1),
    "with_index.csv": lambda f, p: f.to_csv(p),
    "two_indexes.csv": lambda f, p: f.set_index([f.index, f.index]).to_csv(p),
    "blank_before_and_after.csv": lambda f, p: p.write_text("\n\n" + csv_text(f) + "\n\n", encoding="utf-8"),
    "windows.csv": lambda f, p: f.to_csv(p, index=False, lineterminator="\r\n"),
    "mark.csv": lambda f, p: f.to_csv(p, index=False, encoding="utf-8-sig"),
    "excel.csv": lambda f, p: f.to_csv(p, index=False, sep=";", encoding="utf-8-sig", lineterminator="\r\n"),
    "utf16.csv": lambda f, p: f.to_csv(p, index=False, encoding="utf-16"),
    "utf16_le.csv": lambda f, p: p.write_bytes(encoded(csv_text(f), "utf-16-le")),
    "utf16_be.csv": lambda f, p: p.write_bytes(encoded(csv_text(f), "utf-16-be")),
    "utf16_be.csv.gz": lambda f, p: p.write_bytes(gzip.compress(encoded(csv_text(f), "utf-16-be"))),
    "log.csv.gz": lambda f, p: f.to_csv(p, index=False),
    "log.tsv.gz": lambda f, p: f.to_csv(p, index=False, sep="\t"),
    "log.jsonl": lambda f, p: f.to_json(p, orient="records", lines=True),
    "plain.ndjson": lambda f, p: p.write_text(lines_text(f), encoding="utf-8"),
    "mark.jsonl": lambda f, p: p.write_bytes(encoded(lines_text(f), "utf-8")),
    "utf16_le.jsonl": lambda f, p: p.write_bytes(encoded(lines_text(f), "utf-16-le")),
    "utf16_be.jsonl": lambda f, p: p.write_bytes(encoded(lines_text(f), "utf-16-be")),
    "log.jsonl.gz": lambda f, p: f.to_json(p, orient="records", lines=True),
    "array.json": lambda f, p: f.to_json(p, orient="records", indent=2),
    "lines.json": lambda f, p: f.to_json(p, orient="records", lines=True),
    "log.parquet": lambda f, p: f.to_parquet(p),
    "categories.parquet": lambda f, p: f.astype("category").to_parquet(p),
    "bytes.parquet": lambda f, p: pq.write_table(binary(f), p),
    "log.feather": lambda f, p: feather.write_feather(f, p),
    "plain.arrow": lambda f, p: feather.write_feather(f, p, compression="uncompressed"),
    "stream.ipc": lambda f, p: write_stream(f, p),
}


def binary(frame: pd.DataFrame) -> pa.Table:
    """Return a frame whose text is stored as bytes, as some writers do."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    types = [pa.field(f.name, pa.binary() if pa.types.is_large_string(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(types))


def write_stream(frame: pd.DataFrame, path: Path) -> None:
    """Write an Arrow stream, which has no footer."""
    table = pa.Table.from_pandas(frame)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_agree(name: str, log: pd.DataFrame, expected: confound.Analysis, tmp_path: Path) -> None:
    """One log gives the same result to the last bit from every format and encoding as from a data frame."""
    FORMATS[name](log, tmp_path / name)
    assert_same(confound.analyze(tmp_path / name), expected)


def test_data_in_memory(log: pd.DataFrame, expected: confound.Analysis) -> None:
    """Data frames of any dtypes, Arrow tables and Ibis tables give the same result, in whatever order rows stand."""
    for data in (
        log.sample(frac=1, random_state=1),
        log.astype(object),
        log.convert_dtypes(),
        log.astype("category"),
        log.assign(trial=pd.array(log["trial"], dtype="Int64")),
        pa.Table.from_pandas(log),
        ibis.memtable(pa.Table.from_pandas(log)),
    ):
        assert_same(confound.analyze(data), expected)


def test_database_on_disk(log: pd.DataFrame, expected: confound.Analysis, tmp_path: Path) -> None:
    """A table in a DuckDB file, opened with Ibis, is counted where it is."""
    connection = ibis.duckdb.connect(tmp_path / "logs.duckdb")
    connection.con.register("frame", pa.Table.from_pandas(log))
    connection.raw_sql("CREATE TABLE log AS SELECT * FROM frame")
    assert_same(confound.analyze(connection.table("log")), expected)
    connection.disconnect()


@pytest.mark.slow
def test_order_of_rows(log: pd.DataFrame, tmp_path: Path) -> None:
    """A key that only the last rows of a long JSON log have is found."""
    many = pd.concat([log.assign(persona=f"p{i}") for i in range(130)])
    many["response"] = many["response"].replace({"1": "low", "2": "mid", "3 ": "high"})
    many["value"] = many["response"].map({"low": 1.0, "mid": 2.0, "high": 3.0})
    many = many.sort_values("question", ascending=False, kind="stable")
    assert many["value"].isna().to_numpy()[: len(many) // 2].all()
    assert len(many) // 2 < 10_000 < len(many) * 2  # the keys are listed from the first 10,000 objects
    long = pd.concat([many.iloc[: len(many) // 2]] * 4 + [many.iloc[len(many) // 2 :]])
    records = [{k: v for k, v in row.items() if v == v} for row in long.to_dict("records")]
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(row) for row in records), encoding="utf-8")
    found = confound.analyze(tmp_path / "log.jsonl")
    assert_same(found, confound.analyze(long))
    assert found.effects["level"].tolist() == ["", "mid", "high"]


def test_mixed_answers() -> None:
    """The text "2.0", the number 2, the float 2.0 and the text "2" are one category."""
    frame = pd.DataFrame({"persona": ["a", "a", "b", "b"] * 4, "arm": ["x", "y"] * 8, "question": "q"})
    frame["response"] = pd.Series(["2.0", 2, 2.0, "2", " 2 ", 3, "3.00", 3.0] * 2, dtype=object)
    assert confound.analyze(frame, negative_control=["q"]).drift["n_categories"].tolist() == [2]


@pytest.mark.parametrize("spelling", ["bool", "object", "json", "csv", "upper"])
def test_truth_values(spelling: str, log: pd.DataFrame, tmp_path: Path) -> None:
    """True is one label, however pandas, JSON, CSV or a spreadsheet spells it."""
    frame = log.assign(arm=log["arm"] == "контроль")
    path = tmp_path / ("log.jsonl" if spelling == "json" else "log.csv")
    if spelling == "object":
        data: object = frame.astype({"arm": object})
    elif spelling == "json":
        frame.to_json(path, orient="records", lines=True)
        data = path
    elif spelling in ("csv", "upper"):
        frame.assign(arm=frame["arm"].map(str if spelling == "csv" else lambda t: str(t).upper())).to_csv(path)
        data = path
    else:
        data = frame
    result = confound.analyze(data, control=["True"])  # type: ignore[arg-type]
    assert set(result.drift["contrast"]) == {"false - true"}


EXTRA: dict[str, Callable[[int], pa.Array]] = {
    "struct": lambda n: pa.array([{"a": 1}] * n),
    "empty struct": lambda n: pa.array([{}] * n, pa.struct([])),
    "list": lambda n: pa.array([["a"]] * n),
    "map": lambda n: pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
    "binary": lambda n: pa.array([b"\xff\x00"] * n),
    "timestamp": lambda n: pa.array([0] * n, pa.timestamp("ns", "Europe/Berlin")),
    "duration": lambda n: pa.array([1] * n, pa.duration("s")),
    "null": pa.nulls,
    "half float": lambda n: pa.array(np.ones(n, dtype=np.float16)),
    "long decimal": lambda n: pa.array([1] * n).cast(pa.decimal256(60, 2)),
    "categories": lambda n: pa.array(["a"] * n).dictionary_encode(),
    "dense union": lambda n: pa.UnionArray.from_dense(
        pa.array([0] * n, pa.int8()), pa.array(range(n), pa.int32()), [pa.array(range(n))]
    ),
}


@pytest.mark.parametrize("kind", EXTRA)
def test_extra_columns(kind: str, log: pd.DataFrame, expected: confound.Analysis, tmp_path: Path) -> None:
    """A column that is not needed may hold anything, types that the engine does not know included."""
    table = pa.Table.from_pandas(log).append_column("extra", EXTRA[kind](len(log)))
    data: list[object] = [table]
    feather.write_feather(table, tmp_path / "log.arrow", compression="uncompressed")
    data.append(tmp_path / "log.arrow")
    if kind not in ("empty struct", "dense union"):  # parquet has none of these
        pq.write_table(table, tmp_path / "log.parquet")
        data += [tmp_path / "log.parquet", table.to_pandas()]
    for form in data:
        assert_same(confound.analyze(form), expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_extra_columns_by_name(suffix: str, log: pd.DataFrame, expected: confound.Analysis, tmp_path: Path) -> None:
    """Columns called like the reader's own, or like a needed one in other letters, do no harm."""
    frame = log.assign(
        **dict.fromkeys(("Text", "text", "Arm", "_file", "_row", "_nested", "filename", "a b", "c'd"), "x")
    )
    path = tmp_path / f"log{suffix}"
    writers = {".csv": "log.csv", ".jsonl": "log.jsonl", ".parquet": "log.parquet"}
    FORMATS[writers[suffix]](frame, path)
    assert_same(confound.analyze(path), expected)


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["log[1]", "it's a", 'so "so"', "all*?", "~{a,b}", "a=50%", "a\\b"])
def test_file_names(
    stem: str, log: pd.DataFrame, expected: confound.Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is found by its name, and named in messages by it, whatever characters it holds."""
    monkeypatch.chdir(tmp_path)
    for suffix in (".csv", ".jsonl.gz", ".parquet", ".arrow"):
        path = Path(f"{stem}{suffix}")
        FORMATS[{".arrow": "plain.arrow"}.get(suffix, f"log{suffix}")](log, path)
        assert_same(confound.analyze(path), expected)
        FORMATS[{".arrow": "plain.arrow"}.get(suffix, f"log{suffix}")](log.assign(iteration="first"), path)
        with pytest.raises(InputError) as error:
            confound.analyze(path)
        assert str(error.value).startswith(f"{path}, column 'iteration', row 1 ")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".csv.gz", ".jsonl.gz"])
def test_empty_partitions(suffix: str, log: pd.DataFrame, expected: confound.Analysis, tmp_path: Path) -> None:
    """Empty partitions beside full ones are no obstacle, in whatever way they are empty."""
    write = FORMATS[f"log{suffix}"]
    write(log.iloc[:30], tmp_path / f"a{suffix}")
    write(log.iloc[30:], tmp_path / f"b{suffix}")
    if suffix == ".parquet":
        log.iloc[:0].to_parquet(tmp_path / "c.parquet")
        pd.DataFrame({name: [] for name in log}).to_parquet(tmp_path / "d.parquet")
        pd.DataFrame().to_parquet(tmp_path / "e.parquet")
    else:
        pack = gzip.compress if suffix.endswith(".gz") else bytes
        (tmp_path / f"c{suffix}").write_bytes(pack(b""))
        (tmp_path / f"d{suffix}").write_bytes(pack(b"\n\n"))
        (tmp_path / f"e{suffix}").write_bytes(b"")
    if "csv" in suffix:
        write(log.iloc[:0], tmp_path / f"f{suffix}")
    assert_same(confound.analyze(tmp_path), expected)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_columns_in_folder_names(suffix: str, log: pd.DataFrame, tmp_path: Path) -> None:
    """Hive partitions give their columns as they are written, in every format."""
    frame = log.assign(study="007", model=np.where(log["persona"].str.endswith(("0", "1")), "a b", "é"))
    for model, part in frame.groupby("model"):
        folder = tmp_path / "study=007" / f"model={str(model).replace(' ', '%20')}"
        folder.mkdir(parents=True)
        FORMATS[f"log{suffix}"](part.drop(columns=["study", "model"]), folder / f"part{suffix}")
    assert_same(confound.analyze(tmp_path), confound.analyze(frame))


def test_copies_in_hidden_folders(log: pd.DataFrame, tmp_path: Path) -> None:
    """Copies that notebooks keep, and a table format's own notes, are not part of a folder's log."""
    log.to_parquet(tmp_path / "log.parquet")
    for folder in (".ipynb_checkpoints", "_delta_log"):
        (tmp_path / folder).mkdir()
        log.to_parquet(tmp_path / folder / "copy.parquet")
        (tmp_path / folder / "0.json").write_text("{}", encoding="utf-8")
    assert expand(tmp_path) == [tmp_path / "log.parquet"]


def test_globs_and_folders(log: pd.DataFrame, expected: confound.Analysis, tmp_path: Path) -> None:
    """A glob may match files and folders of files; a file that is named twice is read once."""
    for part, rows in {"x": log.iloc[:30], "y": log.iloc[30:]}.items():
        (tmp_path / f"{part}.parquet").mkdir()
        rows.to_parquet(tmp_path / f"{part}.parquet" / "part-0.parquet")
    assert_same(confound.analyze(str(tmp_path / "*.parquet")), expected)
    assert_same(confound.analyze(str(tmp_path / "**" / "*.parquet")), expected)
    assert_same(confound.analyze([tmp_path, tmp_path / "x.parquet" / ".." / "x.parquet"]), expected)


def test_formats_together(log: pd.DataFrame, expected: confound.Analysis, tmp_path: Path) -> None:
    """Logs of several formats make one table."""
    thirds = {"log.csv": log.iloc[:20], "log.jsonl": log.iloc[20:50], "log.parquet": log.iloc[50:]}
    for name, rows in thirds.items():
        FORMATS[name](rows, tmp_path / name)
    assert_same(confound.analyze([tmp_path / name for name in thirds]), expected)


def test_parquet_types_differ(log: pd.DataFrame, tmp_path: Path) -> None:
    """Long numbers keep their digits beside a file that has floats, and extra columns may differ at will."""
    number = log["persona"].str[-1].astype(int) + 2**53
    frame = log.assign(persona=number)
    frame.iloc[:40].assign(extra=1, trial=1.0).to_parquet(tmp_path / "a.parquet")
    texts = frame.iloc[40:].assign(persona=number.astype(str), trial="t")
    texts.assign(extra=[{"a": 1}] * 40).to_parquet(tmp_path / "b.parquet")
    log.iloc[:2].assign(persona=1.5).to_parquet(tmp_path / "c.parquet")
    expected = confound.analyze(pd.concat([frame.astype({"persona": str}), log.iloc[:2].assign(persona="1.5")]))
    assert_same(confound.analyze(tmp_path), expected)


def test_nested_in_one_file_of_many(log: pd.DataFrame, tmp_path: Path) -> None:
    """A file with objects among files with text is refused by its own name."""
    log.to_parquet(tmp_path / "a.parquet")
    log.assign(response=[{"text": "yes"}] * len(log)).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet: column 'response' holds nested"):
        confound.analyze(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(arm=[["x"]] * len(f)), "'arm' holds nested objects or lists"),
        (lambda f: f.assign(response=[np.array([1])] * len(f)), "'response' holds nested"),
        (lambda f: f.assign(persona=1j), "the data frame: cannot be read"),
        (lambda f: f.assign(persona=pd.Series(["\ud800"] * len(f), dtype=object)), "the data frame: cannot be read"),
        (lambda f: pd.concat([f, f[["arm"]]], axis=1), "'arm' stands there twice"),
        (lambda f: f.iloc[:0], "a header but no answers"),
        (lambda _: pd.DataFrame(), "are missing"),
        (lambda _: 3, "a log is a path"),
        (lambda _: [], "no log was given"),
    ],
)
def test_bad_frames(change: Callable[[pd.DataFrame], object], message: str, log: pd.DataFrame) -> None:
    """A data frame that cannot be used is refused as a file would be."""
    with pytest.raises(InputError, match=message):
        confound.analyze(change(log))  # type: ignore[arg-type]


def test_frames_with_odd_types(log: pd.DataFrame) -> None:
    """Intervals, periods, bytes and dates are labels like any other."""
    n = len(log)
    for answers in (
        pd.cut(np.arange(n), 3),
        pd.Series(pd.period_range("2020", periods=4).tolist() * (n // 4), dtype="period[D]"),
        pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"] * (n // 2))),
        pd.Series([b"a", b"b"] * (n // 2)),
    ):
        result = confound.analyze(log.assign(response=answers), negative_control=["party"], confounder=["likely"])
        assert result.drift["n_categories"].tolist() == [
            pd.Series(answers).astype(str)[(log.question == "party")].nunique()
        ]


def analyze_or_refuse(path: Path) -> None:
    """Analyse a file; whatever it holds, nothing but a `ConfoundError` may come out."""
    try:
        confound.analyze(path)
    except ConfoundError as error:
        assert str(error)  # noqa: PT017 -- either end is right


VALID = pd.DataFrame(
    {
        "persona": ["a", "b"] * 4,
        "arm": ["x", "x", "y", "y"] * 2,
        "question": ["q"] * 4 + ["r"] * 4,
        "response": ["1", "2", "2", "1", "no", "yes", "no", "no"],
        "role": ["outcome"] * 4 + ["negative_control"] * 4,
        "value": [1.0, 2.0, 2.0, 1.0, None, None, None, None],
    }
)


def valid_bytes(suffix: str) -> bytes:
    """Return a small valid log in a format."""
    if suffix == ".csv":
        return csv_text(VALID).encode()
    if suffix == ".jsonl":
        return lines_text(VALID).encode()
    buffer = io.BytesIO()
    if suffix == ".parquet":
        VALID.to_parquet(buffer)
    else:
        feather.write_feather(VALID, buffer, compression="uncompressed")
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet", ".arrow", ".csv.gz"])
@QUICK
@given(content=st.binary(max_size=200))
def test_any_bytes(suffix: str, content: bytes, tmp_path: Path) -> None:
    """Random bytes under any name are refused or read, never a traceback."""
    path = tmp_path / f"log{suffix}"
    path.write_bytes(content)
    analyze_or_refuse(path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@QUICK
@given(data=st.data())
def test_mutated_logs(suffix: str, data: st.DataObject, tmp_path: Path) -> None:
    """A valid log with some bytes changed, cut out or doubled is refused or read, never a traceback."""
    content = bytearray(valid_bytes(suffix))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content) - 1))
        end = min(len(content), start + data.draw(st.integers(0, 20)))
        content[start:end] = data.draw(st.one_of(st.binary(max_size=8), st.just(bytes(content[start:end]) * 2)))
        if not content:
            break
    path = tmp_path / f"log{suffix}"
    path.write_bytes(bytes(content))
    analyze_or_refuse(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(log: pd.DataFrame, tmp_path: Path) -> None:
    """A file without the right to read it is refused by name."""
    log.to_csv(tmp_path / "log.csv")
    (tmp_path / "log.csv").chmod(0)
    with pytest.raises(InputError, match=r"log\.csv: cannot be read"):
        confound.analyze(tmp_path / "log.csv")


def test_a_last_row_that_is_too_long_is_refused(log: pd.DataFrame, tmp_path: Path) -> None:
    """Rows there are rows read: a row beyond what the engine reads is an error, at the end of a file too."""
    text = log.assign(note="").to_csv(index=False)
    (tmp_path / "log.csv").write_text(text[:-1] + "x" * 3_000_000 + "\n")
    with pytest.raises(InputError, match=r"the last row is longer than|too long"):
        confound.analyze(tmp_path / "log.csv")


def test_too_many_columns_are_refused_at_once(tmp_path: Path) -> None:
    """A file with more columns than anybody has questions is refused before it is parsed."""
    names = ["persona", "arm", *(f"c{i}" for i in range(20_000))]
    (tmp_path / "log.csv").write_text(",".join(names) + "\n" + ",".join(["x"] * len(names)) + "\n")
    with pytest.raises(InputError, match="20,002 columns, and 20,000 can be read"):
        confound.analyze(tmp_path / "log.csv")
