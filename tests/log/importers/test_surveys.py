"""Surveys as exports really are: other headers, encodings and delimiters, and columns that only look like an arm."""

import csv
import io
import json
from pathlib import Path

import pytest

from confound import InputError
from confound.log.importers import named, recognised
from confound.log.importers.arms import called_arms
from confound.log.importers.protocol import Imported, Wanted


def read(file: Path, name: str) -> Imported:
    """Read a file that is recognised as what it is."""
    found = recognised(file)
    assert found is not None
    assert found.name == name
    return found.read(file, Wanted())


def qualtrics(*columns: tuple[str, str, str, list[str]], delimiter: str = ",", ids: bool = True) -> str:
    """Return an export: of each column its name, its text, its ImportId, and its answers."""
    rows = [[c[0] for c in columns], [c[1] for c in columns]]
    rows += [[json.dumps({"ImportId": c[2]}, separators=(",", ":")) for c in columns]] if ids else []
    rows += [list(row) for row in zip(*(c[3] for c in columns), strict=True)]
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows(rows)
    return stream.getvalue()


DATE = ("StartDate", "Start Date", "startDate", ["2026-01-01"] * 6)
WHO = ("ResponseId", "Response ID", "_recordId", [f"R_{i}" for i in range(6)])
ARM = ("Condition", "Condition", "Condition", ["a", "b"] * 3)
ASKED = ("Q1", "How likely,\nreally?", "QID1", ["3", "", "4", "5", "1", "2"])
AGE = ("age_group", "age_group", "age_group", ["18-29", "30-49", "50+"] * 2)


def test_qualtrics_columns(tmp_path: Path) -> None:
    """Each column is taken for what it is, the question's text kept, and an empty answer missing."""
    path = tmp_path / "export.csv"
    path.write_text(qualtrics(DATE, WHO, ARM, ASKED))
    made = read(path, "qualtrics")
    assert made.columns == {"persona": "ResponseId", "arm": "Condition"}
    assert made.questions == ("Q1",)
    assert made.labels == {"Q1": {"": "How likely,\nreally?"}}
    assert made.table["Q1"].to_pylist() == ["3", None, "4", "5", "1", "2"]


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-16", "\t"), ("utf-8-sig", ","), ("utf-8", ";")])
def test_qualtrics_encodings(encoding: str, delimiter: str, tmp_path: Path) -> None:
    """Qualtrics writes TSV as UTF-16, and a spreadsheet writes semicolons."""
    path = tmp_path / ("export.tsv" if delimiter == "\t" else "export.csv")
    path.write_text(qualtrics(WHO, ARM, ASKED, delimiter=delimiter), encoding=encoding)
    assert read(path, "qualtrics").table["Condition"].to_pylist() == ["a", "b"] * 3


def test_qualtrics_in_windows_letters(tmp_path: Path) -> None:
    """Letters of Windows stay what they are, and it is told."""
    path = tmp_path / "export.csv"
    path.write_text(qualtrics(WHO, ARM, ("Q1", "?", "QID1", ["Österreich", "Ärzte"] * 3)), encoding="cp1252")
    made = read(path, "qualtrics")
    assert set(made.table["Q1"].to_pylist()) == {"Österreich", "Ärzte"}
    assert "Windows-1252" in made.said


def test_qualtrics_of_two_rows_without_ids(tmp_path: Path) -> None:
    """The legacy export has names and texts alone."""
    path = tmp_path / "export.csv"
    path.write_text(qualtrics(DATE, WHO, ARM, ASKED, ids=False))
    made = read(path, "qualtrics")
    assert len(made.table) == 6
    assert made.columns == {"persona": "ResponseId", "arm": "Condition"}


def test_qualtrics_persona_of_its_own(tmp_path: Path) -> None:
    """Where simulated people answer several times, their own column is the persona."""
    path = tmp_path / "export.csv"
    path.write_text(qualtrics(WHO, ("persona", "persona", "persona", ["p1", "p2", "p3"] * 2), ARM, ASKED))
    assert read(path, "qualtrics").columns["persona"] == "persona"


def test_qualtrics_arm_without_a_usual_name(tmp_path: Path) -> None:
    """The only field of few values that is no question is taken for the arm, and told; of two, none is."""
    shown = ("FL_12_DO", "Display order", "FL_12_DO", ["BlockA", "BlockB"] * 3)
    path = tmp_path / "export.csv"
    path.write_text(qualtrics(WHO, shown, ASKED))
    made = read(path, "qualtrics")
    assert made.columns["arm"] == "FL_12_DO"
    assert "say --arm if it is no arm" in made.said
    path.write_text(qualtrics(WHO, shown, AGE, ASKED))
    made = read(path, "qualtrics")
    assert "arm" not in made.columns
    assert "Say --arm COLUMN" in made.said


def test_a_question_is_no_arm(tmp_path: Path) -> None:
    """What respondents answered is never guessed to be their arm, and an age is no arm either."""
    own = ("Q5_group", "Your group?", "QID5", ["x", "y"] * 3)
    age = ("age", "age", "age", ["31", "32", "33"] * 2)
    path = tmp_path / "export.csv"
    for column in (own, age):
        path.write_text(qualtrics(WHO, column, ASKED))
        assert "arm" not in read(path, "qualtrics").columns


def test_qualtrics_previews_are_told(tmp_path: Path) -> None:
    """Responses that were no real ones are counted, and none is left out."""
    status = ("Status", "Response Type", "status", ["IP Address", "Survey Preview"] * 3)
    done = ("Finished", "Finished", "finished", ["True"] * 5 + ["False"])
    path = tmp_path / "export.csv"
    path.write_text(qualtrics(WHO, status, done, ARM, ASKED))
    made = read(path, "qualtrics")
    assert "3 are previews and 1 are not finished" in made.said
    assert len(made.table) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("Condition", "Q1", 1), "column 'Q1' stands there twice"),
        (lambda text: text + "R_9,a,3,left,over\r\n", "row 10 has 5 fields, and the header 3"),
        (lambda text: text + 'R_9,a,"3\r\n', "cannot be read"),
    ],
)
def test_broken_qualtrics(change: object, message: str, tmp_path: Path) -> None:
    """What would be read as another table than it is, is refused."""
    path = tmp_path / "export.csv"
    path.write_text(change(qualtrics(WHO, ARM, ASKED)), newline="")  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        read(path, "qualtrics")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Bytes of no encoding are refused with their line, never replaced."""
    path = tmp_path / "export.csv"
    path.write_bytes(qualtrics(WHO, ARM, ASKED).encode() + b"R_9,a,\xff\xc3\xa9\x81\r\n")
    with pytest.raises(InputError, match="no UTF-8"):
        read(path, "qualtrics")


OTREE = "participant.code,session.code,{arm},app.1.player.id_in_group,app.1.player.offer,app.2.player.offer\n"


def test_otree_rounds(tmp_path: Path) -> None:
    """Each round of a field is a question; what oTree keeps for itself is none."""
    path = tmp_path / "wide.csv"
    path.write_text(OTREE.format(arm="participant.treatment") + "p1,s,a,1,3,4\np2,s,b,2,1,\n")
    made = read(path, "otree")
    assert made.questions == ("app.1.player.offer", "app.2.player.offer")
    assert made.columns == {"persona": "participant.code", "arm": "participant.treatment"}
    assert made.table["app.2.player.offer"].to_pylist() == ["4", None]


@pytest.mark.parametrize("arm", ["participant.label", "app.1.player.medical_history", "session.config.age_group"])
def test_otree_columns_that_are_no_arm(arm: str, tmp_path: Path) -> None:
    """A column that is called otherwise is not taken, and the way out is told."""
    path = tmp_path / "wide.csv"
    path.write_text(OTREE.format(arm=arm) + "p1,s,a,1,3,4\n")
    made = read(path, "otree")
    assert made.columns == {"persona": "participant.code"}
    assert "Say --arm COLUMN" in made.said


def test_otree_with_an_empty_arm_and_two_arms(tmp_path: Path) -> None:
    """An empty column is no arm; of two that are called so, the second is told."""
    path = tmp_path / "wide.csv"
    names = "participant.code,participant.treatment,session.config.condition,session.config.treatment,app.1.player.x\n"
    path.write_text(names + "p1,,a,b,1\np2,,a,c,2\n")
    made = read(path, "otree")
    assert made.columns["arm"] == "session.config.condition"
    assert "--arm session.config.condition,session.config.treatment" in made.said


@pytest.mark.parametrize("text", ["participant.code,app.1.player.x\n", "participant.label,app.1.player.x\nq,1\n"])
def test_broken_otree(text: str, tmp_path: Path) -> None:
    """An export without participants, or another table, is refused."""
    path = tmp_path / "wide.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"without a participant|no column 'participant.code'"):
        named("otree").read(path, Wanted())  # type: ignore[union-attr]


def test_called_arms() -> None:
    """The plainest name comes first; a name that only ends so counts alone."""
    assert called_arms(["scenario.group", "agent.condition"]) == ["agent.condition", "scenario.group"]
    assert called_arms(["TREATMENT"]) == ["TREATMENT"]
    assert called_arms(["participant.id_in_group", "age group", "armchair"]) == []
