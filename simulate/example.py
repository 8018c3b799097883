"""A small A/B study of readers with known truth: the example log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simulate.backends.latent_class.derived import structure_of
from simulate.run.loop import Finished, simulate
from simulate.study.definition import Study, load_study

if TYPE_CHECKING:
    from simulate.backends.latent_class.structural import Structure

NAME = "example"
EXAMPLE = Path(__file__).with_name("example.yaml")


def example_study() -> Study:
    """Return the study: an agent's praise of a book also moves who is taken to be listening."""
    return load_study(EXAMPLE)


def example_structure() -> Structure:
    """Return the readers of the example, and how they answer."""
    return structure_of(example_study())


def write_example(out: Path, *, personas: int = 100, trials: int = 30, seed: int = 0) -> Finished:
    """Run the example into a folder that does not exist yet or is empty.

    Raises
    ------
    InputError
        When a size or the seed is too small, or the folder holds something already; nothing in it is changed.
    ConfoundError
        When the folder cannot be written.
    """
    return simulate(example_study(), out, personas=personas, trials=trials, seed=seed)
