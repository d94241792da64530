"""Copies of a row: they share a fold of the control without a model, and near copies between the parts are counted."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from xrai_widgets.core import Subject
from xrai_widgets.runtime import assess
from xrai_widgets.runtime.control_warnings import overlap_of
from xrai_widgets.runtime.copies import copy_groups, near_copies

MIA = "privacy.membership_inference"


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_a_bootstrap_sample_of_training_rows_does_not_tell_them_from_others_without_a_model(seed: int) -> None:
    X, y = make_classification(1000, 6, random_state=seed)
    rows = np.random.default_rng(seed).integers(0, 500, 500)
    model = LogisticRegression().fit(X[rows], y[rows])
    finding = assess(Subject.of(model, X[500:], y[500:], X_train=X[rows], y_train=y[rows]), MIA).finding
    assert finding is not None
    table = finding.tables["controls"].set_index(["control", "measure"])
    blind = table.loc[("no model, the data alone", "advantage")]
    assert blind["low"] <= 0 <= blind["high"]
    assert not [note for note in finding.notes if "distribution" in note]


def test_copies_and_near_copies_have_one_number_and_others_their_own(rng: np.random.Generator) -> None:
    X = rng.normal(size=(60, 4))
    X[10], X[20], X[30] = X[0], X[0] + 1e-3, X[1] + 1e-4
    groups = copy_groups(X)
    assert groups[0] == groups[10] == groups[20]
    assert groups[1] == groups[30]
    assert len(np.unique(groups)) == 57


def test_images_are_compared_as_rows_of_numbers(rng: np.random.Generator) -> None:
    X = rng.random((40, 3, 12, 12)).astype(np.float32)
    X[7] = X[3]
    groups = copy_groups(X)
    assert groups[7] == groups[3]
    assert len(np.unique(groups)) == 39


def test_a_common_answer_is_no_copy(rng: np.random.Generator) -> None:
    X = rng.integers(0, 2, (200, 2)).astype(float)
    assert len(np.unique(copy_groups(X))) == 200


def test_near_copies_are_counted_and_equal_ones_are_not(rng: np.random.Generator) -> None:
    X_train, X = rng.normal(size=(400, 5)), rng.normal(size=(200, 5))
    assert near_copies(X, X_train) == (0, 200)
    X[:12] = X_train[:12] + rng.normal(0, 0.002, (12, 5))
    X[20:30] = X_train[20:30]
    assert near_copies(X, X_train) == (12, 200)
    X[40:60] = X_train[40:60].astype(np.float32)  # saved with fewer digits
    assert near_copies(X, X_train) == (32, 200)
    missing = X.copy()
    missing[:, 0] = np.nan
    assert near_copies(missing, X_train)[1] == 200


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits])
def test_real_tables_without_near_copies_are_not_said_to_have_any(load: object) -> None:
    X, _ = load(return_X_y=True)  # type: ignore[operator]
    X = X[np.random.default_rng(0).permutation(len(X))]
    assert near_copies(X[::2], X[1::2])[0] == 0


@pytest.mark.parametrize(("columns", "levels"), [(2, 0), (3, 0), (1, 2), (2, 3)])
def test_what_is_near_by_chance_is_no_copy(columns: int, levels: int) -> None:
    rng = np.random.default_rng(4)

    def draw(n: int) -> np.ndarray:
        numbers = rng.normal(size=(n, columns))
        return np.column_stack([numbers, rng.integers(0, levels, n)]) if levels else numbers

    assert sum(near_copies(draw(150), draw(300))[0] > 0 for _ in range(30)) <= 3


def test_nothing_to_compare_is_no_copy() -> None:
    same = np.ones((20, 3))
    assert near_copies(same, same) == (0, 20)
    assert near_copies(np.array([[1.0], [2.0]]), np.array([[1.5]])) == (0, 2)


def test_near_copies_between_the_parts_are_said_with_their_number() -> None:
    from xrai_widgets.core import find

    X, y = make_classification(600, 6, random_state=1)
    X[300:345] = X[:45] + np.random.default_rng(0).normal(0, 0.003, (45, 6))
    model = LogisticRegression().fit(X[:300], y[:300])
    subject = Subject.of(model, X[300:], y[300:], X_train=X[:300], y_train=y[:300])
    (said,) = overlap_of(subject, find(MIA))
    assert said.startswith("45 of 300 held-out samples are near copies of a training sample")


def test_a_missing_number_is_near_to_no_number_and_equal_to_a_missing_one(rng: np.random.Generator) -> None:
    X = rng.normal(size=(60, 4))
    X[10] = X[0]
    X[10, 1] = np.nan
    X[0, 1] = 0.0  # as far as what stands in for a missing number in other places
    X[20] = X[10] + np.array([1e-4, 0, 0, 0])
    groups = copy_groups(X)
    assert groups[0] != groups[10]
    assert groups[10] == groups[20]
    held, known = rng.normal(size=(100, 4)), rng.normal(size=(100, 4))
    held[:20, 2] = known[:20, 2] = np.nan
    assert near_copies(held, known) == (0, 100)
    held[:20] = known[:20] + np.where(np.isnan(known[:20]), 0.0, 1e-4)
    assert near_copies(held, known)[0] == 20
    held[:20, 2] = 0.0
    assert near_copies(held, known)[0] == 0


def test_a_split_that_leaks_by_what_is_missing_is_told(rng: np.random.Generator) -> None:
    X = rng.normal(size=(400, 3))
    X[rng.random(400) < 0.5, 1] = 0.0
    X[:200][X[:200, 1] == 0.0, 1] = np.nan  # the members lack what is 0 in the others
    y = (X[:, 0] > 0).astype(int)
    model = HistGradientBoostingClassifier(max_iter=3).fit(X[:200], y[:200])
    finding = assess(Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200]), MIA).finding
    assert finding is not None
    table = finding.tables["controls"].set_index(["control", "measure"])
    assert table.loc[("no model, the data alone", "advantage")]["value"] > 0.3
