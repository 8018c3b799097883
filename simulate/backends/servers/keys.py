"""Keys of servers: which variable holds the key of which address, and their removal from whatever a server says."""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from confound.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A shorter text could occur anywhere by chance, and is no key.
SHORTEST_KEY = 8
BLOT = "[key]"


def key_in(variables: Iterable[str]) -> str | None:
    """Return the first key that one of these environment variables holds."""
    return next((key for name in variables if (key := os.environ.get(name, "").strip())), None)


def keys_of(urls: tuple[str, ...], named: tuple[str, ...], usual: tuple[str, ...], home: str) -> list[str | None]:
    """Return the key of each address; without addresses, that of the provider itself.

    Parameters
    ----------
    urls : tuple of str
    named : tuple of str
        Variables that hold the keys: one for each address, or one for all.
    usual : tuple of str
        Variables of the provider's own key, which goes to the provider's own hosts alone.
    home : str
        The domain of those hosts.

    Raises
    ------
    InputError
        When the numbers do not go together, or a variable that was named is empty.
    """
    if named and len(named) not in (1, len(urls) or 1):
        raise InputError(
            f"--key-env: {len(named)} variables for {len(urls)} addresses; name one for each, or one for all"
        )
    for name in named:
        if key_in((name,)) is None:
            raise InputError(f"--key-env {name}: there is no such variable in the environment, or it is empty")
    if named:
        return [key_in((named[place % len(named)],)) for place in range(max(1, len(urls)))]
    return [key_in(usual) if _at_home(url, home) else None for url in urls] or [key_in(usual)]


def _at_home(url: str, home: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" and (host == home or host.endswith(f".{home}"))


def blotter(keys: Iterable[str | None]) -> re.Pattern[str] | None:
    """Return a pattern for all forms in which a server may repeat a key; None without keys."""
    forms = {form for key in keys if key and len(key) >= SHORTEST_KEY for form in _forms(key)}
    return re.compile("|".join(sorted(forms, key=len, reverse=True)), re.IGNORECASE) if forms else None


def _forms(key: str) -> Iterator[str]:
    """Yield patterns: the key, its beginning (some servers show it), percent-encoded, as base64 and in hexadecimal."""
    yield re.escape(key)
    yield re.escape(key[:SHORTEST_KEY]) + r"[\w*.\u2026-]*"
    yield re.escape(quote(key, safe=""))
    yield "".join(f"%{byte:02x}" for byte in key.encode())
    yield key.encode().hex()
    for before in range(3):
        # What comes before and after the key changes the characters at both ends.
        text = base64.b64encode(b"\0" * before + key.encode()).decode()
        middle = text[-(-before * 8 // 6) : -4 if text.endswith("=") else None]
        yield re.escape(middle).replace(r"\+", r"[+-]").replace("/", "[/_]") + r"[\w+/=-]*"
