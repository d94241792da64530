"""Columns that are constrained otherwise make another subject, and what cannot be meant is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from xrai_widgets.core import Constraint, Subject
from xrai_widgets.results.as_code import as_python, expression
from xrai_widgets.runtime import assess
from xrai_widgets.runtime.store import Store

EVASION: dict[str, Any] = {"n_samples": 5, "max_iter": 1, "init_eval": 5}


@pytest.fixture(scope="module")
def mixed() -> Subject:
    """Two free numbers, codes, a one-hot group, and whole numbers."""
    rng = np.random.default_rng(0)
    member = rng.integers(0, 3, 80)
    X = np.column_stack([rng.random((80, 2)), rng.integers(0, 4, 80), np.eye(3)[member], rng.integers(20, 70, 80)])
    names = ["a", "b", "code", "red", "green", "blue", "age"]
    y = (X[:, 0] + X[:, 6] / 70 > 1.1).astype(int)
    return Subject.of(LogisticRegression(max_iter=5000).fit(X, y), X, y, feature_names=names, name="mixed")


def constraint(subject: Subject, name: str) -> tuple[Constraint, list[float]]:
    column = subject.feature_names.index(name)
    assert subject.bounds is not None
    return subject.constraints[column], subject.bounds[:, column].tolist()


def test_single_fields_of_a_column_are_changed_and_the_rest_stays(credit: Subject) -> None:
    made = xw.constrained(credit, {"duration_months": {"monotone": 1, "range": (0, 99)}, "age": {"monotone": -1}})
    assert constraint(made, "duration_months") == (Constraint("integer", monotone=1), [0.0, 99.0])
    assert constraint(made, "age")[0] == Constraint("integer", immutable=True, monotone=-1)
    assert constraint(made, "age")[1] == constraint(credit, "age")[1]
    assert made.name == "german_credit_forest · constraints: duration_months, age"
    untouched = set(credit.feature_names) - {"duration_months", "age"}
    assert all(constraint(made, name) == constraint(credit, name) for name in untouched)
    assert constraint(credit, "duration_months")[0].monotone == 0, "the subject itself is as it was"
    assert made.bounds is not None
    assert not made.bounds.flags.writeable


def test_a_constrained_subject_is_another_one_and_the_store_does_not_answer_for_it(
    logistic: Subject, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store.db")
    name = logistic.feature_names[0]
    subjects = [
        logistic,
        *(
            xw.constrained(logistic, {name: table})
            for table in ({"immutable": True}, {"monotone": 1}, {"range": (0, 2)})
        ),
    ]
    assert len({subject.fingerprint for subject in subjects}) == len(subjects)
    first = assess(logistic, "robustness.evasion", store=store, **EVASION)
    assert assess(logistic, "robustness.evasion", store=store, **EVASION).recalled
    for subject in subjects[1:]:
        other = assess(subject, "robustness.evasion", store=store, **EVASION)
        assert not other.recalled
        assert other.key != first.key


def test_nothing_otherwise_is_the_subject_itself(credit: Subject) -> None:
    assert xw.constrained(credit, {}) is credit
    low, high = constraint(credit, "duration_months")[1]
    same = {"duration_months": {"range": (low, high), "monotone": 0}, "age": {"immutable": True}}
    assert xw.constrained(credit, same) is credit


def test_subject_of_takes_the_same_by_name(mixed: Subject) -> None:
    tables = {"a": {"immutable": True}, "age": {"kind": "integer", "monotone": 1, "range": (18, 90)}}
    made = xw.constrained(mixed, tables)
    of = Subject.of(mixed.model, mixed.X, mixed.y, feature_names=mixed.feature_names, constraints=tables, name="mixed")
    assert of.constraints == made.constraints
    assert np.array_equal(of.bounds, made.bounds)  # type: ignore[arg-type]  # both have bounds
    by_name = Subject.of(mixed.model, mixed.X, mixed.y, feature_names=mixed.feature_names, bounds={"age": (18, 90)})
    assert constraint(by_name, "age")[1] == [18, 90]
    assert constraint(by_name, "a")[1] == constraint(mixed, "a")[1]


def test_a_column_of_codes_becomes_a_category_and_the_gradient_goes(mixed: Subject) -> None:
    made = xw.constrained(mixed, {"code": {"kind": "category"}})
    assert constraint(made, "code") == (Constraint("category", ("0", "1", "2", "3")), [0.0, 3.0])
    assert mixed.gradient is not None
    assert made.gradient is None
    assert xw.constrained(mixed, {"a": {"immutable": True}}).gradient is not None
    named = xw.constrained(mixed, {"code": {"kind": "category", "categories": ["north", "east", "south", "west", "?"]}})
    assert constraint(named, "code")[1] == [0.0, 4.0]


def test_the_leaves_of_a_tree_go_where_they_were_rounded_for_whole_numbers(mixed: Subject) -> None:
    tree = DecisionTreeClassifier(random_state=0).fit(mixed.X, mixed.y)
    given = {"constraints": {"x6": Constraint("integer")}}
    subject = Subject.of(tree, mixed.X, mixed.y, **given)  # type: ignore[arg-type]  # a parameter of the test
    assert subject.regions is not None
    assert xw.constrained(subject, {"x6": {"kind": "continuous"}}).regions is None
    assert xw.constrained(subject, {"x6": {"monotone": 1}}).regions is not None


def test_a_one_hot_group_is_made_of_columns_of_0_and_1(mixed: Subject) -> None:
    made = xw.constrained(mixed, {name: {"group": "colour"} for name in ("red", "green", "blue")})
    assert [kind.group for kind in made.constraints] == ["", "", "", "colour", "colour", "colour", ""]


def test_samples_outside_a_narrow_range_stay_or_come_nearer_and_no_other_goes_out(mixed: Subject) -> None:
    age = mixed.feature_names.index("age")
    made = xw.constrained(mixed, {"age": {"kind": "integer", "range": (40, 50)}})
    by_name = Subject.of(mixed.model, mixed.X, mixed.y, feature_names=mixed.feature_names, bounds={"age": (40, 50)})
    assert constraint(by_name, "age")[1] == constraint(made, "age")[1] == [40, 50]
    outside = (mixed.X[:, age] < 40) | (mixed.X[:, age] > 50)
    assert 0.4 < outside.mean() < 0.9
    for search in ("automatic", "gradient", "finite differences", "coordinate"):
        outcome = assess(made, "explanations.cem", strict=True, n_samples=80, noise=0.0, mode="PN", search=search)
        assert outcome.finding is not None
        before, after = (outcome.finding.arrays[name][:, age] for name in ("original", "pn"))
        assert ((after >= np.minimum(before, 40)) & (after <= np.maximum(before, 50))).all()
        assert (after != before)[(before < 40) | (before > 50)].any(), "they may come nearer"


def test_immutable_and_monotone_at_once_are_fine(mixed: Subject) -> None:
    assert constraint(xw.constrained(mixed, {"a": {"immutable": True, "monotone": 1}}), "a")[0].monotone == 1


def test_all_pixels_have_one_range(digits: Subject) -> None:
    made = xw.constrained(digits, {"pixels": {"range": (0, 1.5)}})
    assert made.bounds is not None
    assert (made.bounds[0] == 0).all()
    assert (made.bounds[1] == 1.5).all()
    assert made.fingerprint != digits.fingerprint
    assert xw.constrained(digits, {"pixels": {"range": (0, 1)}}) is digits


BAD: list[tuple[Any, str]] = [
    ({"agee": {}}, "^constraints name the column 'agee'; allowed: a, b, code, .*did you mean 'age'"),
    (
        {"age": {"imutable": True}},
        "^the constraint of 'age' must say kind, immutable, .*, got 'imutable'; did you mean",
    ),
    ({"age": {"kind": "whole"}}, "^kind of 'age' must be one of continuous, integer, category, got 'whole'"),
    ({"age": {"immutable": 1}}, "^immutable of 'age' must be true or false, got 1"),
    ({"age": {"immutable": "yes"}}, "^immutable of 'age' must be true or false, got 'yes'"),
    ({"age": {"monotone": 2}}, r"^monotone of 'age' must be -1 \(may only fall\), 0 \(free\) or 1 .*, got 2"),
    ({"age": {"monotone": True}}, "^monotone of 'age' must be .*, got True"),
    ({"age": {"monotone": [1]}}, r"^monotone of 'age' must be .*, got \[1\]"),
    ({"age": {"group": 3}}, "^group of 'age' must be the name of a one-hot group, got 3"),
    ({"age": {"range": (90, 18)}}, r"^the range of 'age' must have its lowest value first, got \[90, 18\]"),
    ({"age": {"range": 3}}, "^the range of 'age' must be two numbers, lowest and highest, got 3"),
    ({"age": {"range": (1, 2, 3)}}, "^the range of 'age' must be two numbers"),
    ({"age": {"range": ("a", "b")}}, "^the range of 'age' must be two numbers"),
    ({"age": {"range": (0, float("inf"))}}, r"^the range of 'age' must be finite, got \[0, inf\]"),
    ({"age": {"kind": "integer", "range": (0.2, 0.8)}}, "^the range of 'age' must hold a whole number"),
    ({"a": {"kind": "integer"}}, "^'a' can only hold whole numbers if the held-out samples do, got 0.57"),
    ({"a": {"kind": "category"}}, "^'a' can only be a category if it holds at most 200 whole numbers, got"),
    ({"code": {"kind": "category", "range": (0, 3)}}, r"^'code' is a category, which has no range, got \(0, 3\)"),
    ({"red": {"group": "g"}}, "^the one-hot group 'g' must have at least two columns, got only 'red'"),
    (
        {"red": {"group": "g"}, "code": {"group": "g"}},
        "^one column of the one-hot group 'g' must be 1 and .* got code=",
    ),
    (
        {"red": {"group": "g"}, "code": {"group": "g", "kind": "category"}},
        "^the one-hot group 'g' must hold columns of 0 and 1, got the category 'code'",
    ),
]


@pytest.mark.parametrize(("columns", "message"), BAD, ids=[str(columns) for columns, _ in BAD])
def test_what_cannot_be_meant_is_told_with_the_allowed_and_the_got(
    mixed: Subject, columns: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        xw.constrained(mixed, columns)


@pytest.mark.parametrize("columns", [["age"], {"age": "immutable"}, {"age": Constraint()}])
def test_what_is_no_mapping_of_mappings_is_told(mixed: Subject, columns: Any) -> None:
    with pytest.raises(TypeError, match=r"^the constraints must map column names to mappings such as "):
        xw.constrained(mixed, columns)


def test_columns_of_a_table_keep_their_type(credit: Subject) -> None:
    with pytest.raises(ValueError, match=r"^kind of 'purpose', which holds words, must be category, got 'integer'"):
        xw.constrained(credit, {"purpose": {"kind": "integer"}})
    with pytest.raises(ValueError, match=r"^kind of 'age', which is a column of whole numbers, must be integer or cat"):
        xw.constrained(credit, {"age": {"kind": "continuous"}})


def test_pixels_have_a_range_only_and_a_table_of_answers_has_nothing(digits: Subject) -> None:
    with pytest.raises(
        ValueError, match=r"^the constraints of images must say {'pixels': {'range': \(low, high\)}}, got"
    ):
        xw.constrained(digits, {"x3": {"immutable": True}})
    with pytest.raises(ValueError, match=r"^the range of 'pixels' must have its lowest value first, got \[1, 0\]"):
        xw.constrained(digits, {"pixels": {"range": (1, 0)}})
    answers = Subject.of(None, pd.DataFrame([[0.2, 0.8], [0.7, 0.3]]), [1, 0])
    with pytest.raises(ValueError, match="table of outputs cannot be asked about changed samples"):
        xw.constrained(answers, {"0": {"immutable": True}})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"constraints": {"b": {"range": (0, 1), "imutable": True}}}, "got 'imutable'; did you mean 'immutable'"),
        ({"constraints": {"red": {"group": "g"}}}, "the one-hot group 'g' must have at least two columns"),
        ({"constraints": {"a": {"kind": "integer"}}}, "'a' can only hold whole numbers"),
        ({"constraints": {"a": Constraint("integer")}}, "'a' can only hold whole numbers"),
        ({"bounds": {"agee": (0, 1)}}, "^bounds name the column 'agee'; allowed: a, b, .*did you mean 'age'"),
        ({"bounds": (0, 1)}, r"X must lie within bounds: column 'code' must lie in \[0, 1\]"),
        ({"bounds": {"age": 3}}, "the range of 'age' must be two numbers, lowest and highest, got 3"),
    ],
)
def test_subject_of_tells_the_same(mixed: Subject, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Subject.of(mixed.model, mixed.X, mixed.y, feature_names=mixed.feature_names, **given)


def test_the_code_makes_the_same_subject_again(credit: Subject, mixed: Subject) -> None:
    tables = {"duration_months": {"range": (np.int64(0), 99.5)}, "age": {"immutable": False}}
    made = xw.constrained(xw.constrained(credit, tables), {"duration_months": {"monotone": -1}})
    again = eval(expression(made.origin), {"xw": xw})
    assert again.fingerprint == made.fingerprint
    own = xw.constrained(mixed, {"a": {"immutable": True}})
    code = as_python(assess(own, "robustness.evasion", **EVASION))
    assert "# subject = xw.Subject.of(…)  as you made it\nsubject = xw.constrained(subject, {'a'" in code
    names: dict[str, Any] = {"subject": mixed}
    exec(code, names)
    assert names["outcome"].subject == own.fingerprint
