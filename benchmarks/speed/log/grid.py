"""The paper's grid as a log: studies x models x iterations x personas x trials x arms x questions, with known truth.

``python -m benchmarks.speed.log.grid --out FILE [--personas N ...] [--truth FILE]``

Every conversation (persona, arm, trial) has a latent class, 0 or 1, which all of its answers depend on. Under arm a of
A the class is 1 with probability 1/2 + u_i + s (a / (A - 1) - 1/2): `u_i` is the persona's, and the drift `s` falls
over the iterations, from a start of its own for each model (0 for the last). So all distances and effects are known:
a negative control's distance is `s` times the distance of its two classes' answers, and the effect of an outcome
settles at its value without drift. With ``--retention N`` personas are also asked, from iteration 1 on, about N
attributes that they were told to have (column ``specified``), and keep to them more or less by their class.
"""

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

OUTCOME_ANSWERS = ("1 - Very unlikely", "2 - Somewhat unlikely", "3 - Somewhat likely", "4 - Very likely")
OTHER_ANSWERS = ("Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree")
ANSWERS = (*OUTCOME_ANSWERS, *OTHER_ANSWERS)
REFUSAL = 0.02  # of every question, in every arm: stored as missing, which is Unknown
LARGEST_DRIFT = 0.5
FADING = 3.0  # iterations in which the drift falls to 1/e
ROWS_AT_ONCE = 2**20
KEPT = (0.95, 0.75)  # of the answers about a specified attribute, by class
COLUMNS = ("study", "model", "iteration", "persona", "trial", "arm", "question", "role", "response")


@dataclass(frozen=True)
class Grid:
    """How much is asked; every conversation is asked all questions.

    Attributes
    ----------
    studies, models, iterations, personas, trials, arms, questions : int
        Numbers of each, 1 or more, `arms` 2 or more; `trials` is by persona and arm. Of twelve questions two are
        outcomes, one is a confounder, and the others are negative controls.
    retention : int
        Questions about specified attributes, asked beside those from iteration 1 on; 0 or more.
    """

    studies: int = 3
    models: int = 6
    iterations: int = 14
    personas: int = 100
    trials: int = 30
    arms: int = 2
    questions: int = 12
    retention: int = 0

    @property
    def answers(self) -> int:
        """Rows of the log."""
        conversations = self.studies * self.models * self.personas * self.trials * self.arms
        return conversations * sum(self.asked(iteration) for iteration in range(self.iterations))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the log."""
        return (*COLUMNS, "specified") if self.retention else COLUMNS

    def asked(self, iteration: int) -> int:
        """Return the number of questions in a conversation; those about specified attributes come last."""
        return self.questions + (self.retention if iteration else 0)

    @property
    def cells(self) -> int:
        """Tests of drift, each arm against the first."""
        n_controls = self.roles.count("negative_control")
        return self.studies * self.models * self.iterations * (self.arms - 1) * n_controls

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The questions' roles."""
        outcomes, confounders = max(1, self.questions // 6), self.questions // 12
        controls = self.questions - outcomes - confounders
        asked = ("outcome",) * outcomes + ("negative_control",) * controls + ("confounder",) * confounders
        return asked + ("retention",) * self.retention

    @cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The labels of each column that is text, but for the responses."""
        roles = self.roles
        place = [roles[:number].count(role) + 1 for number, role in enumerate(roles)]
        return {
            "study": tuple(f"study_{n}" for n in range(1, self.studies + 1)),
            "model": tuple(f"model_{n}" for n in range(1, self.models + 1)),
            "persona": tuple(f"persona_{n:05d}" for n in range(1, self.personas + 1)),
            "arm": ("control", "treated", *(f"treated_{n}" for n in range(2, self.arms))),
            "question": tuple(f"{role}_{n:02d}" for role, n in zip(roles, place, strict=True)),
            "role": roles,
        }

    def drift(self, model: int, iteration: int) -> float:
        """Return the latent drift between the first and the last arm, 0 to `LARGEST_DRIFT`."""
        start = LARGEST_DRIFT * (1 - model / max(1, self.models - 1))
        return float(start * np.exp(-iteration / FADING))


@dataclass(frozen=True, slots=True)
class Users:
    """The users of one study and model.

    Attributes
    ----------
    lean : ndarray of float64, shape (P,)
        Probability of class 1 without drift.
    shares : ndarray of float64, shape (P, A, Q, 2, 6)
        Probability of each answer by persona, arm, question and class; the last is Unknown, the fifth of an outcome 0.
    specified : ndarray of int64, shape (P, R)
        What the persona was told to answer to each question about retention, 0 to 4.
    """

    lean: FloatArray
    shares: FloatArray
    specified: NDArray[np.int64]

    def some(self, chosen: slice) -> "Users":
        """Return some of the personas."""
        return Users(self.lean[chosen], self.shares[chosen], self.specified[chosen])

    def class_share(self, drift: float) -> FloatArray:
        """Return the probability of class 1, shape (P, A)."""
        n_arms = self.shares.shape[1]
        return np.asarray(self.lean[:, None] + drift * (np.arange(n_arms) / (n_arms - 1) - 0.5))


def users(grid: Grid, study: int, model: int, *, seed: int) -> Users:
    """Draw the users of one study and model."""
    rng = np.random.default_rng([seed, study, model])
    width = len(OTHER_ANSWERS)
    shares = np.zeros((grid.personas, grid.arms, len(grid.roles), 2, width + 1))
    specified = rng.integers(width, size=(grid.personas, grid.retention))
    for number, role in enumerate(grid.roles):
        if role == "outcome":
            shares[:, :, number, :, : len(OUTCOME_ANSWERS)] = _ordinal(grid, rng)
        elif role == "retention":
            told = np.eye(width)[specified[:, number - grid.questions]]
            for k, kept in enumerate(KEPT):
                shares[:, :, number, k, :width] = (kept * told + (1 - kept) / (width - 1) * (1 - told))[:, None]
        else:
            for k in range(2):
                centre = rng.dirichlet(np.full(width, 2.0))
                shares[:, :, number, k, :width] = rng.dirichlet(5 * centre + 0.1, size=(grid.personas, 1))
    shares[..., :width] *= 1 - REFUSAL
    shares[..., width] = REFUSAL
    return Users(0.5 + rng.uniform(-0.2, 0.2, size=grid.personas), shares, specified)


def _ordinal(grid: Grid, rng: np.random.Generator) -> FloatArray:
    """Return shares by a cumulative logit, shape (P, A, 2, 4): both arm and class raise an answer."""
    treatment, selection = rng.uniform(0.2, 0.8), rng.uniform(0.4, 1.2)
    place = (
        rng.normal(0, 0.7, size=(grid.personas, 1, 1))
        + treatment * (np.arange(grid.arms) / (grid.arms - 1))[:, None]
        + selection * np.arange(2)
    )
    above = 1 / (1 + np.exp(np.array([-1.0, 0.0, 1.0]) - place[..., None] + 0.5))
    ones = np.ones((*place.shape, 1))
    return -np.diff(np.concatenate([ones, above, 0 * ones], axis=-1), axis=-1)


def truth(grid: Grid, *, seed: int) -> pd.DataFrame:
    """Return what an analysis should find, in expectation.

    Returns
    -------
    pandas.DataFrame
        A row a study, model, iteration, contrast and question: `tvd` of the negative controls (Unknown counts as an
        answer), `effect` and `settled` (the effect without drift) of the outcomes, on the scale 1 to 4,
        `kept_control` and `kept_treated`, the shares of answers about specified attributes that are as specified.
    """
    values = np.arange(1.0, 1 + len(OUTCOME_ANSWERS))
    rows = []
    for study, model in itertools.product(range(grid.studies), range(grid.models)):
        drawn = users(grid, study, model, seed=seed)
        means = drawn.shares[..., : len(values)] @ values / (1 - REFUSAL)
        for iteration in range(grid.iterations):
            share = drawn.class_share(grid.drift(model, iteration))[:, :, None, None] * [-1, 1] + [1, 0]
            answers = (share[..., None] * drawn.shares).sum(axis=3)
            tvd = np.abs(answers - answers[:, :1]).sum(axis=3).mean(axis=0) / 2
            still = drawn.lean[:, None, None, None] * np.array([-1, 1]) + [1, 0]
            now, settled = ((s * means).sum(axis=3).mean(axis=0) for s in (share, still))
            kept = (1 - REFUSAL) * (share[..., 0, :] @ KEPT).mean(axis=0)
            for arm, number in itertools.product(range(1, grid.arms), range(grid.asked(iteration))):
                outcome, retention = (grid.roles[number] == role for role in ("outcome", "retention"))
                rows.append(
                    {
                        "study": grid.names["study"][study],
                        "model": grid.names["model"][model],
                        "iteration": iteration,
                        "contrast": f"{grid.names['arm'][arm]} - {grid.names['arm'][0]}",
                        "question": grid.names["question"][number],
                        "tvd": np.nan if outcome or retention else tvd[arm, number],
                        "effect": now[arm, number] - now[0, number] if outcome else np.nan,
                        "settled": settled[arm, number] - settled[0, number] if outcome else np.nan,
                        "kept_control": kept[0] if retention else np.nan,
                        "kept_treated": kept[arm] if retention else np.nan,
                    }
                )
    return pd.DataFrame(rows)


def write_log(path: Path, grid: Grid, *, seed: int) -> None:
    """Write the log as parquet, about `ROWS_AT_ONCE` rows at a time; the same seed gives the same bytes.

    Parameters
    ----------
    path : Path
    grid : Grid
    seed : int
        0 or more.
    """
    whole = pa.schema([(name, pa.int32() if name in ("iteration", "trial") else pa.string()) for name in grid.columns])
    # Without Arrow's own schema in the file its text is read as text, and not as categories.
    with pq.ParquetWriter(path, whole, compression="zstd", store_schema=False) as writer:
        held: list[pa.Table] = []
        for table in _tables(grid, seed=seed):
            held.append(table)
            if sum(part.num_rows for part in held) >= ROWS_AT_ONCE:
                writer.write_table(pa.concat_tables(held).cast(whole))
                held.clear()
        if held:
            writer.write_table(pa.concat_tables(held).cast(whole))


def _tables(grid: Grid, *, seed: int) -> Iterator[pa.Table]:
    """Draw the answers of some personas in one study, model and iteration at a time."""
    at_once = max(1, ROWS_AT_ONCE // (grid.trials * grid.arms * len(grid.roles)))
    for study, model in itertools.product(range(grid.studies), range(grid.models)):
        drawn = users(grid, study, model, seed=seed)
        for iteration in range(grid.iterations):
            rng = np.random.default_rng([seed, study, model, iteration])
            for first in range(0, grid.personas, at_once):
                part = drawn.some(slice(first, first + at_once))
                codes = _answers(part, grid.asked(iteration), grid.drift(model, iteration), grid.trials, rng)
                yield _table(grid, study, model, iteration, first, part, codes)


def _answers(drawn: Users, asked: int, drift: float, trials: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Draw answers, shape (P, A, T, Q)."""
    share = drawn.class_share(drift)
    in_class = rng.random((*share.shape, trials, 1)) < share[..., None, None]
    limits = drawn.shares[:, :, :asked].cumsum(axis=-1).astype(np.float32)
    uniform = rng.random((*share.shape, trials, limits.shape[2]), dtype=np.float32)
    codes = np.zeros(uniform.shape, dtype=np.int8)
    for k in range(limits.shape[-1] - 1):
        codes += uniform >= np.where(in_class, limits[:, :, None, :, 1, k], limits[:, :, None, :, 0, k])
    return codes


def _table(
    grid: Grid, study: int, model: int, iteration: int, first: int, drawn: Users, codes: NDArray[np.int8]
) -> pa.Table:
    """Lay answers out, a row each, as dictionary-encoded columns."""
    personas, arms, trials, questions = np.ogrid[tuple(slice(n) for n in codes.shape)]
    is_outcome = np.array([role == "outcome" for role in grid.roles[: codes.shape[-1]]])
    response = np.where(is_outcome, codes, codes + len(OUTCOME_ANSWERS)).astype(np.int8)
    unknown = codes == len(OTHER_ANSWERS)
    places: dict[str, int | NDArray[np.int64]] = {
        "study": study,
        "model": model,
        "persona": first + personas,
        "arm": arms,
        "question": questions,
        "role": questions,
    }

    def spread(place: int | NDArray[np.int64]) -> NDArray[np.int32]:
        return np.ascontiguousarray(np.broadcast_to(place, codes.shape), dtype=np.int32).ravel()

    columns = {name: pa.DictionaryArray.from_arrays(spread(at), grid.names[name]) for name, at in places.items()}
    columns |= {"iteration": pa.array(spread(iteration)), "trial": pa.array(spread(trials))}
    kept = pa.array(np.where(unknown, 0, response).ravel(), mask=unknown.ravel())
    columns["response"] = pa.DictionaryArray.from_arrays(kept, ANSWERS)
    if grid.retention:
        told = np.zeros((len(codes), codes.shape[-1]), dtype=np.int64)
        told[:, grid.questions :] = len(OUTCOME_ANSWERS) + drawn.specified[:, : codes.shape[-1] - grid.questions]
        place = spread(told[:, None, None])
        columns["specified"] = pa.DictionaryArray.from_arrays(pa.array(place, mask=place == 0), ANSWERS)
    return pa.table({name: columns[name] for name in grid.columns})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option for each size of the grid."""
    for field in fields(Grid):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)


def main() -> None:
    """Write the log asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.log.grid", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="parquet file")
    parser.add_argument("--truth", type=Path, help="CSV file for the true distances and effects")
    parser.add_argument("--seed", type=int, default=1)
    add_arguments(parser)
    given = parser.parse_args()
    grid = Grid(**{field.name: getattr(given, field.name) for field in fields(Grid)})
    write_log(given.out, grid, seed=given.seed)
    if given.truth:
        truth(grid, seed=given.seed).to_csv(given.truth, index=False)
    print(f"{given.out}: {grid.answers:,} answers, {given.out.stat().st_size / 2**20:,.0f} MiB")


if __name__ == "__main__":
    main()
