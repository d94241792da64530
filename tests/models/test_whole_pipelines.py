"""Pipelines that cannot be taken apart are asked as a whole."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from xrai_widgets.core import Array, Subject
from xrai_widgets.models.estimator import Probabilities
from xrai_widgets.runtime import assess

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4))
Y = (X[:, 0] + 0.3 * RNG.normal(size=160) > 0.6).astype(int)


class Sampler(BaseEstimator):  # type: ignore[misc]
    """As those of imbalanced-learn: it changes rows in training, and has no transform."""

    def fit_resample(self, X: Any, y: Any) -> Any:
        return np.r_[X, X[y == 1]], np.r_[y, y[y == 1]]


class SamplingPipeline(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A pipeline with samplers, whose slices fail as those of imbalanced-learn do."""

    def __init__(self, steps: Any) -> None:
        self.steps = steps

    def fit(self, X: Any, y: Any) -> "SamplingPipeline":
        for _, step in self.steps[:-1]:
            if hasattr(step, "fit_resample"):
                X, y = step.fit_resample(X, y)
            else:
                X = step.fit_transform(X)
        self.steps[-1][1].fit(X, y)
        self.classes_ = self.steps[-1][1].classes_
        return self

    def _entering(self, X: Any) -> Any:
        for _, step in self.steps[:-1]:
            X = X if hasattr(step, "fit_resample") else step.transform(X)
        return X

    def predict_proba(self, X: Any) -> Any:
        return self.steps[-1][1].predict_proba(self._entering(X))

    def predict(self, X: Any) -> Any:
        return self.classes_[self.predict_proba(X).argmax(1)]

    def __getitem__(self, place: Any) -> Any:
        raise TypeError("a sampler has no transform")


class OnlyTransforms:
    """A step of one's own that never learns."""

    def transform(self, X: Any) -> Any:
        return np.asarray(X) * 2 - 1


FINALS = [
    RandomForestClassifier(8, random_state=0),
    LogisticRegression(),
    MLPClassifier((4,), max_iter=20, random_state=0),
]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("final", FINALS, ids=lambda final: type(final).__name__)
def test_a_pipeline_with_a_sampler_is_asked_as_a_whole(final: Any) -> None:
    model = SamplingPipeline([("s", StandardScaler()), ("more", Sampler()), ("m", final)]).fit(X, Y)
    subject = Subject.of(model, X, Y, X_train=X, y_train=Y)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(X))
    assert assess(subject, "privacy.membership_inference", strict=True).status == "ok"


@pytest.mark.parametrize("kind", ["over", "under", "smote"])
def test_pipelines_of_imbalanced_learn_are_subjects(kind: str) -> None:
    imblearn = pytest.importorskip("imblearn")
    sampler = {
        "over": imblearn.over_sampling.RandomOverSampler(random_state=0),
        "under": imblearn.under_sampling.RandomUnderSampler(random_state=0),
        "smote": imblearn.over_sampling.SMOTE(random_state=0),
    }[kind]
    for final in FINALS[:2]:
        model = imblearn.pipeline.make_pipeline(StandardScaler(), sampler, final).fit(X, Y)
        subject = Subject.of(model, X, Y, X_train=X, y_train=Y)
        assert np.allclose(subject.predict(subject.X), model.predict_proba(X))
        assert subject.fit is not None
        again = subject.fit(subject.X_train, subject.y_train, seed=0)
        assert again(subject.X).shape == (160, 2)


@pytest.mark.parametrize("final", FINALS[:2], ids=lambda final: type(final).__name__)
def test_a_step_of_ones_own_may_have_nothing_but_transform(final: Any) -> None:
    step = OnlyTransforms()
    model = Pipeline([("own", step), ("m", final.fit(step.transform(X), Y))])
    subject = Subject.of(model, X, Y)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(X))


def test_a_forest_in_a_plain_pipeline_keeps_its_fast_form() -> None:
    model = make_pipeline(StandardScaler(), RandomForestClassifier(8, random_state=0)).fit(X, Y)
    subject = Subject.of(model, X, Y)
    assert isinstance(subject.predict, Probabilities)
    assert subject.predict.flat is not None
    assert np.allclose(subject.predict(subject.X), model.predict_proba(X), atol=1e-12)


def test_a_pipeline_that_answers_otherwise_than_its_steps_is_asked_itself() -> None:
    class Cautious(Pipeline):  # type: ignore[misc]
        def predict_proba(self, X: Any, **params: Any) -> Array:
            return np.asarray(0.5 + (super().predict_proba(X, **params) - 0.5) / 2)

    model = Cautious([("s", StandardScaler()), ("m", RandomForestClassifier(8, random_state=0))]).fit(X, Y)
    subject = Subject.of(model, X, Y)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(X))
    assert np.allclose(subject.predict(subject.X[:2]), model.predict_proba(X[:2]))


def test_a_subclass_of_a_multi_output_class_is_refused_by_name() -> None:
    class Mine(MultiOutputClassifier):  # type: ignore[misc]
        pass

    model = Mine(LogisticRegression()).fit(X, np.c_[Y, Y])
    with pytest.raises(ValueError, match="multi-output models are not supported: Mine predicts several"):
        Subject.of(model, X, Y)


def test_nets_of_skorch_are_subjects() -> None:
    skorch = pytest.importorskip("skorch")
    torch = pytest.importorskip("torch")
    rows = X.astype(np.float32)
    net = skorch.NeuralNetClassifier(
        torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Softmax(1)), max_epochs=3, verbose=0, train_split=None
    )
    net.fit(rows, Y.astype(np.int64))
    subject = Subject.of(net, rows, Y, X_train=rows, y_train=Y)
    assert np.allclose(subject.predict(subject.X), net.predict_proba(rows), atol=1e-6)
    assert assess(subject, "robustness.evasion", n_samples=4, max_iter=2, strict=True).status == "ok"
