"""The examples in docstrings give what they say, and every public function has one."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import confound
from tests.test_failures import log

ROOT = Path(__file__).parent.parent
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for top in ("confound", "simulate")
    for path in sorted((ROOT / top).rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]
# What docs/reference shows: the public face, and the statistics that a reader may call.
PUBLIC = {
    "confound/analysis.py": ["analyze"],
    "confound/result.py": ["load", "save", "table", "publish"],
    "confound/findings/findings.py": ["only"],
    "confound/presentation/figures/gallery.py": ["draw", "draw_all"],
}
STATISTICS = (
    *(f"drift/{name}" for name in ("distance", "corrected_distance", "squared_distance", "permutation")),
    *(f"drift/{name}" for name in ("common_direction", "several_controls", "several_arms", "power")),
    *(f"effect/{name}" for name in ("difference", "ordinal", "sensitivity", "population_shift")),
    "multiplicity",
)


@pytest.fixture(scope="module")
def result() -> confound.Analysis:
    """Analyse a small log, for examples that start from a result."""
    return confound.analyze(log(2), skip=("stabilization", "figures"))


@pytest.fixture(scope="module")
def folder(result: confound.Analysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `result` is saved as `report`."""
    made = tmp_path_factory.mktemp("examples")
    result.save(made / "report")
    return made


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_say(
    module: str, result: confound.Analysis, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every example of a module runs, in a folder where `result` is saved as `report`."""
    monkeypatch.chdir(folder)
    found = doctest.testmod(importlib.import_module(module), extraglobs={"result": result, "confound": confound})
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("file", [*PUBLIC, *(f"confound/statistics/{name}.py" for name in STATISTICS)])
def test_public_functions_have_an_example(file: str) -> None:
    """A function that the reference shows has an example."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    public = PUBLIC.get(file) or [node.name for node in tree.body if node in functions and node.name[0] != "_"]
    without = [f.name for f in functions if f.name in public and ">>>" not in (ast.get_docstring(f) or "")]
    assert not without
