"""What mkdocs calls while it builds the site: pages from elsewhere in the repository, marks, links."""

import posixpath
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import columns  # noqa: E402
import gallery  # noqa: E402
import links  # noqa: E402
import marks  # noqa: E402

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

# Files of the repository that are pages of the site, too: path in the repository -> path in the site.
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "benchmarks/scale.png": "benchmarks/scale.png",
    **{
        path: path
        for path in (
            *("analysis/README.md", "analysis/illusion_of_intervention/README.md", "analysis/story_beliefs/README.md"),
            *("benchmarks/README.md", "benchmarks/speed/stabilization.md", "benchmarks/validity/README.md"),
            *("benchmarks/validity/rejections.md", "benchmarks/validity/decomposition.md"),
            *("benchmarks/validity/stabilization.md", "benchmarks/validity/two_samples.md"),
            "benchmarks/validity/many_personas.md",
            "benchmarks/validity/comparisons.md",
            "benchmarks/validity/verdict.md",
            *("benchmarks/validity/power.md", "benchmarks/validity/people.md"),
        )
    },
}


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add what is written elsewhere, and what the example gives."""
    for source, place in ELSEWHERE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    made = gallery.example()
    for picture in made.pictures:
        files.append(File.generated(config, f"gallery/{picture.name}.png", content=picture.png))
    files.append(File.generated(config, "example/report.html", content=made.report))
    return files


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", files: "Files") -> str:  # noqa: ARG001
    """Expand the marks of a page and lead its links to pages of the site."""
    place = page.file.src_uri
    source = next((path for path, other in ELSEWHERE.items() if other == place), f"docs/{place}")
    pages = {f"docs/{file.src_uri}": file.src_uri for file in files} | ELSEWHERE
    text = links.rewritten(markdown, source, pages)
    to_sources = posixpath.relpath("methods/sources.md", posixpath.dirname(place) or ".")
    return marks.expanded(
        text,
        {
            "in short": lambda names: marks.in_short(names, to_sources=to_sources),
            "sources": lambda _: marks.sources(),
            "columns": columns.columns,
            "gallery": gallery.gallery,
            "example table": gallery.table,
        },
    )
