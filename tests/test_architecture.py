"""The house: imports follow the flow of the data, and the command line starts at once."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# From the log to the page: a module may import only from modules that come before its own line.
FLOW = [
    {"errors"},
    {"tvd", "stratum_law", "effects", "multiplicity", "mixture", "bootstrap", "shift", "standardization"},
    {"stabilization_law", "stabilization_settings"},
    {"stabilization_quadratic", "stabilization_draws", "stabilization_personas", "arviz_adapter"},
    {"stabilization_kernel", "stabilization_checks", "stabilization_matching"},
    {"stabilization_model"},
    {"law_sum", "relabelling", "power", "decomposition", "calibration"},
    {"permutation", "cmh", "maxt", "change", "correction"},
    {"ksample"},
    {"warehouses"},
    {"scales", "notes", "sources", "processes"},
    {"responses"},
    {"counts", "settings"},
    {"questions"},
    {"cells"},
    {"contrasts"},
    {"checks", "estimates", "conversations", "series"},
    {"pooled", "stabilization"},
    {"assumptions", "routes"},
    {"comparisons", "parts", "sensitivity", "distributions"},
    {"tables"},
    {"quotes", "settling"},
    {"verdict"},
    {"layout", "saved", "canvas"},
    {"kinds", "latex", "word", "panels", "sheets", "captions"},
    {"publication", "rendering", "drawn"},
    {"drift_figures"},
    {"effect_figures"},
    {"figures"},
    {"overview", "repeat", "references", "pictures"},
    {"report"},
    {"result"},
    {"analysis", "summary"},
    {"cli"},
]
ARRAY_MODULES = set().union(*FLOW[1:9])


def imports(path: Path) -> set[str]:
    """Return the full names that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules_of(names: set[str]) -> set[str]:
    """Return the modules of `confound` among imported names."""
    parts = [name.split(".") for name in names if name.startswith("confound.")]
    return {part[1] for part in parts if (ROOT / "confound" / f"{part[1]}.py").exists()}


def test_every_module_has_a_place() -> None:
    """Each module of `confound` stands once in the flow."""
    files = {path.stem for path in (ROOT / "confound").glob("*.py")} - {"__init__"}
    listed = [name for row in FLOW for name in row]
    assert sorted(listed) == sorted(files)


@pytest.mark.parametrize("name", sorted(name for row in FLOW for name in row))
def test_imports_follow_the_flow(name: str) -> None:
    """A module imports only what comes before it."""
    row = next(i for i, names in enumerate(FLOW) if name in names)
    before = set().union(*FLOW[:row])
    assert modules_of(imports(ROOT / "confound" / f"{name}.py")) <= before


@pytest.mark.parametrize("name", sorted(ARRAY_MODULES))
def test_array_modules_know_no_frames(name: str) -> None:
    """The numerical modules import numpy, scipy and, in `standardization`, statsmodels, but never pandas or a log."""
    tops = {imported.split(".")[0] for imported in imports(ROOT / "confound" / f"{name}.py")}
    assert not tops & {"pandas", "ibis", "duckdb", "pyarrow", "click"}


def test_confound_imports_the_simulator_only_in_its_command() -> None:
    """`simulate` is imported by `cli` alone, inside a function."""
    for path in (ROOT / "confound").glob("*.py"):
        importing = any(name.split(".")[0] == "simulate" for name in imports(path))
        assert not importing or path.stem == "cli"
    tree = ast.parse((ROOT / "confound" / "cli.py").read_text(encoding="utf-8"))
    top = [n.module or "" for n in tree.body if isinstance(n, ast.ImportFrom)]
    assert not any(module.startswith("simulate") for module in top)


def test_help_loads_nothing_heavy() -> None:
    """`confound --help` imports neither pandas nor scipy nor an engine, so it answers at once."""
    code = (
        "import sys\nfrom confound.cli import main\nmain(['--help'], standalone_mode=False)\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'ibis', 'duckdb', 'pyarrow', 'statsmodels', 'pymc', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert "analyze" in done.stdout
