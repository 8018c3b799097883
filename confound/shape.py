"""Values that were read from a file of our own, held to what they should be: somebody may have changed the file."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
SHOWN = 40


def text(held: Any) -> str:
    """Return a text.

    Raises
    ------
    TypeError
        Where it is none; so do the other functions here.
    """
    return held if isinstance(held, str) else _refused(held, "text")


def written(held: Any) -> str:
    """Return a text that can be written as UTF-8."""
    text(held).encode()  # raises ValueError
    return str(held)


def whole(held: Any) -> int:
    """Return a whole number."""
    return held if isinstance(held, int) and not isinstance(held, bool) else _refused(held, "whole number")


def number(held: Any) -> float:
    """Return a finite number."""
    return float(held) if is_number(held) else _refused(held, "number")


def is_number(held: Any) -> bool:
    """Tell whether a value is a number that is finite as a float, too."""
    if isinstance(held, bool) or not isinstance(held, int | float):
        return False
    try:
        return math.isfinite(held)
    except OverflowError:
        return False


def flag(held: Any) -> bool:
    """Return true or false."""
    return held if isinstance(held, bool) else _refused(held, "truth value")


def mapping(held: Any) -> dict[str, Any]:
    """Return a mapping."""
    return held if isinstance(held, dict) else _refused(held, "mapping")


def listing(held: Any) -> list[Any]:
    """Return a list."""
    return held if isinstance(held, list) else _refused(held, "list")


def maybe(check: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """Return what holds a value to `check` where there is one."""
    return lambda held: None if held is None else check(held)


def _refused(held: Any, what: str) -> Any:
    raise TypeError(f"{str(held)[:SHOWN]!r} is no {what}")
