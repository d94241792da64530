"""What is read of linear models and of models made of trees, against the models' own answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from xrai_widgets.core import Array, Subject
from xrai_widgets.models.constrained import constrained


def boosted(library: str) -> Any:
    match library:
        case "xgboost":
            return pytest.importorskip("xgboost").XGBClassifier(n_estimators=10, n_jobs=1)
        case "lightgbm":
            return pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=10, n_jobs=1, verbose=-1)
    return pytest.importorskip("catboost").CatBoostClassifier(iterations=10, verbose=0, allow_writing_files=False)


def scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), MinMaxScaler(), model)


TREES: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "regression tree": lambda: DecisionTreeRegressor(random_state=0),
    "forest": lambda: RandomForestClassifier(10, random_state=0),
    "forest of values": lambda: RandomForestRegressor(10, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(10, random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=10, random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=10),
    "adaptive boosting": lambda: AdaBoostClassifier(n_estimators=10, random_state=0),
    "bagging of some columns": lambda: BaggingClassifier(DecisionTreeClassifier(), 5, max_features=0.5, random_state=0),
    "scaled forest": lambda: scaled(RandomForestClassifier(10, random_state=0)),
    "scaled boosting": lambda: scaled(HistGradientBoostingClassifier(max_iter=10)),
    **{name: (lambda name=name: boosted(name)) for name in ("xgboost", "lightgbm", "catboost")},
    "scaled xgboost": lambda: scaled(boosted("xgboost")),
}


def breast_cancer(model: Any, frame: bool = False) -> Subject:
    X, y = load_breast_cancer(return_X_y=True, as_frame=frame)
    target = y.astype(float) if "Regress" in type(model).__name__ else y
    return Subject.of(model.fit(X[::2], target[::2]), X[1::2], target[1::2])


@pytest.mark.parametrize("kind", TREES)
def test_between_two_thresholds_the_outputs_do_not_change_and_across_some_they_do(kind: str) -> None:
    subject = breast_cancer(TREES[kind]())
    assert subject.thresholds is not None
    assert len(subject.thresholds) == 30
    rng = np.random.default_rng(5)
    changed = 0
    for x in np.asarray(subject.X)[rng.integers(0, len(subject.X), 20)]:
        outputs = subject.predict(x[None])
        moved = np.tile(x, (30, 1))
        beyond = moved.copy()
        for c, values in enumerate(subject.thresholds):
            assert (np.diff(values) > 0).all()
            place = np.searchsorted(values, x[c])
            low = values[place - 1] if place else x[c] - 1
            high = values[place] if place < len(values) else x[c] + 1
            moved[c, c] = low + rng.uniform(0.01, 0.99) * (high - low)
            if len(values):
                beyond[c, c] = high + 1e-6 * max(1.0, high) if place < len(values) else low - 1e-6 * max(1.0, low)
        assert subject.predict(moved) == pytest.approx(np.repeat(outputs, 30, axis=0), abs=1e-9)
        changed += int((np.abs(subject.predict(beyond) - outputs) > 1e-9).sum())
    assert changed > 0


def test_categories_are_codes_and_numbers_are_seen_through_an_encoder_and_a_scaler() -> None:
    rng = np.random.default_rng(0)
    colour = rng.choice(["blue", "green", "red"], 300)
    table = pd.DataFrame({"colour": colour, "size": rng.normal(50, 9, 300), "age": rng.integers(18, 80, 300)})
    y = ((colour == "red") ^ (table["size"] > 52) ^ (table["age"] > 40)).astype(int)
    encode = ColumnTransformer([("words", OneHotEncoder(), ["colour"]), ("numbers", StandardScaler(), ["age", "size"])])
    for trees in (RandomForestClassifier(10, random_state=0), HistGradientBoostingClassifier(max_iter=10)):
        subject = Subject.of(make_pipeline(encode, trees).fit(table, y), table, y)
        assert subject.thresholds is not None
        assert subject.thresholds[0].tolist() == [0.5, 1.5]
        assert min(abs(subject.thresholds[1] - 52)) < 1
        assert min(abs(subject.thresholds[2] - 40.5)) < 1
        assert subject.linear is None


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=9999),
        LinearDiscriminantAnalysis(),
        RidgeClassifier(),
        LinearSVC(),
        SGDClassifier(random_state=0),
        scaled(LogisticRegression()),
        scaled(SVC(kernel="linear")),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("frame", [False, True])
def test_the_largest_linear_score_is_the_answer(model: Any, frame: bool) -> None:
    subject = breast_cancer(model, frame)
    assert subject.linear is not None
    weights, bias = subject.linear
    assert weights.shape == (2, 30)
    X = subject.X * np.random.default_rng(0).uniform(0.5, 1.5, subject.X.shape)
    assert np.array_equal((X @ weights.T + bias).argmax(axis=1), subject.predict(X).argmax(axis=1))


def test_a_linear_regression_has_one_row_that_is_the_prediction() -> None:
    subject = breast_cancer(LinearRegression(), frame=True)
    assert subject.linear is not None
    assert (subject.X @ subject.linear[0][0] + subject.linear[1][0]) == pytest.approx(subject.predict(subject.X))


@pytest.mark.parametrize(
    "model",
    [
        KNeighborsClassifier(),
        SVC(),
        MLPClassifier((4,), random_state=0, max_iter=9),
        make_pipeline(PolynomialFeatures(2, interaction_only=True), RandomForestClassifier(3)),
        make_pipeline(PolynomialFeatures(2, interaction_only=True), RidgeClassifier()),
    ],
    ids=["neighbours", "kernels", "network", "trees of products", "products"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Ill-conditioned matrix")
def test_what_is_neither_linear_nor_made_of_trees_of_single_columns_has_neither(model: Any) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    subject = Subject.of(model.fit(X[::2, :4], y[::2]), X[1::2, :4], y[1::2])
    assert subject.linear is None
    assert subject.thresholds is None


def test_a_tree_of_another_answer_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check on rows: a threshold that is read wrongly shows."""
    from xrai_widgets.models import splits

    read = splits._splits

    def wrongly(model: Any) -> Any:
        return ((place, value * 1.1) for place, value in read(model))

    monkeypatch.setattr(splits, "_splits", wrongly)
    assert breast_cancer(RandomForestClassifier(5, random_state=0)).thresholds is None


def test_constraints_keep_what_still_holds() -> None:
    subject = breast_cancer(RandomForestClassifier(5, random_state=0))
    name = subject.feature_names[0]
    assert constrained(subject, {name: {"immutable": True}}).thresholds is subject.thresholds
    noisy = subject.answering(subject.predict)
    assert noisy.thresholds is None
    assert noisy.linear is None


def test_images_have_thresholds_of_their_pixels() -> None:
    rng = np.random.default_rng(0)
    X: Array = rng.random((120, 16)).astype(np.float32)
    y = (X[:, 3] > 0.5).astype(int)
    subject = Subject.of(RandomForestClassifier(5, random_state=0).fit(X, y), X, y, image_shape=(4, 4))
    assert subject.thresholds is not None
    assert len(subject.thresholds) == 16
