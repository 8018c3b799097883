"""What sentences say of the options that they name: the speaker's own answer, or something else."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from simulate.parsing import cleaning, phrases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulate.parsing.options import OptionFinder, Span

# A text that names options more often is a list of them; this also bounds the time that the patterns take.
MAX_NAMED = 25


def mentions(finder: OptionFinder, text: str) -> set[int]:
    """Return the options that sentences of the speaker's own give as theirs."""
    low = cleaning.lower(text)
    masked, spans = finder.masked(low), finder.spans(low)
    if len(spans) > MAX_NAMED:
        return {span.option for span in spans}
    found = {span.option for span in spans if _in_earnest(finder, span, text, low, masked)}
    return found | set(_by_frequency(finder, low))


def _by_frequency(finder: OptionFinder, low: str) -> Iterator[int]:
    """Find "I never go": a word that says nothing in passing, but is an answer as the adverb of one's own habit."""
    for option, shown in enumerate(finder.shown):
        word = cleaning.words(cleaning.lower(shown.text))
        if word in phrases.FREQUENCY and re.match(rf"(?:\w+, )?i {word} {phrases.HABITS}", low):
            yield option


def _in_earnest(finder: OptionFinder, span: Span, text: str, low: str, masked: str) -> bool:
    """Tell whether a clause is the speaker's own plain statement of an option, and nothing contradicts it."""
    if finder.said_in_passing(span.option) or not own_words(span, masked) or _part_of_name(text, span):
        return False
    if any(undenied(rival, masked) for rival in _rivals(finder, span, low, masked)):
        return False
    start, stop = _around(phrases.CLAUSE, masked, span)
    return _states(text, span, before=masked[start : span.start], after=masked[span.end : stop])


def _states(text: str, span: Span, *, before: str, after: str) -> bool:
    """Tell whether the rest of a clause makes the option that it names an answer."""
    named = cleaning.lower(text)[span.start : span.end]
    if named.endswith("likely"):
        return _states_likelihood(before, after)
    if named == "independent" and phrases.FREE_OF_PARTY.match(after):
        return False
    if phrases.BARE.fullmatch(before):
        return bool(phrases.GOES_ON.match(after) and not phrases.TRAILS.match(after))
    place = phrases.OWN_PLACE.fullmatch(before) and (text[span.start].isupper() or " " in named)
    if not (place or phrases.OWN.fullmatch(before)) or not phrases.GOES_ON.match(after):
        return False
    return " been " not in before or bool(phrases.EVER_SINCE.search(before + after))


def _states_likelihood(before: str, after: str) -> bool:
    """Tell whether "likely" says how likely the speaker is to do what was asked about."""
    of_self = phrases.OWN.fullmatch(before) and phrases.LIKELY_TO.match(after)
    of_it = phrases.IT_IS.fullmatch(before) and (phrases.THAT_I.match(after) or re.match(r"\s*(?:$|,)", after))
    return bool(of_self or of_it) and not phrases.WILL_NOT.search(after)


def _rivals(finder: OptionFinder, span: Span, low: str, masked: str) -> Iterator[Span]:
    """Find the other options named in the sentence, except those of other people and of the past."""
    begins, ends = _around(phrases.SENTENCE, masked, span)
    for other in finder.spans(low):
        start, stop = _around(phrases.CLAUSE, masked, other)
        clause = masked[start:stop]
        elsewhere = stop <= span.start or start >= span.end
        bygone = elsewhere and bool(phrases.OTHERS.search(clause) or phrases.PAST.search(clause))
        if begins <= other.start < ends and other.option != span.option and not bygone:
            yield other


def own_words(span: Span, masked: str) -> bool:
    """Tell whether a span is the speaker's own: not denied, not of other people or the past, no condition or question.

    Parameters
    ----------
    span : Span
    masked : str
        The text as `OptionFinder.masked` returns it.
    """
    start, _ = _around(phrases.CLAUSE, masked, span)
    begins, ends = _around(phrases.SENTENCE, masked, span)
    before = masked[start : span.start]
    if phrases.IF.search(masked, begins, ends) or masked[ends : ends + 1] == "?":
        return False
    laws = re.search(r"\bthey (?:should|ought)\b", before)
    told = (phrases.OTHERS.search(before) and not laws) or phrases.PAST.search(before)
    together = masked[:start].endswith("and ") and phrases.OTHERS.search(masked, begins, start)
    return undenied(span, masked) and not told and not together and not phrases.SAID_OF_IT.match(masked, span.end)


def undenied(span: Span, masked: str) -> bool:
    """Tell whether nothing before a span denies it in its clause."""
    start, _ = _around(phrases.CLAUSE, masked, span)
    return not phrases.DENIES.search(masked, start, span.start)


def _around(boundary: re.Pattern[str], masked: str, span: Span) -> tuple[int, int]:
    """Return where the clause or sentence around a span begins and ends."""
    after = boundary.search(masked, span.end)
    before = (match.end() for match in boundary.finditer(masked))
    start = max(itertools.takewhile(lambda end: end <= span.start, before), default=0)
    return start, after.start() if after else len(masked)


def _part_of_name(text: str, span: Span) -> bool:
    """Tell whether a named option is part of a name: "South Dakota", "West Virginia"."""
    after = re.match(r" ([A-Z]\w+)", text[span.end :])
    return bool(text[span.start].isupper() and after and after[1] not in ("I", "I'm") and text[span.end - 1] != ".")
