"""PDTP of learners that are refitted: boosted trees, workers, what leaks and what does not, and what goes wrong."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Array, Finding, Subject
from xrai_widgets.engines.privacy import pdtp
from xrai_widgets.engines.privacy.pdtp.leave_one_out import closed_form, everywhere
from xrai_widgets.runtime import assess

pytestmark = pytest.mark.usefixtures("without_controls")

PDTP = "privacy.pdtp"


def subject_of(model: Any, X: Array, y: Array, held_out: int = 30) -> Subject:
    fitted = model.fit(X[held_out:], y[held_out:])
    return Subject.of(fitted, X[:held_out], y[:held_out], X_train=X[held_out:], y_train=y[held_out:])


def xgboost(**options: Any) -> Any:
    return pytest.importorskip("xgboost").XGBClassifier(n_estimators=8, n_jobs=1, **options)


def lightgbm(**options: Any) -> Any:
    return pytest.importorskip("lightgbm").LGBMClassifier(
        n_estimators=20, n_jobs=1, verbose=-1, min_child_samples=1, min_sum_hessian_in_leaf=0.0, **options
    )


BOOSTED = {
    "scikit-learn": lambda: GradientBoostingClassifier(n_estimators=8, random_state=0),
    "scikit-learn, subsamples": lambda: GradientBoostingClassifier(n_estimators=8, subsample=0.7, random_state=0),
    "scikit-learn, histograms": lambda: HistGradientBoostingClassifier(max_iter=8, min_samples_leaf=1, random_state=0),
    "XGBoost": lambda: xgboost(min_child_weight=0),
    "XGBoost, subsamples": lambda: xgboost(min_child_weight=0, subsample=0.8, random_state=0),
    "LightGBM": lightgbm,
    "LightGBM, subsamples": lambda: lightgbm(subsample=0.8, subsample_freq=1, random_state=0),
}


@pytest.mark.parametrize("name", BOOSTED)
def test_boosted_trees_show_the_planted_sample_and_no_other(name: str, rng: np.random.Generator) -> None:
    X = np.r_[rng.normal(0, 0.2, (60, 2)), rng.normal(5, 0.2, (60, 2)), [[9.0, 9.0]]]
    y = np.r_[np.zeros(60, int), np.ones(60, int), 0]  # alone among the others
    model = BOOSTED[name]().fit(X, y)
    subject = Subject.of(model, X, y, X_train=X, y_train=y)
    options = {"samples": "3, 30, 70, 120", "repeats": 2, "null_draws": 8}
    finding = assess(subject, PDTP, strict=True, **options).finding
    assert finding is not None
    excess = finding.tables["samples"].set_index("id")["excess"]
    assert excess.idxmax() == 120
    assert excess[120] > 0.5
    assert excess.drop(120).abs().max() < 0.2
    assert ("subsamples" in name) == finding.notes[0].startswith("Randomised")


def test_a_deterministic_booster_is_refitted_once_per_sample(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(90, 3)), rng.integers(0, 2, 90)
    model = xgboost()
    subject = subject_of(model, X, y)
    assert subject.X_train is not None
    finding = assess(subject, PDTP, n_samples=6, strict=True).finding
    assert finding is not None
    for _, row in finding.tables["samples"].iterrows():
        keep = np.arange(60) != row["id"]
        at = subject.X_train[~keep]
        with_it, without = (
            np.log(np.maximum(m.predict_proba(at), 0.005))
            for m in (model, clone(model).fit(X[30:][keep], y[30:][keep]))
        )
        assert row["excess"] == pytest.approx(np.abs(with_it - without).max(), abs=1e-6)


class Noting:
    """A training function that writes down where it was called."""

    def __init__(self, fit: Any, folder: Path) -> None:
        self.fit, self.folder = fit, folder

    def __call__(self, X: Array, y: Array, *, seed: int) -> Any:
        (self.folder / f"{os.getpid()}-{threading.current_thread().name}-{len(X)}-{seed}").touch()
        return self.fit(X, y, seed=seed)


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


Alone = tuple[Subject, dict[str, Any], Finding]


@pytest.fixture(scope="module")
def alone() -> Alone:
    """A forest, what it is asked, and what is found without workers."""
    X, y = load_breast_cancer(return_X_y=True)
    plain = subject_of(RandomForestClassifier(10, random_state=0), X[:150], y[:150])
    options = {"n_samples": 10, "repeats": 1, "null_draws": 5, "strict": True}
    finding = assess(plain, PDTP, **options).finding
    assert finding is not None
    return plain, options, finding


@pytest.mark.parametrize("backend", ["threading", "loky", "dask"])
def test_refits_are_spread_over_workers_and_give_the_same_numbers(
    backend: str, alone: Alone, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if backend == "dask":
        request.getfixturevalue("dask")
    plain, options, here = alone
    with joblib.parallel_config(backend=backend, n_jobs=2):
        spread = assess(replace(plain, fit=Noting(plain.fit, tmp_path)), PDTP, **options).finding
    assert spread is not None
    assert spread.values == here.values
    assert spread.tables["samples"].equals(here.tables["samples"])
    calls = [file.name.split("-") for file in tmp_path.iterdir()]
    refits = [(pid, thread) for pid, *thread, rows, _ in calls if rows == "119"]
    assert len(refits) == 10
    places = {str(place) for place in refits} if backend == "threading" else {pid for pid, _ in refits}
    assert len(places) == 2
    assert all((pid == str(os.getpid())) == (backend == "threading") for pid, _ in refits)


@pytest.mark.parametrize("at", ["record", "all"])
@pytest.mark.parametrize("binned", [True, False], ids=["binned", "un-binned"])
@pytest.mark.parametrize("closed", [True, False], ids=["closed form", "refits"])
def test_the_ratio_keeps_to_its_bounds(closed: bool, binned: bool, at: str, rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(60, 2)), rng.integers(0, 2, 60)
    subject = subject_of(KNeighborsClassifier(1), X, y)
    options = {"n_samples": 30, "binned": binned, "at": at, "closed_form_allowed": closed, "floor": 0.01}
    finding = assess(subject, PDTP, strict=True, **options).finding
    assert finding is not None
    ratio = finding.tables["samples"]["ratio"]
    assert ratio.min() >= 1
    assert ratio.max() == pytest.approx(199 if binned else 100)  # some neighbour has the other label
    assert finding.intervals["worst_ratio"][1] == pytest.approx(ratio.max())


@pytest.mark.parametrize("model", [KNeighborsClassifier(1), DecisionTreeClassifier(random_state=0)], ids=str)
def test_what_memorises_noise_leaks_much(model: Any, rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(260, 4)), rng.integers(0, 2, 260)
    finding = assess(subject_of(model, X, y), PDTP, n_samples=120, strict=True).finding
    assert finding is not None
    # without the sample its label is a coin's toss: half of the samples change from one to the floor
    low, high = finding.intervals["mean_excess"]
    assert low < np.log(200) / 2 < high
    assert finding.values["worst_excess"] == pytest.approx(np.log(200))


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris], ids=["two classes", "three classes"])
def test_newton_steps_are_the_refit_at_a_tolerance_of_a_millionth_of_a_millionth(load: Any) -> None:
    X, y = load(return_X_y=True)
    X = (X[:, :4] - X[:, :4].mean(axis=0)) / X[:, :4].std(axis=0)
    model = LogisticRegression().fit(X, y)
    form = closed_form(model, X, y, model.predict_proba)
    assert form is not None
    sharp = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000)
    rows = np.arange(len(X))
    for index in rows[:: len(X) // 8]:
        refit = clone(sharp).fit(X[rows != index], y[rows != index]).predict_proba(X)
        assert form.without(int(index), rows) == pytest.approx(refit, abs=1e-8)


def test_without_training_data_it_is_not_applicable_and_says_what_to_pass() -> None:
    X, y = load_iris(return_X_y=True)
    outcome = assess(Subject.of(GaussianNB().fit(X, y), X, y), PDTP)
    assert outcome.status == "not applicable"
    assert "training samples: pass X_train= to Subject.of" in outcome.reason
    assert "their labels: pass y_train= to Subject.of" in outcome.reason


@pytest.mark.parametrize("closed", [True, False], ids=["closed form", "refits"])
def test_a_class_with_one_sample_vanishes_and_its_sample_is_the_worst(closed: bool, rng: np.random.Generator) -> None:
    X = np.r_[rng.normal(0, 1, (30, 2)), rng.normal(6, 1, (30, 2)), [[20.0, 20.0]]]
    y = np.array([0] * 30 + [1] * 30 + [2])
    subject = Subject.of(KNeighborsClassifier(1).fit(X, y), X, y, X_train=X, y_train=y)
    finding = assess(subject, PDTP, n_samples=61, closed_form_allowed=closed, strict=True).finding
    assert finding is not None
    table = finding.tables["samples"].set_index("id")
    assert table["excess"].idxmax() == 60
    assert table["excess"].notna().all()
    assert finding.values["worst_excess"] == pytest.approx(np.log(200))


def halves(rows: Array) -> Array:
    return np.full((len(rows), 2), 0.5)


def nothing_learnt(X: Array, y: Array, *, seed: int) -> Any:
    return halves


def test_of_one_class_only_nothing_can_be_left_out() -> None:
    X, labels = np.arange(20.0).reshape(10, 2), np.zeros(10, int)
    with pytest.raises(ValueError, match="none of the chosen samples can be left out: only one class would be left"):
        pdtp(halves, X, labels, X, nothing_learnt)
    with pytest.raises(ValueError, match=r"y_train must hold at least two classes of .*, got only 0"):
        Subject.of(halves, X, np.arange(10) % 2, X_train=X, y_train=labels, fit=nothing_learnt)


class Doubling(GaussianNB):
    """Its constructor changes what it was given, which scikit-learn cannot clone."""

    def __init__(self, scale: Any = None) -> None:
        super().__init__()
        self.scale = [scale]


def test_an_estimator_that_cannot_be_cloned_is_not_applicable_and_the_reason_is_scikit_learns() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    outcome = assess(subject_of(Doubling(), X, y), PDTP)
    assert outcome.status == "not applicable"
    assert "the estimator cannot be trained anew: Cannot clone object" in outcome.reason
    assert outcome.instead == "privacy.membership_inference"


def test_a_refit_that_fails_loses_its_sample_and_no_other(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(40, 2)), np.array([0] * 37 + [1] * 3)
    X[y == 1] += 4
    model = CalibratedClassifierCV(GaussianNB(), cv=3).fit(X, y)  # three of a class are the fewest it takes
    subject = Subject.of(model, X, y, X_train=X, y_train=y)
    finding = assess(subject, PDTP, samples="0, 1, 2, 38", repeats=1, null_draws=5, strict=True).finding
    assert finding is not None
    table = finding.tables["samples"].set_index("id")
    assert table["skipped"].to_dict() == {0: "", 1: "", 2: "", 38: "the refit failed (ValueError)"}
    assert table["excess"].drop(38).notna().all()
    assert np.isnan(table.loc[38, "excess"])
    assert finding.counts["worst_excess"] == 3
    assert "Not measured: 1 of the samples, the refit failed (ValueError)." in finding.notes
    assert 38 not in set(finding.tables["most_exposed"]["id"])
    outcome = assess(subject, PDTP, samples="38, 39", repeats=1, null_draws=5)
    assert outcome.status == "error"
    assert "none of the chosen samples can be left out: Requesting 3-fold" in outcome.reason


@pytest.mark.parametrize("at", ["record", "all"])
@pytest.mark.parametrize("model", [QuadraticDiscriminantAnalysis(), LinearDiscriminantAnalysis()], ids=str)
def test_a_row_without_which_a_covariance_cannot_be_inverted_is_lost_alone(
    model: Any, at: str, rng: np.random.Generator
) -> None:
    X, y = rng.normal(size=(80, 3)), np.arange(80) % 2
    X[:, 2] = 0.0 if isinstance(model, LinearDiscriminantAnalysis) else np.where(y, X[:, 2], 0.0)
    X[6, 2] = 1.0  # alone makes the third column vary
    subject = Subject.of(clone(model).fit(X, y), X, y, X_train=X, y_train=y)
    finding = assess(subject, PDTP, samples="4, 5, 6, 8", at=at, strict=True).finding
    assert finding is not None
    assert "closed form" in finding.notes[0]
    table = finding.tables["samples"].set_index("id")
    assert table.index[table["excess"].isna()].tolist() == [6]
    assert table.loc[6, "skipped"] == "the covariance without it cannot be inverted"


@pytest.mark.parametrize("model", [QuadraticDiscriminantAnalysis(reg_param=0.2), LinearDiscriminantAnalysis()], ids=str)
def test_all_samples_together_are_each_alone_also_where_a_class_nearly_vanishes(
    model: Any, rng: np.random.Generator
) -> None:
    fewest = 1 if isinstance(model, LinearDiscriminantAnalysis) else 4
    X, y = rng.normal(size=(50, 3)), np.array([0] * 30 + [1] * (20 - fewest) + [2] * fewest)
    fitted = clone(model).fit(X, y)
    form = closed_form(fitted, X, y, fitted.predict_proba)
    assert form is not None
    rows = np.arange(50)
    alone = np.stack([form.without(int(index), rows) for index in rows])
    assert everywhere(form, rows, 50) == pytest.approx(alone, abs=1e-9)
    assert (alone[-1, :, 2] == 0).all() == (fewest == 1)
