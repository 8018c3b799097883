"""Templates of study files end, repeat, and are refused with their line where they could do otherwise."""

from __future__ import annotations

import pytest

from simulate.study.templates import TemplateFault, compiled, rendered

NAMES = ("attributes", "specified", "options", "about", "question")
VALUES = {
    "attributes": [("Age", "34"), ("Sex", "Female")],
    "specified": [],
    "options": [("A", "Yes"), ("B", "No")],
    "about": "a long text about a person " * 100,
    "question": "Who?",
}


def _made(source: str) -> str:
    return rendered(compiled(source, NAMES), **VALUES)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for label, value in attributes %}{{ label }}: {{ value }}\n{% endfor %}", "Age: 34\nSex: Female"),
        ("{% for a in attributes %}{% for b in options %}{{ a[0] }}{{ b[1] }} {% endfor %}{% endfor %}", "AgeYes"),
        ("{{ options | map('first') | join(', ') }}", "A, B"),
        ("{{ question.upper() }} {{ question | lower | replace('w', 'v') }}", "WHO? vho?"),
        ("{% set name = attributes[0][1] %}{{ name }}", "34"),
        ("{% if about %}{{ loop is defined }}{% endif %}{{ 1 + 2 }}", "False3"),
        ("{% for o in options %}{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}", "1, 2"),
    ],
)
def test_what_prompts_need_works(source: str, text: str) -> None:
    """Loops over lists, filters, methods of texts, conditions and sums."""
    variables = (*NAMES, "loop") if "loop is" in source else NAMES
    assert rendered(compiled(source, variables), **VALUES).startswith(text)


DEEP = "".join(f"{{% for a{n} in attributes %}}" for n in range(12)) + "x" + "{% endfor %}" * 12
DOUBLED = "{% set x = about %}" + "{% set x = [x, x, x, x, x, x, x, x, x, x] | join %}" * 6 + "{{ x }}"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (DEEP, "loops go 2 deep at most"),
        ("{% for a in about %}{{ a }}{% endfor %}", "a loop goes over attributes, specified, options"),
        ("{% for a in [1, 2] %}{{ a }}{% endfor %}", "a loop goes over"),
        ("{% for a in attributes recursive %}{{ loop(a) }}{% endfor %}", "only these can be called|loops go"),
        ("{{ 'x' * 10 ** 10 }}", "cannot be used in a prompt"),
        ("{{ 'x' * 9 }}", "multiplication cannot be used"),
        ("{{ '%1000000000d' % 1 }}", "`%` cannot be used"),
        ("{{ about ~ about }}", "`~` cannot be used"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macros cannot be used"),
        ("{% set x %}{{ about }}{{ about }}{% endset %}", "`set` blocks cannot be used"),
        ("{% include '/etc/passwd' %}", "other files cannot be used"),
        ("{{ options | random }}", "No filter named 'random'"),
        ("{{ options | map('random') | list }}", "cannot be filled in: No filter named 'random'"),
        ("{{ 'x' | center(10000000000) }}", "No filter named 'center'"),
        ("{{ 'x'.ljust(10000000000) }}", "only these can be called"),
        ("{{ range(10) }}", "only these can be called|unknown variable"),
        ("{{ lipsum() }}", "only these can be called"),
        ("{{ about | replace('a', about) | replace('a', about) | replace('a', about) }}", "is no prompt"),
        (DOUBLED, "is no prompt"),
        ("{% set x = about %}" * 9, "more than 8 `set`"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply"),
    ],
)
def test_what_may_hang_grow_or_differ_is_refused(source: str, said: str) -> None:
    """Loops without end, texts without end, recursion, chance and other files end in a message."""
    with pytest.raises(TemplateFault, match=said):
        _made(source)
