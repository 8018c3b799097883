"""Figures -> files and what the page embeds: the slow part of drawing, done on all cores."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PIL import Image

from confound import parallel
from confound.failures import Failures, Guarded
from confound.findings.findings import Findings
from confound.presentation.figures import canvas, gallery
from confound.presentation.figures.drawn import Drawn

LARGEST_SVG = 150_000  # bytes; a drawing with more in it is embedded as pixels
MANY_PANELS = 12  # a drawing with more is larger than that for sure
COLOURS = 128
SMALL = 2000  # shares of answers; figures of fewer are drawn before workers have started
FEW = 6  # figures; one takes about a second, and so does a worker's start


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure as files, and as it goes into a page.

    Attributes
    ----------
    name, section, caption, alt : str
        As of `confound.presentation.figures.drawn.Drawn`.
    width, height : int
        In CSS pixels.
    pdf, png : bytes
        The files.
    source : str
        A data address.
    """

    name: str
    section: str
    caption: str
    alt: str
    width: int
    height: int
    pdf: bytes
    png: bytes
    source: str


def of_findings(found: Findings, failures: Failures, *, workers: int | None = None) -> list[Picture]:
    """Draw and render every figure that a result allows, a kind in a process, as `confound.figures.draw_all` does.

    Parameters
    ----------
    found : Findings
    failures : Failures
        Where a kind that cannot be drawn is told.
    workers : int, optional
        As for `confound.parallel.spread`; by default one for a small result. The files are the same whatever their
        number.
    """
    small = len(found.distributions) < SMALL
    given = replace(found, fits={}, failures=())  # what figures need, without what is heavy to send to a process
    task = Guarded(partial(_of_kind, given=given), "figure", str)
    kinds = [kind for kind in gallery.KINDS if kind not in gallery.MANY]
    made = parallel.spread(task, kinds, workers=workers or (1 if small else None), few=1)
    with failures.catching("figures"):
        return [one for of_kind in failures.sifted(made) for one in of_kind]
    return []


def _of_kind(kind: str, *, given: Findings) -> list[Picture]:
    return [picture(drawn) for drawn in gallery.draw(given, kind)]


def pictures(drawn: Iterable[Drawn], *, workers: int | None = None) -> list[Picture]:
    """Render figures.

    Parameters
    ----------
    drawn : iterable of Drawn
    workers : int, optional
        As for `confound.parallel.spread`; the files are the same whatever their number.
    """
    return list(parallel.spread(picture, drawn, workers=workers, few=FEW))


def picture(drawn: Drawn) -> Picture:
    """Render a figure: embedded in lines where that is small, else in pixels."""
    width, height = (round(96 * float(inches)) for inches in drawn.figure.get_size_inches())
    pdf, png = (canvas.save(drawn.figure, kind) for kind in ("pdf", "png"))
    content = b"" if len(drawn.figure.axes) > MANY_PANELS else canvas.save(drawn.figure, "svg")
    kind = "svg+xml"
    if not 0 < len(content) <= LARGEST_SVG:
        content, kind = _few_colours(png), "png"
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return Picture(drawn.name, drawn.section, drawn.caption, drawn.alt, width, height, pdf, png, source)


@dataclass(frozen=True, slots=True)
class Written:
    """A figure that is now a file.

    Attributes
    ----------
    name, caption, alt : str
        As of `confound.presentation.figures.drawn.Drawn`.
    """

    name: str
    caption: str
    alt: str


def write(drawn: Iterable[Drawn], folder: Path, *, workers: int | None = None) -> list[Written]:
    """Write figures as NAME.pdf and NAME.png.

    Parameters
    ----------
    drawn : iterable of Drawn
    folder : path
        Made where it is missing.
    workers : int, optional
        As for `pictures`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return list(parallel.spread(partial(_write, folder=folder), drawn, workers=workers, few=FEW))


def _write(drawn: Drawn, *, folder: Path) -> Written:
    for kind in ("pdf", "png"):
        (folder / f"{drawn.name}.{kind}").write_bytes(canvas.save(drawn.figure, kind))
    return Written(drawn.name, drawn.caption, drawn.alt)


def _few_colours(png: bytes) -> bytes:
    """Return a PNG of few colours: a figure has no more, and a page of many figures stays small."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(buffer, "png")
    return buffer.getvalue()
