"""Spellings, codes for no answer, and ways to write numbers: what is settled, what is asked, and what stays."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from confound import InputError
from confound.counts import spelling
from confound.counts.counting import group
from confound.counts.options import Options
from confound.log import response_table
from tests.log.made import analysed, made, numbers, told


def settled(answers: Sequence[str], **options: object) -> tuple[dict[str, str | None], str]:
    """Return how the answers to one outcome are written, and the remarks."""
    rows = {"persona": "p", "arm": "a", "question": "q", "role": "outcome", "response": list(answers)}
    with response_table.opened(pd.DataFrame(rows)) as log:
        found = spelling.settled(group(log), Options(**options))  # type: ignore[arg-type]
    return {old: new for (_, old), new in found.answers.items()}, "\n".join(note.message for note in found.notes)


SCALE = ["1", "2", "3", "4", "5"] * 4


@pytest.mark.parametrize("code", ["-99", "99", "999", "-9", "-1000000", "9999", "-88"])
def test_codes_among_a_scale(code: str) -> None:
    """A usual code far off the scale is no answer, and it is said; an unusual number stays."""
    new, said = settled([*SCALE, code])
    usual = code != "-1000000"
    assert new == ({code: None} if usual else {})
    assert ("taken for no answer" in said) == usual


@pytest.mark.parametrize(
    "answers",
    [
        ["-1", "0", "1"] * 3,
        [str(n) for n in range(101)],
        ["18", "35", "62", "77", "88", "99"],
        ["-9", "-5", "0", "5", "9"],
        [*SCALE, "5", "6", "7"],
        ["-99", "99"] * 3,
    ],
)
def test_numbers_that_are_answers(answers: list[str]) -> None:
    """Numbers like a code are answers where others are as large."""
    assert settled(answers)[0] == {}


def test_a_code_near_the_scale_is_asked_about() -> None:
    """-1 among 1 to 5 may be either: it counts, with a warning that says how to change that."""
    new, said = settled([*SCALE, "-1"])
    assert new == {}
    assert "--missing '-1'" in said


@pytest.mark.parametrize("word", ["N/A", "Refused", "prefer not to say", "None", "don't know", "-"])
def test_words_among_numbers(word: str) -> None:
    """Words for no answer among numbers are that; among words they are answers, or asked about."""
    assert settled([*SCALE, word])[0] == {word: None}
    new, said = settled(["Dem", "Rep", word] * 3)
    assert new == {}
    assert ("--missing" in said) == (word in ("N/A", "Refused"))


def test_an_order_keeps_codes_and_spellings() -> None:
    """Answers that `--order` names are answers, whatever they look like."""
    answers = ["-99", "1", "2", "A", "a"]
    assert settled(answers * 3, order={"q": ("-99", "1", "2", "A", "a")})[0] == {}


def test_missing_by_option() -> None:
    """`--missing` takes a code out of every question, and says how many answers that were."""
    new, said = settled(["Dem", "Rep", "unclear", "unclear"], missing=["unclear"])
    assert new == {"unclear": None}
    assert "2 answers ('unclear') count as Unknown" in said


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["Dem", "Dem.", "DEM", "Rep"], {"Dem.": "Dem", "DEM": "Dem"}),
        (["**Yes**", "yes", "no", "No!"], {"**Yes**": "yes", "No!": "No", "no": "No"}),
        (["A", "A) Dem", "(B) Rep", "B", "C. Ind", "Ind"], {"A": "A) Dem", "B": "(B) Rep", "Ind": "C. Ind"}),
        (["1", "1 - low", "2 - high"], {"1": "1 - low"}),
        (["A) x", "A) y", "A"], {}),
        (["18-29", "30-49", "50+"], {}),
        (["Very likely", "Likely"], {}),
    ],
)
def test_spellings(answers: list[str], expected: dict[str, str]) -> None:
    """What differs in case, stars and full stops alone counts as one; so does a letter and what it stands for."""
    new, said = settled(answers * 3)
    if "No!" in answers:
        assert len({new.get(a, a) for a in answers}) == 2
    else:
        assert new == expected
    assert ("count" in said) == bool(expected)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["1,008", "166", "2,000"], [1008, 166, 2000]),
        (["1007,5", "3,25", "12"], [1007.5, 3.25, 12]),
        (["1.007,50", "3,25"], [1007.5, 3.25]),
        (["$5", "$1,200.50", "7"], [5, 1200.5, 7]),
        (["5 EUR", "7 EUR"], [5, 7]),
        (["7/10", "3/10", "10/10"], [7, 3, 10]),
        (["7 out of 10", "3 out of 10"], [7, 3]),
        (["50%", "5 %"], [50, 5]),
        (["5", "7", "N/A", "$3"], [5, 7, np.nan, 3]),
    ],
)
def test_numbers_in_other_notations(answers: list[str], expected: list[float]) -> None:
    """Thousands, decimal commas, currencies and 7/10 are read as numbers, and said."""
    new, said = settled(answers)
    found = [new.get(answer, answer) for answer in answers]
    got = [np.nan if a is None else float(a.rstrip("%")) for a in found]
    np.testing.assert_allclose(got, expected)
    assert said


@pytest.mark.parametrize("answers", [["1,2", "x"], ["5-10", "10-20"], ["3/4", "5/2"], ["a/b", "1"]])
def test_what_is_no_number_stays(answers: list[str]) -> None:
    """One answer that is no number in the notation leaves all as they are."""
    assert settled(answers)[0] == {}


def test_lists_have_no_order() -> None:
    """Lists of chosen options count by what they hold."""
    new, _ = settled(["['b', 'a']", "['a', 'b']", '["a"]', "[]"])
    assert new == {"['b', 'a']": "['a', 'b']", '["a"]': "['a']"}


def test_sentences_among_labels_are_told() -> None:
    """Text that was not read stands out among short answers."""
    text = "It is hard for me to say which party I would support in this situation, given what I know."
    _, said = settled(["Dem", "Rep", "Ind"] * 5 + [text])
    assert "sentences among short answers" in said


def test_merging_by_option() -> None:
    """`--merge` counts answers as one; a form that cannot be read is refused."""
    new, _ = settled(["Democrat", "D", "Rep"], merge=["q:Democrat|D=Dem"])
    assert new == {"Democrat": "Dem", "D": "Dem"}
    with pytest.raises(InputError, match="must have the form Q:A"):
        Options(merge=["q=Dem"])


def test_a_spelling_in_one_arm_is_no_drift() -> None:
    """One arm that writes answers otherwise has the same people; what was merged is said."""
    plain = numbers(analysed(made()))
    frame = made()
    treated = (frame["arm"] == "treated") & (frame["question"] == "party")
    for write in ("{}.", "**{}**", "\u201c{}\u201d", "{} "):
        other = frame.assign(response=frame["response"].mask(treated, [write.format(a) for a in frame["response"]]))
        found = analysed(other)
        pd.testing.assert_frame_equal(numbers(found), plain)
        assert write == "{} " or "counts as" in told(found, "warning")


def test_composed_and_decomposed_accents_are_one() -> None:
    """Unicode that looks the same is the same, and it is said."""
    frame = made().replace({"response": {"Ind": "Ind\u00e9p"}})
    other = frame.assign(
        response=frame["response"].mask(frame["arm"] == "treated", frame["response"].str.normalize("NFD"))
    )
    found = analysed(other)
    pd.testing.assert_frame_equal(numbers(found), numbers(analysed(frame)))
    assert "characters that look the same" in told(found)


def test_sentences_are_read_where_the_options_are_known() -> None:
    """With its options given, an answer in a sentence is one of them, or Unknown, and it is counted how often."""
    free = ["I would say that I am Democratic.", "My answer is: Republican", "It depends on many things, really."]
    options = ("Democratic", "Republican", "Independent")
    new, said = settled([*options * 3, *free], order={"q": options})
    assert [new[text] for text in free] == ["Democratic", "Republican", None]
    assert "2 answers in sentences were read as one of its options; 1 could not be read" in said


@pytest.mark.parametrize(
    ("answers", "doubt"),
    [
        (["7/10", "70/100"], "out of 10 and of 100"),
        (["$5", "\u20ac7"], "several units"),
        (["35%", "0.4"], "a percent sign and some have none"),
        (["2,892", "1,004"], "If it is a decimal comma"),
        (["896", "1.234", "2.456"], "If the point separates thousands"),
        ([*SCALE, "1000000"], "far off all others"),
    ],
)
def test_doubts_about_numbers_are_told(answers: list[str], doubt: str) -> None:
    """Units and wholes that differ, and separators that could be either, are read and doubted."""
    assert doubt in settled(answers)[1]


def test_lists_with_other_separators() -> None:
    """Options that semicolons or commas separate count by what they are, where two orders stand in the log."""
    new, said = settled(["TV; Web", "Web; TV", "TV"])
    assert new == {"Web; TV": "TV; Web"}
    assert "order in a list does not count" in said
    assert settled(["Paris, France", "Rome, Italy"])[0] == {}


def test_error_texts_are_no_answers() -> None:
    """What an engine's error left behind is Unknown, among words too."""
    assert settled(["Dem", "Rep", "Error: 429 Too Many Requests"])[0] == {"Error: 429 Too Many Requests": None}


def test_a_scale_in_words_with_words_for_missing() -> None:
    """A scale keeps its order beside "Don't know", which is no answer there."""
    new, _ = settled(["Unlikely", "Likely", "Very likely", "Don't know"])
    assert new == {"Don't know": None}


def test_truth_values_and_numbers_are_the_same_arms() -> None:
    """Arms 0, false, 1 and true are two."""
    frame = made().replace({"arm": {"control": "0", "treated": "1"}})
    other = frame.assign(arm=frame["arm"].mask(frame["persona"] < "p06", frame["arm"].map({"0": "False", "1": "True"})))
    pd.testing.assert_frame_equal(numbers(analysed(other)), numbers(analysed(frame)))


def test_questions_that_differ_in_case_by_arm_are_one() -> None:
    """`Party` in one arm and `party` in the other are one question, called as the option calls it."""
    frame = made()
    other = frame.assign(question=frame["question"].mask(frame["arm"] == "control", frame["question"].str.title()))
    pd.testing.assert_frame_equal(numbers(analysed(other)), numbers(analysed(frame)))
