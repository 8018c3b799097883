"""Personas come from the population they claim, or from data laid out as the data sets are."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from confound.errors import InputError
from simulate.study.definition import Persona, PersonaSource, Study
from simulate.study.personas import US_ADULTS, make_personas
from simulate.study.reading import load_study

GOOD = Path(__file__).parents[1] / "study_good.yaml"
OPINIONQA_HEADER = "QKEY,GUNS_W92,CREGION,AGE,SEX,INCOME,WEIGHT_W92\n"


@pytest.fixture(scope="module")
def study() -> Study:
    """Return a study whose personas have age and sex."""
    return load_study("opinionqa")


def _made(
    study: Study, kind: str, path: Path, n: int, *, seed: int = 0, base: tuple[str, ...] = ("age", "sex")
) -> tuple[Persona, ...]:
    source = PersonaSource(kind, n, path)
    return make_personas(source, n, seed=seed, study=dataclasses.replace(study, base=base))


def test_adults_follow_the_census(study: Study) -> None:
    """Shares of 20,000 personas by age group and sex agree with the table (chi-square, 29 df, seed fixed)."""
    people = make_personas(study.personas, 20_000, seed=1, study=study)
    table = np.array([(men, women) for _, _, men, women in US_ADULTS], float)
    firsts = [first for first, *_ in US_ADULTS]
    seen = np.zeros_like(table)
    for person in people:
        group = np.searchsorted(firsts, int(person.attributes["age"]), side="right") - 1
        seen[group, int(person.attributes["sex"] == "Female")] += 1
    expected = table / table.sum() * len(people)
    assert ((seen - expected) ** 2 / expected).sum() < 58.3  # the 99.9th percentile


def test_table_of_adults_adds_up() -> None:
    """The groups cover ages 18 to 94 without gap, and add up to the 266.98 million adults of the source, 49 % men."""
    assert [first for first, *_ in US_ADULTS][1:] == [last + 1 for _, last, *_ in US_ADULTS][:-1]
    men, women = (sum(row[column] for row in US_ADULTS) for column in (2, 3))
    assert men + women == 266_978
    assert men / (men + women) == pytest.approx(0.4904, abs=5e-5)


def test_ages_within_a_group_all_occur(study: Study) -> None:
    """Every age from 18 to 94 is drawn."""
    people = make_personas(study.personas, 20_000, seed=1, study=study)
    assert {int(person.attributes["age"]) for person in people} == set(range(18, 95))


def test_persona_does_not_depend_on_how_many_there_are(study: Study) -> None:
    """The first personas of a large run are those of a small one; another seed gives others."""
    few, many = (make_personas(study.personas, n, seed=7, study=study) for n in (5, 50))
    assert many[:5] == few
    assert len({person.id for person in many}) == 50
    assert make_personas(study.personas, 50, seed=8, study=study) != many


def test_only_base_attributes_are_specified(study: Study) -> None:
    """A study that specifies the age alone gets the age alone."""
    (person,) = make_personas(study.personas, 1, seed=0, study=dataclasses.replace(study, base=("age",)))
    assert set(person.attributes) == {"age"}


def test_inline_people_come_in_order() -> None:
    """The people written into the study are the personas; more than there are cannot be had."""
    study = load_study(GOOD)
    assert [p.id for p in make_personas(study.personas, 2, seed=0, study=study)] == ["ann", "bob"]
    with pytest.raises(InputError, match="3 personas are asked for, but there are 2"):
        make_personas(study.personas, 3, seed=0, study=study)


@pytest.mark.parametrize("n", [0, -1])
def test_no_personas_are_refused(study: Study, n: int) -> None:
    """A run needs someone to simulate."""
    with pytest.raises(InputError, match="1 or more"):
        make_personas(study.personas, n, seed=0, study=study)


def test_file_gives_ids_attributes_and_text(tmp_path: Path, study: Study) -> None:
    """A CSV file's columns become personas, other columns are ignored, a comma in quotes is text."""
    path = tmp_path / "people.csv"
    path.write_text(
        '\ufeffid,age,sex,text,shoe\nann,34,Female,"A nurse, from Ohio",39\nb\u00f6b,51,Male,,44\n', "utf-8"
    )
    people = _made(study, "file", path, 2)
    assert people[0] == Persona("ann", {"age": "34", "sex": "Female"}, "A nurse, from Ohio")
    assert people[1].id == "b\u00f6b"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("id,age\nann,34\n", ":1: column 'sex' is missing"),
        ("id,age,sxe\nann,34,Male\n", "did you mean 'sxe'?"),
        ("id,age,sex\nann,34,Female\nann,51,Male\n", ":3: id 'ann' stands twice"),
        ("id,age,sex\nann,,Female\n", ":2: 'age' is empty"),
        ("id,age,sex\nann,34\n", ":2: 2 fields where the header has 3"),
        ("", ":1: column 'id' is missing"),
        ("id,age,sex\n", "there are 0"),
    ],
)
def test_bad_file_of_people_is_refused(tmp_path: Path, study: Study, content: str, says: str) -> None:
    """Each mistake in a file of people is told with file, line and what is wrong."""
    path = tmp_path / "people.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError) as refused:
        _made(study, "file", path, 1)
    assert str(path) in str(refused.value)
    assert says in str(refused.value)


def test_missing_file_is_refused(tmp_path: Path, study: Study) -> None:
    """A path that is not there is an input error."""
    with pytest.raises(InputError, match="cannot be read"):
        _made(study, "file", tmp_path / "none.csv", 1)


def _wave(folder: Path, rows: str, info: str | None = None) -> Path:
    folder.mkdir()
    (folder / "responses.csv").write_text(OPINIONQA_HEADER + rows, "utf-8")
    if info is not None:
        (folder / "info.csv").write_text(info, "utf-8")
    return folder


def test_opinionqa_respondents_become_personas(tmp_path: Path, study: Study) -> None:
    """Who left age or sex out, refused it or has no weight is not drawn; the others are, once each, unidentified."""
    rows = (
        "1001,Yes,South,18-29,Male,,0.5\n1002,,West,30-49,Female,,2.0\n1003,No,South,Refused,Male,,1.0\n"
        "1004,No,South,,Male,,1.0\n1005,No,South,65+,Female,,0\n"
    )
    people = _made(study, "opinionqa", _wave(tmp_path / "W92", rows), 2)
    assert {tuple(p.attributes.values()) for p in people} == {("18-29", "Male"), ("30-49", "Female")}
    assert [p.id for p in people] == ["p0001", "p0002"]
    with pytest.raises(InputError, match="there are 2"):
        _made(study, "opinionqa", tmp_path / "W92", 3)


def test_opinionqa_draws_by_weight(tmp_path: Path, study: Study) -> None:
    """With weights 3 to 1, who is drawn first is the heavier in three of four seeds (1,000 seeds, 4.5 sigma)."""
    folder = _wave(tmp_path / "W92", "1,Yes,South,18-29,Male,,3\n2,Yes,South,65+,Female,,1\n")
    first = [_made(study, "opinionqa", folder, 1, seed=seed)[0].attributes["sex"] for seed in range(1000)]
    assert first.count("Male") / 1000 == pytest.approx(0.75, abs=0.062)


def test_opinionqa_draw_does_not_depend_on_how_many(tmp_path: Path, study: Study) -> None:
    """The first respondents drawn stay the first when more are asked for."""
    rows = "".join(f"{i},Yes,South,{i},Male,,1\n" for i in range(30))
    folder = _wave(tmp_path / "W92", rows)
    few, many = (_made(study, "opinionqa", folder, n, seed=3) for n in (4, 30))
    assert many[:4] == few
    assert len({p.attributes["age"] for p in many}) == 30


def test_opinionqa_survey_answers_know_their_refusals(tmp_path: Path, study: Study) -> None:
    """`references` is longer than `option_ordinal` by the refusals: who gave one has not said."""
    info = (
        "key,question,references,option_ordinal,option_mapping\n"
        "GUNS_W92,Own a gun?,\"['Yes', 'No', 'No answer']\",\"[1.0, 2.0]\",\"{1.0: 'Yes'}\"\n"
    )
    folder = _wave(tmp_path / "W92", "1,Yes,South,18-29,Male,,1\n2,No answer,South,65+,Female,,1\n", info)
    (person,) = _made(study, "opinionqa", folder, 1, base=("age", "GUNS_W92"))
    assert person.attributes == {"age": "18-29", "GUNS_W92": "Yes"}
    with pytest.raises(InputError, match="there are 1"):
        _made(study, "opinionqa", folder, 2, base=("age", "GUNS_W92"))


@pytest.mark.parametrize("literal", ["__import__('os').getcwd()", "'Yes'", "[" * 500, "[" + "'x'," * 5000 + "]"])
def test_opinionqa_lists_are_never_run(tmp_path: Path, study: Study, literal: str) -> None:
    """What holds no list of answers is refused, and none of it is executed."""
    info = f'key,question,references,option_ordinal\nGUNS_W92,Own a gun?,"{literal}","[1.0]"\n'
    folder = _wave(tmp_path / "W92", "1,Yes,South,18-29,Male,,1\n", info)
    with pytest.raises(InputError, match=r"info\.csv:2: holds no list of answers"):
        _made(study, "opinionqa", folder, 1, base=("GUNS_W92",))


def test_opinionqa_needs_the_folder_of_a_wave(tmp_path: Path, study: Study) -> None:
    """The folder above the waves is refused with what to give instead."""
    with pytest.raises(InputError, match="the folder of one wave"):
        _made(study, "opinionqa", tmp_path, 1)


def test_opinionqa_weight_must_be_one(tmp_path: Path, study: Study) -> None:
    """A weight that is no number is told with its line."""
    folder = _wave(tmp_path / "W92", "1,Yes,South,18-29,Male,,heavy\n")
    with pytest.raises(InputError, match=r"responses\.csv:2: WEIGHT_W92 holds no weight"):
        _made(study, "opinionqa", folder, 1)


def test_book_opinions_annotators_count_once(tmp_path: Path, study: Study) -> None:
    """Annotators who stand there twice, also once with a mail domain, are one persona; their ids are not passed on."""
    (tmp_path / "nytimes_annotator_demographics.csv").write_text(
        ",QDem_Gend,QDem_Race,Q_DemRepub,QDem_Income,Q84,QDem_Age\n"
        '0,Male,White or Caucasian American,Democrat,"$30,000 - $99,999",aa11,23\n'
        '1,Female,Other (please specify),Republican,"$100,000 or more",bb22,31\n'
        '2,Male,White or Caucasian American,Democrat,"$30,000 - $99,999",aa11@mail.example,23\n'
        '3,Male,Asian,Democrat,"$30,000 - $99,999",aa11,24\n'
        '4,Male,Asian,Democrat,"$30,000 - $99,999",cc33,\n',
        "utf-8",
    )
    people = _made(study, "book_opinions", tmp_path, 2, base=("age", "sex", "race", "income"))
    assert {p.attributes["age"] for p in people} == {"23", "31"}
    assert {p.attributes["race"] for p in people} == {"White or Caucasian American", "Other"}
    assert all(p.id.startswith("p000") for p in people)
    with pytest.raises(InputError, match="there are 2"):
        _made(study, "book_opinions", tmp_path, 3)


def test_movielens_users_are_adults(tmp_path: Path, study: Study) -> None:
    """Codes become words, Latin-1 is read, and users under 18 are left out."""
    (tmp_path / "users.dat").write_bytes(
        b"1::F::1::10::48067\n2::M::56::16::70072\n3::F::25::15::55117\n4::M::45::7::0246\xe9\n"
    )
    people = _made(study, "movielens", tmp_path, 3, base=("age", "sex", "occupation"))
    assert {tuple(p.attributes.values()) for p in people} == {
        ("56 or older", "Male", "self-employed"),
        ("25-34", "Female", "scientist"),
        ("45-49", "Male", "executive or managerial"),
    }


@pytest.mark.parametrize("line", ["1,F,25,10,48067", "1::X::25::10::48067", "1::F::26::10::1", "1::F::25::99::1"])
def test_bad_movielens_line_is_refused(tmp_path: Path, study: Study, line: str) -> None:
    """A line of another layout is told with its number and the layout."""
    (tmp_path / "users.dat").write_text(f"1::F::25::10::48067\n{line}\n", "latin-1")
    with pytest.raises(InputError, match=r"users\.dat:2: .*UserID::Gender::Age::Occupation::Zip-code"):
        _made(study, "movielens", tmp_path, 1)


@pytest.mark.parametrize("kind", ["book_opinions", "movielens"])
def test_attribute_that_the_data_lack_is_refused(tmp_path: Path, study: Study, kind: str) -> None:
    """Base attributes that a data set does not have are told, with those it has."""
    with pytest.raises(InputError, match="has no base attribute 'region'"):
        _made(study, kind, tmp_path, 1, base=("age", "region"))


@pytest.mark.parametrize("kind", ["file", "movielens", "book_opinions"])
def test_content_of_other_files_is_not_shown(tmp_path: Path, kind: str) -> None:
    """A study may point to any file; the message about one that holds no personas shows nothing of it."""
    path = tmp_path / "secret"
    path.write_text("s3cret,word:x:0:0\nmore")
    with pytest.raises(InputError) as told:
        make_personas(
            PersonaSource(kind, 1, path, ()), 1, seed=0, study=dataclasses.replace(load_study("example"), base=("age",))
        )
    assert "s3cret" not in str(told.value)
