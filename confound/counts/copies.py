"""Copies in a log: conversations logged twice, answers repeated by a cache, personas that are one another's doubles.

Copies are no independent answers. Every test and interval would take them for such, so that where a log holds them
nothing can be asserted from it as it stands. What is found rests on the counts (and on seeds, `confound.counts.seeds`),
never on what trials and personas are called. Doubles are only named where independent answers, with whatever shares
and however much questions go together, would make them with a probability below `LEAST`. Conversations that are alike
in all answers are no evidence: questions that go together make them in honest logs.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from confound.counts.coincidence import (
    BoolArray,
    log_chance_of_counts,
    log_chance_of_doubles,
    log_chance_of_share,
)
from confound.counts.counting import Grouped, IntArray
from confound.counts.notes import Note
from confound.counts.scales import FloatArray

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]
Place = tuple[str, str]  # study, model

LEAST = float(np.log(1e-7))  # a probability below which chance is no explanation
# How many times answers may stand in the log -> the largest probability that a count of one answer, of several that
# were given, is a multiple of it by chance: for any number of trials and any shares, as enumeration shows.
MULTIPLES = {2: 1 / 2, 3: 1 / 3, 5: 1 / 4, 7: 1 / 4}
NEARLY_ALL, SOME = 0.95, 0.2
# A cache: further trials, of which so many at most may differ from the first, in questions whose answers vary.
ENOUGH_TRIALS, RARELY, VARIED = 100, 0.01, 0.05
FEWEST_PERSONAS = 5  # of an arm, before it means something that all answer alike
DOUBLES = 0.05  # share of the personas
SPARSE = 8  # more numbers than so many a row are sorted, not tabulated
HASH_SEED = 20261127  # of hashes that tell sets of answers apart, and decide nothing else
WAY_OUT = "Analyse with --unique, which counts copies once, or mend the log."


class _Part(NamedTuple):
    """The rows of one study and model, each a distinct answer of a persona in a cell with its count."""

    rows: IntArray  # places in the grouped log
    n: IntArray
    when: IntArray  # number of the iteration (and source arm)
    arm: IntArray
    persona: IntArray
    unit: IntArray  # number of when, arm and persona: conversations of one unit are independent of another's
    asked: IntArray  # number of when and question
    cell: IntArray  # number of when, question and arm
    combination: IntArray  # number of the cell and persona
    answer: IntArray  # number of the cell and answer
    given: IntArray  # number of when, question and answer


class _Found(NamedTuple):
    """What was found in one study and model."""

    said: list[str]
    n: IntArray  # of each row, once copies are counted once; 0 where a persona is left out
    n_personas_left_out: int


def found(grouped: Grouped, seeded: Mapping[Place, str]) -> dict[Place, str]:
    """Say of each study and model whether its log holds copies.

    Parameters
    ----------
    grouped : Grouped
        The counted log.
    seeded : mapping
        What the seeds show, see `confound.counts.seeds.repeated`.

    Returns
    -------
    dict
        (study, model) -> what was found and what to do; nothing where no copies were found.
    """
    said: dict[Place, str] = {}
    for place, part in _parts(grouped):
        what = [seeded[place]] if place in seeded else _sought(part).said
        if what:
            said[place] = " ".join([*what, WAY_OUT])
    return said


def notes(said: Mapping[Place, str]) -> list[Note]:
    """Return the warnings that go with what was found."""
    return [Note("warning", message, study=study, model=model) for (study, model), message in said.items()]


def counted_once(grouped: Grouped, seeded: Collection[Place]) -> tuple[Grouped, list[Note]]:
    """Count copies once: conversations logged several times, trials that are all equal, personas that are doubles.

    Parameters
    ----------
    grouped : Grouped
        The counted log, with its distinct seeds where `seeded` holds anything.
    seeded : collection of (study, model)
        Where answers with equal seeds are copies.

    Returns
    -------
    tuple of (Grouped, list of Note)
        The log without copies; what was left out of it.
    """
    n = grouped.n.copy()
    made = []
    for place, part in _parts(grouped):
        if place in seeded:
            whole = grouped.seed_n[part.rows] == part.n
            part = part._replace(n=np.where(whole, grouped.seed_distinct[part.rows], part.n))
        once = _sought(part)
        before, after = int(grouped.n[part.rows].sum()), int(once.n.sum())
        n[part.rows] = once.n
        if after < before:
            message = f"--unique: {before - after:,} of {before:,} answers are copies and were left out"
            message += f", {once.n_personas_left_out:,} personas among them." if once.n_personas_left_out else "."
            made.append(Note("note", message, *place))
    return _scaled(grouped, n).rows(n > 0), made


def _scaled(grouped: Grouped, n: IntArray) -> Grouped:
    """Return the log with other counts; which trials and seeds they were is then not known."""
    share = n / grouped.n
    value_n = np.rint(grouped.value_n * share).astype(np.int64)
    none = np.zeros_like(n)
    return replace(grouped, n=n, value_n=value_n, value_sum=grouped.value_sum * share, trial_n=none, seed_n=none)


def _parts(grouped: Grouped) -> Iterator[tuple[Place, _Part]]:
    codes = {key: np.asarray(grouped.codes[key], dtype=np.int64) for key in grouped.codes}
    retention = [code for code, role in enumerate(grouped.labels["role"]) if role == "retention"]
    own = np.flatnonzero(~np.isin(codes["role"], retention))
    place = codes["study"][own] * len(grouped.labels["model"]) + codes["model"][own]
    for each in np.unique(place):
        rows = own[place == each]
        labels = tuple(grouped.labels[key][codes[key][rows[0]]] for key in ("study", "model"))
        yield (labels[0], labels[1]), _part(rows, grouped.n[rows], {key: code[rows] for key, code in codes.items()})


def _part(rows: IntArray, n: IntArray, codes: Mapping[str, IntArray]) -> _Part:
    when = _numbered(codes["iteration"], codes["source_arm"])
    arm, persona, question, response = (_numbered(codes[key]) for key in ("arm", "persona", "question", "response"))
    asked = _numbered(when, question)
    cell = _numbered(asked, arm)
    return _Part(
        rows=rows,
        n=n,
        when=when,
        arm=arm,
        persona=persona,
        unit=_numbered(when, arm, persona),
        asked=asked,
        cell=cell,
        combination=_numbered(cell, persona),
        answer=_numbered(cell, response),
        given=_numbered(asked, response),
    )


def _numbered(*keys: IntArray) -> IntArray:
    """Return the number of each distinct combination of keys, from 0 on."""
    number = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:  # renumbered each time, so that products of many labels do not overflow
        low = key.min()
        number = number * (int(key.max()) - low + 1) + key - low
        if number.max() > SPARSE * len(number):
            number = np.unique(number, return_inverse=True)[1]
            continue
        seen = np.zeros(int(number.max()) + 1, dtype=np.int64)
        seen[number] = 1
        number = (np.cumsum(seen) - 1)[number]
    return number


def _sought(part: _Part) -> _Found:
    """Look for each kind of copy in what is left when those before it are counted once."""
    said = []
    times = _times(part)
    if times.max(initial=1) > 1:
        said.append(_said_times(part, times))
        part = part._replace(n=part.n // times)
    if _cached(part):
        said.append(
            "All trials of nearly every persona, arm and question gave one answer, as a cache or temperature 0 makes "
            "them: they are no independent trials."
        )
        alone = np.bincount(part.combination) == 1
        part = part._replace(n=np.where(alone[part.combination], 1, part.n))
    doubles = _doubles(part)
    left_out = len(np.unique(part.persona[doubles]))
    if left_out:
        said.append(_said_doubles(part, left_out))
    return _Found(said, np.where(doubles, 0, part.n), left_out)


def _said_times(part: _Part, times: IntArray) -> str:
    share = len(np.unique(part.unit[times > 1])) / (int(part.unit.max()) + 1)
    of = "Nearly every persona" if share >= NEARLY_ALL else f"About {share:.0%} of the personas and arms"
    have = "has" if share >= NEARLY_ALL else "have"
    return f"{of} {have} every answer {times.max()} times, or a multiple of it: conversations stand in the log again."


def _said_doubles(part: _Part, left_out: int) -> str:
    if _all_alike(part):
        return "All personas of an arm gave the same answers throughout: they are worth one persona."
    n_personas = int(part.persona.max()) + 1
    return (
        f"{n_personas} personas gave only {n_personas - left_out} different sets of answers, where independent answers "
        "would make nearly all different."
    )


# Conversations that stand in the log several times: all counts are multiples.


def _times(part: _Part) -> IntArray:
    """Return how many times each row's conversations were logged; 1 where the counts show no more."""
    unit, times = part.unit, np.ones(len(part.n), dtype=np.int64)
    of_unit = [_per_unit(unit, key) for key in (part.when, part.arm, part.persona)]
    n_more = _more_answers(part, unit)
    everywhere = np.zeros(len(n_more), dtype=np.int64)
    for g, chance in MULTIPLES.items():
        multiple = np.bincount(unit, weights=part.n % g) == 0
        held = np.zeros(len(n_more), dtype=bool)
        for split in (everywhere, of_unit[1], of_unit[0]):
            for each in np.unique(split):
                mine = split == each
                if _by_design(multiple[mine], chance ** n_more[mine], NEARLY_ALL):
                    held |= mine & multiple
        if not held.any():
            held = _whole_personas(of_unit[2], multiple, n_more, chance)
        if held.any():
            rows = held[unit]
            times[rows] = np.gcd.reduce(part.n[rows])
            return times
    return times


def _per_unit(unit: IntArray, key: IntArray) -> IntArray:
    """Return the key that all rows of a unit share."""
    found = np.zeros(int(unit.max()) + 1, dtype=np.int64)
    found[unit] = key
    return found


def _more_answers(part: _Part, unit: IntArray) -> IntArray:
    """Return how many answers more than one were given to each unit's most varied question, shape (units,)."""
    combination = part.combination
    more = np.bincount(combination) - 1
    most = np.zeros(int(unit.max()) + 1, dtype=np.int64)
    np.maximum.at(most, unit, more[combination])
    return most


def _by_design(hold: BoolArray, honest: FloatArray, share: float) -> bool:
    """Tell whether so many units hold that chance is no explanation; those that always hold say nothing."""
    told = honest < 1
    enough = told.any() and hold[told].mean() >= share
    return bool(enough and log_chance_of_share(hold[told], honest[told]) <= LEAST)


def _whole_personas(persona: IntArray, multiple: BoolArray, n_more: IntArray, chance: float) -> BoolArray:
    """Return the units of those personas all of whose counts are multiples, if these are too many for chance."""
    all_multiple = np.bincount(persona, weights=~multiple) == 0
    honest = np.asarray(chance ** np.bincount(persona, weights=n_more), dtype=np.float64)
    if not _by_design(all_multiple, honest, SOME):
        return np.zeros(len(persona), dtype=bool)
    return np.asarray(all_multiple[persona])


# Trials that never differ.


def _cached(part: _Part) -> bool:
    """Tell whether trials hardly ever differ in any question, although answers of personas do."""
    combination = part.combination
    total = np.bincount(combination, weights=part.n)
    several = total > 1
    pairs = np.bincount(combination, weights=part.n * (part.n - 1.0))
    differ = 1 - pairs / np.where(several, total * (total - 1), 1)
    asked, cell = _per_unit(combination, part.asked), _per_unit(combination, part.cell)
    varied = _variety(part, part.n / total[combination])
    n_more = 0.0
    for each in np.unique(asked):
        mine = several & (asked == each)
        if not mine.any() or varied[cell[mine]].mean() < VARIED:
            continue
        equal = np.bincount(combination)[mine] == 1
        if equal.mean() < NEARLY_ALL or differ[mine].mean() > RARELY:
            return False
        n_more += float((total[mine] - 1).sum())
    return n_more >= ENOUGH_TRIALS


def _variety(part: _Part, weight: FloatArray) -> FloatArray:
    """Return the probability that two personas of a cell give different answers, shape (cells,)."""
    cell = _per_unit(part.answer, part.cell)
    share = np.bincount(part.answer, weights=weight) / np.bincount(part.cell, weights=weight)[cell]
    return np.asarray(1 - np.bincount(cell, weights=share**2))


# Personas that are doubles.


def _doubles(part: _Part) -> BoolArray:
    """Return the rows of personas that are copies of another, of which one is kept; none where chance makes them."""
    signature = _signatures(part, part.persona)
    _, first, kind, many = np.unique(signature, return_index=True, return_inverse=True, return_counts=True)
    again = np.ones(len(signature), dtype=bool)
    again[first] = False
    if _all_alike(part) or _alike_in_counts(part, again, len(first)):
        return np.asarray(again[part.persona])
    times = _common_multiple(many, len(np.unique(part.arm)))
    order = np.argsort(kind, kind="stable")
    turn = np.empty_like(kind)
    turn[order] = np.arange(len(kind)) - np.repeat(np.cumsum(many) - many, many)
    return np.asarray((turn >= (many // times)[kind])[part.persona])


def _signatures(part: _Part, group: IntArray) -> Hashes:
    """Return a number for all answers of each group of rows; equal answers have equal numbers, others nearly never."""
    hashes = np.random.default_rng(HASH_SEED).integers(2**63, size=int(part.answer.max()) + 1, dtype=np.uint64)
    made = np.zeros(int(group.max()) + 1, dtype=np.uint64)
    np.add.at(made, group, hashes[part.answer] * part.n.astype(np.uint64))
    return made


def _all_alike(part: _Part) -> bool:
    """Tell whether all personas of each arm answered alike, and the arms in different ways."""
    of_persona = _numbered(part.arm, part.persona)
    arm_of = _per_unit(of_persona, part.arm)
    kinds = _numbered(arm_of, np.unique(_signatures(part, of_persona), return_inverse=True)[1])
    enough = np.bincount(arm_of).min() >= FEWEST_PERSONAS
    return bool(enough and kinds.max() == arm_of.max() and _arms_differ(part))


def _arms_differ(part: _Part) -> bool:
    """Tell whether an answer was given in one arm that was not given in another."""
    given = [np.unique(part.given[part.arm == a]) for a in np.unique(part.arm)]
    return any(not np.array_equal(given[0], other) for other in given[1:])


def _alike_in_counts(part: _Part, again: BoolArray, n_distinct: int) -> bool:
    """Tell whether personas share counts that independent trials, even of the same shares, would hardly repeat."""
    if again.mean() < DOUBLES:
        return False
    unit, combination = part.unit, part.combination
    least = np.zeros(int(unit.max()) + 1)
    np.minimum.at(least, unit, log_chance_of_counts(combination, part.n)[combination])
    of_persona = np.asarray(np.bincount(_per_unit(unit, part.persona), weights=least), dtype=np.float64)
    return log_chance_of_doubles(len(again), n_distinct, of_persona[again]) <= LEAST


def _common_multiple(many: IntArray, n_arms: int) -> int:
    """Return how often each set of answers was given, if always so often or a multiple, beyond chance; else 1."""
    times = int(np.gcd.reduce(many))
    chance = next((chance for g, chance in MULTIPLES.items() if times % g == 0), 1.0)
    return times if (len(many) - n_arms) * np.log(chance) <= LEAST else 1
