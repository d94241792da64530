"""Does training anew give the audited model? What is said, and not judged, where it does not."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Array, Finding, Measure, Outcome, Step, Subject, assessment, find, quiet
from xrai_widgets.core.assessment import _registry
from xrai_widgets.core.refit import refit
from xrai_widgets.runtime import assess
from xrai_widgets.runtime.guard import Meter
from xrai_widgets.runtime.run import run
from xrai_widgets.runtime.run_step import RunStep

PDTP, LIRA = "privacy.pdtp", "privacy.lira"
FEW: dict[str, Any] = {"samples": "0,1,2,3,4,5", "repeats": 1, "null_draws": 5}
WEIGHTS = np.where(np.arange(200) < 6, 200.0, 1.0)


@pytest.fixture(scope="module")
def table() -> tuple[Array, Array]:
    X, y = make_classification(400, 6, flip_y=0.15, random_state=0)
    return X, y


def subject_of(model: Any, table: tuple[Array, Array], **more: Any) -> Subject:
    X, y = table
    return Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200], **more)


def asked(model: Any, table: tuple[Array, Array], **more: Any) -> Outcome:
    return assess(subject_of(model, table, **more), PDTP, **FEW)


def reason(outcome: Outcome) -> str:
    """Why nobody judges it; empty where it is judged."""
    assert outcome.status == "ok", outcome.reason
    assert outcome.finding is not None
    return outcome.finding.unjudged.get("worst_excess", "")


def test_a_model_that_was_trained_with_weights_is_not_judged_and_the_size_of_the_difference_is_said(
    table: tuple[Array, Array],
) -> None:
    X, y = table[0][:200], table[1][:200]
    model = LogisticRegression(C=10).fit(X, y, sample_weight=WEIGHTS)
    apart = np.abs(clone(model).fit(X, y).predict_proba(X) - model.predict_proba(X)).max()
    assert round(apart, 3) == 0.547
    outcome = asked(model, table)
    assert "differs from this one by up to 0.547 in a class probability: pass what it was trained" in reason(outcome)
    assert all(word in reason(outcome) for word in ("sample_weight=", "fit_params=", "fit=", "in a notebook"))
    assert outcome.verdict().status == "not judged"


@pytest.mark.parametrize("given", ["sample_weight", "fit_params", "fit", "fit and sample_weight"])
def test_with_its_weights_the_leak_is_that_of_leaving_one_out_by_hand(given: str, table: tuple[Array, Array]) -> None:
    X, y = table[0][:200], table[1][:200]
    model = LogisticRegression(C=10).fit(X, y, sample_weight=WEIGHTS)
    worst = 0.0
    for row in range(6):
        keep = np.arange(200) != row
        left = clone(model).fit(X[keep], y[keep], sample_weight=WEIGHTS[keep]).predict_proba(X[[row]])
        worst = max(worst, np.abs(np.log(left / model.predict_proba(X[[row]]))).max())

    def by_row(X: Array, y: Array, *, seed: int, rows: Array) -> Any:
        return clone(model).fit(X, y, sample_weight=WEIGHTS[rows])

    def by_weight(X: Array, y: Array, *, seed: int, sample_weight: Array) -> Any:
        return clone(model).fit(X, y, sample_weight=sample_weight)

    more: dict[str, dict[str, Any]] = {
        "sample_weight": {"sample_weight": WEIGHTS},
        "fit_params": {"fit_params": {"sample_weight": WEIGHTS}},
        "fit": {"fit": by_row},
        "fit and sample_weight": {"fit": by_weight, "sample_weight": WEIGHTS},
    }
    outcome = asked(model, table, **more[given])
    assert reason(outcome) == ""
    assert outcome.finding is not None
    assert outcome.finding.values["worst_ratio"] == pytest.approx(np.exp(worst), rel=1e-6)
    assert round(outcome.finding.values["worst_ratio"], 1) == 18.7
    assert outcome.verdict().status == "fail"


def test_weights_of_a_pipeline_reach_its_last_step(table: tuple[Array, Array]) -> None:
    X, y = table[0][:200], table[1][:200]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=10))
    model.fit(X, y, logisticregression__sample_weight=WEIGHTS)
    assert reason(asked(model, table))
    for more in ({"sample_weight": WEIGHTS}, {"fit_params": {"logisticregression__sample_weight": WEIGHTS}}):
        assert not reason(asked(model, table, **more))


def test_a_frozen_part_is_named_even_where_training_anew_gives_the_same_model(table: tuple[Array, Array]) -> None:
    X, y = table
    tree = DecisionTreeClassifier(random_state=0).fit(X[:200], y[:200])
    model = CalibratedClassifierCV(FrozenEstimator(tree))
    elsewhere, here = clone(model).fit(X[300:], y[300:]), clone(model).fit(X[:200], y[:200])
    said = reason(asked(elsewhere, table))
    assert "differs from this one" in said
    assert "DecisionTreeClassifier in it is frozen" in said
    said = reason(asked(here, table))
    assert "differs" not in said
    assert "DecisionTreeClassifier in it is frozen: training anew leaves it as it is" in said
    assert "frozen" in reason(asked(make_pipeline(StandardScaler(), model).fit(X[:200], y[:200]), table))

    def both(X: Array, y: Array, seed: int) -> Any:
        fresh = clone(tree).fit(X, y)
        return CalibratedClassifierCV(FrozenEstimator(fresh)).fit(X, y)

    assert not reason(asked(here, table, fit=both))


def test_parts_that_are_declared_to_be_prefit_are_frozen_too(table: tuple[Array, Array]) -> None:
    X, y = table[0][:200], table[1][:200]
    inner = LogisticRegression().fit(X, y)
    tuned = TunedThresholdClassifierCV(inner, cv="prefit", refit=False).fit(X, y)
    stacked = StackingClassifier([("inner", inner)], cv="prefit").fit(X, y)
    chosen = make_pipeline(SelectFromModel(inner, prefit=True), LogisticRegression()).fit(X, y)
    found = [subject_of(model, table).frozen for model in (tuned, stacked, chosen, inner)]
    assert found == [("LogisticRegression",), ("StackingClassifier (cv)",), ("LogisticRegression",), ()]


def _by_hand(X: Array, y: Array) -> Any:
    model = LogisticRegression().fit(X, y)
    model.coef_ = model.coef_ * 1.2
    return model


def _warm(X: Array, y: Array) -> Any:
    model = RandomForestClassifier(5, warm_start=True, random_state=0).fit(X[:100], y[:100])
    return model.set_params(n_estimators=10).fit(X, y)


def _partly(X: Array, y: Array) -> Any:
    model = SGDClassifier(loss="log_loss", random_state=0)
    for _ in range(3):
        model.partial_fit(X, y, classes=[0, 1])
    return model


def _weighted_net(X: Array, y: Array) -> Any:
    model = MLPClassifier((8,), max_iter=30, random_state=0)
    return model.fit(X, y, sample_weight=WEIGHTS)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("made", [_by_hand, _warm, _partly, _weighted_net], ids=lambda f: f.__name__)
def test_what_a_clone_does_not_learn_again_is_noticed(made: Any, table: tuple[Array, Array]) -> None:
    X, y = table
    assert "differs from this one by up to" in reason(asked(made(X[:200], y[:200]), table))


def test_another_table_than_it_was_trained_on_is_noticed_also_where_only_other_samples_tell(
    table: tuple[Array, Array],
) -> None:
    X, y = table
    forest = RandomForestClassifier(20, random_state=0).fit(X[50:250], y[50:250])
    assert "differs" in reason(asked(forest, table))
    tree = DecisionTreeClassifier(random_state=0)
    more = np.concatenate([np.arange(200), np.arange(300, 400)])  # all leaves are pure: it agrees on X_train
    assert "at held-out samples" in reason(asked(tree.fit(X[more], y[more]), table))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("attempt", range(4))
@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(20), MLPClassifier((8,), max_iter=30), DecisionTreeClassifier()],
    ids=["forest", "net", "tree"],
)
def test_chance_in_training_is_no_difference(model: Any, attempt: int, table: tuple[Array, Array]) -> None:
    X, y = table
    drawn = clone(model).set_params(random_state=7 * attempt + 1).fit(X[:200], y[:200])
    drawn.random_state = None  # as if nobody had said it
    outcome = asked(drawn, table)
    assert reason(outcome) == ""
    assert outcome.finding is not None
    (said,) = [note for note in outcome.finding.notes if note.startswith("Trained anew")]
    assert "the same model" in said or "no more than chance in training explains" in said


def test_a_forest_without_a_seed_that_had_weights_lies_outside_of_chance(table: tuple[Array, Array]) -> None:
    X, y = table
    weights = np.where(np.arange(200) < 20, 20.0, 1.0)
    model = RandomForestClassifier(30, random_state=3).fit(X[:200], y[:200], sample_weight=weights)
    model.random_state = None
    assert "from each other)" in reason(asked(model, table))
    assert not reason(asked(model, table, sample_weight=weights))


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
def test_a_booster_that_stops_by_its_eval_set_needs_it(table: tuple[Array, Array]) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    xgboost = pytest.importorskip("xgboost")
    X, y = table
    stops: dict[str, Any] = {"eval_set": [(X[200:], y[200:])], "callbacks": [lightgbm.early_stopping(3, verbose=False)]}
    model = lightgbm.LGBMClassifier(n_estimators=60, verbosity=-1, random_state=0, n_jobs=1)
    model.fit(X[:200], y[:200], **stops)
    assert model.best_iteration_ < 60
    assert "fit_params=" in reason(asked(model, table))
    assert not reason(asked(model, table, fit_params=stops))
    other = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=3, random_state=0, n_jobs=1)
    other.fit(X[:200], y[:200], eval_set=stops["eval_set"], verbose=False)
    refused = asked(other, table)
    assert refused.status == "not applicable"
    assert "cannot be trained anew without what its own training was given: pass sample_weight=" in refused.reason
    assert refused.instead == "privacy.membership_inference"
    assert not reason(asked(other, table, fit_params={"eval_set": stops["eval_set"], "verbose": False}))


def test_a_regression_is_compared_in_units_of_its_targets() -> None:
    X, y = make_regression(200, 4, noise=5, random_state=0)
    model = Ridge().fit(X[:100], y[:100], sample_weight=WEIGHTS[:100])
    parts = {"X_train": X[:100], "y_train": y[:100]}
    apart = np.abs(Ridge().fit(X[:100], y[:100]).predict(X[:100]) - model.predict(X[:100])).max()
    outcome = assess(Subject.of(model, X[100:], y[100:], **parts), PDTP, n_samples=3)
    assert outcome.finding is not None
    assert f"by up to {apart:.3g} in a prediction" in str(outcome.finding.notes)
    given = assess(Subject.of(model, X[100:], y[100:], **parts, sample_weight=WEIGHTS[:100]), PDTP, n_samples=3)
    assert given.finding is not None
    assert "Trained anew once (with sample_weight): the same model." in given.finding.notes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sample_weight": np.ones(3)}, r"one weight per row of X_train, 200, got shape \(3,\)"),
        ({"sample_weight": -np.ones(200)}, "finite numbers ≥ 0, not all of them 0, got 200 others, such as -1"),
        ({"sample_weight": np.zeros(200)}, "got zeros only"),
        ({"sample_weight": np.full(200, np.nan)}, "got 200 others, such as nan"),
        ({"sample_weight": ["a"] * 200}, "must hold one number per row of X_train"),
        ({"fit_params": {"sample_weight": np.ones(3)}}, r"got shape \(3,\)"),
        ({"fit_params": {"eval_set": 1}}, "fit of LogisticRegression takes sample_weight, got 'eval_set'"),
        ({"sample_weight": np.ones(200), "fit_params": {"sample_weight": np.ones(200)}}, "must be given once"),
        ({"fit_params": [1]}, "fit_params must map names"),
        ({"sample_weight": np.ones(200), "X_train": None, "y_train": None}, "pass X_train= and y_train=, too"),
    ],
    ids=str,
)
def test_weights_and_fit_parameters_that_cannot_have_been_are_refused(
    given: dict[str, Any], said: str, table: tuple[Array, Array]
) -> None:
    X, y = table
    parts = {"X_train": X[:200], "y_train": y[:200]}
    with pytest.raises((ValueError, TypeError), match=said):
        Subject.of(LogisticRegression().fit(X[:200], y[:200]), X[200:], y[200:], **{**parts, **given})


def test_weights_follow_their_rows_and_others_get_the_mean(table: tuple[Array, Array]) -> None:
    X, y = table[0].copy(), table[1]
    X[7] = X[3]  # twice the same sample, with other weights
    weights = np.random.default_rng(0).uniform(0.1, 5, 200)
    model = LogisticRegression().fit(X[:200], y[:200], sample_weight=weights)
    subject = Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200], sample_weight=weights)
    assert subject.fit is not None
    rows = np.array([7, 199, 3, 12, 55, 20, 21, 22])
    by_hand = clone(model).fit(X[rows], y[rows], sample_weight=weights[rows]).predict_proba(X)
    for given in (rows, None):
        if given is None:  # equal samples take the weights of their places in turn
            by_hand = clone(model).fit(X[rows], y[rows], sample_weight=weights[[3, 199, 7, 12, 55, 20, 21, 22]])
            by_hand = by_hand.predict_proba(X)
        assert refit(subject.fit, X[rows], y[rows], seed=0, rows=given)(X) == pytest.approx(by_hand, abs=1e-12)
    both = np.concatenate([rows, np.arange(250, 300)])
    own = np.concatenate([weights[rows], np.full(50, weights.mean())])
    places = np.concatenate([rows, np.full(50, -1)])
    by_hand = clone(model).fit(X[both], y[both], sample_weight=own).predict_proba(X)
    assert refit(subject.fit, X[both], y[both], seed=0, rows=places)(X) == pytest.approx(by_hand, abs=1e-12)
    wrong = refit(subject.fit, X[both], y[both], seed=0, rows=np.arange(len(both)))  # of another table: not believed
    assert wrong(X) == pytest.approx(refit(subject.fit, X[both], y[both], seed=0)(X), abs=1e-12)


def test_what_cannot_follow_its_rows_is_said_and_what_clones_the_model_by_itself_is_refused(
    table: tuple[Array, Array],
) -> None:
    X, y = table
    marks = np.where(np.arange(200) < 6, "rare", "usual")

    class Marked(LogisticRegression):
        def fit(self, X: Array, y: Array, marks: Any = None) -> Any:
            return super().fit(X, y, sample_weight=None if marks is None else np.where(marks == "rare", 200.0, 1.0))

    subject = subject_of(Marked().fit(X[:200], y[:200], marks), table, fit_params={"marks": marks})
    assert not reason(assess(subject, PDTP, **FEW))
    outcome = assess(subject, LIRA, n_references=4)
    assert outcome.status == "not applicable"
    assert "samples that are none of X_train: 'marks' is known of those only" in outcome.reason
    weights = np.where(np.arange(200) < 20, 20.0, 1.0)
    forest = RandomForestClassifier(5, random_state=0).fit(X[:200], y[:200], sample_weight=weights)
    paired = assess(subject_of(forest, table, sample_weight=weights), PDTP, forest="paired bootstraps", **FEW)
    assert paired.status == "not applicable"
    assert "would train the model without the sample_weight" in paired.reason
    assert paired.instead == "forest='honest refits'"


def test_lira_with_weights_says_what_becomes_of_other_samples(table: tuple[Array, Array]) -> None:
    X, y = table
    model = LogisticRegression(C=10).fit(X[:200], y[:200], sample_weight=WEIGHTS)
    outcome = assess(subject_of(model, table, sample_weight=WEIGHTS), LIRA, n_references=4)
    assert outcome.finding is not None
    assert "Samples that are none of X_train are trained on with the mean weight." in outcome.finding.notes
    assert not outcome.finding.unjudged


def test_the_fingerprint_knows_what_the_training_was_given_and_nothing_else_changes_it(
    table: tuple[Array, Array],
) -> None:
    model = LogisticRegression().fit(table[0][:200], table[1][:200])
    given: list[dict[str, Any]] = [{}, {"sample_weight": WEIGHTS}, {"sample_weight": WEIGHTS + 1}]
    prints = [subject_of(model, table, **more).fingerprint for more in given]
    assert len(set(prints)) == 3
    plain = subject_of(model, table)
    assert replace(plain, trained_with=(), frozen=(), seeded=False).fingerprint == plain.fingerprint == prints[0]


# --- engines of one's own, once per subject, cancel -------------------------------------------------------------------


@pytest.fixture
def own_engine() -> Iterator[str]:
    @assessment(title="spread", measures=(Measure("spread", "lower", 0.0),))
    def spread(X_train: Array, y_train: Array, fit: Any = None, *, step: Step = quiet) -> Finding:
        """How much a model that is trained anew varies."""
        return Finding({"spread": 0.0 if fit is None else float(fit(X_train, y_train, seed=1)(X_train).std())})

    yield "custom.spread"
    del _registry["custom.spread"]


def test_an_engine_of_ones_own_is_checked_too_and_goes_without_training_where_it_can(
    own_engine: str, table: tuple[Array, Array]
) -> None:
    X, y = table
    model = LogisticRegression(C=10).fit(X[:200], y[:200], sample_weight=WEIGHTS)
    outcome = assess(subject_of(model, table), own_engine)
    assert outcome.finding is not None
    assert "0.547" in outcome.finding.unjudged["spread"]

    class Once(LogisticRegression):
        def fit(self, X: Array, y: Array, sample_weight: Any = None) -> Any:
            if hasattr(Once, "done"):
                raise OSError("the library lost its file")
            Once.done = True  # type: ignore[attr-defined]  # made here
            return super().fit(X, y)

    lost = subject_of(Once().fit(X[:200], y[:200]), table)
    without = assess(lost, own_engine)
    assert without.finding is not None
    assert without.finding.values == {"spread": 0.0}
    assert "cannot be trained anew" in without.finding.notes[0]
    refused = assess(lost, PDTP)
    assert refused.status == "not applicable"
    assert "(OSError: the library lost its file)" in refused.reason


def counting(plain: Subject) -> tuple[Subject, list[int]]:
    """The subject, whose trainings are noted by their seeds; -1: by the model's own random state."""
    trainings: list[int] = []

    def counted(X: Array, y: Array, *, seed: int | None, rows: Array | None = None) -> Any:
        trainings.append(-1 if seed is None else seed)
        assert plain.fit is not None
        return plain.fit(X, y, seed=seed, rows=rows)

    return replace(plain, fit=counted), trainings


def test_it_is_asked_once_for_all_assessments_and_threads(own_engine: str, table: tuple[Array, Array]) -> None:
    plain = subject_of(LogisticRegression(C=0.123).fit(table[0][:200], table[1][:200]), table)
    subject, trainings = counting(plain)
    threads = [threading.Thread(target=lambda: assess(subject, own_engine)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(trainings) == [-1, 1, 1, 1, 1]  # -1: by the model's own random state


def test_what_the_comparison_does_not_depend_on_asks_for_no_other(own_engine: str, table: tuple[Array, Array]) -> None:
    plain = subject_of(LogisticRegression(C=0.321).fit(table[0][:200], table[1][:200]), table)
    subject, trainings = counting(plain)
    assert subject.X_train is not None
    assess(subject, own_engine)
    assess(replace(subject, X_new=subject.X, ids=subject.ids + 1, name="another"), own_engine)
    assert sorted(trainings) == [-1, 1, 1]
    assess(replace(subject, X_train=subject.X_train * 1.01), own_engine)
    assert trainings.count(-1) == 2


def test_cancel_does_not_wait_for_the_training_under_way(table: tuple[Array, Array]) -> None:
    plain = subject_of(LogisticRegression(C=0.456).fit(table[0][:200], table[1][:200]), table)
    begun, go = threading.Event(), threading.Event()

    def slow(X: Array, y: Array, *, seed: int) -> Any:
        begun.set()
        go.wait(30)
        assert plain.fit is not None
        return plain.fit(X, y, seed=seed)

    meter = Meter(threading.Event())
    threading.Thread(target=lambda: (begun.wait(30), meter.cancel.set())).start()
    notes: list[str] = []
    step = RunStep(meter, lambda progress: notes.append(progress.note))
    outcome = run(replace(plain, fit=slow), find(PDTP), FEW, step=step)
    go.set()
    assert outcome.status == "cancelled"
    assert outcome.seconds < 25, "the training waits half a minute"
    assert any("does a model trained anew predict as this one?" in note for note in notes)


def test_one_lost_reference_model_does_not_end_a_run_and_many_do(table: tuple[Array, Array]) -> None:
    plain = subject_of(LogisticRegression(C=0.789).fit(table[0][:200], table[1][:200]), table)
    lost: set[int] = {2}
    count = iter(range(1000))

    def fit(X: Array, y: Array, *, seed: int) -> Any:
        if len(X) < 200 or (len(X) == 200 and seed and next(count) in lost):
            raise RuntimeError("no luck")
        assert plain.fit is not None
        return plain.fit(X, y, seed=seed)

    outcome = run(replace(plain, fit=fit), replace(find(LIRA), controls=()), {"n_references": 8})
    assert outcome.status == "ok", outcome.reason
    assert outcome.finding is not None
    said = "\n".join(outcome.finding.notes)
    assert "1 of 8 reference models could not be trained and are left out with their twins" in said
    assert "the refit failed (RuntimeError)" in said
    assert (outcome.finding.tables["samples"]["references_with"] == 3).all()
    lost |= set(range(1000))
    many = run(replace(plain, fit=fit), replace(find(LIRA), controls=()), {"n_references": 8})
    assert many.status == "not applicable"
    assert "no luck" in many.reason
