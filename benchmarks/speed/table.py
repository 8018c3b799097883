"""Timings -> Markdown: median (lowest to highest) of the rounds, and of the ratio within each round."""

from collections.abc import Sequence
from statistics import median

Row = tuple[str, str, str, str]


def range_of(values: Sequence[float]) -> str:
    """Write the median and, in brackets, the range; a single value by itself."""
    if len(values) == 1:
        return _short(values[0])
    return f"{_short(median(values))} ({_short(min(values))} to {_short(max(values))})"


def of_rounds(n: int) -> str:
    """Say what `range_of` shows."""
    return "One round" if n == 1 else f"Median (lowest to highest) of {n} rounds"


def row(name: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    """Compare two sides, timed turn by turn."""
    return name, range_of(ours), range_of(theirs), range_of([b / a for a, b in zip(ours, theirs, strict=True)])


def markdown(header: Row, rows: Sequence[Row]) -> str:
    """Lay rows out as a Markdown table."""
    lines = [header, ("---", "--:", "--:", "--:"), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _short(value: float) -> str:
    """Write three significant digits without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"
