"""The result of an analysis: what was found, and the ways in which it leaves the house."""

import warnings
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from confound import shape
from confound.errors import ConfoundWarning, InputError
from confound.findings import record
from confound.findings.findings import Findings
from confound.findings.schema import fits
from confound.findings.tables import TABLES
from confound.findings.verdict.sentences import Finding
from confound.presentation import folder as folders
from confound.presentation import frames
from confound.presentation.report import repeat
from confound.presentation.tables import publication, rendering
from confound.presentation.tables.layout import Table
from confound.text import printable

REPR_LINES = 12
SHOWN = ("drift", "effects", "decomposition")  # in a notebook


@dataclass(frozen=True, slots=True, repr=False)
class Analysis(Findings):
    """What `confound.analyze` found, and how it is saved and shown; see `Findings` for its tables."""

    __doc__ = Findings.__doc__

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} ({len(frame):,})" for name, frame in self.frames.items() if len(frame))
        found = [f"  {finding.study}, {finding.model}: drift {finding.drift}" for finding in self.verdict]
        more = [f"  and {len(found) - REPR_LINES:,} more"] if len(found) > REPR_LINES else []
        lines = [f"<Analysis of {', '.join(self.settings['log'])}", *found[:REPR_LINES], *more, f"  tables: {rows}>"]
        return "\n".join(map(printable, lines))

    def save(self, folder: str | Path, *, workers: int | None = None) -> Path:
        """Write `analysis.json`, `report.html`, tables and figures.

        The CSV files hold the tables, the other files of the same names what a paper shows of them. An earlier
        analysis in the folder is replaced. Tables and page stand before the figures are drawn.

        Parameters
        ----------
        folder : path
        workers : int, optional
            Processes that render figures; by default one a core, where there are more than a few.

        Raises
        ------
        InputError
            Where the folder holds anything but an earlier analysis, or cannot be written.

        Warns
        -----
        ConfoundWarning
            For each table, figure or page that could not be made; the others are saved.

        Examples
        --------
        >>> result.save("report").name
        'report'
        """
        for failure in folders.save(self, Path(folder), workers=workers):
            warnings.warn(failure.message, ConfoundWarning, stacklevel=2)
        return Path(folder)

    def table(
        self,
        name: str,
        *,
        columns: publication.Columns | None = None,
        iterations: publication.Iterations = "ends",
    ) -> Table:
        """Lay a table out as a paper shows it, before any format.

        Parameters
        ----------
        name, columns, iterations
            As for `publish`.

        Raises
        ------
        InputError
            Where there is no such table, or nothing in it.

        Examples
        --------
        >>> result.table("drift").title
        'User drift: negative controls'
        """
        return publication.build(name, self.frames, self.settings, columns=columns, iterations=iterations)

    def publish(
        self,
        name: str,
        form: str,
        *,
        columns: publication.Columns | None = None,
        iterations: publication.Iterations = "ends",
    ) -> bytes:
        """Return the content of a file that holds one table.

        Parameters
        ----------
        name : str
            Of a table, such as ``"drift"``.
        form : {"tex", "html", "md", "docx", "csv"}
            As csv the whole tidy frame.
        columns : {"model", "statistic"}, optional
            A column (or a few) for each model, or for each statistic with the models below one another. By default
            models where there are from two to six.
        iterations : {"ends", "all"}
            The first iteration and the last (of changes and parts the last alone), or every one.

        Raises
        ------
        InputError
            As `table`; where there is no such format; for docx, where python-docx is not installed.

        Examples
        --------
        >>> result.publish("effects", "md").decode().splitlines()[0]
        '**Observed effects**'
        """
        if form == "csv" and name in self.frames:
            return frames.to_csv(self.frames[name]).encode()
        return rendering.rendered(self.table(name, columns=columns, iterations=iterations), form)

    def _repr_html_(self) -> str:
        """Show the verdict and the first tables in a notebook."""
        words = [_finding_html(finding) for finding in self.verdict]
        shown = [rendering.to_html(self.table(name)) for name in SHOWN if len(self.frames[name])]
        return "\n".join([*words, rendering.STYLE, *shown])


def load(folder: str | Path) -> Analysis:
    """Read a saved analysis back: every table with its types, the verdict, the settings.

    Parameters
    ----------
    folder : path
        As given to `Analysis.save` or ``--out``, or the `analysis.json` in it.

    Raises
    ------
    InputError
        Where there is no analysis, or it is damaged, not confound's, or written by a later version.

    Examples
    --------
    >>> list(confound.load("report").drift["question"].unique())
    ['party', 'race', '(all)']
    """
    content = record.read(folder)
    held: dict[str, Any] = {name: content.get(name) for name in TABLES}
    for name, frame in held.items():
        if not isinstance(frame, pd.DataFrame) or not fits(frame, TABLES[name]):
            raise InputError(f"{folder}: is damaged (in {name}). Run the analysis again")
    try:
        verdict = tuple(map(_finding, shape.listing(content["verdict"])))
        settings = _checked(content["settings"])
        versions = {name: shape.written(version) for name, version in shape.mapping(content["versions"]).items()}
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{folder}: is damaged (verdict, settings or versions). Run the analysis again") from error
    return Analysis(**held, verdict=verdict, settings=settings, versions=versions)


def _finding(held: Any) -> Finding:
    found = shape.mapping(held)
    points = tuple(map(shape.written, shape.listing(found["points"])))
    drift = shape.maybe(shape.written)(found["drift"])
    study, model, headline = (shape.written(found[name]) for name in ("study", "model", "headline"))
    return Finding(study, model, drift, headline, points, shape.written(found.get("paragraph", "")))


def _checked(held: Any) -> dict[str, Any]:
    """Return settings as far as tables and page rely on them."""
    settings = shape.mapping(held)
    for name, check in {"seed": shape.whole, "share": shape.number, "margin": shape.number}.items():
        check(settings[name])
    if not 0 < shape.number(settings["confidence"]) < 1:
        raise ValueError("a confidence lies between 0 and 1")
    texts = [settings["correction"], *shape.listing(settings["log"]), *shape.listing(settings["skip"])]
    for named in shape.mapping(settings["labels"]).values():
        texts += shape.mapping(named).values()
    for label in texts:
        shape.written(label)
    for iteration in shape.mapping(settings["targeted_from"]).values():
        shape.whole(iteration)
    for said in (repeat.command(settings), repeat.call(settings)):  # the page quotes all others
        shape.maybe(shape.written)(said)
    return settings


def _finding_html(finding: Finding) -> str:
    points = "".join(f"<li>{escape(point)}</li>" for point in finding.points)
    place = f"{escape(finding.study)}, {escape(finding.model)}"
    return f"<p><strong>{place}</strong>: {escape(finding.headline)}</p><ul>{points}</ul>"
