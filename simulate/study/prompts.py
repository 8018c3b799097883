"""What the models read: a study's Jinja templates, sandboxed, rendered to chat messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from simulate.parsing.options import labelled
from simulate.study.templates import TemplateFault, compiled, rendered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jinja2

    from simulate.study.definition import Arm, ClosedQuestion, Item, Persona, Study

Message = dict[str, str]

# Name of a prompt -> what its template may use. `item` is there only in a study with items.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "persona": ("about", "attributes", "specified", "item", "turns"),
    "statement": ("statement", "item"),
    "question": ("question", "options"),
    "agent": ("instruction", "item", "turns"),
    "opening": ("item",),
}
# What each prompt must print: variable -> (a placeholder for its value, the part of it that must be printed).
_PLACEHOLDERS: Mapping[str, Mapping[str, tuple[Any, str]]] = {
    "persona": {
        "attributes": ([("standinlabel", "standinvalue")], "standinvalue"),
        "specified": ([("standinquestion", "standinanswer")], "standinanswer"),
        "about": ("standintext", "standintext"),
    },
    "statement": {"statement": ("standinstatement", "standinstatement")},
    "question": {"question": ("standinquestion", "standinquestion"), "options": ([], "")},
    "agent": {"instruction": ("standininstruction", "standininstruction")},
    "opening": {},
}


@dataclass(frozen=True, slots=True)
class _Templates:
    prompts: Mapping[str, jinja2.Template]
    statements: Mapping[str, jinja2.Template]
    agents: Mapping[str, jinja2.Template]


class Prompts:
    """A study's prompts, compiled once.

    A message is a mapping of `role` (`system`, `user`, `assistant`) and `content`. Chat templates require that user and
    assistant alternate, so two messages of the user in a row are joined by a blank line.

    Parameters
    ----------
    study : Study

    Raises
    ------
    InputError
        When a template cannot be used. `load_study` finds this earlier, and names the line.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        given = _arm_variables(study)
        try:
            self._templates = _Templates(
                {name: compiled(source, _usable(name, study)) for name, source in study.prompts.items()},
                {arm.name: compiled(arm.statement, given) for arm in study.arms if arm.statement},
                {arm.name: compiled(arm.agent, given) for arm in study.arms if arm.agent},
            )
            self._questions = {q.id: self._question(q) for q in study.questions.values()}
        except TemplateFault as fault:
            raise InputError(f"{study.source}: {fault}") from fault

    def conversation(
        self,
        persona: Persona,
        specified: Mapping[str, str],
        arm: Arm,
        item: Item | None = None,
        dialogue: Sequence[str] = (),
    ) -> list[Message]:
        """Return the messages that the simulated user reads: who they are, then the intervention.

        Parameters
        ----------
        persona : Persona
        specified : Mapping of str to str
            Id of a confounder -> the answer adopted, in the order of adoption.
        arm : Arm
        item : Item or None
        dialogue : sequence of str
            The messages so far, in turn the agent's and the user's, beginning with the agent's. The agent has the role
            `user`.

        Returns
        -------
        list of dict
            A new list on each call. It ends with a message of the agent where the user's reply is due; else `question`
            adds a question.
        """
        values = {
            "about": persona.text,
            "attributes": [(self._study.labels[name], value) for name, value in persona.attributes.items()],
            "specified": [(self._study.questions[name].text, answer) for name, answer in specified.items()],
            "turns": self._study.turns,
        }
        messages = [_message("system", self._fill("persona", item, **values))]
        if arm.name in self._templates.statements:
            statement = self._told(self._templates.statements[arm.name], item)
            messages.append(_message("user", self._fill("statement", item, statement=statement)))
        sides = ("user", "assistant")
        return messages + [_message(sides[place % 2], said) for place, said in enumerate(dialogue)]

    def agent(self, arm: Arm, item: Item | None = None, dialogue: Sequence[str] = ()) -> list[Message]:
        """Return the messages that the agent of a dialogue reads; `dialogue` is as in `conversation`.

        The agent never sees the persona.
        """
        instruction = self._told(self._templates.agents[arm.name], item)
        system = self._fill("agent", item, instruction=instruction, turns=self._study.turns)
        sides = ("assistant", "user")
        return [
            _message("system", system),
            _message("user", self._fill("opening", item)),
            *(_message(sides[place % 2], said) for place, said in enumerate(dialogue)),
        ]

    def question(self, messages: Sequence[Message], question: ClosedQuestion) -> list[Message]:
        """Return a new list of the messages with a question added, so that each question has its own branch."""
        text = self._questions.get(question.id) or self._question(question)
        if messages and messages[-1]["role"] == "user":
            return [*messages[:-1], _message("user", f"{messages[-1]['content']}\n\n{text}")]
        return [*messages, _message("user", text)]

    def _question(self, question: ClosedQuestion) -> str:
        options = labelled(question.options)
        return rendered(self._templates.prompts["question"], question=question.text, options=options)

    def _fill(self, name: str, item: Item | None, **values: Any) -> str:
        return self._told(self._templates.prompts[name], item, **values)

    def _told(self, template: jinja2.Template, item: Item | None, **values: Any) -> str:
        try:
            return rendered(template, **values, **({} if item is None else {"item": item}))
        except TemplateFault as fault:
            raise InputError(f"{self._study.source}: a prompt {fault}") from fault


def check_prompt(study: Study, name: str) -> None:
    """Fill in a prompt with placeholders and check that it prints each of them.

    Raises
    ------
    TemplateFault
        When it cannot be compiled or filled in, or leaves out something that the model has to see.
    """
    template = compiled(study.prompts[name], _usable(name, study))
    placeholders = dict(_PLACEHOLDERS[name])
    for item in study.items or (None,):
        _check_shows(template, placeholders, turns=study.turns, **({} if item is None else {"item": item}))
    if name != "question":
        return
    for question in study.questions.values():
        text = rendered(template, question=question.text, options=labelled(question.options))
        for shown in (question.text, *(part for option in labelled(question.options) for part in option)):
            if shown not in text:
                raise TemplateFault(
                    f"does not show '{shown}' of question '{question.id}'; print `options` and `question`"
                )


def check_arm(study: Study, arm: Arm, key: str) -> None:
    """Compile and fill in an arm's own template.

    Raises
    ------
    TemplateFault
        When that fails, or the text is empty.
    """
    template = compiled(str(getattr(arm, key)), _arm_variables(study))
    for item in study.items or (None,):
        if not rendered(template, **({} if item is None else {"item": item})):
            raise TemplateFault("is empty once it is filled in")


def _check_shows(template: jinja2.Template, placeholders: Mapping[str, tuple[Any, str]], **values: Any) -> None:
    text = rendered(template, **values, **{name: value for name, (value, _) in placeholders.items()})
    for name, (_, shown) in placeholders.items():
        if shown.casefold() not in text.casefold():
            raise TemplateFault(f"does not print `{name}`, so that the model would never see it; add it")


def _usable(name: str, study: Study) -> tuple[str, ...]:
    """Return the variables that prompt `name` may use."""
    return tuple(variable for variable in VARIABLES[name] if study.items or variable != "item")


def _arm_variables(study: Study) -> tuple[str, ...]:
    """Return the variables that an arm's own texts may use."""
    return ("item",) if study.items else ()


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
