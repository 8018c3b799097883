"""Where results are kept, and with what they were made."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = Path(__file__).with_name("README.md")
PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "duckdb", "ibis-framework", "statsmodels")


def keep(name: str, text: str) -> None:
    """Put a result between its marks in the README."""
    start, stop = f"<!-- {name}: ", f"<!-- end of {name} -->"
    before, _, rest = README.read_text(encoding="utf-8").partition(start)
    mark, _, rest = rest.partition("-->")
    _, end, after = rest.partition(stop)
    if not end:
        raise SystemExit(f"{README}: the marks '{start}... -->' and '{stop}' are missing; put them where it belongs")
    README.write_text(f"{before}{start}{mark}-->\n\n{text}\n\n{stop}{after}", encoding="utf-8")


def circumstances(load: float) -> str:
    """Say where and with what figures were made; `load` is that of the last minute before."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return f"""\
Commit {commit()}; {platform.system()}, {os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB,
load {load:.1f} at the start; Python {platform.python_version()}, {packages}."""


def commit() -> str:
    """Return the commit of the working tree, marked where something but pages and pictures has changed."""
    head = _git("rev-parse", "--short=10", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!*.md", ":!*.png")
    return f"{head}-dirty" if changed else head or "unknown"


def _git(*command: str) -> str:
    done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def _processor() -> str:
    """Name the processor where Linux tells."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
