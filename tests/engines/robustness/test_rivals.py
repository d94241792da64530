"""Several classes: the nearest rival is found, likely or not, without climbing to each of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from xrai_widgets.core import Array, Constraint, Subject, quiet
from xrai_widgets.data import examples
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.differences import Differences
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.scorer import Scorer
from xrai_widgets.engines._search.tangents import _nearest_rivals, approach
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import Slopes
from xrai_widgets.engines.robustness.evasion.gradient_descent import Settings, _tangents, projected_gradient_descent
from xrai_widgets.models.adapted import softmax

pytestmark = pytest.mark.usefixtures("without_controls")

WIDTH, RADII = 8, (0.5, 1.0, 2.0, 4.0)
both_norms = pytest.mark.parametrize("norm", ["l2", "linf"])
some_classes = pytest.mark.parametrize("k", [3, 10])


class Linear:
    """The steepest of its classes are the least likely ones and the nearest; all samples are of the first class."""

    def __init__(self, k: int, room: float = 50.0) -> None:
        rng = np.random.default_rng(k)
        steep = np.geomspace(0.5, 8.0, k - 1)
        ways = rng.standard_normal((k - 1, WIDTH))
        self.weights = np.vstack([np.zeros(WIDTH), steep[:, None] * ways / np.linalg.norm(ways, axis=1, keepdims=True)])
        self.bias = np.r_[0.0, -steep * np.linspace(2.5, 1.5, k - 1)]
        self.X = rng.normal(0.0, 0.3, (20, WIDTH))
        self.k = k
        self.bounds = np.array([[-room] * WIDTH, [room] * WIDTH])
        self.asked = 0

    def scores(self, X: Array) -> Array:
        told: Array = X @ self.weights.T + self.bias
        return told

    def predict(self, X: Array) -> Array:
        self.asked += len(X)
        return softmax(self.scores(X))

    def gradient(self, X: Array, y: Array) -> Array:
        self.asked += len(X)
        slope: Array = (softmax(self.scores(X)) - np.eye(self.k)[y]) @ self.weights
        return slope

    def leads(self, X: Array, V: Array) -> Array:
        self.asked += len(X)
        slope: Array = V @ self.weights
        return slope

    def rivals(self, norm: str) -> Array:
        """Closed form: how far each rival is, infinite for the own class."""
        slope = self.weights - self.weights[[0]]
        dual = np.abs(slope).sum(axis=1) if norm == "linf" else np.linalg.norm(slope, axis=1)
        scores = self.scores(self.X)
        with np.errstate(invalid="ignore"):
            far: Array = (scores[:, [0]] - scores) / dual
        far[:, 0] = np.inf
        return far


def problem_of(model: Linear, norm: Any) -> Problem:
    space = Space(model.bounds, (), "raw", None)
    labels = np.zeros(len(model.X), dtype=int)
    return Problem(model.predict, space, model.X, labels, np.arange(len(labels)), (WIDTH,), norm, 10_000)


def test_here_the_likeliest_rival_is_seldom_the_nearest() -> None:
    model = Linear(10)
    scores = model.scores(model.X)
    assert (scores.argmax(axis=1) == 0).all()
    likely = np.argsort(-scores, axis=1)[:, 1:5]
    nearest = model.rivals("l2").argmin(axis=1)
    assert (likely != nearest[:, None]).all(axis=1).mean() > 0.5


@both_norms
@some_classes
def test_gradient_descent_finds_the_nearest_rival_of_a_linear_model(norm: str, k: int) -> None:
    model = Linear(k)
    problem = problem_of(model, norm)
    best = Best.nothing(problem)
    projected_gradient_descent(problem, best, model.gradient, Settings(RADII), 0, quiet, n_classes=k)
    ratio = best.distance / model.rivals(norm).min(axis=1)
    assert ratio.min() > 1 - 1e-6
    assert ratio.max() <= 1.02


def contrast_of(model: Linear, norm: str, by: str = "gradient") -> Contrast:
    space = Space(model.bounds, tuple(Constraint("continuous") for _ in range(WIDTH)), "raw", None)
    slopes, differences = (model.gradient, None) if by == "gradient" else (None, Differences.of(space))
    answers = Scorer(model.predict, None, slopes, (WIDTH,), 10_000, differences)
    low, high = (np.tile(side, (len(model.X), 1)) for side in model.bounds)
    labels = np.zeros(len(model.X), dtype=int)
    price: Any = "linf" if norm == "linf" else "elastic"
    return Contrast("PN", answers, space, model.X, labels, model.X, low, high, 0.0, 0.0, price=price)


@both_norms
@some_classes
@pytest.mark.parametrize("by", ["gradient", "differences"])
def test_tangent_planes_lead_to_the_nearest_rival_of_a_linear_model(norm: str, k: int, by: str) -> None:
    model = Linear(k)
    contrast = contrast_of(model, norm, by)
    found = Incumbents.untouched(contrast)
    approach(contrast, found, 15, quiet)
    distance = found.cost if norm == "linf" else np.sqrt(found.cost)
    assert distance == pytest.approx(model.rivals(norm).min(axis=1), rel=1e-3)


def test_one_set_of_differences_says_which_rivals_are_near() -> None:
    model = Linear(10)
    contrast = contrast_of(model, "l2", "differences")
    near = _nearest_rivals(contrast)
    assert np.array_equal(near, model.rivals("l2").argsort(axis=1)[:, :4])
    assert model.asked <= (2 * WIDTH + 2) * len(model.X)  # not once for each of nine rivals


@both_norms
@some_classes
def test_evasion_by_gradients_ends_at_the_closed_form(norm: str, k: int) -> None:
    model = Linear(k)
    X = np.vstack([model.X, 5.0 * model.weights[-1:]])  # and one of another class, which a subject must have
    subject = Subject.of(model.predict, X, model.scores(X).argmax(axis=1), bounds=model.bounds)
    subject = replace(subject, gradient=model.gradient)
    outcome = xw.assess(
        subject, "robustness.evasion", strict=True, attack="pgd", scale="raw", norm=norm, epsilons=RADII
    )
    assert outcome.finding is not None
    distance = outcome.finding.tables["samples"]["distance"].to_numpy(float)[: len(model.X)]
    assert distance == pytest.approx(model.rivals(norm).min(axis=1), rel=0.01)


def reached(problem: Problem, model: Linear) -> Array:
    """Return how far each class is by the tangents (n, k), infinite for the samples' own."""
    by_class = np.full((len(problem.samples), model.k), np.inf)
    for slopes in (Slopes(problem, model.gradient), Slopes(problem, model.gradient, model.scores, model.leads)):
        rivals, reach, slope = _tangents(slopes, model.k)
        np.put_along_axis(by_class, rivals, reach, axis=1)
        assert slope == pytest.approx(problem.along(model.gradient, problem.origins, problem.labels), abs=1e-12)
    return by_class


@both_norms
def test_the_distances_by_tangents_are_those_of_the_planes_within_the_ranges(norm: str) -> None:
    model = Linear(10)
    wide = reached(problem_of(model, norm), model)
    assert wide == pytest.approx(model.rivals(norm), rel=1e-6)
    model.bounds[:, 0] = model.X[:, 0].min(), model.X[:, 0].max()
    model.weights[1:4] = model.weights[0] + np.array([4.0] + [0.0] * (WIDTH - 1))  # nearest, were there room
    model.bias[1:4] = -4.0 * (model.bounds[1, 0] + 1e-2)
    narrow = reached(problem_of(model, norm), model)
    assert np.isinf(narrow[:, :4]).all()
    assert np.isfinite(narrow[:, 4:]).all()


@pytest.mark.parametrize(("norm", "most"), [("l2", 1900), ("linf", 1700)])
def test_ten_classes_cost_far_less_than_climbing_to_each_would(norm: str, most: int) -> None:
    subject = examples.load("digits_network")
    outcome = xw.assess(subject, "robustness.evasion", strict=True, attack="pgd", norm=norm, n_samples=20)
    assert outcome.finding is not None
    assert outcome.finding.values["found_share"] == 1.0
    assert outcome.queries <= most * 20
