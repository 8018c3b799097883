"""What an answer is: its canonical text, the number behind it, and a question's scale."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt

from confound.errors import InputError

FloatArray = npt.NDArray[np.float64]
Kind = Literal["nominal", "ordinal", "continuous"]

MAX_ANSWERS = 30  # more distinct answers than this are a measurement, not a category
LARGEST = 1e100
MAX_LEVELS = 11  # P(Y >= level) is reported up to a 0-10 scale; a finer scale gets its mean alone
BY_WORDS = "words of the answers"  # where the order of a scale comes from
SPELLED_MISSING = frozenset({"", "nan", "<na>"})
SPELLED_UNKNOWN = SPELLED_MISSING | {"unknown"}

_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?")
_EXPONENT = re.compile(r"[+-]?\d(?:\.\d+)?[eE][+-]?\d{1,2}")  # as programs write small and large floats
_TRUTH = frozenset({"true", "false"})  # Python writes True, JSON true, a spreadsheet TRUE
# A model that declines in a sentence of its own has given no answer; nobody offers such a sentence as an option.
_REFUSAL = re.compile(
    r"(?:(?:i.?m|i am) sorry|sorry|unfortunately)\b.{0,20}\bi (?:can.?t|cannot|can not|am unable|won.?t)\b.*"
    r"|i (?:can.?t|cannot|am unable to|am not able to) (?:answer|assist|help with|provide|respond|comply)\b.*"
    r"|as an ai\b.*",
    re.IGNORECASE | re.DOTALL,
)
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")
_LABELLED = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*%?\s*(?:[.:)\]=\u2013\u2014-]\s*)?(?:$|(?=[^\W\d]|[(\"'+]))")
_BRACKETED = re.compile(r".*[(\[]\s*([+-]?\d+(?:\.\d+)?)\s*[)\]]")


@dataclass(frozen=True, slots=True)
class Scale:
    """The answers to one question, in order where they have one.

    Attributes
    ----------
    kind : {"nominal", "ordinal", "continuous"}
        Nominal answers have no order; ordinal ones have a number each; continuous ones are too many numbers
        to tabulate.
    answers : tuple of str
        The distinct answers, K of them; from low to high if ordinal. Empty if continuous.
    values : ndarray of float64, shape (K,)
        The number behind each answer; NaN throughout if nominal.
    source : str
        Where order and numbers come from, in words.
    """

    kind: Kind
    answers: tuple[str, ...]
    values: FloatArray
    source: str


_CURLY = {"\u2212": "-", "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'}
_UNSEEN = "\u200b\u2060\ufeff\u00ad"  # zero-width blanks, byte-order marks, soft hyphens
_PLAIN = str.maketrans(_CURLY) | dict.fromkeys(map(ord, _UNSEEN))


def spelled(text: str) -> str:
    """Return a text in one spelling: composed characters, straight quotes, single blanks, nothing that is not seen.

    >>> spelled("I\u2019m  here\u00a0") == "I'm here" and spelled("Cafe\u0301") == "Caf\u00e9"
    True
    """
    if text.isascii():
        return text if "  " not in text and text.isprintable() else " ".join(text.split())
    return " ".join(unicodedata.normalize("NFC", text).translate(_PLAIN).split())


def label(text: str) -> str | None:
    """Return the one spelling of a name (a persona, an arm, a question): no outer blanks, whole floats as integers.

    Unlike `canonical` it keeps other zeros: question 1.10 is not question 1.1.

    >>> [label(t) for t in ("17.0", " a ", "1.10", "True", "nan")]
    ['17', 'a', '1.10', 'true', None]
    """
    text = spelled(text.strip())
    if text.casefold() in SPELLED_MISSING:
        return None
    if text.casefold() in _TRUTH:
        return text.casefold()
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def canonical(text: str | None) -> str | None:
    """Return the one spelling of an answer: no outer blanks, numbers without needless zeros; None if Unknown.

    A sentence that declines to answer is Unknown too.

    >>> [canonical(t) for t in ("2.0", " 2 ", "2.50", "+3", "1e-05", "007", "TRUE", "Unknown", "")]
    ['2', '2', '2.5', '3', '0.00001', '007', 'true', None, None]
    >>> [canonical(t) for t in ("I'm sorry, but I can't answer that.", "As an AI, I have no party.", "I can't tell")]
    [None, None, "I can't tell"]
    """
    text = spelled((text or "").strip())
    if text.casefold() in SPELLED_UNKNOWN:
        return None
    if text.casefold() in _TRUTH:
        return text.casefold()
    if _REFUSAL.fullmatch(text):
        return None
    if _EXPONENT.fullmatch(text):
        text = f"{Decimal(text):f}"
    if not _NUMBER.fullmatch(text):
        return text
    text = text.removeprefix("+")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def number_in(answer: str) -> float | None:
    """Return the one number that labels an answer ("3", "3 - Likely", "Likely (3)"), or None.

    >>> [number_in(a) for a in ("-1.5", "4: Very likely", "Likely (3)", "18-29", "$30,000 or more", "no")]
    [-1.5, 4.0, 3.0, None, None, None]
    """
    if len(_NUMBERS.findall(answer)) != 1:
        return None
    match = _LABELLED.match(answer) or _BRACKETED.fullmatch(answer)
    number = float(match.group(1)) if match else math.inf
    return number if math.isfinite(number) else None


def infer(
    answers: Sequence[str],
    *,
    order: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    recorded: Mapping[str, float] | None = None,
    question: str = "",
) -> Scale:
    """Find the scale of a question from the answers seen.

    Parameters
    ----------
    answers : sequence of str
        The distinct canonical answers, Unknown left out.
    order : sequence of str, optional
        The answers from low to high, as given; it decides before everything else.
    values : mapping, optional
        The number of each answer, beside `order`; without it they are numbered 1, 2, ...
    recorded : mapping, optional
        Column `value`: the one number seen with each answer.
    question : str
        What messages call the question.

    Raises
    ------
    InputError
        Where an answer is not among those of `order`.
    """
    if order is not None:
        return _given(answers, order, values, question)
    if recorded is not None and answers and all(answer in recorded for answer in answers):
        return _numbered({answer: recorded[answer] for answer in answers}, "column value")
    numbers = {answer: number_in(answer) for answer in answers}
    if answers and all(number is not None for number in numbers.values()):
        return _numbered({a: n for a, n in numbers.items() if n is not None}, "numbers in the answers")
    ordered = in_words(answers)
    if ordered:
        return Scale("ordinal", ordered, np.arange(1.0, len(ordered) + 1), BY_WORDS)
    return Scale("nominal", tuple(sorted(answers)), np.full(len(answers), np.nan), "")


# Words that grade a pole, from the middle of a scale to its end; and the two poles that scales name.
_DEGREES = (
    *("slightly", "a little", "somewhat", "moderately", "rather", "", "mostly", "quite", "very", "strongly"),
    *("very strongly", "extremely", "completely"),
)
_POLES = (
    *(("disagree", "agree"), ("unlikely", "likely"), ("dissatisfied", "satisfied"), ("unimportant", "important")),
    *(("negative", "positive"), ("bad", "good"), ("unfavorable", "favorable"), ("unfavourable", "favourable")),
    *(("oppose", "support"), ("oppose", "favor"), ("uncomfortable", "comfortable"), ("worse", "better")),
    *(("unwilling", "willing"), ("untrustworthy", "trustworthy"), ("dislike", "like"), ("distrust", "trust")),
    *(("unhappy", "happy"), ("unfair", "fair"), ("decrease", "increase"), ("liberal", "conservative")),
)
_MIDDLES = ("neutral", "neither", "undecided", "no opinion", "in between", "unsure", "moderate", "about the same")
# Scales with one pole, from low to high.
_LADDERS = (
    (
        *("never", "almost never", "very rarely", "rarely", "seldom", "occasionally", "sometimes", "often"),
        *("frequently", "very often", "usually", "almost always", "always"),
    ),
    (
        *("not at all", "a little", "slightly", "somewhat", "moderately", "a moderate amount", "quite a bit"),
        *("a lot", "very", "very much", "a great deal", "extremely", "completely"),
    ),
    ("very poor", "poor", "fair", "good", "very good", "excellent"),
    ("very low", "low", "medium", "high", "very high"),
    ("none", "very little", "little", "some", "much", "very much"),
    (
        *("definitely not", "probably not", "might or might not", "maybe", "probably", "probably yes", "definitely"),
        "definitely yes",
    ),
)
_GRADED = frozenset(pole for poles in _POLES for pole in poles) | {"concerned", "interested", "true", "confident"}
_LETTER = re.compile(r"^\(?[a-z][).:]\s+")
FEWEST_WORDS = 3  # two graded answers have no order that matters, and could be anything


def in_words(answers: Sequence[str]) -> tuple[str, ...]:
    """Return answers in the order that their words give, from low to high; empty if they give none.

    >>> in_words(["Likely", "Very likely", "Unlikely", "Neither likely nor unlikely"])
    ('Unlikely', 'Neither likely nor unlikely', 'Likely', 'Very likely')
    >>> in_words(["Dem", "Rep", "Ind"])
    ()
    """
    bare = {answer: _LETTER.sub("", answer.casefold()) for answer in answers}
    words = {answer: " ".join(re.sub(r"[^\w\s]", " ", text).split()) for answer, text in bare.items()}
    if len(answers) < FEWEST_WORDS or len(set(words.values())) < len(words):
        return ()
    ranks = [{text: place for place, text in enumerate(ladder)} for ladder in _LADDERS]
    last = {text.rpartition(" ")[2] for text in words.values() if " " in text}
    for word in last & _GRADED:  # "not at all likely" to "extremely likely"
        shorter = {answer: text.removesuffix(f" {word}") for answer, text in words.items()}
        if len(set(shorter.values())) == len(words) and set(shorter.values()) <= set(_LADDERS[1]):
            words = shorter
    ranks += [_bipolar(*poles) for poles in _POLES]
    for rank in ranks:
        found = {answer: rank.get(_middle(text) if text not in rank else text) for answer, text in words.items()}
        known = {answer: place for answer, place in found.items() if place is not None}
        if len(known) == len(found) == len(set(known.values())):
            return tuple(sorted(known, key=lambda answer: known[answer]))
    return ()


def _middle(text: str) -> str:
    return "neutral" if any(text == m or text.startswith(m + " ") for m in _MIDDLES) else text


def _bipolar(low: str, high: str) -> dict[str, int]:
    """Return the place of each graded form of two poles; the middle is 0."""
    grades = {f"{degree} {high}".strip(): place + 1 for place, degree in enumerate(_DEGREES)}
    mirrored = {f"{degree} {low}".strip(): -place - 1 for place, degree in enumerate(_DEGREES)}
    return {**mirrored, "neutral": 0, **grades}


def _given(answers: Sequence[str], order: Sequence[str], values: Mapping[str, float] | None, question: str) -> Scale:
    known = [label for label in (canonical(text) for text in order) if label is not None]
    if len(set(known)) < len(known):
        raise InputError(f"the order given for '{question}' names an answer twice: {', '.join(known)}")
    strange = sorted(set(answers) - set(known))
    if strange:
        raise InputError(
            f"the order given for '{question}' ({', '.join(known)}) lacks answers that the log holds: "
            f"{', '.join(map(repr, strange[:5]))}. Name every answer, from low to high"
        )
    numbers = [float(place + 1) for place in range(len(known))] if values is None else [values[a] for a in known]
    return Scale("ordinal", tuple(known), np.asarray(numbers), "order given" if values is None else "study file")


def refuse_huge(numbers: npt.ArrayLike) -> None:
    """Refuse numbers whose squares or sums may have no end; those that are missing pass."""
    held = np.asarray(numbers, dtype=float)
    huge = held[np.abs(held) > LARGEST]
    if len(huge):
        raise InputError(
            f"the number {huge[0]:g} stands among answers or in column 'value'; {LARGEST:g} is the largest. Leave it "
            "out, or write it in another unit"
        )


def _numbered(numbers: Mapping[str, float], source: str) -> Scale:
    refuse_huge(list(numbers.values()))
    if len(numbers) > MAX_ANSWERS:
        return Scale("continuous", (), np.empty(0), source)
    ordered = sorted(numbers, key=lambda answer: (numbers[answer], answer))
    return Scale("ordinal", tuple(ordered), np.asarray([numbers[answer] for answer in ordered]), source)
