"""Reading SPSS and Stata in a process of its own: a damaged file can break the library that reads it, and all with it.

The file is run as a program, by its path, and needs nothing of this package. It writes the table as Arrow, and the
labels as JSON in the table's metadata; nothing that is read back can run.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

LABELS = b"labels"
MOST_SECONDS = 1800


class BrokenFileError(Exception):
    """A file that cannot be read; the message says why, as far as the library does."""


def read(file: Path) -> tuple["pa.Table", dict[str, Any]]:
    """Read a file in another process.

    Returns
    -------
    table : pyarrow.Table
        Numbers and texts.
    labels : dict
        ``texts``: column -> what the item asks; ``values``: column -> pairs of code and label.

    Raises
    ------
    BrokenFileError
        Where the file cannot be read.
    """
    import pyarrow as pa

    command = [sys.executable, "-P", __file__, str(file.absolute())]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=MOST_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise BrokenFileError("reading it does not come to an end") from None
    if done.returncode == 1:
        lines = done.stderr.decode(errors="replace").split("\n")
        raise BrokenFileError(
            next((line.strip() for line in reversed(lines) if line.strip()), "nothing is known of it")
        )
    if done.returncode:
        raise BrokenFileError("it broke the library that reads it, so it is damaged")
    table = pa.ipc.open_stream(done.stdout).read_all()
    return table, json.loads(table.schema.metadata[LABELS])


def _written(file: str) -> bytes:
    """Read a file here, and return it as a stream of Arrow."""
    import pyarrow as pa
    import pyreadstat

    start = Path(file).open("rb").read(4)  # noqa: SIM115 -- the process ends soon
    reader = pyreadstat.read_sav if start in (b"$FL2", b"$FL3") else pyreadstat.read_dta
    frame, about = reader(file)
    names = [str(name) for name in frame.columns]
    columns = {name: _plain(frame[name].tolist()) for name in names}
    labels = {
        "texts": {name: text for name, text in zip(names, about.column_labels, strict=True) if text},
        "values": {str(name): list(held.items()) for name, held in about.variable_value_labels.items()},
    }
    table = pa.table(columns).replace_schema_metadata({LABELS: json.dumps(labels).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _plain(values: list[Any]) -> list[float | None] | list[str | None]:
    """Return numbers as they are, and anything else, such as dates, as texts."""
    held = [None if value is None or value != value else value for value in values]
    if all(isinstance(value, int | float | None) for value in held):
        return held
    return [None if value is None else str(value) for value in held]


if __name__ == "__main__":
    try:
        sys.stdout.buffer.write(_written(sys.argv[1]))
    except Exception as error:  # noqa: BLE001 -- whatever it is, the other process says it
        sys.exit(" ".join(str(error).split()) or type(error).__name__)
