"""Labels that are the same in another spelling: what they share, and which one stays."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from confound.counts.notations import PLAIN

_LETTERED = re.compile(r"\(?([A-Za-z]|\d{1,2})\s*[).:\]]\s+(\S.*)|([A-Za-z]|\d{1,2})\s+[-\u2013\u2014=]\s+(\S.*)")
_LISTED = re.compile(r"\[(.*)\]", re.DOTALL)
_QUOTED = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|([^,'"]+?))\s*(?:,|$)""")


def folded(text: str) -> str:
    """Return what two spellings of one label share: no case, no closing full stop, no quotes or stars around it.

    >>> folded("**Dem.**") == folded("dem") and folded("3.") == "3"
    True
    """
    plain = text.strip(" *_`\"'").rstrip(".;,:!").strip(" *_`\"'").casefold()
    return plain or text


def alike(counts: Counter[str], fixed: Sequence[str], key: Callable[[str], str]) -> dict[str, str]:
    """Merge labels that share a key into the one that is given, else the shortest, else the most frequent."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys([*fixed, *counts]):
        groups.setdefault(key(name), []).append(name)
    merged: dict[str, str] = {}
    for names in groups.values():
        given = [name for name in names if name in fixed]
        if len(given) > 1:
            continue
        kept = given[0] if given else min(names, key=lambda name: (len(name), -counts[name], name.isupper(), name))
        merged |= {name: kept for name in names if name != kept}
    return merged


def lettered(counts: Counter[str], fixed: Sequence[str]) -> dict[str, str]:
    """Merge "A" and "Dem" into "A) Dem", where that is an answer too and no other has the letter or the words."""
    whole: dict[str, tuple[str, str]] = {}
    for name in dict.fromkeys([*fixed, *counts]):
        found = _LETTERED.fullmatch(name)
        if found:
            whole[name] = ((found[1] or found[3]).casefold(), folded(found[2] or found[4]))
    merged: dict[str, str] = {}
    for name, parts in whole.items():
        for part, same in zip(parts, zip(*whole.values(), strict=True), strict=True):
            others = [other for other in counts if other not in whole and folded(other) == part]
            if same.count(part) == 1 and len(others) == 1 and others[0] not in fixed:
                merged[others[0]] = name
    return merged


def sorted_list(text: str) -> str | None:
    """Return a written list with its entries sorted, None if the text is no list.

    >>> [sorted_list(t) for t in ("['b', 'a']", '["a"]', "[]", "a, b")]
    ["['a', 'b']", "['a']", '[]', None]
    """
    whole = _LISTED.fullmatch(text)
    if whole is None:
        return None
    entries, place = [], 0
    while place < len(whole[1]):
        found = _QUOTED.match(whole[1], place)
        if found is None or found.end() == place:
            return None
        entries.append(next(part for part in found.groups() if part is not None))
        place = found.end()
    return "[" + ", ".join(f"'{entry}'" for entry in sorted(set(entries))) + "]"


def sorted_parts(text: str, *, separator: str) -> str | None:
    """Return options that a sign separates, sorted; None where they are not several.

    >>> sorted_parts("Web; TV", separator=";"), sorted_parts("TV", separator=";")
    ('TV; Web', None)
    """
    parts = [part.strip() for part in text.split(separator)]
    if len(parts) < 2 or not all(parts) or all(PLAIN.fullmatch(part) for part in parts):
        return None
    return f"{separator} ".join(sorted(parts))
