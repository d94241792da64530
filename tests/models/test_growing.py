"""A forest that is grown without scikit-learn's checks is scikit-learn's forest, to the last bit."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from xrai_widgets.core import Subject
from xrai_widgets.models import growing
from xrai_widgets.models.growing import Grown, grown

RNG = np.random.default_rng(3)
X, OTHERS = RNG.normal(size=(120, 5)).round(1), RNG.normal(size=(40, 5))
NUMBER = X[:, 0] + RNG.normal(size=120) * 0.3
LABELS = np.array(["no", "so", "yes"])[np.digitize(NUMBER, [-0.5, 0.5])]
WEIGHTS = RNG.random(120)
FORESTS = {
    "plain": RandomForestClassifier(8, random_state=4),
    "settings": RandomForestClassifier(
        8, criterion="entropy", max_depth=4, min_samples_leaf=3, min_samples_split=7, max_features=0.5, random_state=4
    ),
    "impurity": RandomForestClassifier(8, min_impurity_decrease=0.01, max_features=None, random_state=4),
    "whole": RandomForestClassifier(8, bootstrap=False, max_features="log2", random_state=4),
    "numbers": RandomForestRegressor(8, min_samples_leaf=2, random_state=4),
    "few columns": RandomForestRegressor(8, max_features=2, random_state=4),
    "extra": ExtraTreesClassifier(8, random_state=4),
    "extra numbers": ExtraTreesRegressor(8, bootstrap=True, random_state=4),
}


def target_of(forest: Any) -> Any:
    return LABELS if hasattr(forest, "predict_proba") else NUMBER


def assert_same(mine: Any, theirs: Any, rows: Any) -> None:
    assert np.array_equal(mine.predict(rows), theirs.predict(rows))
    if hasattr(theirs, "classes_"):
        assert np.array_equal(mine.classes_, theirs.classes_)
        assert np.array_equal(mine.predict_proba(rows), theirs.predict_proba(rows))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("name", FORESTS)
def test_predictions_are_those_of_scikit_learn(name: str, weights: Any) -> None:
    forest, y = FORESTS[name], target_of(FORESTS[name])
    mine = grown(clone(forest), X, y, weights)
    assert isinstance(mine, Grown)
    assert len(mine.trees) == 8
    gaps = OTHERS.copy()
    gaps[::3, 1] = np.nan
    for rows in (X, OTHERS, gaps, OTHERS[:1], sparse.csr_array(OTHERS)):
        assert_same(mine, clone(forest).fit(X, y, sample_weight=weights), rows)
    with pytest.raises(ValueError, match="infinity"):
        mine.predict(np.full((1, 5), np.inf))


def test_a_pipeline_that_ends_in_a_forest() -> None:
    table = pd.DataFrame(X, columns=list("abcde")).assign(city=np.where(X[:, 1] > 0, "Ulm", "Bonn"))
    encoder = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough", sparse_threshold=0)
    line = make_pipeline(encoder, RandomForestClassifier(5, random_state=1))
    mine, theirs = grown(clone(line), table, LABELS, WEIGHTS), clone(line)
    theirs.fit(table, LABELS, randomforestclassifier__sample_weight=WEIGHTS)
    assert isinstance(mine, Grown)
    assert_same(mine, theirs, table[:30])


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(5, max_samples=0.5, random_state=0),
        RandomForestClassifier(5, class_weight="balanced", random_state=0),
        RandomForestClassifier(5, max_leaf_nodes=4, random_state=0),
        RandomForestClassifier(5, ccp_alpha=0.01, random_state=0),
        RandomForestClassifier(5, min_samples_leaf=0.1, random_state=0),
        RandomForestRegressor(5, criterion="absolute_error", random_state=0),
        RandomForestRegressor(5, monotonic_cst=[1, 0, 0, 0, 0], random_state=0),
        RandomForestRegressor(5, monotonic_cst=np.array([1, 0, 0, 0, 0]), random_state=0),
        GradientBoostingClassifier(n_estimators=2, random_state=0),
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), RandomForestClassifier(5, random_state=0)),
    ],
)
def test_what_is_not_plain_is_left_to_scikit_learn(model: Any) -> None:
    mine, y = grown(clone(model), X, target_of(model)), target_of(model)
    assert type(mine) is type(model)
    assert_same(mine, clone(model).fit(X, y), OTHERS)


def test_a_forest_that_asks_for_several_cores_keeps_them_but_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    forest = RandomForestClassifier(5, random_state=0, n_jobs=2)
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    assert isinstance(grown(clone(forest), X, LABELS), RandomForestClassifier)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert_same(grown(clone(forest), X, LABELS), clone(forest).fit(X, LABELS), OTHERS)


def test_missing_numbers_in_training_are_left_to_scikit_learn() -> None:
    gaps, forest = X.copy(), RandomForestClassifier(5, random_state=0)
    gaps[::4, 0] = np.nan
    mine = grown(clone(forest), gaps, LABELS)
    assert isinstance(mine, RandomForestClassifier)
    assert_same(mine, clone(forest).fit(gaps, LABELS), gaps)


@pytest.mark.parametrize("broken", ["another tree", "another signature"])
def test_a_version_that_grows_other_trees_is_left_to_itself(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    forest, inside = RandomForestClassifier(5, random_state=0), growing._trees

    def others(forest: Any, *rest: Any) -> Any:
        if broken == "another signature":
            raise TypeError("__cinit__() takes exactly 7 positional arguments (6 given)")
        return inside(clone(forest).set_params(random_state=1), *rest)

    monkeypatch.setattr(growing, "_trees", others)
    mine = grown(clone(forest), X, LABELS)
    assert isinstance(mine, RandomForestClassifier)
    assert_same(mine, clone(forest).fit(X, LABELS), OTHERS)


def test_what_the_forest_refuses_is_refused_in_its_words() -> None:
    with pytest.raises(ValueError, match="Input X contains infinity"):
        grown(RandomForestClassifier(5, random_state=0), np.where(X > 1, np.inf, X), LABELS)


def test_a_forest_of_no_trees_is_refused_in_its_words() -> None:
    with pytest.raises(ValueError, match="'n_estimators' parameter of RandomForestClassifier"):
        grown(RandomForestClassifier(0, random_state=0), X, LABELS)


@pytest.mark.parametrize("columns", [3, 6])
def test_rows_of_another_width_are_refused(columns: int) -> None:
    mine = grown(RandomForestClassifier(5, random_state=0), X, LABELS)
    assert isinstance(mine, Grown)
    with pytest.raises(ValueError, match=f"X has {columns} features, but the forest is expecting 5"):
        mine.predict(np.zeros((2, columns)))


def test_a_subject_trains_its_forest_anew_so(forest: Subject) -> None:
    assert forest.fit is not None
    assert forest.X_train is not None
    assert forest.y_train is not None
    predict: Any = forest.fit(forest.X_train, forest.y_train, seed=7)
    assert isinstance(predict.predict.estimator, Grown)
    theirs = clone(forest.model).set_params(random_state=7).fit(forest.X_train, forest.y_train)
    assert np.array_equal(predict(forest.X), theirs.predict_proba(forest.X))
