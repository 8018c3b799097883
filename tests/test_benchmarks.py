"""What the benchmarks measure with: costs of commands, and where results are kept."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import page
from benchmarks.speed import process
from benchmarks.speed.drift import pysal
from benchmarks.speed.log import scale
from benchmarks.speed.table import range_of
from benchmarks.validity import summary

FORKS = """
import os, time
child = os.fork()
held = bytearray(100 * 2**20)
for i in range(0, len(held), 4096): held[i] = 1
end = time.process_time() + 0.5
while time.process_time() < end: pass
if child: os.wait()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_cost_of_a_command_has_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes of 100 MiB and half a second each cost twice that; what they share counts once."""
    monkeypatch.setattr(process, "PAUSE", 0.05)
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


def test_one_round_has_no_range() -> None:
    """A single value stands by itself; of several the middle one stands before the lowest and the highest."""
    assert range_of([2.0]) == "2.00"
    assert range_of([3.0, 1.0, 200.0]) == "3.00 (1.00 to 200)"


def test_the_tables_and_the_figure_of_scale_have_what_was_measured(tmp_path: Path) -> None:
    """Each size and side has its row, the ratio is confound's time over the other's, whole analyses stand below."""
    run = {"groups": 10, "seconds": 1.0, "cpu": 2.0, "peak_mib": 300.0}
    runs = {"confound": [run], "arrow": [run | {"seconds": 4.0}], "pandas": [run]}
    measured = [
        {"answers": 10**6, "mib": 1.2, "runs": runs, "whole": [process.Cost(60.0, 100.0, 1500.0)]},
        {"answers": 10**8, "mib": 120.0, "runs": runs, "whole": []},
    ]
    rows = scale.counting(measured).splitlines()
    assert len(rows) == 2 + 6
    assert "| 1,000,000 | 1 | 10 | DuckDB to Arrow | 4.00 | 0.250 | 2.00 | 1.00 | 300 |" in rows
    assert scale.whole(measured).splitlines()[2:] == ["| 1,000,000 | 60.0 | 100 | 1,500 |"]
    scale.draw(measured, tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")


def test_the_summary_of_validity_quotes_the_pages() -> None:
    """Every aim of the page on the corrected distance is there with its cells, and what the other pages found."""
    said = summary.summary()
    page_of_distance = (Path(summary.__file__).parent / "README.md").read_text(encoding="utf-8")
    for aim in ("coverage >= .93, 100 personas", "RMSE no worse than npmle"):
        row = next(line for line in page_of_distance.splitlines() if line.startswith(f"| {aim} |"))
        assert "|".join(row.split("|")[:3]) + "|\n" in said + "\n"
    assert "Largest bias:" in said
    assert "Above .05 by more than three errors" in said
