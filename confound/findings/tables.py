"""All tables of an analysis by name; each is at home in a module of this folder."""

from collections.abc import Mapping
from types import MappingProxyType

from confound.findings import (
    agreement,
    answers,
    assumptions,
    combined,
    comparisons,
    data,
    decomposition,
    drift,
    effects,
    effects_compared,
    interactions,
    sensitivity,
    stabilization_columns,
    truth,
    variance,
    warnings,
)
from confound.findings.schema import Schema

TABLES: Mapping[str, Schema] = MappingProxyType(
    {
        schema.name: schema
        for schema in (
            data.SCHEMA,
            drift.SCHEMA,
            effects.SCHEMA,
            decomposition.SCHEMA,
            sensitivity.SCHEMA,
            assumptions.SCHEMA,
            comparisons.SCHEMA,
            stabilization_columns.SCHEMA,
            stabilization_columns.SETTLED,
            stabilization_columns.CHECKS,
            answers.DISTRIBUTIONS,
            answers.MEANS,
            interactions.SCHEMA,
            truth.SCHEMA,
            agreement.SCHEMA,
            effects_compared.SCHEMA,
            variance.SCHEMA,
            combined.SCHEMA,
            warnings.SCHEMA,
        )
    }
)
