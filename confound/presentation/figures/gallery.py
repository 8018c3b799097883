"""Every kind of figure by name, and how one or all of them are drawn."""

from collections.abc import Callable, Iterator, Mapping

from confound.errors import InputError
from confound.findings.findings import Findings
from confound.presentation.figures import drift as drift_figures
from confound.presentation.figures import effect as effect_figures
from confound.presentation.figures.drawn import Drawn

KINDS: Mapping[str, Callable[[Findings], Iterator[Drawn]]] = {
    "love_plot": drift_figures.love_plots,
    "mean_drift_over_iterations": drift_figures.mean_drift_paths,
    "drift_over_iterations": drift_figures.drift_paths,
    "negative_controls_by_arm": drift_figures.control_answers,
    "marginals_over_iterations": drift_figures.marginals,
    "effect_over_iterations": effect_figures.effect_paths,
    "outcome_by_arm": effect_figures.outcomes,
    "outcome_answers_by_arm": effect_figures.outcome_answers,
    "waterfall": effect_figures.waterfalls,
    "settled": effect_figures.settling,
    "sensitivity": effect_figures.sensitivity,
    "retention": effect_figures.kept,
    "answers_by_arm": drift_figures.each_step,
}
MANY = frozenset({"answers_by_arm"})  # pages enough to bury the others


def draw(result: Findings, kind: str) -> list[Drawn]:
    """Draw the figures of one kind.

    Parameters
    ----------
    result : Analysis
        A part of one for fewer figures: ``draw(result.only(study="opinionqa"), "love_plot")``.
    kind : str
        One of `KINDS`, named like the files; `answers_by_arm` draws the answers to every question at each iteration.

    Raises
    ------
    InputError
        Where there is no such kind.

    Examples
    --------
    >>> [drawn.name for drawn in draw(result, "love_plot")]
    ['love_plot']
    """
    if kind not in KINDS:
        raise InputError(f"{kind}: no such kind of figure. There are {', '.join(KINDS)}")
    return list(KINDS[kind](result))


def draw_all(result: Findings) -> Iterator[Drawn]:
    """Draw every figure that a result allows, but the answers at each iteration, one at a time.

    Parameters
    ----------
    result : Analysis

    Yields
    ------
    Drawn
        In the order of a paper. Frames without rows yield none.

    Examples
    --------
    >>> any(drawn.name.startswith("waterfall") for drawn in draw_all(result))
    True
    """
    for kind in KINDS:
        if kind not in MANY:
            yield from draw(result, kind)
