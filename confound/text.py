"""Numbers and labels as text: the one writer of p-values, of numbers, and of labels that come from a log."""

import math
from typing import Any

MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
LABEL_WIDTH = 60
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # Persian, Hindi and many emoji need them


def number(value: Any, decimals: int, *, sign: bool = False) -> str:
    """Write a number with a true minus sign; what is missing or infinite as an en dash.

    Parameters
    ----------
    value : float
        None, NaN and pandas' NA are missing.
    decimals : int
        0 or more.
    sign : bool
        Whether a positive number gets a plus sign.

    >>> [number(value, 2) for value in (0.126, -0.001, 12345.0)]
    ['0.13', '0.00', '12,345.00']
    """
    value = as_float(value)
    if not math.isfinite(value):
        return MISSING
    text = f"{abs(value):,.{decimals}f}"
    rounded_to_zero = not any(c in "123456789" for c in text)
    if value < 0 and not rounded_to_zero:
        return f"{MINUS}{text}"
    return f"+{text}" if sign and not rounded_to_zero else text


def p_value(p: Any) -> str:
    """Write a p-value with three decimals and no leading zero; one that would round to 0 or 1 as a bound.

    >>> [p_value(p) for p in (0.04321, 7.3e-05, 1.0)]
    ['.043', '< .001', '> .999']
    """
    p = as_float(p)
    if math.isnan(p):
        return MISSING
    if p < 0.0005:
        return "< .001"
    return "> .999" if p >= 0.9995 else f"{p:.3f}"[1:]


def p_equals(p: Any) -> str:
    """Write a p-value for a sentence.

    >>> p_equals(0.04321), p_equals(7.3e-05)
    ('p = .043', 'p < .001')
    """
    text = p_value(p)
    return f"p {text}" if text[0] in "<>" else f"p = {text}"


def percent(confidence: Any) -> str:
    """Write the confidence of intervals, in (0, 1), as a percentage.

    >>> percent(0.95), percent(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * float(confidence):g} %"


def as_float(value: Any) -> float:
    """Return a number, or NaN for what is missing."""
    try:
        return float(value)
    except TypeError:  # None, and pandas' NA
        return math.nan


def printable(text: str) -> str:
    """Escape what a terminal would obey: control, bidirectional and other unprintable characters."""
    return "".join(c if c.isprintable() or c in _JOINERS else c.encode("unicode_escape").decode() for c in text)


def named(text: str, width: int = LABEL_WIDTH) -> str:
    """Write a label inside a sentence or a table, no longer than so many characters."""
    text = printable(text)
    return text if len(text) <= width else f"{text[: width - 3]}..."
