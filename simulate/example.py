"""A small A/B study of readers with known truth, made on the spot: the example log."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from confound.errors import InputError
from simulate.backends.structural import (
    MODEL,
    Question,
    Structure,
    Truth,
    draw_answers,
    draw_personas,
    response_frame,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

STUDY = "book_recommendation"
CONTROL, TREATED = "control", "positive"
CLASSES = ("conservative", "moderate", "liberal")
LOG, TRUTH = "responses.parquet", "truth.json"
# Closed forms end in different last bits on different machines; the file should not.
DECIMALS = 12


def example_structure() -> Structure:
    """Return the readers of the example: an agent's praise of a book also moves who is taken to be listening.

    One arm presents a book, the other recommends it. Hearing it praised, the simulated reader becomes a more
    liberal one, who likes such books anyway: part of the observed effect is selection bias. Ideology and
    party show the drift strongly, race and religion weakly, citizenship and `heard_of_it_before` not at all.
    Answers are refused equally often in both arms. The numbers are made up to be believable; the setting
    follows the book study of Lin et al. (2026), section 5.
    """
    return Structure(
        arms=(CONTROL, TREATED),
        classes=CLASSES,
        base=np.array([0.0, 0.3, 0.1]),
        spread=0.7,
        drift=np.array([[0.0, 0.0, 0.0], [-0.5, 0.0, 0.5]]),
        drift_strength=1.6,
        refusal=np.array([0.02, 0.02]),
        questions=(_outcome(), *_negative_controls(), *_confounders()),
    )


def write_example(out: Path, *, personas: int = 100, trials: int = 30, seed: int = 0) -> None:
    """Write the example log to `out/responses.parquet` and its truth to `out/truth.json`.

    The same sizes and seed give the same bytes (under the same version of pyarrow). Both files are written
    aside and moved to their place when complete.

    Parameters
    ----------
    out : Path
        A folder that does not exist yet or is empty.
    personas : int
        Number of personas, 1 or more, each in both arms.
    trials : int
        Conversations of a persona in an arm, 1 or more.
    seed : int
        0 or more.

    Raises
    ------
    InputError
        When a size or the seed is too small, or `out` holds something already or cannot be written; nothing
        in it is changed.
    """
    _check_number("--personas", personas, at_least=1)
    _check_number("--trials", trials, at_least=1)
    _check_number("--seed", seed, at_least=0)
    _refuse_occupied(out)
    structure = example_structure()
    readers = draw_personas(structure, [f"p{number:03d}" for number in range(1, personas + 1)], seed=seed)
    answers = draw_answers(structure, readers, trials=trials, seed=seed)
    frame = response_frame(structure, readers, answers, study=STUDY)
    known = truth(structure, readers, control=CONTROL, treated=TREATED)
    try:
        _write_both(out, frame, _truth_text(known, personas=personas, trials=trials, seed=seed))
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error}). Choose another folder with --out") from error


def _outcome() -> Question:
    presented = [[0.45, 0.33, 0.16, 0.06], [0.25, 0.35, 0.28, 0.12], [0.12, 0.25, 0.38, 0.25]]
    recommended = [[0.36, 0.34, 0.21, 0.09], [0.17, 0.30, 0.34, 0.19], [0.06, 0.17, 0.40, 0.37]]
    return Question(
        id="likely_to_read",
        role="outcome",
        options=("1 - Very unlikely", "2 - Somewhat unlikely", "3 - Somewhat likely", "4 - Very likely"),
        probabilities=np.array([presented, recommended]),
        option_values=(1.0, 2.0, 3.0, 4.0),
    )


def _negative_controls() -> tuple[Question, ...]:
    ideologies = ("Very conservative", "Conservative", "Moderate", "Liberal", "Very liberal")
    return (
        _question("citizenship", "negative_control", ("Citizen", "Not a citizen"), [[0.93, 0.07]] * 3),
        _question(
            "ideology",
            "negative_control",
            ideologies,
            [[0.30, 0.45, 0.20, 0.04, 0.01], [0.04, 0.18, 0.58, 0.16, 0.04], [0.01, 0.04, 0.20, 0.46, 0.29]],
        ),
        _question(
            "party",
            "negative_control",
            ("Republican", "Independent", "Democrat"),
            [[0.75, 0.20, 0.05], [0.28, 0.42, 0.30], [0.05, 0.20, 0.75]],
        ),
        _question(
            "race",
            "negative_control",
            ("White", "Black", "Hispanic", "Asian", "Other"),
            [[0.76, 0.05, 0.12, 0.04, 0.03], [0.62, 0.12, 0.17, 0.06, 0.03], [0.50, 0.20, 0.18, 0.09, 0.03]],
        ),
        _question("heard_of_it_before", "negative_control", ("No", "Yes"), [[0.7, 0.3]] * 3),
    )


def _confounders() -> tuple[Question, ...]:
    return (
        _question(
            "region",
            "confounder",
            ("Northeast", "Midwest", "South", "West"),
            [[0.13, 0.23, 0.45, 0.19], [0.17, 0.22, 0.38, 0.23], [0.22, 0.18, 0.31, 0.29]],
        ),
        _question(
            "religion",
            "confounder",
            ("Protestant", "Catholic", "Other", "Nothing in particular"),
            [[0.53, 0.22, 0.08, 0.17], [0.40, 0.22, 0.09, 0.29], [0.27, 0.18, 0.11, 0.44]],
        ),
        _question(
            "education",
            "confounder",
            ("High school or less", "Some college", "College graduate"),
            [[0.42, 0.31, 0.27], [0.36, 0.31, 0.33], [0.26, 0.28, 0.46]],
        ),
    )


def _question(id_: str, role: str, options: tuple[str, ...], rows: Sequence[Sequence[float]]) -> Question:
    """Build a question whose answers depend on the class alone, with one row for each of `CLASSES`."""
    probabilities: NDArray[np.float64] = np.array(rows)
    return Question(id=id_, role=role, options=options, probabilities=probabilities)


def _check_number(option: str, number: int, *, at_least: int) -> None:
    if number < at_least:
        raise InputError(f"{option} must be {at_least} or more but got {number}")


def _refuse_occupied(out: Path) -> None:
    try:
        occupied = next(out.iterdir(), None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{out}: is no folder to write in ({error}). Choose another with --out") from error
    if occupied is not None:
        raise InputError(f"{out}: already holds {occupied.name}. Choose another folder with --out, or empty this one")


def _truth_text(known: Truth, **settings: int) -> str:
    content = {
        "study": STUDY,
        "model": MODEL,
        "iteration": 0,
        "design": "within",
        "contrast": f"{TREATED} - {CONTROL}",
        **settings,
        **asdict(known),
    }
    return json.dumps(_rounded(content), indent=2) + "\n"


def _rounded(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _rounded(entry) for key, entry in content.items()}
    # Adding 0.0 turns -0.0 into 0.0.
    return round(content, DECIMALS) + 0.0 if isinstance(content, float) else content


def _write_both(out: Path, frame: pd.DataFrame, truth_text: str) -> None:
    home = out if out.exists() else out.parent
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".example-") as aside:
        log, text = Path(aside, LOG), Path(aside, TRUTH)
        frame.to_parquet(log, index=False)
        text.write_text(truth_text, encoding="utf-8")
        out.mkdir(exist_ok=True)
        # The log comes last: a folder with a log has its truth.
        text.replace(out / TRUTH)
        log.replace(out / LOG)
