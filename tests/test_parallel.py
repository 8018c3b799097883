"""Work spread over processes: the same results in the same order, whatever their number."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import confound
from confound.parallel import FEW, spread


def test_results_come_in_order_with_and_without_processes() -> None:
    """Two processes yield what one does, item by item."""
    items = list(range(FEW + 5))
    assert list(spread(partial(pow, 3), items, workers=2)) == list(spread(partial(pow, 3), items, workers=1))


@pytest.mark.slow
def test_an_analysis_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    """Every file is the same to the last byte with one process and with two."""
    rng = np.random.default_rng(5)
    index = pd.MultiIndex.from_product(
        [range(12), ["c", "t"], range(6), ["y", "z1", "z2"], [0, 1]],
        names=["persona", "arm", "trial", "question", "iteration"],
    )
    log = index.to_frame(index=False)
    log["response"] = rng.integers(1, 5, len(log)).astype(str)
    log["role"] = np.where(log["question"] == "y", "outcome", "negative_control")
    for workers in (1, 2):
        confound.analyze(log, workers=workers).save(tmp_path / str(workers))
    files = [path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*.*")]
    assert len(files) > 3
    for file in files:
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes()


def test_no_process_is_refused() -> None:
    """`workers=0` is an error that names the option."""
    log = pd.DataFrame({"persona": ["a"], "arm": ["c"], "question": ["q"], "response": ["1"]})
    with pytest.raises(confound.ConfoundError, match="--workers 0"):
        confound.analyze(log, workers=0)
