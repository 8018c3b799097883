"""Totals by a few keys: the same as pandas', however large the labels' product is."""

import numpy as np
import pandas as pd
import pytest

from confound.counts import totals as module
from confound.counts.counting import group
from confound.counts.totals import totals
from confound.log import response_table


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Make a log of a few labels, some answers missing."""
    rng = np.random.default_rng(5)
    made = pd.DataFrame({key: rng.choice(list("abcd"), 3000) for key in ("study", "persona", "arm", "question")})
    made["response"] = rng.choice(["x", "y", None], 3000)
    return made


@pytest.mark.parametrize("keys", [("arm",), ("question", "response"), ("study", "arm", "question", "response")])
@pytest.mark.parametrize("limits", [{}, {"BLOCK": 7}, {"DENSE": 0, "BLOCK": 7}])
def test_totals_are_those_of_pandas(
    log: pd.DataFrame, keys: tuple[str, ...], limits: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one block or many, dense or not."""
    for name, value in limits.items():
        monkeypatch.setattr(module, name, value)
    with response_table.opened(log) as opened:
        grouped = group(opened)
    codes, n = totals(grouped, *keys)
    held = [tuple(grouped.label(key, int(code)) for key, code in zip(keys, row, strict=True)) for row in codes.T]
    filled = log.fillna({"response": "missing"})
    expected = filled.groupby(list(keys)).size()
    assert len(held) == len(expected)
    for place, answers in zip(held, n.tolist(), strict=True):
        named = tuple(name or "missing" for name in place)
        assert expected[named if len(keys) > 1 else named[0]] == answers


def test_more_combinations_than_an_integer_can_number(log: pd.DataFrame) -> None:
    """The product of the labels' numbers is beyond 64 bits."""
    with response_table.opened(log.assign(persona=range(len(log)))) as opened:
        grouped = group(opened)
    few = totals(grouped, "persona", "arm")
    again = totals(grouped, "persona", "arm", *["persona"] * 6)
    np.testing.assert_array_equal(few[0], again[0][:2])
    np.testing.assert_array_equal(few[1], again[1])
