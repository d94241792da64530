import functools
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.models.state import digest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


def encoded(model: Any) -> Any:
    return make_pipeline(make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough"), model)


def models() -> list[Any]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"job": rng.choice(["a", "b"], 60), "x": X[:, 0]})
    return [
        LogisticRegression().fit(X, Y),
        DecisionTreeClassifier(random_state=0).fit(X, Y),
        RandomForestClassifier(5, random_state=np.random.RandomState(3)).fit(X, Y),
        make_pipeline(StandardScaler(), MLPClassifier((3,), tol=10, max_iter=50, random_state=0)).fit(X, Y),
        encoded(RandomForestClassifier(5, random_state=0)).fit(frame, np.array(["n", "y"])[Y]),
        {"b": {1, 2, 3}, "a": frozenset("xyz"), ("t", 1): [None, 1.5, b"bytes", slice(3)]},
    ]


def elsewhere(code: str, salt: str) -> list[str]:
    """Run code in another process whose strings hash and whose fresh memory looks otherwise."""
    completed = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": salt, "MALLOC_PERTURB_": salt},
    )
    return completed.stdout.split()


@pytest.mark.parametrize("salt", ["1", "170"])
def test_a_model_has_the_same_digest_in_another_process(salt: str, tmp_path: Path) -> None:
    kept = models()
    digests = [digest(model) for model in kept]
    assert all(digests)
    assert len(set(digests)) == len(digests)
    file = tmp_path / "kept"
    file.write_bytes(pickle.dumps(kept))
    code = (
        "import pickle, sys\nfrom xrai_widgets.models.state import digest\n"
        f"print(*map(digest, pickle.loads(open({str(file)!r}, 'rb').read())))"
    )
    assert elsewhere(code, salt) == digests


@pytest.mark.parametrize("salt", ["1", "170"])
def test_trees_grown_alike_have_the_same_digest_in_another_process(salt: str) -> None:
    code = (
        "import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier\n"
        "from xrai_widgets.models.state import digest\n"
        "X = np.random.default_rng(0).normal(size=(60, 3))\n"
        "print(digest(RandomForestClassifier(20, random_state=0).fit(X, (X[:, 0] > 0).astype(int))))"
    )
    assert elsewhere(code, salt) == [digest(RandomForestClassifier(20, random_state=0).fit(X, Y))]


@pytest.mark.parametrize(
    "make",
    [
        lambda: LogisticRegression().fit(X, Y),
        lambda: DecisionTreeClassifier(random_state=0).fit(X, Y),
        lambda: ExtraTreesClassifier(5, random_state=0).fit(X, Y),
        lambda: KNeighborsClassifier().fit(X, Y),
        lambda: SVC().fit(X, Y),
        lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
        lambda: make_pipeline(
            make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough"), LogisticRegression()
        ).fit(pd.DataFrame({"job": ["a", "b"] * 30, "x": X[:, 0]}), Y),
    ],
    ids=["logistic", "tree", "trees", "neighbours", "support vectors", "pipeline", "columns"],
)
def test_two_models_fitted_alike_have_one_digest(make: Any) -> None:
    assert digest(make()) == digest(make())
    assert digest(make()) is not None


def tree() -> Any:
    return DecisionTreeClassifier(random_state=0).fit(X, Y)


def moved_threshold() -> Any:
    model = tree()
    model.tree_.threshold[0] += 1e-12
    return model


def moved_weight() -> Any:
    model = LogisticRegression().fit(X, Y)
    model.coef_[0, 2] = np.nextafter(model.coef_[0, 2], 1)
    return model


def renamed_class() -> Any:
    model = LogisticRegression().fit(X, Y)
    model.classes_ = np.array([0, 2])
    return model


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (tree, moved_threshold),
        (lambda: LogisticRegression().fit(X, Y), moved_weight),
        (lambda: LogisticRegression().fit(X, Y), renamed_class),
        (lambda: LogisticRegression(C=1.0).fit(X, Y), lambda: LogisticRegression(C=2.0).fit(X, Y)),
        (tree, lambda: DecisionTreeClassifier(random_state=1).fit(X, Y)),
        (tree, lambda: DecisionTreeClassifier(random_state=0).fit(X, 1 - Y)),
        (lambda: np.zeros(2), lambda: np.zeros((2, 1))),
        (lambda: np.zeros(2), lambda: np.zeros(2, dtype="float32")),
        (lambda: [1, 2], lambda: (1, 2)),
        (lambda: [1, [2, 3]], lambda: [[1, 2], 3]),
        (lambda: 1, lambda: 1.0),
        (lambda: 1, lambda: True),
        (lambda: "1", lambda: 1),
        (lambda: {"a": 1}, lambda: {"a": 2}),
        (lambda: pd.Index([1, 2]), lambda: pd.Index([1, 3])),
        (lambda: pd.CategoricalDtype(["a"]), lambda: pd.CategoricalDtype(["b"])),
    ],
)
def test_what_differs_has_another_digest(first: Any, second: Any) -> None:
    assert digest(first()) is not None
    assert digest(second()) is not None
    assert digest(first()) != digest(second())


def test_bytes_between_the_fields_of_a_record_do_not_count() -> None:
    kind = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    memory = [bytearray(fill * kind.itemsize) for fill in (b"\0", b"\7")]
    clean, dirty = (np.frombuffer(part, dtype=kind) for part in memory)
    for name in ("a", "b"):
        dirty[name] = clean[name]
    assert memory[0] != memory[1]
    assert digest(clean) == digest(dirty)
    dirty["b"] = 1.0
    assert digest(clean) != digest(dirty)


def affine(rows: Any, factor: float = 1.0) -> Any:
    return rows * factor


class Model:
    def __init__(self, weight: float) -> None:
        self.weight = weight

    def predict(self, rows: Any) -> Any:
        return rows * self.weight

    def score(self, rows: Any) -> Any:
        return rows + self.weight


def test_a_method_stands_for_the_object_it_belongs_to() -> None:
    assert digest(Model(1.0).predict) == digest(Model(1.0).predict) is not None
    assert digest(Model(1.0).predict) != digest(Model(2.0).predict)
    assert digest(Model(1.0).predict) != digest(Model(1.0).score)
    fitted = LogisticRegression().fit(X, Y)
    assert digest(fitted.predict_proba) != digest(moved_weight().predict_proba)


def test_a_partial_stands_for_its_arguments() -> None:
    assert digest(functools.partial(affine, factor=2.0)) == digest(functools.partial(affine, factor=2.0)) is not None
    assert digest(functools.partial(affine, factor=2.0)) != digest(functools.partial(affine, factor=3.0))
    assert digest(functools.partial(affine, 2.0)) != digest(functools.partial(affine, 3.0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: lambda rows: rows,
        lambda: functools.partial(lambda rows: rows),
        lambda: make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression()).fit(X, Y),
        threading.Lock,
        lambda: iter([1]),
        lambda: {"inside": object()},
        lambda: (part for part in "abc"),
        lambda: GradientBoostingRegressor(n_estimators=2).fit(X, Y),
    ],
    ids=["lambda", "partial", "in a pipeline", "lock", "iterator", "object", "generator", "compiled loss"],
)
def test_what_cannot_be_read_has_no_digest(make: Any) -> None:
    assert digest(make()) is None


def test_a_circle_has_no_digest_and_ends() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert digest(circle) is None
    model = Model(1.0)
    model.weight = model  # type: ignore[assignment]
    assert digest(model) is None


def test_a_function_is_known_by_its_name() -> None:
    assert digest(affine) is not None
    assert digest(affine) != digest(moved_weight)


def test_reading_does_not_change_the_model() -> None:
    model = RandomForestClassifier(3, random_state=np.random.RandomState(0)).fit(X, Y)
    network = MLPClassifier((3,), tol=10, max_iter=50, random_state=0).fit(X, Y)
    for fitted in (model, network):
        before = fitted.predict_proba(X)
        digest(fitted)
        assert np.array_equal(fitted.predict_proba(X), before)
        assert digest(fitted) == digest(fitted)
