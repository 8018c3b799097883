"""Free text comes to the option a careful person would tick, or to Unknown with a reason; never to a wrong option."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound.errors import ConfoundError
from simulate.parsing.answers import REASONS, Parsed, parse
from simulate.parsing.options import labelled
from simulate.study.catalogue import shipped_names
from simulate.study.reading import load_study
from tests.simulate.parsing import answer_table
from tests.simulate.parsing.answer_table import TABLE, Row

QUESTIONS = [question for name in shipped_names() for question in load_study(name).questions.values()]
OPTION_SETS = sorted({question.options for question in QUESTIONS})
TABLE_SETS = [value for name, value in vars(answer_table).items() if name.isupper() and isinstance(value, tuple)]


def _read(row: Row) -> Parsed:
    return parse(row.text, row.options, finish_reason=row.finish)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: repr(row.text)[:60])
def test_hand_labelled_answer(row: Row) -> None:
    """The option is the labelled one; Unknown with the labelled reason, or where a person would hesitate too."""
    read = _read(row)
    if read.option is not None:
        assert read.option == row.option
    elif not row.hesitant:
        assert (read.option, read.reason) == (row.option, row.reason)


def test_table_is_large_and_names_both_kinds() -> None:
    """At least 200 distinct answers, most of which name an option without hesitation, and every reason."""
    assert len({(row.options, row.text, row.finish) for row in TABLE}) == len(TABLE) >= 200
    clear = [row for row in TABLE if row.option is not None and not row.hesitant]
    assert len(clear) >= 200
    assert {row.reason for row in TABLE if row.option is None} == set(REASONS)


def test_most_hesitant_answers_are_left_unknown_with_a_reason() -> None:
    """Where a person would hesitate, Unknown carries a reason like any other."""
    read = [_read(row) for row in TABLE if row.hesitant]
    assert all(one.reason in REASONS for one in read if one.option is None)
    assert Counter(one.option is None for one in read)[True] > 0


@pytest.mark.parametrize("options", [*OPTION_SETS, *TABLE_SETS], ids=lambda options: options[0])
def test_every_option_names_itself(options: tuple[str, ...]) -> None:
    """An option, its label, both together, in any case and in bold, is that option and no other."""
    for option, (label, text) in zip(options, labelled(options), strict=True):
        ways = [option, text, label, f"{label}. {text}", f"({label}) {text}", f"**{label}**", f"{text} ({label})"]
        ways += [option.upper(), text.lower(), f"{text}.", f"Answer: {label}", f"My answer is {label}. {text}"]
        for way in ways:
            assert parse(way, options) == Parsed(option, None), way


@pytest.mark.parametrize("options", OPTION_SETS, ids=lambda options: options[0])
def test_two_options_are_ambiguous(options: tuple[str, ...]) -> None:
    """Two options joined by "or" are no answer."""
    for one, other in zip(labelled(options), labelled(options)[1:], strict=False):
        for text in (f"{one.label} or {other.label}", f"{one.text} or {other.text}", f"{one.text} / {other.text}"):
            assert parse(text, options) == Parsed(None, "ambiguous"), text


@given(text=st.text(max_size=200), options=st.sampled_from(OPTION_SETS))
def test_any_text_is_an_option_or_a_reason(text: str, options: tuple[str, ...]) -> None:
    """Whatever a model writes, the answer is one of the options or a known reason, and never an exception."""
    read = parse(text, options)
    assert (read.option in options) != (read.reason in REASONS)


SALAD = (
    "I", "I'm", "not", "a", "an", "the", "very", "likely", "unlikely", "or", "and", "B", "C", "(A)", ".", ",", "!", "?",
    "**", "*", "<think>", "</think>", "As an AI", "if", "my", "he", "no", "yes", "{", "}", '"', "answer", ":", "1", "2",
)  # fmt: skip


@given(words=st.lists(st.sampled_from(SALAD), max_size=25))
def test_word_salad_is_an_option_or_a_reason(words: list[str]) -> None:
    """The words that the reader looks for, in any order, cannot make it fail."""
    read = parse(" ".join(words), answer_table.WORDS)
    assert (read.option in answer_table.WORDS) != (read.reason in REASONS)


@pytest.mark.parametrize("piece", ["a Democrat ", "I'm a Democrat and ", "(B) ", "**B** ", "i'd say ", "not ", "\n- "])
def test_endless_answer_is_read_without_searching_forever(piece: str) -> None:
    """A model that repeats itself gives an answer or a reason; patterns that blow up would hang here."""
    read = parse((piece * 4000)[:3999], answer_table.PARTY)
    assert (read.option in answer_table.PARTY) != (read.reason in REASONS)


@pytest.mark.parametrize("finish", ["content_filter", "SAFETY", "FinishReason.SAFETY", "PROHIBITED_CONTENT", "blocked"])
def test_filter_is_blocked_whatever_was_written(finish: str) -> None:
    """What a filter cut off is no answer, even where some text came through."""
    assert parse("B", answer_table.PARTY, finish_reason=finish) == Parsed(None, "blocked")


@pytest.mark.parametrize("finish", [None, "stop", "STOP", "end_turn", "FinishReason.STOP"])
def test_ordinary_end_changes_nothing(finish: str | None) -> None:
    """An ordinary finish reason leaves the answer as it is."""
    assert parse("B", answer_table.PARTY, finish_reason=finish) == Parsed("Democrat", None)


def test_options_keep_their_own_numbers_as_labels() -> None:
    """Options that all carry a number are shown under it, others under letters; a range is no number."""
    assert labelled(("1 - Low", "2 - High")) == (("1", "Low"), ("2", "High"))
    assert labelled(("Low", "High")) == (("A", "Low"), ("B", "High"))
    assert [option.label for option in labelled(("18-29", "30-49"))] == ["A", "B"]
    assert [option.label for option in labelled(("1 - Low", "1 - High"))] == ["A", "B"]


def test_options_without_words_are_read_by_label() -> None:
    """Options that are signs or large numbers cannot trip the reader."""
    assert parse("B, but so is the other", ("+", "-")) == Parsed("-", None)
    millions = ("Under $1,000,000", "$1,000,000 or more")
    assert parse("$1000000 or more", millions) == Parsed(millions[1], None)
    assert parse("I make under 1,000,000 a year.", millions).option in (millions[0], None)


def test_own_numbers_win_over_places() -> None:
    """Where the numbers of the options are not their places, the number is meant."""
    assert parse("1", ("0: No", "1: Yes")) == Parsed("1: Yes", None)
    assert parse("0", ("0: No", "1: Yes")) == Parsed("0: No", None)
    assert parse("2", ("0: No", "1: Yes")) == Parsed(None, "ambiguous")


def test_answer_is_an_option_or_has_a_reason() -> None:
    """A result with both or neither cannot be made."""
    for option, reason in ((None, None), ("Yes", "refused")):
        with pytest.raises(ConfoundError, match="an option or has a reason"):
            Parsed(option, reason)


HERE = Path(__file__).parent
SCALES = {
    name: tuple(options.split(" | "))
    for name, _, options in (line.partition(" = ") for line in (HERE / "scales.txt").read_text().splitlines())
}


def _labelled_set(name: str) -> Iterator[tuple[str, tuple[str, ...], str | None, str]]:
    """Read a labelled set: kind of answer, options, the option a person would tick (None: none), and the text."""
    kind, options = "", ()
    for line in (HERE / f"answers_{name}.txt").read_text().split("\n"):
        if line.startswith("== "):
            _, kind, scale = line.split()
            options = SCALES[scale]
        elif line:
            place, _, text = line.partition(" ")
            yield kind, options, options[int(place) - 1] if int(place) else None, text.replace("\\n", "\n")


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("first", 559),
        ("second", 170),
        ("third", 180),
        ("fourth", 162),
        ("fifth", 158),
        ("sixth", 101),
        ("seventh", 90),
        ("eighth", 84),
    ],
)
def test_labelled_set(name: str, n: int) -> None:
    """No answer is read as a wrong option, and at most 1 in 25 of the clear ones is left Unknown.

    Each set was labelled before it was run. What the reader gave at first is in the changelog.
    """
    rows = list(_labelled_set(name))
    read = [parse(text, options).option for _, options, _, text in rows]
    wrong = [(text, got) for (_, _, option, text), got in zip(rows, read, strict=True) if got not in (option, None)]
    unread = [text for (kind, _, _, text), got in zip(rows, read, strict=True) if kind == "clear" and got is None]
    assert not wrong
    assert len(unread) <= 0.04 * sum(kind == "clear" for kind, *_ in rows)
    assert len(rows) == n


ENDS_ONLY = ("1 - Not at all", "2", "3", "4", "5 - Completely")


@pytest.mark.parametrize("place", range(5))
def test_scale_with_labelled_ends_is_shown_and_read_by_number(place: int) -> None:
    """Where only the end points carry text, each number is read, so that no extreme is lost."""
    assert [option.label for option in labelled(ENDS_ONLY)] == list("12345")
    for text in (str(place + 1), f"{place + 1}.", f"{place + 1}/5", f"{place + 1} out of 5", f"I'd say {place + 1}."):
        assert parse(text, ENDS_ONLY) == Parsed(ENDS_ONLY[place], None), text


@pytest.mark.parametrize("options", [("Republican", "Democrat"), ("Agree", "Disagree"), ("A city", "A town")])
def test_full_stop_of_a_label_ends_no_sentence(options: tuple[str, str]) -> None:
    """A denied option is no answer, with its label as without it; one beside a denied one is."""
    (a, one), (b, other) = labelled(options)
    for named in (f"{b}. {other}", f"({b}) {other}", f"{b}) {other}", b):
        for text in (f"My answer is not {named}.", f"The answer isn't {named}.", f"I would never pick {named}"):
            assert parse(text, options).option is None, text
        assert parse(f"{a}. {one}, not {named}.", options).option == one
