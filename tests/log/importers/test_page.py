"""The table of tools on the page about logs: every importer is in it, and every command in it works."""

import json
import re
import shlex
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from confound.cli import main
from confound.log.importers import IMPORTERS
from tests.log.importers.test_importers import (
    batch_line,
    conversations,
    edsl_rows,
    inspect_log,
    long,
    nest,
    otree,
    qualtrics,
    tau2,
    wide,
)

PAGE = Path(__file__).parents[3] / "docs" / "your-log.md"
ROWS = re.findall(
    r"^\| ([^|]+?) \| [^|]+ \| `confound analyze ([^`]+)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
)


def edsl_csv(folder: Path) -> object:
    """Write EDSL's table."""
    rows = conversations()
    table = rows[["trial"]].rename(columns={"trial": "iteration.iteration"})
    table = table.assign(**{"agent.agent_name": rows["persona"], "agent.arm": rows["arm"]})
    table = table.assign(**{"answer.likely": rows["likely"], "answer.party": rows["party"]})
    return table.to_csv(folder / "results.csv", index=False)


def batch(folder: Path) -> object:
    """Write a batch's output."""
    lines = [batch_line(f"{p}|{arm}|{q}|{t}", text, "openai") for p, arm, t, q, text in long().to_numpy().tolist()]
    return (folder / "out.jsonl").write_text("\n".join(map(json.dumps, lines)))


def statistical(folder: Path) -> object:
    """Write SPSS."""
    pyreadstat = pytest.importorskip("pyreadstat")
    return pyreadstat.write_sav(wide().astype(str), str(folder / "log.sav"))


def files(folder: Path, texts: dict[str, object]) -> object:
    """Write JSON files."""
    for name, held in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(held))
    return folder


def database(folder: Path) -> object:
    """Write SQLite."""
    connection = sqlite3.connect(folder / "log.db")
    long().to_sql("answers", connection, index=False)
    return connection.close()


MADE: dict[str, tuple[set[str], Callable[[Path], object]]] = {
    "Qualtrics": ({"qualtrics"}, qualtrics),
    "oTree": ({"otree"}, otree),
    "EDSL, CSV": ({"edsl"}, edsl_csv),
    "EDSL, JSON": ({"edsl-json"}, lambda d: files(d, {"results.json": {"data": edsl_rows(conversations())}})),
    "Inspect AI": (
        {"inspect"},
        lambda d: files(d, {f"logs/{arm}.json": inspect_log(arm, scored=True) for arm in ("control", "treated")}),
    ),
    "OpenAI, vLLM, Anthropic": ({"openai-batch"}, batch),
    "tau2, tau-bench": ({"tau2"}, lambda d: files(d, {"runs/base.json": tau2(0.0), "runs/new.json": tau2(1.0)})),
    "pandas, APIs": (
        {"pandas-json", "wrapped-json"},
        lambda d: files(d, {"log.json": {"results": long().to_dict("records")}}),
    ),
    "nested JSON": ({"levels"}, lambda d: files(d, {"log.json": nest(long(), ("persona", "arm", "question"))})),
    "SPSS, Stata": ({"spss", "stata"}, statistical),
    "Excel": ({"excel"}, lambda d: wide().to_excel(d / "log.xlsx", index=False)),
    "SQLite": ({"sqlite"}, database),
}


def test_every_importer_is_on_the_page() -> None:
    """The rows are those that are tried here, and together they are all importers."""
    assert [tool for tool, _ in ROWS] == list(MADE)
    assert set().union(*(names for names, _ in MADE.values())) == {each.name for each in IMPORTERS}


@pytest.mark.parametrize(("tool", "command"), ROWS, ids=[tool for tool, _ in ROWS])
def test_the_command_works(tool: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of a row reads what the tool leaves, and finds the twelve personas (six tasks) within subjects."""
    MADE[tool][1](tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["check", *shlex.split(command)])
    assert done.exit_code == 0, done.output
    assert "The log can be analysed" in done.output
    sizes = pd.Series(re.findall(r"within +(\d+)", done.output)).unique().tolist()
    assert sizes == (["6"] if tool.startswith("tau2") else ["12"])
