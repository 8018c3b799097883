"""Links between the README, the documentation and the other pages lead to files and headings that exist."""

import re
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

PAGES = [
    *(ROOT / "README.md", ROOT / "CHANGELOG.md"),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "analysis").rglob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("*.md")),
]
LINK = re.compile(r"\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]+))?\)|src=\"(?![a-z]+:)([^\"]+)\"")
MADE = {"example/report.html"}  # while the site is built


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    words = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", text.lower()).strip()) for text in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file that is there, and a heading in it."""
    for target, anchor, picture in LINK.findall(prose(page)):
        path = (page.parent / (target or picture)).resolve() if target or picture else page
        if target in MADE:
            continue
        assert path.exists(), f"{target or picture}: no such file"
        if anchor:
            assert anchor in anchors(path), f"{target}#{anchor}: no such heading"


def test_every_page_is_in_the_contents() -> None:
    """No page of the documentation is left out of the site's contents."""
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f": {page.relative_to(ROOT / 'docs')}\n" in contents
