"""The Jensen-Shannon divergence."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from confound.statistics.drift import jensen_shannon


def test_it_is_scipys_squared_distance() -> None:
    """The square of scipy's distance in base 2."""
    treated, control = np.array([[3, 5, 2]]), np.array([[1, 1, 8]])
    assert jensen_shannon.plugin(treated, control) == pytest.approx(jensenshannon(treated[0], control[0], base=2) ** 2)
