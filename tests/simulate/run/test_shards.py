"""Shards: any split of the personas gives the tables of the whole."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from confound.errors import ConfoundError, InputError
from simulate.run.journal import JOURNAL, Journal
from simulate.run.loop import merge, simulate
from tests.simulate.fakes import contents, small_study

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING: dict[str, Any] = {"retention": True, "source_design": True, "draw": "joint"}


@pytest.mark.parametrize("parts", [1, 4, 6])
@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "everything"])
def test_merged_shards_are_the_whole(tmp_path: Path, parts: int, options: dict[str, Any]) -> None:
    """Shards run in any order and merged give the very bytes of a run without shards."""
    simulate(small_study(), tmp_path / "whole", **options)
    for part in reversed(range(1, parts + 1)):
        simulate(small_study(), tmp_path / "run", shard=f"{part}/{parts}", **options)
    merge(small_study(), tmp_path / "run")
    names = ["responses.parquet", "attributes.parquet", "truth.json"]
    names += ["source_design.parquet"] if options else []
    assert contents(tmp_path / "run", names) == contents(tmp_path / "whole", names)
    one, other = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("whole", "run"))
    differ = {key for key in one if one[key] != other[key]} - {"updated"}
    assert differ == ({"sessions"} if parts > 1 else set()) or differ <= {"sessions"}
    assert one["personas"] == 6


def test_shard_leaves_no_table(tmp_path: Path) -> None:
    """A shard's folder holds its journal and manifest, so that nobody analyses a part as the whole."""
    simulate(small_study(), tmp_path, shard="2/3")
    assert [path.name for path in tmp_path.iterdir()] == ["shard-2-of-3"]
    assert sorted(path.name for path in (tmp_path / "shard-2-of-3").iterdir()) == [JOURNAL, "manifest.json"]


def test_shard_is_resumed(tmp_path: Path) -> None:
    """A shard that was cut off goes on by itself, and is merged as if it had not been."""
    simulate(small_study(), tmp_path / "whole")
    for part in (1, 2):
        simulate(small_study(), tmp_path / "run", shard=f"{part}/2")
    journal = tmp_path / "run" / "shard-1-of-2" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:2500])
    with pytest.raises(ConfoundError, match="answers are missing; continue the shards with --resume"):
        merge(small_study(), tmp_path / "run")
    simulate(small_study(), tmp_path / "run", shard="1/2", resume=True)
    merge(small_study(), tmp_path / "run")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_merge_refuses_what_does_not_fit(tmp_path: Path) -> None:
    """No shards, a missing one, one of another run or split, one at work: each is told and nothing is written."""
    study, out = small_study(), tmp_path / "run"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no shards to merge"):
        merge(study, tmp_path / "empty")
    simulate(study, out, shard="1/2")
    with pytest.raises(ConfoundError, match="shard-2-of-2 is missing"):
        merge(study, out)
    simulate(study, tmp_path / "other", shard="2/2", seed=3)
    shutil.copytree(tmp_path / "other" / "shard-2-of-2", out / "shard-2-of-2")
    with pytest.raises(ConfoundError, match="shard-2-of-2: holds a run with other settings: seed was 3 and is now 0"):
        merge(study, out)
    shutil.rmtree(out / "shard-2-of-2")
    simulate(study, out, shard="2/2")
    with Journal(out / "shard-2-of-2"), pytest.raises(ConfoundError, match="another process is writing"):
        merge(study, out)
    simulate(study, out, shard="1/3")
    with pytest.raises(InputError, match="holds shards of different runs"):
        merge(study, out)
    assert not (out / "responses.parquet").exists()


def test_shards_and_a_whole_run_do_not_share_a_folder(tmp_path: Path) -> None:
    """A run without shards is refused where shards lie, and the other way round."""
    simulate(small_study(), tmp_path / "shards", shard="1/2")
    with pytest.raises(InputError, match="holds shards of a run; join them with --merge"):
        simulate(small_study(), tmp_path / "shards")
    simulate(small_study(), tmp_path / "whole")
    with pytest.raises(InputError, match="holds a run without shards"):
        simulate(small_study(), tmp_path / "whole", shard="1/2")
