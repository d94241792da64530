"""What brings a prediction above or below a value, and what keeps it there: closed forms, leaves, and the model."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeRegressor

import xrai_widgets as xw
from tests.engines import regressions
from tests.engines.regressions import subject_of
from xrai_widgets.core import Array, Constraint, NotApplicable, Subject
from xrai_widgets.engines._search.scorer import Scorer
from xrai_widgets.engines.explanations import cem
from xrai_widgets.engines.explanations.cem.zones import Zones

pytestmark = pytest.mark.usefixtures("without_controls")

LIMITS = ({"above": 9.0}, {"below": 6.0}, {"above": 9.0, "below": 6.0})


def table(n: int = 300, d: int = 2, seed: int = 0) -> tuple[Array, Array]:
    return regressions.table(n, d, 0.3, seed)


def run(subject: Subject, **params: object) -> xw.Finding:
    outcome = xw.assess(subject, "explanations.cem", strict=True, **params)
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def side(values: Array, above: float | None = None, below: float | None = None) -> Array:
    """Return on which side of the limits values lie: −1, 0 or 1."""
    up = np.zeros(len(values)) if above is None else (values > above).astype(int)
    return np.asarray(up - (0 if below is None else (values < below).astype(int)))


def test_a_linear_model_is_as_far_from_the_limit_as_the_closed_form_says() -> None:
    """|f(x) − limit| / ‖w‖ for β = 0, where the ranges are out of reach, up and down."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    subject = subject_of(LinearRegression(), X, X @ [3.0, -2, 1, 0.5] + 7, bounds=(-100.0, 100.0))
    finding = run(subject, above=8.0, beta=0.0, scale="raw", n_samples=40, mode="PN", noise=0.0)
    told = finding.tables["samples"]
    gap = np.abs(told["prediction"] - 8.0) / np.linalg.norm(subject.model.coef_)  # type: ignore[attr-defined]  # a linear model
    np.testing.assert_allclose(told["pn_distance"], gap, rtol=1e-5, atol=1e-7)
    assert set(told["answer"]) == {"above 8", "at most 8"}
    assert ((told["pn_prediction"] > 8.0) == (told["answer"] == "at most 8")).all()
    assert finding.bounds == {"pn_share": "exact", "median_pn_distance": "exact"}


@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_a_tree_is_explained_by_its_cheapest_leaf_on_another_side(limits: dict[str, float]) -> None:
    X, y = table()
    subject = subject_of(DecisionTreeRegressor(random_state=0), X, y)
    finding = run(subject, beta=0.0, n_samples=30, mode="PN", noise=0.0, **limits)
    axis = np.linspace(0, 1, 801)
    grid = np.stack([part.ravel() for part in np.meshgrid(axis, axis, indexing="ij")], axis=1)
    sides, rows = side(subject.predict(grid), **limits), subject.X[finding.arrays["index"]]
    own = side(subject.predict(rows), **limits)
    nearest = np.array([np.linalg.norm(grid[sides != s] - x, axis=1).min() for x, s in zip(rows, own, strict=True)])
    distance = finding.tables["samples"]["pn_distance"].to_numpy()
    assert (distance <= nearest + 1e-9).all()
    assert (distance >= nearest - 0.0025).all()  # the grid's own width
    assert finding.bounds["pn_share"] == "exact"


@pytest.mark.parametrize(
    "model",
    [GradientBoostingRegressor(n_estimators=30, random_state=0), KNeighborsRegressor(3), "network"],
    ids=["boosting", "neighbours", "network"],
)
@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_what_is_found_is_on_another_side_and_what_suffices_is_not(model: Any, limits: dict[str, float]) -> None:
    X, y = table()
    model = (
        MLPRegressor(hidden_layer_sizes=(16,), max_iter=600, solver="lbfgs", random_state=0)
        if model == "network"
        else model
    )
    subject = subject_of(model, X, y)
    finding = run(subject, n_samples=12, max_iter=100, noise=0.0, **limits)
    own = side(subject.predict(subject.X[finding.arrays["index"]]), **limits)
    assert len(np.unique(own)) > 1
    assert finding.values["pn_share"] == finding.values["pp_share"] == finding.values["validity"] == 1.0
    assert (side(subject.predict(finding.arrays["pn"]), **limits) != own).all()
    assert (side(subject.predict(finding.arrays["pp"]), **limits) == own).all()


def test_a_boosted_model_is_near_the_best_of_a_grid() -> None:
    X, y = table()
    subject = subject_of(GradientBoostingRegressor(n_estimators=40, random_state=0), X, y)
    finding = run(subject, above=9.0, beta=0.1, n_samples=30, mode="PN", noise=0.0)
    axis = np.linspace(0, 1, 401)
    grid = np.stack([part.ravel() for part in np.meshgrid(axis, axis, indexing="ij")], axis=1)
    high, rows = subject.predict(grid) > 9.0, subject.X[finding.arrays["index"]]
    cost = []
    for x, up in zip(rows, subject.predict(rows) > 9.0, strict=True):
        change = np.abs(grid[high != up] - x)
        cost.append((0.1 * change.sum(axis=1) + (change**2).sum(axis=1)).min())
    ratio = finding.tables["samples"]["pn_objective"].to_numpy() / np.array(cost)
    assert np.quantile(ratio, 0.95) <= 1.05


def test_gradients_of_a_torch_regression_lead_near_the_best_of_a_grid() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double().eval()
    X = np.random.default_rng(0).uniform(size=(40, 2))
    subject = Subject.of(module, X, X[:, 0], task="regression", bounds=(0.0, 1.0))
    middle = float(np.median(subject.predict(X)))
    finding = run(subject, above=middle, search="gradient", n_samples=20, mode="PN", noise=0.0, max_iter=100)
    asked, rows = subject.gradient, subject.X[finding.arrays["index"]]
    zones = Zones(middle, None, 0.25)
    answers = zones.scorer(Scorer(subject.predict, None, asked, (2,), 100))
    rises = answers.slope(rows, np.ones(20, dtype=int), np.zeros(20, dtype=int))
    assert asked is not None
    np.testing.assert_allclose(rises, asked(rows, np.zeros(20)) / 0.25)
    axis = np.linspace(0, 1, 401)
    grid = np.stack([part.ravel() for part in np.meshgrid(axis, axis, indexing="ij")], axis=1)
    high, cost = subject.predict(grid) > middle, []
    for x, up in zip(rows, subject.predict(rows) > middle, strict=True):
        change = np.abs(grid[high != up] - x)
        cost.append((0.1 * change.sum(axis=1) + (change**2).sum(axis=1)).min())
    assert (finding.tables["samples"]["pn_objective"].to_numpy() <= np.array(cost) * 1.01).all()


def test_kappa_is_a_lead_in_the_unit_of_y() -> None:
    X, y = table()
    subject = subject_of(DecisionTreeRegressor(random_state=0), X, y)
    finding = run(subject, above=9.0, kappa=1.5, n_samples=20, mode="PN", noise=0.0)
    told = finding.tables["samples"]
    assert (np.abs(told["pn_prediction"] - 9.0) >= 1.5).all()
    np.testing.assert_allclose(told["pn_margin"], np.abs(told["pn_prediction"] - 9.0))
    assert any("kappa = 1.5" in note for note in finding.notes)


def test_a_prediction_on_the_limit_is_neither_above_nor_below() -> None:
    X = np.linspace(0, 1, 21)[:, None] * [1.0, 1.0]
    bounds = np.array([[0.0, 0], [1, 1]])

    def steps(rows: Array) -> Array:
        return np.minimum(np.floor(rows[:, 0] * 3), 2.0)

    for limits in ({"above": 1.0}, {"below": 1.0}, {"above": 1.0, "below": 1.0}):
        finding = cem(steps, X, steps(X), bounds, task="regression", n_samples=21, mode="PN", noise=0.0, **limits)
        told = finding.tables["samples"]
        inside = told["answer"].isin(["at most 1", "at least 1", "1 to 1"]).to_numpy()
        np.testing.assert_array_equal(inside, side(steps(X), **limits) == 0)
        assert finding.values["validity"] == 1.0


def test_what_is_immutable_stays_and_missing_cells_stay_missing() -> None:
    X, y = table(d=3)
    X[::4, 1] = np.nan
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=20, random_state=0)
    subject = subject_of(model, X, y, constraints={"x2": Constraint(immutable=True)}, feature_names=["x0", "x1", "x2"])
    finding = run(subject, above=8.0, n_samples=20, mode="PN", noise=0.0)
    rows, found = finding.arrays["original"], finding.arrays["pn_found"]
    assert found.any()
    np.testing.assert_array_equal(finding.arrays["pn"][:, 2], rows[:, 2])
    np.testing.assert_array_equal(np.isnan(finding.arrays["pn"]), np.isnan(rows))


def test_without_a_limit_the_quartiles_propose_one() -> None:
    X, y = table()
    subject = subject_of(DecisionTreeRegressor(random_state=0), X, y)
    outcome = xw.assess(subject, "explanations.cem")
    low, high = np.quantile(subject.predict(subject.X), (0.25, 0.75))
    assert outcome.status == "not applicable"
    assert outcome.instead == f"above={high:.3g}"
    assert f"above={high:.3g}, or below={low:.3g}" in outcome.reason


def test_a_classification_has_no_limits() -> None:
    outcome = xw.assess(xw.examples.load("breast_cancer_logistic"), "explanations.cem", above=3.0)
    assert (outcome.status, outcome.instead) == ("not applicable", "above=None, below=None")


def test_limits_that_overlap_are_refused() -> None:
    X, y = table()
    with pytest.raises(ValueError, match="below must be at most above = 6, got 9"):
        cem(lambda rows: rows[:, 0], X, y, np.array([[0.0, 0], [1, 1]]), task="regression", above=6.0, below=9.0)
    with pytest.raises(NotApplicable, match="a regression has no other class"):
        cem(lambda rows: rows[:, 0], X, y, np.array([[0.0, 0], [1, 1]]), task="regression")
