"""EDSL: `Results.to_csv` or `to_pandas`, and the JSON of its results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.importers import csvs, jsons
from confound.log.importers.arms import called_arms, others
from confound.log.importers.protocol import Imported, Importer, Wanted, guarded, table_of

PERSONA = ("agent.agent_name", "agent.agent_index", "agent.name")


def _is_csv(file: Path) -> bool:
    names = next(iter(csvs.first_rows(file, 1)), [])
    return any(name.startswith("answer.") for name in names) and any(name.startswith("agent.") for name in names)


@guarded
def _read_csv(file: Path, wanted: Wanted) -> Imported:
    held = csvs.read(file)
    rows = [dict.fromkeys(filter(None, held.names)) | dict(zip(held.names, row, strict=False)) for row in held.rows]
    return _imported(file, rows, wanted.taken, held.said)


def _is_json(file: Path) -> bool:
    text = jsons.head(file).lstrip()
    one = jsons.head_of_object(file)
    if one and '"edsl_class_name"' in one and jsons.opens(one, "data", "["):
        return True
    return (bool(one) or text.startswith("[")) and jsons.opens(text, "agent") and jsons.opens(text, "answer")


@guarded
def _read_json(file: Path, wanted: Wanted) -> Imported:
    held = jsons.whole(file)
    results = held.get("data", held) if isinstance(held, dict) else held
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise InputError(f"{file}: EDSL results should hold a list 'data'. Export them again with Results.to_dict")
    return _imported(file, [_flat(result) for result in results], wanted.taken)


def _flat(result: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one result out as `to_pandas` does."""
    row = {f"agent.{name}": value for name, value in jsons.object_at(result, "agent", "traits").items()}
    row["agent.agent_name"] = jsons.at(result, "agent", "name")
    row["agent.agent_index"] = jsons.at(result, "indices", "agent")
    row |= {f"answer.{name}": value for name, value in jsons.object_at(result, "answer").items()}
    scenario = {k: v for k, v in jsons.object_at(result, "scenario").items() if not k.startswith("edsl_")}
    row |= {f"scenario.{name}": value for name, value in scenario.items() if name != "scenario_index"}
    model = result.get("model")
    row["model.model"] = jsons.at(model, "model") if isinstance(model, dict) else model
    row["iteration.iteration"] = result.get("iteration")
    return row | {f"cache_used.{name}": used for name, used in jsons.object_at(result, "cache_used_dict").items()}


def _imported(file: Path, rows: Sequence[Mapping[str, Any]], named: Sequence[str], how: str = "") -> Imported:
    plain = [{name: None if value == "" else value for name, value in row.items() if name} for row in rows]
    names = list(dict.fromkeys(name for row in plain for name in row))
    questions = tuple(name for name in names if name.startswith("answer."))
    if not questions:
        raise InputError(f"{file}: EDSL results without an answer. Export them again")
    filled = {name for row in plain for name, value in row.items() if value is not None}
    arms = [each for each in called_arms(names) if each.startswith(("agent.", "scenario.")) and each in filled]
    persona = next((name for name in PERSONA if name in filled), "")
    usual = {"trial": "iteration.iteration", "model": "model.model", "persona": persona, "arm": next(iter(arms), "")}
    columns = {new: name for new, name in usual.items() if name in filled}
    plain, items = _with_items(plain, [name for name in names if _is_item(name, [*arms, *named])])
    columns |= {"item": "item"} if items else {}
    taken = ", ".join(f"the {new} from '{name}'" for new, name in columns.items())
    said = f"{file}: read as EDSL results of {len(rows):,} interviews; it takes {taken or 'nothing for sure'}."
    said += " 'iteration' counts repetitions." if "trial" in columns else ""
    return Imported(table_of(plain), said + others(arms) + _cached(plain) + how, columns, questions)


def _is_item(name: str, arms: Sequence[str]) -> bool:
    return name.startswith("scenario.") and name not in arms and not name.endswith("_index")


def _cached(rows: Sequence[Mapping[str, Any]]) -> str:
    """Word how many answers a cache gave."""
    used = [value for row in rows for name, value in row.items() if name.startswith("cache_used.")]
    n = sum(str(value).lower() == "true" for value in used)
    return f" {n:,} answers came from EDSL's cache: repetitions that a cache answers are copies." if n else ""


def _with_items(rows: Sequence[dict[str, Any]], scenarios: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
    """Add the scenario, where there are several, as the item."""
    texts = [", ".join(str(row.get(name)) for name in scenarios) for row in rows]
    if len(set(texts)) < 2:
        return list(rows), False
    return [{**row, "item": text} for row, text in zip(rows, texts, strict=True)], True


EDSL = Importer("edsl", "EDSL results, CSV", (".csv",), _is_csv, _read_csv)
EDSL_JSON = Importer("edsl-json", "EDSL results, JSON", (".json",), _is_json, _read_json)
