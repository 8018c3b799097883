"""How often intervals hold the truth, and how far estimates are from it."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(slots=True)
class Tally:
    """What was found of each quantity, log by log: error, whether the interval held the truth, its width."""

    found: dict[str, list[tuple[float, bool, float]]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, truth: float, value: float, low: float, high: float) -> None:
        """Add one estimate; one without an interval counts as missing."""
        if np.isnan([value, low, high]).any():
            self.missing[name] = self.missing.get(name, 0) + 1
        else:
            self.found.setdefault(name, []).append((value - truth, low <= truth <= high, high - low))

    def coverage(self, name: str) -> float:
        """Return the share of intervals that hold the truth; NaN where there are none."""
        return float(np.mean([held for _, held, _ in self.found[name]])) if name in self.found else np.nan

    def error(self, share: float) -> float:
        """Return two standard errors of a share of all logs."""
        n = max(len(found) for found in self.found.values())
        return float(2 * np.sqrt(share * (1 - share) / n))

    def cells(self, name: str) -> str:
        """Return coverage, median error and median width, as cells of a table."""
        if name not in self.found:
            return "- | - | - | 1.00"
        errors, _, widths = zip(*self.found[name], strict=True)
        lost = self.missing.get(name, 0)
        share = lost / (lost + len(errors))
        return f"{self.coverage(name):.3f} | {np.median(errors):+.3f} | {np.median(widths):.3f} | {share:.2f}"
