"""The result of an analysis: tidy frames, a verdict, and how they were made."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from confound import tables
from confound.errors import InputError
from confound.verdict import Finding

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
COMPARISONS = (*_PLACE, "against", "n_personas", "estimate", "se", "ci_low", "ci_high", "pvalue")
WARNINGS = ("level", "study", "model", "question", "message")
MADE_HERE = frozenset({"analysis.json", "tables"})


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
        A row a part of an outcome's observed effect, at each iteration after the first.
    comparisons : pandas.DataFrame
        Drift less the drift of what column `against` names: an earlier iteration, a reference model, a placebo.
    warnings : pandas.DataFrame
        Remarks on the data: column `level` is note or warning.
    verdict : tuple of Finding
        What was found for each model, in words.
    settings : dict
        The options as given.
    versions : dict
        Package -> version.
    """

    data: pd.DataFrame
    drift: pd.DataFrame
    effects: pd.DataFrame
    decomposition: pd.DataFrame
    comparisons: pd.DataFrame
    warnings: pd.DataFrame
    verdict: tuple[Finding, ...]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The frames by name."""
        names = ("data", "drift", "effects", "decomposition", "comparisons", "warnings")
        return {name: getattr(self, name) for name in names}

    def save(self, folder: str | Path) -> Path:
        """Write `analysis.json` and `tables/*.{csv,md}`; the folder appears whole or not at all.

        An earlier analysis in the folder is replaced.

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
                self._write(aside)
                _swap(aside, folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written: {error.strerror or error}. Name another folder") from error
        return folder

    def _write(self, folder: Path) -> None:
        folder.chmod(0o777 & ~_umask())
        (folder / "tables").mkdir()
        for name, frame in self.frames.items():
            (folder / "tables" / f"{name}.csv").write_text(tables.to_csv(frame), encoding="utf-8")
            (folder / "tables" / f"{name}.md").write_text(tables.to_markdown(frame), encoding="utf-8")
        content = {
            "verdict": [asdict(finding) for finding in self.verdict],
            "settings": dict(self.settings),
            "versions": dict(self.versions),
            **{name: tables.to_records(frame) for name, frame in self.frames.items()},
        }
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / "analysis.json").write_text(text + "\n", encoding="utf-8")

    def _repr_html_(self) -> str:
        """Show the verdict and the tables in a notebook."""
        words = [_finding_html(finding) for finding in self.verdict]
        frames = {name: frame for name, frame in self.frames.items() if name != "data" and len(frame)}
        shown = [f"<h4>{name.capitalize()}</h4>{tables.to_html(frame)}" for name, frame in frames.items()]
        return "\n".join([*words, *shown])


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
