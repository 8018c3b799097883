"""Columns by name, wide tables, arms of several columns and from the path: the same log gives the same numbers."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import confound
from confound import InputError
from confound.log.layout import Layout, proposal
from confound.text import typed
from tests.log.made import ROLES, analysed, made, numbers, told

same = pd.testing.assert_frame_equal


@pytest.fixture(scope="module")
def plain() -> pd.DataFrame:
    """Return the numbers of the log as it is."""
    return numbers(analysed(made()))


def test_columns_by_name(plain: pd.DataFrame) -> None:
    """A log whose columns have other names is read by naming them, and `--rename` says the same."""
    names = {"persona": "agent_id", "arm": "variant", "question": "variable", "response": "value", "trial": "rep"}
    other = made().rename(columns=names)
    by_option = {new: ([old] if new == "arm" else old) for new, old in names.items()}
    same(numbers(analysed(other, **by_option)), plain)
    same(numbers(analysed(other, rename={old: new for new, old in names.items()})), plain)


@pytest.mark.parametrize("taken", ["persona", "arm", "model", "study", "iteration", "value"])
def test_a_column_that_is_named_is_read_as_nothing_else(taken: str, plain: pd.DataFrame) -> None:
    """What is called like one column of the response table and named as another acts as the other alone."""
    moved = {"persona": "persona", "arm": "arm"}.get(taken, "response")
    source = {"persona": "agent", "arm": "version", "response": "pred"}[moved]
    other = made().rename(columns={moved: source})
    if moved == "response":
        other = other.rename(columns={source: taken})
        same(numbers(analysed(other, response=taken)), plain)
    else:
        junk = {"persona": "archetype", "arm": "all"}[moved]
        options = {moved: source} if moved == "persona" else {moved: [source]}
        same(numbers(analysed(other.assign(**{moved: junk}), **options)), plain)


def test_the_old_column_of_a_rename_is_consumed(plain: pd.DataFrame) -> None:
    """`--rename iteration=trial` leaves no iteration behind."""
    found = analysed(made().rename(columns={"trial": "iteration"}), rename={"iteration": "trial"})
    same(numbers(found), plain)
    assert set(found.drift["iteration"]) == {0}


@pytest.mark.parametrize("options", [{"persona": "nobody"}, {"arm": ["arm", "price"]}, {"rename": {"nobody": "item"}}])
def test_a_column_that_is_missing_is_named(options: dict[str, object]) -> None:
    """A column that the user names and the log lacks is refused by its option."""
    with pytest.raises(InputError, match=r"--\w+ (nobody|price).*column '(nobody|price)' is missing; found persona"):
        analysed(made(), **options)


def wide(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row a conversation."""
    return frame.pivot_table(
        aggfunc="first", index=["persona", "arm", "trial"], columns="question", values="response"
    ).reset_index()


@pytest.mark.parametrize("columns", [["persona", "arm", "trial"], ["persona", "arm", "trial", "mood", "note"]])
def test_wide_tables(columns: list[str], plain: pd.DataFrame, tmp_path: Path) -> None:
    """A table with a column a question gives the numbers of the long one, other columns beside or not."""
    table = wide(made()).assign(mood="fine", note=["a, b"] * len(wide(made())))
    table = table[[*columns, "likely", "party"]]
    same(numbers(analysed(table)), plain)
    table.to_csv(tmp_path / "log.csv", index=False)
    table.to_parquet(tmp_path / "log.parquet")
    table.to_json(tmp_path / "log.jsonl", orient="records", lines=True)
    for file in ("log.csv", "log.parquet", "log.jsonl"):
        same(numbers(analysed(tmp_path / file)), plain)


def test_one_question_needs_no_column_of_questions() -> None:
    """Where `response` is all that was asked, the question is called so."""
    frame = made()
    one = frame[frame["question"] == "likely"].drop(columns="question").rename(columns={"response": "answer"})
    found = analysed(one, outcome=["answer"], negative_control=[], response="answer")
    assert found.effects["question"].unique().tolist() == ["answer"]
    assert found.effects["estimate"].iloc[0] == analysed(frame).effects["estimate"].iloc[0]


def test_several_arm_columns_give_main_effects() -> None:
    """Arms of two columns are their combinations; each column is a study of its own, averaged over the other."""
    rng = np.random.default_rng(3)
    rows = [
        (f"p{p}", tone, price, t, 3 + 0.5 * (tone == "warm") - (price == "high") + rng.integers(-1, 2))
        for p in range(10)
        for tone in ("plain", "warm")
        for price in ("high", "low")
        for t in range(4)
    ]
    frame = pd.DataFrame(rows, columns=["persona", "tone", "price", "trial", "likely"])
    found = analysed(frame, arm=["tone", "price"], negative_control=[], control=["low"])
    effects = found.effects.query("level == ''").set_index(["study", "contrast"])["estimate"]
    means = frame.pivot_table(index="persona", columns="tone", values="likely")
    assert effects["study by tone", "warm - plain"] == pytest.approx((means["warm"] - means["plain"]).mean())
    means = frame.pivot_table(index="persona", columns="price", values="likely")
    assert effects["study by price", "high - low"] == pytest.approx((means["high"] - means["low"]).mean())
    assert {c for s, c in effects.index if s == "study"} == {
        "plain, low - plain, high",
        "warm, high - plain, high",
        "warm, low - plain, high",
    }


def test_arm_and_model_from_the_path(plain: pd.DataFrame, tmp_path: Path) -> None:
    """Names in braces are columns; text and parquet alike."""
    for model in ("a", "b"):
        for arm, rows in made().groupby("arm"):
            folder = tmp_path / f"run_{model}"
            folder.mkdir(exist_ok=True)
            rows.drop(columns="arm").to_csv(folder / f"{arm}.csv", index=False)
            rows.drop(columns="arm").to_parquet(folder / f"{arm}.parquet")
    for suffix in ("csv", "parquet"):
        one = analysed(f"{tmp_path}/run_a/{{arm}}.{suffix}")
        same(numbers(one), plain)
        both = analysed(f"{tmp_path}/run_{{model}}/{{arm}}.{suffix}")
        assert set(both.drift["model"]) == {"a", "b"}
    with pytest.raises(InputError, match="is no column"):
        analysed(f"{tmp_path}/run_{{version}}/{{arm}}.csv")
    with pytest.raises(InputError, match="no file of a known format fits"):
        analysed(f"{tmp_path}/runs/{{arm}}.csv")


CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "rows": lambda frame: frame.sample(frac=1, random_state=1),
    "columns": lambda frame: frame[frame.columns[::-1]],
    "personas": lambda frame: frame.assign(persona="user " + frame["persona"].str[::-1]),
    "blanks": lambda frame: frame.assign(response=" " + frame["response"] + "\u00a0"),
    "case of the arm": lambda frame: frame.assign(
        arm=frame["arm"].where(frame.index % 3 > 0, frame["arm"].str.title())
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_number_moves_with_how_a_log_is_written(change: str, plain: pd.DataFrame) -> None:
    """Order of rows and columns, names of personas, blanks and case change nothing."""
    same(numbers(analysed(CHANGES[change](made()))), plain)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters(encoding: str, delimiter: str, tmp_path: Path) -> None:
    """Letters beyond ASCII are read in each encoding; Windows' is said."""
    frame = made().replace({"response": {"Ind": "Indépendant"}})
    expected = numbers(analysed(frame))
    half = len(frame) // 2
    for number, part in enumerate((frame[:half], frame[half:])):  # a log in two files
        part.to_csv(tmp_path / f"log{number}.csv", index=False, encoding=encoding, sep=delimiter)
    found = analysed(tmp_path)
    same(numbers(found), expected)
    assert ("Windows-1252" in told(found)) == (encoding == "cp1252")
    assert "Indépendant" in set(found.distributions["answer"])


def test_comment_lines_and_pointers(plain: pd.DataFrame, tmp_path: Path) -> None:
    """Lines that begin with # before the header are passed over; a pointer of Git LFS is called that."""
    text = made().to_csv(index=False)
    (tmp_path / "log.csv").write_text(f"# run 3, gpt\n#\n\n{text}")
    same(numbers(analysed(tmp_path / "log.csv")), plain)
    (tmp_path / "hash.csv").write_text("#" + text.replace("persona", "id", 1))
    same(numbers(analysed(tmp_path / "hash.csv", persona="#id")), plain)
    for name in ("lfs.csv", "lfs.parquet", "lfs.json"):
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
        with pytest.raises(InputError, match=r"Git LFS pointer.*git lfs pull"):
            analysed(tmp_path / name)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["persona", "arm", "variable", "value"], "--question variable --response value"),
        (["persona", "model", "trial", "question", "response"], "--arm model"),
        (
            ["ResponseId", "Condition", "Q1", "Q2"],
            "--persona ResponseId --arm Condition --outcome Q1 --outcome Q2",
        ),
        (
            ["ResponseId", "Condition", "buys", "party", "age"],
            "--persona ResponseId --arm Condition --outcome buys --negative-control party --negative-control age",
        ),
        (["StartDate", "EndDate", "Q1"], ""),
        (["", "a"], ""),
        (["user id", "group", "buys"], ""),
    ],
)
def test_what_is_proposed(columns: list[str], expected: str) -> None:
    """A message proposes what the names of columns say, and nothing where they say nothing."""
    assert typed(proposal(columns, Layout())) == expected


def test_an_error_ends_with_a_command_that_works(tmp_path: Path) -> None:
    """What the message tells to try can be tried, and then names the roles to give."""
    path = tmp_path / "log.csv"
    made().rename(columns={"persona": "agent_id", "arm": "condition"}).to_csv(path, index=False)
    with pytest.raises(InputError) as error:
        confound.describe(path)
    found = re.search(r"Try: confound check \S+ --persona (\S+) --arm (\S+)$", str(error.value))
    assert found is not None
    with pytest.raises(InputError) as error:
        confound.describe(path, persona=found[1], arm=[found[2]])
    assert str(error.value).endswith("it could be: --outcome likely --negative-control party")
    assert len(confound.describe(path, persona=found[1], arm=[found[2]], **ROLES).contrasts) == 1  # type: ignore[arg-type]


def test_read_gives_the_long_table() -> None:
    """`confound.read` returns the table that is counted: columns named, answers missing where a code says so."""
    table = wide(made()).rename(columns={"arm": "version"})
    table.loc[0, "likely"] = "-99"
    long = confound.read(table, arm=["version"], **ROLES)  # type: ignore[arg-type]
    assert list(long.columns) == ["persona", "arm", "question", "response", "trial"]
    assert len(long) == 2 * len(table)
    assert long["response"].isna().sum() == 1
