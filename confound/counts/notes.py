"""What the analyst should know about the data before trusting a number."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Note:
    """One remark on a log that can be analysed.

    Attributes
    ----------
    level : {"note", "warning"}
        A note tells what was done; a warning tells what may be wrong with the data.
    message : str
        One sentence or two.
    study, model, question : str
        What it is about; empty where it is about more than one.
    """

    level: Literal["note", "warning"]
    message: str
    study: str = ""
    model: str = ""
    question: str = ""
