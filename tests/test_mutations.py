"""Whatever is wrong with a file, what comes of it is a result or one of the package's own errors.

`CONFOUND_MUTATIONS=10000 pytest tests/test_mutations.py` tries the number that a nightly run takes.
"""

import io
import json
import os
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import confound
from confound.errors import ConfoundError, ConfoundWarning
from confound.findings import schema, truth
from confound.findings.tables import TABLES
from confound.log import run_files
from simulate.commands import preview
from simulate.run.journal import JOURNAL
from simulate.run.loop import simulate
from simulate.study.catalogue import EXAMPLE
from simulate.study.reading import load_study
from tests import mutated
from tests.log.made import ROLES, made

MUTATIONS = int(os.environ.get("CONFOUND_MUTATIONS", "500"))
SHOWN = 12
BRIEF: dict[str, Any] = {"workers": 1, "skip": ("decomposition", "sensitivity", "stabilization", "figures", "report")}
Mutate = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Kind:
    """One kind of file: a sound one, how it is changed, and what is done with it."""

    sound: dict[str, bytes]
    mutate: Mutate
    use: Callable[[Path, random.Random], object]


def looked_at(path: Path, rng: random.Random) -> None:
    """Describe a log, and analyse some."""
    confound.describe(path, **ROLES)
    if rng.random() < 0.3:
        whole(confound.analyze(path, **ROLES, **BRIEF))


def whole(found: confound.Analysis) -> None:
    """Hold a result to have all its parts: what fails costs only its own part, and would go unseen."""
    for failure in found.failures:
        raise AssertionError(f"{failure.message} {failure.trace.strip().splitlines()[-3:]}")


def loaded(path: Path, rng: random.Random) -> None:
    """Load a result, show every table, and save it again."""
    found = confound.load(path)
    found._repr_html_()
    for name in TABLES:
        for form in ("csv", "md", "tex", "html"):
            try:
                found.publish(name, form)
            except ConfoundError:
                continue
    if rng.random() < 0.2:
        found.save(path.parent / "again")  # a part that cannot be made is a warning, and so an error of the tests


def studied(path: Path, rng: random.Random) -> None:
    """Read a study file as the simulator does and as an analysis does."""
    log = path.with_name("log.csv")
    if not log.exists():
        made(personas=4, trials=2).to_csv(log, index=False)
    for use in (
        lambda: preview(str(path), seed=1),
        lambda: confound.describe(log, study_file=[path], **(ROLES if rng.random() < 0.5 else {})),
    ):
        try:
            use()
        except ConfoundError:
            continue


def resumed(path: Path, _: random.Random) -> None:
    """Go on with a run."""
    simulate(load_study(EXAMPLE), path.parent, resume=True)


def beside(path: Path, rng: random.Random) -> None:
    """Look at what a run left beside its log; some logs are analysed with it."""
    run_files.targeted_from([str(path)])
    run_files.is_run([str(path)])
    known = run_files.truths([str(path)])
    found = confound.load(path.parent / "analysis.json")
    tables = (schema.records(found.frames[name]) for name in ("drift", "effects", "decomposition"))
    made_of = schema.frame(list(truth.rows(known, *tables)), truth.SCHEMA)
    list(truth.points(made_of, 0.95))
    if rng.random() < 0.03:
        whole(confound.analyze(path.parent / "responses.parquet", **(BRIEF | {"skip": (*BRIEF["skip"], "drift")})))


def columns(content: bytes, rng: random.Random) -> bytes:
    """Change names, types and values of the columns of a parquet file."""
    table = pq.read_table(io.BytesIO(content))
    arrays = {name: table.column(name).to_pylist() for name in table.column_names}
    name = rng.choice(table.column_names)
    change = rng.randrange(4)
    if change == 0:
        arrays[rng.choice(mutated.HOSTILE)] = arrays.pop(name)
    elif change == 1:
        arrays[name] = [rng.choice((*mutated.HOSTILE, text)) for text in arrays[name]]
    elif change == 2:
        value = rng.choice([v for v in mutated.VALUES if v != "\ud800"])
        arrays[name] = [value] * len(arrays[name])
    else:
        kinds = (pa.binary(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.list_(pa.string()))
        kind = rng.choice(kinds)
        arrays[name] = pa.array([[str(x)] if kind == kinds[3] else str(x) for x in arrays[name]], type=kind)
    sink = io.BytesIO()
    try:
        pq.write_table(pa.table(arrays), sink)
    except (pa.ArrowException, OverflowError, TypeError):  # such a file cannot be
        return content
    return sink.getvalue()


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kind]:
    """Make a sound file of each kind."""
    log = made(personas=4, trials=2)
    rows = log.assign(iteration=0, value=range(len(log)), study="s", model="m")
    folder = tmp_path_factory.mktemp("sound")
    result = confound.analyze(log, **ROLES, **(BRIEF | {"skip": ("stabilization", "figures", "report")}))
    result.save(folder / "result")
    simulate(load_study(EXAMPLE), folder / "run", personas=4, trials=2)
    parquet = io.BytesIO()
    rows.to_parquet(parquet)
    confound.analyze(folder / "run", skip=("stabilization", "figures", "report")).save(folder / "of run")
    run = {name: (folder / "run" / name).read_bytes() for name in ("responses.parquet", "manifest.json", "truth.json")}
    run["analysis.json"] = (folder / "of run" / "analysis.json").read_bytes()
    return {
        "csv": Kind(
            {"log.csv": rows.to_csv(index=False).encode()}, mutated.one_of(mutated.cells, mutated.cells), looked_at
        ),
        "json lines": Kind(
            {"log.jsonl": rows.to_json(orient="records", lines=True).encode()},
            mutated.one_of(mutated.lines, mutated.lines),
            looked_at,
        ),
        "parquet": Kind({"log.parquet": parquet.getvalue()}, mutated.one_of(columns), looked_at),
        "study file": Kind(
            {"study.yaml": EXAMPLE.read_bytes()}, mutated.one_of(mutated.yaml_text, mutated.yaml_text), studied
        ),
        "analysis.json": Kind(
            {"analysis.json": (folder / "result" / "analysis.json").read_bytes()},
            mutated.one_of(mutated.document, mutated.document, mutated.document),
            loaded,
        ),
        "journal": Kind(
            {JOURNAL: (folder / "run" / JOURNAL).read_bytes()}, mutated.one_of(mutated.sealed, mutated.sealed), resumed
        ),
        "truth": Kind({"truth.json": run.pop("truth.json"), **run}, mutated.one_of(mutated.document), beside),
        "manifest": Kind({"manifest.json": run.pop("manifest.json"), **run}, mutated.one_of(mutated.document), beside),
    }


def fault(kind: Kind, name: str, number: int, folder: Path) -> str | None:
    """Change a file and use it; return where an exception that is none of ours was raised, with what it says."""
    rng = random.Random(f"{name} {number}")  # noqa: S311 -- no secret
    folder.mkdir()
    first, *others = kind.sound
    for other in others:
        (folder / other).write_bytes(kind.sound[other])
    (folder / first).write_bytes(kind.mutate(kind.sound[first], rng))
    try:
        kind.use(folder / first, rng)
    except ConfoundError as error:
        return None if str(error) else "an empty message"
    except ConfoundWarning as told:  # a part that a changed result does not allow is left out, and told
        return None if "ConfoundError" in str(told) else f"{told}"
    except Exception as error:  # noqa: BLE001 -- just these are looked for
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
        return f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {type(error).__name__}: {str(error)[:200]}"
    return None


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["csv", "json lines", "parquet", "study file", "analysis.json", "journal", "truth", "manifest"],
)
def test_only_errors_of_our_own(name: str, kinds: dict[str, Kind], tmp_path: Path) -> None:
    """A file that was changed at random is read, or refused in words."""
    found: dict[str, list[int]] = {}
    for number in range(MUTATIONS // len(kinds)):
        said = fault(kinds[name], name, number, tmp_path / str(number))
        if said:
            found.setdefault(said, []).append(number)
    shown = [f"{said} (of {len(numbers)}: {numbers[:3]})" for said, numbers in found.items()]
    assert not found, "\n".join([f"{len(found)} kinds of fault", *shown[:SHOWN]])


def test_mutations_change_files(kinds: dict[str, Kind]) -> None:
    """The same number gives the same bytes, and most numbers others than the sound file's."""
    for name, kind in kinds.items():
        sound = next(iter(kind.sound.values()))
        made_of = [kind.mutate(sound, random.Random(f"{name} {n}")) for n in range(20)]  # noqa: S311 -- no secret
        assert made_of == [kind.mutate(sound, random.Random(f"{name} {n}")) for n in range(20)]  # noqa: S311
        assert sum(json.dumps(str(each)) != json.dumps(str(sound)) for each in made_of) > 12
        assert pd.Series(made_of).nunique() > 12
