"""Files with something wrong: bytes, cells and values of sound ones, changed at random but the same every time."""

import copy
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

HOSTILE = (
    *("", " ", "NaN", "nan", "inf", "-inf", "1e400", "1e308", "-99", "0", "-0", "00", "+5", "\u22123", "1,5", "1_000"),
    *("9" * 400, "0x10", "\u0661", "\uff19", "null", "None", "true", "False", "{}", "[]", '{"a": [1]}', "\x00", "\r"),
    *("\r\n", "\t", '"', "'", '""', "\\", "\ufeff", "\u202e", "\u2028", "\u200b", "a\u0301", "=1+1", "(all)"),
    *("(all arms)", "Unknown", "persona", "arm", "response", "_confound_row", "value", "iteration", "weight", "P_a"),
    *("x" * 3000, "$\\frac{", "%s", "{0}", "{{ 1 }}", "..", "/", "~", "*", "--", "#", "\U0001f600", "2026-01-01"),
    *("a;b", "a,b", "a|b", "Dem / p1", "Dem, control", "N/A", "-1", "1e-320", "1e17", "9007199254740993"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 2**70, 0.5, -0.0, 1e308, 5e-324, "", "x", "\ud800", "\x00"),
    *([], {}, [[]], [None], {"": None}, [1, "a"], {"a": {"b": {}}}, "NaN", "inf", "-inf", "1", "x" * 3000, "\u202e"),
    *("object", "int64", "datetime64[ns]", "category", "complex128", "V8", "S10", "Sparse[int]", "timedelta64[s]"),
    *("float16", "Int64", "boolean", "string", "str", "period[M]", "interval", "float64,float64", "O", "f8", "M8[Y]"),
)
BYTES = (
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\n",
    b"\r",
    b'"',
    b",",
    b"\t",
    b";",
    b"{",
    b"]",
    b":",
    b"-",
    b"&a ",
)


def some_bytes(content: bytes, rng: random.Random) -> bytes:
    """Change a few bytes: others in their place, more, fewer, parts doubled, moved or cut off."""
    held = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if not held:
            break
        at, size = rng.randrange(len(held)), rng.choice((1, 1, 2, 8, 64, 500))
        change = rng.randrange(6)
        if change == 0:
            held[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            held[at:at] = rng.choice(BYTES)
        elif change == 2:
            del held[at : at + size]
        elif change == 3:
            held[at:at] = held[at : at + size]
        elif change == 4:
            part, to = held[at : at + size], rng.randrange(len(held))
            held[to : to + len(part)] = part
        else:
            del held[at if rng.random() < 0.3 else len(held) - min(size, at) :]
    return bytes(held)


def cells(content: bytes, rng: random.Random) -> bytes:
    """Change a few cells of a CSV file, or whole rows or columns of it."""
    rows = [line.split(",") for line in content.decode().split("\n")]
    for _ in range(rng.choice((1, 1, 2, 6))):
        row, change = rng.choice(rows), rng.randrange(8)
        if change <= 2:
            row[rng.randrange(len(row))] = rng.choice(HOSTILE)
        elif change == 3:
            rows[0][rng.randrange(len(rows[0]))] = rng.choice(HOSTILE)
        elif change == 4:
            rows.insert(rng.randrange(len(rows)), list(row))
        elif change == 5:
            place, word = rng.randrange(len(rows[0])), rng.choice(HOSTILE)
            for each in rows[1:]:
                if place < len(each) and rng.random() < 0.5:
                    each[place] = word
        elif change == 6:
            rows.remove(row)
            rows = rows or [[""]]
        else:
            row.insert(rng.randrange(len(row) + 1), rng.choice(HOSTILE))
    return "\n".join(map(",".join, rows)).encode("utf-8", "surrogatepass")


def values(held: Any, rng: random.Random) -> Any:
    """Change a few values of a JSON document (in place), at any depth: another, none, two, or under another name."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        place, key = _place(held, rng)
        if place is None:
            return copy.deepcopy(rng.choice(VALUES))
        change = rng.randrange(6)
        if change <= 2:
            place[key] = copy.deepcopy(rng.choice((*VALUES, *HOSTILE)))  # lists among them may be changed next
        elif change == 3:
            del place[key]
        elif change == 4:
            other, its = _place(held, rng)
            place[key] = json.loads(json.dumps(other[its] if other else None))
        elif isinstance(place, dict):
            place[rng.choice(HOSTILE)] = place.pop(key)
        else:
            place.append(place[key])
    return held


def _place(held: Any, rng: random.Random) -> tuple[Any, Any]:
    """Choose a container within a document and one of its keys; nothing where there is none."""
    found: tuple[Any, Any] = (None, None)
    while isinstance(held, dict | list) and held:
        key = rng.choice(list(held) if isinstance(held, dict) else range(len(held)))
        found, held = (held, key), held[key]
        if rng.random() < 0.15:
            break
    return found


def document(content: bytes, rng: random.Random) -> bytes:
    """Change values of one JSON document."""
    return json.dumps(values(json.loads(content), rng)).encode("utf-8", "surrogatepass")


def lines(content: bytes, rng: random.Random) -> bytes:
    """Change values of some lines of JSON."""
    held = content.decode().splitlines()
    for _ in range(rng.choice((1, 2, 8))):
        place = rng.randrange(len(held))
        held[place] = json.dumps(values(json.loads(held[place]), rng)) if held[place].startswith("{") else held[place]
    return "\n".join(held).encode("utf-8", "surrogatepass")


def sealed(content: bytes, rng: random.Random) -> bytes:
    """Change values of some lines of a journal, and give them their checksums."""
    held = content.splitlines()
    for _ in range(rng.choice((1, 1, 2))):
        place = rng.randrange(len(held))
        text = document(held[place][9:], rng)
        held[place] = b"%08x %s" % (zlib.crc32(text), text)
    return b"\n".join(held) + b"\n"


ESCAPED = (  # what YAML makes of them is not what they look like
    '"\\ud83d\\ude00"',
    '"\\x1b[2J"',
    '"\\0"',
    "&a [*a]",
    "!!python/object:os.system",
    "9" * 5000,
    "1e999",
    ".inf",
    "2026-01-01",
)


def yaml_text(content: bytes, rng: random.Random) -> bytes:
    """Change words, indents and lines of a YAML file."""
    held = content.decode().splitlines()
    for _ in range(rng.choice((1, 1, 2, 4))):
        place, change = rng.randrange(len(held)), rng.randrange(6)
        key, colon, text = held[place].partition(":")
        if change <= 1 and colon:
            held[place] = f"{key}: {rng.choice((text, *HOSTILE, *ESCAPED, *ESCAPED, *map(str, VALUES)))}"
        elif change == 2:
            held[place] = f"{rng.choice(HOSTILE)}{colon}{text}"
        elif change == 3:
            held[place] = " " * rng.randrange(6) + held[place].lstrip()
        elif change == 4:
            held.insert(rng.randrange(len(held)), held[place])
        elif len(held) > 1:
            del held[place]
    return "\n".join(held).encode("utf-8", "surrogatepass")


def one_of(*ways: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    """Return a way that is each time one of several, or a few bytes changed."""
    return lambda content, rng: rng.choice((*ways, some_bytes))(content, rng)
