"""Zip files, which a few bytes can make swell without end."""

import zipfile
from pathlib import Path

from confound.errors import InputError

MOST_BYTES = 2**33


def refuse_swollen(file: Path, packed: zipfile.ZipFile) -> None:
    """Raise where a zip file would unpack to more than any log holds."""
    size = sum(held.file_size for held in packed.infolist())
    if size > MOST_BYTES:
        raise InputError(f"{file}: it would unpack to {size / 2**30:,.0f} GB. Export the answers alone, as CSV")
