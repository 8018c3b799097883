"""A log of the size of a paper: studies x models x iterations, with drift that fades as personas are specified."""

import numpy as np
import pandas as pd

MODELS = (
    "openai/gpt-oss-20b",
    "google/gemma-3-4b-it",
    "google/gemma-4-31B-it",
    "Qwen/Qwen3-30B-A3B",
    "Qwen/Qwen3-30B-A3B-Instruct-2507",
    "gemini-3-flash-preview",
)
STUDIES = ("opinionqa", "book_opinions", "movielens")
CONTROLS = {
    "party": ("Democrat", "Independent", "Republican", "Something else"),
    "ideology": ("Very liberal", "Liberal", "Moderate", "Conservative", "Very conservative"),
    "race": ("White", "Black", "Asian", "Hispanic", "Another race or more than one"),
    "citizenship": ("Yes", "No"),
    "heard_of_it_before": ("Yes", "No"),
    "marital_status": ("Married", "Never married", "Divorced or separated", "Widowed"),
    "home_ownership": ("Owner", "Renter"),
    "books_read_in_the_last_ten_years": ("None", "One to ten", "More than ten"),
    "household_size": ("One", "Two", "Three", "Four or more"),
}
OUTCOME = ("1 - Very unlikely", "2 - Unlikely", "3 - Likely", "4 - Very likely")


def grid_log(
    *,
    studies: int = 3,
    models: int = 6,
    iterations: int = 14,
    controls: int = 9,
    personas: int = 20,
    trials: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """Return a response table of answers drawn from softmax laws; arms differ less at each iteration.

    Retention is asked from iteration 1 on; what was specified is what a persona says most.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for study in STUDIES[:studies]:
        names = list(CONTROLS)[:controls]
        for model in MODELS[:models]:
            strength = rng.uniform(0.2, 1.4)
            for question in [*names, "likely", "retention_income"]:
                answers = CONTROLS.get(question, OUTCOME)
                role = {"likely": "outcome", "retention_income": "retention"}.get(question, "negative_control")
                made = _answers(rng, len(answers), iterations, personas, trials, strength * rng.uniform(0, 1), role)
                frames.append(_frame(made, answers, study=study, model=model, question=question, role=role))
    log = pd.concat(frames, ignore_index=True)
    asked = log[log["role"] == "retention"].groupby(["study", "model", "persona"])["response"]
    log["specified"] = asked.transform(lambda said: said.mode()[0]).reindex(log.index)  # nothing elsewhere
    return log[(log["role"] != "retention") | (log["iteration"] > 0)]


def _answers(
    rng: np.random.Generator, k: int, iterations: int, personas: int, trials: int, strength: float, role: str
) -> np.ndarray:
    """Return codes, shape (iterations, personas, 2, trials); k stands for Unknown."""
    base = rng.normal(0, 3 if role == "retention" else 1, (personas, k))
    shift = rng.normal(0, 1, k) + np.linspace(-1, 1, k) * (role == "outcome") * 1.5
    fade = np.exp(-np.arange(iterations) / 3) + 0.3 * (role == "outcome")
    arm = np.array([0.0, 1.0]) * (role != "retention") * strength
    logits = base[None, :, None, :] + fade[:, None, None, None] * arm[None, None, :, None] * shift
    noise = rng.gumbel(size=(iterations, personas, 2, trials, k)) * (0.3 if role == "retention" else 1)
    codes = (logits[:, :, :, None, :] + noise).argmax(axis=-1)
    return np.where(rng.random(codes.shape) < 0.02, k, codes)


def _frame(codes: np.ndarray, answers: tuple[str, ...], **labels: str) -> pd.DataFrame:
    iteration, persona, arm, trial = (axis.ravel() for axis in np.indices(codes.shape))
    return pd.DataFrame(
        {
            **labels,
            "iteration": iteration,
            "persona": np.char.add("p", persona.astype(str)),
            "trial": trial,
            "arm": np.array(["control", "treated"])[arm],
            "response": np.array([*answers, "Unknown"])[codes.ravel()],
        }
    )
