"""The options of a question: the labels under which they are shown, and where a text names them."""

from __future__ import annotations

import functools
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from simulate.parsing import cleaning, phrases

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_OPTIONS = len(string.ascii_uppercase)
_OWN_NUMBER = re.compile(
    r"\(?(\d{1,2})(?:\s*(?:[-\u2013\u2014:.)=]\s*)+(?=[^\W\d])(.+)|\s*\((?=[^\W\d])([^()]+)\)|\s*)", re.DOTALL
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


_RANGES = (
    (r"(\d+) to (\d+)", ("between {0} and {1}",)),
    (r"(?:under|below|less than) (\d+)", ("under {0}", "below {0}", "less than {0}")),
    (
        r"(\d+) (?:or|and) (?:more|older|over|above|up)",
        ("{0} or more", "{0} or older", "{0} and older", "{0} and over", "over {0}", "more than {0}", "older than {0}"),
    ),
)


class Option(NamedTuple):
    """An option as it is shown.

    Attributes
    ----------
    label : str
        Its own number if all options have one ("1 - Very unlikely", "2"), else a letter by its place: A, B, C, ...
    text : str
        The option without that number; the number itself where it stands alone.
    """

    label: str
    text: str


def labelled(options: Sequence[str]) -> tuple[Option, ...]:
    """Return the options with the labels under which they are shown."""
    numbered = [_OWN_NUMBER.fullmatch(option.strip()) for option in options]
    if options and all(numbered) and len({match[1] for match in numbered if match}) == len(options):
        return tuple(Option(match[1], (match[2] or match[3] or match[1]).strip()) for match in numbered if match)
    return tuple(Option(letter, option) for letter, option in zip(string.ascii_uppercase, options, strict=False))


@dataclass(frozen=True, slots=True, eq=False)
class OptionFinder:
    """Finds one question's options in a text. Options are told by their places, from 0.

    Texts called `low` are in lower case.

    Attributes
    ----------
    options : tuple of str
    shown : tuple of Option
    wordings : tuple of (int, str)
        Words by which an option is named, the longest first. Words that two options share name neither.
    patterns : tuple of (int, re.Pattern)
        The same as patterns, without those that are numbers only.
    labels : Mapping of str to int
        Label -> the option that it stands for.
    sentences : tuple of (int, re.Pattern)
        Sentences that are an answer without its words: "Of course not."
    """

    options: tuple[str, ...]
    shown: tuple[Option, ...]
    wordings: tuple[tuple[int, str], ...]
    patterns: tuple[tuple[int, re.Pattern[str]], ...]
    labels: Mapping[str, int]
    sentences: tuple[tuple[int, re.Pattern[str]], ...]

    def whole(self, text: str) -> int | None:
        """Return the option that the text is, and nothing else: "B", "(b)", "B. Unlikely", "Unlikely (B)"."""
        return self._bare(cleaning.lower(text).strip(" .!\"',:;"))

    def _bare(self, low: str) -> int | None:
        worded = self._worded(low)
        if worded is not None:
            return worded
        label = re.fullmatch(r"[(\[\"'$]*([a-z]|\d{1,2}(?:\.0+)?)[)\]\"']*[.:]?", low)
        if label:
            return self.labels.get(re.sub(r"\.0+$", "", label[1]).upper())
        first = re.fullmatch(r"[(\[\"']*([a-z]|\d{1,2})[)\]\"']*\s*[.:)=,-]*\s+(.+)", low)
        after = re.fullmatch(r"(.+?)\s*[(\[]([a-z]|\d{1,2})[)\]]", low)
        for mark, wording in ((first[1], first[2]) if first else ("", ""), (after[2], after[1]) if after else ("", "")):
            if mark.upper() in self.labels and self._worded(wording) == self.labels[mark.upper()]:
                return self.labels[mark.upper()]
        if low in phrases.NUMBERS:
            digits = str(phrases.NUMBERS.index(low))
            return self.labels.get(digits, self._worded(digits))
        return next((option for option, said in self.sentences if said.fullmatch(cleaning.words(low))), None)

    def _worded(self, low: str) -> int | None:
        words = cleaning.words(low)
        return next((option for option, wording in self.wordings if wording == words), None)

    def wording(self, option: int) -> str:
        """Return the words of an option."""
        return cleaning.words(cleaning.lower(self.shown[option].text))

    def said_in_passing(self, option: int) -> bool:
        """Tell whether the option's words are often said without being an answer ("yes", "some")."""
        return self.wording(option) in phrases.IN_PASSING


@functools.lru_cache(maxsize=1024)
def finder_of(options: tuple[str, ...]) -> OptionFinder:
    """Return what finds these options."""
    shown = labelled(options)
    wordings = _wordings(options, shown)
    patterns = tuple((option, _pattern(wording)) for option, wording in wordings if not wording.isdigit())
    plain = [text.casefold() for _, text in shown]
    said = {plain.index(word): re.compile(pattern) for word, pattern in phrases.SENTENCES_FOR.items() if word in plain}
    return OptionFinder(
        options, shown, wordings, patterns, _labels(options, shown), tuple(said.items()) if len(said) > 1 else ()
    )


def _wordings(options: Sequence[str], shown: Sequence[Option]) -> tuple[tuple[int, str], ...]:
    options_of: dict[str, set[int]] = {}
    plain = {text.casefold() for _, text in shown}
    for place, (option, (_, text)) in enumerate(zip(options, shown, strict=True)):
        without_brackets = re.sub(r"\s*\([^)]*\)", "", text).strip() or text
        same = phrases.SAME_AS.get(text.casefold(), ()) if {"yes", "no"} <= plain else ()
        for wording in (option, text, without_brackets, *same):
            low = cleaning.words(cleaning.lower(cleaning.even(wording)))
            for one in (low, *_reworded(low)):
                options_of.setdefault(one, set()).add(place)
    unique = [(next(iter(places)), wording) for wording, places in options_of.items() if len(places) == 1 and wording]
    return tuple(sorted(unique, key=lambda pair: (-len(pair[1]), pair[0])))


def _reworded(words: str) -> Iterator[str]:
    """Write a range in other words: "30 to 49" as "between 30 and 49", "65 or more" as "over 65"."""
    for pattern, others in _RANGES:
        match = re.fullmatch(pattern, words)
        yield from (other.format(*match.groups()) for other in others if match)


def _pattern(wording: str) -> re.Pattern[str]:
    between = r"[\s,.$/&'()-]{1,3}"
    words = between.join(map(_word_pattern, wording.split()))
    words = re.sub(r"(?<=\d)\[.{1,30}\}to\[.{1,30}\}(?=\d)", lambda _: r"\s*(?:to|-)\s*\$?", words)
    words = words.replace(f"{between}not", rf"(?:n't|{between}not)")
    return re.compile(rf"(?<![\w$])(?<!\w-)\$?{words}(?!\w|-\w|'\w)")


def _word_pattern(word: str) -> str:
    if word.isdigit():
        # Thousands are written with and without a comma.
        return re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",?", word)
    return re.escape(word).replace("'", "'?")


def _labels(options: Sequence[str], shown: Sequence[Option]) -> dict[str, int]:
    labels = {letter: place for place, letter in zip(range(len(options)), string.ascii_uppercase, strict=False)}
    if shown and not shown[0].label.isalpha():
        labels |= {option.label: place for place, option in enumerate(shown)}
    elif not any(character.isdigit() for option in options for character in option):
        labels |= {str(place + 1): place for place in range(len(options))}
    elif len({_NUMBER.sub("", option).strip().rstrip("s") for option in options}) == 1:  # 1 star, 2 stars
        labels |= {f"{float(n):g}": place for place, option in enumerate(options) for n in _NUMBER.findall(option)}
    return labels
