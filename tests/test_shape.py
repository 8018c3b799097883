"""Values of a file of our own: what has the type passes, everything else is an error."""

from collections.abc import Callable
from typing import Any

import pytest

from confound import shape

VALUES: tuple[Any, ...] = (
    "a",
    "",
    0,
    -3,
    2**70,
    0.5,
    10**400,
    float("nan"),
    float("inf"),
    True,
    None,
    [],
    {},
    "\ud800",
)
FIT: dict[Callable[[Any], Any], tuple[Any, ...]] = {
    shape.text: ("a", "", "\ud800"),
    shape.written: ("a", ""),
    shape.whole: (0, -3, 2**70, 10**400),
    shape.number: (0, -3, 2**70, 0.5),
    shape.flag: (True,),
    shape.mapping: ({},),
    shape.listing: ([],),
    shape.maybe(shape.text): ("a", "", "\ud800", None),
}


@pytest.mark.parametrize("check", FIT)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_only_what_fits_passes(check: Callable[[Any], Any], value: object) -> None:
    """True is no number, a number that no float holds is none, and half a letter cannot be written."""
    if any(type(value) is type(fit) and value == fit for fit in FIT[check]):
        assert check(value) == value
    else:
        with pytest.raises((TypeError, ValueError)):
            check(value)
