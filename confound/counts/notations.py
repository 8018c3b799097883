"""Ways to write a number: separated thousands, decimal commas, units, and 7/10."""

import re
from collections.abc import Callable, Collection, Iterator

PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+|[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?|[+-]?\d{1,3}(?: \d{3})+,\d+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[, ']\d{2,3})*(?:[, ']\d{3})(?:\.\d+)?")
_UNIT = re.compile(r"[$\u20ac\u00a3\u00a5\u20b9]|\b(?:USD|EUR|GBP|CHF|JPY|INR|US|dollars?|euros?)\b|%", re.IGNORECASE)
_RATIO = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/|\(?\s*\bout of\b)\s*(\d+)\)?")


def with_point(text: str) -> str | None:
    """Read a number with a decimal comma; None for another.

    >>> [with_point(text) for text in ("1.007,5", "0,563", "x")]
    ['1007.5', '0.563', None]
    """
    if PLAIN.fullmatch(text):
        return text
    return re.sub(r"[. ]", "", text).replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else None


def without_thousands(text: str) -> str | None:
    """Read a number whose thousands are separated; None for another.

    >>> [without_thousands(text) for text in ("1,008", "1,00,200", "0,563")]
    ['1008', '100200', None]
    """
    if PLAIN.fullmatch(text):
        return text
    return re.sub(r"[, ']", "", text) if _THOUSANDS.fullmatch(text) else None


def _bare(text: str) -> str:
    return _UNIT.sub("", text).strip()


def with_unit(text: str) -> str | None:
    """Read a number with a currency or a percent sign; thousands may be separated."""
    return without_thousands(_bare(text))


def with_unit_and_comma(text: str) -> str | None:
    """Read a number with a unit and a decimal comma."""
    return with_point(_bare(text))


def out_of(text: str) -> str | None:
    """Read "7/10" and "7 out of 10" as 7; None where it is more than the whole."""
    found = _RATIO.fullmatch(text)
    return found[1] if found and float(found[2]) > 0 and float(found[1]) <= float(found[2]) else None


# How numbers are written -> what reads them; in the order in which they are tried.
ALL: dict[str, Callable[[str], str | None]] = {
    "with separated thousands": without_thousands,
    "with a decimal comma": with_point,
    "with a unit": with_unit,
    "with a unit and a decimal comma": with_unit_and_comma,
    "out of a largest one": out_of,
}


def doubts(answers: Collection[str]) -> Iterator[str]:
    """Yield what may be wrong with numbers that were read: units or wholes that differ, commas that could be either."""
    wholes = sorted({found[2] for text in answers if (found := _RATIO.fullmatch(text))}, key=float)
    if len(wholes) > 1:
        yield f"Its answers are out of {' and of '.join(wholes[:3])}: they were not brought to one scale."
    units = {tuple(sorted({unit.casefold() for unit in _UNIT.findall(text)})) for text in answers}
    if len(units - {()}) > 1:
        shown = ", ".join(sorted(" ".join(unit) for unit in units - {()}))
        yield f"Its answers have several units ({shown}), and count as if they had one."
    elif len(units) > 1 and any("%" in unit for unit in units):
        yield "Some of its answers have a percent sign and some have none: 35% counts as 35, and 0.35 as 0.35."
    bare = [_bare(text) for text in answers]
    commas = [text for text in bare if "," in text]
    if commas and all(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", text) for text in commas):
        small = [float(text) for text in bare if PLAIN.fullmatch(text)]
        if not small or max(small) < MUCH:
            yield (
                f"In numbers such as {commas[0]!r} the comma was taken to separate thousands. If it is a decimal "
                "comma, write a point."
            )


MUCH = 100.0  # beside numbers as large as this, thousands are likely


def may_be_thousands(answers: Collection[str]) -> bool:
    """Tell whether numbers with a point could be thousands: all have three decimals, beside large whole numbers."""
    pointed = [text for text in answers if "." in text]
    whole = [abs(int(text)) for text in answers if text.lstrip("+-").isdecimal()]
    # Canonical numbers have no trailing zeros: 1.230 is 1.23 by now.
    return (
        bool(pointed)
        and bool(whole)
        and MUCH <= max(whole) < 1000
        and all(1 <= len(text.partition(".")[2]) <= 3 and 1 <= abs(float(text)) < 1000 for text in pointed)
        and sum(len(text.partition(".")[2]) == 3 for text in pointed) > len(pointed) / 2
    )
