"""Tidy frames -> text: CSV, Markdown, the terminal. Labels come from models and are hostile until escaped."""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
from tabulate import tabulate

from confound.text import named, p_value, printable

DIGITS = 10  # of a number written for machines: more would differ from one machine to the next
# What a spreadsheet would run, full-width signs too; a number with a sign is none.
_FORMULA = re.compile(r"[=@\t\uff1d\uff20]|[+\-\uff0b\uff0d](?!\d[\w.,]*%?$)")
_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|#~$&"})


def to_csv(frame: pd.DataFrame) -> str:
    """Write a frame as CSV; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    safe = frame.copy()
    for column in _text_columns(frame):
        safe[column] = [_harmless(text) for text in frame[column]]
    return safe.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")


def to_markdown(frame: pd.DataFrame) -> str:
    """Write a frame as a Markdown table for reading: rounded, with p-values never as zero."""
    return _tabulated(frame, "pipe", markdown) + "\n"


def markdown(text: str) -> str:
    """Escape what Markdown would take for markup, on one line."""
    return printable(" ".join(text.split())).translate(_MARKDOWN)


def to_terminal(frame: pd.DataFrame) -> str:
    """Write a frame as plain text; control characters in labels are shown, not obeyed, and long labels are cut."""
    return _tabulated(frame, "simple", named)


def _tabulated(frame: pd.DataFrame, style: str, write: Callable[[str], str]) -> str:
    shown = readable(frame)
    texts = _text_columns(frame)
    for column in texts:
        shown[column] = ["" if pd.isna(text) else write(str(text)) for text in frame[column]]
    align = ["left" if name in texts else "right" for name in frame.columns]
    content = shown.to_dict("list")
    return tabulate(content, headers="keys", tablefmt=style, showindex=False, disable_numparse=True, colalign=align)


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn the numbers of a frame into rounded text."""
    shown = pd.DataFrame(index=frame.index)
    for name in frame.columns:
        write = p_value if "pvalue" in name else _rounded
        shown[name] = [text if isinstance(text, str) else write(text) for text in frame[name]]
    return shown


def _rounded(value: float) -> str:
    if pd.isna(value):
        return ""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value)}"
    return f"{value:.3f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.3g}"


def _harmless(text: Any) -> Any:
    """Take the power of a formula from a text, and returns, which the standard library's writer does not quote."""
    if not isinstance(text, str):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _FORMULA.match(text) else text


def _text_columns(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
