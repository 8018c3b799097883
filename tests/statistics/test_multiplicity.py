"""Holm and Benjamini-Hochberg, against statsmodels."""

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from confound.statistics import multiplicity


@pytest.fixture(scope="module")
def _little_garbage() -> Iterator[None]:
    """Keep what other tests loaded out of the collections of garbage that statsmodels makes on every call."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_little_garbage")
@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=12))  # their last digit is a fifth of them
def test_adjusted_as_by_statsmodels(pvalues: list[float]) -> None:
    """Both corrections equal statsmodels' `multipletests`, ties included."""
    np.testing.assert_allclose(multiplicity.holm(pvalues), multipletests(pvalues, method="holm")[1])
    np.testing.assert_allclose(multiplicity.benjamini_hochberg(pvalues), multipletests(pvalues, method="fdr_bh")[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_false_discoveries_as_by_scipy(pvalues: list[float]) -> None:
    """Benjamini and Hochberg's adjustment equals scipy's to the last bit."""
    np.testing.assert_array_equal(multiplicity.benjamini_hochberg(pvalues), false_discovery_control(pvalues))


def test_impossible_pvalue_is_refused() -> None:
    """What is no probability is refused with what was found."""
    with pytest.raises(ValueError, match=r"pvalues must lie in the interval \[0, 1\] but got nan"):
        multiplicity.benjamini_hochberg([0.1, np.nan])


def test_holm_by_hand() -> None:
    """The worked example: .01, .04, .03 become .03, .06, .06."""
    assert multiplicity.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
