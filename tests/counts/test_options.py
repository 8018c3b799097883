"""The options of an analysis: what they hold, what they refuse, and that every place that lists them agrees."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import click
import pytest

from confound import InputError, analysis, cli, keywords, look
from confound.counts.options import Options
from confound.log.layout import Layout

FIELDS = [each.name for each in dataclasses.fields(Options)]
OF_THE_LAYOUT = {each.name for each in dataclasses.fields(Layout)} - set(FIELDS)
OF_THE_CALL = {"data", "track", "tell", "so_far"}  # keywords of `analyze` that are not typed as an option
OF_THE_COMMAND = {"log", "out", "opened"}  # typed, but no keyword of `analyze`
BESIDE = {*OF_THE_LAYOUT, "skip", "targeted_from", "workers"}  # typed, but no field of `Options`


def signature(function: Any) -> dict[str, Any]:
    """Return the names and defaults of a function's arguments."""
    return {name: each.default for name, each in inspect.signature(function).parameters.items()}


def typed(command: click.Command) -> dict[str, Any]:
    """Return what a command passes on by name, where only the log is given."""
    return command.make_context("command", ["log.csv"]).params


def test_every_field_is_a_keyword_of_analyze_and_is_typed() -> None:
    """The dataclass, the signature, the table of keywords and the command have the same options."""
    assert set(signature(analysis.analyze)) == {*FIELDS, *BESIDE, *OF_THE_CALL}
    assert set(keywords.KEYWORDS) == {*FIELDS, *BESIDE}
    assert set(typed(cli.analyze)) == {*FIELDS, *BESIDE, *OF_THE_COMMAND}


def test_describe_and_check_have_the_options_of_the_log() -> None:
    """`describe` and `confound check` have the options that say how to read a log, with the defaults of `analyze`."""
    of_the_log = {each.name for each in keywords.OF_THE_LOG}
    described = signature(look.describe)
    assert set(described) == {"data", *of_the_log}
    assert set(typed(cli.check)) == {"log", *of_the_log}
    assert described.items() <= signature(analysis.analyze).items()


def test_settings_and_repeat_know_every_option() -> None:
    """All options are listed for `analysis.json`, in the order of the fields, and all that is listed can be typed."""
    listed = list(Options().listed())
    assert [name for name in listed if name != "labels"] == FIELDS
    assert set(listed) - {"labels"} <= set(keywords.KEYWORDS)
    assert set(Layout().listed()) == OF_THE_LAYOUT


def test_defaults_agree() -> None:
    """The defaults of `analyze`, of the command line and of the dataclass are the same options."""
    assert Options.of(signature(analysis.analyze)) == Options()
    assert Options.of(typed(cli.analyze)) == Options()
    assert Layout.of(signature(analysis.analyze)) == Layout() == Layout.of(typed(cli.analyze))
    beside = {name: value for name, value in signature(analysis.analyze).items() if name in BESIDE}
    assert {name: typed(cli.analyze)[name] or None for name in BESIDE} == {n: v or None for n, v in beside.items()}


def test_values_are_normalised() -> None:
    """Lists become tuples, no mapping is None, and arms of `placebo` are written as the log's labels."""
    options = Options(outcome=["a"], control={"books": "old"}, placebo={"1.0": "x"}, order={"q": ["no", "yes"]})
    assert options.outcome == ("a",)
    assert options.order == {"q": ("no", "yes")}
    assert options.placebo == {"1": "x"}
    assert options.control_arms == (("books", "old"),)


def test_control_arms_of_study_files_come_first(tmp_path: Path) -> None:
    """Arms of study files precede those of `control`; only the latter are listed, and the labels with the files."""
    path = tmp_path / "study.yaml"
    path.write_text("study: books\ntitle: Books\ncontrol: plain\nquestions:\n  - {id: q, label: Likely}\n")
    options = Options(control=["old"], study_file=[path])
    assert options.control_arms == (("books", "plain"), (None, "old"))
    listed = options.listed()
    assert listed["control"] == [{"study": None, "arm": "old"}]
    assert listed["study_file"] == [str(path)]
    assert listed["labels"] == {"studies": {"books": "Books"}, "questions": {"q": "Likely"}}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"confidence": 1.0}, "confidence must lie between 0 and 1"),
        ({"share": 1.5}, "share must lie between 0 and 1"),
        ({"correction": "magic"}, "--correction magic: no such correction"),
        ({"seed": -1}, "the seed must not be negative"),
        ({"design": "nested"}, "design must be one of within, between"),
        ({"bins": {"q": 1}}, "--bin q: from 2 to 30 bins"),
        ({"order": {"q": "low"}}, "order of q must be a list, from low to high"),
        ({"study_file": ["none.yaml"]}, "none.yaml: cannot be read as YAML"),
    ],
)
def test_impossible_values_are_refused(wrong: dict[str, Any], said: str) -> None:
    """A value that is not possible is refused when the options are made."""
    with pytest.raises(InputError, match=said):
        Options(**wrong)


@pytest.mark.parametrize("content", ["s3cret: [", "\ts3cret", "'s3cret"])
def test_content_of_a_file_that_is_no_study_is_not_shown(tmp_path: Path, content: str) -> None:
    """A path may lead to any file; the message names the line and shows nothing of it."""
    path = tmp_path / "other"
    path.write_text(content)
    with pytest.raises(InputError, match="cannot be read as YAML: line") as told:
        Options(study_file=[path])
    assert "s3cret" not in str(told.value)


def test_words_that_begin_as_true_are_words(tmp_path: Path) -> None:
    """`True crime` is a title, and ended in a traceback; what claims to be a truth value and is none is refused."""
    path = tmp_path / "study.yaml"
    path.write_text(
        "study: books\nquestions:\n  - {id: q, label: True crime, options: [true story, falsehood, 'no']}\n"
    )
    assert Options(study_file=[path]).listed()["labels"]["questions"] == {"q": "True crime"}
    path.write_text("study: books\nquestions:\n  - {id: q, label: !!bool maybe}\n")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        Options(study_file=[path])
