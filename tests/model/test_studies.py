"""The studies on a real language model, from the command line to the page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simulate.study.reading import load_study
from tests.model.page import analyze_command
from tests.vllm.commands import KEY, ran, responses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.model.conftest import Run

CELL = ["persona", "arm", "question"]
# Two runs of one model differ by chance alone: one test in ten thousand says otherwise.
LEVEL, PERMUTATIONS = 1e-4, 20_000


def check_whole(frame: pd.DataFrame, study: str, *, conversations: int) -> None:
    """Hold that each question is answered once in each conversation, by an option or for a reason not at all."""
    assert not frame.duplicated(KEY).any()
    asked = frame.groupby("iteration")["question"].nunique()
    assert (frame.groupby("iteration").size() == asked * conversations).all()
    assert (frame["response"].isna() == frame["reason"].notna()).all()
    questions = load_study(study).questions
    for question, answers in frame.groupby("question")["response"]:
        assert set(answers.dropna()) <= set(questions[str(question)].options)


def check_analysed(run: Path, report: Path) -> None:
    """Hold that the analysis ends with a verdict, tables that can be read and a page."""
    assert ran(*analyze_command(str(run), str(report))).stdout.startswith("VERDICT")
    iterations = set(responses(run)["iteration"])
    drift = pd.read_csv(report / "tables" / "drift.csv")
    assert set(drift["iteration"]) == iterations
    assert drift["tvd_plugin"].between(0, 1).all()
    assert set(pd.read_csv(report / "tables" / "effects.csv")["iteration"]) == iterations
    page = (report / "report.html").read_text(encoding="utf-8")
    assert all(question in page for question in drift["question"].unique())


def test_a_survey_goes_from_the_model_to_the_page(survey: Run, tmp_path: Path) -> None:
    """Every answer is an option, each prompt was asked once for all trials, adopted answers are the model's own."""
    frame = responses(survey.folder)
    check_whole(frame, "opinionqa", conversations=2 * 8 * 2)
    assert frame["response"].notna().all()
    assert "Unknown" not in survey.said
    # What is drawn is neither one answer each time nor the same in each call.
    assert frame.groupby("question")["response"].nunique().gt(1).mean() > 0.5
    assert json.loads((survey.folder / "manifest.json").read_text())["calls"] == len(frame) / 8
    adopted = pd.read_parquet(survey.folder / "attributes.parquet")
    assert set(adopted["persona"]) == set(frame["persona"])
    check_analysed(survey.folder, tmp_path / "report")


def test_a_dialogue_goes_from_the_model_to_the_page(simulated: Callable[..., Run], tmp_path: Path) -> None:
    """Agent and user are both the model: every message has text, and every question after it an answer."""
    short = ("--max-tokens", "16", "--agent-sampling", "max_tokens=16")
    run = simulated("book_opinions", "--choice", *short, personas=2, trials=1, iterations=1)
    check_whole(responses(run.folder), "book_opinions", conversations=2 * 2)
    assert responses(run.folder)["response"].notna().all()
    assert "empty" not in run.said
    check_analysed(run.folder, tmp_path / "report")


def test_free_answers_are_options_or_unknown_for_a_reason(simulated: Callable[..., Run]) -> None:
    """So small a model often does not keep to the options: what is none is Unknown, and its share is told."""
    run = simulated("opinionqa", "--max-tokens", "16", personas=1, trials=8, iterations=1)
    frame = responses(run.folder)
    check_whole(frame, "opinionqa", conversations=8 * 2)
    unknown = int(frame["response"].isna().sum())
    assert 0 < unknown < len(frame)
    told = re.search(r"([\d,]+) of ([\d,]+) answers are Unknown \((\d+)%\)", run.said)
    assert told is not None
    assert [int(number.replace(",", "")) for number in told.groups()] == [
        *(unknown, len(frame)),
        round(100 * unknown / len(frame)),
    ]


def test_two_runs_agree_in_distribution(survey: Run, simulated: Callable[..., Run]) -> None:
    """Answers drawn again to the same prompts have the same distribution; with other options they would not."""
    again = simulated("opinionqa", "--choice", personas=2, trials=8, iterations=1)
    frames = [responses(run.folder).query("iteration == 0").assign(run=n) for n, run in enumerate((survey, again))]
    one, other = (frame.sort_values(KEY)["response"].tolist() for frame in frames)
    assert one != other
    assert p_value(pd.concat(frames)) > LEVEL
    options = load_study("opinionqa").questions
    moved = [
        options[question].options[(options[question].options.index(answer) + 1) % len(options[question].options)]
        for question, answer in zip(frames[1]["question"], frames[1]["response"], strict=True)
    ]
    assert p_value(pd.concat([frames[0], frames[1].assign(response=moved)])) < LEVEL


def p_value(frame: pd.DataFrame) -> float:
    """Test by permutation within each prompt whether two runs answer it alike: the squared differences of counts."""
    rng = np.random.default_rng(0)
    total, seen = np.zeros(PERMUTATIONS), 0.0
    for _, cell in frame.groupby(CELL):
        hits = pd.get_dummies(cell["response"]).to_numpy(dtype=np.float64)
        first = (cell["run"] == 0).to_numpy()
        seen += distance(hits, first[None, :])[0]
        total += distance(hits, rng.permuted(np.tile(first, (PERMUTATIONS, 1)), axis=1))
    return float((1 + (total >= seen - 1e-9).sum()) / (1 + PERMUTATIONS))


def distance(hits: NDArray[np.float64], first: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each split of a prompt's answers the squared difference of its halves' counts."""
    signs = np.where(first, 1.0, -1.0)
    return ((signs @ hits) ** 2).sum(axis=1)
