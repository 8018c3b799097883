"""What other tools leave is read as it is: each kind clean, odd and broken; an ordinary log is none of them."""

import csv
import json
import sqlite3
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confound import InputError
from confound.log.importers import IMPORTERS, recognised
from tests.log.made import analysed, made, numbers, told

same = pd.testing.assert_frame_equal


def wide() -> pd.DataFrame:
    """Return one conversation a row: the first trial of each persona and arm."""
    rows = made(trials=1).pivot_table(index=["persona", "arm"], columns="question", values="response", aggfunc="first")
    return rows.reset_index()


def long() -> pd.DataFrame:
    """Return all trials."""
    return made(trials=3)


def write_rows(path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    """Write rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return path


def qualtrics(folder: Path, *, header_rows: int = 3, extra: bool = False) -> Path:
    """Write what Qualtrics exports."""
    names = ["StartDate", "Progress", "ResponseId", "Condition", "likely", "party"]
    texts = ["Start Date", "Progress", "Response ID", "Condition", "How likely\nare you?", "Your party?"]
    ids = [json.dumps({"ImportId": text}) for text in texts]
    rows = [["2026-01-01", "100", *row] for row in wide()[["persona", "arm", "likely", "party"]].to_numpy().tolist()]
    if extra:
        names, texts, ids = [*names, "Q9_First Click"], [*texts, "Timing"], [*ids, '{"ImportId":"QID9_FIRST"}']
        rows = [[*row, "0.3"] for row in rows]
    head = [names, texts, ids] if header_rows == 3 else [names, ids]
    return write_rows(folder / "export.csv", [*head, *rows])


@pytest.mark.parametrize("options", [{}, {"header_rows": 2}, {"extra": True}])
def test_qualtrics(options: dict[str, Any], tmp_path: Path) -> None:
    """Header rows are no arms, metadata no questions, and the response is the persona."""
    found = analysed(qualtrics(tmp_path, **options))
    same(numbers(found), numbers(analysed(wide())))
    assert "Qualtrics export of 24 responses" in told(found)


def test_qualtrics_without_responses(tmp_path: Path) -> None:
    """An export of a survey that nobody answered is refused."""
    write_rows(tmp_path / "q.csv", [["ResponseId", "Q1"], ["Response ID", "Q?"], ['{"ImportId":"a"}'] * 2])
    with pytest.raises(InputError, match="without a response"):
        analysed(tmp_path / "q.csv")


def otree(folder: Path, arm: str = "participant.treatment") -> Path:
    """Write what oTree exports."""
    rows = wide()
    names = [
        "participant.code",
        "session.code",
        arm,
        "app.1.player.id_in_group",
        "app.1.player.likely",
        "app.1.player.party",
    ]
    body = [[p, "s1", a, 1, likely, party] for p, a, likely, party in rows.to_numpy().tolist()]
    return write_rows(folder / "all_apps_wide.csv", [names, *body])


@pytest.mark.parametrize("arm", ["participant.treatment", "session.config.condition", "participant.group"])
def test_otree(arm: str, tmp_path: Path) -> None:
    """Fields of the player are the questions, and a column called like an arm is it."""
    roles = {"outcome": ["*.likely"], "negative_control": ["*.party"]}
    same(numbers(analysed(otree(tmp_path, arm), **roles)), numbers(analysed(wide())))


def test_otree_without_an_arm(tmp_path: Path) -> None:
    """Without such a column the message says how the file was read and what to say."""
    with pytest.raises(InputError, match=r"'arm' is missing.*oTree export.*--arm COLUMN"):
        analysed(otree(tmp_path, "participant.label"), outcome=["*.likely"], negative_control=["*.party"])


def edsl_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Lay answers out as EDSL's results."""
    return [
        {
            "agent": {"name": p, "traits": {"arm": arm}},
            "scenario": {"scenario_index": 0},
            "model": {"model": "gpt", "parameters": {"temperature": 1}},
            "iteration": int(trial),
            "answer": {"likely": int(likely), "party": party},
        }
        for p, arm, trial, likely, party in rows[["persona", "arm", "trial", "likely", "party"]].to_numpy().tolist()
    ]


def conversations() -> pd.DataFrame:
    """Return one conversation a row, with its trial."""
    index = ["persona", "arm", "trial"]
    return long().pivot_table(index=index, columns="question", values="response", aggfunc="first").reset_index()


def test_edsl_json(tmp_path: Path) -> None:
    """The agent is the persona, `iteration` the trial, and nothing is decomposed."""
    (tmp_path / "results.json").write_text(json.dumps({"data": edsl_rows(conversations()), "survey": {}}))
    found = analysed(tmp_path / "results.json", outcome=["answer.likely"], negative_control=["answer.party"])
    same(numbers(found), numbers(analysed(long())))
    assert set(found.drift["iteration"]) == {0}


def test_edsl_csv(tmp_path: Path) -> None:
    """The table of `to_pandas` gives the same, scenarios that differ are items, and a cache is told."""
    rows = conversations()
    flat = pd.DataFrame(
        {
            "agent.agent_name": rows["persona"],
            "agent.arm": rows["arm"],
            "answer.likely": rows["likely"],
            "answer.party": rows["party"],
            "iteration.iteration": rows["trial"],
            "model.model": "gpt",
            "scenario.product": "tea",
            "cache_used.likely_cache_used": rows["trial"] != "0",
        }
    )
    flat.to_csv(tmp_path / "r.csv", index=False)
    roles = {"outcome": ["answer.likely"], "negative_control": ["answer.party"]}
    found = analysed(tmp_path / "r.csv", **roles)
    same(numbers(found), numbers(analysed(long())))
    assert "48 answers came from EDSL's cache" in told(found)
    pd.concat([flat, flat.assign(**{"scenario.product": "coffee"})]).to_csv(tmp_path / "two.csv", index=False)
    assert "column 'item', 2 of them" in told(analysed(tmp_path / "two.csv", **roles))


def test_edsl_broken(tmp_path: Path) -> None:
    """Results that hold no list are refused."""
    (tmp_path / "r.json").write_text('{"edsl_class_name": "Results", "data": {"answer": 1}}')
    with pytest.raises(InputError, match="should hold a list"):
        analysed(tmp_path / "r.json", format="edsl-json")


def batch_line(name: str, answer: str | list[str] | None, style: str) -> dict[str, Any]:
    """Return a line of a batch's output."""
    if answer is None:
        return {"custom_id": name, "response": {"status_code": 500, "body": {}}, "error": {"message": "busy"}}
    if style == "anthropic":
        content = [{"type": "text", "text": answer}]
        return {"custom_id": name, "result": {"type": "succeeded", "message": {"model": "c", "content": content}}}
    texts = answer if isinstance(answer, list) else [answer]
    choices = [{"index": i, "message": {"content": text}} for i, text in enumerate(texts)]
    return {"custom_id": name, "response": {"status_code": 200, "body": {"model": "m", "choices": choices}}}


@pytest.mark.parametrize("style", ["openai", "anthropic"])
@pytest.mark.parametrize("separator", ["|", "::", "__"])
@pytest.mark.parametrize("answer", ["{}", '{{"answer": "{}"}}', '```json\n{{"choice": "{}"}}\n```'])
def test_batches(style: str, separator: str, answer: str, tmp_path: Path) -> None:
    """The usual forms of `custom_id` are taken apart, and answers taken out of JSON."""
    rows = long()
    lines = [
        batch_line(separator.join((p, arm, q, f"rep{t}")), answer.format(text), style)
        for p, arm, t, q, text in rows.to_numpy().tolist()
    ]
    path = tmp_path / "out.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    same(numbers(analysed(path)), numbers(analysed(rows)))


def test_a_batch_of_several_choices_and_a_failure(tmp_path: Path) -> None:
    """Several choices are several trials; a call that failed is Unknown, and told."""
    rows = long().groupby(["persona", "arm", "question"], sort=False)["response"].agg(list).reset_index()
    lines = [batch_line(f"{q}.{arm}.{p}", texts, "openai") for p, arm, q, texts in rows.to_numpy().tolist()]
    lines.append(batch_line("party.control.p00", None, "openai"))
    path = tmp_path / "out.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    found = analysed(path, custom_id="{question}.{arm}.{persona}")
    assert found.drift["n_control"].iloc[0] == 12 * 3
    assert found.data.query("question == 'party' and arm == 'control'")["n_unknown"].sum() == 1
    assert "1 calls failed" in told(found)


@pytest.mark.parametrize("pattern", [None, "{persona}-{arm}-{question}", "{who}|{arm}"])
def test_a_custom_id_that_does_not_fit(pattern: str | None, tmp_path: Path) -> None:
    """What cannot be taken apart without guessing is refused with the way out."""
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps(batch_line("request-17", "x", "openai")))
    with pytest.raises(InputError, match="--custom-id"):
        analysed(path, custom_id=pattern)


def inspect_log(arm: str, *, scored: bool) -> dict[str, Any]:
    """Return an Inspect log of one arm."""
    samples = [
        {
            "id": p,
            "epoch": int(t) + 1,
            "metadata": {"question": q},
            "output": {"completion": "I think: " + text if scored else text},
            "scores": {"match": {"value": "C", "answer": text}} if scored else {},
        }
        for p, a, t, q, text in long().to_numpy().tolist()
        if a == arm
    ]
    return {
        "version": 2,
        "status": "success",
        "eval": {"task": "survey", "model": "m", "task_args": {"arm": arm}},
        "samples": samples,
    }


@pytest.mark.parametrize("form", ["json", "eval"])
@pytest.mark.parametrize("scored", [True, False])
def test_inspect(form: str, scored: bool, tmp_path: Path) -> None:
    """Logs of two arms, in either form, are one log: samples are personas, epochs trials."""
    for arm in ("control", "treated"):
        held = inspect_log(arm, scored=scored)
        path = tmp_path / f"{arm}.{form}"
        if form == "json":
            path.write_text(json.dumps(held))
            continue
        with zipfile.ZipFile(path, "w") as packed:
            samples = held.pop("samples")
            packed.writestr("header.json", json.dumps(held))
            for i, sample in enumerate(samples):
                packed.writestr(f"samples/{i:04d}.json", json.dumps(sample))
    same(numbers(analysed(tmp_path)), numbers(analysed(long())))


def test_inspect_without_samples(tmp_path: Path) -> None:
    """A run that was stopped is refused with its status."""
    (tmp_path / "x.json").write_text('{"version": 2, "status": "cancelled", "eval": {"task": "t"}, "samples": []}')
    with pytest.raises(InputError, match=r"without samples. Its status is 'cancelled'"):
        analysed(tmp_path / "x.json")


def tau2(reward: float) -> dict[str, Any]:
    """Return results of tau2."""
    runs = [
        {
            "task_id": f"t{i}",
            "trial": k,
            "seed": k,
            "reward_info": {"reward": reward + i % 2},
            "termination_reason": "user_stop",
        }
        for i in range(6)
        for k in range(2)
    ]
    return {"info": {"agent_info": {"llm": "gpt"}, "num_trials": 2}, "tasks": [], "simulations": runs}


def test_tau2(tmp_path: Path) -> None:
    """The task is the persona and the arm comes from the path; alone it is refused with that advice."""
    for arm, reward in (("base", 0.0), ("new", 1.0)):
        (tmp_path / f"{arm}.json").write_text(json.dumps(tau2(reward)))
    found = analysed(f"{tmp_path}/{{arm}}.json", outcome=["reward"], negative_control=[])
    assert found.effects["estimate"].iloc[0] == 1
    assert found.effects["n_personas"].iloc[0] == 6
    with pytest.raises(InputError, match=r"'arm' is missing.*name it in the path, as in 'runs/\{arm\}.json'"):
        analysed(tmp_path / "base.json", outcome=["reward"], negative_control=[])
    (tmp_path / "none.json").write_text('{"simulations": [], "tasks": []}')
    with pytest.raises(InputError, match="without simulations"):
        analysed(tmp_path / "none.json")


def nest(rows: pd.DataFrame, keys: Sequence[str]) -> Any:
    """Nest answers by the columns of `keys`."""
    if not keys:
        return rows["response"].tolist()
    return {name: nest(part, keys[1:]) for name, part in rows.groupby(keys[0], sort=False)}


@pytest.mark.parametrize(
    "levels", [("persona", "arm", "question"), ("arm", "question", "persona"), ("question", "arm", "persona")]
)
def test_nested_json(levels: tuple[str, ...], tmp_path: Path) -> None:
    """Objects in objects are read by their levels, lists at the end being trials."""
    (tmp_path / "log.json").write_text(json.dumps(nest(long(), levels)))
    same(numbers(analysed(tmp_path / "log.json", levels=levels)), numbers(analysed(long())))


def test_nested_json_without_or_with_wrong_levels(tmp_path: Path) -> None:
    """Without levels the depth is told; levels that are too many, or unknown, are refused."""
    (tmp_path / "log.json").write_text(json.dumps(nest(long(), ("persona", "arm", "question"))))
    with pytest.raises(InputError, match=r"3 levels deep, such as .*--levels persona,arm,question"):
        analysed(tmp_path / "log.json")
    with pytest.raises(InputError, match="there is no object for the level 'item'"):
        analysed(tmp_path / "log.json", levels=["persona,arm,question,item"])
    with pytest.raises(InputError, match="there is no level 'user'"):
        analysed(tmp_path / "log.json", levels=["user", "arm", "question"])


@pytest.mark.parametrize("orient", ["columns", "split", "records"])
def test_pandas_json(orient: str, tmp_path: Path) -> None:
    """What pandas writes by default, or split, or as records, is the same table."""
    long().to_json(tmp_path / "log.json", orient=orient)  # type: ignore[call-overload]
    same(numbers(analysed(tmp_path / "log.json")), numbers(analysed(long())))


def test_statistical_packages(tmp_path: Path) -> None:
    """Value labels of SPSS and Stata are the answers; a damaged file is refused."""
    pyreadstat = pytest.importorskip("pyreadstat")
    codes = {"Dem": 1.0, "Ind": 2.0, "Rep": 3.0}
    frame = wide().assign(party=lambda t: t["party"].map(codes), likely=lambda t: t["likely"].astype(float))
    labels = {"party": {code: name for name, code in codes.items()}}
    pyreadstat.write_sav(frame, str(tmp_path / "log.sav"), variable_value_labels=labels)
    pyreadstat.write_dta(frame, str(tmp_path / "log.dta"), variable_value_labels=labels)
    for name in ("log.sav", "log.dta"):
        found = analysed(tmp_path / name)
        same(numbers(found), numbers(analysed(wide())))
        assert set(found.distributions.query("question == 'party'")["answer"]) - {"Unknown"} == set(codes)
    (tmp_path / "cut.sav").write_bytes((tmp_path / "log.sav").read_bytes()[:100])
    with pytest.raises(InputError, match=r"cut.sav: cannot be read"):
        analysed(tmp_path / "cut.sav")


def test_excel(tmp_path: Path) -> None:
    """The first sheet is read, whole numbers as such; another by its name."""
    pytest.importorskip("openpyxl")
    path = tmp_path / "log.xlsx"
    with pd.ExcelWriter(path) as book:
        wide().assign(likely=lambda t: t["likely"].astype(float)).to_excel(book, sheet_name="answers", index=False)
        pd.DataFrame({"note": ["x"]}).to_excel(book, sheet_name="notes", index=False)
    found = analysed(path)
    same(numbers(found), numbers(analysed(wide())))
    assert "sheet 'answers'" in told(found)
    with pytest.raises(InputError, match="'persona' and 'arm' and"):
        analysed(path, table="notes")
    with pytest.raises(InputError, match=r"no such sheet. It has answers, notes"):
        analysed(path, table="other")
    (tmp_path / "bad.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(InputError, match=r"bad.xlsx: cannot be read"):
        analysed(tmp_path / "bad.xlsx")


def test_sqlite(tmp_path: Path) -> None:
    """The table that holds answers is read; where several do, one has to be named."""
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as connection:
        long().to_sql("answers; drop", connection, index=False)
        pd.DataFrame({"note": ["x"]}).to_sql("notes", connection, index=False)
    same(numbers(analysed(path)), numbers(analysed(long())))
    before = path.read_bytes()
    with sqlite3.connect(path) as connection:
        long().to_sql("more", connection, index=False)
    with pytest.raises(InputError, match=r"name the table with --table. There are: answers; drop, more, notes"):
        analysed(path)
    same(numbers(analysed(path, table="more")), numbers(analysed(long())))
    path.write_bytes(before[:200])
    with pytest.raises(InputError, match=r"log.db: cannot be read"):
        analysed(path)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "log.csv": lambda frame, path: frame.to_csv(path, index=False),
    "log.jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "log.json": lambda frame, path: frame.to_json(path, orient="records"),
    "log.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_an_ordinary_log_is_no_export(name: str, tmp_path: Path) -> None:
    """A response table is read as that, whatever its texts say."""
    frame = long().assign(text='{"ImportId":"QID1"} custom_id "simulations" "eval" "agent" "traits" "answer"')
    WRITERS[name](frame, tmp_path / name)
    assert recognised(tmp_path / name) is None
    same(numbers(analysed(tmp_path / name)), numbers(analysed(long())))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted({s for each in IMPORTERS for s in each.suffixes})))
def test_recognising_raises_nothing(content: bytes, suffix: str) -> None:
    """Whatever a file holds, it is looked at without an error."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"log{suffix}"
        path.write_bytes(content)
        recognised(path)


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    """`--format` lists what it knows."""
    WRITERS["log.csv"](long(), tmp_path / "log.csv")
    with pytest.raises(InputError, match=r"no such format. Known are table, qualtrics"):
        analysed(tmp_path / "log.csv", format="word")
    (tmp_path / "x.sav").write_text("persona,arm\n")
    with pytest.raises(InputError, match="its content is not what its name says"):
        analysed(tmp_path / "x.sav")
