"""Constraints of one's own as code: each form, executed, gives the same subject and numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from tests.results.test_run_as_code import executed, numbers
from xrai_widgets.core import Constraint, Origin, Outcome, Subject
from xrai_widgets.core.origin import ConstrainedBy, DefendedBy, Files
from xrai_widgets.io.plans import read_constraint, read_plan_file
from xrai_widgets.results import run_as_code
from xrai_widgets.results.as_code import NO_COMMAND, as_command, as_python, toml_entry
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import assess, run_plan

CEM = "explanations.cem"
FEW: dict[str, Any] = {"n_samples": 2, "mode": "PP", "noise": 0.0}
TABLES: dict[str, Any] = {
    "duration_months": {"monotone": -1, "range": (1, 99)},
    "purpose": {"immutable": True, "expected": "invariant"},
    "age": {"immutable": False},
}


@pytest.fixture(scope="module")
def outcomes(credit: Subject) -> list[Outcome]:
    return [assess(xw.constrained(credit, TABLES), CEM, **FEW)]


def test_the_notebook_cells_give_the_same_subject_and_numbers(outcomes: list[Outcome], tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(run_as_code.run_as_python(outcomes, Policy.default()).replace("report.html", f"{tmp_path}/r.html"), names)
    assert numbers(names["outcomes"]) == numbers(outcomes)
    exec(as_python(outcomes[0]), names)
    assert names["outcome"].subject == outcomes[0].subject


def test_the_plan_gives_the_same_subject_and_numbers(outcomes: list[Outcome], tmp_path: Path, credit: Subject) -> None:
    file = tmp_path / "run.toml"
    file.write_text(run_as_code.run_as_plan(outcomes, Policy.default()), encoding="utf-8")
    found = read_plan_file(file)
    assert found.example == "german_credit_forest"
    assert xw.constrained(credit, found.constraints).fingerprint == outcomes[0].subject
    again = run_plan(credit, file)
    assert numbers(again) == numbers(outcomes)
    assert again[0].subject == outcomes[0].subject
    assert numbers(run_plan(credit, [(CEM, FEW)])) != numbers(outcomes)


def test_the_command_lines_give_the_same_subject_and_numbers(outcomes: list[Outcome], tmp_path: Path) -> None:
    line = run_as_code.run_as_command(outcomes, Policy.default())
    again = executed(line, tmp_path)
    assert numbers(again) == numbers(outcomes)
    assert again[0].subject == outcomes[0].subject
    assert line.count(" --constraint ") == 3
    assert as_command(outcomes[0]).count(" --constraint ") == 3
    (tmp_path / "run.toml").write_text(run_as_code.run_as_plan(outcomes, Policy()), encoding="utf-8")
    planned = run_as_code.run_as_command(outcomes, Policy())
    assert "--constraint" not in planned
    assert executed(planned, tmp_path)[0].subject == outcomes[0].subject


def test_odd_names_and_own_files_are_written_so_that_they_are_read_again(credit: Subject) -> None:
    from dataclasses import replace

    odd = 'mean "radius" = 1.5\n# é'
    files = Origin(Files("m.skops", "t.csv", {"target": "y"}))
    origin = files.then(ConstrainedBy({odd: {"range": [0, 1.5]}}))
    outcome = replace(assess(credit, "privacy.shapr"), origin=origin)
    line = as_command(outcome)
    assert line.startswith("xrai-widgets assess m.skops --data t.csv --target y --constraint ")
    import shlex

    entry = shlex.split(line)[shlex.split(line).index("--constraint") + 1]
    assert read_constraint(entry) == {odd: {"range": [0, 1.5]}}
    rounding, free = DefendedBy("rounding"), ConstrainedBy({"a": {}})
    for changes, source in (
        ((rounding, free), "xw.constrained(xw.defended(subject, 'rounding'), {'a': {}})"),
        ((free, rounding), "xw.defended(xw.constrained(subject, {'a': {}}), 'rounding')"),
        ((rounding,), "xw.defended(subject, 'rounding')"),
    ):
        defended = replace(outcome, origin=Origin(None, changes))
        assert (as_command(defended) == NO_COMMAND) == (changes[-1] is free), "constraints are set first"
        assert f"as you made it\nsubject = {source}\n" in as_python(defended)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age", r"^a constraint must be a line such as age = \{ immutable = true, .*, with names of other signs"),
        ("mean radius = {immutable = true}", r"^a constraint must be a line such as .* in quotes: "),
        ("age = 3", r"^a constraint must be a line such as .*, got 'age = 3'"),
        ("a.b = {immutable = true}", r"^a constraint must be a line such as .*, got 'a.b"),
        ("", "^a constraint must be a line such as"),
    ],
)
def test_a_line_that_is_no_constraint_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_constraint(text)


def test_a_command_with_an_unknown_column_ends_in_one_line() -> None:
    from typer.testing import CliRunner

    from xrai_widgets.cli import app

    done = CliRunner().invoke(
        app, ["assess", "breast_cancer_logistic", "--run", "privacy.shapr", "--constraint", "agee = {immutable = true}"]
    )
    assert "constraints name the column 'agee'; allowed: mean radius" in str(done.exception)


def test_codes_are_declared_on_the_command_line_and_in_a_plan(tmp_path: Path) -> None:
    assert read_constraint("branch = { categories = [10, 20, 70, 99] }") == {"branch": {"categories": [10, 20, 70, 99]}}
    assert toml_entry("branch", {"categories": [10, 20, 70, 99]}) == '"branch" = { categories = [10, 20, 70, 99] }'
    (tmp_path / "plan.toml").write_text('["privacy.shapr"]\n[subject.constraints]\nx0 = { categories = [10, 20] }\n')
    said = read_plan_file(tmp_path / "plan.toml").constraints
    X = np.array([[10.0], [20.0]] * 20)
    subject = xw.Subject.of(lambda rows: (rows[:, 0] == 20) * 0.8 + 0.1, X, np.arange(40) % 2)
    made = xw.constrained(subject, said)
    assert made.constraints[0].categories == ("10", "20")
    again = xw.constrained(subject, made.origin.constraints)
    assert again.fingerprint == made.fingerprint


def test_gaps_that_may_be_filled_are_said_in_a_plan_and_on_the_command_line(tmp_path: Path) -> None:
    entry = toml_entry("x1", {"fillable": True})
    assert entry == '"x1" = { fillable = true }'
    assert read_constraint(entry) == {"x1": {"fillable": True}}
    (tmp_path / "plan.toml").write_text(f'["privacy.shapr"]\n[subject.constraints]\n{entry}\n', encoding="utf-8")
    X = np.random.default_rng(0).random((40, 2))
    X[:8, 1] = np.nan
    subject = xw.Subject.of(lambda rows: np.clip(np.nan_to_num(rows[:, 1]), 0.1, 0.9), X, np.arange(40) % 2)
    made = xw.constrained(subject, read_plan_file(tmp_path / "plan.toml").constraints)
    assert [kind.fillable for kind in made.constraints] == [False, True]
    again = xw.constrained(subject, made.origin.constraints)
    assert again.fingerprint == made.fingerprint != subject.fingerprint
    for table, why in (({"immutable": True}, "immutable"), ({"kind": "category", "categories": ["a"]}, "a category")):
        with pytest.raises(ValueError, match=f"fillable of 'x1' must be false: the column is {why}"):
            xw.constrained(subject, {"x1": {"fillable": True, **table}})
    with pytest.raises(ValueError, match="fillable of 'x1' must be true or false, got 1"):
        xw.constrained(subject, {"x1": {"fillable": 1}})
    with pytest.raises(ValueError, match="fillable of a Constraint must be False where it is immutable"):
        xw.Subject.of(
            subject.predict, X, np.arange(40) % 2, constraints={"x1": Constraint(immutable=True, fillable=True)}
        )


def test_who_does_not_speak_of_gaps_has_the_fingerprint_of_older_versions() -> None:
    """It is made of what a constraint prints."""
    older = "Constraint(kind='integer', categories=(), group='', immutable=True, monotone=0)"
    assert repr(Constraint("integer", immutable=True)) == older
    assert repr(Constraint(fillable=True)).endswith("monotone=0, fillable=True)")
