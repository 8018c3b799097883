"""What the models read: a study's Jinja templates, sandboxed, rendered to chat messages."""

from __future__ import annotations

import string
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from confound.errors import InputError
from simulate.parsing.answers import labelled
from simulate.study.marked import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulate.study.definition import Arm, Item, Persona, Question, Study

Message = dict[str, str]

# Name of a prompt -> what its template may use. `item` is there only in a study with items.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "persona": ("about", "attributes", "specified", "item", "turns"),
    "statement": ("statement", "item"),
    "question": ("question", "options"),
    "agent": ("instruction", "item", "turns"),
    "opening": ("item",),
}
ARM_VARIABLES = ("item",)
# What must come through each prompt: variable -> (a stand-in for its value, what of it must be seen).
_STAND_INS: Mapping[str, Mapping[str, tuple[Any, str]]] = {
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
MAX_OPTIONS = len(string.ascii_uppercase)
_FAULTS = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, AttributeError, LookupError)

# Chat text is no HTML: escaping would put `&#39;` before the model. Data never becomes a template: only the study
# file's own texts are compiled, and everything else is a value.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


class TemplateFault(Exception):  # noqa: N818 -- caught and told as an InputError with file and line
    """A template that cannot be used; `line` counts from 1 within it."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def compiled(source: str, variables: Sequence[str]) -> jinja2.Template:
    """Compile a template that uses no other variables than these.

    Raises
    ------
    TemplateFault
        Where the syntax is wrong or another variable is used.
    """
    try:
        tree = _ENVIRONMENT.parse(source)
        template = _ENVIRONMENT.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateFault(f"no valid Jinja: {error.message}", error.lineno) from error
    except RecursionError as error:
        raise TemplateFault("no valid Jinja: nested too deeply") from error
    for name in sorted(meta.find_undeclared_variables(tree) - set(variables)):
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), 1)
        raise TemplateFault(f"unknown variable '{name}'; {suggest(name, variables)}", line)
    return template


def rendered(template: jinja2.Template, **values: Any) -> str:
    """Render a template, without blank ends.

    Raises
    ------
    TemplateFault
        Where it uses what is not there, or what the sandbox forbids.
    """
    try:
        return template.render(**values).strip()
    except _FAULTS as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == "<template>"), None)
        raise TemplateFault(f"cannot be filled in: {str(error).rstrip('.')}; mend this line", line or 1) from error


@dataclass(frozen=True, slots=True)
class _Templates:
    prompts: Mapping[str, jinja2.Template]
    statements: Mapping[str, jinja2.Template]
    agents: Mapping[str, jinja2.Template]


class Prompts:
    """A study's prompts, compiled once.

    A message is a mapping of `role` (`system`, `user`, `assistant`) and `content`. User and assistant alternate, as
    chat templates want it: what comes twice from one side is joined by a blank line.

    Parameters
    ----------
    study : Study

    Raises
    ------
    InputError
        Where a template cannot be used; `load_study` has told that already, with the line.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        given = {"item"} if study.items else set()
        try:
            self._templates = _Templates(
                {name: compiled(source, usable(name, study.items)) for name, source in study.prompts.items()},
                {arm.name: compiled(arm.statement, tuple(given)) for arm in study.arms if arm.statement},
                {arm.name: compiled(arm.agent, tuple(given)) for arm in study.arms if arm.agent},
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
        """Return what the simulated user has before them: who they are, then the intervention.

        Parameters
        ----------
        persona : Persona
        specified : Mapping of str to str
            Id of a confounder -> the answer adopted, in the order of adoption.
        arm : Arm
        item : Item or None
        dialogue : sequence of str
            The messages so far, the agent's and the user's in turn, the agent's first; the agent speaks as `user`.

        Returns
        -------
        list of dict
            New on each call. After a message of the agent, the user's reply is due; else `question` adds one.
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
        """Return what the agent of a dialogue has before it; the messages are as in `conversation`.

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

    def question(self, messages: Sequence[Message], question: Question) -> list[Message]:
        """Return the messages with a question added, in a branch of its own: those given stay as they are."""
        text = self._questions.get(question.id) or self._question(question)
        if messages and messages[-1]["role"] == "user":
            return [*messages[:-1], _message("user", f"{messages[-1]['content']}\n\n{text}")]
        return [*messages, _message("user", text)]

    def _question(self, question: Question) -> str:
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
    """Fill in a prompt with stand-ins and see that what it is for gets through.

    Raises
    ------
    TemplateFault
        Where it cannot be compiled or filled in, or leaves out what the model has to see.
    """
    template = compiled(study.prompts[name], usable(name, study.items))
    stand_ins = dict(_STAND_INS[name])
    for item in study.items or (None,):
        _check_shows(template, stand_ins, turns=study.turns, **({} if item is None else {"item": item}))
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
    """Compile and fill in an arm's own template; `TemplateFault` where that fails or leaves nothing."""
    template = compiled(str(getattr(arm, key)), ("item",) if study.items else ())
    for item in study.items or (None,):
        if not rendered(template, **({} if item is None else {"item": item})):
            raise TemplateFault("comes out empty")


def _check_shows(template: jinja2.Template, stand_ins: Mapping[str, tuple[Any, str]], **values: Any) -> None:
    text = rendered(template, **values, **{name: value for name, (value, _) in stand_ins.items()})
    for name, (_, shown) in stand_ins.items():
        if shown.casefold() not in text.casefold():
            raise TemplateFault(f"does not print `{name}`, so that the model would never see it; add it")


def usable(name: str, items: Sequence[Item]) -> tuple[str, ...]:
    """Return the variables that prompt `name` may use in a study with these items."""
    return tuple(variable for variable in VARIABLES[name] if items or variable != "item")


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
