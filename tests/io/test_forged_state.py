"""What compiled code indexes into: forged states are refused, and what people save comes back."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest, f_classif, mutual_info_classif
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, TweedieRegressor
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KDTree, KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.io.model_files import read_model

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(90, 3))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0.6).astype(int)
THREE = np.arange(90) % 3
TREE = DecisionTreeClassifier(max_depth=2, random_state=0)
FOLDS = StratifiedKFold(3)
SAVED: dict[str, Any] = {
    "SimpleImputer": make_pipeline(SimpleImputer(), LogisticRegression()),
    "KBinsDiscretizer": make_pipeline(KBinsDiscretizer(3), LogisticRegression()),
    "HistGradientBoosting": HistGradientBoostingClassifier(max_iter=5),
    "HistGradientBoostingRegressor": HistGradientBoostingRegressor(max_iter=5),
    "k-NN": KNeighborsClassifier(),
    "k-NN with balls": KNeighborsClassifier(algorithm="ball_tree", metric="manhattan", leaf_size=5),
    "k-NN with brute force": KNeighborsRegressor(algorithm="brute"),
    "GridSearchCV": GridSearchCV(TREE, {"max_depth": [1, 2]}, cv=3),
    "GridSearchCV with folds and a score": GridSearchCV(TREE, {"max_depth": [1, 2]}, scoring="roc_auc", cv=FOLDS),
    "RandomizedSearchCV": RandomizedSearchCV(
        TREE, {"max_depth": [1, 2]}, n_iter=2, scoring=["f1", "accuracy"], refit="f1"
    ),
    "calibrated by a sigmoid": CalibratedClassifierCV(TREE, cv=3),
    "calibrated isotonically": CalibratedClassifierCV(TREE, method="isotonic", cv=3),
    "voting": VotingClassifier(
        [("a", TREE), ("b", make_pipeline(StandardScaler(), LogisticRegression()))], voting="soft"
    ),
    "stacking": StackingClassifier([("a", TREE), ("b", RandomForestClassifier(3))], cv=3),
    "SelectKBest": make_pipeline(SelectKBest(f_classif, k=2), LogisticRegression()),
    "SelectKBest by information": make_pipeline(SelectKBest(mutual_info_classif, k=2), LogisticRegression()),
    "SplineTransformer": make_pipeline(SplineTransformer(), LogisticRegression()),
    "TunedThreshold": TunedThresholdClassifierCV(LogisticRegression(), cv=3),
    "GaussianProcess": GaussianProcessClassifier(1.0 * RBF()),
    "GaussianProcessRegressor": GaussianProcessRegressor(RBF() + WhiteKernel(0.1, "fixed")),
    "bagging of columns": BaggingClassifier(TREE, max_features=2),
    "gradient boosting": GradientBoostingClassifier(n_estimators=3),
    "support vectors": SVC(),
    "support vectors of a regression": SVR(),
    "Tweedie": TweedieRegressor(power=1.5),
}


def saved(model: Any, folder: Path) -> Path:
    skops.io.dump(model, folder / "m.skops")
    return folder / "m.skops"


@pytest.mark.parametrize("name", SAVED)
def test_what_people_save_comes_back_with_its_answers(name: str, tmp_path: Path) -> None:
    model = SAVED[name].fit(X, X[:, 0] if "egress" in name or name == "Tweedie" else Y)
    back = read_model(saved(model, tmp_path))
    for answer in ("predict", "predict_proba"):
        if hasattr(model, answer):
            assert np.allclose(getattr(back, answer)(X), getattr(model, answer)(X), rtol=0, atol=1e-12)


def test_boosting_with_columns_of_words_comes_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": X[:, 0], "c": pd.Categorical(list("abc") * 30)})
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype", min_samples_leaf=3)
    model.fit(frame, THREE)
    assert any(tree.nodes["is_categorical"].any() for row in model._predictors for tree in row)
    assert np.array_equal(read_model(saved(model, tmp_path)).predict_proba(frame), model.predict_proba(frame))


HISTOGRAM = {
    "left": 10**6,
    "right": 10**6,
    "left of itself": 0,
    "feature_idx": 10**6,
    "a column below zero": -1,
    "a set of categories": 1,
    "no number": np.nan,
}


@pytest.mark.parametrize("change", HISTOGRAM)
@pytest.mark.parametrize("inside", [False, True])
def test_forged_nodes_of_a_histogram_boosting_are_refused(change: str, inside: bool, tmp_path: Path) -> None:
    model = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5).fit(X, Y)
    nodes = model._predictors[1][0].nodes
    inner = int(np.flatnonzero(nodes["is_leaf"] == 0)[-1])
    field = {"left of itself": "left", "a column below zero": "feature_idx", "a set of categories": "is_categorical"}
    field["no number"] = "value"
    nodes[field.get(change, change)][inner] = HISTOGRAM[change]
    held = CalibratedClassifierCV(model, cv=3).fit(X, Y) if inside else model
    if inside:
        held.calibrated_classifiers_[0].estimator = model
    with pytest.raises(ValueError, match="nodes that point outside of it: the file is damaged or forged"):
        read_model(saved(held, tmp_path))


def test_a_set_of_categories_outside_its_table_is_refused(tmp_path: Path) -> None:
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=[1], min_samples_leaf=3)
    model.fit(np.column_stack([X[:, 0], THREE]), THREE)
    tree = next(t for row in model._predictors for t in row if t.nodes["is_categorical"].any())
    tree.nodes["bitset_idx"][np.flatnonzero(tree.nodes["is_categorical"])[0]] = 10**6
    with pytest.raises(ValueError, match="nodes that point outside of it"):
        read_model(saved(model, tmp_path))


def test_known_categories_outside_their_table_are_refused(tmp_path: Path) -> None:
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=[1]).fit(
        np.column_stack([X[:, 0], THREE]), Y
    )
    model._bin_mapper.known_categories[1] = np.array([0.0, 10.0**9])
    with pytest.raises(ValueError, match="nodes that point outside of it"):
        read_model(saved(model, tmp_path))


@pytest.mark.parametrize("kind", ["tree", "forest", "boosting", "bagging"])
def test_a_tree_that_takes_more_columns_than_its_owner_is_refused(kind: str, tmp_path: Path) -> None:
    wide = DecisionTreeClassifier(random_state=0).fit(np.column_stack([RNG.uniform(size=(90, 50)), Y]), Y)
    if kind == "tree":
        model: Any = DecisionTreeClassifier().fit(X, Y)
        model.tree_ = wide.tree_
    elif kind == "forest":
        model = RandomForestClassifier(3).fit(X, Y)
        model.estimators_[1] = wide
    elif kind == "boosting":
        model = GradientBoostingClassifier(n_estimators=3).fit(X, Y)
        model.estimators_[1, 0].tree_, model.estimators_[1, 0].n_features_in_ = wide.tree_, 51
    else:
        model = BaggingClassifier(DecisionTreeClassifier(), max_features=2).fit(X, Y)
        model.estimators_features_[0] = np.array([0, 70])
    with pytest.raises(ValueError, match="damaged or forged"):
        read_model(saved(model, tmp_path))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_a_forged_search_tree_is_never_read_but_made_anew(algorithm: str, tmp_path: Path) -> None:
    model = KNeighborsClassifier(algorithm=algorithm).fit(X, Y)
    expected = model.predict_proba(X)
    state = list(model._tree.__getstate__())
    place = next(i for i, part in enumerate(state) if isinstance(part, np.ndarray) and part.dtype.kind == "i")
    state[place] = np.full_like(np.asarray(state[place]), 10**9)
    model._tree.__setstate__(tuple(state))
    back = read_model(saved(model, tmp_path))
    assert np.array_equal(back.predict_proba(X), expected)


def test_a_search_tree_on_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="could not be read"):
        read_model(saved(KDTree(X), tmp_path))


def test_a_forged_spline_is_refused(tmp_path: Path) -> None:
    for change in ({"k": 10**6}, {"k": -1}, {"c": np.zeros((1, 1))}, {"t": np.zeros(3)}, {"t": np.full(12, np.nan)}):
        model = make_pipeline(SplineTransformer(), LogisticRegression()).fit(X, Y)
        vars(model[0].bsplines_[1]).update(change)
        with pytest.raises(ValueError, match=r"^the model m.skops could not be read: "):
            read_model(saved(model, tmp_path))


def test_a_sparse_matrix_whose_indices_lie_outside_is_refused(tmp_path: Path) -> None:
    matrix = sparse.csr_matrix(np.eye(3))
    model = KNeighborsClassifier(n_neighbors=1, algorithm="brute").fit(matrix, [0, 1, 0])
    model._fit_X.indices[0] = 10**6
    with pytest.raises(ValueError, match="could not be read"):
        read_model(saved(model, tmp_path))


VECTORS = {
    "fewer support vectors": ("support_vectors_", lambda a: a[:2]),
    "wider support vectors": ("support_vectors_", lambda a: np.repeat(a, 9, axis=1)),
    "fewer coefficients": ("_dual_coef_", lambda a: a[:, :2]),
    "more classes": ("_n_support", lambda a: np.append(a, a)),
    "more vectors in a class": ("_n_support", lambda a: a * 1000),
    "a negative number": ("_n_support", lambda a: -a),
    "no intercepts": ("_intercept_", lambda a: a[:0]),
    "fewer places": ("support_", lambda a: a[:1]),
}


@pytest.mark.parametrize("change", VECTORS)
def test_forged_support_vectors_are_refused(change: str, tmp_path: Path) -> None:
    for target in (Y, THREE):
        model = SVC(random_state=0).fit(X, target)
        name, forge = VECTORS[change]
        vars(model)[name] = forge(vars(model)[name])
        with pytest.raises(ValueError, match="support vectors of a SVC in it do not fit together"):
            read_model(saved(model, tmp_path))


def test_sound_support_vectors_of_every_kind_are_let_in(tmp_path: Path) -> None:
    gram = X @ X.T
    for model, samples, target in (
        (SVC(kernel="linear"), X, THREE),
        (SVC(kernel="precomputed"), gram, THREE),
        (SVR(kernel="precomputed"), gram, X[:, 0]),
    ):
        back = read_model(saved(model.fit(samples, target), tmp_path))
        assert np.array_equal(back.predict(samples), model.predict(samples))
