"""PDTP: closed forms against refits, parity with ART, the null, and what it finds."""

import threading
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Array, NotApplicable, Subject, find
from xrai_widgets.engines.privacy import pdtp
from xrai_widgets.engines.privacy.pdtp.leave_one_out import closed_form, everywhere
from xrai_widgets.runtime import Meter, RunStep, assess, run

pytestmark = pytest.mark.usefixtures("without_controls")

SHARP = {"tol": 1e-8, "max_iter": 10_000, "solver": "newton-cholesky"}
CLASSIFIERS = (
    KNeighborsClassifier(3),
    KNeighborsClassifier(5, weights="distance"),
    GaussianNB(),
    MultinomialNB(),
    MultinomialNB(fit_prior=False),
    LinearDiscriminantAnalysis(),
    QuadraticDiscriminantAnalysis(),
    QuadraticDiscriminantAnalysis(reg_param=0.1),
    LogisticRegression(**SHARP),
    LogisticRegression(C=10, fit_intercept=False, **SHARP),
)
REGRESSORS = (LinearRegression(), Ridge(0.5), Ridge(0.3, fit_intercept=False))


def scaled(load: Callable[..., Any], columns: slice = slice(None)) -> tuple[Array, Array]:
    X, y = load(return_X_y=True)
    X = X[:, columns]
    return (X - X.min(axis=0)) / np.ptp(X, axis=0), y


def subject_of(model: Any, X: Array, y: Array, held_out: int = 60) -> Subject:
    fitted = model.fit(X[held_out:], y[held_out:])
    return Subject.of(fitted, X[:held_out], y[:held_out], X_train=X[held_out:], y_train=y[held_out:])


@pytest.fixture(scope="module")
def cancer() -> tuple[Array, Array]:
    return scaled(load_breast_cancer, slice(0, 30, 5))


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer], ids=["three classes", "two classes"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_a_closed_form_is_the_refit(model: Any, load: Callable[..., Any]) -> None:
    X, y = scaled(load, slice(1, 13, 3))
    model = clone(model).fit(X, y)
    form = closed_form(model, X, y, model.predict_proba)
    assert form is not None
    rows = np.arange(len(X))
    assert form.reference(rows) == pytest.approx(model.predict_proba(X), abs=1e-6)
    for index in range(0, len(X), len(X) // 12):
        keep = rows != index
        refit = clone(model).fit(X[keep], y[keep]).predict_proba(X)
        assert form.without(index, rows) == pytest.approx(refit, abs=1e-6)
        assert everywhere(form, np.array([0, index]), len(X))[1] == pytest.approx(refit, abs=1e-6)


@pytest.mark.parametrize("model", REGRESSORS, ids=str)
def test_the_hat_matrix_is_the_refit(model: Any) -> None:
    X, y = load_diabetes(return_X_y=True)
    model = clone(model).fit(X, y)
    form = closed_form(model, X, y, model.predict)
    assert form is not None
    rows = np.arange(len(X))
    for index in range(0, len(X), 40):
        keep = rows != index
        assert form.without(index, rows)[:, 0] == pytest.approx(clone(model).fit(X[keep], y[keep]).predict(X), abs=1e-8)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), KNeighborsClassifier(3)),
        LogisticRegression(class_weight="balanced"),
        LogisticRegression(solver="liblinear"),
        KNeighborsClassifier(3, weights=lambda d: 1 / (1 + d)),
        DecisionTreeClassifier(),
    ],
    ids=("scaled k-NN", "weighted classes", "liblinear", "k-NN with a function", "tree"),
)
def test_what_has_no_exact_closed_form_is_refitted(model: Any, cancer: tuple[Array, Array]) -> None:
    X, y = cancer
    model.fit(X, y)
    assert closed_form(model, X, y, model.predict_proba) is None


def test_a_closed_form_whose_answer_is_not_the_models_is_not_used(cancer: tuple[Array, Array]) -> None:
    X, y = cancer
    model = GaussianNB().fit(X[:300], y[:300])
    assert closed_form(model, X, y, model.predict_proba) is None


@pytest.mark.parametrize("method", [True, False], ids=["closed form", "refits"])
def test_closed_form_and_refits_give_the_same_finding(method: bool, cancer: tuple[Array, Array]) -> None:
    X, y = cancer
    subject = subject_of(GaussianNB(), X, y)
    finding = assess(subject, "privacy.pdtp", n_samples=25, closed_form_allowed=method, strict=True).finding
    plain = {}
    for index in np.random.default_rng((0, 0)).permutation(len(subject.X_train))[:25]:
        keep = np.arange(len(subject.X_train)) != index
        refit = GaussianNB().fit(subject.X_train[keep], subject.y_train[keep])
        a, b = (
            np.log(np.maximum(m.predict_proba(subject.X_train[index : index + 1]), 0.005))
            for m in (subject.model, refit)
        )
        plain[int(index)] = np.abs(a - b).max()
    table = finding.tables["samples"].set_index("id")["excess"]
    assert table.to_dict() == pytest.approx(plain, abs=1e-6)
    assert finding.values["worst_excess"] == pytest.approx(max(plain.values()), abs=1e-6)


@pytest.mark.parametrize(
    "model",
    [GaussianNB(), KNeighborsClassifier(5), DecisionTreeClassifier(random_state=0), LogisticRegression(**SHARP)],
    ids=str,
)
def test_binned_everywhere_is_arts_pdtp(model: Any, cancer: tuple[Array, Array]) -> None:
    X, y = cancer
    subject = subject_of(model, X[:200], y[:200], 40)
    ours, theirs = (
        assess(subject, "privacy.pdtp", n_samples=12, at="all", repeats=1, strict=True, **choice).finding
        for choice in ({"binned": True}, {"implementation": "art"})
    )
    a, b = (finding.tables["samples"].set_index("id")["ratio"] for finding in (ours, theirs))
    assert a.sort_index().to_numpy() == pytest.approx(b.sort_index().to_numpy(), rel=1e-9)
    assert "no null" in theirs.notes[0]


def blind(X: Array, y: Array, *, seed: int, sample_weight: Array | None = None) -> Callable[[Array], Array]:
    """Train nothing: answers are noise, drawn by the seed and the place of the rows."""
    share = np.random.default_rng((seed, zlib.crc32(X.tobytes()))).beta(2, 2)
    return lambda rows: np.tile([1 - share, share], (len(rows), 1))


def test_a_learner_that_looks_at_no_sample_has_no_excess_and_uniform_p_values(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    p, excess = [], []
    for seed in range(60):
        finding = pdtp(blind(X, y, seed=0), X, y, X, blind, n_samples=4, repeats=2, null_draws=19, seed=seed)
        first = finding.tables["samples"].iloc[0]  # samples of one run share the null: one each
        p.append(first["p_value"])
        excess.append(first["excess"])
        assert finding.values["worst_excess"] <= finding.intervals["worst_excess"][1]
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert abs(np.mean(excess)) < 3 * np.std(excess) / np.sqrt(len(excess))


@pytest.mark.slow
@pytest.mark.parametrize("state", [None, 0], ids=["unseeded", "seeded"])
def test_a_forest_that_is_asked_everywhere_shows_noise_and_nothing_else(
    state: int | None, cancer: tuple[Array, Array]
) -> None:
    X, y = cancer
    subject = subject_of(RandomForestClassifier(10, min_samples_leaf=20, random_state=state), X[:260], y[:260])
    p, excess = [], []
    for seed in range(200):
        finding = pdtp(
            *(subject.predict, subject.X_train, subject.y_train, subject.X, subject.fit),
            n_samples=1,
            at="all",
            repeats=1,
            null_draws=9,
            seed=seed,
        )
        p.append(finding.tables["samples"]["p_value"].iloc[0])
        excess.append(finding.tables["samples"]["excess"].iloc[0])
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert abs(np.mean(excess)) < 3 * np.std(excess) / np.sqrt(200)


def test_a_planted_sample_on_which_its_neighbourhood_leans_is_the_worst(rng: np.random.Generator) -> None:
    X = np.r_[rng.normal(0, 0.1, (60, 2)), rng.normal(5, 0.1, (60, 2)), [[20.0, 20.0]]]
    y = np.r_[np.zeros(60, int), np.ones(60, int), 0]
    subject = Subject.of(KNeighborsClassifier(1).fit(X, y), X, y, X_train=X, y_train=y)
    outcome = assess(subject, "privacy.pdtp", n_samples=121, strict=True)
    table = outcome.finding.tables["samples"].set_index("id")
    assert table["excess"].idxmax() == 120
    assert table["excess"].drop(120).max() == 0
    assert outcome.verdict().status == "fail"
    clean = Subject.of(KNeighborsClassifier(15).fit(X[:120], y[:120]), X, y, X_train=X[:120], y_train=y[:120])
    assert assess(clean, "privacy.pdtp", n_samples=120).verdict().status == "pass"


def test_a_tree_that_memorises_noise_leaks_and_a_stump_does_not(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(160, 4)), rng.integers(0, 2, 160)
    deep, stump = (
        assess(subject_of(model, X, y), "privacy.pdtp", n_samples=11, strict=True).finding
        for model in (
            RandomForestClassifier(10, random_state=0),
            RandomForestClassifier(10, max_depth=1, min_samples_leaf=30, random_state=0),
        )
    )
    assert deep.values["share_significant"] > 0.5
    assert deep.intervals["mean_excess"][0] > 0.2
    assert stump.values["share_significant"] < 0.3
    assert stump.values["mean_excess"] < 0.1


def test_the_worst_is_open_upwards_while_samples_are_left(cancer: tuple[Array, Array]) -> None:
    X, y = cancer
    subject = subject_of(GaussianNB(), X[:160], y[:160])
    some, every = (assess(subject, "privacy.pdtp", n_samples=m, strict=True) for m in (20, 100))
    assert some.finding.intervals["worst_excess"] == (
        some.finding.values["worst_excess"],
        pytest.approx(np.log(200)),
    )
    assert len(set(every.finding.intervals["worst_excess"])) == 1
    assert len(set(every.finding.intervals["mean_excess"])) == 1


def test_the_interval_of_the_mean_covers_the_mean_of_all(cancer: tuple[Array, Array]) -> None:
    X, y = cancer
    subject = subject_of(LogisticRegression(**SHARP), X[:300], y[:300])
    held = 0
    given = (subject.predict, subject.X_train, subject.y_train, subject.X, subject.fit, subject.model)
    truth = pdtp(*given, n_samples=240).values["mean_excess"]
    for seed in range(40):
        low, high = pdtp(*given, n_samples=60, seed=seed).intervals["mean_excess"]
        held += low <= truth <= high
    assert held >= 34


def test_samples_are_drawn_without_replacement_and_more_of_them_begin_with_the_same(
    cancer: tuple[Array, Array],
) -> None:
    subject = subject_of(GaussianNB(), *cancer)
    few, many = (assess(subject, "privacy.pdtp", n_samples=m, strict=True).finding.tables["samples"] for m in (10, 40))
    assert many["id"].is_unique
    assert many["id"][:10].tolist() == few["id"].tolist()
    assert few["id"].tolist() != sorted(few["id"])


def test_samples_are_chosen_by_id(cancer: tuple[Array, Array]) -> None:
    subject = subject_of(GaussianNB(), *cancer)
    table = assess(subject, "privacy.pdtp", samples="7, 3,7", strict=True).finding.tables["samples"]
    assert sorted(table["id"]) == [3, 7]
    outcome = assess(subject, "privacy.pdtp", samples="7, x-1")
    assert outcome.status == "error"
    assert "samples must be ids of the samples, such as 0, 1, 2, 3, 4, got 'x-1'" in outcome.reason


@pytest.mark.parametrize("method", [True, False], ids=["closed form", "refits"])
def test_a_class_that_would_vanish_is_skipped_and_the_rest_is_kept(method: bool, rng: np.random.Generator) -> None:
    X = rng.normal(size=(30, 2))
    y = np.r_[np.zeros(29, int), 1]
    fit = subject_of(KNeighborsClassifier(2), rng.normal(size=(80, 2)), rng.integers(0, 2, 80)).fit
    model = KNeighborsClassifier(2).fit(X, y)
    finding = pdtp(model.predict_proba, X, y, X, fit, model, n_samples=30, closed_form_allowed=method, null_draws=5)
    table = finding.tables["samples"].set_index("id")
    assert np.isnan(table.loc[29, "excess"])
    assert table["excess"].drop(29).notna().all()
    assert finding.counts["worst_excess"] == 29


def test_a_regression_is_measured_by_shifts_and_not_by_ratios() -> None:
    X, y = load_diabetes(return_X_y=True)
    closed, refitted = (
        assess(subject_of(Ridge(0.5), X, y), "privacy.pdtp", n_samples=20, closed_form_allowed=allowed, strict=True)
        for allowed in (True, False)
    )
    assert "worst_excess" not in closed.finding.values
    assert closed.finding.values == pytest.approx(refitted.finding.values, rel=1e-6)
    assert closed.verdict().status == "not judged"
    forest = assess(
        subject_of(RandomForestRegressor(5, random_state=0), X[:160], y[:160]),
        "privacy.pdtp",
        n_samples=10,
        strict=True,
    ).finding
    assert forest.values["mean_excess"] > 0
    assert "p_value" in forest.tables["samples"]


def test_cancel_keeps_the_samples_that_are_done(cancer: tuple[Array, Array]) -> None:
    X, y = cancer
    subject = subject_of(RandomForestClassifier(10, random_state=0), X, y)
    cancel = threading.Event()

    def listen(progress: Any) -> None:
        if "left out" in progress.note:
            cancel.set()

    step = RunStep(Meter(cancel), listen)
    outcome = run(subject, find("privacy.pdtp"), {"n_samples": 400, "repeats": 1, "null_draws": 5}, step=step)
    assert outcome.status == "cancelled"
    assert outcome.finding is not None
    done = len(outcome.finding.tables["samples"])
    assert 1 <= done < 400
    assert outcome.finding.counts["worst_excess"] == done


def test_what_cannot_be_cloned_is_not_applicable(cancer: tuple[Array, Array]) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise TypeError("Cannot clone object")

    X, y = cancer
    model = GaussianNB().fit(X, y)
    with pytest.raises(NotApplicable, match="cannot be trained anew: Cannot clone object"):
        pdtp(model.predict_proba, X, y, X, refuse)


def test_refits_that_answer_nan_are_an_error_that_says_so(cancer: tuple[Array, Array]) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        return lambda rows: np.full((len(rows), 2), np.nan)

    X, y = cancer
    model = GaussianNB().fit(X, y)
    with pytest.raises(ValueError, match="must give finite outputs, got NaN"):
        pdtp(model.predict_proba, X, y, X, broken, n_samples=3)


def test_asking_everywhere_keeps_to_the_memory_limit(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(700_000, 1)), np.arange(700_000) % 2
    with pytest.raises(ValueError, match=r"at='all' needs 0\.06.* GB here, memory_limit must be at least that"):
        pdtp(lambda rows: np.full((len(rows), 2), 0.5), X, y, X, blind, at="all", memory_limit=0.05)


@pytest.mark.parametrize(("gigabytes", "together"), [(6, 1), (8.9, 1), (9, 1), (12, 2), (36, 10)])
def test_workers_keep_to_the_memory_limit_together(gigabytes: float, together: int) -> None:
    """Six arrays of all predictions are here, and three are in each worker."""
    X, y = np.arange(60.0)[:, None], np.arange(60) % 2
    array = 8 * 60 * 2 / 2**30
    asked: list[int | None] = []

    class Asked(RunStep):
        def spread(self, function: Any, work: Any, at_most: int | None = None) -> Any:
            asked.append(at_most)
            return map(function, work)

    words: dict[str, Any] = {"n_samples": 2, "repeats": 1, "null_draws": 5, "seed": 1}
    pdtp(chance, X, y, X, drawing, at="all", memory_limit=gigabytes * array * 1.001, step=Asked(), **words)
    assert asked == [together, together]
    asked.clear()
    pdtp(chance, X, y, X, drawing, memory_limit=gigabytes * array, step=Asked(), **words)
    assert asked == [None, None], "one prediction is small"


def chance(rows: Array) -> Array:
    return np.full((len(rows), 2), 0.5)


def drawing(X: Array, y: Array, *, seed: int) -> Any:
    share = np.random.default_rng(seed).uniform(0.3, 0.7)
    return lambda rows: np.tile([share, 1 - share], (len(rows), 1))


def test_subgroups_are_not_measured_by_training_on_one_of_them(cancer: tuple[Array, Array]) -> None:
    X, y = cancer
    model = GaussianNB().fit(X[60:], y[60:])
    halves = np.where(X[:, 0] > 0.3, "large", "small")
    subject = Subject.of(
        model, X[:60], y[:60], X_train=X[60:], y_train=y[60:], groups=halves[:60], train_groups=halves[60:]
    )
    finding = assess(subject, "privacy.pdtp", n_samples=10, strict=True).finding
    assert "subgroups" not in finding.tables
    assert any("trained on one of them alone" in note for note in finding.notes)
