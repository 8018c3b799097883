"""The tables that hold simulated users against people, made together; one that fails costs only itself."""

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd

from confound.counts.options import Options
from confound.counts.prepare import CountedLog
from confound.failures import Failures
from confound.findings import agreement, combined, effects_compared, schema, variance
from confound.findings.schema import Row, Schema

Made = Callable[[], Iterator[Row]]


def tables(counted: CountedLog, options: Options, failures: Failures) -> dict[str, pd.DataFrame]:
    """Make the tables; those against people are empty where no model is said to be people.

    Parameters
    ----------
    counted : CountedLog
    options : Options
    failures : Failures
        Takes what could not be made.
    """
    confidence, people = options.confidence, options.reference
    schemas = (agreement.SCHEMA, effects_compared.SCHEMA, variance.SCHEMA, combined.SCHEMA)
    made: dict[Schema, Made] = dict.fromkeys(schemas, _nothing)
    if not counted.of_distributions:  # there are no single answers in distributions
        made[variance.SCHEMA] = partial(variance.rows, counted.cells, people, confidence=confidence)
        if people is not None:
            made[agreement.SCHEMA] = partial(
                agreement.rows, counted.cells, people, confidence=confidence, group=options.group
            )
            compared = partial(effects_compared.rows, counted.contrasts, people, confidence=confidence)
            made[effects_compared.SCHEMA] = compared
            made[combined.SCHEMA] = partial(combined.rows, counted.contrasts, people, confidence=confidence)
    return {
        columns.name: schema.frame(_listed(columns.name, rows, failures), columns) for columns, rows in made.items()
    }


def _nothing() -> Iterator[Row]:
    return iter(())


def _listed(name: str, make: Made, failures: Failures) -> list[Row]:
    with failures.catching(name):
        return list(make())
    return []
