"""When to stop adjusting: a rule on the negative controls of the iteration just run."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confound.errors import InputError
from simulate.randomness import keyed_generator
from simulate.run.block import counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from confound.statistics.arrays import IntArray
    from simulate.run.block import Block

    Quantity = Callable[[Sequence[Block], str], float]

_RULE = re.compile(r"\s*([a-z_]+)\s*(<=|>=|<|>)\s*([0-9.eE+-]+)\s*")
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class StopRule:
    """A comparison of one quantity with a number.

    Attributes
    ----------
    quantity : str
        One of `QUANTITIES`.
    sign : str
        One of `<`, `<=`, `>`, `>=`.
    bound : float
        Finite.
    """

    quantity: str
    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.quantity} {self.sign} {self.bound:g}"

    def value(self, blocks: Sequence[Block], control: str) -> float:
        """Return the quantity, of one iteration's blocks, at least one."""
        return QUANTITIES[self.quantity](blocks, control)

    def holds(self, value: float) -> bool:
        """Tell whether the rule holds for a value of the quantity."""
        return bool(_COMPARE[self.sign](value, self.bound))


def parse_rule(text: str) -> StopRule:
    """Read a rule such as `tvd_upper < 0.05`.

    Raises
    ------
    InputError
        When it has another form, or an unknown quantity.
    """
    match = _RULE.fullmatch(text)
    try:
        bound = float(match[3]) if match else math.nan
    except ValueError:
        bound = math.nan
    if match is None or not math.isfinite(bound):
        raise InputError(f"--stop {text!r}: write a rule as QUANTITY < NUMBER, such as 'tvd_excess < 0.02'")
    if match[1] not in QUANTITIES:
        raise InputError(f"--stop {text!r}: there is no quantity {match[1]}. There are {', '.join(QUANTITIES)}")
    return StopRule(match[1], match[2], bound)


def tvd_plugin(blocks: Sequence[Block], control: str) -> float:
    """Return the largest plug-in distance of a negative control between an arm and the control arm. Biased upwards."""
    # Imported here and below, since scipy.stats takes a second to import and few runs have a rule.
    from confound.statistics.drift import distance

    return max(distance.plugin(*pair) for pair in _pairs(blocks, control).values())


def tvd_excess(blocks: Sequence[Block], control: str) -> float:
    """Return the largest difference of the plug-in and its exact mean without drift. Biased downwards under drift."""
    from confound.statistics.drift import distance

    return max(distance.plugin(*pair) - distance.null_mean(*pair) for pair in _pairs(blocks, control).values())


def tvd_upper(blocks: Sequence[Block], control: str) -> float:
    """Return the largest upper end of the corrected distance's 95 % interval; infinite where there is none."""
    from confound.statistics.drift import corrected_distance, permutation

    ends = []
    for names, pair in _pairs(blocks, control).items():
        # A fixed seed: a resumed run must decide the same.
        rng = keyed_generator(0, "stop", *names)
        p = permutation.permutation_test(*pair, rng=rng).pvalue
        ends.append(corrected_distance.corrected_tvd(*pair, pvalue=p).ci_high)
    return math.inf if any(map(math.isnan, ends)) else max(ends)


def pvalue(blocks: Sequence[Block], control: str) -> float:
    """Return the smallest p-value of the permutation tests of no drift, with Bonferroni's correction.

    A large value says that no drift was found, not that there is none: with few trials it is always large.
    """
    from confound.statistics.drift import permutation

    pairs = _pairs(blocks, control)
    # Random only where the exact distribution is too costly. A fixed seed: a resumed run must decide the same.
    found = [
        permutation.permutation_test(*pair, rng=keyed_generator(0, "stop", *names)).pvalue
        for names, pair in pairs.items()
    ]
    return min(1.0, len(found) * min(found))


QUANTITIES: Mapping[str, Quantity] = {
    "tvd_upper": tvd_upper,
    "tvd_plugin": tvd_plugin,
    "tvd_excess": tvd_excess,
    "pvalue": pvalue,
}


def _pairs(blocks: Sequence[Block], control: str) -> dict[tuple[str, str], tuple[IntArray, IntArray]]:
    """Return (question, arm) -> counts of treated and control, one row per persona, Unknown counted as an answer."""
    controls = [question.id for question in blocks[0].questions if question.role == "negative_control"]
    treated = [arm for arm in blocks[0].arms if arm != control]
    if not controls:
        raise InputError("--stop needs a negative control, and the study has none")
    return {(q, arm): (counts(blocks, q, arm), counts(blocks, q, control)) for q in controls for arm in treated}
