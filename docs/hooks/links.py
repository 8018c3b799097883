"""Links between files of the repository -> links between pages of the site."""

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

# A link or picture: [text](target), [text](target#anchor); not a web address, not an anchor alone.
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?![a-z]+:)([^)#\s]+)(#[^)\s]+)?\)")
PICTURE = re.compile(r'(<img src=")(?![a-z]+:)([^"]+)"')
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def resolved(source: str, target: str) -> str:
    """Return the path in the repository that a link of the file `source` leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """Apply a change to what is not a block of code."""
    made, end = [], 0
    for block in FENCE.finditer(text):
        made += [change(text[end : block.start()]), block.group()]
        end = block.end()
    return "".join([*made, change(text[end:])])


def rewritten(text: str, source: str, pages: Mapping[str, str]) -> str:
    """Lead a file's links to pages of the site.

    Parameters
    ----------
    text : str
        Markdown.
    source : str
        Path of the file in the repository.
    pages : mapping
        Path in the repository -> path in the site, of all that is on the site, `source` included. A link to anything
        else becomes its text: the site has no place for it.
    """
    own = PurePosixPath(pages[source]).parent.as_posix()

    def lead(found: re.Match[str]) -> str:
        mark, words, target, anchor = found.groups()
        page = pages.get(resolved(source, target))
        if page is None:
            return f"`{words}`" if "`" not in words and "/" in words else words
        return f"{mark}[{words}]({posixpath.relpath(page, own)}{anchor or ''})"

    def show(found: re.Match[str]) -> str:
        return f'{found.group(1)}{posixpath.relpath(pages[resolved(source, found.group(2))], own)}"'

    return outside_fences(text, lambda part: PICTURE.sub(show, LINK.sub(lead, part)))
