"""The table `agreement`: how well simulated users answer as people do, question by question."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from confound.counts.cells import Cell
from confound.counts.counting import IntArray
from confound.counts.scales import FloatArray
from confound.findings import beside, schema
from confound.findings.beside import Beside, Laid
from confound.findings.schema import ARM, ITERATION, MODEL, QUESTION, STUDY, Column, Row, Schema
from confound.statistics.people import marginals
from confound.statistics.people.agreement import Answers, agreement
from confound.statistics.people.jackknife import Estimate
from confound.statistics.people.parity import parity_gap
from confound.vocabulary import ALL_ARMS

_SHARE = "share, 0 to 1"
_UNIT = "of the question"
AGAINST = Column("against", "text", "The model that is people")
SCHEMA = Schema(
    "agreement",
    "A question asked of simulated users and of people, in an arm; arm `(all arms)`: in all arms together",
    (
        *(STUDY, MODEL, ITERATION, ARM, QUESTION),
        Column("role", "text", "Role of the question"),
        AGAINST,
        Column("pairing", "text", "`paired`: personas carry people's names; `marginals`: they do not"),
        Column("n_personas", "count", "Simulated users that the numbers rest on", head="Personas"),
        Column("n_people", "count", "People that the numbers rest on"),
        *schema.estimated(
            "r", "Correlation of a person's mean answer with its persona's", "-1 to 1", head="r", places=2
        ),
        *schema.estimated(
            "r_within_arms",
            "The same about the means of each arm: `r` is raised by the arms, for a persona is in its person's",
            "-1 to 1",
        ),
        *schema.estimated(
            "accuracy",
            "1 less the mean distance between an answer of a person and one of its persona, as a part of the scale; of "
            "answers without an order, how often both are the same",
            _SHARE,
            head="Accuracy",
            places=2,
        ),
        Column("mae", "number", "That distance in the numbers of the answers; empty without numbers", _UNIT, True),
        Column("mean_people", "number", "Mean answer of the people", _UNIT, True),
        Column("mean_simulated", "number", "Mean answer of the simulated users", _UNIT, True),
        Column("sd_people", "number", "Standard deviation of single answers of the people", _UNIT, True),
        Column("sd_simulated", "number", "Standard deviation of single answers of the simulated users", _UNIT, True),
        *schema.estimated("sd_ratio", "`sd_simulated` over `sd_people`", "ratio", head="SD ratio", places=2),
        *schema.estimated(
            "tvd",
            "Distance between what all people and all simulated users answered, corrected as that of two samples",
            "total variation distance",
            head="TVD",
            places=2,
        ),
        Column(
            "ceiling",
            "number",
            "The accuracy of people about their own repeated answers, where they answered more than once in an arm",
            _SHARE,
            True,
        ),
        *schema.estimated("normalized", "Mean accuracy over mean ceiling, of people with a ceiling", "ratio"),
        Column("normalized_by_person", "number", "Mean over people of accuracy over ceiling", "ratio", True),
        Column("r_ceiling", "number", "Intraclass correlation of people's repeated answers", "up to 1", True),
        *schema.estimated(
            "gap", "Largest less smallest mean accuracy of groups of people (`--group`), in `(all arms)`", _SHARE
        ),
        Column("gap_between", "text", "The groups with the smallest and with the largest accuracy"),
    ),
)


def rows(cells: Sequence[Cell], reference: str, *, confidence: float, group: str | None = None) -> Iterator[Row]:
    """Compare the answers of each model's personas with those of people.

    Parameters
    ----------
    cells : sequence of Cell
    reference : str
        The model that is people.
    confidence : float
        Of the intervals, in (0, 1).
    group : str or None
        Question by whose answers people are grouped.
    """
    answered = beside.groups(cells, reference, group) if group is not None else {}
    for pair in beside.pairs(cells, reference):
        make = _paired if pair.paired else _marginal
        arms = [(arm, [a]) for a, arm in enumerate(pair.arms)] if len(pair.arms) > 1 else []
        for arm, columns in [*arms, (ALL_ARMS, list(range(len(pair.arms))))]:
            found = make(pair, columns, confidence)
            if found is not None:
                gap = _gap(pair, answered, confidence) if arm == ALL_ARMS else {}
                yield {**_place(pair, arm), **found, "gap_between": "", **gap}


def _place(pair: Beside, arm: str) -> Row:
    how = {"against": pair.people.model, "pairing": "paired" if pair.paired else "marginals"}
    return {**pair.simulated.place(arm), **how}


def _paired(pair: Beside, columns: Sequence[int], confidence: float) -> Row | None:
    """Compare each persona with the person of its name."""
    people, simulated = (side.arms(columns) for side in pair.laid_out)
    distances = beside.distances(people, simulated, pair.simulated)
    found = agreement(people.numbers, simulated.numbers, distances, confidence=confidence)
    if found is None:
        return None
    both = ~np.isnan(distances)
    width = _width(pair)
    return {
        "n_personas": found.n_personas,
        "n_people": found.n_personas,
        **_written("r", found.r),
        **_written("r_within_arms", found.r_within_arms),
        **_written("accuracy", _accuracy(found.distance, width)),
        "mae": np.nan if pair.simulated.scale.kind == "nominal" else found.distance.value,
        "mean_people": found.mean_people,
        "mean_simulated": found.mean_simulated,
        "sd_people": found.sd_people,
        "sd_simulated": found.sd_simulated,
        **_written("sd_ratio", found.sd_ratio),
        **_distance(people.counts[both], simulated.counts[both], pair, confidence),
        **_ceilings(people, distances, pair, confidence),
    }


def _width(pair: Beside) -> float:
    """Return the width of the scale: as far as the answers of both go, where no scale says it; 1 without an order."""
    if pair.simulated.scale.kind == "nominal":
        return 1.0
    cells = pair.simulated, pair.people
    return max(cell.high for cell in cells) - min(cell.low for cell in cells)


def _accuracy(distance: Estimate, width: float) -> Estimate:
    if not width > 0:
        return Estimate(np.nan, np.nan, np.nan)
    low, high = (1 - end / width for end in (distance.high, distance.low))
    return Estimate(1 - distance.value / width, *(float(np.clip(end, 0, 1)) for end in (low, high)))


def _written(name: str, found: Estimate) -> Row:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _distance(people: IntArray, simulated: IntArray, pair: Beside, confidence: float) -> Row:
    """Return the distance of the marginals; none of numbers too many to count."""
    if pair.simulated.scale.kind == "continuous":
        return {}
    return _written("tvd", marginals.distance(people, simulated, confidence=confidence))


def _ceilings(people: Laid, distances: FloatArray, pair: Beside, confidence: float) -> Row:
    """Relate accuracy to that of people about themselves, where some answered more than once."""
    own, width = beside.own_distances(people, pair.people), _width(pair)
    both = ~np.isnan(own) & ~np.isnan(distances)
    if not both.any() or not width > 0:
        return {}
    used = both.any(axis=1)
    accuracy, ceiling = (1 - np.nanmean(np.where(both, d, np.nan)[used], axis=1) / width for d in (distances, own))
    ratio, by_person = marginals.normalized(accuracy, ceiling, confidence=confidence)
    return {
        "ceiling": ceiling.mean(),
        **_written("normalized", ratio),
        "normalized_by_person": by_person,
        "r_ceiling": beside.split(people, pair.people, confidence).icc.value,
    }


def _gap(pair: Beside, answered: Mapping[str, str], confidence: float) -> Row:
    """Compare the accuracy of groups of people, of all arms."""
    if not answered or not pair.paired or not _width(pair) > 0:
        return {}
    people, simulated = pair.laid_out
    distances = beside.distances(people, simulated, pair.simulated)
    used = ~np.isnan(distances).all(axis=1)
    accuracy = 1 - np.nanmean(distances[used], axis=1) / _width(pair)
    labels = sorted(set(answered.values()))
    place = {label: code for code, label in enumerate(labels)}
    codes = np.array([place.get(answered.get(name, ""), -1) for name in np.array(pair.names)[used].tolist()])
    found = parity_gap(accuracy, codes, confidence=confidence)
    if found.lowest < 0:
        return {}
    return {**_written("gap", found.difference), "gap_between": f"{labels[found.lowest]}, {labels[found.highest]}"}


def _marginal(pair: Beside, columns: Sequence[int], confidence: float) -> Row | None:
    """Compare people and simulated users as two groups."""
    sides = [
        Laid.of(cell, range(len(cell.personas)), [pair.columns(cell)[c] for c in columns])
        for cell in (pair.people, pair.simulated)
    ]
    if not all((side.known > 0).any() for side in sides):
        return None
    n_people, n_simulated = (int((side.known > 0).any(axis=1).sum()) for side in sides)
    found: Row = {"n_personas": n_simulated, "n_people": n_people}
    if pair.simulated.scale.kind != "nominal":
        people, simulated = (_spread(side.numbers) for side in sides)
        found |= {
            "mean_people": people.mean,
            "mean_simulated": simulated.mean,
            "sd_people": people.sd,
            "sd_simulated": simulated.sd,
            **_written("sd_ratio", marginals.sd_ratio(people, simulated, confidence=confidence)),
        }
    counts = [side.counts[side.known > 0] for side in sides]
    return found | _distance(counts[0], counts[1], pair, confidence)


def _spread(side: Answers) -> marginals.Spread:
    known = side.known
    return marginals.spread(side.means[known], side.squares[known])
