"""PDTP against the Adversarial Robustness Toolbox: the same samples, the same refits, in one run."""

import time
import warnings
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from tests.benchmarks.table import alone, show
from xrai_widgets.core import Subject

pytestmark = pytest.mark.benchmark
CASES: tuple[tuple[Any, int, float], ...] = (
    (GaussianNB(), 10, 100),
    (MultinomialNB(), 10, 100),
    (LinearDiscriminantAnalysis(), 10, 100),
    (QuadraticDiscriminantAnalysis(reg_param=0.1), 10, 100),
    (KNeighborsClassifier(5), 10, 100),
    (LogisticRegression(max_iter=1000), 10, 60),
    (DecisionTreeClassifier(random_state=0), 10, 7),
    (RandomForestClassifier(100, random_state=0), 2, 1.6),
)


@pytest.mark.parametrize(("model", "repeats", "least"), CASES, ids=[str(model) for model, _, _ in CASES])
def test_pdtp_is_faster_than_art(model: Any, repeats: int, least: float) -> None:
    from art.estimators.classification import SklearnClassifier
    from art.metrics import PDTP

    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    subject = Subject.of(clone(model).fit(X_train, y_train), X_test, y_test, X_train=X_train, y_train=y_train)
    samples = 30 if least < 10 else 300
    chosen = np.random.default_rng((0, 0)).permutation(len(X_train))[:samples]
    options = {"n_samples": samples, "at": "all", "binned": True, "repeats": repeats, "null_draws": 5}
    with joblib.parallel_config(backend="loky", n_jobs=2 if repeats == 2 else 1):
        alone(subject, "privacy.pdtp", **(options | {"n_samples": 2}))  # start the workers
        begun = time.perf_counter()
        alone(subject, "privacy.pdtp", **options)
        ours = time.perf_counter() - begun
    target, fresh = SklearnClassifier(subject.model), SklearnClassifier(clone(model))
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PDTP(target, fresh, X_train, y_train, indexes=chosen, num_iter=repeats)
    theirs = time.perf_counter() - begun
    # our refits of the null are extra; at equal refits the share of the samples counts
    refits = samples * repeats
    extra = (5 + 1) * repeats if repeats == 2 else 0
    ratio = theirs / (ours * refits / (refits + extra))
    show(
        f"PDTP, {samples} samples, {repeats} refits, {type(model).__name__}",
        [{"": "ART", "wall s": theirs}, {"": "xrai_widgets", "wall s": ours}, {"": "ratio", "wall s": ratio}],
    )
    assert ratio >= least
