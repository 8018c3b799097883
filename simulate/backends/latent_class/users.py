"""The structural backend: a study's conversations held by users of a latent class, without a model or a network."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from simulate.backends.latent_class.classes import LatentPersonas, condition, draw_personas, pick
from simulate.backends.latent_class.derived import structure_of
from simulate.backends.latent_class.truth import truth
from simulate.backends.protocol import Reply, question_of
from simulate.randomness import keyed_generator
from simulate.study.profile import RETENTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from confound.statistics.arrays import FloatArray, IntArray
    from simulate.backends.protocol import Request
    from simulate.study.definition import Persona, Study
    from simulate.study.profile import Profile

REFUSED = "refused"
# The last bits of closed forms differ from machine to machine; the file should be the same on all.
DECIMALS = 12


class LatentUsers:
    """Answers by the probabilities of a latent class; reads no prompt.

    A conversation (persona, iteration, arm, trial) is held by a user of one class, which is drawn given the attributes
    specified. Every answer is drawn given the class. A retention question is answered as specified with probability
    `adherence`, else as the class would answer.

    Parameters
    ----------
    study : Study
    personas : sequence of Persona
        All personas that will be asked for.
    seed : int
    """

    name = "structural"
    model = name
    chats = False
    sampling_settings: frozenset[str] = frozenset()

    def __init__(self, study: Study, personas: Sequence[Persona], *, seed: int) -> None:
        self.structure = structure_of(study)
        self._control = study.control
        self._seed = seed
        self._questions = {question.id: question for question in self.structure.questions}
        drawn = draw_personas(self.structure, [persona.id for persona in personas], seed=seed)
        self._rows = {name: row for row, name in enumerate(drawn.ids)}
        self._personas = drawn
        # Requests of one profile follow each other, so its classes are computed once.
        self._profile: Profile | None = None
        self._shares: FloatArray = np.empty(0)
        self._latent: dict[str, IntArray] = {}

    def ready(self) -> None:
        """Do nothing: no package and no key is needed."""

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Yield the replies of each request in turn."""
        for request in requests:
            yield from self._replies(request)

    def truth(self, profiles: Sequence[Sequence[Profile]]) -> dict[str, Any]:
        """Return the truth of every contrast at every iteration, given what the run adopted.

        Parameters
        ----------
        profiles : sequence of sequence of Profile
            For each iteration the profiles of the mixture, the same personas in each.

        Returns
        -------
        dict
            `contrasts`, each with `target` (effects and drift before adjustment: its `cate`, `sbt` and `sbc` are
            what adjusting should find) and `iterations` (the same given the attributes specified in each, with the
            arms' means).
        """
        treated = [arm for arm in self.structure.arms if arm != self._control]
        realised = [self._conditioned(level) for level in profiles]
        return {"contrasts": [self._contrast(arm, realised) for arm in treated]}

    def _contrast(self, treated: str, realised: Sequence[LatentPersonas]) -> dict[str, Any]:
        found = [truth(self.structure, personas, control=self._control, treated=treated) for personas in realised]
        levels = [
            {
                "iteration": iteration,
                "effect": {
                    outcome: asdict(effect) | self._means(outcome, personas, treated)
                    for outcome, effect in known.effect.items()
                },
                "drift": {question: asdict(drift) for question, drift in known.drift.items()},
            }
            for iteration, (known, personas) in enumerate(zip(found, realised, strict=True))
        ]
        target = {part: levels[0][part] for part in ("effect", "drift")}
        contrast = {"contrast": f"{treated} - {self._control}", "control": self._control, "treated": treated}
        content: dict[str, Any] = _rounded({**contrast, "target": target, "iterations": levels})
        return content

    def _means(self, outcome: str, personas: LatentPersonas, treated: str) -> dict[str, float]:
        question = self._questions[outcome]
        means = question.probabilities @ np.array(question.option_values)
        places = {"mean_control": self._control, "mean_treated": treated}
        found = {}
        for name, arm in places.items():
            place = self.structure.arms.index(arm)
            found[name] = float(personas.class_probabilities[:, place].mean(axis=0) @ means[place])
        return found

    def _conditioned(self, profiles: Sequence[Profile]) -> LatentPersonas:
        ids = tuple(profile.persona.id for profile in profiles)
        prior = self._personas.class_probabilities[[self._rows[name] for name in ids]]
        specified = [{**profile.persona.attributes, **profile.adopted} for profile in profiles]
        return condition(self.structure, LatentPersonas(ids, prior), specified)

    def _replies(self, request: Request) -> Iterator[Reply]:
        question = question_of(request)
        latent = self._classes(request)
        rows = np.array(request.trials) - 1
        chance = self._stream("answer", request, question.id).random((rows.max() + 1, 2))[rows]
        arm = self.structure.arms.index(request.arm)
        chosen = pick(self._table(request, arm)[latent[rows]], chance[:, 0]).tolist()
        refused = (chance[:, 1] < self.structure.refusal[arm]).tolist()
        for trial, place, silent in zip(request.trials, chosen, refused, strict=True):
            if silent:
                yield Reply(request, trial, reason=REFUSED)
            else:
                yield Reply(request, trial, option=question.options[place])

    def _table(self, request: Request, arm: int) -> FloatArray:
        """Answer probabilities by class, shape (C, K)."""
        name = question_of(request).id
        if name in self._questions:
            question = self._questions[name]
            return question.probabilities[arm] if question.role == "outcome" else question.probabilities
        question = self._questions[name.removeprefix(RETENTION)]
        told = request.profile.adopted[question.id]
        kept = np.array([float(option == told) for option in question.options])
        return self.structure.adherence * kept + (1 - self.structure.adherence) * question.probabilities

    def _classes(self, request: Request) -> IntArray:
        """Return the class that holds each conversation of the request's profile and arm, from trial 1 on."""
        if request.profile is not self._profile:
            self._profile, self._latent = request.profile, {}
            self._shares = self._conditioned([request.profile]).class_probabilities[0]
        held = self._latent.get(request.arm)
        if held is None or len(held) < max(request.trials):
            chance = self._stream("class", request).random(max(request.trials))
            held = pick(self._shares[self.structure.arms.index(request.arm)], chance)
            self._latent[request.arm] = held
        return held

    def _stream(self, what: str, request: Request, *labels: str) -> np.random.Generator:
        profile = request.profile
        place = (profile.persona.id, request.arm, profile.iteration)
        return keyed_generator(self._seed, what, *place, *labels, *profile.labels())


def _rounded(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _rounded(entry) for key, entry in content.items()}
    if isinstance(content, list):
        return [_rounded(entry) for entry in content]
    # Adding 0.0 turns -0.0 into 0.0.
    return round(content, DECIMALS) + 0.0 if isinstance(content, float) else content
