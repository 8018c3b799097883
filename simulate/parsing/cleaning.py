"""What a model wrote, brought to plain words: no thinking, no markdown, one spelling for what looks alike."""

from __future__ import annotations

import json
import re
import unicodedata


def spoken(text: str) -> tuple[str, bool]:
    """Strip thinking; also say whether it never ended."""
    text = re.sub(r"<\|start\|>assistant(?=<\|channel\|>)", "", text)
    if "<|channel|>" in text:
        _, *final = re.split(r"<\|channel\|>\s*final\b[^<]*<\|message\|>", text)
        return (re.sub(r"<\|\w+\|>.*", "", final[-1], flags=re.DOTALL), False) if final else ("", True)
    # gpt-oss with its special tokens dropped: "analysisThe user asks ...assistantfinalB".
    if re.match(r"\s*analysis(?=[^\s:,.;])", text):
        _, found, said = text.rpartition("assistantfinal")
        return (said, False) if found else ("", True)
    text = re.sub(r"<\|?(?:im_end|end|eot_id|endoftext|end_of_turn)\|?>", "", text)
    names = r"(?:think|thinking|thought|reasoning|analysis|scratchpad)"
    text = re.sub(rf"<({names})>.*?</\1>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    # Some chat templates put the opening tag into the prompt.
    text = re.split(rf"</{names}>", text, flags=re.IGNORECASE)[-1]
    before, *unended = re.split(rf"<{names}>", text, maxsplit=1, flags=re.IGNORECASE)
    return before, bool(unended)


def sound(text: str) -> str:
    """Replace halves of characters, which no table and no request takes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u2039\u203a\u02bc`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2212", "-"),
        **dict.fromkeys("\u200b\u200c\u200d\ufeff\ufe0f", ""),
    }
)


def even(text: str) -> str:
    """Return one spelling for quotes, dashes, ranges and spaces; lines stay."""
    text = unicodedata.normalize("NFKC", text.replace("\u2026", "...")).translate(_SAME)
    text = re.sub(r"(?<=\d)\+(?!\d)", " or more", text)
    text = re.sub(r"(?<=\d)\s*[\u2013\u2014]\s*(?=\$?\d)", "-", text)
    text = re.sub(r"\s*[\u2013\u2014]\s*|(?<=\w)--+(?=\w)", " - ", text)
    text = "".join(character for character in text if unicodedata.category(character) not in ("So", "Cf", "Cs"))
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def lower(text: str) -> str:
    """Lower case, character by character, so that places in the text stay the same."""
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def words(low: str) -> str:
    """Keep the words of a text, one space apart; the range 30,000-59,999 reads as 30000 to 59999."""
    low = re.sub(r"(?<=\d),(?=\d{3})", "", low)
    low = re.sub(r"n't\b", " not", re.sub(r"(?<!\S)-(?=\d)", "minus ", low))
    low = re.sub(r"(?<=\d)\s*-\s*\$?(?=\d)", " to ", low)
    return " ".join(re.findall(r"\w+(?:'\w+)*", low))


def undecorated(text: str) -> str:
    """Strip markdown and the wrappers in which answers come."""
    text = re.sub(r"\\boxed\{(?:\\text\{)?([^{}]*)\}?\}", r"Answer: \1", text)
    text = re.sub(r"\$(?!\d)", "", text)
    text = re.sub(r"</?(?:answer|response|final|choice)>", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"\*+|__|~~|^'''\w*$|'''", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\s*(?:#+|>|[-\u2022])\s+", "", text, flags=re.MULTILINE)
    return "\n".join(line for line in (" ".join(line.split()) for line in text.splitlines()) if line)


def json_answer(text: str) -> str | None:
    """Return what a JSON object gives as its answer, if the text is one (in a fence or not, well formed or nearly)."""
    bare = re.sub(r"^\s*```\w*\s*|\s*```\s*$", "", text).strip()
    if not (bare.startswith("{") and bare.endswith("}")):
        return None
    keys = ("answer", "response", "choice", "option", "select", "letter", "label", "rating", "score", "value", "result")
    try:
        content = json.loads(bare)
    except (ValueError, RecursionError):
        found = re.findall(rf"[\"']?\w*(?:{'|'.join(keys)})\w*[\"']?\s*:\s*[\"']?([^\"'{{}},\n]+)", bare, re.IGNORECASE)
        return found[0] if len(found) == 1 else None
    if not isinstance(content, dict):
        return None
    values = [value for key, value in content.items() if any(word in key.casefold() for word in keys)]
    return str(values[0]) if len(values) == 1 and isinstance(values[0], str | int) else None
