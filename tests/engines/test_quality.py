"""How good the model itself is: against scikit-learn, and on models whose calibration is known."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    mean_absolute_error,
    precision_recall_curve,
    r2_score,
    roc_auc_score,
)

from xrai_widgets.core import Array, Subject
from xrai_widgets.engines._quality import quality
from xrai_widgets.engines._rare import average_precision, recall_at_precision
from xrai_widgets.engines._statistics import wilson
from xrai_widgets.results.html import scoreboard
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime.quality import model_quality


def binary(n: int, sharpen: float, seed: int = 0) -> tuple[Array, Array]:
    """Labels drawn with a known probability, and a model that says it, or something more extreme."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 1.2, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    one = 1 / (1 + np.exp(-sharpen * logit))
    return np.column_stack([1 - one, one]), y


def test_accuracy_and_auroc_of_two_classes_are_those_of_scikit_learn(logistic: Subject) -> None:
    outputs = logistic.predict(logistic.X)
    finding = quality(outputs, logistic.y, "classification")
    right = accuracy_score(logistic.y, outputs.argmax(axis=1))
    assert finding.values["accuracy"] == pytest.approx(right)
    assert finding.intervals["accuracy"] == wilson(round(right * len(outputs)), len(outputs))[1:]
    assert finding.values["auroc"] == pytest.approx(roc_auc_score(logistic.y, outputs[:, 1]))
    assert set(finding.counts.values()) == {len(logistic.y)}


def test_auroc_of_several_classes_is_the_mean_of_one_against_the_rest(digits: Subject) -> None:
    outputs = digits.predict(digits.X)
    finding = quality(outputs, digits.y, "classification")
    expected = roc_auc_score(digits.y, outputs / outputs.sum(axis=1, keepdims=True), multi_class="ovr", average="macro")
    low, high = finding.intervals["auroc"]
    assert finding.values["auroc"] == pytest.approx(expected, abs=1e-9)
    assert low < expected < high < 1


def test_auroc_of_several_classes_leaves_out_a_class_that_does_not_occur() -> None:
    outputs = np.random.default_rng(0).dirichlet(np.ones(4), 80)
    y = np.arange(80) % 3
    expected = np.mean([roc_auc_score(y == c, outputs[:, c]) for c in range(3)])
    assert quality(outputs, y, "classification").values["auroc"] == pytest.approx(expected)


@pytest.mark.parametrize("k", [2, 3])
def test_auroc_is_unknown_where_only_one_class_occurs(k: int) -> None:
    outputs = np.random.default_rng(0).dirichlet(np.ones(k), 30)
    finding = quality(outputs, np.zeros(30, dtype=int), "classification")
    assert math.isnan(finding.values["auroc"])
    assert finding.intervals["auroc"][0] <= 0 < 1 <= finding.intervals["auroc"][1]


def test_a_model_that_says_the_true_probabilities_has_a_small_calibration_error() -> None:
    finding = quality(*binary(20_000, sharpen=1.0), "classification")
    assert finding.values["calibration_error"] < 0.012
    assert finding.intervals["calibration_error"][0] == 0
    assert finding.intervals["calibration_error"][1] < 0.03


def test_a_squared_error_below_0_is_shown_as_0_and_said() -> None:
    p = np.full(100, 0.7)
    finding = quality(np.column_stack([p, 1 - p]), np.repeat([0, 1], [70, 30]), "classification")
    assert finding.values["calibration_error"] == 0
    assert "-0.0021, below 0" in finding.notes[0]


def test_an_overconfident_model_has_a_large_calibration_error_though_the_same_auroc() -> None:
    honest, bold = (quality(*binary(20_000, sharpen), "classification") for sharpen in (1.0, 5.0))
    assert bold.values["auroc"] == pytest.approx(honest.values["auroc"], abs=1e-3)
    assert bold.values["calibration_error"] > 0.15
    assert bold.intervals["calibration_error"][0] > honest.intervals["calibration_error"][1]


def test_a_model_that_is_sure_and_always_wrong_has_calibration_error_1() -> None:
    y = np.arange(40) % 2
    assert quality(np.eye(2)[1 - y], y, "classification").values["calibration_error"] == 1.0
    assert quality(np.eye(2)[y], y, "classification").values["calibration_error"] == 0.0


def test_a_model_of_labels_has_an_accuracy_and_nothing_that_needs_scores() -> None:
    y = np.arange(30) % 3
    assert set(quality(np.eye(3)[y], y, "classification", scored=False).values) == {"accuracy"}


def test_r2_and_absolute_error_of_a_regression_are_those_of_scikit_learn(regression: Subject) -> None:
    outputs = regression.predict(regression.X)
    finding = quality(outputs, regression.y, "regression")
    assert finding.values["r2"] == pytest.approx(r2_score(regression.y, outputs))
    assert finding.values["mean_absolute_error"] == pytest.approx(mean_absolute_error(regression.y, outputs))
    for key, value in finding.values.items():
        low, high = finding.intervals[key]
        assert low < value < high


def test_r2_is_unknown_where_the_targets_do_not_vary() -> None:
    finding = quality(np.arange(20.0), np.zeros(20), "regression")
    assert math.isnan(finding.values["r2"])
    assert finding.values["mean_absolute_error"] == pytest.approx(9.5)


def test_the_same_seed_gives_the_same_intervals() -> None:
    outputs, y = binary(300, sharpen=5.0)
    first, again, other = (quality(outputs, y, "classification", seed=seed).intervals for seed in (1, 1, 2))
    assert first == again
    assert first["calibration_error"] != other["calibration_error"]


def test_the_quality_of_a_subject_is_that_of_its_held_out_samples(logistic: Subject) -> None:
    expected = quality(logistic.predict(logistic.X), logistic.y, "classification")
    assert model_quality(logistic).values == expected.values


def rare(n: int, share: float, apart: float, seed: int = 0) -> tuple[Array, Array]:
    """Scores of two normal distributions, the positives further up, and labels of which few are positive."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) < max(1, rng.binomial(n, share))).astype(int)
    one = 1 / (1 + np.exp(-rng.normal(size=n) - apart * y))
    return np.column_stack([1 - one, one]), y


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("decimals", [16, 1])
def test_how_well_a_rare_class_is_found_is_that_of_scikit_learn(which: int, decimals: int) -> None:
    outputs, y = rare(600, 0.05, 2.0)
    outputs = np.round(outputs, decimals)  # equal scores are on one side of every cut
    outputs, y = (outputs, y) if which else (outputs[:, ::-1], 1 - y)
    finding = quality(outputs, y, "classification", classes=("fraud", "fine")[:: -1 if which else 1])
    scores, mask = outputs[:, which], y == which
    assert finding.values["average_precision"] == pytest.approx(average_precision_score(mask, scores))
    precision, recall, _ = precision_recall_curve(mask, scores)
    assert finding.values["recall_at_precision"] == pytest.approx(recall[precision >= 0.5].max())
    assert finding.counts["average_precision"] == finding.counts["recall_at_precision"] == mask.sum()
    assert finding.counts["accuracy"] == len(y)
    assert f"class 'fraud' is rare, {mask.sum()} of 600 samples" in finding.notes[-1]
    assert "are few: for a share among them within ±0.1 take 97 or more" in finding.notes[-1]


def test_enough_of_a_rare_class_is_not_called_few_and_a_common_one_not_rare() -> None:
    assert "few" not in quality(*rare(4000, 0.05, 2.0), "classification").notes[-1]
    common = quality(*binary(400, 1.0), "classification")
    assert "average_precision" not in common.values
    assert not any("rare" in note for note in common.notes)
    labels = np.eye(2)[rare(600, 0.05, 2.0)[1]]
    assert "average_precision" not in quality(labels, rare(600, 0.05, 2.0)[1], "classification", scored=False).values


def test_no_cut_of_that_precision_is_a_recall_of_0_that_may_be_more() -> None:
    scores, mask = np.linspace(0, 1, 400), np.arange(400) < 8  # the positives last
    told = recall_at_precision(scores, mask)
    assert told.value == told.low == 0
    assert 0 < told.high < 0.6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "share", "apart", "area", "recall"),
    [
        (2000, 0.01, 2, 0.269, 0.183),
        (400, 0.05, 2, 0.538, 0.537),
        (1000, 0.02, 1, 0.080, 0.001),
        (2000, 0.01, 4, 0.922, 0.951),
    ],
)
def test_intervals_of_a_rare_class_cover(n: int, share: float, apart: float, area: float, recall: float) -> None:
    """The true values are integrals over the two normal distributions."""
    held = {"area": 0, "recall": 0}
    for seed in range(400):
        outputs, y = rare(n, share, apart, seed)
        one, other = average_precision(outputs[:, 1], y == 1), recall_at_precision(outputs[:, 1], y == 1)
        held["area"] += one.low <= area <= one.high
        held["recall"] += other.low <= recall <= other.high
    assert min(held.values()) >= 0.94 * 400, held


def test_a_model_of_rare_positives_is_told_so_on_the_board() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 3))
    y = (X[:, 0] + rng.normal(size=1000) > 3.1).astype(int)
    subject = Subject.of(LogisticRegression().fit(X, y), X, y)
    board = scoreboard((), Policy.default(), model_quality(subject))
    assert "average precision of the rare class (AUPR)" in board
    assert f"class 1 is rare, {y.sum()} of 1000 samples" in board
