"""Loss sensitivity: the slope of the loss, in the units that were asked for."""

from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Array, Constraint, Finding
from xrai_widgets.data import examples
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines.robustness import loss_sensitivity
from xrai_widgets.runtime import assess

RNG = np.random.default_rng(0)
WEIGHTS = np.array([2.0, -1.0, 0.5])
X = RNG.uniform(0, [1, 10, 100], size=(80, 3))
LABELS = RNG.integers(0, 2, 80)
BOUNDS = np.array([[0.0, 0, 0], [1.0, 10, 100]])
DUAL = {"l1": np.inf, "l2": 2, "linf": 1}


def predict(X: Array) -> Array:
    up = 1 / (1 + np.exp(-(X / BOUNDS[1]) @ WEIGHTS))
    return np.column_stack([1 - up, up])


def gradient(X: Array, y: Array) -> Array:
    return np.asarray((predict(X)[:, 1] - y)[:, None] * WEIGHTS / BOUNDS[1])


def measured(X: Array = X, **params: Any) -> Finding:
    return loss_sensitivity(X, LABELS, BOUNDS, gradient, **params)


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_the_slope_of_a_logistic_model_is_its_error_times_the_norm_of_its_weights(norm: Any) -> None:
    slope = np.abs(predict(X)[:, 1] - LABELS) * np.linalg.norm(WEIGHTS, ord=DUAL[norm])
    finding = measured(norm=norm)
    np.testing.assert_allclose(finding.tables["samples"]["sensitivity"], slope)
    assert finding.values["loss_sensitivity"] == pytest.approx(slope.mean())
    for label, row in enumerate(finding.tables["by_class"].itertuples()):
        assert row.loss_sensitivity == pytest.approx(slope[label == LABELS].mean())
        assert row.count == (label == LABELS).sum()
        assert row.low < row.loss_sensitivity < row.high


def test_it_is_how_fast_the_loss_grows_in_the_worst_direction() -> None:
    def loss(points: Array) -> Array:
        return np.asarray(-np.log(predict(points)[np.arange(80), LABELS]))

    directions, grown = np.random.default_rng(1).normal(size=(300, 3)), np.zeros(80)
    for direction in directions / np.linalg.norm(directions, axis=1, keepdims=True):
        grown = np.maximum(grown, (loss(X + 1e-5 * direction * BOUNDS[1]) - loss(X)) / 1e-5)
    np.testing.assert_allclose(measured().tables["samples"]["sensitivity"], grown, rtol=0.03)


def test_raw_units_are_those_of_the_columns() -> None:
    slope = np.abs(predict(X)[:, 1] - LABELS) * np.linalg.norm(WEIGHTS / BOUNDS[1])
    assert measured(scale="raw").values["loss_sensitivity"] == pytest.approx(slope.mean())


def test_what_is_fixed_or_missing_adds_nothing() -> None:
    gaps = X.copy()
    gaps[:40, 1] = np.nan
    held = (Constraint(immutable=True), Constraint(), Constraint())

    def filled(X: Array, y: Array) -> Array:
        return np.where(np.isnan(X), np.nan, gradient(np.nan_to_num(X), y))

    table = loss_sensitivity(gaps, LABELS, BOUNDS, filled, held).tables["samples"]
    error = np.abs(predict(np.nan_to_num(gaps))[:, 1] - LABELS)
    size = np.where(np.isnan(gaps[:, 1]), 0.5, np.hypot(1.0, 0.5))
    np.testing.assert_allclose(table["sensitivity"], error * size)


def test_a_sample_that_holds_the_sum_is_named() -> None:
    def steep(X: Array, y: Array) -> Array:
        return gradient(X, y) * np.where(X.max(axis=0) == X, 500.0, 1.0).max(axis=1, keepdims=True)

    notes = loss_sensitivity(X[:20], LABELS[:20], BOUNDS, steep).notes
    assert any("of the sum" in note for note in notes)
    assert not any("of the sum" in note for note in measured().notes)


def test_the_interval_of_skewed_numbers_ends_too_low_less_often_than_students() -> None:
    rng, short, students = np.random.default_rng(0), 0, 0
    for draw in range(150):
        numbers = rng.lognormal(0, 1, 60)
        estimate = statistics.skewed_mean(numbers, seed=draw, repeats=200)
        short += estimate.high < np.exp(0.5)
        students += statistics.mean(numbers).high < np.exp(0.5)
        assert estimate.low <= estimate.value <= estimate.high
    assert short <= 0.08 * 150
    assert short < students


def test_numbers_that_are_all_the_same_have_a_mean_that_is_sure() -> None:
    assert statistics.skewed_mean(np.full(9, 2.0), seed=0) == (2.0, 2.0, 2.0)
    assert np.isinf(statistics.skewed_mean(np.ones(1), seed=0).high)


def test_a_model_without_gradients_is_sent_to_an_attack() -> None:
    outcome = assess(examples.load("breast_cancer_forest"), "robustness.loss_sensitivity")
    assert outcome.status == "not applicable"
    assert outcome.instead.startswith("robustness.evasion")
