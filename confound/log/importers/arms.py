"""Which of an export's columns is the arm, by its name."""

import re
from collections.abc import Sequence

NAMES = (
    *("arm", "condition", "treatment", "assigned_condition", "assignedcondition", "treated", "treat", "variant"),
    *("group", "cell"),
)
ENDINGS = re.compile(r".*[_ -](arm|condition|treatment|cell)", re.IGNORECASE)


def called_arms(names: Sequence[str]) -> list[str]:
    """Return the columns that are called as people call an arm, the plainest name first.

    What stands before the last point is where the column belongs. A name that only ends so, such as
    `medical_condition`, counts where it is the only one.

    >>> called_arms(["agent.age_group", "scenario.condition", "agent.arm"])
    ['agent.arm', 'scenario.condition']
    >>> called_arms(["age_group", "exp_condition"]), called_arms(["exp_condition", "medical_condition"])
    (['exp_condition'], [])
    """
    own = {name: name.rpartition(".")[2].strip().casefold() for name in names}
    plain = sorted((name for name in own if own[name] in NAMES), key=lambda name: NAMES.index(own[name]))
    ending = [name for name in own if ENDINGS.fullmatch(own[name])]
    return plain or (ending if len(ending) == 1 else [])


def others(found: Sequence[str]) -> str:
    """Word what else may be a part of the arm; empty if there is nothing."""
    if len(found) < 2:
        return ""
    named = " and ".join(f"'{name}'" for name in found[1:])
    return f" {named} may also tell arms: if so, say --arm {','.join(found)}."
