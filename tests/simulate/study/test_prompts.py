"""The models read what the study says, filled in with data that never becomes a template."""

import dataclasses
from pathlib import Path

import pytest

from confound.errors import InputError
from simulate.parsing.answers import parse
from simulate.study.catalogue import shipped_names
from simulate.study.definition import Persona, Study
from simulate.study.preview import plan, show_prompts
from simulate.study.prompts import Prompts
from simulate.study.reading import load_study

GOOD = Path(__file__).parents[1] / "study_good.yaml"
ANN = Persona("ann", {"age": "34", "sex": "Female"})


@pytest.fixture(scope="module")
def books() -> Study:
    """Return a study with dialogues."""
    return load_study("book_opinions")


@pytest.fixture(scope="module")
def survey() -> Study:
    """Return a study without dialogues."""
    return load_study("opinionqa")


def test_specified_attributes_reach_the_model_in_order(books: Study) -> None:
    """Base attributes and adopted answers stand in the system prompt, each with its question, in order of adoption."""
    specified = {"income": "Under $30,000", "region": "South"}
    system = Prompts(books).conversation(ANN, specified, books.arms[0], books.item(0))[0]
    assert system["role"] == "system"
    places = [system["content"].index(text) for text in ("Age: 34", "Sex: Female", "Under $30,000", "South")]
    assert places == sorted(places)
    assert books.questions["region"].text in system["content"]


def test_arms_differ_in_the_intervention_alone(survey: Study) -> None:
    """The statement is all that the arms of a survey do not share."""
    prompts = Prompts(survey)
    plain, leading = (prompts.conversation(ANN, {}, arm) for arm in survey.arms)
    assert plain == leading[:1]
    assert survey.arms[1].statement
    assert survey.arms[1].statement.strip() in leading[1]["content"]


def test_roles_alternate_as_chat_templates_want(books: Study, survey: Study) -> None:
    """After the system prompt, user and assistant take turns and the model speaks next, with and without dialogue."""
    said = ["Hello!", "Hi.", "Read it.", "Why?"]
    question = books.questions["party"]
    for study, dialogue in ((books, said), (books, said[:2]), (survey, [])):
        prompts = Prompts(study)
        for arm in study.arms:
            held = prompts.conversation(ANN, {}, arm, study.item(0), dialogue)
            _assert_alternating(prompts.question(held, question))
    for length in (0, 2, 4):
        _assert_alternating(Prompts(books).agent(books.arms[0], books.item(0), said[:length]))
    _assert_alternating(Prompts(books).conversation(ANN, {}, books.arms[0], books.item(0), said[:3]))


def _assert_alternating(messages: list[dict[str, str]]) -> None:
    expected = ["system"] + ["user", "assistant"] * len(messages)
    assert [message["role"] for message in messages] == expected[: len(messages)]
    assert messages[-1]["role"] == "user"
    assert all(message["content"] for message in messages)


def test_dialogue_is_told_from_each_side(books: Study) -> None:
    """What the agent said is `user` to the simulated user and `assistant` to the agent."""
    prompts, dialogue = Prompts(books), ["agent's word", "user's word"]
    to_user = prompts.conversation(ANN, {}, books.arms[0], books.item(0), dialogue)
    to_agent = prompts.agent(books.arms[0], books.item(0), dialogue)
    assert {m["content"]: m["role"] for m in to_user[1:]} == {"agent's word": "user", "user's word": "assistant"}
    assert {m["content"]: m["role"] for m in to_agent[2:]} == {"agent's word": "assistant", "user's word": "user"}


def test_agent_never_sees_the_persona(books: Study) -> None:
    """The agent knows the item and its instruction, nothing of who is listening."""
    words = " ".join(message["content"] for message in Prompts(books).agent(books.arms[0], books.item(0)))
    assert books.items[0].title in words
    assert "Age" not in words


def test_question_opens_a_branch_of_its_own(books: Study) -> None:
    """Asking leaves the conversation as it was, so that no question sees another."""
    prompts = Prompts(books)
    held = prompts.conversation(ANN, {}, books.arms[0], books.item(0), ["Hello!", "Hi."])
    before = [dict(message) for message in held]
    first, second = (prompts.question(held, books.questions[name]) for name in ("party", "race"))
    assert held == before
    assert books.questions["party"].text not in str(second)
    assert first[:-1] == second[:-1] == held


@pytest.mark.parametrize("name", shipped_names())
def test_shown_labels_are_those_that_answers_read(name: str) -> None:
    """The label in front of each option on the page, sent back as the answer, is read as that option."""
    study = load_study(name)
    for question in study.questions.values():
        lines = Prompts(study).question([], question)[0]["content"].splitlines()
        labels = [line.split(".")[0] for line in lines if len(line.split(".")[0]) == 1]
        assert [parse(label, question.options).option for label in labels] == list(question.options)


@pytest.mark.parametrize("payload", ["{{ 7 * 7 }}", "{% for x in y %}", "{{ ''.__class__ }}", "{# gone #}"])
def test_data_is_never_a_template(books: Study, payload: str) -> None:
    """Braces in a persona, an adopted answer or a message come through as they are."""
    persona = Persona("x", {"age": payload, "sex": "Male"}, payload)
    dialogue = [payload, payload]
    messages = Prompts(books).conversation(persona, {"region": payload}, books.arms[0], books.item(0), dialogue)
    assert messages[0]["content"].count(payload) == 3
    assert [message["content"] for message in messages[1:]] == dialogue
    assert payload in Prompts(books).agent(books.arms[0], books.item(0), dialogue)[-1]["content"]


def test_chat_text_is_not_escaped(books: Study) -> None:
    """Quotes and ampersands reach the model as they are, not as HTML."""
    persona = Persona("x", {"age": "34", "sex": "Male"}, "Tom & Jerry's <friend>")
    system = Prompts(books).conversation(persona, {}, books.arms[0], books.item(0))[0]["content"]
    assert "Tom & Jerry's <friend>" in system


def test_template_that_fails_later_is_an_input_error(books: Study) -> None:
    """What only fails with certain data is told as an error of the study, not as a traceback of Jinja's."""
    late = "{{ attributes[0][1] | int + about | length }} {{ specified }} {{ item.title[99] }} {{ about }}"
    study = dataclasses.replace(books, prompts={**books.prompts, "persona": late})
    with pytest.raises(InputError, match="cannot be filled in"):
        Prompts(study).conversation(ANN, {}, study.arms[0], study.item(0))


@pytest.mark.parametrize("name", shipped_names())
def test_preview_shows_every_kind_of_prompt(name: str) -> None:
    """The dry run prints each prompt template and arm, and a question of each role."""
    study = load_study(name)
    text = show_prompts(study)
    for role in ("outcome", "negative_control", "confounder"):
        first = next(question for question in study.questions.values() if question.role == role)
        assert first.text in text
    for arm in study.arms:
        assert f"arm {arm.name}" in text
    assert ("the agent's first message" in text) == (study.turns > 0)
    assert study.questions[study.batches[-1][-1]].text in text


def test_plan_counts_a_survey() -> None:
    """Trials of a survey share a prompt: 2 personas x 2 arms x (3 + 3 + 2) questions, each answered by 5 trials."""
    counted = plan(load_study(GOOD), personas=2, trials=5)
    assert (counted.conversations, counted.turns) == (2 * 5 * 2 * 3, 0)
    assert counted.prompts == counted.calls == 2 * 2 * 8
    assert counted.answers == 5 * counted.prompts


def test_plan_counts_dialogues(books: Study) -> None:
    """Every conversation has its turns on both sides and a call for each question."""
    counted = plan(books, personas=3, trials=2, iterations=2)
    conversations = 3 * 2 * 2 * 2
    assert counted.conversations == conversations
    assert counted.turns == conversations * 2 * books.turns
    assert counted.prompts == counted.answers == 3 * 2 * 2 * (8 + 6)
    assert counted.calls == counted.turns + counted.prompts


def test_plan_of_the_papers_size(survey: Study) -> None:
    """100 personas x 30 trials x 2 arms x 14 iterations are about a million answers, on 30 times fewer prompts."""
    counted = plan(survey, personas=100, trials=30)
    assert counted.answers == 996_000
    assert counted.prompts * 30 == counted.answers
    assert "996,000 answers" in counted.text()


def test_plan_estimates_tokens_from_the_prompts(survey: Study) -> None:
    """The tokens of one persona's one-iteration survey are those of its rendered prompts, at 4 characters each."""
    counted = plan(survey, personas=1, trials=1, iterations=1)
    prompts = Prompts(survey)
    characters = 0
    for arm in survey.arms:
        held = prompts.conversation(Persona("p", {"age": "50", "sex": "Male"}), {}, arm)
        for question in survey.asked(0, last=True):
            characters += sum(len(message["content"]) for message in prompts.question(held, question))
    assert counted.prompt_tokens == pytest.approx(characters / 4, rel=0.08)


def test_plan_refuses_more_iterations_than_batches(books: Study) -> None:
    """A size that cannot be run cannot be planned."""
    with pytest.raises(InputError, match="14 or fewer"):
        plan(books, iterations=15)
