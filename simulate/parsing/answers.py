"""Free text to one of the options, or Unknown with a reason. A wrong option is worse than Unknown: nothing is guessed.

What counts as an answer, from strong to weak: a label or an option that is the whole text, stands at its start, in
bold, in brackets, on the last line or after words such as "my answer is"; else a sentence of the speaker's own that
names exactly one option and does not deny it, hedge it, tell it of somebody else or of the past.
"""

from __future__ import annotations

import functools
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from confound.errors import ConfoundError
from simulate.parsing import cleaning, phrases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REASONS = ("refused", "ambiguous", "blocked", "empty", "truncated")
BLOCKED = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "blocked"}
CUT_OFF = {"length", "max_tokens"}

# An answer, not an essay; also bounds the time that the patterns take.
MAX_CHARACTERS = 4_000
MAX_NAMED = 25
TELLING_LETTERS = 6

_OWN_NUMBER = re.compile(r"\(?(\d{1,2})\s*(?:[-\u2013\u2014:.)=]\s*)+(?=[^\W\d])(.+)", re.DOTALL)


class Option(NamedTuple):
    """An option as it is shown.

    Attributes
    ----------
    label : str
        Its own number if all options carry one ("1 - Very unlikely"), else a letter by its place: A, B, C, ...
    text : str
        The option without that number.
    """

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an answer comes to.

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


def labelled(options: Sequence[str]) -> tuple[Option, ...]:
    """Return the options with the labels under which they are shown."""
    numbered = [_OWN_NUMBER.fullmatch(option.strip()) for option in options]
    if options and all(numbered) and len({match[1] for match in numbered if match}) == len(options):
        return tuple(Option(match[1], match[2].strip()) for match in numbered if match)
    return tuple(Option(letter, option) for letter, option in zip(string.ascii_uppercase, options, strict=False))


def parse(text: str | None, options: Sequence[str], *, finish_reason: str | None = None) -> Parsed:
    """Read an answer.

    Parameters
    ----------
    text : str or None
        What the model wrote, thinking included.
    options : sequence of str
        The options in the order shown.
    finish_reason : str or None
        Why the model stopped, as the backend says it: `stop`, `length`, `content_filter`, `SAFETY`, ...

    Returns
    -------
    Parsed
        The option, or the reason of an Unknown: `blocked` by a filter; `empty`; `truncated` before an answer was
        clear; `refused`; `ambiguous`, where none or several options are named, or one not clearly enough.
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


# Answers to one question are few and short, and a run reads a million of them.
@functools.lru_cache(maxsize=100_000)
def _read(spoken: str, options: tuple[str, ...], cut: bool) -> Parsed:
    return _Reader(options).read(spoken, cut=cut)


class _Span(NamedTuple):
    start: int
    end: int
    option: int


class _Reader:
    """Reads answers to one set of options."""

    def __init__(self, options: tuple[str, ...]) -> None:
        self.options = options
        self.shown = labelled(options)
        self.bodies, self.patterns, self.labels = _compiled(options)

    def read(self, spoken: str, *, cut: bool) -> Parsed:
        value = cleaning.json_answer(spoken)
        if value is not None:
            spoken = value
        text = cleaning.even(spoken)
        bold = self._emphasised(text)
        text = cleaning.undecorated(self._without_asides(text))
        whole = self._whole(text)
        if whole is not None:
            return self._unknown("truncated") if cut and self._may_go_on(text) else self._known(whole)
        if cut:
            head = self._head(text)
            clear = len(head) == 1 and self._finished_head(text)
            return self._known(min(head)) if clear else self._unknown("truncated")
        return self._weigh(text, bold)

    def _weigh(self, text: str, bold: set[int]) -> Parsed:
        """Hold the strong signs of an answer against each other, then against what else is mentioned."""
        low = cleaning.lower(text)
        ai, declines = phrases.IS_AI.search(low), phrases.DECLINES.search(self._masked(low))
        head, labels = self._head(text), self._labels(text)
        if not labels and head and (ai or (declines and all(map(self._said_in_passing, head)))):
            return self._unknown("refused")
        lines = self._lines(text)
        strong = labels | bold | head | (lines if len(lines) == 1 or not labels else set())
        if not strong and (ai or declines):
            return self._unknown("refused")
        mentions = self._mentions(text)
        if len(strong) == 1:
            (answer,) = strong
            firmly = labels or bold or lines
            changed = self._changed(answer, text, low)
            contrary = (mentions and answer not in mentions) if firmly else self._but_other(answer, low)
            return self._unknown("ambiguous") if changed or contrary else self._known(answer)
        if strong or len(mentions) != 1:
            return self._unknown("ambiguous")
        return self._known(next(iter(mentions)))

    def _changed(self, answer: int, text: str, low: str) -> bool:
        """Say whether another option follows on words such as "wait", or a Yes on a No."""
        change = phrases.CHANGES.search(low)
        if change:
            named = {span.option for span in self._spans(low)}
            labels = phrases.LONE_LABEL.findall(text, change.end())
            return bool((named | {self.labels[label] for label in labels if label in self.labels}) - {answer})
        if not self._said_in_passing(answer):
            return False
        flat = r"[.,;!?-]\s*(?:well,? |but |oh,? )*(?:{})\s*(?:[.,;!?]|$)"
        return any(o != answer and re.search(flat.format(p.pattern), low) for o, p in self.patterns)

    def _but_other(self, answer: int, low: str) -> bool:
        """Say whether a "but" brings in a word of another option: "Married, but we're separated"."""
        but = phrases.BUT.search(low)
        if not but or phrases.OTHERS.search(but[1]) or phrases.DENIES.search(but[1]):
            return False
        own = next((wording for option, wording in self.bodies if option == answer), "").split()
        theirs = {word for option, wording in self.bodies if option != answer for word in wording.split()}
        telling = {word for word in theirs - set(own) if len(word) >= TELLING_LETTERS}
        return not telling.isdisjoint(cleaning.words(but[1]).split())

    def _lines(self, text: str) -> set[int]:
        """Return the options that are a line of their own, or the last sentence."""
        *_, last = re.split(r"(?<=[.!?])\s", text)
        found = {self._whole(line) for line in (*text.splitlines(), last)}
        return {option for option in found if option is not None}

    def _known(self, option: int) -> Parsed:
        return Parsed(self.options[option], None)

    def _unknown(self, reason: str) -> Parsed:
        return Parsed(None, reason)

    def _whole(self, text: str) -> int | None:
        """Return the option that the text is, and nothing else: "B", "(b)", "B. Unlikely", "Unlikely (B)"."""
        low = cleaning.lower(text).strip(" .!\"',:;")
        found = self._bare(low)
        lead = phrases.ANSWER_LEAD.match(low)
        return self._bare(low[lead.end() :].strip(" .!\"',:;")) if found is None and lead else found

    def _bare(self, low: str) -> int | None:
        body = self._body(low)
        if body is not None:
            return body
        label = re.fullmatch(r"[(\[\"']*([a-z]|\d{1,2}(?:\.0)?)[)\]\"']*[.:]?", low)
        if label:
            return self.labels.get(label[1].removesuffix(".0").upper())
        first = re.fullmatch(r"[(\[\"']*([a-z]|\d{1,2})[)\]\"']*\s*[.:)=,-]*\s+(.+)", low)
        if first and first[1].upper() in self.labels and self._body(first[2]) == self.labels[first[1].upper()]:
            return self.labels[first[1].upper()]
        after = re.fullmatch(r"(.+?)\s*[(\[]([a-z]|\d{1,2})[)\]]", low)
        if after and after[2].upper() in self.labels and self._body(after[1]) == self.labels[after[2].upper()]:
            return self.labels[after[2].upper()]
        return self.labels.get(str(phrases.NUMBERS.index(low) + 1)) if low in phrases.NUMBERS else None

    def _body(self, low: str) -> int | None:
        words = cleaning.words(low)
        return next((option for option, body in self.bodies if body == words), None)

    def _may_go_on(self, text: str) -> bool:
        """Say whether a text that was cut off could have become another answer ("Very", "1", "Some")."""
        low = cleaning.lower(text).rstrip()
        if low.endswith((".", ")", "!", "\n")):
            return False
        words = cleaning.words(low)
        return words.isdigit() or not re.fullmatch(r"\W*[a-z]\W*", low)

    def _finished_head(self, text: str) -> bool:
        """Say whether what follows the head of a text that was cut off begins a new sentence."""
        return bool(re.match(r"[^.!\n]{1,80}?(?:[.!)]\s|\n)", text)) or "\n" in text

    def _head(self, text: str) -> set[int]:
        """Return the option with which the text begins and which then ends, by punctuation or a reason.

        Two where label and wording disagree ("B. Republican"), none where no option stands there.
        """
        for _ in range(4):
            found = self._label_head(text) or self._body_head(text)
            lead = phrases.LEAD.match(text)
            if found or not lead:
                return found
            text = text[lead.end() :]
        return set()

    def _label_head(self, text: str) -> set[int]:
        match = phrases.LABEL_HEAD.match(text)
        label = match["label"] if match else ""
        if not match or label.upper() not in self.labels:
            return set()
        option, rest = self.labels[label.upper()], text[match.end() :]
        bracketed, separator = bool(match["close"].strip("\"'")), match["sep"].strip()
        own = self._begins_with(rest.lstrip(" -:."))
        if own is not None:
            # "a Democrat" is no label with an option beside it.
            article = label == "a" and not bracketed and not separator
            return set() if article or self._enumerates(label, text) else {option, own}
        if not (bracketed or separator or match["sep"] == "" or phrases.REASON.match(cleaning.lower(rest))):
            return set()
        if not bracketed and (label.islower() or label == "I" or (label == "A" and separator == ":")):
            return set()
        also = phrases.AND_OTHERS.match(cleaning.lower(rest))
        more = re.match(r"\s*(?:[A-HJ-Z](?![\w'])|\d)", rest[also.end() :] if also else rest)
        if more or re.match(rf"\s*{phrases.OR_OTHERS}", rest, re.IGNORECASE):
            return set()
        return set() if self._enumerates(label, text) else {option}

    def _enumerates(self, label: str, text: str) -> bool:
        """Say whether labels only number what is said: "1. I have no time. 2. ...", "A. Yes B. No"."""
        marks = re.findall(r"(?<![\w'])[(\[]?([A-Za-z]|\d{1,2})(?:[)\]]|[.:])(?=\s)", text)
        return any(mark.upper() in self.labels and mark.upper() != label.upper() for mark in marks)

    def _body_head(self, text: str) -> set[int]:
        low = cleaning.lower(text)
        option, end = next(((o, m.end()) for o, p in self.patterns if (m := p.match(low))), (0, 0))
        rest = low[end:]
        few_of = self._said_in_passing(option) and rest.startswith(" of ")
        ends = phrases.ENDS_HEAD.match(rest) or phrases.REASON.match(rest) or few_of
        others = re.match(rf"[\s,;]*{phrases.OR_OTHERS}|\s*\?", rest)
        also = phrases.AND_OTHERS.match(rest)
        if not end or not ends or others or (also and self._begins_with(rest[also.end() :]) is not None):
            return set()
        label = re.match(r"\s*\(([a-z]|\d{1,2})\)", rest)
        return {option, self.labels.get(label[1].upper(), option)} if label else {option}

    def _begins_with(self, text: str) -> int | None:
        low = cleaning.lower(text)
        return next((option for option, pattern in self.patterns if pattern.match(low)), None)

    def _labels(self, text: str) -> set[int]:
        """Return the options given by label anywhere: "I'd pick B", "my answer is (C)", "(D)"; all where several."""
        low = phrases.HARMLESS.sub(lambda match: phrases.MASK * len(match.group()), cleaning.lower(text))
        found = set()
        given = (*phrases.SAYS.finditer(text), *phrases.BRACKETED.finditer(text))
        for match in given[:MAX_NAMED]:
            place = _Span(match.start("label"), match.end("label"), -1)
            if match["label"] in self.labels and match["label"] != "I" and _own_words(place, low):
                found.add(self.labels[match["label"]])
        if found:
            others = (*phrases.OTHER_BRACKETED.findall(text), *phrases.ALSO.findall(text))
            found |= {self.labels[other.upper()] for other in others if other.upper() in self.labels and other != "I"}
        return found

    def _emphasised(self, text: str) -> set[int]:
        """Return the options in bold."""
        spans = (re.findall(r"\*\*(.+?)\*\*", text) + re.findall(r"__(.+?)__", text)) if len(text) > 1 else []
        found = {self._whole(cleaning.undecorated(span)) for span in spans}
        return {option for option in found if option is not None}

    def _without_asides(self, text: str) -> str:
        """Drop stage directions: "*shrugs* Probably B"; emphasis stays."""

        def kept(match: re.Match[str]) -> str:
            inside = match[1]
            named = self._whole(inside) is not None or any(p.search(cleaning.lower(inside)) for _, p in self.patterns)
            return match.group() if named else " "

        text = re.sub(r"(?<!\*)\*(?!\*)([^*\n]+)\*(?!\*)", kept, text)
        return re.sub(r"^\s*[(\[]([^)\]\n]{3,60})[)\]]", kept, text).strip()

    def _said_in_passing(self, option: int) -> bool:
        return cleaning.words(cleaning.lower(self.shown[option].text)) in phrases.IN_PASSING

    def _spans(self, low: str) -> list[_Span]:
        """Find where options are named; of options within each other only the longest."""
        taken: list[_Span] = []
        for option, pattern in self.patterns:
            for match in pattern.finditer(low):
                if not any(match.start() < span.end and span.start < match.end() for span in taken):
                    taken.append(_Span(match.start(), match.end(), option))
        return taken

    def _masked(self, low: str) -> str:
        """Blank out the options named, so that their own words ("Not a member") are not taken for the speaker's."""
        for start, end, _ in self._spans(low):
            low = low[:start] + phrases.MASK * (end - start) + low[end:]
        return phrases.HARMLESS.sub(lambda match: phrases.MASK * len(match.group()), low)

    def _mentions(self, text: str) -> set[int]:
        """Return the options that sentences of the speaker's own give as theirs."""
        low = cleaning.lower(text)
        masked, spans = self._masked(low), self._spans(low)
        if len(spans) > MAX_NAMED:
            return {span.option for span in spans}
        found = {span.option for span in spans if self._in_earnest(span, text, low, masked)}
        return found | set(self._by_frequency(low))

    def _by_frequency(self, low: str) -> Iterator[int]:
        """Find "I never go": a word that says nothing in passing, but everything as the adverb of one's own habit."""
        for option, shown in enumerate(self.shown):
            word = cleaning.words(cleaning.lower(shown.text))
            if word in phrases.FREQUENCY and re.match(rf"(?:\w+, )?i {word} {phrases.HABITS}", low):
                yield option

    def _in_earnest(self, span: _Span, text: str, low: str, masked: str) -> bool:
        """Say whether a clause is the speaker's own plain statement of an option, and nothing speaks against it."""
        start, stop = _around(phrases.CLAUSE, masked, span)
        before, after = masked[start : span.start], masked[span.end : stop]
        named = low[span.start : span.end]
        if self._said_in_passing(span.option) or not _own_words(span, masked) or _part_of_name(text, span):
            return False
        if any(_undenied(rival, masked) for rival in self._rivals(span, low, masked)):
            return False
        if named.endswith("likely"):
            of_self = phrases.OWN.fullmatch(before) and phrases.LIKELY_TO.match(after)
            of_it = phrases.IT_IS.fullmatch(before) and (phrases.THAT_I.match(after) or re.match(r"\s*(?:$|,)", after))
            return bool(of_self or of_it) and not phrases.WILL_NOT.search(after)
        if named == "independent" and phrases.FREE_OF_PARTY.match(after):
            return False
        if phrases.BARE.fullmatch(before):
            return bool(phrases.GOES_ON.match(after) and not phrases.TRAILS.match(after))
        place = phrases.OWN_PLACE.fullmatch(before) and (text[span.start].isupper() or " " in named)
        if not (place or phrases.OWN.fullmatch(before)) or not phrases.GOES_ON.match(after):
            return False
        return " been " not in before or bool(phrases.EVER_SINCE.search(before + after))

    def _rivals(self, span: _Span, low: str, masked: str) -> Iterator[_Span]:
        """Find the other options named in the sentence, but for those of other people and of the past."""
        begins, ends = _around(phrases.SENTENCE, masked, span)
        for other in self._spans(low):
            start, stop = _around(phrases.CLAUSE, masked, other)
            clause = masked[start:stop]
            elsewhere = stop <= span.start or start >= span.end
            bygone = elsewhere and bool(phrases.OTHERS.search(clause) or phrases.PAST.search(clause))
            if begins <= other.start < ends and other.option != span.option and not bygone:
                yield other


def _around(boundary: re.Pattern[str], masked: str, span: _Span) -> tuple[int, int]:
    """Return where the clause or sentence around a span begins and ends."""
    after = boundary.search(masked, span.end)
    start = max((match.end() for match in boundary.finditer(masked, 0, span.start)), default=0)
    return start, after.start() if after else len(masked)


def _undenied(span: _Span, masked: str) -> bool:
    start, _ = _around(phrases.CLAUSE, masked, span)
    return not phrases.DENIES.search(masked, start, span.start)


def _own_words(span: _Span, masked: str) -> bool:
    """Say whether the words before a span leave it the speaker's own: not denied, another's, past, if or a question."""
    start, _ = _around(phrases.CLAUSE, masked, span)
    begins, ends = _around(phrases.SENTENCE, masked, span)
    before = masked[start : span.start]
    if phrases.IF.search(masked, begins, ends) or masked[ends : ends + 1] == "?":
        return False
    laws = re.search(r"\bthey (?:should|ought)\b", before)
    told = (phrases.OTHERS.search(before) and not laws) or phrases.PAST.search(before)
    together = masked[:start].endswith("and ") and phrases.OTHERS.search(masked, begins, start)
    return _undenied(span, masked) and not told and not together


@functools.lru_cache(maxsize=1024)
def _compiled(
    options: tuple[str, ...],
) -> tuple[tuple[tuple[int, str], ...], tuple[tuple[int, re.Pattern[str]], ...], dict[str, int]]:
    """Return the options' wordings, patterns that find them (longest first), and what each label stands for."""
    shown = labelled(options)
    wordings: dict[str, set[int]] = {}
    for number, (option, (_, body)) in enumerate(zip(options, shown, strict=True)):
        without_brackets = re.sub(r"\s*\([^)]*\)", "", body).strip() or body
        for wording in (option, body, without_brackets):
            low = cleaning.lower(cleaning.even(wording))
            wordings.setdefault(cleaning.words(low), set()).add(number)
    # A short form that two options share names neither.
    bodies = [(next(iter(numbers)), wording) for wording, numbers in wordings.items() if len(numbers) == 1 and wording]
    bodies.sort(key=lambda pair: (-len(pair[1]), pair[0]))
    between = r"[\s,$/&'()-]{1,3}"
    patterns = [
        (number, re.compile(rf"(?<![\w$])(?<!\w-)\$?{between.join(map(_word_pattern, wording.split()))}(?!\w|-\w|'\w)"))
        for number, wording in bodies
        if not wording.isdigit()
    ]
    labels = {letter: number for number, letter in zip(range(len(options)), string.ascii_uppercase, strict=False)}
    numbered = not shown[0].label.isalpha() if shown else False
    if numbered:
        labels |= {option.label: number for number, option in enumerate(shown)}
    elif not any(character.isdigit() for option in options for character in option):
        labels |= {str(number + 1): number for number in range(len(options))}
    return tuple(bodies), tuple(patterns), labels


def _word_pattern(word: str) -> str:
    if word.isdigit():
        # Thousands are written with and without a comma.
        return re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",?", word)
    return re.escape(word).replace("'", "'?")


def _part_of_name(text: str, span: _Span) -> bool:
    """Say whether a named option is part of a name: "South Dakota", "West Virginia"."""
    after = re.match(r" ([A-Z]\w+)", text[span.end :])
    return bool(text[span.start].isupper() and after and after[1] not in ("I", "I'm") and text[span.end - 1] != ".")
