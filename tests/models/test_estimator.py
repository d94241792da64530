import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from xrai_widgets.core import Subject

N = 400
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, N),
        "income": RNG.normal(size=N),
        "city": RNG.choice([f"city {i}" for i in range(30)], N),
        "job": pd.Categorical(RNG.choice(["cook", "nurse", "smith"], N)),
        "member": RNG.random(N) > 0.5,
        "height": RNG.normal(size=N).astype("float32"),
        "rooms": RNG.integers(0, 9, N).astype("uint8"),
    },
    index=[f"person-{i}" for i in range(N)],
)
WORDS, NUMBERS = ["city", "job"], ["age", "income", "member", "height", "rooms"]
Y = ((FRAME["income"] > 0) ^ FRAME["member"]).to_numpy().astype(int)
Y3 = np.array(["low", "middle", "high"])[np.digitize(FRAME["income"], [-0.5, 0.5])]
X = FRAME[NUMBERS].to_numpy(dtype=float)

GAPS = FRAME.astype({"city": object, "job": object})
GAPS.iloc[:20, 2] = np.nan
GAPS.iloc[30:36, 2] = None
GAPS.iloc[::7, 3] = np.nan


def encoder(**options: Any) -> Any:
    return make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), WORDS), (StandardScaler(), NUMBERS), **options
    )


def imputing() -> Any:
    fill = SimpleImputer(strategy="constant", fill_value="?")
    return make_column_transformer(
        (make_pipeline(fill, OneHotEncoder(handle_unknown="ignore")), WORDS), (StandardScaler(), NUMBERS)
    )


def small(trees: int = 10) -> RandomForestClassifier:
    return RandomForestClassifier(trees, random_state=0)


PIPELINES: dict[str, tuple[Any, pd.DataFrame]] = {
    "forest, sparse one-hot": (make_pipeline(encoder(sparse_threshold=1.0), small()), FRAME),
    "forest, dense one-hot": (make_pipeline(encoder(sparse_threshold=0), small()), FRAME),
    "logistic, sparse one-hot": (make_pipeline(encoder(sparse_threshold=1.0), LogisticRegression()), FRAME),
    "forest, imputed gaps": (make_pipeline(imputing(), small()), GAPS),
    "forest, gaps one-hot": (make_pipeline(encoder(), small()), GAPS),
    "boosting, ordinal": (
        make_pipeline(
            make_column_transformer((OrdinalEncoder(), WORDS), remainder="passthrough"),
            GradientBoostingClassifier(n_estimators=5),
        ),
        FRAME,
    ),
    "histogram boosting, categories by type": (
        HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=5, categorical_features="from_dtype"),
        FRAME.drop(columns="city"),
    ),
    "columns chosen by type": (
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
                (StandardScaler(), make_column_selector(dtype_include="number")),
            ),
            small(),
        ),
        FRAME,
    ),
    "frames all the way": (
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(sparse_output=False), WORDS), (StandardScaler(), NUMBERS)
            ).set_output(transform="pandas"),
            small(),
        ),
        FRAME,
    ),
    "a function of the frame": (
        make_pipeline(FunctionTransformer(lambda rows: rows[["age", "income"]]), LogisticRegression()),
        FRAME,
    ),
    "a union": (
        make_pipeline(FeatureUnion([("a", encoder()), ("b", encoder())]), LogisticRegression()),
        FRAME,
    ),
    "a search": (
        GridSearchCV(make_pipeline(encoder(), small()), {"randomforestclassifier__max_depth": [2]}, cv=2),
        FRAME,
    ),
    "calibrated": (CalibratedClassifierCV(make_pipeline(encoder(), LogisticRegression()), cv=2), FRAME),
    "a vote": (
        VotingClassifier(
            [("a", make_pipeline(encoder(), LogisticRegression())), ("b", make_pipeline(encoder(), small()))],
            voting="soft",
        ),
        FRAME,
    ),
    "stacked": (StackingClassifier([("a", make_pipeline(encoder(), LogisticRegression()))], cv=2), FRAME),
}


@pytest.mark.parametrize("labels", ["two", "three"])
@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_on_a_frame_answers_bit_for_bit_as_the_user_calls_it(name: str, labels: str) -> None:
    model, frame = PIPELINES[name]
    y = Y if labels == "two" else Y3
    model = model.fit(frame[: N // 2], y[: N // 2])
    subject = Subject.of(model, frame[N // 2 :], y[N // 2 :], X_train=frame[: N // 2], y_train=y[: N // 2])
    assert subject.X_train is not None
    for rows, part in ((subject.X, frame[N // 2 :]), (subject.X_train, frame[: N // 2])):
        for count in (1, 7, len(rows)):
            assert np.array_equal(subject.predict(rows[:count]), model.predict_proba(part[:count]))
    assert subject.decode is not None
    pd.testing.assert_frame_equal(subject.decode(subject.X), frame[N // 2 :].reset_index(drop=True))
    assert subject.outputs == "probabilities"
    assert subject.fit is not None


LABELS = {
    "text": np.array(["no", "yes"])[Y],
    "text as objects": pd.Series(np.array(["no", "yes"])[Y], dtype=object),
    "categories": pd.Series(pd.Categorical(np.array(["no", "yes"])[Y])),
    "0 and 1": Y,
    "1 and 2": Y + 1,
    "-1 and 1": 2 * Y - 1,
    "far apart": np.array([10, 700])[Y],
    "truth values": Y.astype(bool),
    "whole floats": Y.astype(float),
    "small integers": Y.astype("int8"),
    "nullable integers": pd.Series(Y, dtype="Int64"),
    "three words": Y3,
    "seven numbers": np.array([1, 2, 3, 5, 8, 13, 21])[RNG.integers(0, 7, N)],
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_any_kind_become_numbers_in_the_order_of_the_models_classes(name: str) -> None:
    y = LABELS[name]
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, np.asarray(y))
    subject = Subject.of(model, X, y, X_train=X[:50], y_train=y[:50])
    assert subject.classes == tuple(model.classes_.tolist())
    assert subject.y.dtype == np.int64
    assert np.array_equal(model.classes_[subject.y], np.asarray(y))
    assert subject.y_train is not None
    assert np.array_equal(subject.y_train, subject.y[:50])
    assert np.array_equal(subject.predict(subject.X), model.predict_proba(X))
    assert type(subject.classes[0]) in (str, int, float, bool)


def test_a_held_out_set_may_lack_classes_that_the_model_knows() -> None:
    model = DecisionTreeClassifier(random_state=0).fit(X, Y3)
    few = np.flatnonzero(Y3 != "middle")
    subject = Subject.of(model, X[few], Y3[few])
    assert subject.classes == ("high", "low", "middle")
    assert set(subject.y.tolist()) == {0, 1}


@pytest.mark.parametrize(
    "model",
    [LinearSVC(), SVC(), SGDClassifier(random_state=0), make_pipeline(StandardScaler(), SVC())],
    ids=["LinearSVC", "SVC", "SGD", "pipeline"],
)
def test_a_model_without_probabilities_answers_one_hot(model: Any) -> None:
    model.fit(X, Y3)
    subject = Subject.of(model, X, Y3)
    assert subject.outputs == "labels"
    assert np.array_equal(subject.predict(subject.X), np.eye(3)[np.searchsorted(model.classes_, model.predict(X))])
    assert subject.gradient is None


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(5, random_state=0),
        DecisionTreeRegressor(random_state=0),
        KNeighborsRegressor(),
        Ridge(),
        make_pipeline(StandardScaler(), LinearRegression()),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    ],
    ids=lambda m: type(m).__name__,
)
def test_a_regressor_answers_values(model: Any) -> None:
    target = FRAME["income"].to_numpy() * 100
    model.fit(X, target)
    subject = Subject.of(model, X, target, X_train=X[:9], y_train=target[:9])
    assert (subject.task, subject.outputs, subject.classes) == ("regression", "values", ())
    assert np.array_equal(subject.predict(subject.X), model.predict(X))
    assert subject.y.dtype == np.float64
    assert np.array_equal(subject.y, target)


def test_whole_numbers_and_truth_values_are_targets_of_a_regressor() -> None:
    subject = Subject.of(Ridge().fit(X, Y), X, Y)
    assert (subject.task, subject.y.dtype) == ("regression", np.float64)
    assert Subject.of(Ridge().fit(X, Y), X, Y.astype(bool)).y.tolist() == Y.tolist()


def test_a_regressor_fitted_on_one_column_of_targets_answers_in_one_dimension() -> None:
    target = FRAME[["income"]]
    model = LinearRegression().fit(X, target)
    assert model.predict(X).shape == (N, 1)
    subject = Subject.of(model, X, target)
    assert subject.predict(subject.X).shape == (N,)
    assert subject.y.shape == (N,)


def test_columns_in_another_order_than_in_fitting_are_put_right() -> None:
    model = LogisticRegression().fit(FRAME[["age", "income"]], Y)
    turned = FRAME[["income", "age"]]
    subject = Subject.of(model, turned, Y, X_train=FRAME[["age", "income"]], y_train=Y)
    assert subject.feature_names == ("income", "age")
    assert np.array_equal(subject.predict(subject.X), model.predict_proba(FRAME[["age", "income"]]))
    assert subject.X_train is not None
    assert np.array_equal(subject.X_train, subject.X)
    assert subject.gradient is not None
    step = 1e-6 * np.eye(2)[0]
    slope = (subject.predict(subject.X[:1] + step) - subject.predict(subject.X[:1] - step))[0, 0] / 2e-6
    chosen = subject.predict(subject.X[:1])[0, 0]
    assert subject.gradient(subject.X[:1], np.array([0]))[0, 0] == pytest.approx(-slope / chosen, rel=1e-5)


def test_an_array_for_a_model_fitted_on_a_frame_takes_its_names_without_a_warning() -> None:
    frame = FRAME[["age", "income", "rooms"]]
    model = small().fit(frame, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        subject = Subject.of(model, frame.to_numpy(), Y)
        outputs = subject.predict(subject.X)
    assert subject.feature_names == ("age", "income", "rooms")
    assert np.array_equal(outputs, model.predict_proba(frame))
    assert Subject.of(model, frame.to_numpy(), Y, feature_names=["a", "b", "c"]).feature_names == ("a", "b", "c")


def test_a_frame_for_a_model_fitted_on_an_array_goes_without_a_warning() -> None:
    frame = FRAME[["age", "income", "rooms"]]
    for model in (small(), make_pipeline(StandardScaler(), LogisticRegression())):
        model.fit(frame.to_numpy(), Y)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            subject = Subject.of(model, frame, Y)
            outputs = subject.predict(subject.X)
        assert np.array_equal(outputs, model.predict_proba(frame.to_numpy()))
        assert subject.feature_names == ("age", "income", "rooms")


def test_images_for_a_model_fitted_on_a_frame_of_pixels_keep_their_shape() -> None:
    pixels = pd.DataFrame(RNG.random((60, 16)), columns=[f"pixel_{i}" for i in range(16)]).astype("float32")
    y = (pixels["pixel_0"] > 0.5).astype(int)
    model = GaussianNB().fit(pixels, y)
    subject = Subject.of(model, pixels.to_numpy(), y, image_shape=(4, 4))
    assert subject.X.shape == (60, 1, 4, 4)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(pixels))


@pytest.mark.parametrize("kind", ["frame", "array"])
def test_a_refit_is_a_fresh_clone_with_the_same_settings(kind: str) -> None:
    model: Any = small(7) if kind == "array" else make_pipeline(encoder(), small(7))
    rows: Any = X if kind == "array" else FRAME
    model.fit(rows, Y3)
    before = model.predict_proba(rows)
    subject = Subject.of(model, rows, Y3)
    assert subject.fit is not None
    fitted = subject.fit(subject.X[:100], subject.y[:100], seed=3)
    again = subject.fit(subject.X[:100], subject.y[:100], seed=3)
    other = subject.fit(subject.X[:100], subject.y[:100], seed=4)
    assert np.array_equal(fitted(subject.X), again(subject.X))
    assert not np.array_equal(fitted(subject.X), other(subject.X))
    assert np.array_equal(model.predict_proba(rows), before)
    seeded = {"randomforestclassifier__random_state": 3} if kind == "frame" else {"random_state": 3}
    expected = model.set_params(**seeded).fit(rows[:100], Y3[:100]).predict_proba(rows)
    assert np.array_equal(fitted(subject.X), expected)


def test_a_refit_answers_in_the_subjects_class_order_and_0_for_a_class_it_never_saw() -> None:
    subject = Subject.of(DecisionTreeClassifier(random_state=0).fit(X, Y3), X, Y3)
    assert subject.classes == ("high", "low", "middle")
    without = np.flatnonzero(subject.y != 1)
    assert subject.fit is not None
    predict = subject.fit(subject.X[without], subject.y[without], seed=0)
    out = predict(subject.X)
    assert out.shape == (N, 3)
    assert (out[:, 1] == 0).all()
    assert np.allclose(out.sum(axis=1), 1.0)
    assert np.array_equal(out[without].argmax(axis=1), subject.y[without])


def test_a_refit_takes_weights_also_in_a_pipeline() -> None:
    for model in (DecisionTreeClassifier(), make_pipeline(StandardScaler(), DecisionTreeClassifier())):
        subject = Subject.of(model.fit(X, Y), X, Y)
        weights = np.where(subject.y == 1, 1.0, 0.0)
        assert subject.fit is not None
        predict = subject.fit(subject.X, subject.y, seed=0, sample_weight=weights)
        assert (predict(subject.X)[:, 1] == 1.0).all()


def test_a_refit_of_a_regressor_answers_values() -> None:
    target = FRAME["income"].to_numpy()
    subject = Subject.of(Ridge().fit(X, target), X, target)
    assert subject.fit is not None
    predict = subject.fit(subject.X[:50], subject.y[:50], seed=0)
    assert np.array_equal(predict(subject.X), Ridge().fit(X[:50], target[:50]).predict(X))


class Quoting:
    """A classifier that is not of scikit-learn but speaks as it does."""

    _estimator_type = "classifier"

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def __sklearn_tags__(self) -> Any:
        return LogisticRegression().__sklearn_tags__()

    def get_params(self, **_: bool) -> dict[str, Any]:
        return {"factor": self.factor}

    def fit(self, _rows: Any, _y: Any) -> "Quoting":
        self.classes_ = ["no", "yes"]
        return self

    def predict(self, rows: Any) -> Any:
        return np.array(self.classes_)[self.predict_proba(rows).argmax(axis=1)]

    def predict_proba(self, rows: Any) -> Any:
        p = self.factor / (1 + np.exp(-np.asarray(rows)[:, 1]))
        return np.column_stack([self.factor - p, p])


def test_a_classifier_of_another_library_may_list_its_classes() -> None:
    subject = Subject.of(Quoting().fit(X, Y), X, np.array(["no", "yes"])[Y])
    assert subject.classes == ("no", "yes")


def test_a_classifier_whose_rows_do_not_sum_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"class probabilities must be ≥ 0 and sum to 1 .* row sums in \[2, 2\]"):
        Subject.of(Quoting(2.0).fit(X, Y), X, np.array(["no", "yes"])[Y])


@pytest.mark.parametrize(
    "model",
    [
        KNeighborsClassifier(),
        GaussianNB(),
        ExtraTreesClassifier(5, random_state=0),
        MLPClassifier((4,), max_iter=5, tol=10, n_iter_no_change=2, random_state=0),
    ],
    ids=lambda m: type(m).__name__,
)
def test_classifiers_of_all_kinds_answer_as_the_user_calls_them(model: Any) -> None:
    model.fit(X, Y3)
    subject = Subject.of(model, X, Y3)
    assert np.array_equal(subject.predict(subject.X), model.predict_proba(X))
