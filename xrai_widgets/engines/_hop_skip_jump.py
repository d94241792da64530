"""HopSkipJump on all samples at once."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.core.step import Partial, Step
from xrai_widgets.engines._problem import Best, Problem, nearest, settle
from xrai_widgets.engines._space import unit

_CANDIDATES = 5  # near rows of other classes that are tried as starting points
_STARTS = 3  # of which so many are followed, from different classes where possible
_TRIALS = 3  # for so many iterations; then only the nearest one
_FINAL = 1e-5
_STARTED = 0.08  # share of the time that finding starting points takes


@dataclass(frozen=True)
class Settings:
    """Budget of the attack; names and defaults are those of the Adversarial Robustness Toolbox."""

    max_iter: int = 50
    max_eval: int = 10_000
    init_eval: int = 100
    init_size: int = 100

    def evaluations(self, iteration: int) -> int:
        """How many noisy points estimate the gradient in this iteration."""
        return min(int(self.init_eval * np.sqrt(iteration + 1)), self.max_eval)


def hop_skip_jump(
    problem: Problem,
    best: Best,
    pool: Array,
    pool_classes: Array,
    settings: Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
) -> Array:
    """Find near adversarial samples by asking for labels only (Chen, Jordan, Wainwright 2020, arXiv:1904.02144).

    All samples go through the same iteration together, so the model is asked a few large batches instead of
    thousands of small ones. Every sample has a random stream of its own: its result does not depend on the others.

    Parameters
    ----------
    best : Best
        Filled in place, so that what is found is kept if the attack is cancelled.
    pool, pool_classes : array (r, d), int array (r,)
        Real samples and what the model returns for them (`Problem.outputs`); the nearest one of another class is where
        the search starts.
    partial : callable
        Makes the finding so far.

    Returns
    -------
    array (iterations, n)
        Distance after each iteration, infinite where nothing is found.
    """
    streams = [np.random.default_rng([seed, int(number)]) for number in problem.numbers]
    step(0.0, "starting points", partial)
    points, owner = _start(problem, pool, pool_classes, settings, streams, best)
    step(_STARTED, "starting points", partial)
    tolerance = 0.01 / np.sqrt(points.shape[1])
    work = np.cumsum([settings.evaluations(t) for t in range(settings.max_iter)])
    history = []
    for t in range(settings.max_iter if len(owner) else 0):
        points, distance = settle(problem, best, points, owner, tolerance)
        if t == _TRIALS:
            first = nearest(owner, distance)
            points, owner = points[first], owner[first]
        history.append(best.distance.copy())
        step(
            _STARTED + (0.97 - _STARTED) * work[t] / work[-1],
            f"HopSkipJump iteration {t + 1} of {settings.max_iter}",
            partial,
        )
        points = _jump(problem, points, owner, t, settings.evaluations(t), [streams[i] for i in owner])
    if len(owner):
        settle(problem, best, points, owner, tolerance)
        reached = np.flatnonzero(best.success)
        settle(problem, best, best.points[reached], reached, _FINAL)
    return np.array(history).reshape(-1, len(problem.samples))


def _start(
    problem: Problem,
    pool: Array,
    pool_classes: Array,
    settings: Settings,
    streams: list[np.random.Generator],
    best: Best,
) -> tuple[Array, Array]:
    """Return a few adversarial points for as many samples as possible, and whose they are."""
    coordinates = problem.space.to_coordinates(pool)
    free = problem.space.free

    def real(number: int) -> tuple[Array, Array]:
        origin, classes = problem.origins[number], problem.seen(pool_classes, number)
        other = np.flatnonzero(classes != problem.labels[number])
        there = problem.space.held(coordinates[other], origin)
        size = np.abs((there - origin)[:, free]).sum(axis=1)
        chosen = _in_turn(size, classes[other])[:_CANDIDATES]
        return np.where(free, there[chosen], origin), classes[other[chosen]]

    def anywhere(number: int) -> tuple[Array, Array]:
        low, high = problem.space.box_around(problem.origins[number])
        noise = streams[number].uniform(low, high, (settings.init_size, len(low)))
        return np.where(free, noise, problem.origins[number]), np.zeros(settings.init_size, dtype=np.intp)

    starts = []
    for propose, many in ((real, _CANDIDATES), (anywhere, settings.init_size)):
        left = np.flatnonzero(~best.success)
        group = max(1, problem.rows // many)
        for start in range(0, len(left), group):
            starts.append(_try(problem, {n: propose(n) for n in left[start : start + group]}, best))
    if not starts:  # all of them were found before
        return problem.origins[:0], np.empty(0, dtype=np.intp)
    points, owner = (np.concatenate(parts) for parts in zip(*starts, strict=True))
    return points, owner


def _try(problem: Problem, proposals: dict[int, tuple[Array, Array]], best: Best) -> tuple[Array, Array]:
    """Pull the adversarial ones among the proposals; return the best few per sample, and whose they are."""
    points, kinds = (np.concatenate(parts) for parts in zip(*proposals.values(), strict=True))
    owner = np.repeat(np.array([*proposals], dtype=np.intp), [len(part) for part, _ in proposals.values()])
    good = problem.adversarial(points, owner)
    owner, kinds = owner[good], kinds[good]
    points, distance = settle(problem, best, points[good], owner, 1e-3)
    chosen = [np.empty(0, dtype=np.intp)]
    for number in np.unique(owner):
        rows = np.flatnonzero(owner == number)
        chosen.append(rows[_in_turn(distance[rows], kinds[rows])[:_STARTS]])
    keep = np.concatenate(chosen)
    return points[keep], owner[keep]


def _in_turn(size: Array, kinds: Array) -> Array:
    """Order by size, but first the smallest one of each kind, then the second ones, and so on."""
    order = np.argsort(size, kind="stable")
    turn = np.empty(len(order), dtype=np.intp)
    for kind in np.unique(kinds):
        mine = order[kinds[order] == kind]
        turn[mine] = np.arange(len(mine))
    turns: Array = np.lexsort((size, turn))
    return turns


def _jump(
    problem: Problem, points: Array, owner: Array, t: int, evaluations: int, streams: list[np.random.Generator]
) -> Array:
    """Estimate the boundary's normal at each point and step along it, as far as the label stays changed."""
    origins = problem.origins[owner]
    change = points - origins
    distance = np.abs(change).max(axis=1) if problem.norm == "linf" else np.linalg.norm(change, axis=1)
    width = points.shape[1]
    reach = 0.1 if t == 0 else 0.01 * np.sqrt(1.0 if problem.norm == "l2" else width)
    size = np.where(t == 0, reach, reach * distance)
    direction = np.empty_like(points)
    group = max(1, problem.rows // evaluations)
    for start in range(0, len(points), group):
        part = slice(start, start + group)
        direction[part] = _normals(problem, points[part], owner[part], size[part], evaluations, streams[part])
    if problem.norm == "linf":
        direction = np.sign(direction)
    return _advance(problem, points, owner, direction, distance / np.sqrt(t + 1))


def _normals(
    problem: Problem, points: Array, owner: Array, size: Array, evaluations: int, streams: list[np.random.Generator]
) -> Array:
    """Monte-Carlo estimate of the unit normals (equation 16 of the paper, with the mean as baseline)."""
    shape = (evaluations, points.shape[1])
    draw = np.stack([s.uniform(-1, 1, shape) if problem.norm == "linf" else s.standard_normal(shape) for s in streams])
    noise = draw * problem.space.free
    noise /= np.maximum(np.linalg.norm(noise, axis=2, keepdims=True), 1e-12)
    low, high = problem.space.box_around(problem.origins[owner])
    moved = np.clip(points[:, None] + size[:, None, None] * noise, low[:, None], high[:, None])
    noise = (moved - points[:, None]) / np.maximum(size[:, None, None], 1e-12)
    signs = (
        problem.adversarial(moved.reshape(-1, shape[1]), np.repeat(owner, evaluations)).reshape(len(points), -1) * 2.0
        - 1
    )
    centre = signs.mean(axis=1, keepdims=True)
    weights = np.where(np.abs(centre) == 1.0, signs, signs - centre)
    return unit(np.einsum("ij,ijk->ik", weights, noise) / evaluations)


def _advance(problem: Problem, points: Array, owner: Array, direction: Array, size: Array) -> Array:
    """Halve each step until the moved point is still adversarial; a point that cannot move stays."""
    low, high = problem.space.box_around(problem.origins[owner])
    moved, waiting = points.copy(), np.arange(len(points))
    for _ in range(25):
        tried = np.clip(points[waiting] + size[waiting, None] * direction[waiting], low[waiting], high[waiting])
        good = problem.adversarial(tried, owner[waiting])
        moved[waiting[good]] = tried[good]
        waiting = waiting[~good]
        if not len(waiting):
            break
        size = size / 2
    return moved
