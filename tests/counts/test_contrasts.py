"""Control arms, designs, and who is left out."""

import numpy as np
import pandas as pd
import pytest

from confound.counts.contrasts import Contrast, infer_design
from confound.counts.options import Options
from confound.counts.prepare import CountedLog, prepare
from confound.errors import InputError
from confound.findings import warnings
from confound.log.layout import Layout


def prepared(frame: pd.DataFrame, **options: object) -> CountedLog:
    """Prepare a log given as rows of persona, arm, question, response."""
    return prepare(frame, Layout(), Options(negative_control=("*",), **options))  # type: ignore[arg-type]


def rows(*answers: tuple[str, str, str, str]) -> pd.DataFrame:
    """Make a log of (study, persona, arm, response) rows."""
    frame = pd.DataFrame(answers, columns=["study", "persona", "arm", "response"])
    return frame.assign(question="q")


def only(found: tuple[Contrast, ...]) -> Contrast:
    """Return the single contrast."""
    (contrast,) = found
    return contrast


@pytest.mark.parametrize("name", ["control", "Control", "BASELINE", "placebo", "untreated", "0"])
def test_known_names_are_the_control(name: str) -> None:
    """An arm with a usual name is the control, in any case, wherever it sorts."""
    found = prepared(rows(("s", "1", "a", "x"), ("s", "1", name, "y")))
    assert found.control_arms == {"s": name}
    assert only(found.contrasts).label == f"a - {name}"


def test_first_arm_is_the_control_else_and_the_result_says_so() -> None:
    """Without a usual name the first arm in sorted order is taken, with a note."""
    found = prepared(rows(("s", "1", "b", "x"), ("s", "1", "a", "y")))
    assert found.control_arms == {"s": "a"}
    assert any("Arm 'a' was taken as the control" in note.message for note in found.notes)


def test_controls_of_many_studies_are_told_in_one_remark() -> None:
    """One remark names the arms and the studies, however many there are."""
    studies = (("s", "b"), ("t", "b"), ("u", "c"))
    found = prepared(rows(*((study, "1", arm, "x") for study, first in studies for arm in (first, "z"))))
    said = [note.message for note in found.notes if "taken as the control" in note.message]
    assert said == ["Arms taken as the control: 'b' (s, t); 'c' (u). Choose others with --control STUDY=ARM."]


def test_control_by_study() -> None:
    """STUDY=ARM holds for that study; an arm whose own label has an equals sign is still found."""
    frame = rows(*(("s", "1", arm, "x") for arm in ("a", "b")), *(("t", "1", arm, "x") for arm in ("a", "b", "k=v")))
    assert prepared(frame, control=("s=b",)).control_arms == {"s": "b", "t": "a"}
    assert prepared(frame, control=("b", "t=a")).control_arms == {"s": "b", "t": "a"}
    assert prepared(frame, control=("k=v",)).control_arms == {"s": "a", "t": "k=v"}


def test_a_control_that_is_not_there_is_refused() -> None:
    """A wrong arm or study is an error that lists what is there."""
    frame = rows(("s", "1", "a", "x"), ("s", "1", "b", "y"))
    with pytest.raises(InputError, match=r"no such arm\. It holds a, b"):
        prepared(frame, control=("c",))
    with pytest.raises(InputError, match=r"no such study\. It holds s"):
        prepared(frame, control={"t": "a"})


def test_every_other_arm_is_contrasted() -> None:
    """Three arms make two contrasts with the control."""
    found = prepared(rows(*(("s", p, arm, "x") for p in "12" for arm in ("control", "low", "high"))))
    assert [c.label for c in found.contrasts] == ["high - control", "low - control"]


def test_a_study_with_one_arm_is_left_out_with_a_warning() -> None:
    """One study with one arm does not stop the others."""
    found = prepared(rows(("s", "1", "a", "x"), ("t", "1", "a", "x"), ("t", "1", "b", "x")))
    assert [c.cell.study for c in found.contrasts] == ["t"]
    assert any(note.study == "s" and note.level == "warning" for note in found.notes)


def test_design_is_inferred_from_who_is_where() -> None:
    """Half of the personas in both arms make it within, none between."""
    assert [infer_design(both, 10) for both in (0, 4, 5, 10)] == ["between", "between", "within", "within"]


def test_within_leaves_out_personas_of_one_arm() -> None:
    """A persona that one arm lacks is left out and counted; rows of the two sides are the same personas."""
    frame = rows(
        ("s", "1", "a", "x"), ("s", "1", "b", "y"), ("s", "2", "a", "x"), ("s", "3", "a", "y"), ("s", "3", "b", "y")
    )
    contrast = only(prepared(frame).contrasts)
    assert (contrast.design, contrast.n_personas, contrast.left_out) == ("within", 2, 1)
    np.testing.assert_array_equal(contrast.control.answers, [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(contrast.treated.answers, [[0, 1, 0], [0, 1, 0]])


def test_between_leaves_out_personas_of_both_arms() -> None:
    """With few personas in both arms these are left out, and the warning says so."""
    frame = rows(*(("s", str(p), "a" if p % 2 else "b", "x") for p in range(8)), ("s", "0", "a", "x"))
    found = prepared(frame)
    contrast = only(found.contrasts)
    assert (contrast.design, contrast.n_personas, contrast.left_out) == ("between", 7, 1)
    assert any("left out, being in both arms" in note.message for note in warnings.data_notes(found))


def test_a_question_of_one_arm_alone_is_left_out_with_a_warning() -> None:
    """A question that an arm was never asked makes no contrast."""
    frame = rows(("s", "1", "a", "x"), ("s", "1", "b", "y"))
    extra = rows(("s", "1", "a", "x")).assign(question="r")
    found = prepared(pd.concat([frame, extra]))
    assert [c.cell.question for c in found.contrasts] == ["q"]
    assert any(note.question == "r" and "Not asked in arm 'b'" in note.message for note in found.unasked)


def test_a_design_that_no_one_fits_is_refused() -> None:
    """Asking for within where no persona is in both arms is an error, not an empty table."""
    with pytest.raises(InputError, match="no contrast can be made"):
        prepared(rows(("s", "1", "a", "x"), ("s", "2", "b", "y")), design="within")
