"""Blocks of answers -> the response table and the table of adopted attributes, as parquet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simulate.backends.seeds import answer_seed
from simulate.run.journal import replacing
from simulate.study.profile import RETENTION, retention_question

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from confound.statistics.arrays import IntArray
    from simulate.run.block import Block
    from simulate.study.definition import ClosedQuestion, Study
    from simulate.study.profile import Profile


@dataclass(frozen=True, slots=True)
class Labels:
    """What all rows of a table have in common.

    Attributes
    ----------
    study : Study
    model : str
    seed : int or None
        Of the run, if every answer was drawn with a seed of its own; None: column `seed` is empty.
    """

    study: Study
    model: str
    seed: int | None


def write_responses(path: Path, levels: Iterable[Sequence[Block]], labels: Labels) -> int:
    """Write the response table; rows are ordered by iteration, persona, arm, trial and question.

    Parameters
    ----------
    path : Path
        Replaced once the table is complete.
    levels : iterable of sequence of Block
        For each iteration its blocks, complete, in the personas' order.
    labels : Labels

    Returns
    -------
    int
        Number of answers.

    Raises
    ------
    ConfoundError
        When it cannot be written; a file that was there before stays.
    """
    import pyarrow.parquet as pq

    rows = 0
    with replacing(path) as aside, pq.ParquetWriter(aside, _schema(), compression="zstd") as writer:
        for blocks in levels:
            table = response_table(blocks, labels)
            writer.write_table(table, row_group_size=max(1, table.num_rows))
            rows += table.num_rows
    return rows


def response_table(blocks: Sequence[Block], labels: Labels) -> pa.Table:
    """Return the rows of one iteration's blocks."""
    import pyarrow as pa

    study = labels.study
    known = [*study.questions.values(), *_retention_questions(study)]
    place = {question.id: number for number, question in enumerate(known)}
    parts = [_indices(block, place) for block in blocks]
    persona = np.repeat(np.arange(len(blocks)), [block.codes.size for block in blocks])
    arm, trial, question, code = (np.concatenate([part[axis] for part in parts]) for axis in range(4))
    answer = np.where(code < 0, -1, np.cumsum([0, *(len(q.options) for q in known)])[question] + code)
    columns: dict[str, Any] = {
        "study": _constant(study.study, len(code)),
        "model": _constant(labels.model, len(code)),
        "iteration": np.full(len(code), blocks[0].profile.iteration, np.int32),
        "persona": _taken([block.profile.persona.id for block in blocks], persona),
        "trial": (trial + 1).astype(np.int32),
        "arm": _taken([a.name for a in study.arms], arm),
        "question": _taken([q.id for q in known], question),
        "role": _taken([q.role for q in known], question),
        "response": _taken([option for q in known for option in q.options], answer),
        "value": _taken([v for q in known for v in (q.values or [None] * len(q.options))], answer, pa.float64()),
        "item": _taken([item.id for item in study.items], trial % len(study.items) if study.items else trial * 0 - 1),
        "source_arm": np.concatenate([_sources(block) for block in blocks]).tolist(),
        "specified": np.concatenate([_specified(block) for block in blocks]).tolist(),
        "text": [text for block in blocks for text in _sparse(block, block.texts)],
        "reason": [reason for block in blocks for reason in _sparse(block, block.reasons)],
        "seed": _seeds(blocks, labels.seed, max(1, len(study.items))),
    }
    schema = _schema()
    return pa.table([pa.array(columns[name], schema.field(name).type) for name in schema.names], schema=schema)


def write_attributes(path: Path, profiles: Iterable[Profile], labels: Labels) -> None:
    """Write what was adopted, one row for each adoption; `iteration` is the first with the attribute specified.

    Parameters
    ----------
    path : Path
        Replaced once the table is complete.
    profiles : iterable of Profile
        The profiles of the last iteration, which hold everything that was adopted.
    labels : Labels

    Raises
    ------
    ConfoundError
        When it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = {name: level for level, batch in enumerate(labels.study.batches, start=1) for name in batch}
    rows = [
        {
            "study": labels.study.study,
            "model": labels.model,
            "persona": profile.persona.id,
            "design": "mixture" if profile.source_arm is None else "source",
            "iteration": first[adoption.question],
            "question": adoption.question,
            "value": adoption.value,
            "source_arm": adoption.source_arm,
            "source_trial": adoption.source_trial,
        }
        for profile in profiles
        for adoption in profile.adoptions
    ]
    names = ("study", "model", "persona", "design", "iteration", "question", "value", "source_arm", "source_trial")
    numbers = ("iteration", "source_trial")
    schema = pa.schema([(name, pa.int32() if name in numbers else pa.string()) for name in names])
    with replacing(path) as aside:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), aside, compression="zstd")


def _schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {"iteration": pa.int32(), "trial": pa.int32(), "value": pa.float64(), "seed": pa.int64()}
    names = (
        *("study", "model", "iteration", "persona", "trial", "arm", "question", "role", "response"),
        *("value", "item", "source_arm", "specified", "text", "reason", "seed"),
    )
    return pa.schema([(name, kinds.get(name, pa.string())) for name in names])


def _retention_questions(study: Study) -> list[ClosedQuestion]:
    return [retention_question(question) for question in study.questions.values() if question.role == "confounder"]


def _indices(block: Block, place: dict[str, int]) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return arm, trial (from 0), question and code of each answer."""
    arm, trial, question = np.indices(block.codes.shape)
    own = np.array([place[q.id] for q in block.questions])
    return arm.ravel(), trial.ravel(), own[question.ravel()], block.codes.ravel().astype(np.int64)


def _taken(labels: Sequence[Any], indices: IntArray, kind: Any = None) -> Any:
    """Look up labels by their place; -1 is missing."""
    import pyarrow as pa

    places = pa.array(indices, mask=indices < 0)
    return pa.array(labels, pa.string() if kind is None else kind).take(places)


def _constant(label: str, length: int) -> Any:
    return _taken([label], np.zeros(length, np.int64))


def _sources(block: Block) -> NDArray[np.object_]:
    """Return the arm in which an answer's attribute was drawn: for all answers in the 2 x 2, else for retention."""
    held: NDArray[np.object_] = np.full(block.codes.shape, block.profile.source_arm, object)
    drawn = {RETENTION + adoption.question: adoption.source_arm for adoption in block.profile.adoptions}
    for place, question in enumerate(block.questions):
        if question.id in drawn:
            held[..., place] = drawn[question.id]
    return held.ravel()


def _specified(block: Block) -> NDArray[np.object_]:
    """Return the adopted answer that a retention question asks for again."""
    held: NDArray[np.object_] = np.full(block.codes.shape, None, object)
    for place, question in enumerate(block.questions):
        if question.id.startswith(RETENTION):
            held[..., place] = block.profile.adopted.get(question.id.removeprefix(RETENTION))
    return held.ravel()


def _sparse(block: Block, held: dict[tuple[int, int, int], str]) -> list[str | None]:
    spread: NDArray[np.object_] = np.full(block.codes.shape, None, object)
    for place, text in held.items():
        spread[place] = text
    flat: list[str | None] = spread.ravel().tolist()
    return flat


def _seeds(blocks: Sequence[Block], seed: int | None, cycle: int) -> list[int | None]:
    if seed is None:
        return [None] * sum(block.codes.size for block in blocks)
    return [
        answer_seed(seed, block.profile, arm, trial, question.id, cycle=cycle)
        for block in blocks
        for arm in block.arms
        for trial in range(1, block.trials + 1)
        for question in block.questions
    ]
