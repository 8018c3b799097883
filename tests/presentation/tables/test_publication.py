"""What stands in the tables: which rows and columns, how numbers are written, what the notes say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound.errors import ConfoundError, InputError
from confound.presentation.tables.layout import MARK, Table
from confound.presentation.tables.publication import build, decimals
from confound.text import MISSING, number, p_value
from tests.small_tables import SETTINGS, drift, effects


def texts(table: Table) -> list[str]:
    """Return every line of every cell."""
    return [line for row in table.rows() for cell in row.cells for line in cell]


@given(st.floats(0, 1))
def test_p_never_rounds_to_zero_or_one(p: float) -> None:
    """A p-value is a bound or three decimals within half of the last of them."""
    text = p_value(p)
    if text == "< .001":
        assert p < 0.0005
    elif text == "> .999":
        assert p >= 0.9995
    else:
        assert 0 < float(text) < 1
        assert float(text) == pytest.approx(p, abs=0.00051)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (-0.126, 2, "\u22120.13"),
        (-0.001, 2, "0.00"),
        (12345.6, 0, "12,346"),
        (np.nan, 2, MISSING),
        (np.inf, 1, MISSING),
    ],
)
def test_numbers(value: float, places: int, text: str) -> None:
    """A true minus sign, none before zero, commas in thousands, a dash for what is missing."""
    assert number(value, places) == text


@given(st.floats(1e-3, 1e5))
def test_rounding_keeps_two_digits_of_the_interval(half: float) -> None:
    """Half the interval's width shows two digits or more where four decimals or whole units allow it."""
    places = decimals([2 * half])
    assert 0 <= places <= 4
    if 0.001 <= half < 100:
        assert 9.4 < half * 10**places < 1000 if places == 0 else 9.4 < half * 10**places < 100.6


def test_one_model_has_a_column_a_statistic() -> None:
    """One model: as seen, by chance, corrected, interval and tests, and no column for what the frame has not."""
    table = build("drift", {"drift": drift(["m"], ["party"])}, SETTINGS)
    assert [column.head for column in table.columns] == [
        *("Seen", "By chance", "Corrected", "95% CI", "Distance", "Direction", "Verdict")
    ]
    assert table.panels[0].title == ""


def test_two_models_stand_side_by_side() -> None:
    """Two models: the interval is beside the estimate, under the model's name."""
    table = build("effects", {"effects": effects(["m", "n"])}, SETTINGS)
    assert table.groups() == [("m", 3), ("n", 3)]
    assert texts(table)[:3] == ["\u22120.125", "[\u22120.165, \u22120.085]", ".032"]


def test_several_models_have_a_column_each() -> None:
    """Three models: the interval is under the estimate, and a dagger marks where drift is shown."""
    table = build("drift", {"drift": drift(["k", "m", "n"], ["party", "race"])}, SETTINGS)
    assert [column.head for column in table.columns] == ["k", "m", "n"]
    first, second, joint = table.panels[0].rows[:3]
    assert first.cells[0] == (f"0.050{MARK}", "[0.000, 0.100]")
    assert second.cells[0] == ("0.060", "[0.010, 0.110]")
    assert joint.cells[0] == ("0.070", "[0.020, 0.120]", "p > .999")
    assert any(note.startswith(MARK) for note in table.notes)


def test_too_many_models_stand_below_one_another() -> None:
    """Seven models would not fit beside one another, unless asked for."""
    frames = {"effects": effects([f"m{i}" for i in range(7)])}
    assert len(build("effects", frames, SETTINGS).panels) == 7
    assert len(build("effects", frames, SETTINGS, columns="model").columns) == 7


def test_iterations() -> None:
    """The first iteration and the last are shown, or all, in rising order."""
    frames = {"drift": drift(["m", "n"], ["party"], [0, 9, 10])}
    ends = [panel.title for panel in build("drift", frames, SETTINGS).panels]
    assert ends == ["Panel A. Iteration 0 (before adjustment)", "Panel B. Iteration 10"]
    every = build("drift", frames, SETTINGS, iterations="all").panels
    assert [panel.title.split(". ")[1] for panel in every[1:]] == ["Iteration 9", "Iteration 10"]


def test_contrasts_with_one_row_each_become_rows() -> None:
    """Ten contrasts of one outcome are one table of ten rows, not ten panels."""
    rows = [effects(["m", "n"]).assign(contrast=f"dose{i} - none") for i in range(10)]
    table = build("effects", {"effects": pd.concat(rows)}, SETTINGS)
    assert table.stub == "Contrast"
    assert [row.label for row in table.rows()] == [f"dose{i} \u2212 none" for i in range(10)]


def test_missing_cells_are_dashes() -> None:
    """What one model was not asked is a dash, and the notes say so."""
    frame = pd.concat([effects(["m", "n", "o"]), effects(["m", "n", "o"], ["other"]).iloc[:2]])
    table = build("effects", {"effects": frame}, SETTINGS)
    assert list(table.rows())[1].cells[2] == (MISSING,)
    assert any(note.startswith(MISSING) for note in table.notes)


def test_notes_say_how_it_was_made() -> None:
    """Statistic, cluster, number of personas and trials, correction, interval and seed stand under the table."""
    notes = " ".join(build("drift", {"drift": drift(["m", "n"], ["party"])}, SETTINGS).notes)
    for said in (
        *("total variation distance", "mixture over kinds of persona", "the cluster", "100\u2013101 personas"),
        *("30 trials a persona and arm", "adjusted: over the contrast's controls", "95% intervals", "Seed 7"),
    ):
        assert said in notes


def test_sizes_stand_in_the_table_where_they_differ() -> None:
    """Numbers of personas that differ between models are a row of each panel."""
    (panel,) = build("drift", {"drift": drift(["m", "n"], ["party"])}, SETTINGS).panels
    assert panel.rows[-1].label == "Personas"
    assert [cell for cell in panel.rows[-1].cells if cell != ("",)] == [("100",), ("101",)]


def test_labels_come_from_the_study_file() -> None:
    """A study's title and a question's label stand in the place of their names."""
    labels = {"labels": {"studies": {"books": "Books we love"}, "questions": {"party": "Party"}}}
    table = build("drift", {"drift": drift(["m", "n"], ["party", "race"])}, SETTINGS | labels)
    assert [row.label for row in table.rows()][:3] == ["Party", "race", "All controls"]
    assert "Study: Books we love." in table.notes


def test_answers_are_gathered_by_role() -> None:
    """The table of the data has a row a role and arm: questions, answers, share of Unknown."""
    rows = [("s", "m", 0, arm, f"q{i}", "negative_control", 10, 50, 5) for arm in ("a", "b") for i in range(3)]
    columns = ["study", "model", "iteration", "arm", "question", "role", "n_personas", "n_answers", "n_unknown"]
    table = build("data", {"data": pd.DataFrame(rows, columns=columns)}, SETTINGS)
    assert [row.label for row in table.rows()] == ["Negative controls: a", "Negative controls: b"]
    assert [cell[0] for cell in next(table.rows()).cells] == ["3", "150", "15", "10.0"]
    assert any("10 personas (clusters), 5 trials" in note for note in table.notes)


def test_decomposition_names_its_parts() -> None:
    """The parts stand in words, the last iteration of each method in a panel, sizes taken from the effects."""
    rows = [
        ("books", "m", "b - a", "rating", method, iteration, quantity, 0.1, 0.02, 0.06, 0.14)
        for method, iterations in (("adjustment", (1, 2)), ("aipw", (0,)))
        for iteration in iterations
        for quantity in ("observed", "cate", "asb")
    ]
    columns = ["study", "model", "contrast", "question", "method", "iteration", "quantity"]
    frame = pd.DataFrame(rows, columns=[*columns, "estimate", "se", "ci_low", "ci_high"])
    found = build("decomposition", {"decomposition": frame, "effects": effects(["m"])}, SETTINGS)
    assert [panel.title for panel in found.panels] == [
        "Panel A. By adjustment, iteration 2",
        "Panel B. By aipw, iteration 0 (before adjustment)",
    ]
    assert [row.label for row in found.panels[0].rows] == [
        *("Observed effect", "Causal effect (CATE)", "Average selection bias (ASB)")
    ]
    assert any("100 personas" in note for note in found.notes)


def test_all_arms_come_last() -> None:
    """The test of all arms together is the last panel, under a name in words."""
    frame = drift(["m"], ["party"])
    joint = frame.iloc[:1].assign(contrast="(all arms)", tvd=np.nan, ci_low=np.nan, ci_high=np.nan, n_control=np.nan)
    titles = [panel.title for panel in build("drift", {"drift": pd.concat([joint, frame])}, SETTINGS).panels]
    assert titles == ["Panel A. b \u2212 a", "Panel B. All arms together"]


def test_checks_without_an_arm_are_shown() -> None:
    """A key that is missing throughout loses no row."""
    frame = effects(["m"]).assign(arm=np.nan, check="retention", expected=1.0)
    found = build("assumptions", {"assumptions": pd.concat([frame, frame.assign(check="overlap")])}, SETTINGS)
    assert [(panel.title, panel.rows[0].label) for panel in found.panels] == [
        ("Panel A. Retention", "rating"),
        ("Panel B. Overlap", "rating"),
    ]


def test_sensitivity_and_stabilization() -> None:
    """The contract's columns are enough: the drift that explains the effect away, and the checks of a model."""
    place = {"study": "books", "model": "m", "contrast": "b - a", "question": "rating"}
    sensitive = {"iteration": 0, "estimate": 0.6, "drift_to_explain_away": 0.2, "largest_tvd": 0.08}
    posterior = {"path": "exponential", "quantity": "settled", "mean": 0.5, "sd": 0.1, "ci_low": 0.3, "ci_high": 0.7}
    frames = {
        "sensitivity": pd.DataFrame([place | sensitive | {"bound_low": 0.1, "bound_high": 1.1}]),
        "stabilization": pd.DataFrame([place | posterior | {"rhat": 1.004, "ess_bulk": 812.3, "ess_tail": 1507.0}]),
    }
    assert texts(build("sensitivity", frames, SETTINGS)) == ["0.60", "0.200", "0.080", "[0.10, 1.10]"]
    assert texts(build("stabilization", frames, SETTINGS)) == [
        *("0.50", "0.10", "[0.30, 0.70]", "1.00", "812", "1,507")
    ]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nonsense", {}, "no such table. There are drift"),
        ("effects", {}, "it is empty in this result. It holds drift"),
        ("drift", {"columns": "rows"}, "it is one of model, statistic"),
        ("drift", {"iterations": "3"}, "it is one of ends, all"),
    ],
)
def test_bad_options_are_told(name: str, options: dict[str, str], said: str) -> None:
    """Each error says what there is."""
    with pytest.raises(InputError, match=said):
        build(name, {"drift": drift(["m"], ["party"]), "effects": pd.DataFrame()}, SETTINGS, **options)  # type: ignore[arg-type]


def test_no_row_is_lost() -> None:
    """Two rows for one cell are an error, not one of them."""
    with pytest.raises(ConfoundError, match="2 rows"):
        build("effects", {"effects": pd.concat([effects(["m"]), effects(["m"])])}, SETTINGS)
