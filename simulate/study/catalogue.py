"""Where study files are: those that come with confound by their names, all others by their paths."""

from __future__ import annotations

from pathlib import Path

from confound.errors import InputError
from simulate.study.marked import suggest

HOME = Path(__file__).parent.parent
# The settings of the paper, and a small study with known truth to try things out.
SHIPPED, EXAMPLE = HOME / "studies", HOME / "example.yaml"


def shipped_names() -> tuple[str, ...]:
    """Return the names of the paper's studies, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def find_study(name_or_path: str | Path) -> Path:
    """Return the file of a study given by name or path.

    Raises
    ------
    InputError
        When no study of that name comes with confound and there is no such file.
    """
    path, names = Path(name_or_path), shipped_names()
    if str(name_or_path) == EXAMPLE.stem:
        return EXAMPLE
    if str(name_or_path) in names:
        return SHIPPED / f"{name_or_path}.yaml"
    if path.is_file():
        return path
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the study file in it")
    if path.suffix or len(path.parts) > 1:
        raise InputError(f"{path}: no such file; `confound simulate --list` names the studies that come with confound")
    raise InputError(
        f"no study '{name_or_path}' comes with confound: {suggest(str(name_or_path), names)} "
        "A study of your own is given by the path of its file"
    )
