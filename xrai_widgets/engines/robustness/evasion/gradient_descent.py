"""Projected gradient descent on all samples, restarts and radii."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Gradient, Predict
from xrai_widgets.core.step import Partial, Step
from xrai_widgets.engines._band import ABOVE, BELOW
from xrai_widgets.engines._confidence import softmax
from xrai_widgets.engines._problem import Best, Problem, settle
from xrai_widgets.engines._search.planes import nearest_crossing
from xrai_widgets.engines._space import length
from xrai_widgets.engines.robustness.evasion.auto_attack.losses import cross_entropy, margin
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import Slopes, likeliest_rivals
from xrai_widgets.engines.robustness.evasion.balls import Ball, radii_of

_FINAL = 1e-5
_STRIDE, _SHORTER = 0.5, 0.85  # of the radius is the first step, and how much shorter the next ones are
_STILL = 1e-10  # a point that moves by less stands
_LIKELIEST = 9  # rivals
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
    Norms are l∞, l2, l1 (steps along the steepest coordinates) and l0 (radii are numbers of columns: 1, 2, 4, …
    where no size is 1 or more).
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
    slopes = Slopes(problem, gradient, logits, logit_gradient)
    radii, (goals, slope) = radii_of(problem, settings.epsilons), _goals(slopes, n_classes, settings)
    blind: Array = np.linalg.norm(slope, axis=1)
    total = len(radii) * len(goals)
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


def _goals(slopes: Slopes, n_classes: int, settings: Settings) -> tuple[list[_Goal], Array]:
    """Return any other class from every start, and of several the nearest ones from the sample itself.

    A prediction has no loss to climb but two ways to go, up and down: both, from every start. Beside them the slope
    (n, D) of the loss at the samples is returned.
    """
    problem, restarts = slopes.problem, settings.restarts
    owner = np.arange(len(problem.samples))
    if problem.offsets is not None:
        ways = [np.full(len(owner), way) for way in (ABOVE, BELOW)]
        slope = _slope(slopes, problem.origins, owner, ways[0])
        return [_Goal(restart, way) for restart in range(restarts) for way in ways], slope
    if n_classes <= 2 or not settings.rivals:
        return [_Goal(restart) for restart in range(restarts)], _slope(slopes, problem.origins, owner, None)
    rivals, reach, slope = _tangents(slopes, n_classes)
    order = reach.argsort(axis=1, kind="stable")
    reach, rivals = np.take_along_axis(reach, order, axis=1), np.take_along_axis(rivals, order, axis=1)
    near = [
        _Goal(0, rivals[:, rank], reach[:, rank], _BENT if rank < _NEAREST else _CLOSE)
        for rank in range(reach.shape[1])
    ]
    return [*near, *(_Goal(restart, None, reach[:, 0]) for restart in range(1, restarts))], slope


def _tangents(slopes: Slopes, n_classes: int) -> tuple[Array, Array, Array]:
    """Return the likeliest rivals (n, r), how far each is by the tangents at the samples, and the loss's slope (n, D).

    Of the loss, the cross-entropy, the slope is that of the rivals' leads, weighted with their probabilities.
    """
    problem = slopes.problem
    owner, row = np.arange(len(problem.samples)), np.arange(len(problem.samples))
    scores = slopes.scores(problem.origins, owner)
    rivals = likeliest_rivals(scores, problem.labels, min(_LIKELIEST, n_classes - 1))
    chances = softmax(scores)
    here = None if slopes.logit_gradient is not None else slopes.loss_slope(problem.origins, owner)
    total, (low, high) = np.zeros_like(problem.origins), problem.space.box_around(problem.origins)
    corners, reach = (low - problem.origins, high - problem.origins), np.full(rivals.shape, np.inf)
    for rank, rival in enumerate(rivals.T):
        if here is None:
            weights = np.zeros(scores.shape)
            weights[row, problem.labels], weights[row, rival] = -1.0, 1.0
            slope = slopes.slope(problem.origins, owner, weights)
            total += chances[row, rival][:, None] * slope
        else:
            slope = here - slopes.loss_slope(problem.origins, owner, rival)
        lead = np.maximum(scores[row, problem.labels] - scores[row, rival], 0.0)
        change, reached = nearest_crossing("elastic" if problem.norm == "l2" else problem.norm, slope, lead, *corners)
        reach[:, rank] = np.where(reached, length(change, problem.norm), np.inf)
    return rivals, reach, total if here is None else here


@dataclass(frozen=True)
class _Climb:
    slopes: Slopes
    radius: float
    steps: int
    equal: bool
    rival: Array | None


def _climb(problem: Problem, best: Best, climb: _Climb, points: Array, owner: Array, step: Step) -> None:
    radius, steps = climb.radius, climb.steps
    least, ball = (1.0 if climb.equal else 2.5) / steps, Ball.of(problem, owner, radius)
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
        here = points[active]
        there = ball.part(active).onward(here, slope, share)
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
    slopes = climb.slopes
    rival = None if climb.rival is None else climb.rival[active]
    if slopes.logit_gradient is None or problem.offsets is not None:
        hit, slope = problem.adversarial(points, owner), np.zeros_like(points)
        if not last and not hit.all():
            slope[~hit] = _slope(slopes, points[~hit], owner[~hit], None if rival is None else rival[~hit])
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
    reach = 1.0 if problem.norm == "l0" else radius
    return Ball.of(problem, owner, radius).held(origins + reach * noise)


def _slope(slopes: Slopes, points: Array, owner: Array, rival: Array | None) -> Array:
    """Return the direction (r, D) in which the label, or its lead over a rival, loses most."""
    slope = slopes.loss_slope(points, owner)
    # the cross-entropy of class j is logsumexp − score j: in the difference the first part drops out
    return slope if rival is None else slope - slopes.loss_slope(points, owner, rival)
