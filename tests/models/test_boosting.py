"""Boosted trees of other libraries speak scikit-learn: held against the real libraries."""

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xrai_widgets.core import Subject
from xrai_widgets.models.state import digest
from xrai_widgets.runtime import assess

xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")
catboost = pytest.importorskip("catboost")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4))
TWO = np.array(["no", "yes"])[(X[:, 0] + 0.3 * RNG.normal(size=160) > 0).astype(int)]
NUMBERS = (TWO == "yes").astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])
WORDS = FRAME.assign(job=RNG.choice(["cook", "smith"], 160))
CATEGORY = WORDS.assign(job=WORDS["job"].astype("category"))
QUIET = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}

CASES: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "XGBoost": (lambda: xgboost.XGBClassifier(n_estimators=5, n_jobs=1), X, NUMBERS),
    "XGBoost, three classes": (lambda: xgboost.XGBClassifier(n_estimators=5, n_jobs=1), FRAME, THREE),
    "XGBoost, categories": (
        lambda: xgboost.XGBClassifier(n_estimators=5, n_jobs=1, enable_categorical=True),
        CATEGORY,
        NUMBERS,
    ),
    "XGBoost, values": (lambda: xgboost.XGBRegressor(n_estimators=5, n_jobs=1), FRAME, X[:, 0]),
    "LightGBM": (lambda: lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1), X, TWO),
    "LightGBM, three classes": (lambda: lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1), FRAME, THREE),
    "LightGBM, categories": (lambda: lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1), CATEGORY, TWO),
    "LightGBM, values": (lambda: lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1), FRAME, X[:, 0]),
    "CatBoost": (lambda: catboost.CatBoostClassifier(iterations=5, **QUIET), X, TWO),
    "CatBoost, three classes": (lambda: catboost.CatBoostClassifier(iterations=5, **QUIET), FRAME, THREE),
    "CatBoost, text": (lambda: catboost.CatBoostClassifier(iterations=5, cat_features=["job"], **QUIET), WORDS, TWO),
    "CatBoost, values": (lambda: catboost.CatBoostRegressor(iterations=5, **QUIET), FRAME, X[:, 0]),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Any, Any, Any]:
    make, samples, y = CASES[request.param]
    return make().fit(samples, y), samples, y


def test_the_subject_answers_as_the_model_does(case: tuple[Any, Any, Any]) -> None:
    model, samples, y = case
    subject = Subject.of(model, samples, y, X_train=samples, y_train=y)
    expected = model.predict_proba(samples) if hasattr(model, "predict_proba") else model.predict(samples)
    assert np.array_equal(subject.predict(subject.X), expected)
    assert np.array_equal(subject.predict(subject.X[:3]), expected[:3])
    if subject.task == "classification":
        right = np.array(subject.classes)[subject.predict(subject.X).argmax(axis=1)] == y
        assert right.mean() > 0.8


def test_it_travels_to_another_process_and_keeps_its_fingerprint(case: tuple[Any, Any, Any]) -> None:
    model, samples, y = case
    subject = Subject.of(model, samples, y)
    again = cloudpickle.loads(cloudpickle.dumps(subject))
    assert subject.state is not None
    assert subject.fingerprint == again.fingerprint == Subject.of(model, samples, y).fingerprint


def test_a_fresh_clone_is_trained_with_the_same_settings(case: tuple[Any, Any, Any]) -> None:
    model, samples, y = case
    subject = Subject.of(model, samples, y, X_train=samples, y_train=y)
    assert subject.fit is not None
    assert subject.X_train is not None
    assert subject.y_train is not None
    fresh = subject.fit(subject.X_train, subject.y_train, seed=1)
    again = subject.fit(subject.X_train, subject.y_train, seed=1)
    assert fresh(subject.X).shape == subject.predict(subject.X).shape
    assert np.array_equal(fresh(subject.X), again(subject.X))


@pytest.mark.parametrize("name", ["XGBoost", "LightGBM", "CatBoost, text"])
def test_assessments_run_on_it(name: str) -> None:
    make, samples, y = CASES[name]
    model = make().fit(samples[:80], y[:80])
    subject = Subject.of(model, samples[80:], y[80:], X_train=samples[:80], y_train=y[:80])
    for assessment, params in (("privacy.membership_inference", {}), ("robustness.evasion", {"n_samples": 3})):
        outcome = assess(subject, assessment, **params)
        assert outcome.status == "ok", outcome.reason


@pytest.mark.parametrize("form", ["alone", "in a pipeline", "calibrated"])
def test_an_audit_of_catboost_leaves_an_empty_folder_empty(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to itself it writes ``catboost_info`` wherever it is trained, and an audit trains it anew."""
    loud = catboost.CatBoostClassifier(iterations=3, verbose=0, thread_count=1)
    forms = {"alone": loud, "in a pipeline": make_pipeline(StandardScaler(), loud)}
    model = forms.get(form) or CalibratedClassifierCV(loud, cv=2)
    for name in ("own", "empty"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "own")
    model.fit(X[:80], NUMBERS[:80])
    assert list((tmp_path / "own").iterdir()), "the user's own training writes"
    subject = Subject.of(model, X[80:], NUMBERS[80:], X_train=X[:80], y_train=NUMBERS[:80])
    monkeypatch.chdir(tmp_path / "empty")
    outcome = assess(subject, "privacy.lira", n_references=4, repeats=1)
    assert outcome.status == "ok", outcome.reason
    assert list((tmp_path / "empty").iterdir()) == []
    assert loud.get_params().get("allow_writing_files") is None, "the user's model is as it was"


@pytest.mark.parametrize("name", ["XGBoost", "LightGBM", "CatBoost"])
def test_one_that_is_not_fitted_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"the model must be fitted, got a .* that is not: call fit first"):
        Subject.of(CASES[name][0](), X, NUMBERS)


@pytest.mark.parametrize("name", ["XGBoost, three classes", "LightGBM, categories", "CatBoost, text"])
def test_missing_and_unexpected_columns_are_named(name: str) -> None:
    make, samples, y = CASES[name]
    model = make().fit(samples, y)
    with pytest.raises(ValueError, match=r"X must have the column\(s\) 'b' \(those the model was fitted on\)"):
        Subject.of(model, samples.drop(columns="b"), y)
    with pytest.raises(ValueError, match=r"got also 'z': drop them"):
        Subject.of(model, samples.assign(z=1), y)


def test_columns_in_another_order_are_put_right() -> None:
    model = CASES["CatBoost, text"][0]().fit(WORDS, TWO)
    turned = WORDS[list(WORDS.columns)[::-1]]
    subject = Subject.of(model, turned, TWO)
    assert np.array_equal(subject.predict(subject.X), model.predict_proba(WORDS))


def test_the_state_is_the_same_in_another_process() -> None:
    code = (
        "import numpy as np, xgboost, lightgbm; from xrai_widgets.models.state import digest;"
        "X = np.random.default_rng(0).normal(size=(80, 3)); y = (X[:, 0] > 0).astype(int);"
        "models = [xgboost.XGBClassifier(n_estimators=5, n_jobs=1), lightgbm.LGBMClassifier(verbose=-1, n_jobs=1)];"
        "print(*[digest(model.fit(X, y)) for model in models])"
    )
    first = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    with contextlib.redirect_stdout(io.StringIO()) as here:
        exec(code, {})
    assert first == here.getvalue().split()
    assert "None" not in first


def test_another_fit_has_another_state() -> None:
    first, second = (xgboost.XGBClassifier(n_estimators=n).fit(X, NUMBERS) for n in (4, 5))
    assert digest(first) != digest(second)
