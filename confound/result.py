"""The result of an analysis: tidy frames, a verdict, and how they were made."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from confound.errors import InputError
from confound.findings import record
from confound.findings.stabilization import CHECKS, SETTLED, STABILIZATION
from confound.findings.verdict.sentences import Finding
from confound.presentation import text as tables
from confound.presentation.tables import publication, rendering
from confound.presentation.tables.kinds import KINDS
from confound.presentation.tables.layout import Table

DATA = ("study", "model", "iteration", "arm", "question", "role", "n_personas", "n_answers", "n_unknown")
_PLACE = ("study", "model", "iteration", "contrast", "question")
DRIFT = (
    *_PLACE,
    *("design", "n_personas", "n_control", "n_treated", "n_categories", "unknown_control", "unknown_treated"),
    *("tvd_plugin", "tvd_null", "tvd", "ci_low", "ci_high", "tvd_population", "l2_squared", "l2_ci_low", "l2_ci_high"),
    *("pvalue", "pvalue_holm", "pvalue_bh", "pvalue_common"),
    *("test", "test_common", "tvd_population_null", "detectable_tvd", "left_out", "pvalue_maxt"),
)
EFFECTS = (
    *_PLACE,
    *("level", "n_personas", "n_control", "n_treated", "mean_control", "mean_treated", "estimate", "se"),
    *("ci_low", "ci_high", "pvalue", "prob_superiority", "design", "unknown_control", "unknown_treated"),
    *("log_odds", "log_odds_se", "log_odds_pvalue"),
)
QUESTIONS = ("study", "question", "role", "scale", "answers", "order")
CONTRASTS = ("study", "model", "iteration", "contrast", "design", "n_personas", "n_control", "n_treated")
DECOMPOSITION = (
    "study",
    "model",
    "contrast",
    "question",
    "method",
    "iteration",
    "quantity",
    *("estimate", "se", "ci_low", "ci_high"),
)
SENSITIVITY = (
    *_PLACE,
    *("estimate", "drift_to_explain_away", "largest_tvd", "bound_low", "bound_high"),
    *("range", "adopted", "change", "change_low", "change_high"),
)
ASSUMPTIONS = (*_PLACE, "arm", "check", "estimate", "expected", "ci_low", "ci_high", "pvalue", "n_personas")
COMPARISONS = (*_PLACE, "against", "n_personas", "estimate", "se", "ci_low", "ci_high", "pvalue")
DISTRIBUTIONS = (
    *("study", "model", "iteration", "arm", "question", "role", "answer"),
    *("n_personas", "n", "share", "ci_low", "ci_high"),
)
MEANS = (
    *("study", "model", "iteration", "arm", "question"),
    *("n_personas", "n_answers", "estimate", "ci_low", "ci_high"),
)
WARNINGS = ("level", "study", "model", "question", "message")
CONTRACT = {
    "data": DATA,
    "drift": DRIFT,
    "effects": EFFECTS,
    "decomposition": DECOMPOSITION,
    "sensitivity": SENSITIVITY,
    "assumptions": ASSUMPTIONS,
    "comparisons": COMPARISONS,
    "stabilization": STABILIZATION,
    "settled": SETTLED,
    "stabilization_checks": CHECKS,
    "distributions": DISTRIBUTIONS,
    "means": MEANS,
    "warnings": WARNINGS,
}
SHOWN = ("drift", "effects", "decomposition")  # in a notebook
FITS = "stabilization.nc"
MADE_HERE = frozenset({"analysis.json", "report.html", "tables", "figures", FITS})


@dataclass(frozen=True, slots=True)
class Analysis:
    """What `confound.analyze` found; the columns of the frames are described in the README.

    Attributes
    ----------
    data : pandas.DataFrame
        Personas, answers and Unknown, a row a (study, model, iteration, arm, question).
    drift : pandas.DataFrame
        A row a negative control and contrast.
    effects : pandas.DataFrame
        A row an outcome, contrast and level.
    decomposition : pandas.DataFrame
        A row a part of an outcome's observed effect, for each route that the log allows and each of its iterations.
    sensitivity : pandas.DataFrame
        A row an outcome and iteration: the drift that would explain its effect away, bounds, what the last step moved.
    assumptions : pandas.DataFrame
        What the routes assume, checked: a row a check.
    comparisons : pandas.DataFrame
        Drift less the drift of what column `against` names: an earlier iteration, a reference model, a placebo.
    stabilization, settled, stabilization_checks : pandas.DataFrame
        Models of the outcomes over iterations: see `confound.findings.stabilization.Stabilization`.
    distributions : pandas.DataFrame
        Share of each answer, averaged over personas, by arm and over `(all arms)`.
    means : pandas.DataFrame
        Mean outcome by arm.
    warnings : pandas.DataFrame
        Remarks on the data: column `level` is note or warning.
    verdict : tuple of Finding
        What was found for each model, in words.
    settings : dict
        The options as given.
    versions : dict
        Package -> version.
    fits : dict
        Name -> posterior draws of a model, as ArviZ keeps them.
    """

    data: pd.DataFrame
    drift: pd.DataFrame
    effects: pd.DataFrame
    decomposition: pd.DataFrame
    sensitivity: pd.DataFrame
    assumptions: pd.DataFrame
    comparisons: pd.DataFrame
    stabilization: pd.DataFrame
    settled: pd.DataFrame
    stabilization_checks: pd.DataFrame
    distributions: pd.DataFrame
    means: pd.DataFrame
    warnings: pd.DataFrame
    verdict: tuple[Finding, ...]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    fits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The frames by name."""
        names = [each.name for each in fields(self) if each.type is pd.DataFrame]
        return {name: getattr(self, name) for name in names}

    def only(self, **chosen: Any) -> "Analysis":
        """Return the part about some studies, models, iterations and so on; `verdict` and settings stay.

        Parameters
        ----------
        **chosen
            Name of a column -> the value to keep, or a list of them. A frame without that column is kept whole.

        Raises
        ------
        InputError
            Where no frame has such a column, or none of them such a value.

        Examples
        --------
        >>> result.only(study="opinionqa", iteration=[0, 13]).table("drift")  # doctest: +SKIP
        """
        frames: dict[str, Any] = self.frames
        for column, wanted in chosen.items():
            values = list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
            held = {value for frame in frames.values() if column in frame for value in frame[column]}
            if missing := [value for value in values if value not in held]:
                raise InputError(f"{column}={missing[0]}: there is none; there are {sorted(map(str, held)) or 'none'}")
            frames = {n: f[f[column].isin(values)] if column in f else f for n, f in frames.items()}
        return replace(self, **frames)

    def save(self, folder: str | Path, *, workers: int | None = None) -> Path:
        """Write `analysis.json`, `report.html`, tables and figures; the folder appears whole or not at all.

        The CSV files hold the frames, the others the tables of a publication made from them. An earlier analysis in
        the folder is replaced.

        Parameters
        ----------
        folder : path
        workers : int, optional
            Processes that render figures; by default one a core, where there are more than a few.

        Raises
        ------
        InputError
            Where the folder holds anything but an earlier analysis, or cannot be written.
        """
        folder = Path(folder)
        check_target(folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            try:
                self._write(aside, workers)
                _swap(aside, folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written: {error.strerror or error}. Name another folder") from error
        return folder

    def _write(self, folder: Path, workers: int | None) -> None:
        folder.chmod(0o777 & ~_umask())
        (folder / "tables").mkdir()
        for name, frame in self.frames.items():
            for form, text in self._texts(name, frame):
                (folder / "tables" / f"{name}.{form}").write_text(text, encoding="utf-8")
        self._show(folder, workers)
        content = {
            "verdict": [asdict(finding) for finding in self.verdict],
            "settings": dict(self.settings),
            "versions": dict(self.versions),
        }
        (folder / record.FILE).write_text(record.to_json(content, self.frames), encoding="utf-8")
        if self.fits:
            from confound.statistics.stabilization.arviz_versions import save  # ArviZ takes seconds to import

            save(self.fits, folder / FITS)

    def _texts(self, name: str, frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
        yield "csv", tables.to_csv(frame)
        if name in KINDS and len(frame):
            table = self.table(name)
            yield from ((form, write(table)) for form, write in rendering.TEXTS.items())
        else:
            yield "md", tables.to_markdown(frame)

    def table(
        self,
        name: str,
        *,
        columns: publication.Columns | None = None,
        iterations: publication.Iterations = "ends",
    ) -> Table:
        """Lay a frame out as the table of a publication, for `confound.presentation.tables.rendering` to write.

        Parameters
        ----------
        name, columns, iterations
            As for `confound.presentation.tables.publication.build`.

        Raises
        ------
        InputError
            Where there is no such table, or nothing in it.
        """
        return publication.build(name, self.frames, self.settings, columns=columns, iterations=iterations)

    def _show(self, folder: Path, workers: int | None) -> None:
        """Write the figures and the page that holds them."""
        from confound.presentation.figures import pictures  # Matplotlib takes a second to import
        from confound.presentation.report import page  # Matplotlib takes a second to import

        skipped = self.settings.get("skip", ())
        shown = [] if "figures" in skipped else pictures.of_result(self, workers=workers)
        if shown:
            (folder / "figures").mkdir()
        for picture in shown:
            for kind, content in (("pdf", picture.pdf), ("png", picture.png)):
                (folder / "figures" / f"{picture.name}.{kind}").write_bytes(content)
        if "report" not in skipped:
            (folder / "report.html").write_text(page.page(self, shown), encoding="utf-8")

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
            Of a frame.
        form : {"tex", "html", "md", "docx", "csv"}
            As csv the whole frame, tidy.
        columns, iterations
            As for `table`.

        Raises
        ------
        InputError
            As `table`; where there is no such format; for docx, where python-docx is not installed.
        """
        if form == "csv" and name in self.frames:
            return tables.to_csv(self.frames[name]).encode()
        return rendering.rendered(self.table(name, columns=columns, iterations=iterations), form)

    def _repr_html_(self) -> str:
        """Show the verdict and the first tables in a notebook."""
        words = [_finding_html(finding) for finding in self.verdict]
        shown = [rendering.to_html(self.table(name)) for name in SHOWN if len(self.frames[name])]
        return "\n".join([*words, rendering.STYLE, *shown])


def load(folder: str | Path) -> Analysis:
    """Read a saved analysis back: every frame with its types, the verdict, the settings.

    Parameters
    ----------
    folder : path
        As given to `Analysis.save` or ``--out``, or the `analysis.json` in it.

    Raises
    ------
    InputError
        Where there is no analysis, or it is damaged, not confound's, or written by a later version.
    """
    content = record.read(folder)
    frames: dict[str, Any] = {
        field.name: content.get(field.name) for field in fields(Analysis) if field.type is pd.DataFrame
    }
    for name, frame in frames.items():
        if not isinstance(frame, pd.DataFrame) or not set(CONTRACT.get(name, ())) <= set(frame):
            raise InputError(f"{folder}: is damaged (in {name}). Run the analysis again")
    try:
        verdict = tuple(Finding(**{**found, "points": tuple(found["points"])}) for found in content["verdict"])
        settings, versions = _checked(content["settings"]), dict(content["versions"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: is damaged (verdict, settings or versions). Run the analysis again") from error
    return Analysis(**frames, verdict=verdict, settings=settings, versions=versions)


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as far as tables rely on them: a confidence, and labels that are texts."""
    float(settings["confidence"])
    labels = [label for named in settings["labels"].values() for label in named.values()]
    if not all(isinstance(label, str) for label in labels):
        raise TypeError("a label is no text")
    return dict(settings)


@dataclass(frozen=True, slots=True)
class Description:
    """What a log holds, before any statistic.

    Attributes
    ----------
    questions : pandas.DataFrame
        Role, scale, answers (from low to high if ordinal) and what settled their order, a row a study and question.
    contrasts : pandas.DataFrame
        Design and size of each comparison, from its first question.
    data : pandas.DataFrame
        As in `Analysis`.
    warnings : pandas.DataFrame
        As in `Analysis`.
    """

    questions: pd.DataFrame
    contrasts: pd.DataFrame
    data: pd.DataFrame
    warnings: pd.DataFrame


def check_target(folder: Path) -> None:
    """Refuse a folder for results that holds anything but an earlier analysis."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file. Name a folder for the results")
    held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    foreign = sorted(held - MADE_HERE)
    if foreign or (held and "analysis.json" not in held):
        raise InputError(
            f"{folder}: holds {(foreign or sorted(held))[0]!r}, which no analysis wrote; nothing was changed. "
            "Name a new folder, or empty this one"
        )


def _finding_html(finding: Finding) -> str:
    points = "".join(f"<li>{escape(point)}</li>" for point in finding.points)
    return f"<p><strong>{escape(finding.model)}</strong>: {escape(finding.headline)}</p><ul>{points}</ul>"


def _swap(aside: Path, folder: Path) -> None:
    """Put a finished folder in its place; what was there is deleted only once the new one stands."""
    if not folder.exists():
        aside.rename(folder)
        return
    old = aside.with_name(aside.name + "-old")
    folder.rename(old)
    try:
        aside.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
