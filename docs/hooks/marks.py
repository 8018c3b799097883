"""Marks in a page, `<!-- name: arguments -->`, -> what stands in their place on the site, made from the code."""

import re
from collections.abc import Callable

from confound.presentation.report.methods import cited, texts
from confound.presentation.report.references import REFERENCES

MARK = re.compile(r"<!-- (in short|sources|columns|gallery|example table)(?:: ([^>]*?))? -->")


def in_short(names: str, *, to_sources: str) -> str:
    """Quote short texts of the report (`methods.md`), each a paragraph, with citations that lead to the sources."""

    def cite(*keys: str) -> str:
        return f"({'; '.join(f'[{REFERENCES[key].short}]({to_sources}#{key})' for key in keys)})"

    paragraphs = [cited(texts()[name.strip()], cite) for name in names.split(",")]
    return '!!! quote "In short: as the report says it"\n\n' + "\n\n".join(f"    {text}" for text in paragraphs) + "\n"


def sources() -> str:
    """List the references of the report, each with an anchor of its key."""
    ordered = sorted(REFERENCES.items(), key=lambda item: item[1].full)
    lines = [f'- <span id="{key}"></span>{one.full}' + (f" <{one.link}>" if one.link else "") for key, one in ordered]
    return "\n".join(lines) + "\n"


def expanded(text: str, makers: dict[str, Callable[[str], str]]) -> str:
    """Put what its maker makes in the place of each mark."""
    return MARK.sub(lambda found: makers[found.group(1)](found.group(2) or ""), text)
