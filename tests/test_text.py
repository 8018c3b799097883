"""Numbers and labels as text."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound import text


def test_joined_letters_stay_joined() -> None:
    """What Persian words and many emoji are joined by is no control character."""
    assert text.printable("\U0001f469\u200d\U0001f4bb") == "\U0001f469\u200d\U0001f4bb"
    assert text.printable("\u202ea\n") == "\\u202ea\\n"


@given(st.floats(0, 1))
def test_p_is_never_written_as_zero_or_one(p: float) -> None:
    """A p-value is shown to three decimals, or as a bound that it respects."""
    written = text.p_value(p)
    if written[0] in "<>":
        bound = float(written[1:])
        assert (p < bound) if written[0] == "<" else (p > bound - 0.0005)
    else:
        assert 0 < float(written) < 1
        assert float(written) == pytest.approx(p, abs=0.0005 + 1e-12)


@pytest.mark.parametrize("nothing", [None, math.nan, pd.NA])
def test_what_is_missing_is_a_dash(nothing: object) -> None:
    """Nothing missing becomes a number."""
    assert text.number(nothing, 2) == text.p_value(nothing) == text.MISSING
    assert text.number(math.inf, 2) == text.MISSING


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_numbers_read_back(value: float, decimals: int) -> None:
    """A written number is the number rounded, whatever its sign."""
    plain = text.number(value, decimals, sign=True).replace(text.MINUS, "-").replace(",", "")
    assert float(plain) == pytest.approx(round(value, decimals), abs=10**-decimals / 1.9)
