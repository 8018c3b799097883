"""Copies in a log: conversations logged twice, answers repeated by a cache, personas that are one another's doubles.

Copies are no independent answers. Every test and interval would take them for such, so that where a log holds them
nothing can be asserted from it as it stands. All is found from the counts, whatever trials and personas are called.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from confound.counts.counting import Grouped, IntArray
from confound.counts.notes import Note

BoolArray = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]

# Answers logged so many times each, and the share of honest counts that are multiples of it at most: the largest for
# any number of trials and two answers that are equally likely.
MULTIPLES = {2: 0.5, 3: 0.36, 5: 0.27}
# Standard deviations by which the share of multiples must exceed that: chance in one log of a billion.
SURPRISE = 6.0
# Combinations of persona, arm and question with several trials, of which this share holds one answer alone: a cache.
ENOUGH, NEARLY_ALL = 20, 0.95
# Personas, and the share of them that differ if each question's answers are shuffled over personas.
FEWEST_PERSONAS, TOLD_APART = 5, 0.9
HASH_SEED = 20261127  # of hashes and of the shuffle, which decide nothing that a name or a number hangs on
WAY_OUT = "Analyse with --unique, which counts copies once, or mend the log."


class _Part(NamedTuple):
    """The rows of one study and model, each a distinct answer of a persona in a cell with its count."""

    rows: IntArray  # places in the grouped log
    place: IntArray  # number of the iteration and question
    arm: IntArray
    persona: IntArray
    response: IntArray
    n: IntArray

    @property
    def cell(self) -> IntArray:
        """Number of the iteration, question and arm."""
        return _numbered(self.place, self.arm)

    @property
    def combination(self) -> IntArray:
        """Number of the cell and persona."""
        return _numbered(self.cell, self.persona)


def found(grouped: Grouped) -> dict[tuple[str, str], str]:
    """Say of each study and model whether its log holds copies.

    Parameters
    ----------
    grouped : Grouped
        The counted log.

    Returns
    -------
    dict
        (study, model) -> what was found and what to do, in two sentences; nothing where no copies were found.
    """
    said = {}
    for place, part in _parts(grouped):
        what = _said(part)
        if what:
            said[place] = f"{what} {WAY_OUT}"
    return said


def notes(said: Mapping[tuple[str, str], str]) -> list[Note]:
    """Return the warnings that go with what was found."""
    return [Note("warning", message, study=study, model=model) for (study, model), message in said.items()]


def _parts(grouped: Grouped) -> Iterator[tuple[tuple[str, str], _Part]]:
    codes = {key: np.asarray(grouped.codes[key], dtype=np.int64) for key in grouped.codes}
    retention = [code for code, role in enumerate(grouped.labels["role"]) if role == "retention"]
    own = np.flatnonzero(~np.isin(codes["role"], retention))
    place = codes["study"][own] * len(grouped.labels["model"]) + codes["model"][own]
    for each in np.unique(place):
        rows = own[place == each]
        place_of = _numbered(*(codes[key][rows] for key in ("iteration", "question", "source_arm")))
        study, model = divmod(int(each), len(grouped.labels["model"]))
        labels = grouped.labels["study"][study], grouped.labels["model"][model]
        persona, arm, response = (codes[key][rows] for key in ("persona", "arm", "response"))
        yield labels, _Part(rows, place_of, arm, _numbered(persona), response, grouped.n[rows])


def _numbered(*keys: IntArray) -> IntArray:
    """Return the number of each distinct combination of keys."""
    return np.unique(np.stack(keys), axis=1, return_inverse=True)[1].ravel()


def _said(part: _Part) -> str:
    times = _times(part)
    if times.max() > 1:
        where = "" if times.min() > 1 else " of an arm"
        return f"Nearly every answer of a persona{where} stands in the log {times.max()} times, or a multiple of it."
    if _cached(part):
        return (
            "All trials of nearly every persona, arm and question gave one answer, as a cache or temperature 0 makes "
            "them: they are no independent trials."
        )
    if _all_alike(part):
        return "All personas of an arm gave the same answers throughout: they are worth one persona."
    if _copied(part):
        n_personas, distinct = int(part.persona.max()) + 1, len(np.unique(_signatures(part, part.persona)))
        return (
            f"{n_personas} personas gave only {distinct} different sets of answers, each several times, where chance "
            "would "
            "make nearly all different."
        )
    return ""


def _times(part: _Part) -> IntArray:
    """Return how many times the conversations of each arm were logged; 1 where the counts show no more."""
    arm, combination = _numbered(part.arm), part.combination
    arm_of = np.zeros(int(combination.max()) + 1, dtype=np.int64)
    arm_of[combination] = arm
    varied = np.bincount(combination) > 1
    n = np.bincount(arm_of, weights=varied)
    found = np.ones(len(n), dtype=np.int64)
    for times, honest in reversed(MULTIPLES.items()):
        share = np.bincount(arm_of, weights=varied & _multiple(combination, part.n, times)) / np.maximum(1, n)
        found[share > honest + SURPRISE * np.sqrt(honest * (1 - honest) / np.maximum(1, n))] = times
    return found


def _multiple(group: IntArray, n: IntArray, times: int) -> BoolArray:
    """Return for each group whether all of its counts are multiples."""
    return np.asarray(np.bincount(group, weights=n % times) == 0)


def _cached(part: _Part) -> bool:
    """Tell whether trials hardly ever differ, although answers do."""
    combination = part.combination
    several = np.bincount(combination, weights=part.n) > 1
    equal = several & (np.bincount(combination) == 1)
    if several.sum() < ENOUGH or equal.sum() < NEARLY_ALL * several.sum():
        return False
    return _arms_differ(part) or len(np.unique(_signatures(part, part.persona))) > 1


def _signatures(part: _Part, group: IntArray) -> Hashes:
    """Return a number for all answers of each group of rows; equal answers have equal numbers, others nearly never."""
    answer = _numbered(part.cell, part.response)
    hashes = np.random.default_rng(HASH_SEED).integers(2**63, size=int(answer.max()) + 1, dtype=np.uint64)
    found = np.zeros(int(group.max()) + 1, dtype=np.uint64)
    np.add.at(found, group, hashes[answer] * part.n.astype(np.uint64))
    return found


def _all_alike(part: _Part) -> bool:
    """Tell whether all personas of each arm answered alike, and the arms in different ways."""
    arm = _numbered(part.arm)
    of_persona = _numbered(arm, part.persona)
    arm_of = np.zeros(int(of_persona.max()) + 1, dtype=np.int64)
    arm_of[of_persona] = arm
    pairs = np.unique(np.stack([arm_of.astype(np.uint64), _signatures(part, of_persona)]), axis=1)
    enough = np.bincount(arm_of).min() >= FEWEST_PERSONAS
    return bool(enough and pairs.shape[1] == int(arm.max()) + 1 and _arms_differ(part))


def _arms_differ(part: _Part) -> bool:
    """Tell whether an answer was given in one arm that was not given in another."""
    given = [np.unique(_numbered(part.place, part.response)[part.arm == arm]) for arm in np.unique(part.arm)]
    return any(not np.array_equal(given[0], other) for other in given[1:])


def _copied(part: _Part) -> bool:
    """Tell whether nearly every persona has a double."""
    of_persona = _signatures(part, part.persona)
    _, place, times = np.unique(of_persona, return_inverse=True, return_counts=True)
    n_personas = len(of_persona)
    doubled = n_personas >= FEWEST_PERSONAS and (times[place] > 1).mean() >= NEARLY_ALL
    return bool(doubled) and _told_apart(part, n_personas)


def _told_apart(part: _Part, n_personas: int) -> bool:
    """Tell whether nearly all personas would differ if the questions did not go together: shuffled over personas."""
    combination = part.combination
    first = np.unique(combination, return_index=True)[1]
    cell, persona = part.cell[first], part.persona[first]
    at_random = np.random.default_rng(HASH_SEED).random(len(first))
    shuffled = np.empty_like(persona)
    shuffled[np.lexsort([persona, cell])] = persona[np.lexsort([at_random, cell])]
    distinct = len(np.unique(_signatures(part, shuffled[combination])))
    return distinct >= TOLD_APART * n_personas


def counted_once(grouped: Grouped) -> tuple[Grouped, list[Note]]:
    """Count copies once: conversations logged several times, trials that are all equal, personas that are doubles.

    Parameters
    ----------
    grouped : Grouped
        The counted log.

    Returns
    -------
    tuple of (Grouped, list of Note)
        The log without copies; what was left out of it.
    """
    n, kept = grouped.n.copy(), np.ones(len(grouped.n), dtype=bool)
    made = []
    for (study, model), part in _parts(grouped):
        before = int(part.n.sum())
        part = _without_repeats(part)
        doubles = _doubles(part)
        n[part.rows], kept[part.rows] = part.n, ~doubles
        gone = before - int(part.n[~doubles].sum())
        if gone:
            personas = len(np.unique(part.persona[doubles]))
            message = f"--unique: {gone:,} of {before:,} answers are copies and were left out"
            message += f", {personas:,} personas among them." if personas else "."
            made.append(Note("note", message, study=study, model=model))
    return _scaled(grouped, n).rows(kept), made


def _without_repeats(part: _Part) -> _Part:
    """Divide the counts of personas whose conversations stand there several times, then count equal trials once."""
    times = _times(part)[_numbered(part.arm)]
    of_persona = _numbered(part.arm, part.persona)
    repeated = np.bincount(of_persona, weights=part.n % times) == 0
    part = part._replace(n=np.where(repeated[of_persona], part.n // times, part.n))
    if _cached(part):
        alone = np.bincount(part.combination) == 1
        part = part._replace(n=np.where(alone[part.combination], 1, part.n))
    return part


def _doubles(part: _Part) -> BoolArray:
    """Return the rows of personas whose answers another persona has given, the first of each set kept."""
    if not _all_alike(part) and not _copied(part):
        return np.zeros(len(part.n), dtype=bool)
    first = np.unique(_signatures(part, part.persona), return_index=True)[1]
    return ~np.isin(part.persona, first)


def _scaled(grouped: Grouped, n: IntArray) -> Grouped:
    """Return the log with other counts; which trials and seeds they were is then not known."""
    share = n / grouped.n
    value_n = np.rint(grouped.value_n * share).astype(np.int64)
    none = np.zeros_like(n)
    return replace(grouped, n=n, value_n=value_n, value_sum=grouped.value_sum * share, trial_n=none, seed_n=none)
