"""The table `effects_compared`: the effects on simulated users beside those on people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from confound.counts import align
from confound.counts.contrasts import Contrast, Side
from confound.counts.scales import FloatArray
from confound.findings import beside
from confound.findings.agreement import AGAINST
from confound.findings.schema import PLACE, Column, Row, Schema
from confound.statistics.effect import difference
from confound.statistics.people import compared, influence
from confound.statistics.people.agreement import Answers
from confound.statistics.people.compared import Answered, Effects
from confound.statistics.people.influence import Standardized
from confound.statistics.people.jackknife import NOTHING, Estimate
from confound.vocabulary import ALL_CONTROLS

ALL = ALL_CONTROLS  # "(all)": over studies, contrasts and questions
LEVEL = 0.05
Unit = Literal["raw", "d"]
_UNIT = "of the outcome, or standard deviations where `unit` is d"
_WHOLE = "Of `(all)`: "
SCHEMA = Schema(
    "effects_compared",
    "An outcome in a contrast, on its own scale (`raw`) and in standard deviations (`d`); study, contrast and question "
    "`(all)`: a quantity over all of a model's contrasts",
    (
        *PLACE,
        AGAINST,
        Column(
            "unit", "text", "`raw`: the outcome's numbers; `d`: pooled standard deviations of each model's own answers"
        ),
        Column(
            "quantity",
            "text",
            "`difference`: simulated less people. Over all: `r`, `ccc` (Lin's concordance), `slope` (of people on "
            "simulated), `slope_through_zero`, `slope_simulated` (of simulated on people), each also `_corrected` for "
            "sampling noise; `same_sign`, `replicated` (of people's significant effects, those that are significant "
            "with the same sign in simulation), `overstated` (larger in simulation), `mean_size_people`, "
            "`mean_size_simulated`",
        ),
        Column("people", "number", "Effect on people", _UNIT, True, head="People", places=2),
        Column("people_se", "number", "Its standard error, clustered by persona", _UNIT, True),
        Column("people_pvalue", "p-value", "Its p-value, as in `effects`", optional=True),
        Column("simulated", "number", "Effect on simulated users", _UNIT, True, head="Simulated", places=2),
        Column("simulated_se", "number", "Its standard error, clustered by persona", _UNIT, True),
        Column("simulated_pvalue", "p-value", "Its p-value, as in `effects`", optional=True),
        Column("estimate", "number", "The quantity", "of the quantity", True, head="Difference", places=2),
        Column("se", "number", "Standard error of a difference; paired where names are shared", _UNIT, True),
        Column(
            "ci_low",
            "number",
            "Lower end of the interval: of a difference clustered by persona, of `(all)` by study",
            "of the quantity",
            True,
            "{ci}",
            to="ci_high",
        ),
        Column("ci_high", "number", "Upper end", "of the quantity", True),
        Column("pvalue", "p-value", "Null hypothesis: both effects are equal", optional=True, head="p"),
        Column("same_sign", "text", "Whether both effects point the same way: yes or no", optional=True),
        Column("both_significant", "text", f"Whether both p-values are below {LEVEL:g}: yes or no", optional=True),
        Column("n_effects", "count", f"{_WHOLE}contrasts that it rests on", optional=True),
        Column("n_studies", "count", f"{_WHOLE}studies, the clusters", optional=True),
        Column("reason", "text", "Why an estimate or its interval is missing"),
    ),
)


@dataclass(frozen=True, slots=True)
class _One:
    """The effect in one contrast of one model.

    Attributes
    ----------
    effect : Standardized
    pvalue : float
        As in `effects`.
    groups : tuple of tuple of str
        Names of the personas whose parts `effect` holds.
    """

    effect: Standardized
    pvalue: float
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """The effects in a contrast on simulated users and on people."""

    simulated: Contrast
    people: Contrast
    of_simulated: _One
    of_people: _One


def rows(contrasts: Sequence[Contrast], reference: str, *, confidence: float) -> Iterator[Row]:
    """Compare each model's effects with those on people, contrast by contrast and over all.

    Parameters
    ----------
    contrasts : sequence of Contrast
        Those of outcomes with numbers are compared.
    reference : str
        The model that is people.
    confidence : float
        Of the intervals, in (0, 1).
    """
    groups: dict[tuple[str, int], list[_Pair]] = {}
    for pair in _pairs(contrasts, reference):
        cell = pair.simulated.cell
        groups.setdefault((cell.model, cell.iteration), []).append(pair)
    for pairs in groups.values():
        for unit in ("raw", "d"):
            for pair in pairs:
                yield _difference(pair, unit, confidence)
        yield from _together(pairs, confidence)


def beside_people(contrasts: Sequence[Contrast], reference: str) -> Iterator[tuple[Contrast, Contrast]]:
    """Set each contrast of a model beside the people's, of the same iteration, else of their first.

    Parameters
    ----------
    contrasts : sequence of Contrast
        Those of outcomes with numbers are taken.
    reference : str
        The model that is people.
    """
    outcomes = [c for c in contrasts if c.cell.role == "outcome" and c.cell.scale.kind != "nominal"]
    of_people: dict[tuple[str, str, str], dict[int, Contrast]] = {}
    for contrast in outcomes:
        if contrast.cell.model == reference:
            of_people.setdefault(_key(contrast), {})[contrast.cell.iteration] = contrast
    for contrast in outcomes:
        own = of_people.get(_key(contrast), {})
        if contrast.cell.model != reference and own:
            yield contrast, own.get(contrast.cell.iteration, own[min(own)])


def _pairs(contrasts: Sequence[Contrast], reference: str) -> Iterator[_Pair]:
    """Estimate the effects of each contrast and of its people's; those of people once."""
    made: dict[int, _One | None] = {}
    for contrast, people in beside_people(contrasts, reference):
        if id(people) not in made:
            made[id(people)] = _one(people)
        of_people, simulated = made[id(people)], _one(contrast)
        if of_people is not None and simulated is not None:
            yield _Pair(contrast, people, simulated, of_people)


def _key(contrast: Contrast) -> tuple[str, str, str]:
    return contrast.cell.study, contrast.label, contrast.cell.question


def _one(contrast: Contrast) -> _One | None:
    """Estimate an effect; None where a side has no known answer."""
    treated, control = contrast.known_sides()
    if not treated.personas or not control.personas:
        return None
    paired = contrast.design == "within"
    numbers = [
        _numbers(contrast, side, arm)
        for side, arm in ((treated, contrast.treated_arm), (control, contrast.control_arm))
    ]
    compare = difference.paired_difference if paired else difference.welch_difference
    tested = compare(numbers[0].means[:, None], numbers[1].means[:, None])
    groups = (treated.personas,) if paired else (treated.personas, control.personas)
    effect = influence.standardized(numbers[0], numbers[1], paired=paired)
    return _One(effect, float(tested.pvalue[0]), groups)


def _numbers(contrast: Contrast, side: Side, arm: str) -> Answers:
    cell = contrast.cell
    place = np.ix_(align.places(cell.personas, side.personas).tolist(), [cell.arms.index(arm)])
    made = beside.numbers(cell, place)
    return Answers(made.means[:, 0], made.squares[:, 0])


def _difference(pair: _Pair, unit: Unit, confidence: float) -> Row:
    """Compare one contrast's two effects."""
    simulated, people = pair.of_simulated, pair.of_people
    parts = _parts(pair, unit)
    values = [_value(one, unit) for one in (simulated, people)]
    gap = influence.gap(values[0][0], values[1][0], parts, confidence=confidence)
    same = np.sign(simulated.effect.estimate) == np.sign(people.effect.estimate)
    return {
        **pair.simulated.place,
        "against": pair.people.cell.model,
        "unit": unit,
        "quantity": "difference",
        "people": values[1][0],
        "people_se": values[1][1],
        "people_pvalue": people.pvalue,
        "simulated": values[0][0],
        "simulated_se": values[0][1],
        "simulated_pvalue": simulated.pvalue,
        "estimate": gap.estimate,
        "se": gap.se,
        "ci_low": gap.low,
        "ci_high": gap.high,
        "pvalue": gap.pvalue,
        "same_sign": _word(bool(same)),
        "both_significant": _word(simulated.pvalue < LEVEL and people.pvalue < LEVEL),
        "reason": "" if np.isfinite(gap.se) else compared.UNVARIED,
    }


def _value(one: _One, unit: Unit) -> tuple[float, float]:
    effect = one.effect
    return (effect.estimate, effect.se) if unit == "raw" else (effect.d, effect.d_se)


def _word(holds: bool) -> str:
    return "yes" if holds else "no"


def _of(one: _One, unit: Unit) -> tuple[FloatArray, ...]:
    return one.effect.parts if unit == "raw" else one.effect.d_parts


def _parts(pair: _Pair, unit: Unit) -> tuple[FloatArray, ...]:
    """Return the parts of the difference's error, persons and personas of one name in one place."""
    simulated, people = pair.of_simulated, pair.of_people
    if len(simulated.groups) != len(people.groups):  # one within subjects, one between: persons alone are independent
        return (_less(simulated, people, unit, range(len(simulated.groups)), range(len(people.groups))),)
    return tuple(_less(simulated, people, unit, [g], [g]) for g in range(len(simulated.groups)))


def _less(simulated: _One, people: _One, unit: Unit, own: Sequence[int], others: Sequence[int]) -> FloatArray:
    found: dict[str, float] = {}
    for one, groups, sign in ((simulated, own, 1.0), (people, others, -1.0)):
        for group in groups:
            for name, part in zip(one.groups[group], _of(one, unit)[group].tolist(), strict=True):
                found[name] = found.get(name, 0.0) + sign * part
    return np.array([found[name] for name in sorted(found)])


def _together(pairs: Sequence[_Pair], confidence: float) -> Iterator[Row]:
    """Compare all of a model's contrasts."""
    for unit in ("raw", "d"):
        kept = [pair for pair in pairs if np.isfinite([_value(one, unit)[0] for one in _both(pair)]).all()]
        effects = _effects(kept, unit)
        few = len(kept) < compared.FEWEST_EFFECTS
        found = {} if few else dict(compared.measures(effects, confidence=confidence))
        if not few and unit == "raw":
            found |= _shares(kept, effects, confidence)
        names = list(found) or ["r", "slope"]
        for name in names:
            answered = found.get(name, Answered(NOTHING, compared.TOO_FEW))
            yield _whole(pairs[0], unit, name, answered, effects)
        for name, sizes in (("mean_size_people", effects.people), ("mean_size_simulated", effects.simulated)):
            mean = Estimate(float(abs(sizes).mean()) if len(sizes) else np.nan, np.nan, np.nan)
            yield _whole(pairs[0], unit, name, Answered(mean, ""), effects)


def _both(pair: _Pair) -> tuple[_One, _One]:
    return pair.of_people, pair.of_simulated


def _effects(pairs: Sequence[_Pair], unit: Unit) -> Effects:
    """Gather the effects with the covariances of their errors; a persona's parts go together in all its studies."""
    names = align.union(group for pair in pairs for one in _both(pair) for group in one.groups)
    place = {name: i for i, name in enumerate(names)}
    sides = [pair.of_people for pair in pairs], [pair.of_simulated for pair in pairs]
    people, simulated = (_laid(ones, unit, place) for ones in sides)
    values = [np.array([_value(one, unit)[0] for one in ones]) for ones in sides]
    studies = sorted({pair.simulated.cell.study for pair in pairs})
    study = np.array([studies.index(pair.simulated.cell.study) for pair in pairs], dtype=np.int64)
    return Effects(values[0], values[1], people @ people.T, simulated @ simulated.T, people @ simulated.T, study)


def _laid(ones: Sequence[_One], unit: Unit, place: dict[str, int]) -> FloatArray:
    """Lay the parts out, a row an effect, a column a name."""
    made = np.zeros((len(ones), len(place)))
    for row, one in enumerate(ones):
        for group, part in zip(one.groups, _of(one, unit), strict=True):
            np.add.at(made[row], [place[name] for name in group], part)
    return made


def _shares(pairs: Sequence[_Pair], effects: Effects, confidence: float) -> dict[str, Answered]:
    """Count signs, replications and overstatements."""
    people = np.array([pair.of_people.pvalue < LEVEL for pair in pairs])
    simulated = np.array([pair.of_simulated.pvalue < LEVEL for pair in pairs])
    same = np.sign(effects.people) == np.sign(effects.simulated)
    every = np.ones(len(pairs), dtype=bool)
    larger = abs(effects.simulated) > abs(effects.people)
    counted = {"same_sign": (same, every), "replicated": (same & simulated, people), "overstated": (larger, every)}
    return {
        name: compared.share(hits, among, effects.study, confidence=confidence)
        for name, (hits, among) in counted.items()
    }


def _whole(pair: _Pair, unit: Unit, name: str, found: Answered, effects: Effects) -> Row:
    cell = pair.simulated.cell
    return {
        "study": ALL,
        "model": cell.model,
        "iteration": cell.iteration,
        "contrast": ALL,
        "question": ALL,
        "against": pair.people.cell.model,
        "unit": unit,
        "quantity": name,
        "estimate": found.estimate.value,
        "ci_low": found.estimate.low,
        "ci_high": found.estimate.high,
        "n_effects": len(effects.people),
        "n_studies": len(set(effects.study.tolist())),
        "reason": found.reason,
    }
