"""Both arms' counts in an order that names do not decide, and the test of their distance by design."""

from confound.counts.contrasts import Contrast
from confound.counts.counting import IntArray
from confound.findings.schema import Row
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


def sizes(contrast: Contrast) -> Row:
    """Return how many personas and answers a contrast compares, and how alike the answers are."""
    treated, control = contrast.treated, contrast.control
    given = treated.answers.sum(axis=0) + control.answers.sum(axis=0)
    known = given[:-1]  # without Unknown
    return {
        "n_personas": contrast.n_personas,
        "n_control": control.n,
        "n_treated": treated.n,
        "n_categories": int((given > 0).sum()),
        "unknown_control": control.n_unknown,
        "unknown_treated": treated.n_unknown,
        "modal_share": float(known.max(initial=0) / known.sum()) if known.sum() else 1.0,
    }
