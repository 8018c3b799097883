"""Which latent class holds a conversation: personas and their class probabilities by arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from confound.errors import InputError
from simulate.backends.latent_class.structure import check_distinct
from simulate.randomness import keyed_generator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confound.statistics.arrays import FloatArray, IntArray
    from simulate.backends.latent_class.structure import LatentQuestion, Structure


@dataclass(frozen=True, slots=True, eq=False)
class LatentPersonas:
    """Personas with their class probabilities.

    Attributes
    ----------
    ids : tuple of str
        Identifiers of the N personas.
    class_probabilities : ndarray, shape (N, A, C)
        Probability of each latent class by persona and arm, in [0, 1], adding up to 1 over the classes.
    """

    ids: tuple[str, ...]
    class_probabilities: FloatArray


def draw_personas(structure: Structure, ids: Sequence[str], *, seed: int) -> LatentPersonas:
    """Draw the personas' own effects and return their class probabilities by arm.

    Parameters
    ----------
    structure : Structure
    ids : sequence of str
        Identifiers of the personas, distinct; a persona's draw depends on its own identifier alone.
    seed : int

    Raises
    ------
    InputError
        When there is no persona, or one twice.
    """
    check_distinct(ids, "persona ids")
    own = np.stack([keyed_generator(seed, "persona", i).standard_normal(len(structure.classes)) for i in ids])
    log_odds = (structure.base + structure.spread * own)[:, None] + structure.drift_strength * structure.drift
    return LatentPersonas(tuple(ids), softmax(log_odds))


def condition(structure: Structure, personas: LatentPersonas, specified: Sequence[Mapping[str, str]]) -> LatentPersonas:
    """Return the personas as they are with attributes specified.

    Each attribute multiplies the odds of the classes by the probability of that answer in each class (Bayes' rule). A
    share `1 - adherence` of the users does not keep to what is specified and stays as before. The drift remains part of
    the prior of each arm; the more attributes are specified, the less it counts.

    Parameters
    ----------
    structure : Structure
    personas : LatentPersonas
        As before any attribute was specified.
    specified : sequence of mapping of str to str
        For each persona, id of a question -> one of its options. Ignored are outcomes and what is no question or no
        option of the structure (an age); so are all attributes of a persona if no class can give them together.

    Raises
    ------
    InputError
        When there are not as many mappings as personas.
    """
    if len(specified) != len(personas.ids):
        raise InputError(f"specified must have one mapping for each of {len(personas.ids)} personas: {len(specified)}")
    known = {q.id: q for q in structure.questions if q.role != "outcome"}
    kept = np.array([_log_likelihood(known, attributes, len(structure.classes)) for attributes in specified])
    kept[np.isneginf(kept).all(axis=-1)] = 0.0
    prior = personas.class_probabilities
    odds = prior * np.exp(kept - kept.max(axis=-1, keepdims=True))[:, None]
    posterior = odds / odds.sum(axis=-1, keepdims=True)
    return LatentPersonas(personas.ids, structure.adherence * posterior + (1 - structure.adherence) * prior)


def _log_likelihood(known: Mapping[str, LatentQuestion], attributes: Mapping[str, str], n_classes: int) -> FloatArray:
    """Return the log probability of these answers in each class."""
    total = np.zeros(n_classes)
    with np.errstate(divide="ignore"):
        for name, option in attributes.items():
            question = known.get(name)
            if question is not None and option in question.options:
                total += np.log(question.probabilities[:, question.options.index(option)])
    return total


def pick(probabilities: FloatArray, chance: FloatArray) -> IntArray:
    """Invert the distribution function along the last axis; `chance` is uniform on [0, 1)."""
    # The last bound is left out: rounding may put it below 1, and the last answer takes what remains.
    bounds = np.cumsum(probabilities, axis=-1)[..., :-1]
    picked: IntArray = (chance[..., None] >= bounds).sum(axis=-1)
    return picked


def softmax(log_odds: FloatArray) -> FloatArray:
    """Turn log odds into probabilities that add up to 1 along the last axis."""
    odds = np.exp(log_odds - log_odds.max(axis=-1, keepdims=True))
    shares: FloatArray = odds / odds.sum(axis=-1, keepdims=True)
    return shares
