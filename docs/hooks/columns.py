"""The reference of columns, made from the schemas of the tables."""

from collections.abc import Iterator

from confound.findings.schema import Column, Schema
from confound.findings.tables import TABLES


def columns(_: str) -> str:
    """Describe every column of every table."""
    return "\n".join(line for schema in TABLES.values() for line in _table(schema))


def _table(schema: Schema) -> Iterator[str]:
    yield f"## `{schema.name}`\n"
    yield f"A row: {_lower(schema.rows.rstrip('.'))}.\n"
    yield "| column | type | meaning | unit |"
    yield "|---|---|---|---|"
    for column in schema.columns:
        yield f"| `{column.name}` | {column.kind} | {_meaning(column)} | {column.unit} |"
    yield ""


def _meaning(column: Column) -> str:
    may_lack = " May be empty." if column.optional else ""
    return f"{column.meaning.replace('|', chr(92) + '|')}.{may_lack}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
