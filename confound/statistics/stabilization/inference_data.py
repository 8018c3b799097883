"""The draws of a fit as ArviZ keeps them.

This module is imported by functions only: ArviZ takes seconds to load.
"""

from typing import Any

import numpy as np

from confound.statistics.arrays import FloatArray
from confound.statistics.stabilization import draws as drawing
from confound.statistics.stabilization.arviz_versions import tree
from confound.statistics.stabilization.fit import PathFit
from confound.statistics.stabilization.inputs import Pool


def inference_data(found: PathFit, pool: Pool) -> Any:
    """Return the posterior, the sampler's statistics and each persona's log density, by chain and draw."""
    chains, draws = found.sample.energy.shape

    def laid(values: FloatArray) -> FloatArray:
        return values.reshape(chains, draws, *values.shape[1:])

    outcome = np.stack([laid(each.outcome) for each in found.members], axis=2)
    named = [drawing.quantities(each.outcome) for each in found.members]
    reported = {
        f"{name}_effect" if name in ("observed", "settled") else name: np.stack(
            [laid(each[name]) for each in named], axis=2
        )
        for name in named[0]
    }
    groups = {
        "posterior": {**found.sample.posterior, "outcome": outcome, **reported},
        "sample_stats": {"diverging": found.sample.diverging, "energy": found.sample.energy},
        "log_likelihood": {f"personas_{i}": each.left_out for i, each in enumerate(found.members)},
    }
    dims = {"outcome": ["series", "arm", "when"], **{name: ["series"] for name in reported}}
    return tree(groups, _coordinates(pool), dims)


def _coordinates(pool: Pool) -> dict[str, list[str]]:
    return {
        "series": list(pool.names),
        "arm": ["treated", "control"],
        "when": [*(f"{time:g}" for time in pool.members[0].times), "settled"],
    }
