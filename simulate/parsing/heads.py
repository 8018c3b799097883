"""An answer at the start of a text: a label or an option that ends there, by punctuation or a reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulate.parsing import cleaning, phrases

if TYPE_CHECKING:
    from simulate.parsing.options import OptionFinder


def head(finder: OptionFinder, text: str) -> set[int]:
    """Return the options that a text begins with.

    Two where label and wording disagree ("B. Republican"), none where no option stands there.
    """
    text = phrases.ACKNOWLEDGES.sub("", text, count=1) if phrases.ACKNOWLEDGES.match(text) else text
    for _ in range(4):
        found = _label_head(finder, text) or _worded_head(finder, text)
        lead = phrases.LEAD.match(text)
        if found or not lead:
            return found
        text = text[lead.end() :]
    return set()


def _label_head(finder: OptionFinder, text: str) -> set[int]:
    match = phrases.LABEL_HEAD.match(text)
    label = match["label"] if match else ""
    if not match or label.upper() not in finder.labels:
        return set()
    option, rest = finder.labels[label.upper()], text[match.end() :]
    own = finder.begins(rest.lstrip(" -:."))
    if own is not None:
        # "a Democrat" is no label with an option beside it.
        article = label == "a" and not match["close"].strip("\"'") and not match["sep"].strip()
        return set() if article or _enumerates(finder, label, text) else {option, own}
    if not _stands_as_label(match, rest) or _goes_on_to_others(rest):
        return set()
    return set() if _enumerates(finder, label, text) else {option}


def _stands_as_label(match: re.Match[str], rest: str) -> bool:
    """Tell whether a letter at the start is a label by its brackets, its punctuation or a reason after it."""
    label, bracketed, separator = match["label"], bool(match["close"].strip("\"'")), match["sep"].strip()
    if not (bracketed or separator or match["sep"] == "" or phrases.REASON.match(cleaning.lower(rest))):
        return False
    if (not separator and phrases.SAID_OF_IT.match(cleaning.lower(rest))) or rest.startswith("?"):
        return False
    return bracketed or not (label.islower() or label == "I" or (label == "A" and separator == ":"))


def _goes_on_to_others(rest: str) -> bool:
    """Tell whether other labels follow: "A, B", "A or B"."""
    also = phrases.AND_OTHERS.match(cleaning.lower(rest))
    more = re.match(r"\s*(?:[A-HJ-Z](?![\w'])|\d)", rest[also.end() :] if also else rest)
    return bool(more or re.match(rf"\s*{phrases.OR_OTHERS}", rest, re.IGNORECASE))


def _enumerates(finder: OptionFinder, label: str, text: str) -> bool:
    """Tell whether labels only number what is said: "1. I have no time. 2. ...", "A. Yes B. No"."""
    marks = phrases.NUMBERING.findall(text)
    return any(mark.upper() in finder.labels and mark.upper() != label.upper() for mark in marks)


def _worded_head(finder: OptionFinder, text: str) -> set[int]:
    low = cleaning.lower(text)
    option, end = next(((o, m.end()) for o, p in finder.patterns if (m := p.match(low))), (0, 0))
    rest = low[end:]
    few_of = finder.said_in_passing(option) and rest.startswith(" of ")
    ends = phrases.ENDS_HEAD.match(rest) or phrases.REASON.match(rest) or few_of
    others = re.match(rf"[\s,;]*{phrases.OR_OTHERS}|\s*\?", rest)
    also = phrases.AND_OTHERS.match(rest)
    if not end or not ends or others or (also and finder.begins(rest[also.end() :]) is not None):
        return set()
    label = re.match(r"\s*\(([a-z]|\d{1,2})\)", rest)
    return {option, finder.labels.get(label[1].upper(), option)} if label else {option}
