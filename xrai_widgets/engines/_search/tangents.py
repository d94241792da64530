"""From tangent plane to tangent plane: the nearest change of smooth models."""

from dataclasses import replace

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.memory import Memory
from xrai_widgets.engines._search.planes import box, nearest_crossing

_STEPS = (1.0, 0.5, 0.2, 0.05)
_RIVALS, _LIKELIEST, _DAMPED = 4, 50, 0.7


def approach(contrast: Contrast, incumbents: Incumbents, rounds: int, step: Step) -> None:
    """Walk from the origins towards each nearest rival, from one tangent plane to the next; fill ``incumbents``.

    The search on c follows whichever rival is nearest at the moment, and so may miss a cheaper one.
    """
    n = len(contrast.samples)
    rivals = _nearest_rivals(contrast) if contrast.mode == "PN" else None
    owner = np.arange(n) if rivals is None else np.repeat(np.arange(n), rivals.shape[1])
    goal = None if rivals is None else rivals.ravel()
    points = contrast.origins[owner]
    for number in range(rounds):
        step(number / rounds, f"{contrast.mode}: towards each rival")
        now = (points - contrast.origins[owner]) / contrast.span
        aim, _ = _tangent(contrast, points, owner, goal)
        points = contrast.allowed(contrast.origins[owner] + (now + _DAMPED * (aim - now)) * contrast.span, owner)
        incumbents.ask(contrast, points, owner)
        incumbents.ask(contrast, contrast.allowed(contrast.origins[owner] + aim * contrast.span, owner), owner)


def _nearest_rivals(contrast: Contrast) -> Array:
    """Return the rivals (n, up to 4) whose tangent planes at the origins cost least to cross, of the likeliest ones."""
    n = len(contrast.samples)
    scores = contrast.scores(contrast.origins, np.arange(n))
    scores[np.arange(n), contrast.labels] = -np.inf
    rivals = np.argsort(-scores, axis=1)[:, : min(_LIKELIEST, scores.shape[1] - 1)]
    if rivals.shape[1] <= _RIVALS:
        return rivals
    if contrast.scorer.gradient is None:  # differences towards all rivals come from the same predictions
        contrast = replace(contrast, scorer=replace(contrast.scorer, memory=Memory(contrast.scorer.rows)))
    owner = np.repeat(np.arange(n), rivals.shape[1])
    aim, reached = _tangent(contrast, contrast.origins[owner], owner, rivals.ravel())
    cost = contrast.cost(contrast.origins[owner] + aim * contrast.span, owner)
    order = np.argsort(np.where(reached, cost, np.inf).reshape(rivals.shape), axis=1, kind="stable")
    nearest: Array = np.take_along_axis(rivals, order[:, :_RIVALS], axis=1)
    return nearest


def polish(contrast: Contrast, incumbents: Incumbents, rounds: int, step: Step) -> None:
    """Replace each explanation by the smallest change that crosses the plane tangent to the model there, while cheaper.

    The plane is that of the rival class. Fixed points satisfy the optimality conditions of the constrained problem.
    """
    owner = np.flatnonzero(incumbents.done & (incumbents.cost > 0))
    for number in range(rounds):
        if not len(owner):
            break
        step(number / rounds, f"{contrast.mode}: last steps")
        points, before = incumbents.points[owner], incumbents.cost[owner].copy()
        now = (points - contrast.origins[owner]) / contrast.span
        aim, _ = _tangent(contrast, points, owner, None)
        tried = [contrast.origins[owner] + (now + t * (aim - now)) * contrast.span for t in _STEPS]
        whose = np.tile(owner, len(_STEPS))
        incumbents.ask(contrast, contrast.allowed(np.vstack(tried), whose), whose)
        owner = owner[incumbents.cost[owner] < before * (1 - 1e-4)]


def _tangent(contrast: Contrast, points: Array, owner: Array, goal: Array | None) -> tuple[Array, Array]:
    """Return the smallest change of the origins that crosses the plane tangent to the lead at ``points``, if any does.

    The lead is over the best rival there, or of the class ``goal``.
    """
    scores, label, row = contrast.scores(points, owner), contrast.labels[owner], np.arange(len(points))
    if goal is None:
        others = scores.copy()
        others[row, label] = -np.inf
        goal = others.argmax(axis=1)
    first, second = (goal, label) if contrast.mode == "PN" else (label, goal)
    lead = scores[row, first] - scores[row, second]
    normal = contrast.scorer.slope(points, first, second, contrast.meter, owner) * contrast.span
    now = (points - contrast.origins[owner]) / contrast.span
    need = contrast.kappa + 1e-7 * (1 + np.abs(lead)) - lead + (normal * now).sum(axis=1)
    change, reached = nearest_crossing(contrast.price, normal, need, *box(contrast, owner), contrast.beta)
    return np.where(contrast.still, now, change), reached
