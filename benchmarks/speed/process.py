"""What a command costs, all its processes together."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAUSE = 0.5  # seconds between samples: at 0.1 they take a tenth of a processor
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds by the clock, seconds of processors, and peak memory in MiB (proportional set size, summed)."""

    seconds: float
    cpu: float
    peak_mib: float


def run(command: Sequence[str]) -> Cost:
    """Run a command in a session of its own and return its cost, its workers' included.

    Memory is sampled from `/proc/PID/smaps_rollup`: a page that n processes share counts as 1/n in each, so the sum
    counts it once. Peaks shorter than the pause between samples, and the last pause of a processor, can be missed.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    used: dict[str, float] = {}
    peak = 0
    try:
        while process.poll() is None:
            used |= _session(process.pid)
            peak = max(peak, sum(_proportional_kib(pid) for pid in used))
            time.sleep(PAUSE)
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        raise
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    return Cost(time.perf_counter() - begun, sum(used.values()), peak / 1024)


def _session(leader: int) -> dict[str, float]:
    """Return the processes of a session and the seconds of a processor that each has used."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            # After the command's name in brackets: state, parent, group, session, ..., user and system time.
            fields = _text(path / "stat").rpartition(")")[2].split()
            if fields and int(fields[3]) == leader:
                found[path.name] = (int(fields[11]) + int(fields[12])) / TICKS
    return found


def _proportional_kib(pid: str) -> int:
    lines = _text(Path("/proc", pid, "smaps_rollup")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _text(path: Path) -> str:
    """Read a file of a process; nothing where it has ended meanwhile."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
