"""Places that are not as a program likes them: folders for reading only, and no shared memory."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.log.made import made

ROOT = Path(__file__).parent.parent
PROGRAM = [sys.executable, "-c", "from confound.cli import main; main()"]
ROLES = ["--outcome", "likely", "--negative-control", "party", "--workers", "2"]
# Root may write anywhere, but not without these.
POWERS = "--bounding-set=-dac_override,-dac_read_search,-fowner,-chown"


def ran(arguments: list[str], *before: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, and through other programs."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(  # noqa: S603
        [*before, *PROGRAM, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def user() -> tuple[str, ...]:
    """Return the program that makes an ordinary user of root."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root writes everywhere, and there is no setpriv")
    return ("setpriv", POWERS)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """Return a folder for reading only, with a log."""
    folder = tmp_path / "locked"
    folder.mkdir()
    made().to_csv(folder / "log.csv", index=False)
    folder.chmod(0o555)
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    yield folder
    folder.chmod(0o755)


@pytest.mark.slow
def test_a_log_that_may_only_be_read(user: tuple[str, ...], locked: Path, tmp_path: Path) -> None:
    """Nothing is written beside a log, so its folder may be for reading only."""
    done = ran(["analyze", "log.csv", *ROLES, "--out", str(tmp_path / "out")], *user, folder=locked)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in locked.iterdir()] == ["log.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("out", ["out", "deep/er/out"])
def test_a_result_that_may_not_be_written(user: tuple[str, ...], locked: Path, out: str) -> None:
    """It is told in one message, before any work is done."""
    begun = time.perf_counter()
    done = ran(["analyze", "missing.csv", *ROLES, "--out", out], *user, folder=locked)
    assert done.returncode == 2, time.perf_counter() - begun
    assert done.stderr.startswith("Error: ")
    assert "is for reading only. Name another folder" in done.stderr  # and not that there is no such log
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_run_that_may_not_be_written(user: tuple[str, ...], locked: Path) -> None:
    """The simulator, too, says so before it asks a model."""
    done = ran(["simulate", "example", "--out", "run", "--personas", "4", "--trials", "2"], *user, folder=locked)
    assert done.returncode == 2
    assert "Choose a folder that you may write to with --out" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no /dev/shm elsewhere")
def test_no_shared_memory(tmp_path: Path) -> None:
    """Without /dev/shm, as in some containers, one process does the work of many, and says so."""
    command = 'mount -t tmpfs -o ro,size=4k none /dev/shm && exec "$@"'
    own = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() != 0 else []), "sh", "-c", command, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], check=False, capture_output=True).returncode:  # noqa: S603
        pytest.skip("this user may not change what is mounted")
    made().to_csv(tmp_path / "log.csv", index=False)
    done = ran(["analyze", "log.csv", *ROLES, "--out", "out"], *own, folder=tmp_path)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert (tmp_path / "out" / "figures" / "love_plot.pdf").is_file()
