"""The log that both sides analyse: many small experiments of the structural generator, end to end."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulate.backends.structural import Personas, Question, Structure, draw_answers, draw_personas, response_frame

ARMS = ("control", "treated")
OUTCOME_ANSWERS = ("1 - Very unlikely", "2 - Somewhat unlikely", "3 - Somewhat likely", "4 - Very likely")
CONTROL_ANSWERS = ("Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree")
REFUSAL = 0.02


@dataclass(frozen=True, slots=True)
class LogSize:
    """How much is asked; every conversation is asked the outcome and all negative controls.

    Attributes
    ----------
    models, iterations, personas, trials, controls : int
        Numbers of each, 1 or more; `trials` is by persona and arm.
    """

    models: int
    iterations: int
    personas: int
    trials: int
    controls: int

    @property
    def answers(self) -> int:
        """Rows of the log."""
        return self.models * self.iterations * self.personas * self.trials * len(ARMS) * (self.controls + 1)

    @property
    def cells(self) -> int:
        """Tests of drift."""
        return self.models * self.iterations * self.controls


SIZES = {"small": LogSize(1, 2, 10, 10, 3), "full": LogSize(2, 14, 100, 30, 11)}


def structure(controls: int, *, seed: int) -> Structure:
    """Return users whose drift fades over the iterations by `draw_log`, with controls of five answers."""
    rng = np.random.default_rng([seed, controls])
    outcome = Question(
        id="likely_to_read",
        role="outcome",
        options=OUTCOME_ANSWERS,
        probabilities=rng.dirichlet(np.ones(len(OUTCOME_ANSWERS)), size=(len(ARMS), 3)),
        option_values=(1.0, 2.0, 3.0, 4.0),
    )
    negative_controls = tuple(
        Question(
            id=f"opinion_{number:02d}",
            role="negative_control",
            options=CONTROL_ANSWERS,
            probabilities=rng.dirichlet(np.ones(len(CONTROL_ANSWERS)), size=3),
        )
        for number in range(1, controls + 1)
    )
    return Structure(
        arms=ARMS,
        classes=("conservative", "moderate", "liberal"),
        base=np.zeros(3),
        spread=0.7,
        drift=np.array([[0.0, 0.0, 0.0], [-0.5, 0.0, 0.5]]),
        drift_strength=1.0,
        refusal=np.full(len(ARMS), REFUSAL),
        questions=(outcome, *negative_controls),
    )


def write_log(path: Path, size: LogSize, *, seed: int) -> None:
    """Write a log of `size` as parquet, a row group a model and iteration; the same seed gives the same answers.

    Parameters
    ----------
    path : Path
    size : LogSize
    seed : int
        0 or more.
    """
    users = structure(size.controls, seed=seed)
    ids = [f"persona_{number:04d}" for number in range(size.personas)]
    writer: pq.ParquetWriter | None = None
    for model in range(size.models):
        for iteration in range(size.iterations):
            fading = replace(users, drift_strength=users.drift_strength / (1 + iteration))
            personas: Personas = draw_personas(fading, ids, seed=seed + model)
            answers = draw_answers(fading, personas, trials=size.trials, seed=seed + model, iteration=iteration)
            frame = response_frame(fading, personas, answers).assign(model=f"model_{model}")
            table = pa.Table.from_pandas(frame, preserve_index=False)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
    if writer is not None:
        writer.close()
