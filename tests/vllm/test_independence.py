"""Draws follow the model's own probabilities, and no two of them hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats
from vllm import SamplingParams

from tests.vllm.asking import classes, next_word, request, texts, written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from simulate.backends.vllm import VllmModel

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

DRAWS = 2_000
CLASSES = 6
# The seeds are fixed, so that a p-value never changes here; one below this would be a fault of one in ten thousand.
SMALL = 1e-4


def pair_pvalue(first: Ints, second: Ints, shares: Floats, others: Floats | None = None) -> float:
    """Test that pairs are independent draws of known probabilities (chi-square on the table of pairs)."""
    expected = len(first) * np.outer(shares, shares if others is None else others)
    seen = np.zeros(expected.shape)
    np.add.at(seen, (first, second), 1)
    assert expected.min() > 5
    return float(stats.chisquare(seen.ravel(), expected.ravel()).pvalue)


@pytest.fixture(scope="module")
def free(model: Path, engine: VllmModel) -> tuple[Ints, Floats]:
    """Return 2,000 draws of a next token, as classes, and the classes' probabilities by transformers."""
    place, shares = classes(next_word(model, request()), CLASSES)
    said = texts(engine, request(trials=DRAWS))[0]
    assert list(said) == list(range(1, DRAWS + 1))
    return np.array([place[written(text)] for text in said.values()]), shares


def test_draws_follow_the_models_probabilities(free: tuple[Ints, Floats]) -> None:
    """2,000 trials of one prompt have the probabilities that transformers finds for the next token."""
    draws, shares = free
    assert shares.sum() == pytest.approx(1)
    assert stats.chisquare(np.bincount(draws, minlength=CLASSES), DRAWS * shares).pvalue > SMALL


@pytest.mark.parametrize("lag", [1, 2, 3, 10, 128])
def test_trials_are_no_copies(free: tuple[Ints, Floats], lag: int) -> None:
    """Pairs of trials of one prompt, near or far, are as pairs of independent draws."""
    draws, shares = free
    starts = np.flatnonzero(np.arange(DRAWS - lag) % (2 * lag) < lag)
    assert pair_pvalue(draws[starts], draws[starts + lag], shares) > SMALL


def test_copies_would_be_found(free: tuple[Ints, Floats]) -> None:
    """The test of pairs finds copies, also where only one trial in five copies its neighbour."""
    draws, shares = free
    first, second = draws[::2], draws[1::2].copy()
    assert pair_pvalue(first, first, shares) < 1e-100
    second[::5] = first[::5]
    assert pair_pvalue(first, second, shares) < SMALL


def test_answers_to_choose_from_follow_the_probabilities(model: Path, engine: VllmModel) -> None:
    """Held to the options, the model gives each its own probability among them, and trials are no copies."""
    free = next_word(model, request())
    within = sum(free[letter] for letter in "ABCDE")
    shares = {letter: free[letter] / within for letter in "ABCDE"}
    said = list(texts(engine, request(trials=DRAWS, choice=True, sampling={"max_tokens": 5}))[0].values())
    seen = np.array([said.count(letter) for letter in shares])
    assert stats.chisquare(seen, DRAWS * np.array(list(shares.values()))).pvalue > SMALL
    place, totals = classes(shares, 2)
    draws = np.array([place[str(answer)] for answer in said])
    assert pair_pvalue(draws[::2], draws[1::2], totals) > SMALL


def test_personas_share_no_noise(model: Path, engine: VllmModel) -> None:
    """The same trial of two personas is as a pair of independent draws; given one seed for both it would not be."""
    # Two prompts of one length: on a GPU a seed's noise depends on the place of the token, too.
    asked = [request(persona, DRAWS) for persona in (0, 2)]
    (place, shares), (other_place, others) = (classes(next_word(model, one), CLASSES) for one in asked)

    def pairs(first: Sequence[str | None], second: Sequence[str | None]) -> float:
        draws = np.array([place[written(text)] for text in first])
        return pair_pvalue(draws, np.array([other_place[written(text)] for text in second]), shares, others)

    own, other = texts(engine, *asked)
    assert pairs(list(own.values()), list(other.values())) > SMALL
    one_seed = SamplingParams(n=DRAWS, seed=1, max_tokens=1)
    shared = engine.start().chat([one.messages for one in asked], sampling_params=[one_seed, one_seed], use_tqdm=False)
    assert pairs(*([drawn.text for drawn in output.outputs] for output in shared)) < 1e-10
