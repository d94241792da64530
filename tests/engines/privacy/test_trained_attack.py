"""Attacks that learn: where there is a leak they find it, where there is none they find nothing, and ART agrees."""

import threading
import time
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import xrai_widgets as xw
from tests.pace import slowness
from xrai_widgets.core import Array, Subject
from xrai_widgets.engines.privacy import membership_inference
from xrai_widgets.engines.privacy._scores import membership_scores
from xrai_widgets.engines.privacy._trained_attack import attack_features, attack_model
from xrai_widgets.runtime import Meter, RunStep, run
from xrai_widgets.runtime.run_step import Progress

pytestmark = pytest.mark.usefixtures("without_controls")

LEARNERS = ("random forest", "gradient boosting", "logistic regression", "neural network")
every_learner = pytest.mark.parametrize("learner", LEARNERS)


def finding_of(subject: Subject, **params: object) -> xw.Finding:
    outcome = xw.assess(subject, "privacy.membership_inference", **({"repeats": 1} | params))
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


@pytest.fixture(scope="module")
def memorising() -> Subject:
    """An unpruned tree on labels that nothing explains."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 5)), np.r_[np.arange(4), rng.integers(0, 4, 396)]
    tree = DecisionTreeClassifier(random_state=0).fit(X[:200], y[:200])
    return Subject.of(tree, X[200:], y[200:], X_train=X[:200], y_train=y[:200])


@pytest.fixture(scope="module")
def memorising_values() -> Subject:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(400, 4)), rng.normal(size=400)
    tree = DecisionTreeRegressor(random_state=0).fit(X[:200], y[:200])
    return Subject.of(tree, X[200:], y[200:], X_train=X[:200], y_train=y[:200])


@pytest.fixture(scope="module")
def overfitted() -> Subject:
    """Some leak, neither none nor all."""
    X, y = make_classification(1200, 8, n_informative=4, flip_y=0.2, random_state=0)
    tree = DecisionTreeClassifier(min_samples_leaf=5, random_state=0).fit(X[:600], y[:600])
    return Subject.of(tree, X[600:], y[600:], X_train=X[:600], y_train=y[:600])


@every_learner
def test_a_tree_that_memorises_noise_gives_its_members_away(memorising: Subject, learner: str) -> None:
    finding = finding_of(memorising, attack=learner)
    assert finding.values["auc"] == pytest.approx(0.875, abs=0.06)  # a guess among four classes is right by chance
    assert finding.intervals["advantage"][0] > 0.5


@every_learner
def test_a_regression_tree_that_memorises_noise_gives_every_member_away(
    memorising_values: Subject, learner: str
) -> None:
    finding = finding_of(memorising_values, attack=learner)
    assert finding.values["auc"] > 0.99
    assert finding.intervals["advantage"][0] > 0.8


@every_learner
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_linear_model_on_plenty_of_data_cannot_be_told_from_chance(learner: str, task: str) -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(2400, 5))
    z = X @ np.arange(5.0)
    y = z + rng.normal(size=2400) if task == "regression" else (rng.random(2400) < 1 / (1 + np.exp(-z))).astype(int)
    model = (LinearRegression() if task == "regression" else LogisticRegression()).fit(X[:1200], y[:1200])
    subject = Subject.of(model, X[1200:], y[1200:], X_train=X[:1200], y_train=y[:1200])
    outcome = xw.assess(subject, "privacy.membership_inference", attack=learner, repeats=1)
    assert outcome.finding is not None, outcome.reason
    low, high = outcome.finding.intervals["auc"]
    assert low < 0.5 < high
    assert outcome.finding.intervals["advantage"][0] < 0 < outcome.finding.intervals["advantage"][1]
    assert outcome.verdict().status != "fail"


def sure_of_members() -> tuple[Any, ...]:
    """A model that is a little surer of its members; all that can be seen of it is one probability."""
    rng = np.random.default_rng(7)
    parts = [rng.beta(a, 2, (120, 1)) for a in (4, 2)]
    ones = np.ones(120, dtype=int)
    return lambda X: np.column_stack([1 - X[:, 0], X[:, 0]]), parts[0], ones, parts[1], ones


@every_learner
def test_the_attack_of_the_adversarial_robustness_toolbox_agrees_on_the_same_split(learner: str) -> None:
    ours, theirs = (
        membership_inference(*sure_of_members(), attack=learner, implementation=implementation, repeats=1)  # type: ignore[arg-type]
        for implementation in ("native", "art")
    )
    low, high = ours.intervals["auc"]
    assert 0.5 < low < theirs.values["auc"] < high
    low, high = theirs.intervals["auc"]
    assert 0.5 < low < ours.values["auc"] < high


@pytest.mark.parametrize("learner", ["random forest", "gradient boosting"])
def test_arts_attack_agrees_on_a_tree_that_overfits(overfitted: Subject, learner: str) -> None:
    ours, theirs = (
        finding_of(overfitted, attack=learner, implementation=implementation) for implementation in ("native", "art")
    )
    low, high = ours.intervals["auc"]
    assert 0.5 < low < theirs.values["auc"] < high


@pytest.mark.parametrize("learner", ["gradient boosting", pytest.param("neural network", marks=pytest.mark.slow)])
def test_arts_attack_finds_the_members_of_a_regression(memorising_values: Subject, learner: str) -> None:
    finding = finding_of(memorising_values, attack=learner, implementation="art")
    assert finding.values["auc"] > 0.9


def test_arts_attack_is_never_scored_on_the_rows_it_was_fitted_on() -> None:
    rng = np.random.default_rng(3)
    outputs = rng.dirichlet(np.ones(3), 800)

    def predict(X: Array) -> Array:
        return outputs[X[:, 0].astype(int)]

    place, y = np.arange(800.0)[:, None], rng.integers(0, 3, 800)
    arrays = place[:400], y[:400], place[400:], y[400:]
    options = {"attack": "random forest", "implementation": "art", "repeats": 1}
    finding = membership_inference(predict, *arrays, **options)  # type: ignore[arg-type]
    assert finding.values["auc"] < 0.6  # on its own rows ART's forest is right about every one


def test_art_leaves_the_global_generators_as_they_were_and_repeats_itself() -> None:
    import torch

    torch.manual_seed(1)
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    options = {"attack": "neural network", "implementation": "art"}
    arrays = [part[:30] for part in sure_of_members()[1:]]
    first, second = (
        membership_inference(sure_of_members()[0], *arrays, repeats=1, **options)  # type: ignore[arg-type]
        for _ in range(2)
    )
    assert first.values == second.values
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


def test_art_has_no_threshold_and_the_reader_is_told_what_to_choose(overfitted: Subject) -> None:
    outcome = xw.assess(overfitted, "privacy.membership_inference", implementation="art")
    assert outcome.status == "not applicable"
    assert (outcome.reason, outcome.instead) == ("ART has no attack by a threshold", "attack='random forest'")


def test_the_interval_rests_on_one_deal_and_does_not_shrink_with_repeats(overfitted: Subject) -> None:
    once, often = (finding_of(overfitted, attack="logistic regression", repeats=repeats) for repeats in (1, 8))
    plain = finding_of(overfitted, score="loss")
    for key in ("auc", "advantage"):
        width = [np.diff(finding.intervals[key])[0] for finding in (once, often, plain)]
        assert width[1] > 0.9 * width[0]
        assert width[0] == pytest.approx(np.sqrt(2) * width[2], rel=0.15)
    assert any("50% of the samples" in note for note in often.notes)
    assert "contributions" not in often.tables


def test_the_auc_is_that_of_the_scores_in_the_table(overfitted: Subject) -> None:
    from sklearn.metrics import roc_auc_score

    finding = finding_of(overfitted, attack="logistic regression")
    samples = finding.tables["samples"]
    assert finding.values["auc"] == pytest.approx(
        roc_auc_score(samples["is"] == "member", samples["member probability"])
    )
    assert samples["member probability"].between(0, 1).all()
    assert finding.tables["scores"]["score"].tolist()[-1] == "member probability"


def test_the_modified_entropy_is_that_of_song_and_mittal() -> None:
    outputs = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    scores = membership_scores(outputs, np.array([0, 0, 0]), "classification")["modified entropy"]
    by_hand = -0.3 * np.log(0.7) - 0.2 * np.log(0.8) - 0.1 * np.log(0.9)
    assert scores[0] == pytest.approx(-by_hand)
    assert scores[1] == 0
    assert scores[2] == scores.min() < -50
    assert np.isfinite(scores).all()


def test_the_attack_sees_scores_rightness_and_the_largest_probabilities_in_order() -> None:
    rng = np.random.default_rng(4)
    outputs, y = rng.dirichlet(np.ones(15), 20), rng.integers(0, 15, 20)
    seen = attack_features(outputs, y, "classification")
    assert seen.shape == (20, 4 + 1 + 10)
    assert (np.diff(seen[:, 5:], axis=1) <= 0).all()
    assert (seen[:, 4] == (outputs.argmax(axis=1) == y)).all()
    values = attack_features(outputs[:, 0], outputs[:, 1], "regression")
    assert (values[:, 1] == outputs[:, 1] - outputs[:, 0]).all()


@every_learner
def test_an_attack_model_that_has_not_converged_says_nothing_in_the_middle_of_a_run(learner: str) -> None:
    rng = np.random.default_rng(5)
    model = attack_model(learner, 0)  # type: ignore[arg-type]
    assert not hasattr(model, "classes_")
    finding = membership_inference(
        lambda X: np.column_stack([1 - X[:, 0], X[:, 0]]),
        rng.uniform(size=(40, 1)),
        rng.integers(0, 2, 40),
        rng.uniform(size=(40, 1)),
        rng.integers(0, 2, 40),
        attack=learner,  # type: ignore[arg-type]
        repeats=1,
    )
    assert np.isfinite(finding.values["auc"])


def test_too_few_samples_to_fit_an_attack_are_refused_in_words() -> None:
    rng = np.random.default_rng(6)
    parts = [rng.uniform(size=(n, 1)) for n in (30, 15)]
    arrays = parts[0], np.zeros(30, int), parts[1], np.ones(15, int)
    with pytest.raises(ValueError, match=r"fitted on, and attack_train_ratio=0\.5 leaves 15 and 7; attack='threshold'"):
        membership_inference(lambda X: np.column_stack([1 - X[:, 0], X[:, 0]]), *arrays, attack="logistic regression")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_are_named(bad: float) -> None:
    def predict(X: Array) -> Array:
        outputs = np.column_stack([1 - X[:, 0], X[:, 0]])
        outputs[X[:, 0] > 0.9] = bad
        return outputs

    X, y = np.linspace(0, 1, 21)[:, None], np.zeros(21, int)
    with pytest.raises(ValueError, match="infinite ones for 2 of 21 samples of X_train, the first in row 19"):
        membership_inference(predict, X, y, X / 2, y)
    with pytest.raises(ValueError, match="infinite ones for 2 of 21 samples of X, the first in row 19"):
        membership_inference(predict, X / 2, y, X, y)


def test_a_model_of_one_class_is_refused_in_words() -> None:
    X, y = np.zeros((20, 1)), np.zeros(20, int)
    with pytest.raises(ValueError, match=r"at least two classes, got shape \(20, 1\)"):
        membership_inference(lambda X: np.ones((len(X), 1)), X, y, X, y)


def test_without_training_data_the_reader_is_told_what_is_missing(overfitted: Subject) -> None:
    from dataclasses import replace

    from xrai_widgets.core.assessment import explain

    subject = replace(overfitted, X_train=None, y_train=None)
    outcome = xw.assess(subject, "privacy.membership_inference", attack="random forest")
    assert outcome.status == "not applicable"
    assert explain("X_train") in outcome.reason
    assert "X_train" in outcome.reason


def test_a_cancelled_attack_keeps_the_deals_that_are_done_and_stops_within_a_second(overfitted: Subject) -> None:
    cancel, seen = threading.Event(), []

    def listen(progress: Progress) -> None:
        if progress.partial is not None:
            seen.append(time.monotonic())
            cancel.set()

    params = {"attack": "random forest", "repeats": 200}
    outcome = run(overfitted, "privacy.membership_inference", params, step=RunStep(Meter(cancel), listen))
    assert time.monotonic() - seen[0] < 1.0 * slowness()
    assert outcome.status == "cancelled"
    assert outcome.finding is not None
    assert outcome.finding.intervals["auc"][0] > 0.5
    assert outcome.finding.counts["auc"] == 1200
