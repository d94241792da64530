"""How far until a prediction leaves the tolerance: closed forms, leaves, a grid, and what stays fixed on the way."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import xrai_widgets as xw
from tests.engines import regressions
from tests.engines.regressions import subject_of
from xrai_widgets.core import Array, Constraint, NotApplicable, Subject, find
from xrai_widgets.engines._band import Band
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness import evasion
from xrai_widgets.engines.robustness.evasion.gradient_descent import Settings, projected_gradient_descent
from xrai_widgets.engines.robustness.evasion.random_direction import random_direction
from xrai_widgets.results.combined import combined
from xrai_widgets.results.policy import Policy, judge

pytestmark = pytest.mark.usefixtures("without_controls")

both_norms = pytest.mark.parametrize("norm", ["l2", "linf"])


def table(n: int = 400, d: int = 3, seed: int = 0) -> tuple[Array, Array]:
    return regressions.table(n, d, 0.5, seed)


def run(subject: Subject, **params: object) -> xw.Finding:
    outcome = xw.assess(subject, "robustness.evasion", strict=True, **params)
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def distances(finding: xw.Finding) -> Array:
    return np.asarray(finding.tables["samples"]["distance"].fillna(np.inf), dtype=float)


def size(change: Array, norm: str) -> Array:
    return np.asarray(np.abs(change).max(axis=-1) if norm == "linf" else np.linalg.norm(change, axis=-1))


def bare(predict: Callable[[Array], Array], X: Array, **others: Any) -> xw.Finding:
    """Attack a function on the unit cube, of which nothing is known from inside."""
    bounds = np.repeat([[0.0], [1.0]], X.shape[1], axis=1)
    return evasion(predict, X, predict(X), bounds, task="regression", **others)


# --- truth ------------------------------------------------------------------------------------------------------------


@both_norms
def test_a_linear_model_is_as_far_from_leaving_as_the_closed_form_says(norm: str) -> None:
    """tolerance / ‖w‖_q with 1/p + 1/q = 1, where the ranges are out of reach."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    subject = subject_of(LinearRegression(), X, X @ [3.0, -2, 1, 0, 0.5, 4] + 7, bounds=(-1000.0, 1000.0))
    weights = subject.model.coef_  # type: ignore[attr-defined]  # a linear model
    dual = np.linalg.norm(weights) if norm == "l2" else np.abs(weights).sum()
    finding = run(subject, tolerance=2.5, norm=norm, scale="raw", n_samples=40, epsilon=0.3)
    assert distances(finding) == pytest.approx(np.full(40, 2.5 / dual), rel=1e-6)
    assert finding.bounds == {"stable_share": "exact", "median_distance": "exact"}
    assert finding.values["stable_share"] == float(2.5 / dual > 0.3)
    becomes = (finding.tables["samples"]["becomes"] - finding.tables["samples"]["prediction"]).to_numpy()
    assert np.abs(becomes) == pytest.approx(2.5, rel=1e-6)
    assert (np.abs(becomes) > 2.5).all()


@both_norms
def test_a_linear_model_in_a_box_goes_up_or_down_whichever_is_nearer(norm: str) -> None:
    weights = np.array([3.0, -1.0, 0.5])
    X = np.random.default_rng(1).uniform(size=(80, 3))
    finding = bare(
        lambda rows: rows @ weights, X, tolerance=1.0, norm=norm, n_samples=80, linear=(weights[None], np.zeros(1))
    )

    def move(x: Array, slope: Array, far: float) -> Array:
        step = far * slope if norm == "l2" else far * np.sign(slope)
        return np.asarray(np.clip(x + step, 0, 1) - x)

    def one_way(x: Array, slope: Array) -> float:
        if move(x, slope, 1e4) @ slope < 1.0:
            return np.inf
        far = brentq(lambda s: move(x, slope, s) @ slope - 1.0, 0, 1e4, xtol=1e-14)
        return float(size(move(x, slope, far), norm))

    truth = np.array([min(one_way(x, weights), one_way(x, -weights)) for x in X])
    assert np.isfinite(truth).all()
    assert distances(finding) == pytest.approx(truth, rel=1e-6)
    up = finding.tables["samples"]["becomes"] > finding.tables["samples"]["prediction"]
    assert 0 < up.mean() < 1


def leaves(model: Any) -> tuple[Array, Array, Array]:
    """Lowest and highest corners of the leaves in the unit cube, and their values."""
    tree, results = model.tree_, []

    def walk(node: int, low: Array, high: Array) -> None:
        if tree.children_left[node] < 0:
            results.append((low, high, tree.value[node, 0, 0]))
            return
        column, cut = tree.feature[node], tree.threshold[node]
        left, right = high.copy(), low.copy()
        left[column], right[column] = min(high[column], cut), max(low[column], cut)
        walk(tree.children_left[node], low, left)
        walk(tree.children_right[node], right, high)

    walk(0, np.zeros(tree.n_features), np.ones(tree.n_features))
    low, high, value = zip(*results, strict=True)
    return np.array(low), np.array(high), np.array(value)


@both_norms
def test_a_tree_is_as_far_from_leaving_as_its_nearest_leaf_with_another_value(norm: str) -> None:
    X, y = table()
    subject = subject_of(DecisionTreeRegressor(random_state=0), X, y)
    low, high, value = leaves(subject.model)
    finding = run(subject, tolerance=4.0, norm=norm, n_samples=100)
    rows = subject.X[finding.arrays["index"]]
    truth = []
    for x, own in zip(rows, subject.predict(rows), strict=True):
        away = np.abs(value - own) > 4.0
        truth.append(size(np.clip(x, low[away], high[away]) - x, norm).min(initial=np.inf))
    assert distances(finding) == pytest.approx(np.array(truth), rel=1e-5, abs=1e-6)
    assert finding.bounds["stable_share"] == "exact"
    assert 0 < finding.values["stable_share"] < 1


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingRegressor(n_estimators=40, random_state=0),
        RandomForestRegressor(20, random_state=0),
        HistGradientBoostingRegressor(max_iter=30, random_state=0),
        KNeighborsRegressor(3),
        None,
    ],
    ids=["boosting", "forest", "histogram boosting", "neighbours", "smooth function"],
)
@both_norms
def test_in_two_dimensions_no_point_of_a_fine_grid_is_much_nearer(model: Any, norm: str) -> None:
    X, y = table(d=2)
    if model is None:
        predict = lambda rows: 10 * np.sin(3 * rows[:, 0]) + 5 * rows[:, 1] ** 2  # noqa: E731 - a formula
        subject = Subject.of(predict, X[200:], y[200:], X_train=X[:200], y_train=y[:200], bounds=(0.0, 1.0))
    else:
        subject = subject_of(model, X, y)
    finding = run(subject, tolerance=2.0, norm=norm, n_samples=40)
    axis = np.linspace(0, 1, 401)
    grid = np.stack([part.ravel() for part in np.meshgrid(axis, axis, indexing="ij")], axis=1)
    outputs, rows = subject.predict(grid), subject.X[finding.arrays["index"]]
    nearest = [
        size(grid[np.abs(outputs - own) > 2.0] - x, norm).min(initial=np.inf)
        for x, own in zip(rows, subject.predict(rows), strict=True)
    ]
    ratio = distances(finding) / np.array(nearest)
    assert np.median(ratio) <= 1.005
    assert np.quantile(ratio, 0.95) <= 1.05
    assert ratio.max() <= 1.3


@pytest.mark.parametrize("attack", ["hop_skip_jump", "pgd"])
def test_both_attacks_find_both_ways_of_a_smooth_function(attack: str) -> None:
    """Along the middle line the way up is the nearer one, or the way down, whichever side the sample is on."""
    X = np.random.default_rng(2).uniform(0.3, 0.7, size=(30, 2))

    def predict(rows: Array) -> Array:
        return np.asarray(np.exp(3 * rows[:, 0]) - 4 * rows[:, 1])

    def gradient(rows: Array, y: Array) -> Array:
        return np.column_stack([3 * np.exp(3 * rows[:, 0]), np.full(len(rows), -4.0)])

    finding = bare(predict, X, tolerance=0.8, n_samples=30, attack=attack, gradient=gradient)
    axis = np.linspace(0, 1, 801)
    grid = np.stack([part.ravel() for part in np.meshgrid(axis, axis, indexing="ij")], axis=1)
    away = [np.abs(predict(grid) - own) > 0.8 for own in predict(X)]
    truth = np.array([size(grid[mask] - x, "l2").min() for mask, x in zip(away, X, strict=True)])
    assert (distances(finding) <= truth * 1.005).all()
    assert (finding.tables["samples"]["found_by"] != "").all()


def test_pgd_follows_the_gradient_of_a_torch_regression() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double().eval()
    X = np.random.default_rng(0).uniform(0.2, 0.8, size=(30, 2))
    subject = Subject.of(module, X, X[:, 0], task="regression", bounds=(0.0, 1.0))
    finding = run(subject, tolerance=0.02, n_samples=30, attack="pgd")
    axis = np.linspace(0, 1, 801)
    grid = np.stack([part.ravel() for part in np.meshgrid(axis, axis, indexing="ij")], axis=1)
    outputs, own = subject.predict(grid), subject.predict(X)
    truth = [size(grid[np.abs(outputs - o) > 0.02] - x, "l2").min(initial=np.inf) for x, o in zip(X, own, strict=True)]
    assert (distances(finding) <= np.array(truth) * 1.001).all()
    assert "projected gradient descent" in set(finding.tables["samples"]["found_by"])


# --- what is no change, and what may not change -----------------------------------------------------------------------


def test_a_prediction_that_differs_by_just_the_tolerance_is_within_it() -> None:
    X = np.linspace(0.05, 0.95, 20)[:, None] * [1.0, 1.0]

    def steps(rows: Array) -> Array:
        return np.floor(rows[:, 0] * 2.999) * 0.1

    low = bare(steps, X, tolerance=0.1, n_samples=20)
    middle = steps(X)[low.arrays["index"]] == 0.1
    still = low.tables["samples"]["status"] == "not found"
    assert middle.any()
    assert still[middle].all()
    assert not still[~middle].any()


def test_constraints_hold() -> None:
    rng = np.random.default_rng(0)
    n = 120
    X = np.column_stack([
        rng.uniform(size=n), rng.integers(0, 5, n), rng.integers(0, 3, n), rng.uniform(size=n), rng.uniform(size=n),
        np.eye(2)[rng.integers(0, 2, n)],
    ])  # fmt: skip
    constraints = (
        Constraint(),
        Constraint(kind="integer"),
        Constraint(kind="category", categories=("a", "b", "c")),
        Constraint(immutable=True),
        Constraint(monotone=1),
        Constraint(kind="integer", group="g"),
        Constraint(kind="integer", group="g"),
    )
    bounds = np.array([[0.0, 0, 0, 0, 0, 0, 0], [1.0, 4, 2, 1, 1, 1, 1]])

    def predict(rows: Array) -> Array:
        return np.asarray(rows @ [1.0, 0.5, 0.7, 9.0, -1.2, 0.4, -0.4])

    finding = evasion(
        predict, X, predict(X), bounds, constraints, task="regression", tolerance=0.9, n_samples=60, norm="l2"
    )
    rows, nearest = X[finding.arrays["index"]], finding.arrays["nearest"]
    found = np.isfinite(nearest).all(axis=1)
    rows, nearest = rows[found], nearest[found]
    assert found.mean() > 0.9
    assert (np.abs(predict(nearest) - predict(rows)) > 0.9).all()
    assert (nearest[:, 1] == np.rint(nearest[:, 1])).all()
    assert np.isin(nearest[:, 2], [0, 1, 2]).all()
    assert (nearest[:, 3] == rows[:, 3]).all()
    assert (nearest[:, 4] >= rows[:, 4]).all()
    assert (nearest[:, 5:].sum(axis=1) == 1).all()
    assert (nearest >= bounds[0]).all()
    assert (nearest <= bounds[1]).all()


def test_missing_cells_stay_missing() -> None:
    X, y = table(d=3)
    X[::3, 1] = np.nan
    subject = subject_of(HistGradientBoostingRegressor(max_iter=20, random_state=0), X, y)
    finding = run(subject, tolerance=2.0, n_samples=40)
    rows, nearest = subject.X[finding.arrays["index"]], finding.arrays["nearest"]
    found = (finding.tables["samples"]["status"] == "found").to_numpy()
    assert found.any()
    assert np.isnan(rows).any()
    np.testing.assert_array_equal(np.isnan(nearest[found]), np.isnan(rows[found]))
    assert (np.abs(subject.predict(nearest[found]) - subject.predict(rows[found])) > 2.0).all()


def test_the_unit_of_y_changes_nothing_but_the_tolerance() -> None:
    X, y = table(d=2)
    model = RandomForestRegressor(10, random_state=0).fit(X[:200], y[:200])
    one, other = (
        bare(lambda rows, by=by: model.predict(rows) * by, X[200:], tolerance=2.0 * by, n_samples=20, max_iter=5)
        for by in (1.0, 2.0**-30)
    )
    np.testing.assert_array_equal(distances(one), distances(other))


def test_the_slopes_of_a_smooth_function_are_followed_in_any_unit_of_y() -> None:
    X, _ = table(d=2)
    one, other = (
        bare(lambda rows, by=by: (10 * np.sin(3 * rows[:, 0]) + rows[:, 1]) * by, X, tolerance=2.0 * by, n_samples=20)
        for by in (1.0, 2.0**-60)
    )
    np.testing.assert_array_equal(distances(one), distances(other))


def test_pgd_by_itself_goes_down_where_there_is_no_way_up() -> None:
    X = np.array([[0.9, 0.5], [0.1, 0.5]])
    band = Band(lambda rows: rows[:, 0], X[:, 0], 0.3)
    space = Space(np.array([[0.0, 0], [1, 1]]), ())
    problem = Problem(
        band.scores, space, X, np.zeros(2, dtype=int), np.arange(2), (2,), "l2", 100, offsets=band.offsets
    )
    best, slopes = Best.nothing(problem), band.slopes(lambda rows, _: np.tile([1.0, 0.0], (len(rows), 1)))
    assert slopes is not None
    blind = projected_gradient_descent(problem, best, slopes, Settings((0.4,), restarts=1), 0, xw.core.quiet)
    assert best.distance == pytest.approx([0.3, 0.3], rel=1e-4)
    assert (blind > 0).all()


def test_the_same_seed_gives_the_same_numbers_and_another_one_other_samples() -> None:
    X, y = table(d=2)
    subject = subject_of(KNeighborsRegressor(3), X, y)
    one, same, other = (run(subject, tolerance=2.0, n_samples=15, max_iter=3, seed=seed) for seed in (0, 0, 1))
    assert one.tables["samples"].equals(same.tables["samples"])
    assert not np.array_equal(one.arrays["index"], other.arrays["index"])


# --- what is asked, and what is said ----------------------------------------------------------------------------------


def test_without_a_tolerance_the_residuals_propose_one() -> None:
    X, y = table()
    subject = subject_of(DecisionTreeRegressor(max_depth=4, random_state=0), X, y)
    outcome = xw.assess(subject, "robustness.evasion")
    assert outcome.status == "not applicable"
    number = float(outcome.instead.removeprefix("tolerance="))
    assert number == pytest.approx(np.median(np.abs(subject.predict(subject.X) - subject.y)), rel=0.05)
    assert f"propose {number:g}, the median absolute residual" in outcome.reason
    assert xw.assess(subject, "robustness.evasion", tolerance=number, n_samples=5).status == "ok"


@pytest.mark.parametrize("y", ["right", "unknown"])
def test_where_residuals_say_nothing_the_spread_of_predictions_proposes_one(y: str) -> None:
    X, _ = table(d=2)
    values = X[:, 0]
    with pytest.raises(NotApplicable, match=r"a tenth of the standard deviation of the predictions") as caught:
        evasion(
            lambda rows: rows[:, 0],
            X,
            values if y == "right" else np.full(len(X), np.nan),
            np.array([[0.0, 0], [1, 1]]),
            task="regression",
        )
    assert caught.value.instead == f"tolerance={float(f'{np.std(values) / 10:.2g}'):g}"


def test_a_constant_model_without_a_tolerance_says_that_nothing_proposes_one() -> None:
    X, _ = table(d=2)
    with pytest.raises(NotApplicable, match="All predictions are the same"):
        evasion(lambda rows: np.ones(len(rows)), X, np.ones(len(X)), np.array([[0.0, 0], [1, 1]]), task="regression")


def test_a_classification_has_no_tolerance() -> None:
    outcome = xw.assess(xw.examples.load("breast_cancer_logistic"), "robustness.evasion", tolerance=3.0)
    assert (outcome.status, outcome.instead) == ("not applicable", "tolerance=None")
    assert "tolerance is for a regression" in outcome.reason


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_a_tolerance_must_be_above_0(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"tolerance must lie in \[1e-12, "):
        find("robustness.evasion").check({"tolerance": wrong})


def test_predictions_that_differ_by_themselves_are_not_attacked() -> None:
    X, y = table(d=2)
    bounds, given = np.array([[0.0, 0], [1, 1]]), {"task": "regression", "tolerance": 2.0, "n_samples": 5}
    with pytest.raises(NotApplicable, match="would come by chance") as caught:
        evasion(lambda rows: rows[:, 0], X, y, bounds, unstable=0.2, **given)
    assert caught.value.instead == "tolerance=4"
    finding = evasion(lambda rows: 9 * rows[:, 0], X, y, bounds, unstable=0.1, **given)
    assert any("differ by up to 0.1" in note for note in finding.notes)


def test_arts_attacks_are_not_offered() -> None:
    X, y = table(d=2)
    outcome = xw.assess(
        subject_of(KNeighborsRegressor(3), X, y), "robustness.evasion", tolerance=1, implementation="art"
    )
    assert (outcome.status, outcome.instead) == ("not applicable", "implementation='native'")


def test_what_a_search_found_may_fail_a_model_and_never_pass_it() -> None:
    X, y = table(d=2)
    searched = subject_of(KNeighborsRegressor(3), X, y)
    exact = subject_of(LinearRegression(), X, y)
    statuses = {}
    for name, subject in (("searched", searched), ("exact", exact)):
        for tolerance in (0.5, 30.0):
            outcome = xw.assess(subject, "robustness.evasion", tolerance=tolerance, n_samples=40, max_iter=3)
            verdict = judge(outcome, Policy.default())
            assert not verdict.missing
            statuses[name, tolerance] = verdict.status
    assert statuses == {
        ("searched", 0.5): "fail",
        ("searched", 30.0): "not refuted",
        ("exact", 0.5): "fail",
        ("exact", 30.0): "pass",
    }


def test_a_residual_is_no_change_and_no_sample_is_left_out_for_it() -> None:
    X, y = table(d=2)
    finding = run(subject_of(LinearRegression(), X, y + 1000.0 * (np.arange(400) >= 200)), tolerance=1.0, n_samples=30)
    assert set(finding.tables["samples"]["status"]) == {"found"}
    assert finding.counts == {"stable_share": 30, "found_share": 30, "median_distance": 30}


def test_in_subgroups_only_the_numbers_of_a_regression_are_asked_for() -> None:
    X, y = table(d=2)
    groups = np.where(np.arange(200) % 2, "even", "odd")
    finding = run(subject_of(LinearRegression(), X, y, groups=groups), tolerance=1.0, n_samples=40)
    assert set(finding.tables["subgroups"]["measure"]) == {"stable_share", "median_distance"}
    assert finding.tables["subgroups"]["value"].notna().all()


def test_a_random_direction_hardly_ever_leaves_the_tolerance_where_the_nearest_change_just_does() -> None:
    X, y = table(d=3)
    subject = subject_of(LinearRegression(), X, y)
    finding = run(subject, tolerance=1.0, n_samples=60)
    wide = np.array([[-9.0] * 3, [9.0] * 3])
    given: dict[str, Any] = {"norm": "l2", "epsilon": 0.1, "scale": "raw", "seed": 0, "step": xw.core.quiet}
    good = random_direction(finding, subject.predict, subject.X, wide, task="regression", tolerance=1.0, **given)
    assert good.values["turned_share"] <= 0.02
    assert set(good.values) == {"stable_share", "turned_share"}
    index, nearest = finding.arrays["index"], finding.arrays["nearest"].copy()
    far = finding.arrays | {"nearest": subject.X[index] + 6 * (nearest - subject.X[index])}
    moved = xw.Finding({}, tables=dict(finding.tables), arrays=far)
    bad = random_direction(moved, subject.predict, subject.X, wide, task="regression", tolerance=1.0, **given)
    assert bad.values["turned_share"] > 0.5


def test_searches_of_a_regression_are_not_read_together_as_robust_accuracy() -> None:
    X, y = table(d=2)
    subject = subject_of(LinearRegression(), X, y)
    outcomes = [xw.assess(subject, "robustness.evasion", tolerance=t, n_samples=10) for t in (1.0, 2.0)]
    assert combined(outcomes) == []


def test_a_pipeline_is_seen_through() -> None:
    from sklearn.pipeline import make_pipeline

    X, y = table(d=2)
    finding = run(subject_of(make_pipeline(StandardScaler(), LinearRegression()), X, y), tolerance=1.0, n_samples=10)
    assert finding.bounds["median_distance"] == "exact"
