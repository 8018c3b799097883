"""Logs whose decomposition is known: latent users, an attribute that they adopt, and what may go wrong with it."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from confound.statistics.effect.decomposition import square_weights
from confound.statistics.effect.population_shift import Answered
from confound.statistics.effect.standardization import Conversations

FloatArray = NDArray[np.float64]

CLASSES = 4
ANSWERS = np.array([1.0, 2.0, 3.0, 4.0])
BASE = np.array([0.2, 0.4, 0.3, 0.0])
SPREAD = 0.7  # of the personas' own log odds of the classes
DRIFT = np.array([-0.7, -0.2, 0.2, 0.7])  # of the treated arm's log odds
MEANS = np.array([[1.5, 1.9, 2.4, 3.0], [1.7, 2.3, 2.9, 3.4]])  # of the outcome by arm (control, treated) and class
OWN = 0.25  # half the range of what a persona adds to its outcome
TRUTH_PERSONAS = 400_000


@dataclass(frozen=True, slots=True)
class World:
    """What holds of the attribute.

    Attributes
    ----------
    complete : float
        Probability that the elicited answer is the latent class; else it is any of the four.
    adherence : float
        Share of users who are as specified; the others are as if nothing was.
    moved : float
        Share of users who are of the first class once anything is specified, whatever it is.
    """

    complete: float = 1.0
    adherence: float = 1.0
    moved: float = 0.0


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of personas (between subjects: in each arm) and of trials in an arm."""

    design: str
    personas: int
    trials: int


@dataclass(frozen=True, slots=True)
class Log:
    """One replicate.

    Attributes
    ----------
    treated, control : ndarray, shape (P, 2)
        Persona means before adjustment and after it.
    square : ndarray, shape (P', 1, 2, 2)
        Persona means by arm and source arm, treated first; NaN where a persona was not in a cell.
    conversations : Conversations
        Before adjustment.
    first, later : Answered
        Latent classes before and after, both arms alike: a negative control that tells all.
    remaining : float
        True distance between the arms' classes after adjustment, averaged over personas.
    """

    treated: FloatArray
    control: FloatArray
    square: FloatArray
    conversations: Conversations
    first: Answered
    later: Answered
    remaining: float


def _users(n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return class probabilities by arm (control, treated), shape (n, 2, 4), and what each persona adds."""
    own = BASE + SPREAD * rng.normal(size=(n, CLASSES))
    return _softmax(np.stack([own, own + DRIFT], axis=1)), rng.uniform(-OWN, OWN, size=n)


def _softmax(log_odds: FloatArray) -> FloatArray:
    weights = np.exp(log_odds - log_odds.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


@cache
def truth(share: float = 0.5) -> tuple[float, ...]:
    """Return the true quantities, averaged over the population of personas."""
    classes, _ = _users(TRUTH_PERSONAS, np.random.default_rng(0))
    shares = classes.mean(axis=0)
    square = np.array([MEANS[1] @ shares[1], MEANS[1] @ shares[0], MEANS[0] @ shares[1], MEANS[0] @ shares[0]])
    return tuple((square @ square_weights(share)).tolist())


def _answers(classes: FloatArray, arm: int, own: FloatArray) -> FloatArray:
    """Return probabilities of class and outcome answer, shape (P, 4, 4): 1 + a binomial of 3 with the class's mean."""
    chance = (MEANS[arm] + own[:, None] - 1) / 3
    binomial = np.stack([(1, 3, 3, 1)[k] * chance**k * (1 - chance) ** (3 - k) for k in range(4)], axis=-1)
    return np.asarray(classes[..., None] * binomial)


def _reported(world: World) -> FloatArray:
    """Return P(answer | class)."""
    return world.complete * np.eye(CLASSES) + (1 - world.complete) / CLASSES


def _specified(classes: FloatArray, adopted: NDArray[np.int64], world: World) -> FloatArray:
    """Return the classes of one arm once an answer is specified, shape (P, 4)."""
    odds = classes * _reported(world)[:, adopted].T
    as_told = world.adherence * odds / odds.sum(axis=1, keepdims=True) + (1 - world.adherence) * classes
    return (1 - world.moved) * as_told + world.moved * np.eye(CLASSES)[0]


def _draw(probabilities: FloatArray, trials: int, rng: np.random.Generator) -> FloatArray:
    shape = probabilities.shape
    flat = probabilities.reshape(len(probabilities), -1)
    return rng.multinomial(trials, flat / flat.sum(axis=1, keepdims=True)).reshape(shape).astype(np.float64)


def _pick(counts: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one answer of each persona's, in proportion to its counts."""
    edges = np.cumsum(counts, axis=1)
    return np.asarray((rng.random((len(counts), 1)) * edges[:, -1:] >= edges).sum(axis=1))


def draw(size: Size, world: World, rng: np.random.Generator) -> Log:
    """Draw one log.

    Within subjects every persona is in both arms, in the mixture and in the whole 2 x 2. Between subjects a persona's
    outcome is asked in one arm, and in the 2 x 2 under attributes of one source.
    """
    within = size.design == "within"
    n = size.personas if within else 2 * size.personas
    classes, own = _users(n, rng)
    asked = np.ones((n, 2), dtype=bool) if within else np.eye(2, dtype=bool)[np.arange(n) % 2]
    before = [_draw(_answers(classes[:, a], a, own), size.trials, rng) for a in (0, 1)]
    elicited = [np.einsum("pxy,xc->pcy", b, np.eye(CLASSES)) for b in before]
    if world.complete < 1:
        elicited = [_misread(b, world, rng) for b in before]
    adopted = [_pick(e.sum(axis=2), rng) for e in elicited]
    mixed = np.where(rng.random(n) < 0.5, *adopted)
    after_classes = [_specified(classes[:, a], mixed, world) for a in (0, 1)]
    after = [_draw(_answers(after_classes[a], a, own), size.trials, rng) for a in (0, 1)]
    means = [np.stack([_mean(before[a]), _mean(after[a])], axis=1)[asked[:, a]] for a in (0, 1)]
    square = np.full((n, 1, 2, 2), np.nan)
    one_source = np.arange(n) // 2 % 2
    for column, a in enumerate((1, 0)):
        for place, source in enumerate((1, 0)):
            shown = _draw(_answers(_specified(classes[:, a], adopted[source], world), a, own), size.trials, rng)
            members = asked[:, a] & (within | (one_source == source))
            square[members, 0, column, place] = _mean(shown[members])
    return Log(
        treated=means[1],
        control=means[0],
        square=square,
        conversations=_conversations(elicited, asked),
        first=_classes(before, asked),
        later=_classes(after, asked),
        remaining=float(0.5 * np.abs(after_classes[1] - after_classes[0]).sum(axis=1).mean()),
    )


def _mean(counts: FloatArray) -> FloatArray:
    return np.asarray((counts.sum(axis=1) @ ANSWERS) / counts.sum(axis=(1, 2)))


def _classes(counts: list[FloatArray], asked: NDArray[np.bool_]) -> Answered:
    by_arm = np.stack([c.sum(axis=2) for c in counts], axis=1) * asked[..., None]
    n = by_arm.sum(axis=(1, 2))
    return Answered(by_arm.sum(axis=1) / n[:, None], n)


def _misread(counts: FloatArray, world: World, rng: np.random.Generator) -> FloatArray:
    """Turn counts by class into counts by elicited answer."""
    n = counts.astype(np.int64)
    spread = rng.multinomial(n, np.broadcast_to(_reported(world)[:, None], (*n.shape, CLASSES)))
    return np.asarray(spread.sum(axis=1).swapaxes(1, 2).astype(np.float64))


def _conversations(elicited: list[FloatArray], asked: NDArray[np.bool_]) -> Conversations:
    table = np.stack(elicited, axis=1) * asked[:, :, None, None]
    persona, arm, answer, outcome = np.nonzero(table)
    indicators = np.eye(CLASSES)[answer][:, 1:]
    n = table[persona, arm, answer, outcome]
    return Conversations(ANSWERS[outcome], indicators, persona, arm == 1, n)
