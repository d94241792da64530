"""Outlier detectors answer inlier or outlier, and nobody need know which is right."""

from typing import Any

import numpy as np
import pytest
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from xrai_widgets.core import Subject
from xrai_widgets.runtime import assess

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
HELD = np.concatenate([RNG.normal(size=(60, 3)), 4 * RNG.normal(size=(20, 3))])
DETECTORS: list[Any] = [
    IsolationForest(random_state=0),
    LocalOutlierFactor(novelty=True),
    OneClassSVM(nu=0.1),
    EllipticEnvelope(random_state=0),
    make_pipeline(StandardScaler(), IsolationForest(n_estimators=20, random_state=0)),
]


@pytest.mark.parametrize("model", DETECTORS, ids=lambda model: type(model).__name__)
def test_a_detector_is_a_model_of_two_classes_whose_own_answers_stand_for_labels(model: Any) -> None:
    model.fit(X)
    subject = Subject.of(model, HELD, X_train=X)
    outputs = model.predict(HELD)
    assert subject.classes == (-1, 1)
    assert subject.outputs == "labels"
    assert np.array_equal(np.array(subject.classes)[subject.y], outputs)
    assert np.array_equal(subject.predict(subject.X).argmax(axis=1), subject.y)
    assert "those of the detector itself" in subject.describe()
    outcome = assess(subject, "robustness.evasion", n_samples=10, max_iter=3, strict=True)
    assert outcome.finding is not None
    table, nearest = outcome.finding.tables["samples"], outcome.finding.arrays["nearest"]
    found = (table["status"] == "found").to_numpy()
    assert found.any()
    before = model.predict(HELD[table["id"].to_numpy(int)])
    assert (model.predict(nearest[found]) != before[found]).all()


def test_the_distance_to_the_boundary_of_a_linear_detector_is_its_closed_form() -> None:
    model = OneClassSVM(kernel="linear", nu=0.3).fit(X + 3)
    subject = Subject.of(model, HELD + 3, X_train=X + 3, bounds=(-50.0, 50.0))
    outcome = assess(subject, "robustness.evasion", n_samples=20, scale="raw", strict=True)
    assert outcome.finding is not None
    table = outcome.finding.tables["samples"]
    rows = subject.X[table["id"].to_numpy(int)]
    truth = np.abs(model.decision_function(rows)) / np.linalg.norm(model.coef_)
    assert table["distance"].to_numpy() == pytest.approx(truth, rel=1e-3)


def test_labels_that_are_known_are_taken_and_the_accuracy_is_theirs() -> None:
    model = IsolationForest(random_state=0).fit(X)
    known = np.r_[np.ones(60, dtype=int), -np.ones(20, dtype=int)]
    subject = Subject.of(model, HELD, known)
    assert "own answers" not in subject.describe()
    outcome = assess(subject, "robustness.evasion", n_samples=80, max_iter=1)
    assert outcome.finding is not None
    assert outcome.finding.values["accuracy"] == (model.predict(HELD) == known).mean()


def test_a_detector_that_knows_its_training_samples_only_says_how_to_fit_it() -> None:
    with pytest.raises(ValueError, match="novelty=True"):
        Subject.of(LocalOutlierFactor().fit(X), HELD)


def test_other_models_still_need_labels() -> None:
    with pytest.raises(ValueError, match="y must hold one label per sample, got None"):
        Subject.of(lambda rows: rows[:, :2], HELD)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.arange(80) % 2, r"got \[0, 1\]: where 1 marks the outliers pass np.where\(y == 1, -1, 1\), where 0 does"),
        (
            np.arange(80) % 2 == 1,
            r"got \[False, True\]: where True marks the outliers pass np.where\(y == True, -1, 1\)",
        ),
        (np.where(np.arange(80) % 2, "odd", "fine"), r"got \['fine', 'odd'\]: where 'odd' marks the outliers"),
    ],
)
def test_labels_of_another_kind_say_which_is_which(labels: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Subject.of(DETECTORS[0].fit(X), HELD, labels)
    held = np.where(np.arange(80) % 2, -1, 1)
    with pytest.raises(ValueError, match=r"^y_train beside an outlier detector"):
        Subject.of(DETECTORS[0].fit(X), HELD, held, X_train=X[:80], y_train=labels)
