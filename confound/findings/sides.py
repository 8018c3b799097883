"""Both arms' counts in an order that names do not decide, and the test of their distance by design."""

from confound.counts.counting import IntArray
from confound.statistics.drift import canonical, permutation
from confound.statistics.randomness import content_rng
from confound.vocabulary import Design

# Of tests without an exact law. Within subjects one costs as much as one of personas for each persona there is.
RELABELLINGS = {"within": 1999, "between": 9999}
Sides = tuple[IntArray, IntArray]  # treated and control counts, shape (personas, answers)


def canonical_sides(design: Design, treated: IntArray, control: IntArray) -> Sides:
    """Return the counts in canonical order: within, the arms of a persona together; between, each arm by itself."""
    first, second = (canonical.strata if design == "within" else canonical.samples)(treated, control)
    return first, second


def distance_test(design: Design, sides: Sides) -> permutation.PermutationTest:
    """Test counts in canonical order for a distance: answers within personas, or whole personas between."""
    test = permutation.permutation_test if design == "within" else permutation.cluster_permutation_test
    return test(*sides, rng=content_rng(*sides))
