"""APGD, the balls it moves in and the losses it climbs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.engines.robustness.attacked import Linear, Stops, digits_cnn, problem_of
from xrai_widgets.core import Constraint, quiet
from xrai_widgets.core.step import Cancelled
from xrai_widgets.engines._band import Band
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.evasion import gradient_descent as pgd
from xrai_widgets.engines.robustness.evasion.auto_attack.apgd import Loss, Settings, apgd
from xrai_widgets.engines.robustness.evasion.auto_attack.losses import cross_entropy, logits_ratio, margin
from xrai_widgets.engines.robustness.evasion.auto_attack.room import Room, size
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import Ran, Slopes

both_norms = pytest.mark.parametrize("norm", ["l2", "linf"])
every_loss = pytest.mark.parametrize("loss", ["ce", "dlr", "targeted"])


def attack(model: Linear, problem: Problem, settings: Settings, seed: int = 0) -> tuple[Best, Ran]:
    best = Best.nothing(problem)
    slopes = Slopes(problem, model.gradient, model.logits, model.logit_gradient)
    return best, apgd(problem, best, slopes, settings, seed, quiet)


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_the_nearest_point_of_a_ball_cut_by_a_box_is_what_an_optimiser_gets(norm: str) -> None:
    rng = np.random.default_rng(0)
    origins = rng.uniform(0.2, 0.8, (12, 3))
    room = Room(norm, origins, np.zeros((12, 3)), np.ones((12, 3)))
    points, radius = origins + rng.normal(0, 0.8, (12, 3)), rng.uniform(0.1, 0.6, 12)
    ours = room.project(points, radius)
    assert (size(ours - origins, norm) <= radius + 1e-9).all()
    assert (ours >= 0).all()
    assert (ours <= 1).all()
    for i in range(12):
        grid = np.linspace(0, 1, 41)
        cube = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(-1, 3)
        cube = cube[size(cube - origins[i], norm) <= radius[i]]
        assert np.linalg.norm(ours[i] - points[i]) <= np.linalg.norm(cube - points[i], axis=1).min() + 1e-9


def test_in_l0_the_largest_changes_are_kept_after_the_box_has_cut_them() -> None:
    room = Room("l0", np.array([[0.5, 0.9, 0.5]]), np.zeros((1, 3)), np.ones((1, 3)))
    moved = room.project(np.array([[0.8, 9.0, 0.3]]), np.array([2.0]))
    assert moved.tolist() == [[0.8, 0.9, 0.3]]


def test_the_derivatives_of_the_losses_are_those_of_finite_differences() -> None:
    rng = np.random.default_rng(1)
    scores, label, rival = rng.normal(size=(30, 6)), rng.integers(0, 3, 30), rng.integers(3, 6, 30)
    for function in (
        lambda z: cross_entropy(z, label),
        lambda z: margin(z, label),
        lambda z: margin(z, label, rival),
        lambda z: logits_ratio(z, label),
        lambda z: logits_ratio(z, label, rival),
    ):
        _, weights = function(scores)
        for j in range(6):
            change = np.eye(6)[j] * 1e-6
            slope = (function(scores + change)[0] - function(scores - change)[0]) / 2e-6
            assert np.allclose(weights[:, j], slope, rtol=1e-4, atol=1e-6)
        assert np.allclose(weights.sum(axis=1), 0, atol=1e-12)


def test_the_slope_of_the_cross_entropy_does_not_vanish_where_the_model_is_sure() -> None:
    _, weights = cross_entropy(np.array([[200.0, 0.0, 1.0]]), np.array([0]))
    assert weights[0, 2] > 0
    assert weights[0, 0] == -(weights[0, 1] + weights[0, 2])


@both_norms
@every_loss
@pytest.mark.parametrize("k", [2, 3, 5])
def test_of_a_linear_model_exactly_the_samples_within_reach_are_broken(norm: Any, loss: Loss, k: int) -> None:
    model = Linear(k)
    far = model.distances(norm)
    radius = float(np.median(far))
    best, ran = attack(model, model.problem(norm), Settings(radius, loss, 40, 2))
    broken = best.distance <= radius * (1 + 1e-9)
    clear = np.abs(far / radius - 1) > 0.02
    assert (broken <= (far <= radius)).all(), "nothing is nearer than the closed form"
    if loss == "targeted":
        assert (broken == (far <= radius))[clear].all()
    else:
        assert broken[clear & (far <= radius)].mean() > 0.8
    assert bool(ran.notes) == ((loss == "targeted" and k == 3) or (loss == "dlr" and k == 2))


@both_norms
def test_one_pass_for_all_classes_leads_where_a_pass_for_each_class_leads(norm: Any) -> None:
    model = Linear(5)
    problem = model.problem(norm)
    points = problem.origins + 0.1
    owner = np.arange(len(points))
    _, weights = logits_ratio(model.logits(points), problem.labels)
    one = Slopes(problem, None, model.logits, model.logit_gradient).slope(points, owner, weights)
    each = Slopes(problem, model.gradient, model.logits).slope(points, owner, weights)
    assert np.allclose(one, each)


def test_what_is_spent_is_what_the_model_was_asked() -> None:
    model = Linear(5)
    problem = model.problem("l2")
    _, ran = attack(model, problem, Settings(0.4, "targeted", 20, 1))
    assert ran.spent.sum() == model.asked
    assert ran.spent.min() > 0


@pytest.mark.parametrize("queries", [50, 300, 900, 5000])
def test_a_budget_of_queries_is_kept(queries: int) -> None:
    model = Linear(10)
    problem = model.problem("l2")
    settings = Settings.within(0.3, "targeted", queries, 10)
    _, ran = attack(model, problem, settings)
    assert ran.spent.max() <= queries
    assert 3 * settings.steps * settings.restarts * settings.rivals >= 0.5 * (queries - 20)


def test_samples_that_are_broken_within_the_radius_are_left_alone() -> None:
    model = Linear(4)
    problem = model.problem("l2")
    best = Best.nothing(problem)
    best.distance[::2] = 0.1
    slopes = Slopes(problem, model.gradient, model.logits, model.logit_gradient)
    ran = apgd(problem, best, slopes, Settings(0.2, "ce", 10), 0, quiet)
    assert (ran.spent[::2] == 0).all()
    assert (ran.spent[1::2] > 0).all()


@both_norms
@every_loss
def test_a_sample_is_attacked_alike_whichever_others_are_attacked_with_it(norm: Any, loss: Loss) -> None:
    model = Linear(5)
    problem = model.problem(norm)
    some = np.array([1, 4, 11, 17])
    alone = replace(
        problem, samples=problem.samples[some], labels=problem.labels[some], numbers=problem.numbers[some], rows=3
    )
    settings = Settings(float(np.median(model.distances(norm))), loss, 15)
    together, _ = attack(model, problem, settings)
    apart, _ = attack(model, alone, settings)
    assert np.array_equal(np.isfinite(together.distance[some]), np.isfinite(apart.distance))
    finite = np.isfinite(apart.distance)
    assert np.allclose(together.distance[some][finite], apart.distance[finite], rtol=1e-6)


def test_constraints_hold_and_whole_numbers_count_as_they_are_rounded() -> None:
    kinds = (
        *(Constraint(immutable=True), Constraint(monotone=1), Constraint(monotone=-1), Constraint(kind="integer")),
        *[Constraint()] * 4,
    )
    model = Linear(3)
    model.X[:, 3] = np.rint(model.X[:, 3])
    problem = model.problem("l2", kinds)
    best, _ = attack(model, problem, Settings(1.0, "targeted", 40))
    assert best.success.sum() > 5
    owner = np.flatnonzero(best.success)
    changed = problem.space.to_samples(best.points[owner], problem.samples[owner])
    before = problem.samples[owner]
    assert (problem.classes(changed) != problem.labels[owner]).all()
    assert (changed[:, 0] == before[:, 0]).all()
    assert (changed[:, 1] >= before[:, 1]).all()
    assert (changed[:, 2] <= before[:, 2]).all()
    assert (changed[:, 3] == np.rint(changed[:, 3])).all()
    assert np.allclose(np.linalg.norm(changed - before, axis=1), best.distance[owner])


def test_a_regression_is_led_up_and_down() -> None:
    weights, X = np.array([2.0, -1.0]), np.array([[0.2, 0.2], [0.95, 0.05], [0.05, 0.95]])
    band = Band(lambda rows: rows @ weights, X @ weights, 0.5)
    space = Space(np.array([[0.0, 0.0], [1.0, 1.0]]), (), "raw", None)
    problem = Problem(
        band.scores, space, X, np.zeros(3, int), np.arange(3), (2,), "linf", 100, None, offsets=band.offsets
    )
    best = Best.nothing(problem)
    slopes = Slopes(problem, band.slopes(lambda rows, _: np.tile(weights, (len(rows), 1))))
    apgd(problem, best, slopes, Settings(0.3, "targeted", 40), 0, quiet)
    assert np.allclose(best.distance[0], 0.5 / 3, rtol=1e-3)
    assert best.success.all(), "one of them can only fall, and one only rise"


def test_a_cancelled_attack_keeps_what_it_has() -> None:
    model = Linear(5)
    problem = model.problem("l2")
    best = Best.nothing(problem)
    slopes = Slopes(problem, model.gradient, model.logits, model.logit_gradient)
    with pytest.raises(Cancelled):
        apgd(problem, best, slopes, Settings(0.5, "targeted", 100), 0, Stops(100))
    assert best.success.any()


@both_norms
def test_on_a_network_it_breaks_what_plain_ascent_breaks_and_more(norm: Any) -> None:
    subject = digits_cnn()
    radius = {"linf": 0.1, "l2": 0.5}[norm]
    problem = problem_of(subject, norm, 60)
    assert subject.gradient is not None
    plain, ours = Best.nothing(problem), Best.nothing(problem)
    pgd.projected_gradient_descent(problem, plain, subject.gradient, pgd.Settings((radius,), 20, 1), 0, quiet)
    for loss in ("ce", "targeted"):
        slopes = Slopes(problem, subject.gradient, subject.logits)
        apgd(problem, ours, slopes, Settings(radius, loss, 20, 1, 3), 0, quiet)
    counts = [int((best.distance <= radius * (1 + 1e-9)).sum()) for best in (plain, ours)]
    assert 5 < counts[1] < 60
    assert counts[1] >= counts[0]


def test_gradient_descent_breaks_the_same_with_one_pass_per_step_and_stops_where_it_stands() -> None:
    subject = digits_cnn()
    problem, asked = problem_of(subject, "linf", 60), []
    assert subject.gradient is not None
    assert subject.logit_gradient is not None

    def counted(X: Any, V: Any) -> Any:
        asked.append(len(X))
        return subject.logit_gradient(X, V)  # type: ignore[misc]  # it is there

    counted.steerable = True  # type: ignore[attr-defined]  # the mark
    plain, ours = Best.nothing(problem), Best.nothing(problem)
    settings = pgd.Settings((0.05,), 60, 1)
    pgd.projected_gradient_descent(problem, plain, subject.gradient, settings, 0, quiet)
    pgd.projected_gradient_descent(
        *(problem, ours, subject.gradient, settings, 0, quiet), logits=subject.logits, logit_gradient=counted
    )
    assert 3 < ours.success.sum() < 57
    assert (ours.success != plain.success).sum() <= 1
    assert sum(asked) < 0.7 * 60 * (~ours.success).sum(), "what stands is not asked for all of its steps"
