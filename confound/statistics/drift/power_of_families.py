"""The power of what a verdict decides by: joint tests of many negative controls, and the naming of single ones.

A control's two statistics, its distance and its common direction, are simulated under drift on the scale on which
`several_controls` compares them: less their mean without drift, over their standard deviation.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, gammaincc, gammainccinv, gammaln, ndtr, ndtri

from confound.statistics.arrays import FloatArray
from confound.statistics.drift.power_of_tests import (
    Excess,
    Gap,
    PowerAt,
    PowerOf,
    Scenario,
    excess_at,
    gaps_between,
    gaps_within,
    lattice_step,
    root_of,
)
from confound.statistics.drift.several_controls import WEIGHTS
from confound.statistics.validation import check_positive

__all__ = ["Family", "family_power"]

# Controls simulated for each distance: enough for 1 % of the distance found.
DRAWN = 16000
# Degrees of freedom of chi distributions that distances between mean shares are taken to have.
FEWEST_DEGREES, MOST_DEGREES = 0.2, 1e4
LARGEST_SCORE = 40.0


@dataclass(frozen=True, slots=True)
class Family:
    """What a verdict decides together: all negative controls of a contrast, and all contrasts of a model.

    Attributes
    ----------
    controls : int, default 1
        Negative controls of the contrast, Q. They are taken to be alike, and independent given the persona.
    contrasts : int, default 1
        Contrasts of the model, m, of all its studies. The contrast is tested at the level over m, the strictest
        of Holm's steps.
    drifting : {"all", "one"}
        What drifts: all controls, each by the distance, and the joint test is to find it; or one alone, and it is to be
        named.
    """

    controls: int = 1
    contrasts: int = 1
    drifting: Literal["all", "one"] = "all"

    def __post_init__(self) -> None:
        """Refuse what is no family."""
        check_positive(controls=self.controls, contrasts=self.contrasts)
        if self.drifting not in ("all", "one"):
            raise ValueError(f"drifting must be 'all' or 'one' but got {self.drifting!r}")


class _Control(NamedTuple):
    """One control's two statistics: draws with drift, and their laws without."""

    distance: FloatArray  # (draws,)
    direction: FloatArray  # (draws,)
    skewness: float  # of the distance without drift
    distance_tail: Callable[[float], float]  # chance without drift of a score as large
    distance_critical: Callable[[float], float]  # score that a single test needs at a level
    direction_critical: Callable[[float], float]
    half_step: float  # of the distance's lattice, as a score


def family_power(scenario: Scenario, trials: int, family: Family) -> PowerAt:
    """Return the power of the verdict as a function of the distance, and of the number of personas.

    Parameters
    ----------
    scenario : Scenario
        Its level is that of the whole family.
    trials : int
        Answers of a persona in an arm.
    family : Family
    """
    level = scenario.level / family.contrasts
    decide = _of_one_control if family.controls == 1 else _found if family.drifting == "all" else _named
    control_of = _within(scenario, trials) if scenario.design == "within" else partial(_between, scenario, trials)

    def power_at(distance: float) -> PowerOf:
        control = control_of(distance)
        return lambda personas: decide(control(personas), family.controls, level)

    return power_at


def _of_one_control(control: _Control, _: int, level: float) -> float:
    """Twice the smaller of both p-values."""
    by_distance = control.distance > control.distance_critical(level / 2)
    return float((by_distance | (control.direction > control.direction_critical(level / 2))).mean())


def _found(control: _Control, controls: int, level: float) -> float:
    """All drift: the summed distances, the summed directions, or the largest statistic stands out."""
    by_distance, by_direction, by_largest = (weight * level for weight in WEIGHTS)
    noise = np.random.default_rng(0).standard_normal((2, DRAWN))
    together = float(np.corrcoef(control.distance, control.direction)[0, 1]) if control.distance.std() > 0 else 0.0
    noise[1] = together * noise[0] + math.sqrt(max(0.0, 1 - together**2)) * noise[1]
    root = math.sqrt(controls)
    missed = np.ones(DRAWN, dtype=np.bool_)
    criticals = (_cornish_fisher(by_distance, control.skewness / root), -float(ndtri(by_direction)))
    for scores, own, critical in zip((control.distance, control.direction), noise, criticals, strict=True):
        missed &= root * scores.mean() + scores.std() * own < critical
    threshold = _largest_of(control, controls, by_largest)
    unremarkable = float((np.maximum(control.distance, control.direction) <= threshold).mean())
    return 1 - float(missed.mean()) * unremarkable**controls


def _named(control: _Control, controls: int, level: float) -> float:
    """One drifts: it stands out among all by itself, and the joint test finds something."""
    by_distance, by_direction, by_largest = (weight * level for weight in WEIGHTS)
    largest = np.maximum(control.distance, control.direction)
    others, root = math.sqrt(controls - 1), math.sqrt(controls)
    missed = ndtr((root * _cornish_fisher(by_distance, control.skewness / root) - control.distance) / others)
    missed *= ndtr((-root * float(ndtri(by_direction)) - control.direction) / others)
    alone = largest > _largest_of(control, controls, by_largest)
    stands = largest > _largest_of(control, controls, level)
    return float(np.where(alone, 1.0, np.where(stands, 1 - missed, 0.0)).mean())


def _largest_of(control: _Control, controls: int, level: float) -> float:
    """Return the score that the largest of all statistics exceeds with this chance without drift."""

    def excess(score: float) -> float:
        return controls * (control.distance_tail(score) + float(ndtr(-score))) - level

    return float(brentq(excess, 0.0, LARGEST_SCORE)) + control.half_step


def _cornish_fisher(level: float, skewness: float) -> float:
    z = -float(ndtri(level))
    return z + skewness * (z * z - 1) / 6


def _within(scenario: Scenario, trials: int) -> Callable[[float], Callable[[float], _Control]]:
    excess_of = excess_at(scenario, trials)
    normal = np.random.default_rng(scenario.seed).permutation(ndtri((np.arange(DRAWN) + 0.5) / DRAWN))

    def control_of(distance: float) -> Callable[[float], _Control]:
        excess = excess_of(distance)
        directions = _Directions(gaps_within(scenario, trials, distance), scenario)
        return lambda personas: _control_within(excess, directions, personas, normal, lattice_step(scenario, trials))

    return control_of


def _control_within(
    excess: Excess, directions: "_Directions", personas: float, normal: FloatArray, step: float
) -> _Control:
    root = math.sqrt(personas)
    sd = excess.null_sd
    skewness = excess.null_skewness / root
    scores = (root * excess.mean + excess.sd * normal) / sd if sd > 0 else np.zeros(len(normal))
    half_step = step / (2 * root * sd) if sd > 0 else math.inf
    return _Control(
        scores,
        directions.scores(root),
        skewness,
        lambda score: float(ndtr(-_normal_score(score, skewness))) if sd > 0 else 0.0,
        lambda level: _cornish_fisher(level, skewness) + half_step,
        directions.critical,
        half_step if sd > 0 else 0.0,
    )


def _normal_score(score: float, skewness: float) -> float:
    """Invert Cornish and Fisher's first term."""
    bend = skewness / 6
    if abs(bend) < 1e-9:
        return score
    return (math.sqrt(max(0.0, 1 + 4 * bend * (score + bend))) - 1) / (2 * bend)


class _Directions:
    """Draws of the common-direction statistic with drift, for any number of personas."""

    def __init__(self, gaps: list[Gap], scenario: Scenario) -> None:
        rng = np.random.default_rng(scenario.seed)
        half = rng.standard_normal((DRAWN // (2 * len(gaps)) + 1, scenario.pool.shape[1]))
        # With mean 0 and covariance 1 exactly, the draws move the result far less.
        if len(half) > 4 * half.shape[1]:
            half = half @ np.linalg.inv(np.linalg.cholesky(half.T @ half / len(half))).T
        self.noise = np.concatenate([half, -half])
        self.parts, degrees = [], []
        for gap in gaps:
            values, vectors = np.linalg.eigh(gap.null_covariance)
            kept = values > 1e-9 * max(float(values[-1]), 1e-9)
            whitener = vectors[:, kept] / np.sqrt(values[kept])
            self.parts.append((gap.mean @ whitener, self.noise @ root_of(gap.covariance) @ whitener))
            degrees.append(int(np.count_nonzero(kept)))
        self.degrees = max(1, round(float(np.mean(degrees))))

    def scores(self, root: float) -> FloatArray:
        squares = np.concatenate([((root * mean + noise) ** 2).sum(axis=1) for mean, noise in self.parts])
        return self._standardised(np.resize(squares, DRAWN))

    def critical(self, level: float) -> float:
        return float(self._standardised(np.asarray(chdtri(self.degrees, level))))

    def _standardised(self, squares: FloatArray) -> FloatArray:
        """Wilson and Hilferty (1931), as `several_controls`."""
        spread = 2 / (9 * self.degrees)
        return np.asarray((np.cbrt(squares / self.degrees) - 1 + spread) / math.sqrt(spread))


class _Chi(NamedTuple):
    """A chi distribution, as a distance between mean shares has it with two answers exactly, and with more nearly."""

    degrees: float
    mean: float
    sd: float

    @classmethod
    def of(cls, ratio: float) -> "_Chi":
        """Return the one whose mean is so many times its standard deviation."""

        def excess(log_degrees: float) -> float:
            mean, sd = _chi_moments(math.exp(log_degrees))
            return mean / sd - ratio

        low, high = math.log(FEWEST_DEGREES), math.log(MOST_DEGREES)
        degrees = math.exp(brentq(excess, low, high)) if excess(low) < 0 < excess(high) else 1.0
        return cls(degrees, *_chi_moments(degrees))

    @property
    def skewness(self) -> float:
        return self.mean * (1 - 2 * self.sd**2) / self.sd**3

    def tail(self, score: float) -> float:
        return float(gammaincc(self.degrees / 2, max(0.0, self.mean + self.sd * score) ** 2 / 2))

    def critical(self, level: float) -> float:
        return (math.sqrt(2 * float(gammainccinv(self.degrees / 2, level))) - self.mean) / self.sd


def _chi_moments(degrees: float) -> tuple[float, float]:
    mean = math.sqrt(2) * math.exp(float(gammaln((degrees + 1) / 2) - gammaln(degrees / 2)))
    return mean, math.sqrt(degrees - mean**2)


def _between(scenario: Scenario, trials: int, distance: float) -> Callable[[float], _Control]:
    gaps = gaps_between(scenario, trials, distance)
    directions = _Directions(gaps, scenario)
    parts, moments = [], []
    for gap in gaps:
        none = np.abs(directions.noise @ root_of(gap.null_covariance)).sum(axis=1) / 2
        moments.append((float(none.mean()), float(none.std())))
        parts.append((gap.mean, directions.noise @ root_of(gap.covariance)))
    mean, sd = np.mean(moments, axis=0).tolist()
    chi = _Chi.of(mean / sd) if sd > 0 else _Chi(1.0, *_chi_moments(1.0))

    def control_of(personas: float) -> _Control:
        root = math.sqrt(personas)
        half_step = lattice_step(scenario, trials) / (2 * root * sd) if sd > 0 else math.inf
        drifting = [
            (np.abs(root * gap + noise).sum(axis=1) / 2 - own_mean) / own_sd
            for (gap, noise), (own_mean, own_sd) in zip(parts, moments, strict=True)
        ]
        return _Control(
            np.resize(np.concatenate(drifting), DRAWN),
            directions.scores(root),
            chi.skewness,
            chi.tail,
            lambda level: chi.critical(level) + half_step,
            directions.critical,
            half_step,
        )

    return control_of
