"""The table of limits: what is edited, what is told, and the subject that comes of it."""

from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from tests.pace import work
from xrai_widgets.apps.workbench import Workbench
from xrai_widgets.core import Constraint, Subject
from xrai_widgets.results.as_code import as_python
from xrai_widgets.widgets import ConstraintEditor

EVASION = "robustness.evasion"


def row(editor: ConstraintEditor, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in editor.rows if row["name"] == name)
    return found


def browser(editor: ConstraintEditor, **content: Any) -> None:
    """Send what the page sends."""
    editor._handle_custom_msg(content, [])


@pytest.fixture
def editor(credit: Subject) -> ConstraintEditor:
    return ConstraintEditor(credit, opened=True)


def test_nothing_is_made_before_it_is_opened(credit: Subject) -> None:
    editor = ConstraintEditor(credit)
    assert editor.rows == []
    assert editor.title == "Constraints (20 columns, 3 immutable)"
    editor.opened = True
    assert len(editor.rows) == 20
    assert row(editor, "age")["immutable"] is True
    assert row(editor, "purpose")["kinds"] == ["category"]
    assert "range" not in row(editor, "purpose")
    assert row(editor, "credit_amount")["range"] == [250.0, 18424.0]


def test_what_is_edited_and_applied_is_another_subject(editor: ConstraintEditor, credit: Subject) -> None:
    assert not editor.ready
    browser(editor, edit={"column": "duration_months", "fields": {"monotone": -1}})
    browser(editor, edit={"column": "purpose", "fields": {"immutable": True}})
    browser(editor, edit={"column": "credit_amount", "fields": {"range": [0, 20_000]}})
    assert editor.ready
    assert editor.status == "3 columns edited, not applied yet."
    assert editor.subject is credit
    browser(editor, press="apply")
    assert editor.wait(20)
    made = editor.subject
    assert made is not None
    place = made.feature_names.index
    assert made.constraints[place("duration_months")] == Constraint("integer", monotone=-1)
    assert made.constraints[place("purpose")].immutable
    assert made.bounds is not None
    assert made.bounds[:, place("credit_amount")].tolist() == [0, 20_000]
    assert made.fingerprint != credit.fingerprint
    assert not editor.ready
    assert editor.title == "Constraints (20 columns, 4 immutable, edited)"
    assert row(editor, "purpose")["edited"] == ["immutable"]


def test_undo_brings_the_first_subject_back(editor: ConstraintEditor, credit: Subject) -> None:
    editor.edit("purpose", immutable=True)
    editor.apply()
    assert editor.wait(20)
    assert editor.subject is not credit
    browser(editor, press="undo")
    assert (editor.ready, editor.status) == (True, "Taken back, not applied yet.")
    editor.apply()
    assert editor.wait(20)
    assert editor.subject is credit
    assert not editor.ready


def test_an_edit_taken_back_is_none(editor: ConstraintEditor) -> None:
    editor.edit("purpose", immutable=True)
    editor.edit("purpose", immutable=False)
    editor.edit("credit_amount", range=(250, 18424))
    assert editor.edits == {}
    assert not editor.ready


@pytest.mark.parametrize(
    ("column", "fields", "message"),
    [
        ("credit_amount", {"range": [9, 3]}, "must have its lowest value first, got [9, 3]"),
        ("credit_amount", {"range": [None, 3]}, "must be two numbers, lowest and highest, got [None, 3]"),
        ("age", {"group": "g"}, "the one-hot group 'g' must have at least two columns, got only 'age'"),
        ("purpose", {"range": [0, 1]}, "'purpose' is a category, which has no range"),
        ("purpose", {"kind": "integer"}, "which holds words, must be category, got 'integer'"),
        ("age", {"monotone": 5}, "monotone of 'age' must be -1"),
        ("age", {"immutabel": True}, "got 'immutabel'; did you mean 'immutable'?"),
    ],
)
def test_what_cannot_be_is_told_in_its_row_and_not_applied(
    editor: ConstraintEditor, column: str, fields: dict[str, Any], message: str
) -> None:
    editor.edit("savings", immutable=True)
    browser(editor, edit={"column": column, "fields": fields})
    assert message in row(editor, column)["problem"]
    assert message in editor.status
    assert not editor.ready
    assert row(editor, "savings")["problem"] == ""
    browser(editor, press="undo")
    assert row(editor, column)["problem"] == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"edit": {"column": "agee", "fields": {}}}, "the column must be one of checking_status, duration_months"),
        ({"edit": {"column": "age"}}, "fields"),
        ({"edit": {"column": "age", "fields": 3}}, "int"),
        ({"press": "subject"}, ""),
        ({}, ""),
    ],
)
def test_a_broken_message_of_the_browser_changes_nothing(
    editor: ConstraintEditor, content: dict[str, Any], message: str
) -> None:
    browser(editor, **content)
    assert message in editor.error
    assert (editor.error == "") == (message == "")
    assert editor.edits == {}


def test_another_subject_is_edited_from_its_own_limits(
    editor: ConstraintEditor, logistic: Subject, digits: Subject
) -> None:
    editor.edit("purpose", immutable=True)
    editor.subject = logistic
    assert editor.edits == {}
    assert editor.rows[0]["name"] == "mean radius"
    editor.subject = digits
    assert [r["name"] for r in editor.rows] == ["pixels"]
    assert "kinds" not in editor.rows[0]
    editor.edit("pixels", range=(1, 0.2))
    assert "must have its lowest value first, got [1, 0.2]" in editor.rows[0]["problem"]
    editor.edit("pixels", range=(0, 2))
    editor.apply()
    assert editor.wait(30)
    assert editor.subject is not None
    assert editor.subject.bounds is not None
    assert editor.subject.bounds.max() == 2
    editor.subject = None
    assert (editor.rows, editor.status, editor.columns) == ([], "", 0)
    with pytest.raises(ValueError, match="choose a subject first"):
        editor.edit("age", immutable=True)


def test_samples_outside_a_range_are_counted(editor: ConstraintEditor, credit: Subject) -> None:
    amounts = credit.X[:, credit.feature_names.index("credit_amount")]
    assert row(editor, "credit_amount")["note"] == ""
    editor.edit("credit_amount", range=(0, 5000))
    assert editor.ready
    text = f"{(amounts > 5000).sum()} of 400 samples lie outside: they may stay or come nearer"
    assert row(editor, "credit_amount")["note"] == text
    editor.edit("credit_amount", range=(None, 5000))
    assert row(editor, "credit_amount")["note"] == ""


def test_a_table_of_answers_has_nothing_to_edit() -> None:
    subject = Subject.of(None, np.array([[0.2, 0.8], [0.7, 0.3]]), [1, 0])
    editor = ConstraintEditor(subject, opened=True)
    assert (editor.rows, editor.columns) == ([], 0)
    assert editor.status == "This model cannot be asked about changed samples."


def test_ten_thousand_columns_are_found_and_turned_by_pages() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((20, 10_000))
    names = [f"gene {number}" for number in range(10_000)]
    subject = Subject.of(
        lambda X: X[:, :2] / X[:, :2].sum(axis=1, keepdims=True), X, X[:, 0] > 0.5, feature_names=names
    )
    editor = ConstraintEditor(subject, opened=True)
    assert (len(editor.rows), editor.total) == (editor.page, 10_000)
    editor.start = 9_980
    assert editor.rows[-1]["name"] == "gene 9999"
    editor.start = 10**9
    assert editor.rows[-1]["name"] == "gene 9999"
    editor.query = "GENE 77"
    assert (editor.start, editor.total) == (0, 111)
    with work() as editing:
        editor.edit("gene 777", immutable=True)
    assert editing.seconds < 0.5
    editor.apply()
    assert editor.wait(20)
    assert editor.subject is not None
    assert editor.subject.constraints[777].immutable
    editor.query = "none of them"
    assert (editor.rows, editor.total) == ([], 0)


def test_limits_set_elsewhere_are_shown_as_set(logistic: Subject) -> None:
    tables = {"mean area": {"monotone": 1, "range": (0, 3)}, "mean radius": {"immutable": True}}
    editor = ConstraintEditor(xw.constrained(logistic, tables), opened=True)
    assert (row(editor, "mean area")["monotone"], row(editor, "mean area")["range"]) == (1, [0.0, 3.0])
    assert row(editor, "mean radius")["immutable"]
    assert editor.edits == {}


def test_in_the_workbench_an_applied_edit_empties_the_board_until_it_is_run_again(logistic: Subject) -> None:
    bench = Workbench(logistic, selection=(EVASION,), store=None)
    bench.forms.form(EVASION).control("n_samples").value = 5
    bench.forms.form(EVASION).control("max_iter").value = 1
    bench.runner.run()
    assert bench.runner.wait(20)
    first = bench.session.current[0]
    bench.constraints.edit("mean radius", immutable=True)
    bench.constraints.apply()
    assert bench.constraints.wait(20)
    assert bench.session.subject is not None
    assert bench.session.subject.name.endswith("· constraints: mean radius")
    assert bench.session.current == ()
    bench.runner.run()
    assert bench.runner.wait(20)
    assert bench.session.current[0].subject != first.subject
    bench.constraints.undo()
    bench.constraints.apply()
    assert bench.constraints.wait(20)
    assert bench.session.current == (first,)


def test_codes_are_declared_in_the_table() -> None:
    rng = np.random.default_rng(0)
    X = np.c_[rng.choice([10, 20, 70, 99], 60), rng.normal(size=60)]
    subject = Subject.of(lambda rows: (rows[:, 0] == 99) * 0.8 + 0.1, X, np.arange(60) % 2)
    editor = ConstraintEditor(subject, opened=True)
    assert "codes" not in row(editor, "x0")
    browser(editor, edit={"column": "x0", "fields": {"kind": "category"}})
    assert row(editor, "x0")["codes"] == "10, 20, 70, 99"
    browser(editor, edit={"column": "x0", "fields": {"categories": "10, 20, 70"}})
    assert "'x0' must hold the categories 10, 20, 70, got 99 in X" in row(editor, "x0")["problem"]
    browser(editor, edit={"column": "x0", "fields": {"categories": "10, 20, 70, 99, 120"}})
    assert row(editor, "x0")["problem"] == ""
    browser(editor, press="apply")
    assert editor.wait(20)
    assert editor.subject is not None
    assert editor.subject.constraints[0] == Constraint("category", ("10", "20", "70", "99", "120"))
    assert editor.subject.decode is not None
    assert editor.subject.decode(editor.subject.X)["x0"].tolist() == X[:, 0].tolist()


def test_gaps_may_be_filled_where_there_are_some() -> None:
    X = np.random.default_rng(0).random((40, 2))
    X[:8, 1] = np.nan

    def answer(rows: Any) -> Any:
        return np.clip(np.nan_to_num(rows[:, 1], nan=0.2), 0.05, 0.95)

    subject = Subject.of(answer, X, (answer(X) > 0.5).astype(int), feature_names=["whole", "gaps"])
    editor = ConstraintEditor(subject, opened=True)
    assert "fillable" not in row(editor, "whole")
    assert row(editor, "gaps")["fillable"] is False
    browser(editor, edit={"column": "gaps", "fields": {"fillable": True}})
    assert row(editor, "gaps")["edited"] == ["fillable"]
    browser(editor, edit={"column": "gaps", "fields": {"immutable": True}})
    assert "fillable of 'gaps' must be false: the column is immutable" in row(editor, "gaps")["problem"]
    browser(editor, edit={"column": "gaps", "fields": {"immutable": False}})
    browser(editor, press="apply")
    assert editor.wait(20)
    assert editor.subject is not None
    assert editor.subject.constraints == (Constraint(), Constraint(fillable=True))
    assert editor.subject.fingerprint != subject.fingerprint
    browser(editor, edit={"column": "gaps", "fields": {"fillable": False}})
    assert editor.edits == {}
    browser(editor, edit={"column": "gaps", "fields": {"fillable": True, "kind": "category"}})
    assert editor.edits == {"gaps": {"kind": "category"}}


def test_expectations_are_stated_by_click_and_read_by_their_assessment(
    editor: ConstraintEditor, credit: Subject
) -> None:
    assert row(editor, "age")["expected"] == ""
    browser(editor, edit={"column": "age", "fields": {"expected": "invariant"}})
    browser(editor, edit={"column": "credit_amount", "fields": {"expected": "falling"}})
    browser(editor, edit={"column": "savings", "fields": {"expected": "rising"}})
    browser(editor, edit={"column": "savings", "fields": {"expected": ""}})
    assert editor.status == "2 columns edited, not applied yet."
    assert row(editor, "age")["edited"] == ["expected"]
    editor.apply()
    assert editor.wait(20)
    made = editor.subject
    assert made is not None
    assert made.constraints == credit.constraints
    assert editor.title == "Constraints (20 columns, 3 immutable, 2 expectations, edited)"
    outcome = xw.assess(made, "robustness.expectations", n_samples=20, strict=True)
    assert outcome.finding is not None
    tried = set(outcome.finding.tables["expectations"]["expectation"])
    assert {"age must not matter", "more credit_amount must not rise"} <= tried
    assert "'credit_amount': {'expected': 'falling'}" in as_python(outcome)
    browser(editor, edit={"column": "age", "fields": {"expected": "sideways"}})
    assert "expected of 'age' must be rising" in row(editor, "age")["problem"]
    assert not editor.ready
    browser(editor, press="undo")
    editor.apply()
    assert editor.wait(20)
    assert editor.subject is credit
