import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA, KernelPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from xrai_widgets.core import Array, Subject
from xrai_widgets.models.adapted import softmax

N = 150
RNG = np.random.default_rng(1)
X = RNG.normal(size=(N, 4)) * [1, 10, 0.1, 3] + [0, 50, 1, -2]
TWO = (X[:, 0] + (X[:, 1] - 50) / 10 + RNG.normal(size=N) > 0).astype(int)
THREE = np.digitize(X[:, 0] + (X[:, 1] - 50) / 10 + 0.5 * RNG.normal(size=N), [-0.8, 0.8])
NAMES = ["a", "b", "c", "d"]
FRAME = pd.DataFrame(X, columns=NAMES)


def network(activation: str, layers: tuple[int, ...] = (6, 5)) -> MLPClassifier:
    return MLPClassifier(layers, activation=activation, max_iter=200, tol=10, n_iter_no_change=30, random_state=0)


def logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=5000)


def cross_entropy(subject: Subject, rows: Array, y: Array) -> Any:
    return -np.log(subject.predict(rows)[np.arange(len(rows)), y])


def by_differences(subject: Subject, rows: Array, y: Array, steps: Array) -> Array:
    flat = rows.reshape(len(rows), -1)
    slopes = np.empty(flat.shape)
    for column, step in enumerate(steps):
        moved = np.zeros(flat.shape[1])
        moved[column] = step
        up = cross_entropy(subject, (flat + moved).reshape(rows.shape), y)
        down = cross_entropy(subject, (flat - moved).reshape(rows.shape), y)
        slopes[:, column] = (up - down) / (2 * step)
    return slopes.reshape(rows.shape)


def check(model: Any, rows: Any, y: Array) -> Subject:
    subject = Subject.of(model.fit(rows, y), rows, y)
    assert subject.gradient is not None
    assert subject.logits is not None
    some = np.array(subject.X[:20], dtype=np.float64)
    for answer in range(len(subject.classes)):
        chosen = np.full(len(some), answer)
        slopes = by_differences(subject, some, chosen, 1e-5 * some.reshape(len(some), -1).std(axis=0))
        found = subject.gradient(some, chosen)
        assert found.shape == some.shape
        scale = np.abs(slopes).max(axis=0)
        assert (np.abs(found - slopes).max(axis=0) <= 1e-5 * scale + 1e-7).all()
        assert subject.logit_gradient is not None
        weights = softmax(subject.logits(some)) - np.eye(len(subject.classes))[chosen]
        assert np.allclose(subject.logit_gradient(some, weights), found, rtol=1e-9, atol=1e-12), "the chain rule"
    assert np.allclose(softmax(subject.logits(subject.X)), subject.predict(subject.X), atol=1e-9)
    return subject


@pytest.mark.parametrize("classes", ["two", "three"])
@pytest.mark.parametrize(
    "model",
    [
        logistic(),
        LogisticRegression(max_iter=5000, fit_intercept=False),
        LinearDiscriminantAnalysis(),
        LinearDiscriminantAnalysis(solver="lsqr"),
        *(make_pipeline(StandardScaler(), network(a)) for a in ("relu", "tanh", "logistic", "identity")),
        make_pipeline(StandardScaler(), network("tanh", (4,))),
        make_pipeline(StandardScaler(), logistic()),
        make_pipeline(StandardScaler(with_mean=False), MaxAbsScaler(), logistic()),
        make_pipeline(MinMaxScaler(), RobustScaler(), LinearDiscriminantAnalysis()),
        make_pipeline(StandardScaler(), PCA(2), logistic()),
        make_pipeline(StandardScaler(), PCA(2, whiten=True), network("tanh")),
        make_pipeline("passthrough", StandardScaler(), logistic()),
        make_pipeline(make_pipeline(StandardScaler(), MinMaxScaler()), logistic()),
    ],
    ids=lambda m: "-".join(type(s).__name__ for _, s in m.steps) if hasattr(m, "steps") else type(m).__name__,
)
def test_gradients_equal_finite_differences(model: Any, classes: str) -> None:
    check(model, X, TWO if classes == "two" else THREE)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_gradients_of_a_searched_logistic_regression_equal_finite_differences() -> None:
    check(LogisticRegressionCV(Cs=[1.0], cv=2, max_iter=5000), X, THREE)


@pytest.mark.parametrize(
    "columns",
    [
        make_column_transformer((StandardScaler(), ["b", "a"]), (MinMaxScaler(), ["d"])),
        make_column_transformer((StandardScaler(), ["b"]), ("passthrough", ["a"])),
        make_column_transformer((StandardScaler(), ["b", "d"]), remainder="passthrough"),
        make_column_transformer((StandardScaler(), ["b", "d"]), ("drop", ["c"]), remainder="drop"),
        make_column_transformer((make_pipeline(StandardScaler(), PCA(2)), ["a", "b", "d"]), (RobustScaler(), ["c"])),
        StandardScaler().set_output(transform="pandas"),
    ],
    ids=["two scalers", "passthrough", "remainder", "drop", "nested", "frames"],
)
def test_gradients_go_through_columns_of_a_frame(columns: Any) -> None:
    check(make_pipeline(columns, logistic()), FRAME, THREE)


def test_a_column_that_is_dropped_has_no_slope() -> None:
    subject = check(make_pipeline(make_column_transformer((StandardScaler(), ["a"])), logistic()), FRAME, TWO)
    assert subject.gradient is not None
    assert (subject.gradient(subject.X, subject.y)[:, 1:] == 0).all()


def test_gradients_of_images_have_the_shape_of_images() -> None:
    pixels = RNG.random((80, 9))
    y = (pixels[:, 4] > 0.5).astype(int)
    subject = Subject.of(logistic().fit(pixels, y), pixels, y, image_shape=(3, 3))
    assert subject.gradient is not None
    some = np.array(subject.X[:5], dtype=np.float64)
    found = subject.gradient(some, np.zeros(5, dtype=int))
    assert found.shape == (5, 1, 3, 3)
    slopes = by_differences(subject, some, np.zeros(5, dtype=int), np.full(9, 1e-5))
    assert np.allclose(found, slopes, atol=1e-7)


def test_the_last_hidden_layer_serves_as_features() -> None:
    model = make_pipeline(StandardScaler(), network("relu", (6, 5))).fit(X, THREE)
    subject = Subject.of(model, X, THREE)
    assert subject.embed is not None
    features = subject.embed(subject.X)
    assert features.shape == (N, 5)
    assert subject.logits is not None
    last = model[-1].coefs_[-1], model[-1].intercepts_[-1]
    assert np.allclose(features @ last[0] + last[1], subject.logits(subject.X))
    assert Subject.of(logistic().fit(X, TWO), X, TWO).embed is None


NOT_OFFERED: dict[str, Any] = {
    "squares": make_pipeline(PolynomialFeatures(2), StandardScaler(), logistic()),
    "bins": make_pipeline(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), logistic()),
    "power": make_pipeline(PowerTransformer(), logistic()),
    "quantiles": make_pipeline(QuantileTransformer(n_quantiles=50), logistic()),
    "rows scaled to length 1": make_pipeline(Normalizer(), logistic()),
    "clipped scaling": make_pipeline(MinMaxScaler(clip=True), logistic()),
    "kernel": make_pipeline(StandardScaler(), KernelPCA(2, kernel="rbf"), logistic()),
    "chosen columns": make_pipeline(SelectKBest(k=2), logistic()),
    "one against the rest": OneVsRestClassifier(logistic()),
    "calibrated": CalibratedClassifierCV(logistic(), cv=2),
    "quadratic": QuadraticDiscriminantAnalysis(),
    "forest": RandomForestClassifier(3, random_state=0),
    "scores of another loss": SGDClassifier(loss="modified_huber", random_state=0),
    "a nested transformer that is not affine": make_pipeline(
        make_column_transformer((PolynomialFeatures(), [0]), remainder="passthrough"), StandardScaler(), logistic()
    ),
}


@pytest.mark.parametrize("name", NOT_OFFERED)
def test_gradients_are_not_offered_where_they_would_be_wrong(name: str) -> None:
    subject = Subject.of(NOT_OFFERED[name].fit(X, THREE), X, THREE)
    assert subject.gradient is None
    assert subject.logits is None
    assert subject.embed is None


def test_gradients_are_not_offered_for_columns_of_text() -> None:
    frame = FRAME.assign(job=RNG.choice(["a", "b"], N))
    encode = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    subject = Subject.of(make_pipeline(encode, logistic()).fit(frame, TWO), frame, TWO)
    assert subject.gradient is None


class Shifted(LogisticRegression):
    """Speaks like a logistic regression and answers differently."""

    def predict_proba(self, rows: Any) -> Any:
        return super().predict_proba(np.asarray(rows) + 1.0)


def test_a_form_that_disagrees_with_the_model_is_not_offered() -> None:
    Shifted.__name__ = "LogisticRegression"
    assert Subject.of(Shifted(max_iter=5000).fit(X, TWO), X, TWO).gradient is None


def test_sparse_coefficients_are_read() -> None:
    model = logistic().fit(X, TWO)
    dense = Subject.of(model, X, TWO)
    sparse = Subject.of(model.sparsify(), X, TWO)
    assert dense.gradient is not None
    assert sparse.gradient is not None
    assert np.allclose(sparse.gradient(sparse.X, sparse.y), dense.gradient(dense.X, dense.y))


def test_far_away_samples_overflow_nowhere() -> None:
    subject = Subject.of(make_pipeline(StandardScaler(), network("logistic")).fit(X, TWO), X, TWO)
    assert subject.gradient is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slopes = subject.gradient(subject.X * 1e6, subject.y)
    assert np.isfinite(slopes).all()


def test_asking_for_gradients_does_not_change_the_model() -> None:
    model = network("relu").fit(X, TWO)
    before = [weights.copy() for weights in model.coefs_]
    subject = Subject.of(model, X, TWO)
    assert subject.gradient is not None
    subject.gradient(subject.X, subject.y)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.coefs_, strict=True))
