"""Projected gradient descent on all samples, restarts and radii."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Gradient
from xrai_widgets.core.step import Partial, Step
from xrai_widgets.engines._band import ABOVE, BELOW
from xrai_widgets.engines._problem import Best, Problem, settle

_FINAL = 1e-5


@dataclass(frozen=True)
class Settings:
    """Budget of the attack."""

    epsilons: tuple[float, ...]
    steps: int = 40
    restarts: int = 3


def projected_gradient_descent(
    problem: Problem,
    best: Best,
    gradient: Gradient,
    settings: Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
    *,
    n_classes: int = 2,
) -> Array:
    """Climb the loss inside balls of growing radius (Madry et al. 2018, arXiv:1706.06083).

    A sample broken at one radius is not attacked at larger ones: it stays broken, so accuracy can only fall with ε. The
    list of radii ends where nothing stands any more. Of several classes each rival is also climbed to by itself: the
    loss alone leads to the likeliest one, which need not be the nearest.
    What is found is pulled back towards the original, so distances are not tied to the list of radii.

    Parameters
    ----------
    best : Best
        Filled in place, so that what is found is kept if the attack is cancelled.
    gradient : callable
        (X, y) → derivative of the loss, in the shape of X.

    Returns
    -------
    array (n,)
        Norm of the gradient at the original: where it is 0 the attack is blind.
    """
    owner = np.arange(len(problem.samples))
    radii, goals = sorted(settings.epsilons), _goals(problem, n_classes, settings.restarts)
    first = goals[0][1] if problem.offsets is not None else None
    blind: Array = np.linalg.norm(_slope(problem, gradient, problem.origins, owner, first), axis=1)
    total = len(radii) * len(goals)
    for place, radius in enumerate(radii):
        left = np.flatnonzero(best.distance > radius)  # by each goal: a nearer rival may come after a farther one
        if not len(left):
            break
        for number, (restart, rival) in enumerate(goals, place * len(goals)):
            step(number / total, f"PGD at ε = {radius:g}, start {number % len(goals) + 1}", partial)
            some = left if rival is not None else left[best.distance[left] > radius]
            some = some[problem.labels[some] != rival] if rival is not None else some
            if not len(some):
                continue
            streams = [np.random.default_rng([seed, restart, int(problem.numbers[i])]) for i in some]
            points = _start(problem, some, radius, streams, restart)
            climb = _Climb(gradient, radius, settings.steps, rival)
            _climb(problem, best, climb, points, some, step.part(number / total, (number + 1) / total))
    return blind


def _goals(problem: Problem, n_classes: int, restarts: int) -> list[tuple[int, int | None]]:
    """Return (start, rival class): any other class from every start, and of several each one from the sample itself.

    A prediction has no loss to climb but two ways to go, up and down: both, from every start.
    """
    if problem.offsets is not None:
        return [(restart, way) for restart in range(restarts) for way in (ABOVE, BELOW)]
    each = [(0, rival) for rival in range(n_classes)] if n_classes > 2 else []
    return [*each, *((restart, None) for restart in range(restarts))]


@dataclass(frozen=True)
class _Climb:
    gradient: Gradient
    radius: float
    steps: int
    rival: int | None


def _climb(problem: Problem, best: Best, climb: _Climb, points: Array, owner: Array, step: Step) -> None:
    radius, steps = climb.radius, climb.steps
    size = 2.5 * radius / steps
    active = np.arange(len(owner))
    for t in range(steps + 1):
        hit = problem.adversarial(points[active], owner[active])
        if hit.any():
            good, whose = points[active[hit]], owner[active[hit]]
            best.take(good, whose, problem.distances(good, whose))
            active = active[~hit]
        if not len(active) or t == steps:
            break
        slope = _slope(problem, climb.gradient, points[active], owner[active], climb.rival)
        points[active] = _project(problem, points[active] + size * _unit(slope, problem.norm), owner[active], radius)
        step((t + 1) / (steps + 1), f"PGD at ε = {radius:g}")
    broken = np.setdiff1d(np.arange(len(owner)), active)
    settle(problem, best, points[broken], owner[broken], _FINAL)


def _start(problem: Problem, owner: Array, radius: float, streams: list[np.random.Generator], restart: int) -> Array:
    origins = problem.origins[owner]
    if restart == 0:
        start: Array = origins.copy()
        return start
    noise = np.stack([stream.uniform(-1, 1, origins.shape[1]) for stream in streams])
    if problem.norm == "l2":
        noise *= np.stack([stream.uniform(0, 1, 1) for stream in streams]) / np.linalg.norm(
            noise, axis=1, keepdims=True
        )
    return _project(problem, origins + radius * noise, owner, radius)


def _slope(problem: Problem, gradient: Gradient, points: Array, owner: Array, rival: int | None) -> Array:
    """Return the direction (r, D) in which the answer, or its lead over a rival, loses most."""
    space = problem.space
    samples = points * space.slopes + space.bounds[0]
    parts = []
    for start in range(0, len(samples), problem.rows):
        X = samples[start : start + problem.rows].reshape(-1, *problem.shape)
        own = problem.labels[owner[start : start + problem.rows]]
        flow = gradient(X, own)
        # the cross-entropy of class j is logsumexp − score j: in the difference the first part drops out
        parts.append(flow if rival is None else flow - gradient(X, np.full_like(own, rival)))
    slope: Array = np.concatenate(parts).reshape(len(points), -1) * space.slopes * space.free
    return slope


def _unit(slope: Array, norm: str) -> Array:
    if norm == "linf":
        return np.sign(slope)
    length = np.linalg.norm(slope, axis=1, keepdims=True)
    unit: Array = np.divide(slope, length, out=np.zeros_like(slope), where=length > 0)
    return unit


def _project(problem: Problem, points: Array, owner: Array, radius: float) -> Array:
    """Return the points, moved into the ball and the box."""
    origins = problem.origins[owner]
    change: Array = (points - origins) * problem.space.free
    if problem.norm == "linf":
        change = np.clip(change, -radius, radius)
    else:
        length = np.linalg.norm(change, axis=1, keepdims=True)
        change = change * np.minimum(1.0, radius / np.maximum(length, 1e-12))
    low, high = problem.space.box_around(origins)
    moved: Array = np.clip(origins + change, low, high)
    return moved
