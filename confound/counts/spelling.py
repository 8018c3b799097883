"""Labels that are written in several ways -> one; codes that stand for no answer -> Unknown; numbers -> plain numbers.

One arm that says "Dem." where the other says "Dem" is no drift, and -99 among answers from 1 to 5 is no answer. What is
plain is settled here and told; what only a person can decide is asked for (`--missing`, `--merge`, `--order`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from confound.counts import notations, scales
from confound.counts.alike import alike, folded, lettered, sorted_list, sorted_parts
from confound.counts.counting import UNKNOWN_CODE, Grouped
from confound.counts.notes import Note
from confound.counts.options import Options
from confound.counts.scales import MAX_ANSWERS, canonical, number_in
from confound.counts.totals import totals

SHOWN = 4
# What people write where there is no answer. Beside numbers it is taken for missing; beside words it may be an answer.
PLAIN_MISSING = frozenset(
    ("n/a", "na", "#n/a", "n.a", "null", "missing", "no answer", "no response", "refused", "error", "keine angabe")
)
WORDS_FOR_MISSING = PLAIN_MISSING.union(
    ("none", "nil", "refuse", "refused to answer", "dk", "skip", "skipped", "-", "--", "?", "declined"),
    ("prefer not to say", "prefer not to answer", "rather not say", "decline to answer", "not applicable", "invalid"),
    ("don't know", "dont know", "do not know", "not sure", "not answered", "unanswered", "blank", "idk", "inf", "-inf"),
    (".", "..", "...", "*", "nat", "(blank)", "(missing)", "(null)", "(none)", "nil", "void"),
    ("keine angabe", "k.a", "wei\u00df nicht", "weiss nicht", "ne sait pas", "nsp", "no sabe", "ns/nc", "no contesta"),
)
_POSITIVE = (7, 8, 9, 66, 77, 88, 97, 98, 99, 666, 777, 888, 997, 998, 999, 8888, 9998, 9999, 99999)
CODES_FOR_MISSING = frozenset((*_POSITIVE[1:], *(-code for code in (1, 2, 3, *_POSITIVE))))
FEWEST_WORDS, OFTEN = 4, 0.05  # of a sentence: its words, and a share of the answers that none has
FAR = 20.0  # times as far from the others as they are apart
SHORT_SCALE = 6  # its highest answer, beside which 8 and 9 are codes
LONG, SHORT = 60, 25  # letters: of a sentence, and of the labels it stands among


@dataclass(frozen=True, slots=True)
class Spelling:
    """How labels are to be written.

    Attributes
    ----------
    answers : dict
        (question, answer) -> the answer that it counts as, None for Unknown.
    arms, questions : dict
        Arm, or question -> the one that it counts as.
    notes : tuple of Note
    """

    answers: Mapping[tuple[str, str], str | None]
    arms: Mapping[str, str]
    questions: Mapping[str, str]
    notes: tuple[Note, ...]


def settled(grouped: Grouped, options: Options) -> Spelling:
    """Settle how the labels of a counted log are to be written."""
    arms, notes = _arms(grouped)
    questions = _questions(grouped, options)
    if questions:
        notes.append(Note("warning", f"Question {_pairs(questions)}: they differ in case alone."))
    for key, names in grouped.respelled.items():
        notes.append(Note("note", f"Column '{key}': characters that look the same count as one, in {_listed(names)}."))
    answers: dict[tuple[str, str], str | None] = {}
    with_role = {
        grouped.labels["question"][q] for q, role in totals(grouped, "question", "role")[0].T if role != UNKNOWN_CODE
    }
    for question, counts in _answers(grouped).items():
        if question not in with_role and options.role(question) is None:
            continue  # it is left out
        made = _Answers(question, counts, options)
        made.settle()
        answers |= {(question, old): new for old, new in made.written.items() if old != new}
        notes += made.notes
    return Spelling(answers, arms, questions, tuple(notes))


def _answers(grouped: Grouped) -> dict[str, Counter[str]]:
    """Count the answers to each question, Unknown left out."""
    found: dict[str, Counter[str]] = {}
    codes, counts = totals(grouped, "question", "response")
    for question, answer, n in zip(*codes.tolist(), counts.tolist(), strict=True):
        if answer != UNKNOWN_CODE:
            name = grouped.labels["question"][question]
            found.setdefault(name, Counter())[grouped.labels["response"][answer]] = n
    return found


def _arms(grouped: Grouped) -> tuple[dict[str, str], list[Note]]:
    """Merge arms that differ in case, blanks or a full stop alone."""
    labels = grouped.labels["arm"]
    (codes,), sizes = totals(grouped, "arm")
    counts = Counter({labels[code]: n for code, n in zip(codes.tolist(), sizes.tolist(), strict=True)})
    merged = {old: new for old, new in alike(counts, (), folded).items() if old != new}
    if {"0", "1", "false", "true"} >= set(counts) and len(counts) > 2:
        merged |= {name: number for name, number in (("false", "0"), ("true", "1")) if name in counts}
    return merged, [Note("warning", f"Arm {_pairs(merged)}: they differ in spelling alone.")] if merged else []


def _questions(grouped: Grouped, options: Options) -> dict[str, str]:
    """Merge questions that differ in case alone, and were not both asked of a persona in an arm."""
    labels = grouped.labels["question"]
    by_case: dict[str, list[str]] = {}
    for name in labels:
        by_case.setdefault(name.casefold(), []).append(name)
    merged: dict[str, str] = {}
    for names in [names for names in by_case.values() if len(names) > 1]:
        codes = [labels.index(name) for name in names]
        places = [
            set(zip(*(grouped.codes[k][grouped.codes["question"] == c] for k in HELD), strict=True)) for c in codes
        ]
        if not any(a & b for i, a in enumerate(places) for b in places[:i]):
            kept = next((name for name in names if options.role(name)), names[0])
            merged |= {name: kept for name in names if name != kept}
    return merged


HELD = ("study", "model", "iteration", "persona", "arm")


class _Answers:
    """The answers to one question, while it is settled how they are written."""

    def __init__(self, question: str, counts: Counter[str], options: Options) -> None:
        order, values = options.order_of(question)
        self.question = question
        self.counts = counts
        self.options = options
        self.written: dict[str, str | None] = {answer: answer for answer in counts}
        self.fixed = [name for text in [*(order or ()), *(values or ())] if (name := canonical(text)) is not None]
        self.notes: list[Note] = []

    def settle(self) -> None:
        """Go from what the user says to what is plain, and to what is only suspected."""
        self._said()
        if self._now() != set(self.fixed) & self._now():
            self._lists()
            self._numbers()
            self._write(alike(self._current(), self.fixed, folded), "they differ in spelling alone")
            self._write(lettered(self._current(), self.fixed), "the letter or number stands for the same answer")
            self._read_sentences()
            self._missing_words()
            self._numbers()  # they may have been hidden by words for missing
            self._missing_codes()
            self._sentences()

    def _now(self) -> set[str]:
        return {answer for answer in self.written.values() if answer is not None}

    def _current(self) -> Counter[str]:
        """Count the answers as they are written now."""
        counts: Counter[str] = Counter()
        for old, new in self.written.items():
            if new is not None:
                counts[new] += self.counts[old]
        return counts

    def _write(self, new: Mapping[str, str | None], reason: str = "") -> None:
        """Write answers otherwise, and say so where there is a reason."""
        changed = {old: name for old, name in new.items() if old != name}
        if not changed:
            return
        self.written = {old: changed.get(now, now) if now is not None else None for old, now in self.written.items()}
        if reason:
            words = {old: name for old, name in changed.items() if name is not None}
            self._note("warning", f"{_pairs(words)}: {reason}. To keep them apart, name all of them in --order.")

    def _note(self, level: str, message: str) -> None:
        self.notes.append(Note("warning" if level == "warning" else "note", message, question=self.question))

    def _said(self) -> None:
        """Do what the options say: which answers are missing, and which count as one."""
        codes = {name for code in self.options.missing if (name := canonical(code)) is not None}
        missing = {answer: None for answer in self._now() if answer in codes or folded(answer) in codes}
        if missing:
            n = sum(self.counts[answer] for answer in missing)
            self._note("note", f"--missing: {n:,} answers ({_listed(missing)}) count as Unknown.")
        self._write(missing)
        merged = self.options.merged.get(self.question, {})
        self._write({answer: merged[answer] for answer in self._now() if answer in merged})

    def _lists(self) -> None:
        """Write lists of chosen options in one order."""
        now = self._now()
        readers: list[Callable[[str], str | None]] = [sorted_list]
        readers += [partial(sorted_parts, separator=sign) for sign in ";|,"]
        for read in readers:
            new = {answer: read(answer) for answer in now}
            written = read is sorted_list
            held = {old: name for old, name in new.items() if name is not None}
            if not held or (written and len(held) < len(now)):
                continue
            if written or len(set(held.values())) < len(held):
                self._write({old: name for old, name in held.items() if old != name})
                if len(self._now()) < len(now):
                    self._note("note", "Its answers are lists of options; the order in a list does not count.")
                return

    def _numbers(self) -> None:
        """Read numbers that are written with a decimal comma, separated thousands, a unit, or as 7/10."""
        now = self._now()
        if all(notations.PLAIN.fullmatch(answer) for answer in now):
            self._ambiguous_points()
            return
        for words, read in notations.ALL.items():
            new = {answer: read(answer) for answer in now}
            if new and all(name is not None for name in new.values()):
                example = max((old for old, name in new.items() if old != name), key=len, default="")
                self._write({old: canonical(name) for old, name in new.items()})
                self._note("note", f"Its answers were read as numbers {words}, such as {example!r} as {new[example]}.")
                for doubt in notations.doubts(now):
                    self._note("warning", doubt)
                return

    def _ambiguous_points(self) -> None:
        if notations.may_be_thousands(self._now()):
            self._note(
                "warning",
                "Its answers hold whole numbers beside numbers with exactly three decimals, such as 1.234: they were "
                "read as decimals. If the point separates thousands, write the numbers without it.",
            )

    def _missing_words(self) -> None:
        """Take words for no answer, among numbers, for missing; ask about them among words."""
        failed = {a for a in self._now() if a.casefold().startswith("error") and a not in self.fixed}
        if failed and failed != self._now():
            self._missing(failed, "text of an error")
        counts = self._current()
        words = {answer for answer in counts if folded(answer) in WORDS_FOR_MISSING and answer not in self.fixed}
        rest = [answer for answer in counts if answer not in words]
        if not words or not rest:
            return
        scale = all(_looks_numeric(answer) for answer in rest) or bool(scales.in_words(rest))
        if scale and sum(counts[answer] for answer in rest) * 2 > sum(counts.values()):
            self._missing(words, "a usual word for it among the answers of a scale")
        elif plain := sorted(answer for answer in words if folded(answer) in PLAIN_MISSING):
            self._note(
                "warning",
                f"{_listed(plain)} may stand for no answer. It counts as an answer; {_codes(plain)} would count it as "
                "Unknown.",
            )

    def _missing_codes(self) -> None:
        """Take a usual code for missing that lies far off the scale for what it is; ask about one nearer."""
        counts = self._current()
        numbers = {answer: number_in(answer) for answer in counts}
        if any(number is None for number in numbers.values()):
            return
        given = {answer: number for answer, number in numbers.items() if number is not None}
        codes = {
            a
            for a, x in given.items()
            if x in CODES_FOR_MISSING and notations.PLAIN.fullmatch(a) and a not in self.fixed
        }
        while codes:  # a number such as 99 may be an answer where others are as large
            rest = [x for a, x in given.items() if a not in codes]
            if len(rest) < 2:
                return
            low, high = min(rest), max(rest)
            inside = {a for a in codes if low <= given[a] <= high}
            if not inside:
                break
            codes -= inside
        self._outliers(given, codes)
        if not codes or sum(counts[a] for a in codes) * 2 > sum(counts.values()):
            return
        far = {a for a in codes if max(low - given[a], given[a] - high) > max(high - low, 5)}
        if far:
            self._missing(far, f"a usual code for it, far off the other answers ({low:g} to {high:g})")
        near = [a for a in codes - far if given[a] < 0 <= low and not {0.0, -given[a]} <= set(rest)]
        if low >= 1 and high <= SHORT_SCALE:  # 8 and 9 beside answers from 1 to 5
            near += [a for a in codes - far if given[a] > high + 1]
        near.sort()
        if near:
            self._note(
                "warning",
                f"The answer {_listed(near)} may be a code for no answer: the others go from {low:g} to {high:g}. It "
                f"counts as it is; {_codes(near)} would count it as Unknown.",
            )

    def _outliers(self, given: Mapping[str, float], codes: Collection[str]) -> None:
        """Point to a number that lies far off all others, which may be an error of typing or of reading."""
        rest = {answer: x for answer, x in given.items() if answer not in codes}
        if not 2 < len(rest) <= MAX_ANSWERS:
            return
        ordered = sorted(rest.values())
        for end, inner in ((ordered[-1], ordered[-2]), (ordered[0], ordered[1])):
            width = (ordered[-2] - ordered[0]) if end == ordered[-1] else (ordered[-1] - ordered[1])
            if abs(end - inner) > FAR * max(width, 1):
                self._note(
                    "warning", f"The answer {end:g} lies far off all others. It counts, and moves a mean by much."
                )

    def _missing(self, answers: Collection[str], where: str) -> None:
        n = sum(self._current()[answer] for answer in answers)
        listed = _listed(sorted(answers))
        self._write(dict.fromkeys(answers))
        self._note(
            "warning",
            f"{_times(n)} ({listed}) {'was' if n == 1 else 'were'} taken for no answer: {where}. To count "
            f"{'it as one' if n == 1 else 'them as answers'}, name all answers in --order or in a study file.",
        )

    def _read_sentences(self) -> None:
        """Read sentences as one of the options, where these are given; one that cannot be read is Unknown."""
        counts = self._current()
        often = max(1, OFTEN * sum(counts.values()))  # what is said so often is an option that was forgotten
        strange = [a for a in counts if a not in self.fixed and len(a.split()) >= FEWEST_WORDS and counts[a] <= often]
        if len(self.fixed) < 2 or not strange:
            return
        from simulate.parsing.answers import parse

        read = {answer: parse(answer, self.fixed).option for answer in strange}
        n, unread = (sum(counts[a] for a in strange if (read[a] is None) == lost) for lost in (False, True))
        self._write(read)
        self._note(
            "warning",
            f"{n:,} answers in sentences were read as one of its options; {unread:,} could not be read: Unknown.",
        )

    def _sentences(self) -> None:
        """Warn of sentences among short labels: an engine that declines, or an answer that was not read."""
        counts = self._current()
        long = sorted((answer for answer in counts if len(answer) > LONG), key=lambda answer: -counts[answer])
        short = [answer for answer in counts if len(answer) <= SHORT]
        if long and len(short) > 1 and 2 * sum(counts[answer] for answer in short) > sum(counts.values()):
            n = sum(counts[answer] for answer in long)
            self._note(
                "warning",
                f"{n:,} answers are sentences among short answers, such as {long[0][:LONG]!r}: text that was not read, "
                "or a refusal. They count as answers of their own. --merge or --missing says what they are.",
            )


def _times(n: int) -> str:
    return "1 answer" if n == 1 else f"{n:,} answers"


def _looks_numeric(answer: str) -> bool:
    return number_in(answer) is not None or any(read(answer) is not None for read in notations.ALL.values())


def _pairs(names: Mapping[str, str]) -> str:
    """Write which labels count as which."""
    said = [f"{old[:LONG]!r} counts as {new[:LONG]!r}" for old, new in sorted(names.items())]
    more = f", and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    return ", ".join(said[:SHOWN]) + more


def _listed(names: Iterable[str]) -> str:
    given = sorted(names)
    return ", ".join(repr(name[:SHORT]) for name in given[:SHOWN]) + (", ..." if len(given) > SHOWN else "")


def _codes(names: Sequence[str]) -> str:
    return " ".join(f"--missing {name!r}" for name in names[:SHOWN])
