"""The house: imports follow the flow of the data from wing to wing, and the command line starts at once."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GROUND = {"console", "keywords", "errors", "vocabulary", "text", "parallel", "failures", "scratch", "shape"}
# A wing (a folder, or a module beside the folders) -> the wings that it may import, beside itself and the ground.
FLOW: dict[str, set[str]] = {
    "log": set(),
    "statistics": set(),
    "counts": {"log"},
    "findings": {"counts", "statistics", "log"},
    "presentation": {"findings"},
    "result": {"findings", "presentation"},
    "figures": {"findings", "presentation"},
    "analysis": {"log", "counts", "findings", "result"},
    "look": {"log", "counts", "findings"},
    "cli": {"analysis", "look", "result", "findings", "presentation"},
}
FRAMES_AND_ENGINES = {"pandas", "ibis", "duckdb", "pyarrow", "click"}
HEAVY = {"numpy", "pandas", "scipy", "ibis", "duckdb", "pyarrow", "statsmodels", "pymc", "matplotlib"}


def files(top: str = "confound") -> list[Path]:
    """Return the modules of a package."""
    return sorted((ROOT / top).rglob("*.py"))


def wing(path: Path) -> str:
    """Return the folder of `confound` that a module is in, or its own name."""
    return path.relative_to(ROOT / "confound").parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return the full names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def wings_of(names: set[str]) -> set[str]:
    """Return the wings of `confound` among imported names; the package's own, such as its version, are in none."""
    known = GROUND | set(FLOW)
    return {name.split(".")[1] for name in names if name.startswith("confound.")} & known


def test_every_module_is_in_a_wing() -> None:
    """Each module of `confound` is in a wing of the flow or on the ground."""
    assert {wing(path) for path in files()} - {"__init__"} <= GROUND | set(FLOW)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_flow(path: Path) -> None:
    """A module imports from its own wing, from those before it, and from the ground; the ground only from itself."""
    own = wing(path)
    if own == "__init__":
        return
    allowed = GROUND if own in GROUND else FLOW[own] | GROUND | {own}
    assert wings_of(imports(path)) <= allowed


@pytest.mark.parametrize("path", files("confound/statistics"), ids=lambda path: path.stem)
def test_statistics_know_arrays_alone(path: Path) -> None:
    """The numerical modules know numpy, scipy and the engines of Bayesian models, but no frame and no log."""
    tops = {imported.split(".")[0] for imported in imports(path)}
    assert not tops & FRAMES_AND_ENGINES


@pytest.mark.parametrize("top", ["confound", "simulate"])
def test_no_circles(top: str) -> None:
    """No two modules of a package import each other, even by way of others."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files(top)}
    before = {
        name: {m for i in imports(path) for m in (i, i.rpartition(".")[0]) if m in modules} - {name}
        for name, path in modules.items()
        if path.stem != "__init__"
    }
    while leaves := {name for name, needed in before.items() if not needed & set(before)}:
        before = {name: needed for name, needed in before.items() if name not in leaves}
    assert not before, f"circles among {sorted(before)}"


def test_confound_imports_the_simulator_only_in_its_command() -> None:
    """`simulate` is imported by `cli`, and by `spelling` for its reader of answers, inside a function."""
    for path in files():
        importing = any(name.split(".")[0] == "simulate" for name in imports(path))
        assert not importing or path.stem in ("cli", "spelling")
        top = [
            n.module or "" for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, ast.ImportFrom)
        ]
        assert not any(module.startswith("simulate") for module in top)


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules loaded once a program has run."""
    program = f"import sys\n{code}\nprint(*sorted(set(m.split('.')[0] for m in sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    return set(done.stderr.split())


def test_help_loads_nothing_heavy() -> None:
    """`confound --help` imports neither pandas nor scipy nor an engine, so it answers at once."""
    code = "from confound.cli import main\nmain(['--help'], standalone_mode=False)"
    assert not loaded_by(code) & HEAVY


# Of the simulator: a folder, or a module beside the folders -> what it may import, beside itself and the ground.
SIMULATE_GROUND = {"randomness"}
SIMULATE_FLOW: dict[str, set[str]] = {
    "parsing": set(),
    "study": {"parsing"},
    "backends": {"study", "parsing"},
    "run": {"study", "parsing", "backends"},
    "commands": {"study", "backends", "run"},
    "progress": set(),
    "options": {"commands", "progress"},
}
# What the simulator may use of `confound`: the ground, and these parts by their public names.
OPEN_TO_SIMULATE = {"confound.log", "confound.counts.scales.canonical", "confound.statistics", "confound.findings"}


def simulate_part(name: str) -> str:
    """Return the folder or module of `simulate` that a dotted name is in."""
    return name.split(".")[1]


@pytest.mark.parametrize("path", files("simulate"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_simulator_follows_its_own_flow(path: Path) -> None:
    """A folder of `simulate` imports from those before it, from itself and from the ground."""
    own = path.relative_to(ROOT / "simulate").parts[0].removesuffix(".py")
    if own == "__init__":
        return
    allowed = SIMULATE_GROUND if own in SIMULATE_GROUND else SIMULATE_FLOW[own] | SIMULATE_GROUND | {own}
    known = SIMULATE_GROUND | set(SIMULATE_FLOW)
    named = {name for name in imports(path) if name.startswith("simulate.")}
    assert {simulate_part(name) for name in named} <= allowed & known


@pytest.mark.parametrize("path", files("simulate"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_simulator_uses_little_of_confound(path: Path) -> None:
    """`simulate` uses the ground of `confound` and public names of log, statistics and findings, nothing else."""
    for name in (name for name in imports(path) if name.split(".")[0] == "confound"):
        opened = any(name == part or name.startswith(f"{part}.") for part in OPEN_TO_SIMULATE)
        assert opened or name.split(".")[1] in GROUND, name
        assert not any(part.startswith("_") for part in name.split(".")), name


def test_help_lists_the_simulator_without_importing_it() -> None:
    """`confound --help` names `simulate`, which is imported only when its own help or a run asks for it."""
    code = "from confound.cli import main\nmain({}, standalone_mode=False)"
    assert "simulate" not in loaded_by(code.format(["--help"]))
    assert "simulate" in loaded_by(code.format(["simulate", "--help"]))
