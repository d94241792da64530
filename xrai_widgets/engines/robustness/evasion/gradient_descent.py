"""Projected gradient descent on all samples, restarts and radii."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Gradient, Predict
from xrai_widgets.core.step import Partial, Step
from xrai_widgets.engines._band import ABOVE, BELOW
from xrai_widgets.engines._problem import Best, Problem, settle
from xrai_widgets.engines._search.planes import nearest_crossing
from xrai_widgets.engines._space import length
from xrai_widgets.engines.robustness.evasion.auto_attack.losses import cross_entropy, margin
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import Slopes

_FINAL = 1e-5
_TINY = 1e-12
_STRIDE, _SHORTER = 0.5, 0.85  # of the radius is the first step, and how much shorter the next ones are
_STILL = 1e-10  # a point that moves by less stands
_NEAREST, _BENT, _CLOSE = 2, 3.0, 1.1  # how many times nearer than by the tangent the first rivals may lie, and others


@dataclass(frozen=True)
class Settings:
    """Budget of the attack.

    With ``equal`` all steps are as long as each other, and together as long as the radius; else the first ones are
    longer. With ``rivals`` it climbs towards single classes, too, not to any other one only.
    """

    epsilons: tuple[float, ...]
    steps: int = 40
    restarts: int = 3
    equal: bool = False
    rivals: bool = True


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
    logits: Predict | None = None,
    logit_gradient: Gradient | None = None,
) -> Array:
    """Climb the loss inside balls of growing radius (Madry et al. 2018, arXiv:1706.06083).

    A sample broken at one radius is not attacked at larger ones: it stays broken, so accuracy can only fall with ε. The
    list of radii ends where nothing stands any more. The loss alone leads to the likeliest rival, which need not be the
    nearest: of several, the nearest two by the tangents at the sample (Moosavi-Dezfooli et al. 2016, arXiv:1511.04599)
    are also climbed to by themselves, at radii from which they may be reached.
    What is found is pulled back towards the original, so distances are not tied to the list of radii. The first steps
    are long, to be soon where the ball ends; a climb that stands, or goes to and fro between two points, is over.

    Parameters
    ----------
    best : Best
        Filled in place, so that what is found is kept if the attack is cancelled.
    gradient : callable
        (X, y) → derivative of the loss, in the shape of X.
    logits, logit_gradient : callable, optional
        As in a Subject. With them a step takes one pass through the model instead of two, or three towards a rival.

    Returns
    -------
    array (n,)
        Norm of the gradient at the original: where it is 0 the attack is blind.
    """
    owner = np.arange(len(problem.samples))
    radii, goals = sorted(settings.epsilons), _goals(problem, gradient, n_classes, settings)
    first = goals[0].rival if problem.offsets is not None else None
    blind: Array = np.linalg.norm(_slope(problem, gradient, problem.origins, owner, first), axis=1)
    total, slopes = len(radii) * len(goals), Slopes(problem, gradient, logits, logit_gradient)
    for place, radius in enumerate(radii):
        left = np.flatnonzero(best.distance > radius)  # by each goal: a nearer rival may come after a farther one
        if not len(left):
            break
        for number, goal in enumerate(goals, place * len(goals)):
            step(number / total, f"PGD at ε = {radius:g}, start {number % len(goals) + 1}", partial)
            some = left if goal.rival is not None else left[best.distance[left] > radius]
            some = some[goal.within(radius, radii[-1], best.distance[some], some)]
            if not len(some):
                continue
            points = _start(problem, some, radius, seed, goal.restart)
            rival = None if goal.rival is None else goal.rival[some]
            climb = _Climb(slopes, radius, settings.steps, settings.equal, rival)
            _climb(problem, best, climb, points, some, step.part(number / total, (number + 1) / total))
    return blind


@dataclass(frozen=True, eq=False)
class _Goal:
    """From which start is climbed, and to what.

    Parameters
    ----------
    restart : int
    rival : int array (n,), optional
        Class to which each sample is led; none: to any other one.
    reach : array (n,), optional
        Distance to it by the tangent at the sample.
    bent : float
        How many times nearer than that it may lie.
    """

    restart: int
    rival: Array | None = None
    reach: Array | None = None
    bent: float = _BENT

    def within(self, radius: float, largest: float, distance: Array, owner: Array) -> Array:
        """Return for which of the samples ``owner`` the goal may lie within the radius, and nearer than what is known.

        Where the tangent says that no radius of the list will do it is not trusted.
        """
        if self.reach is None:
            return np.ones(len(owner), dtype=bool)
        reach = self.reach[owner]
        useful: Array = reach <= self.bent * np.minimum(radius, distance)
        return useful | ((reach > largest) & (self.bent == _BENT))


def _goals(problem: Problem, gradient: Gradient, n_classes: int, settings: Settings) -> list[_Goal]:
    """Return any other class from every start, and of several the nearest ones from the sample itself.

    A prediction has no loss to climb but two ways to go, up and down: both, from every start.
    """
    n, restarts = len(problem.samples), settings.restarts
    if problem.offsets is not None:
        return [_Goal(restart, np.full(n, way)) for restart in range(restarts) for way in (ABOVE, BELOW)]
    if n_classes <= 2 or not settings.rivals:
        return [_Goal(restart) for restart in range(restarts)]
    reach = _tangents(problem, gradient, n_classes)
    order, row = reach.argsort(axis=1, kind="stable"), np.arange(n)
    least = reach[row, order[:, 0]]
    near = [
        _Goal(0, order[:, rank], reach[row, order[:, rank]], _BENT if rank < _NEAREST else _CLOSE)
        for rank in range(n_classes - 1)
    ]
    return [*near, *(_Goal(restart, None, least) for restart in range(1, restarts))]


def _tangents(problem: Problem, gradient: Gradient, n_classes: int) -> Array:
    """Return how far each class is by the tangents at the samples (n, k), infinite for their own."""
    owner = np.arange(len(problem.samples))
    parts = [problem.samples[a : a + problem.rows] for a in range(0, len(owner), problem.rows)]
    probabilities = np.concatenate([problem.predict(part.reshape(-1, *problem.shape)) for part in parts])
    scores = np.log(np.maximum(probabilities, _TINY))
    here = problem.along(gradient, problem.origins, problem.labels)
    (low, high), reach = problem.space.box_around(problem.origins), np.full(scores.shape, np.inf)
    for rival in range(n_classes):
        some = np.flatnonzero(problem.labels != rival)
        if not len(some):
            continue
        there = problem.along(gradient, problem.origins[some], np.full(len(some), rival))
        slope = here[some] - there
        lead = np.maximum(scores[some, problem.labels[some]] - scores[some, rival], 0.0)
        corners = (slope, lead, low[some] - problem.origins[some], high[some] - problem.origins[some])
        change, reached = nearest_crossing("elastic" if problem.norm == "l2" else problem.norm, *corners)
        reach[some, rival] = np.where(reached, length(change, problem.norm), np.inf)
    return reach


@dataclass(frozen=True)
class _Climb:
    slopes: Slopes
    radius: float
    steps: int
    equal: bool
    rival: Array | None


def _climb(problem: Problem, best: Best, climb: _Climb, points: Array, owner: Array, step: Step) -> None:
    radius, steps = climb.radius, climb.steps
    least, around = (1.0 if climb.equal else 2.5) / steps, problem.around(owner)
    active, former, broken = np.arange(len(owner)), np.full(points.shape, np.inf), np.zeros(len(owner), dtype=bool)
    for t in range(steps + 1):
        hit, slope = _look(problem, climb, points[active], owner[active], active, t == steps)
        if hit.any():
            good, whose = points[active[hit]], owner[active[hit]]
            best.take(good, whose, problem.distances(good, whose))
            broken[active[hit]] = True
            active, slope = active[~hit], slope[~hit]
        if not len(active) or t == steps:
            break
        share = least if climb.equal else max(least, _STRIDE * _SHORTER**t)
        size = radius * share
        here = points[active]
        there = problem.held(here + size * problem.way(slope), radius, [part[active] for part in around])
        points[active] = there
        # in a corner, or between two points to and fro, it would go on for ever
        moving = (np.abs(there - here) > _STILL).any(axis=1)
        if share == least:
            moving &= (np.abs(there - former[active]) > _STILL).any(axis=1)
        former[active] = here
        active = active[moving]
        if not len(active):
            break
        step((t + 1) / (steps + 1), f"PGD at ε = {radius:g}")
    settle(problem, best, points[broken], owner[broken], _FINAL)


def _look(
    problem: Problem, climb: _Climb, points: Array, owner: Array, active: Array, last: bool
) -> tuple[Array, Array]:
    """Return whether the points (r, D) get another label, and, but for the last ones, where to go from them."""
    slopes, gradient = climb.slopes, climb.slopes.gradient
    rival = None if climb.rival is None else climb.rival[active]
    if slopes.logit_gradient is None or problem.offsets is not None:
        assert gradient is not None
        hit, slope = problem.adversarial(points, owner), np.zeros_like(points)
        if not last and not hit.all():
            slope[~hit] = _slope(problem, gradient, points[~hit], owner[~hit], None if rival is None else rival[~hit])
        return hit, slope
    if last:
        return slopes.broken(points, owner, slopes.scores(points, owner)), points
    towards = np.zeros(len(problem.samples), dtype=np.intp)
    if rival is not None:
        towards[owner] = rival

    def weigh(scores: Array, whose: Array) -> tuple[Array, Array]:
        label = problem.labels[whose]
        return cross_entropy(scores, label) if rival is None else margin(scores, label, towards[whose])

    scores, _, slope = slopes.both(points, owner, weigh)
    return slopes.broken(points, owner, scores), slope


def _start(problem: Problem, owner: Array, radius: float, seed: int, restart: int) -> Array:
    origins = problem.origins[owner]
    if restart == 0:
        start: Array = origins.copy()
        return start
    streams = [np.random.default_rng([seed, restart, int(problem.numbers[i])]) for i in owner]
    noise = np.stack([stream.uniform(-1, 1, origins.shape[1]) for stream in streams])
    if problem.norm == "l2":
        noise *= np.stack([stream.uniform(0, 1, 1) for stream in streams]) / np.linalg.norm(
            noise, axis=1, keepdims=True
        )
    return problem.held(origins + radius * noise, radius, problem.around(owner))


def _slope(problem: Problem, gradient: Gradient, points: Array, owner: Array, rival: Array | None) -> Array:
    """Return the direction (r, D) in which the label, or its lead over a rival, loses most."""
    slope = problem.along(gradient, points, problem.labels[owner])
    # the cross-entropy of class j is logsumexp − score j: in the difference the first part drops out
    return slope if rival is None else slope - problem.along(gradient, points, rival)
