"""What an answer is: its spelling, its number, and the scale of a question."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound import InputError
from confound.counts.scales import MAX_ANSWERS, canonical, infer, label, number_in
from tests.log.made import analysed, made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.0", "2"),
        (" 2 ", "2"),
        ("2.50", "2.5"),
        ("+3", "3"),
        ("-0.0", "0"),
        ("-1.0", "-1"),
        ("1e-05", "0.00001"),
        ("1E+16", "10000000000000000"),
        ("2.5e3", "2500"),
        ("1e999", "1e999"),
        ("007", "007"),
        ("1.2.0", "1.2.0"),
        ("10", "10"),
        ("True", "true"),
        ("FALSE", "false"),
        ("3 - Likely", "3 - Likely"),
        ("None", "None"),
        ("Unknown", None),
        ("UNKNOWN ", None),
        ("nan", None),
        ("<NA>", None),
        ("\t", None),
        (None, None),
    ],
)
def test_canonical(text: str | None, expected: str | None) -> None:
    """Numbers and truth values have one spelling, blanks do not count, and what says nothing is Unknown."""
    assert canonical(text) == expected


@given(st.text())
def test_canonical_settles(text: str) -> None:
    """The canonical spelling of a canonical spelling is itself."""
    once = canonical(text)
    assert once is None or canonical(once) == once


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_canonical_keeps_the_number(number: float) -> None:
    """However a float is written, its canonical spelling is the same number."""
    assert float(canonical(repr(number)) or "nan") == number


@given(st.integers(-(10**6), 10**6))
def test_whole_floats_are_integers(number: int) -> None:
    """A whole number stored as a float is the same answer and the same label."""
    assert canonical(f"{float(number)}") == canonical(str(number)) == str(number)
    if number >= 0:
        assert label(f"{float(number)}") == label(str(number)) == str(number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("17.0", "17"),
        (" a ", "a"),
        ("1.10", "1.10"),
        ("q.0", "q.0"),
        ("unknown", "unknown"),
        ("nan", None),
        (" ", None),
    ],
)
def test_label(text: str, expected: str | None) -> None:
    """A name keeps its zeros, save those of a whole float; only what is empty is missing."""
    assert label(text) == expected


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("3", 3.0),
        ("-1.5", -1.5),
        ("0.00001", 1e-5),
        ("3 - Likely", 3.0),
        ("3 \u2013 Likely", 3.0),
        ("4: Very likely", 4.0),
        ("2) Agree", 2.0),
        ("[5] often", None),
        ("Likely (3)", 3.0),
        ("50%", 50.0),
        ("65+", 65.0),
        ("18-29", None),
        ("1 to 2", None),
        ("$30,000 or more", None),
        ("at least 3 times", None),
        ("3,000", None),
        ("no", None),
        ("", None),
        ("9" * 400, None),
    ],
)
def test_number_in(answer: str, number: float | None) -> None:
    """An answer's number is the one that labels it; a range, an amount in words or two numbers are none."""
    assert number_in(answer) == number


@given(st.text())
def test_number_in_is_finite(answer: str) -> None:
    """Whatever the text, the number in it is none or finite."""
    number = number_in(answer)
    assert number is None or math.isfinite(number)


def test_order_decides_first() -> None:
    """An order given decides before column `value` and numbers in the answers."""
    scale = infer(["1", "2"], order=["2.0", "1", "0"], recorded={"1": 7.0, "2": 8.0})
    assert (scale.kind, scale.answers, scale.values.tolist()) == ("ordinal", ("2", "1", "0"), [1, 2, 3])
    assert scale.source == "order given"


def test_values_beside_the_order() -> None:
    """A study file's values are the numbers behind its order."""
    scale = infer(["b"], order=["a", "b"], values={"a": -1.0, "b": 5.0})
    assert (scale.answers, scale.values.tolist(), scale.source) == (("a", "b"), [-1, 5], "study file")


def test_recorded_values_decide_second() -> None:
    """Column `value` decides before numbers in the answers."""
    scale = infer(["1", "2"], recorded={"1": 7.0, "2": 6.0})
    assert (scale.answers, scale.values.tolist(), scale.source) == (("2", "1"), [6, 7], "column value")


def test_numbers_decide_third() -> None:
    """Numbers that label all answers order them; 10 comes after 9."""
    scale = infer(["10 - a", "9 - b"])
    assert (scale.kind, scale.answers, scale.source) == ("ordinal", ("9 - b", "10 - a"), "numbers in the answers")


def test_else_nominal() -> None:
    """One answer without a number leaves the question nominal, with its answers sorted."""
    scale = infer(["3", "b", "a"])
    assert (scale.kind, scale.answers) == ("nominal", ("3", "a", "b"))
    assert np.isnan(scale.values).all()


def test_many_numbers_are_continuous() -> None:
    """One number more than can be tabulated makes a measurement."""
    numbers = [str(n) for n in range(MAX_ANSWERS + 1)]
    assert infer(numbers[:-1]).kind == "ordinal"
    assert infer(numbers).kind == "continuous"


@pytest.mark.parametrize(
    ("order", "message"),
    [(["low", "low "], "names an answer twice"), (["low"], "lacks answers that the log holds: 'high'")],
)
def test_bad_orders(order: list[str], message: str) -> None:
    """An order that repeats or lacks an answer is refused."""
    with pytest.raises(InputError, match=message):
        infer(["low", "high"], order=order, question="q")


def test_numbers_without_end_are_refused() -> None:
    """The sum of some numbers is more than a float holds."""
    log = made(personas=2, trials=2)
    log["value"] = [1e308 if question == "likely" else 1.0 for question in log["question"]]
    with pytest.raises(InputError, match=r"the number 1e\+308 stands among answers.*1e\+100 is the largest"):
        analysed(log)
