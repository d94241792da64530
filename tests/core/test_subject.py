import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Constraint, Subject
from xrai_widgets.core.assessment import explain

MAKE = """
import numpy as np, pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from xrai_widgets.core import Subject

rng = np.random.default_rng(5)
frame = pd.DataFrame({"age": rng.integers(18, 80, 60), "job": rng.choice(["a", "b", "c"], 60)})
y = np.where(frame["age"] + rng.normal(0, 9, 60) > 45, "yes", "no")
frame.index = [f"row-{i}" for i in range(60)]
encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["job"]), remainder="passthrough")
model = make_pipeline(encode, RandomForestClassifier(8, random_state=0)).fit(frame[:40], y[:40])
subject = Subject.of(model, frame[40:], y[40:], X_train=frame[:40], y_train=y[:40], groups=frame["job"][40:])
"""


def data(seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 3))
    return X, (X[:, 0] + 0.5 * rng.normal(size=40) > 0).astype(int)


def subject(**changes: Any) -> Subject:
    X, y = data()
    model = LogisticRegression().fit(*data())
    given = {"X": X[:20], "y": y[:20], "X_train": X[20:], "y_train": y[20:], **changes}
    return Subject.of(given.pop("model", model), given.pop("X"), given.pop("y"), **given)


def test_equal_content_has_the_same_fingerprint() -> None:
    assert subject().fingerprint == subject().fingerprint
    assert len(subject().fingerprint) == 64


def test_equal_content_has_the_same_fingerprint_in_another_process() -> None:
    namespace: dict[str, Any] = {}
    exec(MAKE, namespace)
    salt = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"  # another than here
    completed = subprocess.run(
        [sys.executable, "-c", MAKE + "print(subject.fingerprint, subject.state)"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": salt},
    )
    assert completed.stdout.split() == [namespace["subject"].fingerprint, namespace["subject"].state]


def cell(part: str) -> Callable[[], Subject]:
    def changed() -> Subject:
        X, y = data()
        given = {"X": X[:20].copy(), "X_train": X[20:].copy()}
        given[part][3, 1] += 1e-9
        return subject(**given, y=y[:20], y_train=y[20:])

    return changed


def label(part: str) -> Callable[[], Subject]:
    def changed() -> Subject:
        _, y = data()
        given = {"y": y[:20].copy(), "y_train": y[20:].copy()}
        given[part][4] = 1 - given[part][4]
        return subject(**given)

    return changed


def weight() -> Subject:
    model = LogisticRegression().fit(*data())
    model.coef_[0, 1] = np.nextafter(model.coef_[0, 1], 1)
    return subject(model=model)


CHANGES: dict[str, Callable[[], Subject]] = {
    "one cell of X": cell("X"),
    "one cell of X_train": cell("X_train"),
    "one label of y": label("y"),
    "one label of y_train": label("y_train"),
    "the last bit of one weight": weight,
    "another kind of model": lambda: subject(model=RandomForestClassifier(3, random_state=0).fit(*data())),
    "an additional batch": lambda: subject(X_new=data(1)[0]),
    "a name of a feature": lambda: subject(feature_names=["x0", "x1", "z"]),
    "an immutable column": lambda: subject(constraints={"x1": Constraint(immutable=True)}),
    "other bounds": lambda: subject(bounds=(-9, 9)),
    "other names of samples": lambda: subject(ids=np.arange(1, 21)),
    "other names of training samples": lambda: subject(train_ids=[f"p{i}" for i in range(20)]),
    "subgroups": lambda: subject(groups=["a", "b"] * 10),
}


def test_the_fingerprint_changes_with_a_part_of_the_model_that_no_sample_reaches() -> None:
    def pruned(threshold: float) -> Subject:
        model = DecisionTreeClassifier(random_state=0).fit(*data())
        model.tree_.threshold[0] += threshold
        return subject(model=model)

    assert np.array_equal(pruned(0.0).predict(pruned(0.0).X), pruned(1e-9).predict(pruned(0.0).X))
    assert pruned(0.0).fingerprint != pruned(1e-9).fingerprint


@pytest.mark.parametrize("change", CHANGES)
def test_the_fingerprint_changes_with(change: str) -> None:
    assert CHANGES[change]().fingerprint != subject().fingerprint


def test_the_fingerprint_and_the_parts_change_with_the_batch_its_labels_and_its_names() -> None:
    batch, y = data(1)
    given: list[dict[str, Any]] = [
        {},
        {"X_new": batch},
        {"X_new": batch + 1e-9},
        {"X_new": batch, "y_new": y},
        {"X_new": batch, "y_new": 1 - y},
        {"X_new": batch, "new_ids": range(1, 41)},
    ]
    made = [subject(**changes) for changes in given]
    assert len({one.fingerprint for one in made}) == len(made)
    assert "X_new" not in made[0].parts
    assert len({one.parts["X_new"] for one in made[1:]}) == len(made) - 1
    assert len({one.parts["X"] for one in made}) == 1


def test_the_fingerprint_does_not_change_with_the_name_or_the_type_of_container() -> None:
    X, y = data()
    same = subject(name="another", X=X[:20].tolist(), y=pd.Series(y[:20]), X_train=np.asfortranarray(X[20:]))
    assert same.fingerprint == subject().fingerprint


def test_all_arrays_of_a_subject_are_read_only() -> None:
    X, y = data()
    made = subject(X_new=X, y_new=y, groups=y[:20])
    arrays = {f.name: getattr(made, f.name) for f in fields(Subject) if isinstance(getattr(made, f.name), np.ndarray)}
    assert set(arrays) == {
        *("X", "y", "ids", "X_train", "y_train", "train_ids", "X_new", "y_new", "new_ids"),
        *("bounds", "groups"),
    }
    for name, array in arrays.items():
        assert not array.flags.writeable, name
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_the_users_arrays_are_neither_changed_nor_locked() -> None:
    X, y = data()
    groups, ids, bounds = np.arange(20) % 2, np.arange(20), np.array([[-9.0] * 3, [9.0] * 3])
    given = {"X": X[:20].copy(), "y": y[:20].copy(), "X_train": X[20:].copy(), "y_train": y[20:].copy()}
    given |= {"groups": groups, "ids": ids, "bounds": bounds}
    before = {name: array.copy() for name, array in given.items()}
    made = subject(**given)
    made.predict(made.X)
    assert made.fingerprint
    for name, array in given.items():
        assert np.array_equal(array, before[name]), name
        assert array.flags.writeable, name
        assert array.base is None or array.base.flags.writeable, name


def test_the_users_frames_are_neither_changed_nor_locked() -> None:
    X, y = data()
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"r{i}" for i in range(40)])
    frame["job"] = ["x", "y"] * 20
    before = frame.copy(deep=True)
    made = Subject.of(lambda rows: np.tile([0.5, 0.5], (len(rows), 1)), frame, y)
    assert made.fingerprint
    assert made.decode is not None
    decoded = made.decode(made.X)
    decoded.iloc[0, 0] = 99.0
    pd.testing.assert_frame_equal(frame, before)
    assert made.X[0, 0] == before.iloc[0, 0]
    frame.iloc[0, 0] = 5.0
    frame["job"] = "z"
    frame.index = pd.RangeIndex(40)


def test_what_the_user_does_to_the_data_afterwards_does_not_change_the_subject() -> None:
    X, y = data()
    groups = np.arange(40)
    made = Subject.of(lambda rows: np.tile([0.5, 0.5], (len(rows), 1)), X, y, groups=groups)
    held = X.copy()
    X[:] = 0
    y[:] = 0
    groups[:] = 0
    assert np.array_equal(made.X, held)
    assert set(made.y.tolist()) == {0, 1}
    assert made.groups is not None
    assert made.groups[-1] == 39


def test_refitting_or_changing_the_model_afterwards_does_not_change_the_subject() -> None:
    X, y = data()
    model = LogisticRegression().fit(X, y)
    made = Subject.of(model, X, y)
    outputs = made.predict(made.X)
    model.coef_[:] = 0.0
    assert np.array_equal(made.predict(made.X), outputs)
    model.fit(X, 1 - y)
    assert np.array_equal(made.predict(made.X), outputs)
    assert made.model is model


def test_a_function_that_writes_into_its_input_writes_into_a_copy() -> None:
    X, y = data()
    before = X.copy()

    def careless(rows: Any) -> Any:
        rows -= rows.mean(axis=0)
        return np.tile([0.5, 0.5], (len(rows), 1))

    made = Subject.of(careless, X, y)
    assert np.array_equal(made.predict(made.X), np.tile([0.5, 0.5], (len(X), 1)))
    assert np.array_equal(X, before)
    assert np.array_equal(made.X, before)


def test_a_subject_is_frozen() -> None:
    made = subject()
    with pytest.raises(FrozenInstanceError):
        made.name = "other"  # type: ignore[misc]
    assert replace(made, name="other").name == "other"


def test_the_repr_is_one_short_line() -> None:
    shown = repr(subject(name="credit model"))
    assert shown == ("Subject(credit model (LogisticRegression) · 20 train / 20 test samples · 3 features · 2 classes)")
    wide = Subject.of(None, np.full((30, 50), 1 / 50), np.arange(30))
    assert repr(wide) == "Subject(table of outputs · 30 test samples · 50 features · 50 classes)"


def test_the_repr_of_images_and_regressions_says_so(digits: Subject, regression: Subject) -> None:
    assert "images 1×8×8" in repr(digits)
    assert repr(regression).endswith("10 features · regression)")
    assert len(repr(digits)) < 120


def test_inputs_and_number_of_classes_follow_from_the_fields(
    digits: Subject, regression: Subject, forest: Subject
) -> None:
    assert (digits.inputs, digits.n_classes) == ("image", 10)
    assert (forest.inputs, forest.n_classes) == ("tabular", 2)
    assert (regression.inputs, regression.n_classes) == ("tabular", 0)


def test_every_field_that_an_engine_may_miss_can_be_explained() -> None:
    assert explain("X_train") == "training samples: pass X_train= to Subject.of"
    assert explain("ids") == "ids"
    for f in fields(Subject):
        assert explain(f.name)


def test_a_constraint_of_an_unknown_kind_or_direction_is_refused() -> None:
    with pytest.raises(
        ValueError, match="kind of a Constraint must be one of continuous, integer, category, got 'int'"
    ):
        Constraint(kind="int")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="monotone of a Constraint must be -1, 0 or 1, got 2"):
        Constraint(monotone=2)  # type: ignore[arg-type]


def test_a_built_in_subject_reproduces_its_fingerprint(forest: Subject) -> None:
    assert replace(forest, name="copy").fingerprint == forest.fingerprint
