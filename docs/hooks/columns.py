"""The reference of columns, made from the schemas of the tables."""


def columns(_: str) -> str:
    """Describe every column of every table."""
    try:
        from confound.findings.schema import TABLES
    except ImportError:
        return "(to come)"
    return "\n".join(TABLES)
