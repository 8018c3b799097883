"""A study file is read whole or refused with file, line and mend; the shipped studies are the paper's settings."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from confound.counts.study_file import read_study_files
from confound.errors import InputError
from confound.vocabulary import ROLES
from simulate.study import marked
from simulate.study.catalogue import find_study, shipped_names
from simulate.study.definition import SOURCES, Study, check_iterations
from simulate.study.prompts import VARIABLES
from simulate.study.reading import OPTIONAL, REQUIRED, list_studies, load_study, study_of, study_text

HERE = Path(__file__).parents[1]
GOOD = HERE / "study_good.yaml"
MISTAKES = HERE / "study_mistakes"
GENERAL = (("region", "income"), ("education", "marital_status"), ("religion", "attendance"))
SHARED = ("citizenship", "ideology", "party", "race", *(name for batch in GENERAL for name in batch))

# File -> the line it is refused for, and what the message must say: what is wrong, and the mend.
REFUSALS: dict[str, tuple[int, tuple[str, ...]]] = {
    "agent_in_a_survey": (6, ("no `agent`",)),
    "arm_twice": (5, ("arm 'plain' stands twice",)),
    "bad_jinja": (21, ("no valid Jinja",)),
    "bad_jinja_in_an_arm": (6, ("no valid Jinja",)),
    "base_is_a_confounder": (8, ("base attribute 'region' is a confounder too",)),
    "batch_of_unknown_question": (52, ("no question", "did you mean 'income'?")),
    "broken_yaml": (2, ("no valid YAML",)),
    "confounder_in_no_batch": (43, ("confounder 'income' is in no batch",)),
    "confounder_in_two_batches": (52, ("confounder 'region' is in two batches", "keep one")),
    "confounder_twice_in_a_batch": (50, ("two batches",)),
    "control_no_arm": (7, ("control 'plan' is not an arm", "did you mean 'plain'?")),
    "date_as_title": (2, ("put it in quotes",)),
    "dialogue_without_agents": (4, ("needs `agent`",)),
    "empty_batch": (52, ("1 or more",)),
    "empty_file": (1, ("the file is empty",)),
    "empty_option": (42, ("empty",)),
    "endless_alias": (1, ("nested",)),
    "identifier_with_blank": (43, ("no identifier",)),
    "item_without_items": (21, ("unknown variable 'item'",)),
    "iterations_no_number": (54, ("whole number",)),
    "key_twice": (54, ("key 'trials' stands twice", "keep one")),
    "many_aliases": (1, ("too large",)),
    "missing_key": (39, ("has no `text`", "add it")),
    "missing_prompt": (16, ("needs a template `statement`",)),
    "missing_prompt_variable": (18, ("does not print `specified`",)),
    "negative_control_in_a_batch": (52, ("negative control 'party'", "Take it out")),
    "no_intervention": (3, ("no arm has a `statement`",)),
    "no_options": (42, ("2 or more entries",)),
    "no_outcome": (29, ("no question is an outcome",)),
    "no_trials": (53, ("1 or more",)),
    "one_arm": (3, ("2 or more",)),
    "one_option": (42, ("2 or more",)),
    "only_a_list": (1, ("must be a mapping",)),
    "only_comments": (1, ("the file is empty",)),
    "option_reads_as_missing": (42, ("missing answer", "word it otherwise")),
    "option_reads_as_yes": (42, ("put it in quotes: 'yes'",)),
    "option_text_left_out": (26, ("does not show 'Not at all'",)),
    "option_twice": (42, ("option 'north' stands twice", "keep one")),
    "options_no_list": (42, ("must be a list",)),
    "ordered_no_flag": (47, ("true or false",)),
    "outcome_in_a_batch": (52, ("role is outcome",)),
    "path_missing": (10, ("need `path`",)),
    "person_twice": (14, ("persona 'ann' stands twice",)),
    "person_without_attribute": (15, ("unknown key 'sex'",)),
    "placebo_of_nothing": (7, ("no other arm",)),
    "python_tag": (2, ("reads as a YAML",)),
    "question_as_template": (32, ("plain text, not a template",)),
    "question_left_out": (26, ("does not print `question`",)),
    "question_twice": (35, ("question 'like' stands twice",)),
    "tab_indent": (49, ("no valid YAML",)),
    "too_few_people": (11, ("there are 2",)),
    "too_many_iterations": (54, ("4 iterations need 3 batches", "3 or fewer")),
    "trials_true": (53, ("whole number",)),
    "unknown_key": (33, ("unknown key 'optoins'", "did you mean 'options'?")),
    "unknown_key_at_the_top": (53, ("unknown key 'trails'", "did you mean 'trials'?")),
    "unknown_prompt": (25, ("unknown key 'greeting'",)),
    "unknown_prompt_variable": (19, ("unknown variable 'valeu'",)),
    "unknown_role": (36, ("unknown role", "did you mean 'negative_control'?")),
    "unknown_source": (10, ("unknown source", "did you mean 'inline'?")),
    "unsafe_jinja": (21, ("cannot be filled in",)),
    "values_count": (34, ("2 values for 3 options", "one number for each")),
    "values_fall": (34, ("must rise",)),
    "values_no_number": (34, ("must be a number",)),
    "values_without_order": (35, ("ordered",)),
}


@pytest.fixture(scope="module", params=shipped_names())
def shipped(request: pytest.FixtureRequest) -> Study:
    """Return each study that comes with confound."""
    return load_study(request.param)


@pytest.mark.parametrize("name", REFUSALS)
def test_mistake_is_refused_with_file_line_and_mend(name: str) -> None:
    """Each kind of mistake is told with the file, the line on which it stands, and what to do."""
    path = MISTAKES / f"{name}.yaml"
    line, says = REFUSALS[name]
    with pytest.raises(InputError) as refused:
        load_study(path)
    assert str(refused.value).startswith(f"{path}:{line}: ")
    for part in says:
        assert part in str(refused.value)


def test_every_file_of_mistakes_is_tested() -> None:
    """No file of the corpus is left out, and none is missing."""
    assert {path.stem for path in MISTAKES.glob("*.yaml")} == set(REFUSALS)


def test_file_without_the_mistakes_is_read() -> None:
    """The file that the mistakes were put into is itself a study, so that each is refused for its mistake alone."""
    study = load_study(GOOD)
    assert (study.study, study.control, study.trials, study.iterations) == ("tiny", "plain", 2, 3)
    assert [arm.name for arm in study.arms] == ["plain", "told"]
    assert study.batches == (("region",), ("income",))
    assert study.targeted_from == 1
    assert study.questions["like"].values == (1, 2, 3)
    assert study.questions["like"].ordered
    assert study.questions["income"].ordered
    assert not study.questions["region"].ordered
    assert [persona.id for persona in study.personas.inline] == ["ann", "bob"]
    assert study.sampling == {"max_tokens": 20}
    assert study.structure is None


def test_byte_order_mark_and_windows_line_ends_are_taken_in_stride(tmp_path: Path) -> None:
    """An editor's byte-order mark and line ends change nothing."""
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.read_bytes().replace(b"\n", b"\r\n"))
    theirs, ours = load_study(path), load_study(GOOD)
    differing = {f.name for f in dataclasses.fields(Study) if getattr(theirs, f.name) != getattr(ours, f.name)}
    assert differing == {"source"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"study: \xff\xfe", ":1: no UTF-8"),
        (b"title: ok\nstudy: caf\xe9\n", ":2: no UTF-8"),
        (b"x: " + b"[" * 3000, "nested too deeply"),
        (b"#" * (marked.MAX_BYTES + 1), "no study file"),
        (b"\x00", "no valid YAML"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """Bytes that are no YAML text give one clear error."""
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        load_study(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_broken_file_gives_an_input_error_or_a_study(data: st.DataObject) -> None:
    """Whatever a slip of the hand does to a file, the answer is a study or an error that names file and line."""
    lines = GOOD.read_text(encoding="utf-8").splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    how = data.draw(st.sampled_from(["drop", "twice", "indent", "insert", "cut"]))
    junk = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12))
    line = lines[place]
    lines[place : place + 1] = {
        "drop": [],
        "twice": [line, line],
        "indent": [f"  {line}"],
        "insert": [line + junk],
        "cut": [line[: len(line) // 2]],
    }[how]
    try:
        root = marked.read("\n".join(lines).encode(), "study.yaml")
    except InputError as refused:
        assert str(refused).startswith("study.yaml:")  # noqa: PT017 -- both outcomes are right
        return
    path = HERE / "never_written.yaml"
    try:
        study_of(root, path.parent)
    except InputError as refused:
        assert str(refused).startswith("study.yaml:")  # noqa: PT017


def test_lists_the_example_and_the_papers_studies() -> None:
    """The example and the three settings of the paper come with confound, each with a title."""
    assert list_studies() == (
        ("example", "Book recommendation, with known truth"),
        ("book_opinions", "Book opinions"),
        ("movielens", "MovieLens"),
        ("opinionqa", "Opinion survey"),
    )


def test_shown_text_is_a_study(tmp_path: Path) -> None:
    """What `--show` prints can be saved, changed and run."""
    path = tmp_path / "mine.yaml"
    path.write_text(study_text("opinionqa"), encoding="utf-8")
    assert load_study(path).questions == load_study("opinionqa").questions


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("book_opinion", "did you mean 'book_opinions'?"),
        ("nonsense", "there are book_opinions, movielens, opinionqa"),
        ("my_study.yaml", "my_study.yaml: no such file"),
        ("some/where/else", "no such file"),
    ],
)
def test_unknown_study_is_refused_with_the_mend(name: str, says: str) -> None:
    """A slip in a study's name is told with the name probably meant, a path with the path."""
    with pytest.raises(InputError) as refused:
        find_study(name)
    assert says in str(refused.value)


def test_folder_is_no_study(tmp_path: Path) -> None:
    """A folder is refused as one."""
    with pytest.raises(InputError, match="is a folder"):
        load_study(tmp_path)


def test_shipped_study_has_the_papers_schedule(shipped: Study) -> None:
    """Six general confounders in three batches, then twenty targeted ones in ten batches of two, 14 iterations."""
    assert shipped.batches[:3] == GENERAL
    assert shipped.targeted_from == 3
    assert [len(batch) for batch in shipped.batches] == [2] * 13
    assert shipped.iterations == 14
    assert shipped.base == ("age", "sex")
    confounders = {question.id for question in shipped.questions.values() if question.role == "confounder"}
    assert confounders == {name for batch in shipped.batches for name in batch}


@pytest.mark.parametrize("name", ["book_opinions", "movielens"])
def test_dialogue_study_has_the_papers_outcome_and_controls(name: str) -> None:
    """A four-point outcome, five negative controls and five items, discussed over several turns."""
    study = load_study(name)
    (outcome,) = (question for question in study.questions.values() if question.role == "outcome")
    assert outcome.options == ("1 - Very unlikely", "2 - Unlikely", "3 - Likely", "4 - Very likely")
    assert outcome.values == (1, 2, 3, 4)
    controls = [question.id for question in study.questions.values() if question.role == "negative_control"]
    assert controls == ["citizenship", "ideology", "party", "race", "heard_of_it_before"]
    assert len(study.items) == 5
    assert study.turns > 1
    assert {arm.name for arm in study.arms} == {"positive", "negative"}


def test_survey_study_has_the_papers_controls() -> None:
    """Nine negative controls, one arm with a leading statement and one without, no dialogue."""
    study = load_study("opinionqa")
    controls = [question.id for question in study.questions.values() if question.role == "negative_control"]
    assert controls[:4] == ["citizenship", "ideology", "party", "race"]
    assert len(controls) == 9
    assert [arm.statement is None for arm in study.arms] == [True, False]
    assert study.turns == 0


def test_shared_questions_are_worded_alike() -> None:
    """What all three studies ask is one question, so that their answers can be compared."""
    studies = [load_study(name) for name in shipped_names()]
    for name in SHARED:
        assert len({study.questions[name] for study in studies}) == 1


def test_questions_are_worded_once(shipped: Study) -> None:
    """No two questions of a study read the same, and each question ends as one."""
    texts = [question.text for question in shipped.questions.values()]
    assert len(set(texts)) == len(texts)
    assert all(text.endswith("?") for text in texts)


def test_analysis_reads_the_same_file(shipped: Study) -> None:
    """`confound analyze --study-file` finds the roles, orders, values and the control arm that the simulator used."""
    said = read_study_files([shipped.source])
    assert said.control == ((shipped.study, shipped.control),)
    assert {name: spec.role for name, spec in said.questions.items()} == {
        q.id: q.role for q in shipped.questions.values()
    }
    for question in shipped.questions.values():
        spec = said.questions[question.id]
        assert spec.order == (question.options if question.ordered else None)
        assert question.values is None or tuple((spec.values or {}).values()) == question.values


def test_documented_study_is_read(tmp_path: Path) -> None:
    """The example of the reference is a whole study, and the reference names every template and its variables."""
    text = (HERE.parents[1] / "docs" / "study-file.md").read_text(encoding="utf-8")
    path = tmp_path / "documented.yaml"
    path.write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    study = load_study(path)
    assert [arm.placebo_of for arm in study.arms] == [None, None, "praised"]
    for name, variables in VARIABLES.items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |") and "prompt" not in line[:9])
        assert all(f"`{variable}`" in row for variable in variables)
    for key in (*REQUIRED, *OPTIONAL, *ROLES, *SOURCES):
        assert f"`{key}`" in text


def test_items_rotate_with_the_trial_alone() -> None:
    """Trial r of every arm discusses the same item, in rotation; a survey has none."""
    study = load_study("book_opinions")
    assert [study.item(trial) for trial in range(6)] == [*study.items, study.items[0]]
    assert load_study("opinionqa").item(3) is None


def test_iteration_asks_for_the_batch_that_the_next_one_adds() -> None:
    """Outcome and negative controls are asked always, a batch of confounders only if an iteration can use it."""
    study = load_study(GOOD)
    asked = [[q.id for q in study.asked(k, last=k == 2)] for k in range(3)]
    assert asked == [["like", "party", "region"], ["like", "party", "income"], ["like", "party"]]
    assert [q.id for q in study.asked(0, last=True)] == ["like", "party"]


def test_iterations_are_bounded_by_the_batches() -> None:
    """13 batches make 14 iterations and no more."""
    check_iterations(14, 13)
    with pytest.raises(InputError, match="14 or fewer"):
        check_iterations(15, 13)


def test_unknown_arm_is_a_key_error() -> None:
    """Asking a study for an arm that it has not is a mistake of the program's, not of the user's."""
    study = load_study(GOOD)
    assert study.arm("told").statement
    with pytest.raises(KeyError):
        study.arm("telled")


def test_yaml_here_and_elsewhere_read_the_same_options(shipped: Study) -> None:
    """No option changes its text when another YAML reader reads the file (yes, no, numbers, dates)."""
    content = yaml.safe_load(Path(shipped.source).read_text(encoding="utf-8"))
    for listed in content["questions"]:
        assert tuple(map(str, listed["options"])) == shipped.questions[listed["id"]].options


@pytest.mark.parametrize("content", ["s3cret", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1\n", "machine a password b\n"])
def test_file_that_is_no_study_is_not_shown(tmp_path: Path, content: str) -> None:
    """A message names the file and its mistake, and shows nothing of what another file holds."""
    path = tmp_path / "other"
    path.write_text(content)
    with pytest.raises(InputError) as told:
        load_study(path)
    assert content.split()[0] not in str(told.value)
