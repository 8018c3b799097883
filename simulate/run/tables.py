"""The files of a complete run: response table, attributes, truth and, if asked for, the 2 x 2 of arm by source arm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulate.run.journal import replacing
from simulate.run.response_table import Labels, write_attributes, write_responses

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulate.run.iterations import Level
    from simulate.run.prepare import Prepared

RESPONSES, SOURCE_DESIGN = "responses.parquet", "source_design.parquet"
ATTRIBUTES, TRUTH = "attributes.parquet", "truth.json"


def write_tables(folder: Path, prepared: Prepared, levels: Sequence[Level], *, seeded: bool) -> int:
    """Write the files of a run; the response table is last, so that a folder with it has all the others.

    Parameters
    ----------
    folder : Path
    prepared : Prepared
    levels : sequence of dict
        The blocks of each iteration, all complete.
    seeded : bool
        Whether every answer was drawn with the seed of its trial.

    Returns
    -------
    int
        Rows of the response table.

    Raises
    ------
    ConfoundError
        When a file cannot be written.
    """
    labels = Labels(prepared.study, prepared.users.model, prepared.settings.seed if seeded else None)
    last = [block.profile for chain in levels[-1].values() for block in chain]
    write_attributes(folder / ATTRIBUTES, last, labels)
    truth = truth_of(prepared, levels)
    if truth is not None:
        with replacing(folder / TRUTH) as aside:
            aside.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    if prepared.settings.source_design:
        squares = [[b for s, chain in level.items() if s is not None for b in chain] for level in levels[1:]]
        write_responses(folder / SOURCE_DESIGN, squares, labels)
    return write_responses(folder / RESPONSES, [level[None] for level in levels], labels)


def truth_of(prepared: Prepared, levels: Sequence[Level]) -> dict[str, Any] | None:
    """Return what an analysis of the run should find; None if the backend does not know it."""
    known = prepared.users.truth([[block.profile for block in level[None]] for level in levels])
    if known is None:
        return None
    sizes = {name: getattr(prepared.settings, name) for name in ("personas", "trials", "seed")}
    return {"study": prepared.study.study, "model": prepared.users.model, "design": "within", **sizes, **known}
