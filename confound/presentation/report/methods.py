"""The short texts on each statistic (`methods.md`): the report shows them, and `docs/methods` quotes them."""

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape

Cite = Callable[..., str]

_CITATION = re.compile(r"\[(@\w+(?:; @\w+)*)\]")
_MARKUP = ((re.compile(r"\*([^*]+)\*"), r"<em>\1</em>"), (re.compile(r"`([^`]+)`"), r"<code>\1</code>"))


@cache
def texts() -> dict[str, str]:
    """Return the short texts by their headings, each on one line."""
    content = (files("confound.presentation.report") / "methods.md").read_text(encoding="utf-8")
    _, *entries = content.split("\n## ")
    parts = (entry.partition("\n") for entry in entries)
    return {heading.strip(): " ".join(text.split()) for heading, _, text in parts}


def cited(text: str, cite: Cite) -> str:
    """Replace each citation, `[@key; @key]`, by what `cite(key, key)` returns."""
    return _CITATION.sub(lambda found: cite(*re.findall(r"@(\w+)", found.group(1))), text)


def to_html(name: str, cite: Cite) -> Markup:
    """Write a short text for a page.

    Parameters
    ----------
    name : str
        Heading of an entry of `methods.md`.
    cite : callable
        Keys of `references.REFERENCES` -> the citation.

    Raises
    ------
    KeyError
        Where there is no such entry, or no such reference.
    """
    written = str(escape(cited(texts()[name], cite)))
    for pattern, tag in _MARKUP:
        written = pattern.sub(tag, written)
    return Markup(written)  # noqa: S704 -- escaped above; nothing from a log is in it
