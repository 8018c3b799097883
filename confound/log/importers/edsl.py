"""EDSL: `Results.to_csv` or `to_pandas`, and the JSON of its results."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.importers import jsons
from confound.log.importers.protocol import Imported, Importer, Wanted, table_of
from confound.log.importers.surveys import ARM, _first_rows, _rows

PERSONA = ("agent.agent_name", "agent.agent_index", "agent.name")


def _is_csv(file: Path) -> bool:
    names = next(iter(_first_rows(file, 1)), [])
    return any(name.startswith("answer.") for name in names) and any(name.startswith("agent.") for name in names)


def _read_csv(file: Path, wanted: Wanted) -> Imported:
    names, *rows = _rows(file)
    return _imported(file, [dict(zip(names, row, strict=False)) for row in rows if any(row)], wanted.taken)


def _is_json(file: Path) -> bool:
    text = jsons.head(file)
    return (text.lstrip().startswith("{") and '"edsl_class_name"' in text) or (
        '"answer"' in text and '"agent"' in text and '"traits"' in text
    )


def _read_json(file: Path, wanted: Wanted) -> Imported:
    held = jsons.whole(file)
    results = held.get("data", held) if isinstance(held, dict) else held
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise InputError(f"{file}: EDSL results should hold a list 'data'. Export them again with Results.to_dict")
    return _imported(file, [_flat(result) for result in results], wanted.taken)


def _flat(result: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one result out as `to_pandas` does."""
    agent = result.get("agent") or {}
    row = {f"agent.{name}": value for name, value in (jsons.at(agent, "traits") or {}).items()}
    row["agent.agent_name"] = jsons.at(agent, "name") or jsons.at(result, "indices", "agent")
    row |= {f"answer.{name}": value for name, value in (result.get("answer") or {}).items()}
    scenario = {k: v for k, v in (result.get("scenario") or {}).items() if not k.startswith("edsl_")}
    row |= {f"scenario.{name}": value for name, value in scenario.items() if name != "scenario_index"}
    model = result.get("model")
    row["model.model"] = jsons.at(model, "model") if isinstance(model, dict) else model
    row["iteration.iteration"] = result.get("iteration")
    row |= {f"cache_used.{name}": used for name, used in (result.get("cache_used_dict") or {}).items()}
    return row


def _imported(file: Path, rows: Sequence[Mapping[str, Any]], taken: Collection[str]) -> Imported:
    if not rows:
        raise InputError(f"{file}: EDSL results without a row")
    names = list(dict.fromkeys(name for row in rows for name in row))
    plain = [{name: None if value == "" else value for name, value in row.items()} for row in rows]
    columns = {"trial": "iteration.iteration", "model": "model.model"}
    columns = {new: name for new, name in columns.items() if name in names}
    held = [name for name in PERSONA if name in names and any(row.get(name) not in (None, "") for row in plain)]
    columns |= {"persona": held[0]} if held else {}
    arms = [name for name in names if name.startswith(("agent.", "scenario.")) and ARM.fullmatch(name)]
    columns |= {"arm": arms[0]} if arms and arms[0] not in taken else {}
    used = {*arms[:1], *taken} if "arm" in columns else set(taken)
    scenarios = [n for n in names if n.startswith("scenario.") and n not in used and not n.endswith("_index")]
    questions = tuple(name for name in names if name.startswith("answer."))
    plain, items = _with_items(plain, scenarios)
    columns |= {"item": "item"} if items else {}
    cached = sum(
        str(row.get(name)).lower() == "true" for row in plain for name in names if name.startswith("cache_used.")
    )
    said_of = ", ".join(f"the {new} from '{name}'" for new, name in columns.items())
    said = (
        f"{file}: read as EDSL results of {len(rows):,} interviews; it takes {said_of}. 'iteration' counts repetitions."
    )
    if cached:
        said += f" {cached:,} answers came from EDSL's cache: repetitions that a cache answers are copies."
    return Imported(table_of(plain), said, columns, questions)


def _with_items(rows: Sequence[dict[str, Any]], scenarios: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
    """Add the scenario, where there are several, as the item."""
    texts = [", ".join(str(row.get(name)) for name in scenarios) for row in rows]
    if len(set(texts)) < 2:
        return list(rows), False
    return [{**row, "item": text} for row, text in zip(rows, texts, strict=True)], True


EDSL = Importer("edsl", "EDSL results, CSV", (".csv",), _is_csv, _read_csv)
EDSL_JSON = Importer("edsl-json", "EDSL results, JSON", (".json",), _is_json, _read_json)
