"""The Story Beliefs files of the Twin-2K-500 Mega-Study -> a response table."""

from pathlib import Path

import pandas as pd

from confound import InputError

# A name in the first chapter tells which story was read; everyone read one of each of two pairs, in either order.
STORIES = {
    "Dylan": ("story_teen_vs_postwar", "teen"),
    "Miriam": ("story_teen_vs_postwar", "postwar"),
    "Aelin": ("story_fantasy_vs_scifi", "fantasy"),
    "Jax": ("story_fantasy_vs_scifi", "scifi"),
    "Sasha": ("story_hidden_door_vs_princess", "hidden_door"),
    "Yoko": ("story_hidden_door_vs_princess", "princess"),
    "Jason": ("story_thriller_vs_diary", "thriller"),
    "Mira ": ("story_thriller_vs_diary", "diary"),
}
GENRES = [
    *("romance", "fantasy", "biography", "mystery", "thriller"),
    *("hist_fiction", "scifi", "fanfiction", "selfhelp", "hist_nonfiction"),
]
CULTURES = ("hollywood", "bollywood", "east_asian_drama", "telenovela", "african_oral", "european_fairy_tales")
OUTCOMES = [f"chap{chapter}_{what}" for chapter in (1, 2) for what in ("val_1", "aro_1", "interest")]
FAMILIAR = {"7": "1", "8": "2", "9": "3", "4": "4", "5": "5"}  # the survey's codes of five levels, low to high
CONTROLS = {f"genre_{n}": f"books_read_10y_{genre}" for n, genre in enumerate(GENRES, 1)} | {
    f"culture_familiar_{n}": f"familiar_{culture}" for n, culture in enumerate(CULTURES, 1)
}
CONFOUNDERS = [f"belief_preference_{n}" for n in range(1, 5)]


def read(people: Path, twins: Path) -> pd.DataFrame:
    """Return the answers of the people and of their twins, a row each.

    Parameters
    ----------
    people, twins : path
        CSV files with a row a person, such as `consolidated_original_answers_values.csv` and
        `consolidated_llm_values.csv`. Further header lines, as Qualtrics writes them, are skipped.

    Raises
    ------
    InputError
        Where a column is missing, a story or an answer's code is unknown.
    """
    return pd.concat([_answers(path, model) for path, model in ((people, "human"), (twins, "llm_twin"))])


def _answers(path: Path, model: str) -> pd.DataFrame:
    wide = pd.read_csv(path, dtype=str)
    asked = [f"{slot}{outcome}" for slot in "AB" for outcome in OUTCOMES]
    needed = ["TWIN_ID", "StoryA_Chapter1", "StoryB_Chapter1", *asked, *CONTROLS, *CONFOUNDERS]
    if missing := [name for name in needed if name not in wide]:
        raise InputError(f"{path}: column {missing[0]!r} is missing; it has another layout than Story Beliefs")
    wide = wide[pd.to_numeric(wide["TWIN_ID"], errors="coerce").notna()]
    return pd.concat([_slot(path, wide, slot).assign(model=model) for slot in "AB"])


def _slot(path: Path, wide: pd.DataFrame, slot: str) -> pd.DataFrame:
    """Lay out what was answered about the first or the second story, and about oneself."""
    name = wide[f"Story{slot}_Chapter1"].str.extract(f"({'|'.join(STORIES)})", expand=False)
    if name.isna().any():
        raise InputError(
            f"{path}: no known story in Story{slot}_Chapter1 of TWIN_ID {wide['TWIN_ID'][name.isna()].iloc[0]}"
        )
    place = pd.DataFrame(name.map(STORIES).tolist(), columns=["study", "arm"], index=wide.index)
    kept = place.assign(persona=wide["TWIN_ID"].astype(float).astype(int).astype(str))
    parts = [
        kept.assign(question=question, role=role, response=_coded(path, wide[column]))
        for role, names in (
            ("outcome", {f"{slot}{outcome}": outcome for outcome in OUTCOMES}),
            ("negative_control", CONTROLS),
            ("confounder", {name: name for name in CONFOUNDERS}),
        )
        for column, question in names.items()
    ]
    return pd.concat(parts).assign(iteration=0, trial=0)


def _coded(path: Path, answers: pd.Series) -> pd.Series:
    """Return answers as whole numbers; those about familiarity and preference in their order."""
    whole = pd.to_numeric(answers, errors="coerce").astype("Int64").astype("string")
    if not str(answers.name).startswith(("culture", "belief")):
        return whole
    if strange := sorted(set(whole.dropna()) - set(FAMILIAR)):
        raise InputError(
            f"{path}: column {answers.name!r} holds the code {strange[0]}; known are {', '.join(FAMILIAR)}"
        )
    return whole.map(FAMILIAR)
