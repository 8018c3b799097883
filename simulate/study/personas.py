"""Who is simulated: the adult population, people written into the study, or people of the user's own data.

A persona depends only on the seed, the study's name and its own place, not on how many are asked for.
"""

from __future__ import annotations

import ast
import csv
import difflib
import io
import re
from typing import TYPE_CHECKING

import numpy as np

from confound.errors import InputError
from simulate.randomness import keyed_generator
from simulate.study.definition import Persona
from simulate.study.marked import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from simulate.study.definition import PersonaSource, Study

# Resident population of the United States on 1 July 2024, in thousands, rounded: first and last age, men, women. Sums
# over single years of age of the U.S. Census Bureau, Vintage 2024, file NC-EST2024-AGESEX-RES. The oldest are 85 and
# over; they are drawn from the ages 85 to 94, which hold all but a tenth of them.
US_ADULTS = (
    (18, 19, 4578, 4363),
    (20, 24, 11452, 10970),
    (25, 29, 11391, 11069),
    (30, 34, 12128, 11866),
    (35, 39, 11702, 11468),
    (40, 44, 11254, 11115),
    (45, 49, 10130, 10164),
    (50, 54, 10193, 10294),
    (55, 59, 10052, 10308),
    (60, 64, 10363, 10939),
    (65, 69, 9298, 10192),
    (70, 74, 7402, 8553),
    (75, 79, 5436, 6557),
    (80, 84, 3141, 4165),
    (85, 94, 2414, 4021),
)

OPINIONQA_COLUMNS = {
    "age": "AGE",
    "sex": "SEX",
    "region": "CREGION",
    "education": "EDUCATION",
    "citizenship": "CITIZEN",
    "marital_status": "MARITAL",
    "religion": "RELIG",
    "attendance": "RELIGATTEND",
    "party": "POLPARTY",
    "income": "INCOME",
    "ideology": "POLIDEOLOGY",
    "race": "RACE",
}
BOOK_OPINIONS_COLUMNS = {
    "age": "QDem_Age",
    "sex": "QDem_Gend",
    "race": "QDem_Race",
    "party": "Q_DemRepub",
    "income": "QDem_Income",
}
BOOK_OPINIONS_FILE = "nytimes_annotator_demographics.csv"
MOVIELENS_AGES = {"18": "18-24", "25": "25-34", "35": "35-44", "45": "45-49", "50": "50-55", "56": "56 or older"}
MOVIELENS_UNDER_AGE = "1"
MOVIELENS_SEXES = {"M": "Male", "F": "Female"}
MOVIELENS_OCCUPATIONS = (
    *("other", "academic or educator", "artist", "clerical or admin", "college or graduate student"),
    *("customer service", "doctor or health care", "executive or managerial", "farmer", "homemaker"),
    *("school student", "lawyer", "programmer", "retired", "sales or marketing", "scientist", "self-employed"),
    *("technician or engineer", "tradesperson", "unemployed", "writer"),
)
NOT_SAID = {"", "refused", "nan", "dk/ref", "don't know/refused", "don't know"}
# A list of answers is short; what is longer is no list of answers, and is not parsed.
MAX_LITERAL = 10_000


def make_personas(source: PersonaSource, n: int, *, seed: int, study: Study) -> tuple[Persona, ...]:
    """Return the first n personas of a study.

    Parameters
    ----------
    source : PersonaSource
        `us_adults` draws age and sex from the built-in population. `inline` and `file` give their people in order.
        `opinionqa`, `book_opinions` and `movielens` draw people without replacement from the user's own copy of the
        data set (OpinionQA by its survey weights), leave out whoever lacks a base attribute, and pass on no identifier.
    n : int
        1 or more.
    seed : int
    study : Study
        Its `base` says which attributes are specified.

    Raises
    ------
    InputError
        When n is below 1, data cannot be read or lack a base attribute, or there are fewer people than n.

    References
    ----------
    U.S. Census Bureau, Annual Estimates of the Resident Population by Single Year of Age and Sex, Vintage 2024.
    Efraimidis and Spirakis (2006), Weighted random sampling with a reservoir, for the draw without replacement.
    """
    if n < 1:
        raise InputError(f"personas must be 1 or more but got {n}")
    if source.kind == "us_adults":
        return tuple(_adult(place, seed, study) for place in range(1, n + 1))
    if source.kind == "inline":
        return _first(source.inline, n, "the study's `people`")
    if source.path is None:
        raise InputError(f"personas from {source.kind} need a path")
    if source.kind == "file":
        return _first(_file(source.path, study.base), n, str(source.path))
    loaders = {"opinionqa": _opinionqa, "book_opinions": _book_opinions, "movielens": _movielens}
    people, weights = loaders[source.kind](source.path, study.base)
    order = _drawn_order(np.asarray(weights, np.float64), seed, study)
    drawn = [Persona(_id(place), people[row]) for place, row in enumerate(order, start=1)]
    return _first(drawn, n, str(source.path))


def _id(place: int) -> str:
    return f"p{place:04d}"


def _first(people: Sequence[Persona], n: int, name: str) -> tuple[Persona, ...]:
    if len(people) < n:
        raise InputError(f"{name}: {n} personas are asked for, but there are {len(people)}; ask for {len(people)}")
    return tuple(people[:n])


def _adult(place: int, seed: int, study: Study) -> Persona:
    rng = keyed_generator(seed, "adult", study.study, place)
    cells = np.array([(men, women) for _, _, men, women in US_ADULTS], np.float64).ravel()
    cell = int(np.searchsorted(np.cumsum(cells / cells.sum())[:-1], rng.random(), side="right"))
    first, last, _, _ = US_ADULTS[cell // 2]
    person = {"age": str(first + int(rng.random() * (last + 1 - first))), "sex": ("Male", "Female")[cell % 2]}
    return Persona(_id(place), {name: person[name] for name in study.base})


def _drawn_order(weights: np.ndarray[tuple[int], np.dtype[np.float64]], seed: int, study: Study) -> list[int]:
    """Order rows as drawn one by one without replacement, with chances in proportion to their weights."""
    waits = keyed_generator(seed, "people", study.study).standard_exponential(len(weights)) / weights
    return [int(row) for row in np.argsort(waits, kind="stable")]


def _read(path: Path, encoding: str = "utf-8-sig") -> str:
    try:
        return path.read_bytes().decode(encoding)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no {encoding} text; save it as UTF-8") from error


def _rows(path: Path, needed: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and fields of a CSV file's rows."""
    reader = csv.reader(io.StringIO(_read(path), newline=""), strict=True)
    try:
        header = next(reader, [])
        for column in needed:
            if column not in header:
                raise InputError(f"{path}:1: column '{column}' is missing{_near(column, header)}")
        for row in reader:
            if len(row) != len(header) and row:
                raise InputError(f"{path}:{reader.line_num}: {len(row)} fields where the header has {len(header)}")
            if row:
                yield reader.line_num, dict(zip(header, (field.strip() for field in row), strict=True))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: no valid CSV: {error}") from error


def _near(column: str, header: Sequence[str]) -> str:
    """Name a column that may be meant. Others are not shown: the path may lead to any file."""
    names = {name.casefold(): name for name in header}
    near = difflib.get_close_matches(column.casefold(), names, n=1)
    return f"; did you mean '{names[near[0]]}'?" if near else f" among {len(header)} columns"


def _file(path: Path, base: Sequence[str]) -> list[Persona]:
    """Read columns `id`, the base attributes and, if there is one, `text`."""
    people: dict[str, Persona] = {}
    for line, row in _rows(path, ("id", *base)):
        blank = next((name for name in ("id", *base) if not row[name]), None)
        if blank:
            raise InputError(f"{path}:{line}: '{blank}' is empty; fill it in or remove the row")
        if row["id"] in people:
            raise InputError(f"{path}:{line}: id '{row['id']}' stands twice; give each persona its own")
        people[row["id"]] = Persona(row["id"], {name: row[name] for name in base}, row.get("text", ""))
    return list(people.values())


def _opinionqa(folder: Path, base: Sequence[str]) -> tuple[list[dict[str, str]], list[float]]:
    """Read one wave of OpinionQA; a base attribute is one of `OPINIONQA_COLUMNS` or a question's own column."""
    path = folder / "responses.csv"
    if not path.is_file():
        raise InputError(f"{folder}: holds no responses.csv; give the folder of one wave, American_Trends_Panel_W...")
    columns = {name: OPINIONQA_COLUMNS.get(name, name) for name in base}
    refusals = _refusals(folder / "info.csv", set(columns.values()))
    people, weights = [], []
    for line, row in _rows(path, columns.values()):
        weight = _weight(path, line, row)
        person = {name: row[column] for name, column in columns.items()}
        said = all(
            value.casefold() not in NOT_SAID and value not in refusals.get(columns[name], ())
            for name, value in person.items()
        )
        if said and weight > 0:
            people.append(person)
            weights.append(weight)
    return people, weights


def _weight(path: Path, line: int, row: Mapping[str, str]) -> float:
    column = next((name for name in row if re.fullmatch(r"WEIGHT_W\d+", name)), None)
    if column is None:
        return 1.0
    try:
        weight = float(row[column] or 0)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < np.inf:
        raise InputError(f"{path}:{line}: {column} holds no weight, a number of 0 or more")
    return weight


def _refusals(path: Path, wanted: set[str]) -> dict[str, tuple[str, ...]]:
    """Read which answers of a question are refusals: `references` beyond those that `option_ordinal` orders."""
    if not path.is_file():
        return {}
    found = {}
    for line, row in _rows(path, ("key", "references", "option_ordinal")):
        if row["key"] in wanted:
            answers, ordered = (_literal(path, line, row[name]) for name in ("references", "option_ordinal"))
            found[row["key"]] = tuple(str(answer) for answer in answers[len(ordered) :])
    return found


def _literal(path: Path, line: int, text: str) -> list[object]:
    try:
        value = ast.literal_eval(text) if len(text) <= MAX_LITERAL else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise InputError(f"{path}:{line}: holds no list of answers where one is due")
    return value


def _book_opinions(path: Path, base: Sequence[str]) -> tuple[list[dict[str, str]], list[float]]:
    """Read the annotators of Book Opinions, each once: some stand there several times."""
    path = path / BOOK_OPINIONS_FILE if path.is_dir() else path
    columns = {name: _column(path, name, BOOK_OPINIONS_COLUMNS) for name in base}
    people: dict[str, dict[str, str]] = {}
    for _, row in _rows(path, ("Q84", *columns.values())):
        annotator = row["Q84"].partition("@")[0]
        person = {name: row[column].removesuffix(" (please specify)") for name, column in columns.items()}
        if annotator and all(value.casefold() not in NOT_SAID for value in person.values()):
            people.setdefault(annotator, person)
    return list(people.values()), [1.0] * len(people)


def _movielens(path: Path, base: Sequence[str]) -> tuple[list[dict[str, str]], list[float]]:
    """Read the adult users of MovieLens 1M."""
    path = path / "users.dat" if path.is_dir() else path
    known = ("age", "sex", "occupation")
    for name in base:
        _column(path, name, dict.fromkeys(known, ""))
    people = []
    for line, text in enumerate(_read(path, "latin-1").splitlines(), start=1):
        if not text.strip():
            continue
        fields = text.split("::")
        try:
            _, sex, age, occupation, _ = fields
            if age == MOVIELENS_UNDER_AGE:
                continue
            person = (MOVIELENS_AGES[age], MOVIELENS_SEXES[sex], MOVIELENS_OCCUPATIONS[int(occupation)])
        except (ValueError, LookupError) as error:
            raise InputError(
                f"{path}:{line}: is no user of MovieLens 1M: UserID::Gender::Age::Occupation::Zip-code"
            ) from error
        people.append({name: dict(zip(known, person, strict=True))[name] for name in base})
    return people, [1.0] * len(people)


def _column(path: Path, name: str, columns: Mapping[str, str]) -> str:
    if name not in columns:
        raise InputError(f"{path}: has no base attribute '{name}'; {suggest(name, columns)}")
    return columns[name]
