"""Counts in canonical order: whatever the names, the same arrays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from confound.statistics.drift import canonical

SEEDS = st.integers(0, 10_000)


@given(SEEDS)
def test_strata_do_not_depend_on_the_order_of_personas_and_answers(seed: int) -> None:
    """Permuted rows and columns give the same arrays."""
    rng = np.random.default_rng(seed)
    arms = rng.integers(0, 6, size=(2, 7, 4))
    rows, columns = rng.permutation(7), rng.permutation(4)
    one, other = canonical.strata(*arms), canonical.strata(*(arm[rows][:, columns] for arm in arms))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


@given(SEEDS)
def test_samples_do_not_depend_on_the_order_of_personas_and_answers(seed: int) -> None:
    """Each arm's rows permuted by themselves, the columns together."""
    rng = np.random.default_rng(seed)
    arms = [rng.integers(0, 6, size=(n, 4)) for n in (5, 8)]
    columns = rng.permutation(4)
    one, other = canonical.samples(*arms), canonical.samples(*(rng.permutation(arm)[:, columns] for arm in arms))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


@given(SEEDS)
def test_conversations_do_not_depend_on_any_order(seed: int) -> None:
    """Personas, conversations, controls permuted, and answers renamed."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, 3, size=(6, 2, 5, 3))
    renamed = codes.copy()
    for q in range(3):
        names = np.append(rng.permutation(3), -1)
        renamed[..., q] = names[codes[..., q]]
    order = rng.permutation(3)
    moved = rng.permutation(rng.permutation(renamed[..., order], axis=0), axis=2)
    one, other = canonical.conversations(codes), canonical.conversations(moved)
    assert (one.codes == other.codes).all()
    assert (one.codes >= -1).all()
