"""Every command and every block of Python in the README and the documentation runs, or says why it does not."""

import io
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

from tests.docs.blocks import PAGES, ROOT, Block, blocks, check, run, same

DATA = ROOT.parent / "shared" / "data"


def logs() -> dict[str, pd.DataFrame]:
    """Return the logs that the pages name: small, and made for this."""
    rows = [
        {"persona": f"u{p}", "arm": arm, "model": model, "question": question, "trial": t, "role": role}
        | {"response": answers[(p * 7 + t * 3 + (arm == "new") * (p + t) % 2) % len(answers)]}
        for model in ("human", "llm")
        for p in range(1, 7)
        for arm in ("old", "new")
        for question, role, answers in (
            ("party", "negative_control", ("Democrat", "Independent", "Republican")),
            ("race", "negative_control", ("Asian", "Black", "White")),
            ("likely_to_buy", "outcome", ("no", "maybe", "yes")),
        )
        for t in range(4)
    ]
    results = pd.DataFrame(rows)
    log = results[results["model"] == "llm"].drop(columns=["role", "model"])
    mine = log[log["question"] != "race"].replace({"question": {"likely_to_buy": "buys"}}).drop(columns="trial")
    names = {"persona": "user_id", "arm": "condition", "question": "item", "response": "answer"}
    return {
        "results.parquet": results,
        "log.csv": log.rename(columns={"persona": "user_id", "arm": "condition"}),
        "my_log.csv": mine.rename(columns=names),
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder that holds the logs."""
    for name, frame in logs().items():
        if name.endswith("parquet"):
            frame.to_parquet(tmp_path / name)
        else:
            frame.to_csv(tmp_path / name, index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_of_a_page_run_in_order(page: Path, folder: Path) -> None:
    """Commands exit with code 0 and Python raises nothing, one after the other in one folder."""
    assert folder.exists()
    names: dict[str, object] = {}
    with mpl.rc_context({"backend": "agg"}):
        for block in blocks(page):
            follow(block, names)


def follow(block: Block, names: dict[str, object]) -> None:
    """Run a block; check the syntax alone of one that is marked."""
    if block.language == "python":
        code = compile(block.text, f"{block.page.name}:{block.line}", "exec")
        if block.mark != "not run":
            with redirect_stdout(io.StringIO()):
                exec(code, names)  # noqa: S102 -- our own pages
    elif block.language in ("console", "bash"):
        for command in block.commands:
            if block.mark == "not run":
                check(command)
            else:
                printed = run(command)
                if len(block.commands) == 1 and block.output and not block.mark:
                    assert same(block.output, printed), f"{block.page.name}:{block.line} shows another output"
    elif block.mark == "head of":
        shown = block.text.split("...")[0].split()
        assert shown[0] == Path(block.said).read_text(encoding="utf-8").split()[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_has_a_language(page: Path) -> None:
    """A block that is not known to this test could hold a command that nobody runs."""
    known = {"console", "python", "bash", "yaml", "text"}
    assert {block.language for block in blocks(page)} <= known


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the published logs are not beside the project")
def test_the_readme_shows_real_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict in the README is what the published log gives."""
    (claim,) = (block for block in blocks(ROOT / "README.md") if block.mark == "output of")
    monkeypatch.chdir(tmp_path)
    command = claim.commands[0].replace("results.parquet", str(DATA / claim.said))
    printed = run(f"{command} --skip figures --skip report")
    assert same(claim.output, printed)
