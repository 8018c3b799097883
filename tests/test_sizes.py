"""The house's sizes: modules that fit in a head, functions that fit on a screen."""

import ast
import functools
import statistics
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for top in ("confound", "simulate") for path in (ROOT / top).rglob("*.py"))
MOST_LINES = 400
MEDIAN = 10
SHORT = 30
SHARE = 0.92


@functools.cache
def functions() -> list[tuple[int, str]]:
    """Return the lines and the place of each function, nested ones and methods too, from `def` to its last line."""
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                found.append(((node.end_lineno or node.lineno) - node.lineno + 1, place))
    return found


def test_no_module_is_long() -> None:
    """A module has at most 400 lines; the message lists those that have more."""
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    long = [f"{count} {name}" for name, count in lines.items() if count > MOST_LINES]
    assert not long, "too long:\n" + "\n".join(long)


def test_the_median_function_is_short() -> None:
    """Half of the functions have at most 10 lines, docstring included."""
    assert statistics.median(lines for lines, _ in functions()) <= MEDIAN


def test_few_functions_are_long() -> None:
    """Of the functions 92 % have fewer than 30 lines, docstring included; the message lists the others."""
    found = sorted(functions(), reverse=True)
    long = [f"{lines} {place}" for lines, place in found if lines >= SHORT]
    share = 1 - len(long) / len(found)
    assert share >= SHARE, f"{share:.1%} are short; the others:\n" + "\n".join(long)
