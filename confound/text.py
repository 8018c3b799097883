"""Numbers and labels as text: the one writer of p-values, of numbers, and of labels that come from a log."""

import math
import shlex
from collections.abc import Iterable
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
    if value < 0:  # no minus before a zero
        return f"{MINUS}{text}" if any(c in "123456789" for c in text) else text
    return f"+{text}" if sign else text


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


def bracketed(low: Any, high: Any, decimals: int) -> str:
    """Write an interval for a table; a dash where there is none.

    >>> bracketed(0.126, 0.59, 2)
    '[0.13, 0.59]'
    """
    ends = number(low, decimals), number(high, decimals)
    return MISSING if MISSING in ends else f"[{ends[0]}, {ends[1]}]"


def estimate(
    value: Any,
    low: Any,
    high: Any,
    decimals: int,
    *,
    sign: bool = False,
    confidence: float | None = None,
    p: Any = None,
) -> str:
    """Write an estimate with its interval for a sentence; alone where it has none.

    Parameters
    ----------
    value, low, high : float
    decimals : int
        0 or more.
    sign : bool
        Whether positive numbers get a plus sign.
    confidence : float, optional
        In (0, 1); named where the reader is not told it elsewhere.
    p : float, optional
        Of the test that goes with the interval.

    >>> estimate(0.36, 0.13, 0.59, 2, confidence=0.95)
    '0.36 (95 % interval 0.13 to 0.59)'
    >>> estimate(0.105, 0.026, 0.185, 3, sign=True, p=0.01)
    '+0.105 (+0.026 to +0.185, p = .010)'
    """
    ends = [number(end, decimals, sign=sign) for end in (low, high)]
    if MISSING in ends:
        return number(value, decimals, sign=sign)
    named = "" if confidence is None else f"{percent(confidence)} interval "
    tested = "" if p is None else f", {p_equals(p)}"
    return f"{number(value, decimals, sign=sign)} ({named}{ends[0]} to {ends[1]}{tested})"


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


def typed(options: Iterable[tuple[str, str]]) -> str:
    """Write options as they are typed.

    >>> typed([("negative_control", "born in")])
    "--negative-control 'born in'"
    """
    return " ".join(f"--{keyword.replace('_', '-')} {shlex.quote(value)}" for keyword, value in options)
