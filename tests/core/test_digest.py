"""The digest of some fields of a subject: equal exactly where the model and these fields are equal."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tests.core.test_subject import MAKE
from xrai_widgets.core import Constraint, Origin, Subject, fingerprint
from xrai_widgets.core.origin import Example

N = 2400  # more than what is printed of an array


def table(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N), "job": rng.choice(["x", "y", "z"], N)})
    return X, (X["a"] > 0).astype(int).to_numpy()


def predict(X: Any) -> Any:
    p = 1 / (1 + np.exp(-np.asarray(X["a"] if isinstance(X, pd.DataFrame) else X[:, 0], dtype=float)))
    return np.column_stack([1 - p, p])


@pytest.fixture(scope="module")
def subject() -> Subject:
    X, y = table()
    half = N // 2
    return Subject.of(
        predict,
        X[:half],
        y[:half],
        X_train=X[half:],
        y_train=y[half:],
        X_new=X[:half],
        y_new=y[:half],
        ids=np.arange(half),
        groups=X["job"][:half],
    )


def changed(array: np.ndarray, row: int = 700) -> np.ndarray:
    """An array that differs in one place, in the middle of what is not printed."""
    made = array.copy()
    made[row] = made[row - 1] if (made[row] != made[row - 1]).any() else made[row + 1]
    return made


CHANGES: dict[str, Any] = {
    **dict.fromkeys(("X_train", "y_train", "X_new", "y_new"), changed),
    "foreign": lambda _: np.zeros(N // 2, dtype=bool),
    "y": lambda y: np.where(np.arange(len(y)) == 700, 1 - y, y),
    "ids": lambda ids: np.where(np.arange(len(ids)) == 700, -1, ids),
    "train_ids": lambda ids: ids.astype(object),
    "groups": lambda groups: np.where(np.arange(len(groups)) == 700, "w", groups).astype(object),
    "train_groups": lambda _: np.zeros(N // 2),
    "new_groups": lambda _: np.array(["A", "B"] * (N // 4)),
    "constraints": lambda old: (replace(old[0], immutable=True), *old[1:]),
    "bounds": lambda bounds: bounds * 2,
    "expected": lambda _: ("rising", "", "invariant"),
    "feature_names": lambda _: ("a", "c", "job"),
    "classes": lambda _: ("no", "yes"),
    "decode": lambda decode: lambda X: decode(X).rename(columns={"a": "A"}),
    "gradient": lambda _: predict,
    "linear": lambda _: (np.zeros((1, 3)), np.zeros(1)),
    "trained_with": lambda _: ("sample_weight",),
    "frozen": lambda _: ("scaler",),
    "seeded": lambda _: True,
    "name": lambda _: "another",
    "notes": lambda _: ("another",),
    "origin": lambda _: Origin(Example("another")),
}
OTHERS = {name: [other for other in CHANGES if other != name] for name in CHANGES}


@pytest.mark.parametrize("name", CHANGES)
def test_one_field_that_differs_is_told_by_it_and_by_no_other(name: str, subject: Subject) -> None:
    other = replace(subject, **{name: CHANGES[name](getattr(subject, name))})
    assert other.digest([name]) != subject.digest([name])
    others = [field for field in OTHERS[name] if not (name == "constraints" and field == "decode")]
    assert other.digest(others) == subject.digest(others)
    assert other.digest([]) == subject.digest([])


def test_the_order_of_the_fields_and_how_often_they_are_named_is_nothing(subject: Subject) -> None:
    assert subject.digest(["X", "y", "X"]) == subject.digest(("y", "X")) != subject.digest(["X"])
    # which field holds it counts
    assert replace(subject, X_new=subject.X_train).digest(["X_new"]) != subject.digest(["X_train"])


def test_the_model_always_belongs(subject: Subject) -> None:
    X, y = table()
    plain = X[["a", "b"]].to_numpy()
    models = [LogisticRegression(C=c).fit(plain, y) for c in (1.0, 1e-3)]
    first, second = (Subject.of(model, plain[:50], y[:50]) for model in models)
    assert first.digest([]) != second.digest([])
    again = replace(subject, predict=lambda X: predict(X) * [1, 0.999] + [0, 0.001])
    assert again.digest([]) != subject.digest([])
    assert replace(subject, decide=lambda X: np.zeros(len(X), int)).digest([]) != subject.digest([])
    for field, value in (("outputs", "labels"), ("state", "x"), ("unstable", 0.5), ("task", "regression")):
        assert replace(subject, **{field: value}).digest([]) != subject.digest([]), field


def test_how_unsteady_a_model_is_was_measured_and_differs_each_time(subject: Subject) -> None:
    first, second = replace(subject, unstable=0.1), replace(subject, unstable=0.2)
    assert first.digest(["unstable"]) == second.digest(["unstable"]) != subject.digest(["unstable"])


def test_contents_are_told_by_categories_that_stand_nowhere_in_the_first_rows(subject: Subject) -> None:
    job = subject.constraints[2]
    words = replace(job, categories=(*job.categories[:-1], "another"))
    other = replace(subject, constraints=(*subject.constraints[:2], words))
    assert other.digest(["decode"]) != subject.digest(["decode"])
    fixed = replace(subject, constraints=(replace(subject.constraints[0], immutable=True), *subject.constraints[1:]))
    assert fixed.digest(["decode"]) == subject.digest(["decode"])


@pytest.mark.parametrize("codes", [False, True])
def test_words_that_only_the_batch_holds_are_told_though_their_codes_are_the_same(codes: bool) -> None:
    X, y = table()
    X = X.assign(branch=(np.arange(N) % 3) * 10)[:50]
    limits = {"branch": {"kind": "category"}}
    column, one, other = ("branch", 70, 80) if codes else ("job", "pilot", "nurse")
    made = [
        Subject.of(predict, X, y[:50], X_new=X.assign(**{column: [word, *X[column][1:]]}), constraints=limits)
        for word in (one, one, other)
    ]
    first, again, second = made
    assert first.X_new is not None
    assert np.array_equal(first.X_new, second.X_new)
    for tell in (lambda s: s.fingerprint, lambda s: s.parts["X_new"], lambda s: s.digest(["X_new"])):
        assert tell(first) == tell(again) != tell(second)
    assert first.parts["X"] == second.parts["X"]
    used = ["X", "y", "bounds", "constraints", "decode", "ids", "classes", "feature_names"]
    assert first.digest(used) == second.digest(used) == Subject.of(predict, X, y[:50], constraints=limits).digest(used)


def test_the_model_is_asked_once(subject: Subject) -> None:
    asked = []

    def counted(X: Any) -> Any:
        asked.append(len(X))
        return predict(X)

    one = replace(subject, predict=counted)
    for names in (["X"], ["constraints", "decode"], []):
        assert one.digest(names)
    assert one.fingerprint
    assert one.parts
    assert asked == [256]


def test_who_has_the_fingerprint_waits_for_no_digest(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    names, one = ["X", "y", "X_train", "y_train", "X_new", "y_new", "bounds"], replace(subject)
    told = replace(subject).digest(names)
    assert one.fingerprint
    read: list[tuple[int, ...]] = []
    kept = fingerprint._bytes_of

    def counted(name: str, array: Any) -> bytes:
        read.append(array.shape)
        return kept(name, array)

    monkeypatch.setattr(fingerprint, "_bytes_of", counted)
    assert one.digest(names) == told
    assert read == [(2, 3)]  # the bounds


def test_it_is_the_same_in_another_process() -> None:
    names = ["X", "y", "ids", "groups", "decode", "constraints", "classes", "fit", "trained_with", "feature_names"]
    space: dict[str, Any] = {}
    exec(MAKE, space)
    code = f"{MAKE}\nprint(subject.digest({names!r}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert told == space["subject"].digest(names)


def test_a_missing_field_is_none_of_the_others(subject: Subject) -> None:
    assert replace(subject, X_new=None).digest(["X_new"]) != subject.digest(["X_new"])
    bare = replace(subject, constraints=(), decode=None)
    assert bare.digest(["constraints"]) != replace(bare, constraints=(Constraint(),)).digest(["constraints"])
