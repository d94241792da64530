"""Empirical robustness: the paper's where all are turned, and no 0 where nothing is."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from xrai_widgets.core import Array, Constraint, Finding, NotApplicable
from xrai_widgets.core.step import Cancelled, Partial, Step
from xrai_widgets.engines.robustness import empirical_robustness

RNG = np.random.default_rng(0)
X = RNG.uniform(0.05, 1, size=(60, 3))
MODEL = LogisticRegression(C=100.0).fit(X, (X @ [2, -1, 1] > 1).astype(int))
LABELS = MODEL.predict(X)
BOUNDS = np.array([np.full(3, -9.0), np.full(3, 9.0)])
LINEAR = (np.vstack([np.zeros(3), MODEL.coef_]), np.r_[0.0, MODEL.intercept_])


def measured(**params: Any) -> Finding:
    settings = {"scale": "raw", "n_samples": 60, **params}
    return empirical_robustness(MODEL.predict_proba, X, LABELS, BOUNDS, linear=LINEAR, **settings)


def half_deaf(X: Array) -> Array:
    """Nothing turns samples with a large third feature, which the attack may not change."""
    up = np.where(X[:, 2] > 0.5, 1.0, (X[:, 0] > 0.5).astype(float))
    return np.column_stack([1 - up, up])


def test_on_a_linear_model_it_is_the_papers_mean_of_distance_over_size() -> None:
    lead = np.abs(MODEL.decision_function(X)) / np.linalg.norm(MODEL.coef_)
    ratio = lead / np.linalg.norm(X, axis=1)
    finding = measured(cap=50.0)
    np.testing.assert_allclose(finding.tables["samples"]["ratio"], ratio, rtol=1e-3)
    assert finding.values["empirical_robustness"] == pytest.approx(ratio.mean(), rel=1e-3)
    assert finding.values["median_ratio"] == pytest.approx(np.median(ratio), rel=1e-3)
    assert finding.values["found_share"] == 1.0
    assert finding.bounds == dict.fromkeys(finding.values, "exact")


def test_the_largest_feature_is_the_size_by_the_largest_norm() -> None:
    lead = np.abs(MODEL.decision_function(X)) / np.abs(MODEL.coef_).sum()
    ratio = measured(norm="linf").tables["samples"]["ratio"]
    np.testing.assert_allclose(ratio, lead / np.abs(X).max(axis=1), rtol=1e-3)


def test_as_shares_of_the_ranges_sizes_begin_at_the_lowest_values() -> None:
    moved = empirical_robustness(
        lambda Z: MODEL.predict_proba((Z - 100) / 2),
        X * 2 + 100,
        LABELS,
        np.array([[100.0] * 3, [102.0] * 3]),
        n_samples=60,
    ).tables["samples"]
    np.testing.assert_allclose(moved["size"], np.linalg.norm(X, axis=1), rtol=1e-9)


def test_the_cap_bounds_every_sample_and_the_interval() -> None:
    finding = measured(cap=0.05)
    ratio = finding.tables["samples"]["ratio"]
    assert (ratio > 0.05).any()
    assert finding.values["empirical_robustness"] == pytest.approx(np.minimum(ratio, 0.05).mean())
    assert finding.intervals["empirical_robustness"][1] <= 0.05


def censored() -> Finding:
    bounds = np.array([[0.0, 0, 0], [1.0, 1, 1]])
    held = (Constraint(), Constraint(), Constraint(immutable=True))
    return empirical_robustness(half_deaf, X, half_deaf(X).argmax(axis=1), bounds, held, n_samples=60)


def test_what_is_not_turned_is_censored_and_never_0() -> None:
    finding = censored()
    table = finding.tables["samples"]
    deaf = X[table["id"], 2] > 0.5
    assert (table["status"][deaf] == "not found").all()
    assert table["ratio"][deaf].isna().all()
    assert (table["status"][~deaf] == "found").all()
    truth = np.where(deaf, 1.0, np.minimum(table["ratio"], 1.0)).mean()
    assert finding.values["empirical_robustness"] == pytest.approx(truth)
    assert finding.values["found_share"] == pytest.approx((~deaf).mean())
    assert any("were not turned" in note for note in finding.notes)
    assert finding.tables["curve"]["standing"].iloc[-1] == pytest.approx(deaf.mean())
    if deaf.mean() >= 0.5:
        assert "median_ratio" not in finding.values


def test_where_nothing_is_turned_there_is_no_mean() -> None:
    def constant(X: Array) -> Array:
        return np.tile([0.7, 0.3], (len(X), 1))

    finding = empirical_robustness(constant, X, np.zeros(60, int), BOUNDS, n_samples=10)
    assert finding.values == {"found_share": 0.0}


def test_a_sample_without_a_size_has_no_ratio() -> None:
    points = np.vstack([np.zeros(3), X])
    labels = MODEL.predict(points)
    finding = empirical_robustness(
        MODEL.predict_proba, points, labels, BOUNDS, linear=LINEAR, scale="raw", n_samples=61
    )
    assert finding.tables["samples"]["status"][0] == "no size of its own"
    assert finding.counts["empirical_robustness"] == 60


def test_none_right_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="none of the drawn samples correctly"):
        empirical_robustness(MODEL.predict_proba, X, 1 - LABELS, BOUNDS, linear=LINEAR)


def test_categories_count_one_each() -> None:
    points = np.column_stack([np.linspace(0, 1, 20), np.arange(20) % 2])
    kinds = (Constraint(), Constraint(kind="category", categories=("a", "b")))

    def predict(Z: Array) -> Array:
        up = (Z[:, 0] > 0.5).astype(float)
        return np.column_stack([1 - up, up])

    for scale in ("range", "raw"):
        labels = predict(points).argmax(axis=1)
        table = empirical_robustness(
            predict, points, labels, np.array([[0.0, 0], [1, 1]]), kinds, n_samples=20, scale=scale
        ).tables["samples"]
        np.testing.assert_allclose(table["size"], np.hypot(points[:, 0], 1))


def test_what_is_kept_of_a_cancelled_run_is_of_this_assessment() -> None:
    class Stopping(Step):
        kept: Finding | None = None

        def __call__(self, done: float, note: str = "", partial: Partial = None) -> None:
            if partial is not None and done > 0.2:
                self.kept = partial() if callable(partial) else partial
                raise Cancelled

    step = Stopping()
    with pytest.raises(Cancelled):
        empirical_robustness(half_deaf, X, half_deaf(X).argmax(axis=1), BOUNDS, n_samples=20, step=step)
    assert step.kept is not None
    assert "ratio" in step.kept.tables["samples"]
