"""What the benchmarks measure with: costs of commands, and where results are kept."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import page
from benchmarks.speed import process, pysal

FORKS = """
import os, time
child = os.fork()
held = bytearray(100 * 2**20)
for i in range(0, len(held), 4096): held[i] = 1
end = time.process_time() + 0.5
while time.process_time() < end: pass
if child: os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_cost_of_a_command_has_its_children() -> None:
    """Two processes of 100 MiB and half a second each cost twice that; what they share counts once."""
    cost = process.run([sys.executable, "-c", FORKS])
    assert 200 < cost.peak_mib < 260
    assert cost.cpu > 0.7


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_command_that_fails_is_not_measured() -> None:
    """A cost is that of a command that did what it should."""
    with pytest.raises(SystemExit, match="exit code 3"):
        process.run([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_result_is_kept_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is around the marks, and the other results, stay; a second result takes the place of the first."""
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- one: by x -->\n<!-- end of one -->\nb\n<!-- two: by y -->\n<!-- end of two -->\n")
    monkeypatch.setattr(page, "README", readme)
    page.keep("two", "old")
    page.keep("two", "new")
    assert readme.read_text() == (
        "a\n<!-- one: by x -->\n<!-- end of one -->\nb\n<!-- two: by y -->\n\nnew\n\n<!-- end of two -->\n"
    )
    with pytest.raises(SystemExit, match="three"):
        page.keep("three", "lost")


def test_a_drawn_cell_has_the_distance_it_is_said_to_have() -> None:
    """With many answers the distance seen in a cell drawn for PySAL is the true one; without drift it is 0."""
    rng = np.random.default_rng(1)
    (treated, control), truth = pysal.draw(20, 10**6, 5, 0.25, rng)
    assert pysal.confound_side("plugin", (treated, control), rng) == pytest.approx(truth, abs=0.002)
    assert truth > 0.1
    assert pysal.draw(20, 5, 5, 0.0, rng)[1] == 0


def test_pysal_and_confound_agree_on_the_same_indices() -> None:
    """PySAL's plug-in, bias-corrected and density-corrected indices are confound's methods of the same ways."""
    pytest.importorskip("segregation", reason="PySAL's segregation is not installed")
    said = pysal.compare("small", rounds=1, seed=1)  # raises where the two disagree
    assert said.count("`BiasCorrectedDissim`") == 3
    assert "0.000 |" in said
