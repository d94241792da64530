"""Projected gradient descent on all samples, restarts and radii."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Gradient
from xrai_widgets.core.step import Partial, Step
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
) -> Array:
    """Climb the loss inside balls of growing radius (Madry et al. 2018, arXiv:1706.06083).

    A sample broken at one radius is not attacked at larger ones: it stays broken, so accuracy can only fall with ε.
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
    blind: Array = np.linalg.norm(_slope(problem, gradient, problem.origins, owner), axis=1)
    radii = sorted(settings.epsilons)
    total = len(radii) * settings.restarts
    for number, (radius, restart) in enumerate((r, k) for r in radii for k in range(settings.restarts)):
        left = np.flatnonzero(best.distance > radius)
        step(number / total, f"PGD at ε = {radius:g}, start {restart + 1}", partial)
        if len(left):
            streams = [np.random.default_rng([seed, restart, int(problem.numbers[i])]) for i in left]
            points = _start(problem, left, radius, streams, restart)
            _climb(
                problem,
                best,
                gradient,
                points,
                left,
                radius,
                settings.steps,
                step.part(number / total, (number + 1) / total),
            )
    return blind


def _climb(
    problem: Problem, best: Best, gradient: Gradient, points: Array, owner: Array, radius: float, steps: int, step: Step
) -> None:
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
        slope = _slope(problem, gradient, points[active], owner[active])
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


def _slope(problem: Problem, gradient: Gradient, points: Array, owner: Array) -> Array:
    space = problem.space
    samples = points * space.slopes + space.bounds[0]
    parts = [
        gradient(samples[a : a + problem.rows].reshape(-1, *problem.shape), problem.labels[owner[a : a + problem.rows]])
        for a in range(0, len(samples), problem.rows)
    ]
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
