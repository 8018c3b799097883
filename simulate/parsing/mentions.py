"""Where a text names options, and which of them it gives as its answer.

An option is an answer where nothing but the words in which answers are given stands around it in its clause. So no
list of denials, conditions or other people is needed: next to a word that is not known the option is only mentioned.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from simulate.parsing import cleaning, phrases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulate.parsing.options import OptionFinder

# A text that names options more often is a list of them; this also bounds the time.
MAX_NAMED = 40
# A word of another option that is as long says more than that option's place: "Married, but we're separated".
TELLING_LETTERS = 6
# "Yes, I do": characters between two mentions that are one.
NEAR = 4
# "A" is a letter where no noun follows; a small letter where it is in brackets, at the start or the end.
_LETTER = (
    r"(?<=[(\[])[A-Za-z](?=[)\]])|(?<!\S)[a-z](?=[).]\s)|^[a-z](?=[).])|(?<=: )[a-z](?=\.?$)|[B-HJ-Z]|I(?=[.)\]:])"
    r"|A(?!: | \d| (?!(?:and|or|is|but|because|since|fits|seems|feels|would|it|here|not|if|as)\b)[a-z])"
)
_LABEL = re.compile(
    rf"(?<![\w'.$-])[(\[\"'{{]*\$?(?:(?P<letter>{_LETTER})|(?P<number>\d{{1,2}}(?:\.\d{{1,2}})?))[)\]\"'}}]*"
    r"(?![\w'%/]|\.\w|-\w|-$|,\d{3})",
    re.MULTILINE,
)


class Mention(NamedTuple):
    """A place in a sentence that names an option: `kind` is `word`, `letter` or `number`."""

    start: int
    end: int
    option: int
    kind: str


def answers(finder: OptionFinder, text: str) -> tuple[set[int], set[int]]:
    """Return the options that a text gives as its answer, and those of them that it gives by label or full wording.

    Options in passing words, such as a "yes" or "no", are in the first set alone.
    """
    text = phrases.ACKNOWLEDGES.sub("", text, count=1) if phrases.ACKNOWLEDGES.match(text) else text
    found: set[int] = set()
    firm: set[int] = set()
    for sentence in _sentences(text):
        mentions = named(finder, sentence)
        if len(mentions) > MAX_NAMED:
            return set(range(len(finder.options))), set()
        given = [mention for mention in mentions if _given(finder, sentence, mention, mentions)]
        found |= {mention.option for mention in given} | _joined(sentence, mentions, given)
        firm |= {m.option for m in given if m.kind != "word" or not finder.said_in_passing(m.option)}
    return found, firm


def _sentences(text: str) -> list[str]:
    """Split a text at ends of sentences; a line that ends in a colon goes on, and what ends in "?" is left out."""
    text = re.sub(r":\s*\n+\s*", ": ", text)
    split = re.split(r"(?<=[.!?;])(?<!\b[A-Z]\.(?=\s[A-Z]\.))[\"']?\s+|\n+|(?<=\?)", text)
    return [sentence for sentence in split if sentence.strip() and not sentence.rstrip("\"') ").endswith("?")]


def named(finder: OptionFinder, sentence: str) -> list[Mention]:
    """Return the mentions of options in a sentence, by place; where one is inside another, only the longer one."""
    low = cleaning.lower(sentence)
    whole = finder.whole(sentence)
    if whole is not None:
        return [Mention(0, len(sentence), whole, "word")]
    found = [Mention(*match.span(), option, "word") for option, p in finder.patterns for match in p.finditer(low)]
    found += _labels(finder, sentence)
    turns = [match.span() for match in phrases.HARMLESS.finditer(low)]
    taken: list[Mention] = []
    for mention in sorted(found, key=lambda one: (one.kind != "word", one.start - one.end)):
        idle = finder.said_in_passing(mention.option) and any(start <= mention.start < end for start, end in turns)
        if not idle and not any(mention.start < other.end and other.start < mention.end for other in taken):
            taken.append(mention)
    return sorted(taken)


def _labels(finder: OptionFinder, sentence: str) -> Iterator[Mention]:
    for match in _LABEL.finditer(sentence):
        kind = "letter" if match["letter"] else "number"
        label = match["letter"] or f"{float(match['number']):g}"
        if label.upper() in finder.labels:
            yield Mention(*match.span(), finder.labels[label.upper()], kind)


def _given(finder: OptionFinder, sentence: str, mention: Mention, mentions: list[Mention]) -> bool:
    """Tell whether a mention is an answer, by the words around it in its clause."""
    low = cleaning.lower(sentence)
    for other in mentions:
        same = other.option == mention.option and max(other.start - mention.end, mention.start - other.end) < NEAR
        low = low[: other.start] + (phrases.MASK if same else "#") * (other.end - other.start) + low[other.end :]
    low = phrases.without_harmless(low)
    start, stop = _clause(low, mention)
    before, after = low[start : mention.start], low[mention.end : stop]
    if phrases.IF.search(low, 0, mention.end) or phrases.IF.search(after):
        return False
    told = phrases.OTHERS.search(low, 0, start)
    if told and (low[:start].endswith("and ") or not phrases.OWN.search(low, max(start - 4, 0), mention.start)):
        return False
    if phrases.SAID_BY.match(low, mention.end) or _taken_back(finder, low[mention.end :], mention.option):
        return False
    return _leads(sentence, mention, before, after) and _follows(finder, sentence, mention, after)


def _clause(low: str, mention: Mention) -> tuple[int, int]:
    """Return where the clause around a mention begins and ends."""
    ends = itertools.takewhile(lambda end: end <= mention.start, (m.end() for m in phrases.CLAUSE.finditer(low)))
    after = phrases.CLAUSE.search(low, mention.end)
    return max(ends, default=0), after.start() if after else len(low)


def _leads(sentence: str, mention: Mention, before: str, after: str) -> bool:
    """Tell whether the words before a mention are those of an answer."""
    # "A big fat 0": whatever kind of a number it is.
    words = _words(
        re.sub(r"\ban? (?!\w+ of\b)\w+ (?!of\b)(?:\w+ )?$", "a ", before) if mention.kind == "number" else before
    )
    if words and words[-1] in ("a", "an") and mention.kind == "letter":
        return False  # "I got an A"
    if {"in", "from"} & set(words) and mention.kind == "word":
        name = sentence[mention.start : mention.end]
        if not (name[0].isupper() or not name[0].isalpha() or " " in name):
            return False  # "in the black"
    if "been" in words:
        lasting = phrases.EVER_SINCE.search(before + after)
        words = [word for word in words if not (lasting and word in ("been", "i've"))]
    if ":" in before and not phrases.OTHERS.search(before) and words[-1:] != ["#"]:
        words = [word for word in words if word in phrases.NOT_BEFORE_COLON]
    known = phrases.TELLS if mention.kind == "word" else phrases.ANSWERS
    return all(word in known for word in words)


def _follows(finder: OptionFinder, sentence: str, mention: Mention, after: str) -> bool:
    """Tell whether a mention ends its clause, or what follows says nothing that could turn it."""
    words, name = _words(after), cleaning.lower(sentence[mention.start : mention.end])
    if not words or phrases.ENDS.match(after):
        return True
    if mention.kind == "word" and finder.said_in_passing(mention.option):
        habit = finder.wording(mention.option) in phrases.FREQUENCY and phrases.HABITS.match(after)
        return bool(habit or phrases.PASSING_GOES_ON.match(after))
    if name.endswith("likely"):
        likely = phrases.LIKELY_TO.match(after) or phrases.THAT_I.match(after)
        return bool(likely) and not phrases.WILL_NOT.search(after)
    if name == "independent" and phrases.FREE_OF_PARTY.match(after):
        return False
    if mention.kind == "number" and "years" in words[:2]:
        return False
    return bool(phrases.GOES_ON.match(after)) or all(word in phrases.AFTER for word in words)


def _joined(sentence: str, mentions: list[Mention], given: list[Mention]) -> set[int]:
    """Return the options that "or" or "maybe" joins to an answer: "2 (or 3)"."""
    found: set[int] = set()
    answered = {mention.option for mention in given}
    for one, other in itertools.pairwise(mentions):
        between = phrases.without_harmless(cleaning.lower(sentence[one.end : other.start]))
        words = set(_words(between)) - phrases.TELLS - {"or", "through", "maybe", "perhaps", "possibly", "even"}
        if not words and phrases.JOINS.search(between) and {one.option, other.option} & answered:
            found |= {one.option, other.option}
    return found


def _taken_back(finder: OptionFinder, after: str, option: int) -> bool:
    """Tell whether "but" is followed by a word of another option."""
    but = phrases.BUT.search(after)
    if not but or phrases.OTHERS.search(but[1]) or phrases.DENIES.search(but[1]):
        return False
    own = finder.wording(option).split()
    theirs = {word for other, wording in finder.wordings if other != option for word in wording.split()} - set(own)
    return any(len(word) >= TELLING_LETTERS and word in theirs for word in cleaning.words(but[1]).split())


def _words(text: str) -> list[str]:
    return re.findall(r"[\w'#-]*[\w#]", text)
