"""Foreign exports -> tables: what other tools leave, known by its content."""

from pathlib import Path

from confound.errors import InputError
from confound.log.importers.batches import BATCH
from confound.log.importers.edsl import EDSL, EDSL_JSON
from confound.log.importers.harnesses import INSPECT, TAU2
from confound.log.importers.nested import NESTED, PANDAS, WRAPPED
from confound.log.importers.protocol import Importer
from confound.log.importers.sqlite import SQLITE
from confound.log.importers.surveys import OTREE, QUALTRICS
from confound.log.importers.workbooks import EXCEL, SPSS, STATA
from confound.log.paths import suffix

# In the order in which they are tried.
IMPORTERS: tuple[Importer, ...] = (
    *(QUALTRICS, OTREE, EDSL, EDSL_JSON, INSPECT, TAU2, BATCH, PANDAS, WRAPPED, NESTED),
    *(SPSS, STATA, EXCEL, SQLITE),
)
SUFFIXES = frozenset(ending for importer in IMPORTERS for ending in importer.suffixes)


def recognised(file: Path) -> Importer | None:
    """Return the importer that knows a file by its content; None for an ordinary log."""
    ending = suffix(file)
    return next((each for each in IMPORTERS if ending in each.suffixes and each.recognises(file)), None)


def named(name: str) -> Importer | None:
    """Return an importer by the name that `--format` gives it; None for `table`, an ordinary log.

    Raises
    ------
    InputError
        Where there is none of this name.
    """
    if name == "table":
        return None
    found = {each.name: each for each in IMPORTERS}
    if name not in found:
        raise InputError(f"--format {name}: no such format. Known are table, {', '.join(found)}")
    return found[name]
