"""Free text to one of the options, or Unknown with a reason. A wrong option is worse than Unknown: nothing is guessed.

What counts as an answer, from strong to weak: a label or an option that is the whole text, stands at its start, in
bold, in brackets, on the last line or after words such as "my answer is"; else a sentence of the speaker's own that
names exactly one option and neither denies it, nor hedges it, nor says it of somebody else or of the past.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confound.errors import ConfoundError
from simulate.parsing import cleaning, marking, phrases
from simulate.parsing.heads import head
from simulate.parsing.options import Span, finder_of
from simulate.parsing.sentences import MAX_NAMED, mentions, own_words, undenied

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulate.parsing.options import OptionFinder

REASONS = ("refused", "ambiguous", "blocked", "empty", "truncated")
BLOCKED = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "blocked"}
CUT_OFF = {"length", "max_tokens"}

# An answer, not an essay; also bounds the time that the patterns take.
MAX_CHARACTERS = 4_000
TELLING_LETTERS = 6


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an answer was read as.

    Attributes
    ----------
    option : str or None
        One of the options, as given; None if Unknown.
    reason : str or None
        Why it is Unknown, one of `REASONS`; None if it is not.

    Raises
    ------
    ConfoundError
        Unless exactly one of the two is None.
    """

    option: str | None
    reason: str | None

    def __post_init__(self) -> None:
        if (self.option is None) == (self.reason is None):
            raise ConfoundError(f"an answer is an option or has a reason, not {self.option!r} and {self.reason!r}")


def parse(text: str | None, options: Sequence[str], *, finish_reason: str | None = None) -> Parsed:
    """Read an answer.

    Parameters
    ----------
    text : str or None
        What the model wrote, thinking included.
    options : sequence of str
        The options in the order shown.
    finish_reason : str or None
        Why the model stopped, in the backend's words: `stop`, `length`, `content_filter`, `SAFETY`, ...

    Returns
    -------
    Parsed
        The option, or the reason of an Unknown: `blocked` by a filter; `empty`; `truncated` before an answer was
        clear; `refused`; `ambiguous`, where no option or several are named, or one not clearly enough.
    """
    stopped = (finish_reason or "").rpartition(".")[2].casefold()
    if stopped in BLOCKED:
        return Parsed(None, "blocked")
    spoken, thinking = cleaning.spoken(text or "")
    cut = stopped in CUT_OFF
    if not re.search(r"\w", spoken):
        return Parsed(None, "truncated" if thinking or cut else "empty")
    if len(spoken) > MAX_CHARACTERS:
        return Parsed(None, "ambiguous")
    return _read(spoken, tuple(options), cut)


# The distinct answers to a question are few and short, and a run reads a million answers.
@functools.lru_cache(maxsize=100_000)
def _read(spoken: str, options: tuple[str, ...], cut: bool) -> Parsed:
    found = _chosen(finder_of(options), spoken, cut=cut)
    return Parsed(None, found) if isinstance(found, str) else Parsed(options[found], None)


def _chosen(finder: OptionFinder, spoken: str, *, cut: bool) -> int | str:
    """Return the option's place, or why there is none."""
    text = cleaning.even(cleaning.json_answer(spoken) or spoken)
    text = cleaning.undecorated(_without_asides(finder, marking.bold_as_label(finder, text)))
    text = marking.rated(finder, text)
    whole = finder.whole(text)
    if whole is not None:
        return "truncated" if cut and _may_go_on(text) else whole
    text = marking.by_label(finder, text)
    if not cut:
        return _weigh(finder, text)
    found = head(finder, text)
    return min(found) if len(found) == 1 and _finished_head(text) else "truncated"


def _weigh(finder: OptionFinder, text: str) -> int | str:
    """Compare the strong signs of an answer with each other, then with what else is mentioned."""
    low = cleaning.lower(text)
    ai, declines = phrases.IS_AI.search(low), phrases.DECLINES.search(finder.masked(low))
    first, labels = head(finder, text), _labels(finder, text)
    if not labels and first and (ai or (declines and all(map(finder.said_in_passing, first)))):
        return "refused"
    lines = _lines(finder, text) | _conclusion(finder, text)
    strong = labels | first | (lines if len(lines) == 1 or not labels else set())
    strong |= _also(finder, text) if labels or first else set()
    if not strong and (ai or declines):
        return "refused"
    mentioned = mentions(finder, text)
    if len(strong) != 1:
        return "ambiguous" if strong or len(mentioned) != 1 else next(iter(mentioned))
    (answer,) = strong
    firmly = labels or lines
    changed = _changed(finder, answer, text, low)
    contrary = (mentioned and answer not in mentioned) if firmly else _but_other(finder, answer, low)
    return "ambiguous" if changed or contrary else answer


def _changed(finder: OptionFinder, answer: int, text: str, low: str) -> bool:
    """Tell whether another option follows words such as "wait", or a Yes follows a No."""
    change = phrases.CHANGES.search(low)
    if change:
        named = {span.option for span in finder.spans(low)}
        labels = phrases.LONE_LABEL.findall(text, change.end())
        return bool((named | {finder.labels[label] for label in labels if label in finder.labels}) - {answer})
    if not finder.said_in_passing(answer):
        return False
    flat = r"[.,;:!?-]\s*(?:well,? |but |oh,? )*(?:{})\s*(?:[.,;!?]|$)"
    return any(o != answer and re.search(flat.format(p.pattern), low) for o, p in finder.patterns)


def _but_other(finder: OptionFinder, answer: int, low: str) -> bool:
    """Tell whether "but" is followed by a word of another option: "Married, but we're separated"."""
    but = phrases.BUT.search(low)
    if not but or phrases.OTHERS.search(but[1]) or phrases.DENIES.search(but[1]):
        return False
    own = next((wording for option, wording in finder.wordings if option == answer), "").split()
    theirs = {word for option, wording in finder.wordings if option != answer for word in wording.split()}
    telling = {word for word in theirs - set(own) if len(word) >= TELLING_LETTERS}
    return not telling.isdisjoint(cleaning.words(but[1]).split())


def _lines(finder: OptionFinder, text: str) -> set[int]:
    """Return the options that are a line of their own, or the last sentence."""
    *_, last = re.split(r"(?<=[.!?])\s", text)
    return _wholes(finder, (*text.splitlines(), last))


def _conclusion(finder: OptionFinder, text: str) -> set[int]:
    """Return the option in which the last sentence ends: "I was born in Ohio, so yes.", "I land on C."."""
    *_, last = re.split(r"(?<=[.!?])\s|\n", text.rstrip())
    low = phrases.without_harmless(cleaning.lower(last))
    *_, mark = (None, *phrases.CONCLUDES.finditer(last))
    option = finder.whole(last[mark.end() :]) if mark else None
    if mark and option is not None:
        before = low[: mark.start()]
        own = "so" in mark[0] or re.match(r"(?:I|my answer)\b", last[mark.end() :], re.IGNORECASE)
        told = not own and (phrases.OTHERS.search(before) or phrases.PAST.search(before))
        is_open = told or "?" in last or phrases.IF.search(before)
    else:
        mark = phrases.ENDS_LINE.search(last)
        place = Span(*mark.span(mark.lastindex or 0), -1) if mark else Span(0, 0, -1)
        option, before = finder.labels.get(last[place.start : place.end]), low[: place.start]
        is_open = not own_words(place, low)
    if option is None or is_open or phrases.UNDECIDED.search(before) or _named(finder, last, before) - {option}:
        return set()
    return {option}


def _named(finder: OptionFinder, text: str, before: str) -> set[int]:
    """Return the options that are named in the first part of a text, and not denied."""
    spans = [span for span in finder.spans(before) if not finder.said_in_passing(span.option)]
    labels = [m for m in phrases.LONE_LABEL.finditer(text, 0, len(before)) if m[1] in finder.labels]
    spans += [Span(*match.span(1), finder.labels[match[1]]) for match in labels]
    return {span.option for span in spans if undenied(span, before)}


def _wholes(finder: OptionFinder, texts: Iterable[str]) -> set[int]:
    return {option for text in texts if (option := finder.whole(text)) is not None}


def _may_go_on(text: str) -> bool:
    """Tell whether a text that was cut off could have become another answer ("Very", "1", "Some")."""
    low = cleaning.lower(text).rstrip()
    if low.endswith((".", ")", "!", "\n")):
        return False
    words = cleaning.words(low)
    return words.isdigit() or not re.fullmatch(r"\W*[a-z]\W*", low)


def _finished_head(text: str) -> bool:
    """Tell whether a new sentence begins after the head of a text that was cut off."""
    return bool(re.match(r"[^.!\n]{1,80}?(?:[.!)]\s|\n)", text)) or "\n" in text


def _labels(finder: OptionFinder, text: str) -> set[int]:
    """Return the options given by label anywhere: "I'd pick B", "my answer is (C)", "(D)"; all where several."""
    low = phrases.without_harmless(cleaning.lower(text))
    found = set()
    patterns = (phrases.SAYS, phrases.BRACKETED)
    given = [match for pattern in patterns for match in pattern.finditer(text)]
    for match in given[:MAX_NAMED]:
        place = Span(*match.span("label"), -1)
        if match["label"] in finder.labels and match["label"] != "I" and own_words(place, low):
            found.add(finder.labels[match["label"]])
    return found


def _also(finder: OptionFinder, text: str) -> set[int]:
    """Return the options given by label beside another: "2 (or 3)", "B, maybe C"."""
    low = phrases.without_harmless(cleaning.lower(text))
    others = [m for m in phrases.OTHER_BRACKETED.finditer(text) if own_words(Span(*m.span(1), -1), low)]
    marks = [match[1] for match in (*others, *phrases.ALSO.finditer(text))]
    return {finder.labels[mark.upper()] for mark in marks if mark.upper() in finder.labels and mark != "I"}


def _without_asides(finder: OptionFinder, text: str) -> str:
    """Drop stage directions: "*shrugs* Probably B"; emphasis stays."""

    def kept(match: re.Match[str]) -> str:
        inside = match[1]
        named = finder.whole(inside) is not None or any(p.search(cleaning.lower(inside)) for _, p in finder.patterns)
        return match.group() if named else " "

    text = re.sub(r"(?<!\*)\*(?!\*)([^*\n]+)\*(?!\*)", kept, text)
    return re.sub(r"^\s*[(\[]([^)\]\n]{3,60})[)\]]", kept, text).strip()
