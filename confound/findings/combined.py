"""The table `combined`: the effect on people, sharpened by simulated users who have no person."""

from collections.abc import Iterator, Sequence

import numpy as np

from confound.counts.contrasts import Contrast, Side
from confound.counts.scales import FloatArray
from confound.findings import effects_compared, schema
from confound.findings.agreement import AGAINST
from confound.findings.schema import PLACE, Column, Row, Schema
from confound.statistics.people.combined import Arm, Combined, Others, combined

_UNIT = "of the outcome"
SCHEMA = Schema(
    "combined",
    "An outcome in a contrast, where people have personas of their names and there are further simulated users",
    (
        *PLACE,
        AGAINST,
        Column("n_people", "count", "People with a persona of their name in the same arm", head="People"),
        Column("n_others", "count", "Simulated users without a person", head="Others"),
        Column("people", "number", "Effect on these people, by their answers alone", _UNIT, head="Alone"),
        Column("people_se", "number", "Its standard error", _UNIT),
        Column("estimate", "number", "Effect on people, with the help of simulated users", _UNIT, head="Combined"),
        Column("se", "number", "Its standard error, clustered by persona", _UNIT),
        *schema.interval("`estimate`", _UNIT),
        Column("pvalue", "p-value", "Null hypothesis: no effect on people", head="p"),
        Column("weight", "number", "How much simulated users count (lambda)", "0 to 1"),
        *schema.estimated(
            "worth", "How many people would give this error without simulated users", "people", head="Worth", places=0
        ),
    ),
)


def rows(contrasts: Sequence[Contrast], reference: str, *, confidence: float) -> Iterator[Row]:
    """Combine people's answers with simulated ones, wherever there are simulated users without a person.

    Parameters
    ----------
    contrasts : sequence of Contrast
    reference : str
        The model that is people.
    confidence : float
        Of the intervals, in (0, 1).
    """
    for simulated, people in effects_compared.beside_people(contrasts, reference):
        if people.design == "between":  # a person in both arms would be in two groups
            others = _others(simulated, {*people.treated.personas, *people.control.personas})
            treated = _arm(people.treated, simulated.treated)
            control = _arm(people.control, simulated.control)
            found = combined(treated, control, others, confidence=confidence)
            if found is not None:
                yield {**simulated.place, "against": reference, **_written(found, others)}


def _values(side: Side) -> dict[str, float]:
    """Return the personas' mean answers by name; those without a known answer are left out."""
    known = side.known > 0
    means = side.totals[known] / side.known[known]
    return dict(
        zip((name for name, held in zip(side.personas, known, strict=True) if held), means.tolist(), strict=True)
    )


def _arm(people: Side, simulated: Side) -> Arm:
    own, other = _values(people), _values(simulated)
    names = sorted(own.keys() & other.keys())
    return Arm(np.array([own[name] for name in names]), np.array([other[name] for name in names]))


def _others(simulated: Contrast, people: set[str]) -> Others:
    """Return the answers of simulated users who are nobody's."""
    treated, control = (
        {name: value for name, value in _values(side).items() if name not in people}
        for side in (simulated.treated, simulated.control)
    )
    if simulated.design == "within":
        return Others((_array([treated[name] - control[name] for name in sorted(treated.keys() & control.keys())]),))
    return Others((_array([treated[n] for n in sorted(treated)]), _array([control[n] for n in sorted(control)])))


def _array(values: list[float]) -> FloatArray:
    return np.array(values, dtype=np.float64)


def _written(found: Combined, others: Others) -> Row:
    return {
        "n_people": found.n_people,
        "n_others": sum(len(values) for values in others.values),
        "people": found.people,
        "people_se": found.people_se,
        "estimate": found.estimate,
        "se": found.se,
        "ci_low": found.low,
        "ci_high": found.high,
        "pvalue": found.pvalue,
        "weight": found.weight,
        "worth": found.worth.value,
        "worth_low": found.worth.low,
        "worth_high": found.worth.high,
    }
