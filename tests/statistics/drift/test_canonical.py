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


@given(SEEDS, st.sampled_from([(10, 10, 2), (5, 3, 2), (8, 8, 1), (30, 20, 2)]))
def test_answers_given_equally_often_are_told_apart(seed: int, sizes: tuple[int, int, int]) -> None:
    """With few trials many answers have equal counts: in a third of logs of 10 answers x 2 trials x 10 personas."""
    n_personas, n_answers, n_trials = sizes
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(n_answers, 0.5), size=n_personas)
    arms = rng.multinomial(n_trials, shares), rng.multinomial(n_trials, shares)
    rows, columns = rng.permutation(n_personas), rng.permutation(n_answers)
    moved = [arm[rows][:, columns] for arm in arms]
    for order in (canonical.strata, canonical.samples):
        assert all((a == b).all() for a, b in zip(order(*arms), order(*moved), strict=True))


def test_personas_of_one_answer_each_are_ordered_alike() -> None:
    """Where answers are interchangeable any order gives the same counts."""
    arm = np.kron(np.eye(10, dtype=np.int64), np.ones((3, 1), dtype=np.int64)) * 5
    columns = np.random.default_rng(1).permutation(10)
    one, other = canonical.strata(arm, arm[::-1]), canonical.strata(arm[:, columns], arm[::-1][:, columns])
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


@given(SEEDS)
def test_samples_do_not_depend_on_the_order_of_personas_and_answers(seed: int) -> None:
    """Each arm's rows permuted by themselves, the columns together."""
    rng = np.random.default_rng(seed)
    arms = [rng.integers(0, 6, size=(n, 4)) for n in (5, 8)]
    columns = rng.permutation(4)
    one, other = canonical.samples(*arms), canonical.samples(*(rng.permutation(arm)[:, columns] for arm in arms))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


@given(SEEDS, st.sampled_from([(6, 2, 5, 3), (3, 2, 2, 3), (10, 2, 1, 3), (4, 2, 1, 3)]))
def test_conversations_do_not_depend_on_any_order(seed: int, shape: tuple[int, int, int, int]) -> None:
    """Personas, conversations, controls permuted, and answers renamed, with equal counts of answers and without."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, 3, size=shape)
    renamed = codes.copy()
    for q in range(3):
        names = np.append(rng.permutation(3), -1)
        renamed[..., q] = names[codes[..., q]]
    order = rng.permutation(3)
    moved = rng.permutation(rng.permutation(renamed[..., order], axis=0), axis=2)
    one, other = canonical.conversations(codes), canonical.conversations(moved)
    assert (one.codes == other.codes).all()
    assert (one.codes >= -1).all()
