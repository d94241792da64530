"""FAB: the nearest adversarial sample, from tangent plane to tangent plane (Croce and Hein 2020, arXiv:1907.02044)."""

import functools
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.core.step import Partial, Step
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._search.planes import smallest_change, smallest_cube
from xrai_widgets.engines.robustness.evasion.auto_attack.losses import margin
from xrai_widgets.engines.robustness.evasion.auto_attack.room import Room, size
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import (
    OVERHEAD,
    Ran,
    Slopes,
    rivals_of,
    standing,
    streams_of,
    turns,
    within,
)

STREAM = 14
_TOWARDS, _BEYOND, _BACK = 0.1, 1.05, 0.9  # α_max, η and β of the paper
_DEAR = 4  # queries of a step: a gradient step, and a look whether it is broken there
_FEWEST = 10  # steps below which another rival is not worth it


@dataclass(frozen=True)
class Settings:
    """Budget of the attack.

    Parameters
    ----------
    steps, restarts, rivals : int
        Gradient steps towards each rival from each start; starts, the first one the sample itself; likeliest rivals.
    radius : float, optional
        Only samples for which nothing is known within it are attacked, until something is; none: all, to the end.
    """

    steps: int = 100
    restarts: int = 1
    rivals: int = 9
    radius: float | None = None

    @classmethod
    def within(cls, queries: int, n_classes: int, radius: float | None = None) -> "Settings":
        """Return what can be had for so many queries per sample: steps first, then rivals, then starts."""
        rivals = max(1, min(9, n_classes - 1, queries // (_DEAR * _FEWEST + OVERHEAD)))
        steps = min(100, max(1, (queries // rivals - OVERHEAD) // _DEAR))
        return cls(steps, max(1, queries // ((_DEAR * steps + OVERHEAD) * rivals)), rivals, radius)


def fab(
    problem: Problem,
    best: Best,
    slopes: Slopes,
    settings: Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
) -> Ran:
    """Go to the tangent plane of the boundary to each of the likeliest rivals, and back towards the sample.

    Each step goes a little beyond the nearest point of the plane, drawn towards that point of it which is nearest to
    the sample; from a broken point it goes back by a tenth of the way first. Norms are l∞, l2 and l1.

    Parameters
    ----------
    best : Best
        Filled in place; what is found is pulled back to the boundary.

    Returns
    -------
    Ran
    """
    before = slopes.spent.copy()
    left = _left(best, settings.radius)
    if not len(left):
        return Ran(slopes.spent - before, [])
    rivals = rivals_of(slopes, left, settings.rivals)
    runs = [(restart, rank) for restart in range(settings.restarts) for rank in range(rivals.shape[1])]
    for (restart, rank), owner, here in turns(problem, runs, lambda: _left(best, settings.radius), step):
        streams, room = streams_of(problem, owner, seed, STREAM, restart, rank), Room.of(problem, owner)
        points = _start(room, best.distance[owner], streams, restart, settings.radius)
        _walk(slopes, best, settings, room, points, owner, rivals[owner, rank], here, partial)
    return Ran(slopes.spent - before, [])


def _left(best: Best, radius: float | None) -> Array:
    return np.arange(len(best.distance)) if radius is None else standing(best, radius)


def _start(
    room: Room, distance: Array, streams: list[np.random.Generator], restart: int, radius: float | None
) -> Array:
    """Begin at the samples, later at random, at up to half of the distance that is known."""
    if restart == 0:
        return room.origins.copy()
    width = room.origins.shape[1]
    if room.norm == "linf":
        noise = np.stack([stream.uniform(-1.0, 1.0, width) for stream in streams])
    else:
        noise = np.stack([stream.standard_normal(width) for stream in streams])
    reach = np.minimum(np.where(np.isfinite(distance), distance, np.inf), np.inf if radius is None else radius)
    reach = np.where(np.isfinite(reach), reach, size(room.high - room.low, room.norm) / 2)
    way = noise / np.maximum(size(noise, room.norm), 1e-12)[:, None]
    return room.inside(room.origins + reach[:, None] * way / 2)


def _walk(
    slopes: Slopes,
    best: Best,
    settings: Settings,
    room: Room,
    points: Array,
    owner: Array,
    rival: Array,
    step: Step,
    partial: Partial,
) -> None:
    """Walk from one start each to one rival each; ``best`` takes what is broken, and the nearest is settled.

    One pass says whether a point is broken and where the boundary is, as a plane; from a broken one the walk goes on
    from further back along the same plane, where the paper makes a second pass for a plane there.
    """
    problem, nearest = slopes.problem, Best.nothing(slopes.problem)
    towards = np.zeros(len(problem.samples), dtype=np.intp)
    towards[owner] = rival

    def weigh(scores: Array, owner: Array) -> tuple[Array, Array]:
        return margin(scores, problem.labels[owner], towards[owner])

    for t in range(settings.steps):
        slopes.pause = functools.partial(step, t / settings.steps, "FAB", partial)
        scores, lead, slope = slopes.both(points, owner, weigh)
        hit = _broken(slopes, best, nearest, points, owner, scores)
        back = (_BACK - 1) * (points[hit] - room.origins[hit])
        lead[hit] += np.einsum("ij,ij->i", slope[hit], back)
        points[hit] += back
        if settings.radius is not None and len(hit):
            going = ~within(best.distance[owner], settings.radius)
            room = room.keep(going)
            points, owner, lead, slope = points[going], owner[going], lead[going], slope[going]
        if not len(owner):
            break
        points = _onwards(room, points, slope, lead)
    _broken(slopes, best, nearest, points, owner, slopes.scores(points, owner))
    some = np.flatnonzero(nearest.success)
    slopes.settle(best, nearest.points[some], some)


def _broken(slopes: Slopes, best: Best, nearest: Best, points: Array, owner: Array, scores: Array) -> Array:
    """Take broken points that are nearer than what was known, and return the places of all that are broken.

    Where scores say which ones these are, the model is asked about the nearer ones only.
    """
    problem = slopes.problem
    if slopes.blind:
        hit = np.flatnonzero(slopes.broken(points, owner, scores))
        far, sure = problem.distances(points[hit], owner[hit]), np.arange(len(hit))
    else:
        hit = np.flatnonzero(scores.argmax(axis=1) != problem.labels[owner])
        far = problem.distances(points[hit], owner[hit])
        sure = np.flatnonzero(far < nearest.distance[owner[hit]])
        sure = sure[slopes.broken(points[hit[sure]], owner[hit[sure]], scores[hit[sure]])]
    for kept in (nearest, best):
        kept.take(points[hit[sure]], owner[hit[sure]], far[sure])
    return hit


def _onwards(room: Room, points: Array, slope: Array, lead: Array) -> Array:
    """Return the next points: beyond the tangent plane of the boundary, between the own nearest and the sample's.

    At a point x the boundary is where lead + slope · δ = 0, for a change δ of x.
    """
    ahead = _to_plane(room, points, slope, -lead)
    aside = _to_plane(room, room.origins, slope, -lead - np.einsum("ij,ij->i", slope, room.origins - points))
    far, near = size(ahead, room.norm), size(aside, room.norm)
    share = np.minimum(np.divide(far, far + near, out=np.zeros(len(far)), where=far + near > 0), _TOWARDS)[:, None]
    return room.inside((1 - share) * (points + _BEYOND * ahead) + share * (room.origins + _BEYOND * aside))


def _to_plane(room: Room, points: Array, normal: Array, value: Array) -> Array:
    """Return the smallest changes δ of points inside the box with normal · δ = value."""
    sign = np.where(value < 0, -1.0, 1.0)
    corners = (normal * sign[:, None], np.abs(value), room.low - points, room.high - points)
    if room.norm == "linf":
        change, _ = smallest_cube(*corners)
    elif room.norm == "l2":
        change, _ = smallest_change(*corners, beta=0.0)
    else:
        change = smallest_sum(*corners)
    return change


def smallest_sum(normal: Array, need: Array, low: Array, high: Array) -> Array:
    """Return argmin ‖δ‖₁ under ``normal · δ ≥ need`` and ``low ≤ δ ≤ high``, row by row: steepest coordinates first.

    Where the box does not reach the plane, its corner nearest to it.
    """
    weight, room = np.abs(normal), np.where(normal > 0, high, -low)
    order = np.argsort(-weight, axis=1, kind="stable")
    heavy, cap = np.take_along_axis(weight, order, axis=1), np.take_along_axis(room, order, axis=1)
    before = np.cumsum(heavy * cap, axis=1) - heavy * cap
    wanted = np.maximum(need[:, None] - before, 0.0)
    filled = np.minimum(np.divide(wanted, heavy, out=np.zeros_like(wanted), where=heavy > 0), cap)
    change = np.empty_like(filled)
    np.put_along_axis(change, order, filled, axis=1)
    signed: Array = np.copysign(change, normal)
    return signed
