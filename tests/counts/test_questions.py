"""Roles and scales of questions, from the log, the options and study files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from confound import InputError
from confound.counts.cells import cells
from confound.counts.counting import Grouped, group
from confound.counts.notes import Note
from confound.counts.options import Options
from confound.counts.questions import Question, resolve
from confound.counts.study_file import read_study_files
from confound.log import response_table


def counted(frame: pd.DataFrame) -> Grouped:
    """Count a log in memory."""
    with response_table.opened(frame) as log:
        return group(log)


def table(answers: dict[str, list[Any]], **columns: Any) -> pd.DataFrame:
    """Return a log of one persona and arm with the given answers by question."""
    rows = [(question, answer) for question, given in answers.items() for answer in given]
    frame = pd.DataFrame(rows, columns=["question", "response"]).astype({"response": object})
    return frame.assign(persona="p", arm="a", **columns)


def resolved(frame: pd.DataFrame, **options: Any) -> tuple[dict[str, Question], list[Note]]:
    """Return the questions of study "study" by name, and the remarks."""
    _, questions, notes = resolve(counted(frame), Options(**options))
    return {question: spec for (_, question), spec in questions.items()}, notes


def test_roles_of_options_come_first(tmp_path: Path) -> None:
    """An option's role overrides the study file's, which overrides the log's."""
    frame = table({"a": ["x"], "b": ["x"], "c": ["x"]}, role="retention")
    path = tmp_path / "study.yaml"
    path.write_text("questions:\n  - {id: b, role: confounder}\n  - {id: c, role: confounder}\n", encoding="utf-8")
    found, _ = resolved(frame, outcome=("c",), study_file=[path])
    assert {q: spec.role for q, spec in found.items()} == {"a": "retention", "b": "confounder", "c": "outcome"}


def test_globs_and_brackets() -> None:
    """A pattern means all questions it matches; a question whose name holds brackets means itself."""
    frame = table({"race_1": ["x"], "race_2": ["x"], "q[1]": ["x"], "q1": ["x"]})
    found, notes = resolved(frame, negative_control=("race_*", "q[[]1]"))
    assert set(found) == {"race_1", "race_2", "q[1]"}
    assert notes[-1].message.startswith("Left out, having no role: q1.")
    assert set(resolved(frame, outcome=("q[1]",))[0]) == {"q[1]", "q1"}


def test_role_spellings() -> None:
    """A role is read in any case, with blanks or hyphens."""
    frame = table({"a": ["x"], "b": ["x"]})
    frame["role"] = ["Negative-Control", " OUTCOME "]
    assert {q: spec.role for q, spec in resolved(frame)[0].items()} == {"a": "negative_control", "b": "outcome"}


def test_value_column_orders() -> None:
    """Column `value` orders answers that have one number each, and a question without a number stays nominal."""
    frame = table({"a": ["low", "high", "low", None], "b": ["x", "y"]}, role="outcome")
    frame["value"] = [1, 5, 1, np.nan, np.nan, np.nan]
    found, notes = resolved(frame)
    assert found["a"].scale.answers == ("low", "high")
    assert found["a"].scale.source == "column value"
    assert found["b"].scale.kind == "nominal"
    assert notes == []


def test_value_in_part() -> None:
    """A `value` that some answers lack is not used, and the result says so."""
    frame = table({"a": ["low", "high"]}, role="outcome", value=[1, np.nan])
    found, notes = resolved(frame)
    assert found["a"].scale.kind == "nominal"
    assert [note.message for note in notes] == ["Column 'value' is empty for 1 answers, so it is not used."]


def test_value_that_varies() -> None:
    """An outcome whose answers have several numbers each is a measurement."""
    frame = table({"a": ["spend", "spend"]}, role="outcome", value=[1.5, 2.5])
    found, _ = resolved(frame)
    assert found["a"].scale.kind == "continuous"
    assert found["a"].recorded


def test_value_of_something_else() -> None:
    """A column `value` that holds other numbers than the answers is not the number behind them."""
    frame = table({"a": ["4", "5", "4", "5"]}, role="outcome", value=[11, 20, 35, 4])
    found, notes = resolved(frame)
    assert found["a"].scale.source == "numbers in the answers"
    assert ["not used" in note.message for note in notes] == [True]


def test_suspect_answers() -> None:
    """Answers that share a number are pointed out."""
    frame = table({"b": ["1 - a", "1 - b", "2"]}, role="outcome")
    messages = [note.message for note in resolved(frame)[1]]
    assert any("'1 - a' and '1 - b' share the number 1" in message for message in messages)


def test_binning() -> None:
    """Bins replace numbers study by study, patterns included, and leave Unknown and other questions alone."""
    frame = table({"spend": [*range(100), None], "likely": ["1", "2"]}, role="negative_control")
    grouped, questions, _ = resolve(counted(frame), Options(bins={"sp*": 4}))
    scale = questions["study", "spend"].scale
    assert scale.answers == ("0 to 24", "25 to 49", "50 to 74", "75 to 99")
    np.testing.assert_array_equal(scale.values, [12.0, 37.0, 62.0, 87.0])
    assert questions["study", "likely"].scale.answers == ("1", "2")
    spend = grouped.codes["question"] == grouped.labels["question"].index("spend")
    assert grouped.n[spend & (grouped.codes["response"] == -1)].sum() == 1


def test_binning_many_numbers() -> None:
    """A measurement with tens of thousands of distinct numbers can be binned."""
    numbers = np.random.default_rng(0).normal(size=30_000).round(6).tolist()
    _, questions, _ = resolve(counted(table({"q": numbers}, role="negative_control")), Options(bins={"q": 5}))
    assert len(questions["study", "q"].scale.answers) == 5


def test_controls_with_many_numbers_are_binned() -> None:
    """A control with more numbers than can be tabulated is put into ten bins of all arms together, and that is said."""
    frame = table({"age": [*range(18, 98), None]}, role="negative_control")
    arms = pd.concat([frame, frame.assign(arm="b", response=frame["response"] + 40)])
    grouped, questions, notes = resolve(counted(arms), Options())
    scale = questions["study", "age"].scale
    assert (scale.kind, len(scale.answers)) == ("ordinal", 10)
    assert scale.answers[0] == "18 to 33"
    assert notes[0].question == "age"
    assert notes[0].message.startswith("Its 120 different numbers were put into 10 bins")
    assert "--bin age=quantile:N" in notes[0].message
    cell = next(cells(grouped, questions))
    assert cell.totals.tolist() == [[sum(range(18, 98)), sum(range(58, 138))]]
    assert (cell.low, cell.high) == (18, 137)
    assert cell.numbers is not None
    held = [cell.numbers.counts(1, arm) @ cell.numbers.points for arm in (0, 1)]
    assert held == [cell.totals[:, 0], cell.totals[:, 1]]
    assert cell.answers.sum(axis=2).tolist() == [[81, 81]]
    assert not resolved(arms, bins={"age": 4})[1]


def test_a_given_order_is_not_binned() -> None:
    """An order names every answer, so many answers stay apart."""
    frame = table({"q": list(range(40))}, role="negative_control")
    assert len(resolved(frame, order={"q": [str(n) for n in range(40)]})[0]["q"].scale.answers) == 40


def test_too_many_answers() -> None:
    """31 answers are too many for a negative control and for an outcome, unless they are numbers."""
    words, numbers = [f"w{'x' * i}" for i in range(31)], list(range(31))
    assert resolved(table({"q": words[:30]}, role="negative_control"))[0]["q"].width == 30
    for role, answers in (("negative_control", words), ("negative_control", [*numbers, "none"]), ("outcome", words)):
        with pytest.raises(InputError, match=r"question 'q' has 3[12] distinct answers"):
            resolved(table({"q": answers}, role=role))
    assert resolved(table({"q": numbers}, role="outcome"))[0]["q"].scale.kind == "continuous"
    order = {"q": tuple(words)}
    assert resolved(table({"q": words}, role="negative_control"), order=order)[0]["q"].width == 31


def test_study_files(tmp_path: Path) -> None:
    """A study file's yes and no are answers, its values go with its options, and its control with its study."""
    path = tmp_path / "study.yaml"
    path.write_text(
        "\ufeffstudy: books\ncontrol: plain\nquestions:\n"
        "  - {id: citizen, role: negative_control, options: [no, yes], ordered: true}\n"
        "  - {id: likely, role: outcome, options: [1.0, 2.0], values: [0, 10]}\n"
        "  - {id: born, options: [2020-01-01, off]}\n"
        "  - {id: free, options: [b, a], ordered: false, values: [1, 2]}\n",
        encoding="utf-8",
    )
    said = read_study_files([path])
    specs = said.questions
    assert specs["citizen"].order == ("no", "yes")
    assert specs["likely"].order == ("1.0", "2.0")
    assert specs["likely"].values == {"1": 0.0, "2": 10.0}  # noqa: PD011 -- no frame
    assert specs["born"].order is None
    assert specs["free"].order is None
    assert said.control == (("books", "plain"),)
    frame = table({"citizen": ["yes", "no"], "likely": ["2", "1.0"]})
    found, _ = resolved(frame, study_file=[path])
    assert found["citizen"].scale.answers == ("no", "yes")
    assert found["likely"].scale.values.tolist() == [0, 10]  # noqa: PD011 -- no frame


def test_study_files_agree(tmp_path: Path) -> None:
    """The same question may stand in two study files if they say the same of it."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("questions:\n  - {id: q, role: outcome}\n", encoding="utf-8")
    said = read_study_files([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    assert list(said.questions) == ["q"]
    assert said.control == ()
