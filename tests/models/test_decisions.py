"""The answer is the model's own `predict`: thresholds, margins and label outputs, against the models themselves."""

from typing import Any

import cloudpickle
import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import xrai_widgets as xw
from xrai_widgets.cells.remote import in_cell
from xrai_widgets.core import Subject
from xrai_widgets.runtime import assess
from xrai_widgets.runtime.quality import model_quality

# a new version of scikit-learn has other ways; people's models are of this one
pytestmark = [
    pytest.mark.filterwarnings("ignore:The `probability` parameter was deprecated"),
    pytest.mark.filterwarnings("ignore:Attribute `prob._` was deprecated"),
]

X, Y = make_classification(900, 6, n_informative=4, weights=[0.9], flip_y=0.03, random_state=0)
THREE = np.digitize(X[:, 0] + X[:, 1] * X[:, 2], [-0.5, 1.5])
CUT = 0.15


class ByDistance(NearestCentroid):
    """Probabilities of its own beside answers by the nearest centroid."""

    def predict_proba(self, rows: Any) -> Any:
        shares = np.exp(-np.abs(rows[:, None] - self.centroids_).sum(axis=2))
        return shares / shares.sum(axis=1, keepdims=True)


def catboost() -> Any:
    model = pytest.importorskip("catboost").CatBoostClassifier(
        iterations=20, depth=3, verbose=0, allow_writing_files=False, thread_count=1
    )
    model.fit(X[:600], Y[:600])
    model.set_probability_threshold(0.7)
    return model


def platt() -> Any:
    return SVC(probability=True, random_state=0, class_weight="balanced")


MODELS: dict[str, tuple[Any, Any]] = {
    "fixed threshold": (lambda: FixedThresholdClassifier(LogisticRegression(), threshold=CUT), Y),
    "tuned threshold": (lambda: TunedThresholdClassifierCV(GaussianNB(), scoring="f1", cv=3), Y),
    "threshold of a forest": (
        lambda: FixedThresholdClassifier(RandomForestClassifier(20, random_state=0), threshold=CUT),
        np.array(["bad", "good"])[Y],
    ),
    "Platt": (platt, Y),
    "Platt of three": (platt, THREE),
    "nearest centroid": (lambda: ByDistance(), THREE),
    "one-vs-rest": (lambda: OneVsRestClassifier(platt()), THREE),
    "in a pipeline": (
        lambda: make_pipeline(StandardScaler(), FixedThresholdClassifier(GaussianNB(), threshold=0.9)),
        Y,
    ),
}


def subject_of(model: Any, y: Any = Y, **more: Any) -> Subject:
    return Subject.of(model, X[600:], y[600:], X_train=X[:600], y_train=y[:600], **more)


@pytest.fixture(scope="module")
def cut_off() -> Subject:
    return subject_of(FixedThresholdClassifier(LogisticRegression(), threshold=CUT).fit(X[:600], Y[:600]))


@pytest.mark.parametrize("name", [*MODELS, "catboost"])
def test_the_answers_are_those_of_the_model(name: str) -> None:
    make, y = MODELS.get(name, (None, Y))
    model = catboost() if make is None else make().fit(X[:600], y[:600])
    subject = subject_of(model, y)
    assert subject.decide is not None
    for rows in (subject.X, subject.X_train, subject.X[:1], subject.X[:0]):
        assert rows is not None
        outputs = subject.decide(rows)
        assert outputs.dtype.kind == "i"
        assert outputs.shape == (len(rows),)
        if len(rows):
            np.testing.assert_array_equal(np.asarray(subject.classes)[outputs], np.asarray(model.predict(rows)).ravel())
    differ = int((np.asarray(subject.classes)[subject.predict(X).argmax(axis=1)] != np.ravel(model.predict(X))).sum())
    assert f"it differs from the most probable class on {differ} of 900 samples" in subject.describe()
    assert model_quality(subject).values["accuracy"] == pytest.approx(
        (np.ravel(model.predict(X[600:])) == y[600:]).mean()
    )


@pytest.mark.parametrize(
    "model", [LogisticRegression(), RandomForestClassifier(10, random_state=0), GaussianNB(), KNeighborsClassifier()]
)
@pytest.mark.parametrize("y", [Y, THREE, np.array(["bad", "good"])[Y]], ids=["two", "three", "words"])
def test_a_model_that_answers_with_the_most_probable_class_stays_as_it_is(model: Any, y: Any) -> None:
    subject = subject_of(model.fit(X[:600], y[:600]), y)
    assert subject.decide is None
    assert "rule" not in subject.describe()


def test_one_training_sample_suffices_to_show_a_rule() -> None:
    odd = X[10]

    class Once(LogisticRegression):
        def predict(self, rows: Any) -> Any:
            return np.where((rows == odd).all(axis=1), 1 - super().predict(rows), super().predict(rows))

    subject = subject_of(Once().fit(X[:600], Y[:600]))
    assert subject.decide is not None
    assert "on 1 of 900 samples" in subject.describe()


def test_the_fingerprint_knows_the_rule_and_is_as_before_without_one(cut_off: Subject) -> None:
    other = subject_of(lambda rows: cut_off.predict(rows), decide=lambda rows: (cut_off.predict(rows)[:, 1] > 0.3) * 1)
    third = subject_of(lambda rows: cut_off.predict(rows), decide=lambda rows: (cut_off.predict(rows)[:, 1] > 0.2) * 1)
    assert other.decide is not None
    assert len({cut_off.fingerprint, other.fingerprint, third.fingerprint}) == 3


@pytest.mark.parametrize("words", [(0, 1), ("no", "yes")])
def test_a_function_may_come_with_its_rule(words: tuple[Any, Any], cut_off: Subject) -> None:
    y = np.array(words)[Y]

    def decide(rows: Any) -> Any:
        return np.array(words)[(cut_off.predict(rows)[:, 1] >= CUT).astype(int)]

    subject = subject_of(lambda rows: cut_off.predict(rows), y, decide=decide, classes=words)
    assert subject.decide is not None
    np.testing.assert_array_equal(subject.decide(subject.X), cut_off.decide(cut_off.X))  # type: ignore[misc]  # it has a rule
    assert "the rule that was passed" in subject.describe()
    needless = subject_of(lambda rows: cut_off.predict(rows), decide=lambda rows: cut_off.predict(rows).argmax(axis=1))
    assert needless.decide is None


def test_a_rule_that_is_passed_goes_before_the_models_own(cut_off: Subject) -> None:
    tree = FixedThresholdClassifier(GaussianNB(), threshold=0.9).fit(X[:600], Y[:600])
    subject = subject_of(tree, decide=lambda rows: (rows[:, 0] > 0).astype(int))
    assert subject.decide is not None
    np.testing.assert_array_equal(subject.decide(subject.X), subject.X[:, 0] > 0)


def test_leaves_and_planes_do_not_stand_for_a_rule_that_they_do_not_give() -> None:
    from sklearn.tree import DecisionTreeClassifier

    def rule(rows: Any) -> Any:
        return (rows[:, 0] > 0).astype(int)

    assert subject_of(DecisionTreeClassifier(max_depth=3).fit(X[:600], Y[:600]), decide=rule).regions is None
    assert subject_of(LogisticRegression().fit(X[:600], Y[:600]), decide=rule).linear is None


def test_the_weights_of_a_linear_margin_stay_where_they_give_the_answers() -> None:
    model = SVC(kernel="linear", probability=True, random_state=0, class_weight="balanced").fit(X[:600], Y[:600])
    subject = subject_of(model)
    assert subject.decide is not None
    assert subject.linear is not None
    weights, bias = subject.linear
    np.testing.assert_array_equal((subject.X @ weights.T + bias).argmax(axis=1), model.predict(subject.X))


@pytest.mark.parametrize(
    ("decide", "message"),
    [
        (lambda rows: np.full(len(rows), 7), r"decide must give one of \[0, 1\], got 7"),
        (lambda rows: np.full(len(rows), "yes"), r"decide must give one of \[0, 1\], got 'yes'"),
        (lambda rows: np.zeros((len(rows), 2)), r"decide must give one label per sample, got shape \(300, 2\)"),
        (lambda rows: np.zeros(3 + 0 * len(rows)), r"decide must give one label per sample, got shape \(3,\)"),
        (lambda rows: rows.nothing, "the model cannot predict for X: AttributeError"),
        (0.3, "decide must be a function of the samples"),
    ],
)
def test_a_rule_that_is_none_is_refused(decide: Any, message: str, cut_off: Subject) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        subject_of(lambda rows: cut_off.predict(rows), decide=decide)


def test_a_rule_without_use_is_refused(cut_off: Subject) -> None:
    def rule(rows: Any) -> Any:
        return (rows[:, 0] > 0).astype(int)

    with pytest.raises(ValueError, match="a regression has none"):
        Subject.of(lambda rows: rows[:, 0], X, X[:, 0] * 1.5, decide=rule)
    with pytest.raises(ValueError, match="decide needs a model"):
        Subject.of(None, cut_off.predict(X), Y, decide=rule)
    with pytest.raises(ValueError, match="this model's outputs are its labels already"):
        Subject.of(rule, X, Y, outputs="labels", decide=rule)


def test_a_model_that_answers_with_something_else_than_its_classes_is_named() -> None:
    class Odd(LogisticRegression):
        def predict(self, rows: Any) -> Any:
            return np.full(len(rows), "maybe")

    with pytest.raises(ValueError, match=r"the model's own predict must give one of \[0, 1\], got 'maybe'"):
        subject_of(Odd().fit(X[:600], Y[:600]))


def test_a_rule_that_goes_wrong_later_ends_as_an_error_that_names_it(cut_off: Subject) -> None:
    from dataclasses import replace

    for wrong, said in ((5, "whole number from 0 to 1 per row, got 5"), (0.5, "got float64 of shape")):
        broken = replace(cut_off, decide=lambda rows, wrong=wrong: np.full(len(rows), wrong))
        outcome = assess(broken, "privacy.label_only", n_samples=20)
        assert outcome.status == "error"
        assert "the model's own labels must be one" in outcome.reason
        assert said in outcome.reason


def test_the_rule_travels(cut_off: Subject) -> None:
    there = cloudpickle.loads(cloudpickle.dumps(cut_off))
    assert there.fingerprint == cut_off.fingerprint
    remote = in_cell(cut_off)
    assert remote.decide is not None
    np.testing.assert_array_equal(remote.decide(cut_off.X), cut_off.decide(cut_off.X))  # type: ignore[misc]  # it has a rule
    assert type(remote.decide).__name__ == "Remote"


def test_columns_of_codes_reach_the_rule_as_the_numbers_that_they_stand_for() -> None:
    branch = np.random.default_rng(0).choice([10.0, 20.0, 70.0], 300)
    rows = np.column_stack([branch, X[:300, 0]])

    def predict(given: Any) -> Any:
        p = 1 / (1 + np.exp(-given[:, 1]))
        return np.column_stack([1 - p, p])

    subject = Subject.of(
        predict,
        rows,
        Y[:300],
        decide=lambda given: (given[:, 0] == 70).astype(int),
        feature_names=["branch", "x"],
        constraints={"branch": {"categories": [10, 20, 70]}},
    )
    assert subject.decide is not None
    np.testing.assert_array_equal(subject.decide(subject.X), branch == 70)


def test_the_copy_of_a_defended_model_answers_by_the_rule(cut_off: Subject) -> None:
    outputs = cut_off.decide(cut_off.X)  # type: ignore[misc]  # it has a rule
    from xrai_widgets.models.defences import changed_predictions

    rounded, labelled = xw.defended(cut_off, "rounding"), xw.defended(cut_off, "class labels")
    np.testing.assert_array_equal(rounded.decide(cut_off.X), outputs)  # type: ignore[misc]  # it has a rule
    np.testing.assert_array_equal(labelled.predict(cut_off.X).argmax(axis=1), outputs)
    assert labelled.decide is None
    assert changed_predictions(cut_off, rounded) == changed_predictions(cut_off, labelled) == 0


@pytest.mark.parametrize("words", [(0, 1), ("no", "yes")])
@pytest.mark.parametrize("zipmap", [True, False])
def test_the_labels_of_an_onnx_model_are_its_answers(words: tuple[Any, Any], zipmap: bool) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    from xrai_widgets.models.onnx_session import OnnxModel

    y = np.array(words)[Y]
    model = SVC(probability=True, random_state=0, class_weight="balanced").fit(X[:600], y[:600])
    file = skl2onnx.to_onnx(model, X[:1].astype(np.float32), options={id(model): {"zipmap": zipmap}})
    content = OnnxModel(file.SerializeToString())
    subject = subject_of(content, y)
    told = np.asarray(content.run({"X": X.astype(np.float32)}, len(X))[0])
    assert (told != np.asarray(words)[subject.predict(X).argmax(axis=1)]).any()
    assert subject.decide is not None
    np.testing.assert_array_equal(np.asarray(words)[subject.decide(X)], told)
    assert "it differs from the most probable class" in subject.describe()


def test_a_rule_that_differs_only_between_the_samples_is_kept_and_nothing_from_inside_is_believed() -> None:
    rng = np.random.default_rng(0)
    apart = rng.random((300, 2))
    apart = apart[np.abs(apart[:, 0] - 0.5) > 0.3]
    labels = (apart[:, 0] > 0.5).astype(int)
    model = RandomForestClassifier(25, max_depth=3, max_samples=8, random_state=0).fit(apart, labels)

    def rule(rows: Any) -> Any:
        return (model.predict_proba(rows)[:, 1] > 0.3).astype(int)

    alike = rule(apart) == model.predict(apart)
    apart, labels = apart[alike], labels[alike]
    subject = Subject.of(model, apart, labels, decide=rule)
    assert subject.decide is not None
    assert subject.trees is None
    assert any("on 0 of" in note and "random points between them" in note for note in subject.notes)
    same = Subject.of(model, apart, labels, decide=model.predict)
    assert same.decide is None
    assert same.trees is not None
    pixels = apart[:, :1, None, None] * np.ones((1, 1, 2, 2))

    def bright(cut: float) -> Any:
        return lambda images: (np.asarray(images).reshape(len(images), -1).mean(axis=1) > cut).astype(int)

    def shares(images: Any) -> Any:
        return np.eye(2)[bright(0.5)(images)] * 0.8 + 0.1

    for cut, kept in ((0.5, False), (0.6, True)):
        shown = Subject.of(shares, pixels, labels, decide=bright(cut))
        assert (shown.decide is not None) == kept
