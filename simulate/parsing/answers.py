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
from simulate.parsing.mentions import answers
from simulate.parsing.options import finder_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulate.parsing.options import OptionFinder

REASONS = ("refused", "ambiguous", "blocked", "empty", "truncated")
BLOCKED = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "blocked"}
CUT_OFF = {"length", "max_tokens"}

# An answer, not an essay; also bounds the time that the patterns take.
MAX_CHARACTERS = 4_000


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
    finished = re.match(r"[^.!\n]{1,80}?[.!)\n](?=\s)", text + "\n")
    found, _ = answers(finder, finished[0]) if finished else (set(), set())
    return min(found) if len(found) == 1 else "truncated"


def _weigh(finder: OptionFinder, text: str) -> int | str:
    """Compare all that is given as an answer: one option, and nothing that declines to answer, is the answer."""
    low = cleaning.lower(text)
    masked = functools.reduce(lambda said, named: named[1].sub(phrases.MASK, said), finder.patterns, low)
    found, firm = answers(finder, text)
    if (phrases.IS_AI.search(low) or phrases.DECLINES.search(masked)) and not firm:
        return "refused"
    return next(iter(found)) if len(found) == 1 else "ambiguous"


def _may_go_on(text: str) -> bool:
    """Tell whether a text that was cut off could have become another answer ("Very", "1", "Some")."""
    low = cleaning.lower(text).rstrip()
    if low.endswith((".", ")", "!", "\n")):
        return False
    words = cleaning.words(low)
    return words.isdigit() or not re.fullmatch(r"\W*[a-z]\W*", low)


def _without_asides(finder: OptionFinder, text: str) -> str:
    """Drop stage directions: "*shrugs* Probably B"; emphasis stays."""

    def kept(match: re.Match[str]) -> str:
        inside = match[1]
        named = finder.whole(inside) is not None or any(p.search(cleaning.lower(inside)) for _, p in finder.patterns)
        return match.group() if named else " "

    text = re.sub(r"(?<!\*)\*(?!\*)([^*\n]+)\*(?!\*)", kept, text)
    return re.sub(r"^\s*[(\[]([^)\]\n]{3,60})[)\]]", kept, text).strip()
