"""The folder of a result: written aside and put in its place whole; tables and page first, then pictures."""

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from confound.errors import InputError
from confound.failures import Failure, Failures
from confound.findings import record
from confound.findings.findings import Findings
from confound.findings.verdict import people_points
from confound.presentation import frames, owned, swap
from confound.presentation.tables import publication, rendering
from confound.presentation.tables.layouts import LAYOUTS

if TYPE_CHECKING:
    from confound.presentation.figures.pictures import Picture

FITS = "stabilization.nc"
PAGE = "report.html"
TRACES = "failures.txt"


def check_target(folder: Path) -> None:
    """Refuse a folder for results that holds anything but an earlier analysis, as that left it."""
    with _errors_told(folder):
        folder = folder.resolve()
        above = next((path for path in folder.parents if path.exists()), folder)
        if not os.access(above, os.W_OK | os.X_OK):  # told before hours of work, not after them
            raise PermissionError(errno.EACCES, f"{above} is for reading only")
        owned.recover(folder)
        owned.check(folder)


def save(found: Findings, folder: Path, *, workers: int | None = None) -> tuple[Failure, ...]:
    """Write tables, record and page, then pictures and the page that holds them.

    A table, a picture or the page that cannot be made costs only itself.

    Parameters
    ----------
    found : Findings
    folder : path
    workers : int, optional
        Processes that draw; by default one a core, where there are more than a few figures.

    Returns
    -------
    tuple of Failure
        What could not be made, here or before; `failures.txt` in the folder holds the tracebacks.

    Raises
    ------
    InputError
        Where the folder holds anything but an earlier analysis, or cannot be written.
    """
    return add_pictures(found, folder, save_tables(found, folder), workers=workers)


def save_tables(found: Findings, folder: Path) -> tuple[Failure, ...]:
    """Write tables, record and a page without pictures, as `save` does."""
    check_target(folder)
    folder = folder.resolve()  # a link is followed
    failures = Failures(found.failures)
    with _errors_told(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _aside(folder) as aside:
            _write_tables(found, aside, failures)
            _write_page(found, aside, (), failures)
            _write_traces(aside, failures)
            _keep_fits(found, folder, aside)
            owned.record(aside)
            owned.check(folder)  # what was added while the result was written is somebody's too
            _swap(aside, folder)
    return tuple(failures)


def add_pictures(
    found: Findings, folder: Path, failed: Sequence[Failure], *, workers: int | None = None
) -> tuple[Failure, ...]:
    """Draw the figures into a folder that `save_tables` wrote, and write its page anew; return all failures."""
    failures = Failures(failed)
    with _errors_told(folder):
        _add_pictures(found, folder.resolve(), failures, workers)
    return tuple(failures)


@contextlib.contextmanager
def _errors_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}. Name another folder") from error


@contextlib.contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside the one that is meant; it is gone afterwards, unless it was moved."""
    aside = Path(tempfile.mkdtemp(prefix=owned.scratch_prefix(folder), dir=folder.parent))
    try:
        aside.chmod(0o777 & ~_umask())
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_tables(found: Findings, folder: Path, failures: Failures) -> None:
    """Write every frame, the record of all of them, and the draws of the models."""
    (folder / "tables").mkdir()
    for name, frame in found.frames.items():
        for form, text in _texts(name, frame, found, failures):
            (folder / "tables" / f"{name}.{form}").write_text(text, encoding="utf-8")
    content = {
        "verdict": [asdict(finding) for finding in found.verdict],
        "people": people_points.words(found.frames, found.settings),
        "settings": dict(found.settings),
        "versions": dict(found.versions),
    }
    (folder / record.FILE).write_text(record.to_json(content, found.frames), encoding="utf-8")
    if found.fits:
        with failures.catching(f"file {FITS}"):
            record.save_fits(found.fits, folder / FITS)


def _keep_fits(found: Findings, folder: Path, aside: Path) -> None:
    """Take over the draws of an earlier result of the same analysis, which one that was read back does not hold."""
    if found.fits or not (folder / FITS).is_file():
        return
    with contextlib.suppress(InputError, KeyError):
        before = record.read(folder)
        if before["settings"] == json.loads(json.dumps(dict(found.settings))):
            shutil.copy2(folder / FITS, aside / FITS)


def _texts(name: str, frame: pd.DataFrame, found: Findings, failures: Failures) -> Iterator[tuple[str, str]]:
    yield "csv", frames.to_csv(frame)
    if name not in LAYOUTS or frame.empty:
        with failures.catching(f"table {name} as Markdown"):
            yield "md", frames.to_markdown(frame)
        return
    with failures.catching(f"table {name} for a paper"):
        table = publication.build(name, found.frames, found.settings)
        texts = [(form, write(table)) for form, write in rendering.TEXTS.items()]
        yield from texts


def _add_pictures(found: Findings, folder: Path, failures: Failures, workers: int | None) -> None:
    """Draw the figures into a folder that is whole already, and write its page anew."""
    if "figures" in found.settings.get("skip", ()):
        return
    from confound.presentation.figures import pictures  # Matplotlib takes a second to import

    drawn = pictures.of_findings(found, failures, workers=workers)
    with _aside(folder) as aside:
        if drawn:
            (aside / "figures").mkdir()
        for picture in drawn:
            for kind, content in (("pdf", picture.pdf), ("png", picture.png)):
                (aside / "figures" / f"{picture.name}.{kind}").write_bytes(content)
        _write_page(found, aside, drawn, failures)
        _write_traces(aside, failures)
        owned.record(folder, aside)
        for made in ("figures", PAGE, TRACES):
            if (aside / made).exists():
                (aside / made).replace(folder / made)


def _write_page(found: Findings, folder: Path, drawn: Sequence["Picture"], failures: Failures) -> None:
    if "report" in found.settings.get("skip", ()):
        return
    from confound.presentation.report import page

    with failures.catching("page"):
        (folder / PAGE).write_text(page.page(found, drawn, failures), encoding="utf-8")


def _write_traces(folder: Path, failures: Failures) -> None:
    if failures:
        text = "\n\n".join(f"{failure.message}\n\n{failure.trace}" for failure in failures)
        (folder / TRACES).write_text(text, encoding="utf-8")


def _swap(aside: Path, folder: Path) -> None:
    """Put a finished folder in its place; what was there is deleted only once the new one stands."""
    swap.put(aside, folder)
    for old in (aside, aside.with_name(aside.name + "-old")):
        if old.exists():
            shutil.rmtree(old)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
