"""Brings the many ways to name an option to its label in brackets, so that every rule sees one mention, not two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulate.parsing import cleaning, phrases

if TYPE_CHECKING:
    from simulate.parsing.options import OptionFinder

_OUT_OF = re.compile(
    r"(?<![\w./-])(\d{1,2})(?:\.0)?(?: stars?| points?)?\s*(?:/|out of(?: a possible)?)\s*(\d{1,3})(?![\w/]|\.\d)"
    r"(?: stars?| points?)?",
    re.IGNORECASE,
)
_ON_A_SCALE = re.compile(
    r"\b(?:on|using) (?:a|the|your) scale (?:of|from) \d+\s*(?:to|-)\s*(\d+)\s*[,:]?\s*", re.IGNORECASE
)
_NUMBER_WORD = re.compile(
    rf"(?<![\w-])(?:(?P<one>one(?= out of\b))|(?:{'|'.join(word for word in phrases.NUMBERS if word != 'one')}))"
    r"(?= out of\b| (?P<unit>[a-z]+?)s?\b|\s*(?:$|[.,;:!)]))",
    re.IGNORECASE,
)


def bold_as_label(finder: OptionFinder, text: str) -> str:
    """Put the label in brackets for an option in bold: its place in the sentence counts like any other's."""

    def label(match: re.Match[str]) -> str:
        option = finder.whole(cleaning.undecorated(match[2]))
        return match[0] if option is None else f"({finder.shown[option].label}){re.sub(r'[^.!:]', '', match[2][-1])}"

    return re.sub(r"(\*\*|__)(.+?)\1", label, text) if len(text) > 1 else text


def rated(finder: OptionFinder, text: str) -> str:
    """Bring "7/10", "7 out of 10" and "a seven" to "7"; of another scale than the question's nothing is left."""
    numbers = [int(label) for label in finder.labels if label.isdigit()]
    if not numbers:
        return text
    if any(character.isdigit() for option in finder.options for character in option):
        text = _NUMBER_WORD.sub(lambda match: _digits(finder, match), text)
    stated = [int(match[match.re.groups]) for scale in (_OUT_OF, _ON_A_SCALE) for match in scale.finditer(text)]
    if any(top != max(numbers) for top in stated):
        return phrases.MASK
    return _ON_A_SCALE.sub("", _OUT_OF.sub(r"\1", text))


def _digits(finder: OptionFinder, match: re.Match[str]) -> str:
    """Return a number in digits, unless it counts something else than the options do."""
    unit = match["unit"]
    counted = unit is None or any(unit.casefold() in option.casefold().split() for option in finder.options)
    return str(phrases.NUMBERS.index(match[0].casefold())) if counted else match[0]


def by_label(finder: OptionFinder, text: str) -> str:
    """Put "(B)" for "B. Democrat" and "Democrat (B)", whose full stop ends no sentence and whose words deny nothing."""
    for option, pattern in finder.patterns:
        label = finder.shown[option].label
        marks = rf"[(\[\"']{label}[)\]\"']\s*[-.:=,]*\s*|(?i:{label})(?:\s*[.:)=]+\s*|\s+-+\s*)"
        marks += "" if label in "AI" else rf"|{label}\s+"
        named = rf"(?i:{pattern.pattern})"
        text = re.sub(rf"(?<![\w'])(?:(?:{marks}){named}|{named}\s*[(\[](?i:{label})[)\]])", f"({label})", text)
    return text
