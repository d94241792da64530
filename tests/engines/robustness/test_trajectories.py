"""Where APGD, FAB and Square go, step by step, against the recipes of their papers written down once more."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Array, quiet
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.evasion.auto_attack import fab as fabs
from xrai_widgets.engines.robustness.evasion.auto_attack import square as squares
from xrai_widgets.engines.robustness.evasion.auto_attack.apgd import Settings, apgd
from xrai_widgets.engines.robustness.evasion.auto_attack.climbing import Climbing
from xrai_widgets.engines.robustness.evasion.auto_attack.room import Room
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import Slopes
from xrai_widgets.engines.robustness.evasion.auto_attack.squares import Draws, bump

WIDTH, STEPS, N = 12, 60, 6
RADIUS = {"linf": 0.3, "l2": 0.8, "l1": 2.0}


class Wavy:
    """Smooth scores with many hills; the first class leads by far, and nothing is broken. It keeps what is asked."""

    def __init__(self, k: int = 5, lead: float = 50.0) -> None:
        rng = np.random.default_rng(0)
        self.inner, self.outer = 4.0 * rng.normal(size=(WIDTH, 16)), rng.normal(size=(16, k))
        self.lead = np.r_[lead, np.zeros(k - 1)]
        self.X = rng.uniform(0.3, 0.7, (N, WIDTH))
        self.asked: list[Array] = []

    def logits(self, X: Array) -> Array:
        self.asked.append(X.copy())
        scores: Array = np.sin(X @ self.inner) @ self.outer + self.lead
        return scores

    def logit_gradient(self, X: Array, V: Array) -> Array:
        flow: Array = (np.cos(X @ self.inner) * (V @ self.outer.T)) @ self.inner.T
        return flow

    def problem(self, norm: Any) -> Problem:
        space = Space(np.array([[0.0], [1.0]]) * np.ones(WIDTH), (), "raw", None)
        labels = np.zeros(N, dtype=np.intp)
        return Problem(self.logits, space, self.X, labels, 3 * np.arange(N), (WIDTH,), norm, 10_000)

    def margin(self, x: Array) -> tuple[float, Array]:
        """Return by how much the largest rival leads over the first class, and the slope of it."""
        scores = (np.sin(x @ self.inner) @ self.outer + self.lead)[1:]
        weights = np.zeros(len(self.lead))
        weights[0], weights[1 + scores.argmax()] = -1.0, 1.0
        value = float(weights @ (np.sin(x @ self.inner) @ self.outer + self.lead))
        return value, self.logit_gradient(x[None], weights[None])[0]


def recipe(model: Wavy, norm: str, start: Array, origin: Array) -> list[Array]:
    """Croce and Hein 2020, algorithm 1 (2021, algorithm 2, for l1), for one sample: the points it goes through."""
    radius, room = RADIUS[norm], Room(norm, origin[None], np.zeros((1, WIDTH)), np.ones((1, WIDTH)))

    def held(point: Array) -> Array:
        return room.project(point[None], radius)[0]

    x, before, size = start, start, radius if norm == "l1" else 2 * radius
    loss, slope = model.margin(x)
    best, best_x, best_slope = loss, x, slope
    best_checked, halved, losses, path = -np.inf, True, [loss], [x]
    share, moved = 0.2, float(WIDTH)
    window, since = max(int((0.04 if norm == "l1" else 0.22) * STEPS), 1), 0
    for t in range(STEPS):
        if norm == "l1":
            count = min(int((1 - share) * WIDTH), WIDTH - 1)
            way = np.sign(slope) * (np.abs(slope) >= np.sort(np.abs(slope))[count])
            x, before = held(x + size * way / np.abs(way).sum()), x
        else:
            way = np.sign(slope) if norm == "linf" else slope / np.linalg.norm(slope)
            ahead = held(x + size * way)
            weight = 1.0 if t == 0 else 0.75
            x, before = held(x + weight * (ahead - x) + (1 - weight) * (x - before)), x
        path.append(x)
        loss, slope = model.margin(x)
        losses.append(loss)
        if loss > best:
            best, best_x, best_slope = loss, x, slope
        since += 1
        if since < window:
            continue
        since = 0
        if norm == "l1":
            count = float((best_x != origin).sum())
            back = count < 0.95 * moved
            share, moved = count / WIDTH / 1.5, count
            size = radius if back else max(size / 1.5, radius / 10)
        else:
            rises = sum(losses[-i] > losses[-i - 1] for i in range(1, window + 1))
            back = rises <= 0.75 * window or (not halved and best_checked >= best)
            halved, best_checked = back, best
            size = size / 2 if back else size
            window = max(window - max(int(0.03 * STEPS), 1), max(int(0.06 * STEPS), 1))
        if back:
            x, slope = best_x, best_slope
    return path


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_apgd_goes_where_the_recipe_goes(norm: str) -> None:
    model = Wavy(k=2)  # of two classes the ratio of logits is the margin
    problem, radius = model.problem(norm), RADIUS[norm]
    slopes = Slopes(problem, None, model.logits, model.logit_gradient)
    apgd(problem, Best.nothing(problem), slopes, Settings(radius, "dlr", STEPS), 0, quiet)
    asked = np.stack([rows for rows in model.asked if len(rows) == N][-STEPS - 1 :])
    assert len(np.unique(asked[0], axis=0)) == N
    for i in range(N):
        path = np.stack(recipe(model, norm, asked[0, i], model.X[i]))
        np.testing.assert_allclose(asked[:, i], path, atol=1e-4)


def starts_of(run: Callable[[Slopes, Problem], Any], turns: int, norm: str = "linf") -> Array:
    """Return the points at which each turn of an attack begins (turns, N, D), where each asks equally often."""
    model = Wavy()
    problem = model.problem(norm)
    run(Slopes(problem, None, model.logits, model.logit_gradient), problem)
    rows = [rows for rows in model.asked if len(rows) == N][1:]  # the first are the samples: who is likely?
    return np.stack(rows[:: len(rows) // turns][:turns])


@pytest.mark.parametrize("loss", ["ce", "targeted"])
def test_each_turn_of_apgd_begins_somewhere_else_and_with_another_seed_or_loss_too(loss: Any) -> None:
    def run(seed: int, loss: Any) -> Callable[[Slopes, Problem], Any]:
        settings = Settings(0.1, loss, 5, 3, 2)
        return lambda slopes, problem: apgd(problem, Best.nothing(problem), slopes, settings, seed, quiet)

    turns = 6 if loss == "targeted" else 3
    first = starts_of(run(0, loss), turns)
    others = [starts_of(run(1, loss), turns), starts_of(run(0, "targeted" if loss == "ce" else "ce"), 3)]
    every = np.concatenate([first, *others]).reshape(-1, WIDTH)
    assert len(np.unique(every, axis=0)) == len(every)


def test_apgd_towards_rivals_climbs_to_each_of_them() -> None:
    model = Wavy(k=6)
    problem = model.problem("linf")
    slopes = Slopes(problem, None, model.logits, model.logit_gradient)
    aims: list[Array] = []
    plain = slopes.both

    def both(points: Array, owner: Array, weigh: Any) -> Any:
        aims.append(weigh(model.logits(points), owner)[1].argmax(axis=1))
        return plain(points, owner, weigh)

    slopes.both = both  # type: ignore[method-assign]  # looked over its shoulder
    apgd(problem, Best.nothing(problem), slopes, Settings(0.01, "targeted", 1, 1, 3), 0, quiet)
    likely = 1 + np.argsort(-model.logits(model.X)[:, 1:], axis=1)[:, :3]
    np.testing.assert_array_equal(np.stack(aims, axis=1), likely)


def test_fab_meets_the_boundary_of_a_plane_at_the_first_step_and_stays_at_it() -> None:
    """Where the boundary is a plane, each step ends 5 % beyond it, and back from there by a tenth of the way."""
    weights = np.array([[0.0, 0.0], [3.0, 1.0]])
    asked: list[Array] = []

    def logits(X: Array) -> Array:
        asked.append(X.copy())
        scores: Array = X @ weights.T - np.array([0.0, 2.0])
        return scores

    space = Space(np.array([[-9.0, -9.0], [9.0, 9.0]]), (), "raw", None)
    problem = Problem(logits, space, np.zeros((1, 2)), np.zeros(1, dtype=np.intp), np.arange(1), (2,), "l2", 100)
    best = Best.nothing(problem)
    slopes = Slopes(problem, None, logits, lambda X, V: V @ weights + 0 * X)
    fabs.fab(problem, best, slopes, fabs.Settings(2, 1, 1), 0, quiet)
    nearest = 2.0 * weights[1] / 10.0
    path = [rows[0] for rows in asked if len(rows) == 1]
    assert path[0] == pytest.approx(np.zeros(2))  # who is likely
    assert path[1] == pytest.approx(np.zeros(2))
    assert path[2] == pytest.approx(1.05 * nearest)
    # 1.05 · 0.9 = 0.945 of the way; 1.05 of what is left, 0.055, and 0.1 of the way towards 1.05 (0.055 / 1.055 < 0.1)
    share = 0.055 / 1.055
    expected = (1 - share) * (0.945 + 1.05 * 0.055) + share * 1.05
    assert any(np.allclose(point, expected * nearest) for point in path[3:])
    assert best.distance[0] == pytest.approx(np.linalg.norm(nearest), rel=1e-4)


def test_fab_begins_again_at_up_to_half_of_what_is_known_and_towards_every_rival() -> None:
    model = Wavy(lead=6.0)
    problem = model.problem("l2")
    begun: list[tuple[Array, Array, Array]] = []
    plain = fabs._walk

    def walk(*given: Any) -> None:
        room, points, rival = given[3], given[4], given[6]
        begun.append((np.linalg.norm(points - room.origins, axis=1), given[1].distance.copy(), rival))
        plain(*given)

    fabs._walk = walk
    try:
        best = Best.nothing(problem)
        slopes = Slopes(problem, None, model.logits, model.logit_gradient)
        fabs.fab(problem, best, slopes, fabs.Settings(8, 2, 3), 0, quiet)
    finally:
        fabs._walk = plain
    assert (model.logits(model.X).argmax(axis=1) == 0).all()
    assert best.success.all()
    assert len(begun) == 6
    assert all((far == 0).all() for far, _, _ in begun[:3])
    ratio = np.array([far / known for far, known, _ in begun[3:]])
    assert ratio.max() == pytest.approx(0.5)  # where the ranges do not cut it short
    assert (ratio > 0.2).all()
    likely = 1 + np.argsort(-model.logits(model.X)[:, 1:], axis=1)[:, :3]
    np.testing.assert_array_equal(np.stack([rival for _, _, rival in begun[:3]], axis=1), likely)


def images(answer: Callable[[Array], Array]) -> tuple[Problem, list[Array]]:
    asked: list[Array] = []

    def logits(X: Array) -> Array:
        asked.append(X.copy())
        return answer(X)

    space = Space(np.array([[0.0], [1.0]]) * np.ones(64), (), "raw", None)
    samples = np.full((2, 64), 0.5)
    labels = np.zeros(2, dtype=np.intp)
    return Problem(logits, space, samples, labels, np.arange(2), (1, 8, 8), "linf", 100), asked


def test_square_moves_on_only_where_the_lead_falls_and_each_start_is_another_one() -> None:
    def same(X: Array) -> Array:
        return np.tile([1.0, 0.0], (len(X), 1))

    problem, asked = images(same)
    slopes = Slopes(problem, None, problem.predict)
    squares.square(problem, Best.nothing(problem), slopes, squares.Settings(0.1, 30, 2), 0, quiet)
    both = np.stack(asked).reshape(2, 30, 2, 8, 8)
    assert not np.array_equal(both[0, 0], both[1, 0])
    for steps in both:
        for t in range(1, 30):
            side = squares.side(t - 1, 30, 0.8, (1, 8, 8))
            for image, first in zip(steps[t], steps[0], strict=True):
                rows, columns = np.nonzero(image != first)  # nothing was better: all begin at the stripes
                assert not len(rows) or (np.ptp(rows) < side and np.ptp(columns) < side)


def test_squares_come_to_every_corner_and_a_bump_rises_by_its_rings() -> None:
    draws = Draws([np.random.default_rng(0)], (1, 8, 6))
    ends = np.linspace(0, 1, 5, endpoint=False)[:, None] + 0.19
    top, left = draws.corners(np.hstack([ends, ends]), 4)
    assert top.tolist() == [0, 1, 2, 3, 4]
    assert left.max() == 2
    heap = bump(6)[:3] / bump(6)[0, 0]
    # rings around the middle of 3 × 6: 1 within two steps of it, + 1/4, + 1/9 further out are what each ring adds
    assert heap[1].max() == pytest.approx(heap.max())
    assert heap[1, 2] / heap[0, 2] == pytest.approx((1 + 1 / 4 + 1 / 9) / (1 / 4 + 1 / 9))
    np.testing.assert_allclose(bump(6)[:3], -bump(6)[3:])


def test_a_climb_that_rises_and_comes_to_nothing_higher_is_shortened_once_and_then_given_a_window() -> None:
    n, room = 4, Room("linf", np.zeros((4, 2)), -np.ones((4, 2)), np.ones((4, 2)))
    points, level = np.full((n, 2), 0.5), np.ones(n)
    climb = Climbing(
        room, np.arange(n), points, points.copy(), np.full(n, 0.8), level.copy(), points.copy(),
        top=level.copy(), top_points=np.zeros((n, 2)), top_slope=-points, top_before=np.array([1.0, 1.0, 0.5, 0.5]),
        rises=np.array([9.0, 9.0, 9.0, 7.0]), halved=np.array([False, True, False, False]),
        sparse=np.ones(n), moved=np.ones(n),
    )  # fmt: skip
    climb.adapt(10, 0.4)
    assert climb.size.tolist() == [0.4, 0.8, 0.8, 0.4]
    assert climb.halved.tolist() == [True, False, False, True]
    assert (climb.points[[0, 3]] == 0.0).all()
    assert (climb.points[[1, 2]] == 0.5).all()
    assert (climb.rises == 0).all()
    assert (climb.top_before == 1.0).all()
