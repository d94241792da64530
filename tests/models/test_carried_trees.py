"""Trees that are read give what their library gives, on both sides of every split, in the user's own columns."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Array, Subject
from xrai_widgets.models import carried_trees, ensembles


def _boosters() -> dict[str, Callable[[], Any]]:
    from lightgbm import LGBMClassifier
    from xgboost import XGBClassifier

    return {
        "xgboost": lambda: XGBClassifier(n_estimators=12, max_depth=4, n_jobs=1),
        "lightgbm": lambda: LGBMClassifier(n_estimators=12, verbosity=-1, n_jobs=1),
    }


KINDS: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "forest": lambda: RandomForestClassifier(12, max_depth=5, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(12, random_state=0),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=12, random_state=0),
    "histograms": lambda: HistGradientBoostingClassifier(max_iter=12),
    **_boosters(),
}
every_kind = pytest.mark.parametrize("kind", list(KINDS))
every_number_of_classes = pytest.mark.parametrize("classes", [2, 3])


def _table(classes: int = 2, step: float | None = None) -> tuple[Array, Array]:
    X, y = make_classification(
        240, 5, n_informative=4, n_redundant=0, n_classes=classes, n_clusters_per_class=1, flip_y=0.1, random_state=1
    )
    return (X if step is None else np.round(X / step) * step), y


def _at_all_splits(subject: Subject, rng: np.random.Generator) -> Array:
    """Return random samples, one column of each on the last number left of a split, or the first one right of it."""
    trees = subject.trees
    assert trees is not None
    nodes = np.flatnonzero(trees.feature >= 0)
    rows = subject.X[rng.integers(0, len(subject.X), 2 * len(nodes))].copy()
    cut, column = trees.threshold[nodes], trees.feature[nodes]
    rows[np.arange(len(nodes)), column] = cut
    rows[np.arange(len(nodes), len(rows)), column] = np.nextafter(cut, np.inf)
    return rows


@every_kind
@every_number_of_classes
@pytest.mark.parametrize("step", [None, 0.1])
def test_what_is_read_gives_the_librarys_labels_at_random_points_and_on_both_sides_of_every_split(
    kind: str, classes: int, step: float | None
) -> None:
    X, y = _table(classes, step)  # multiples of 0.1 are no float32 numbers: what lies at a split depends on rounding
    model = KINDS[kind]().fit(X[:160], y[:160])
    subject = Subject.of(model, X[160:], y[160:])
    rng = np.random.default_rng(0)
    assert subject.trees is not None
    rows = np.vstack([_at_all_splits(subject, rng), rng.normal(size=(500, 5)) * 2, X])
    scores, expected = subject.trees.scores(rows), subject.predict(rows)
    best = np.sort(scores, axis=1)
    clear = best[:, -1] - best[:, -2] > 2 * subject.trees.rounding
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(scores.argmax(axis=1)[clear], expected.argmax(axis=1)[clear])


@every_kind
def test_the_two_sides_of_a_split_are_neighbours_for_the_library_too(kind: str) -> None:
    X, y = _table(2, 0.1)
    model = KINDS[kind]().fit(X[:160], y[:160])
    subject = Subject.of(model, X[160:], y[160:])
    rows = _at_all_splits(subject, np.random.default_rng(0))
    left, right = np.split(rows, 2)
    right[:, :] = left  # one column apart
    trees = subject.trees
    assert trees is not None
    nodes = np.flatnonzero(trees.feature >= 0)
    right[np.arange(len(nodes)), trees.feature[nodes]] = np.nextafter(trees.threshold[nodes], np.inf)
    moved = np.abs(subject.predict(left) - subject.predict(right)).max(axis=1) > 1e-9
    as_read = np.abs(trees.scores(left) - trees.scores(right)).max(axis=1) > 1e-6
    assert as_read.any()
    assert moved[as_read].all()  # wherever the arrays change between the two, the library does


@every_kind
@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler])
def test_splits_behind_a_scaler_are_carried_back_to_the_last_bit(kind: str, scaler: type) -> None:
    X, y = _table()
    X = X * np.array([1.0, 1000.0, 1e-3, 7.0, 1.0]) + np.array([0.0, 1e6, 0.0, -3.0, 5.0])
    model = make_pipeline(scaler(), KINDS[kind]()).fit(X[:160], y[:160])
    subject = Subject.of(model, X[160:], y[160:])
    assert subject.trees is not None
    rows = _at_all_splits(subject, np.random.default_rng(0))
    scores = subject.trees.scores(rows)
    best = np.sort(scores, axis=1)
    clear = best[:, -1] - best[:, -2] > 2 * subject.trees.rounding
    np.testing.assert_array_equal(scores.argmax(axis=1)[clear], subject.predict(rows).argmax(axis=1)[clear])


@pytest.mark.parametrize("encoder", [OneHotEncoder, OrdinalEncoder])
@every_kind
def test_splits_of_encoded_words_become_sets_of_categories(kind: str, encoder: type) -> None:
    rng = np.random.default_rng(0)
    n = 300
    table = pd.DataFrame(
        {
            "colour": rng.choice(["blue", "green", "red", "white"], n),
            "age": rng.integers(18, 80, n),
            "income": rng.normal(size=n),
        }
    )
    y = ((table["colour"] == "red") ^ (table["age"] > 45) ^ (table["income"] > 0.5)).astype(int).to_numpy()
    before = make_column_transformer((encoder(), ["colour"]), remainder="passthrough", sparse_threshold=0)
    model = make_pipeline(before, KINDS[kind]()).fit(table[:200], y[:200])
    subject = Subject.of(model, table[200:], y[200:])
    assert subject.trees is not None
    assert subject.trees.words.any()
    rows = np.column_stack([rng.integers(0, 4, 800), rng.integers(18, 80, 800), rng.normal(size=800)]).astype(float)
    scores = subject.trees.scores(rows)
    best = np.sort(scores, axis=1)
    clear = best[:, -1] - best[:, -2] > 2 * subject.trees.rounding
    np.testing.assert_array_equal(scores.argmax(axis=1)[clear], subject.predict(rows).argmax(axis=1)[clear])


@pytest.mark.parametrize("mutant", ["flipped comparison", "dropped tree", "dropped split", "other float type"])
@pytest.mark.parametrize("kind", ["forest", "xgboost", "lightgbm", "histograms"])
def test_what_is_read_wrongly_is_not_offered(kind: str, mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = _table(2, 0.1)
    model = KINDS[kind]().fit(X[:160], y[:160])
    right = ensembles.ensemble_of

    def wrong(*args: Any) -> ensembles.Ensemble | None:
        read = right(*args)
        assert read is not None
        if mutant == "flipped comparison":
            return replace(read, strict=not read.strict)
        if mutant == "dropped tree":
            return replace(read, trees=read.trees[:-1])
        if mutant == "dropped split":
            tree = read.trees[0]
            left = tree.left.copy()
            left[0] = tree.right[0]
            return replace(read, trees=[replace(tree, left=left), *read.trees[1:]])
        return replace(read, single=not read.single)

    assert Subject.of(model, X[160:], y[160:]).trees is not None
    monkeypatch.setattr(carried_trees, "ensemble_of", wrong)
    assert Subject.of(model, X[160:], y[160:]).trees is None


def test_a_kind_that_is_not_read_has_no_trees() -> None:
    X, y = _table()
    assert Subject.of(AdaBoostClassifier(n_estimators=3).fit(X, y), X, y).trees is None


def test_a_network_of_torch_is_read_with_its_standardisation_and_its_single_logit() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    X, y = _table()
    scale = torch.nn.BatchNorm1d(5, affine=False)
    layers = (scale, torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 6), torch.nn.ReLU())
    module = torch.nn.Sequential(*layers, torch.nn.Linear(6, 1))
    scale(torch.as_tensor(X * 3 + 1, dtype=torch.float32))
    subject = Subject.of(module.eval(), (X * 3 + 1).astype(np.float32), y)
    assert subject.layers is not None
    assert [weight.shape for weight in subject.layers.weights] == [(5, 7), (7, 6), (6, 2)]
    other = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 2))
    assert Subject.of(other, X.astype(np.float32), y).layers is None
