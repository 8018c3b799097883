"""A run before it is made: every kind of prompt once, and the number of calls and tokens that it will take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulate.study.definition import check_iterations
from simulate.study.personas import make_personas
from simulate.study.prompts import Prompts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulate.study.definition import Arm, ClosedQuestion, Persona, Study
    from simulate.study.prompts import Message

# Rules of thumb: about four characters for each token of English, so many tokens for a turn of a dialogue and for an
# answer to a closed question, and a few of the chat template for each message.
CHARACTERS_A_TOKEN = 4
TURN_TOKENS = 80
ANSWER_TOKENS = 6
MESSAGE_TOKENS = 4
AGENT_SAYS = "(what the agent says)"
USER_SAYS = "(what the simulated user says)"


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run.

    Attributes
    ----------
    personas, trials, arms, iterations : int
    conversations : int
        personas x trials x arms x iterations.
    turns : int
        Calls for the messages of dialogues, the agent's and the users'; 0 in a survey.
    prompts : int
        Distinct prompts with a question; in a survey, trials share one.
    answers : int
        Rows of the response table, if nothing is stopped early.
    calls : int
        Requests with n draws allowed: turns and prompts.
    prompt_tokens, completion_tokens : int
        Estimates; a prompt is counted once a call, however many answers are drawn on it.
    """

    personas: int
    trials: int
    arms: int
    iterations: int
    conversations: int
    turns: int
    prompts: int
    answers: int
    calls: int
    prompt_tokens: int
    completion_tokens: int

    def text(self) -> str:
        """Return the plan in words."""
        dialogues = f"{self.turns:,} messages of dialogues, " if self.turns else ""
        return (
            f"{self.personas:,} personas x {self.trials:,} trials x {self.arms} arms x {self.iterations} iterations: "
            f"{self.conversations:,} conversations, {self.answers:,} answers\n"
            f"{self.calls:,} calls to a model: {dialogues}{self.prompts:,} questions"
            f"{'' if self.turns else ', each answered by all trials that share its prompt'}\n"
            f"about {self.prompt_tokens:,} tokens read and {self.completion_tokens:,} written, thinking not counted "
            "(estimates, at four characters a token)"
        )


def plan(
    study: Study, *, personas: int | None = None, trials: int | None = None, iterations: int | None = None
) -> Plan:
    """Count the calls of a run and estimate its tokens.

    Parameters
    ----------
    study : Study
    personas, trials, iterations : int or None
        None: as the study says.

    Raises
    ------
    InputError
        When there are more iterations than batches of confounders for, or the personas cannot be made.
    """
    personas, trials = personas or study.personas.count, trials or study.trials
    iterations = iterations or study.iterations
    check_iterations(iterations, len(study.batches))
    arms, conversations = len(study.arms), personas * trials * len(study.arms) * iterations
    asked = [study.asked(iteration, last=iteration == iterations - 1) for iteration in range(iterations)]
    turns = 2 * study.turns * conversations
    # In a survey, trials with the same item share a prompt.
    distinct = trials if study.turns else min(trials, max(len(study.items), 1))
    prompts = personas * arms * distinct * sum(map(len, asked))
    answers = personas * arms * trials * sum(map(len, asked))
    return Plan(
        personas=personas,
        trials=trials,
        arms=arms,
        iterations=iterations,
        conversations=conversations,
        turns=turns,
        prompts=prompts,
        answers=answers,
        calls=turns + prompts,
        prompt_tokens=personas * distinct * _tokens_read(study, asked),
        completion_tokens=turns * TURN_TOKENS + answers * ANSWER_TOKENS,
    )


def _tokens_read(study: Study, asked: Sequence[Sequence[ClosedQuestion]]) -> int:
    """Estimate what one trial of one persona reads, over all arms and iterations."""
    prompts, (persona,) = Prompts(study), make_personas(study.personas, 1, seed=0, study=study)
    item, total = study.item(0), 0
    said = "x" * TURN_TOKENS * CHARACTERS_A_TOKEN
    for iteration, questions in enumerate(asked):
        specified = _specified(study, iteration)
        for arm in study.arms:
            for turn in range(study.turns):
                total += _tokens(prompts.agent(arm, item, [said] * (2 * turn)))
                total += _tokens(prompts.conversation(persona, specified, arm, item, [said] * (2 * turn + 1)))
            held = prompts.conversation(persona, specified, arm, item, [said] * (2 * study.turns))
            total += sum(_tokens(prompts.question(held, question)) for question in questions)
    return total


def _tokens(messages: Sequence[Message]) -> int:
    return sum(MESSAGE_TOKENS + -(-len(message["content"]) // CHARACTERS_A_TOKEN) for message in messages)


def _specified(study: Study, iteration: int) -> dict[str, str]:
    """Return made-up adoptions before an iteration: the middle option of each confounder."""
    names = [name for batch in study.batches[:iteration] for name in batch]
    return {name: study.questions[name].options[len(study.questions[name].options) // 2] for name in names}


def show_prompts(study: Study, *, seed: int = 0) -> str:
    """Return every kind of prompt once: the turns of a dialogue, and a question of each role in each arm it differs in.

    Raises
    ------
    InputError
        When the personas cannot be made.
    """
    (persona,) = make_personas(study.personas, 1, seed=seed, study=study)
    parts = []
    for arm in study.arms:
        if study.turns:
            parts += _dialogue_prompts(study, persona, arm)
        parts += _question_prompts(study, persona, arm)
    last = len(study.batches)
    if last:
        arm = study.arms[-1]
        messages = _asked(study, persona, arm, last, next(iter(study.asked(last))))
        parts.append(_titled(f"arm {arm.name}: the same after the last iteration, attributes made up", messages))
    return "\n\n".join(parts)


def _dialogue_prompts(study: Study, persona: Persona, arm: Arm) -> list[str]:
    prompts, item = Prompts(study), study.item(0)
    return [
        _titled(f"arm {arm.name}: the agent's first message", prompts.agent(arm, item)),
        _titled(f"arm {arm.name}: the agent's next message", prompts.agent(arm, item, [AGENT_SAYS, USER_SAYS])),
        _titled(f"arm {arm.name}: the user's reply", prompts.conversation(persona, {}, arm, item, [AGENT_SAYS])),
    ]


def _question_prompts(study: Study, persona: Persona, arm: Arm) -> list[str]:
    """Show one question of each role; in later arms, where only the intervention differs, only the first."""
    firsts: dict[str, ClosedQuestion] = {}
    for question in study.questions.values():
        firsts.setdefault(question.role, question)
    shown = list(firsts.values()) if arm is study.arms[0] else list(firsts.values())[:1]
    return [
        _titled(f"arm {arm.name}: {question.role} '{question.id}'", _asked(study, persona, arm, 0, question))
        for question in shown
    ]


def _asked(study: Study, persona: Persona, arm: Arm, iteration: int, question: ClosedQuestion) -> list[Message]:
    prompts, dialogue = Prompts(study), [AGENT_SAYS, USER_SAYS] * study.turns
    held = prompts.conversation(persona, _specified(study, iteration), arm, study.item(0), dialogue)
    return prompts.question(held, question)


def _titled(title: str, messages: Sequence[Message]) -> str:
    said = "\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
    return f"=== {title} ===\n{said}"
