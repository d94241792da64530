"""FMN: a ball that shrinks while the sample in it is broken (Pintor et al. 2021, arXiv:2102.12827)."""

import functools
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.core.step import Partial, Step
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import unit
from xrai_widgets.engines.robustness.evasion.auto_attack.losses import margin
from xrai_widgets.engines.robustness.evasion.auto_attack.room import Room, size
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import (
    OVERHEAD,
    Ran,
    Slopes,
    rivals_of,
    streams_of,
    turns,
)

STREAM = 16
_DUAL = {"linf": "l1", "l2": "l2", "l1": "linf"}
_GROW, _STILL = 0.05, 1e-3  # by how much the ball changes, at first and at last
_LAST = 0.01  # of the first step size
_FEWEST = 30  # steps below which another rival is not worth it


@dataclass(frozen=True)
class Settings:
    """Budget of the attack.

    Parameters
    ----------
    steps, restarts : int
        Gradient steps from each start; starts, the first one the sample itself, then random ones near it.
    rivals : int
        How many of the likeliest rivals are led to by themselves, beside whichever leads.
    size : float
        Of the first step, as a share of the widest coordinate.
    """

    steps: int = 100
    restarts: int = 1
    rivals: int = 0
    size: float = 1.0

    @classmethod
    def within(cls, queries: int, n_classes: int) -> "Settings":
        """Return what can be had for so many queries per sample: steps first, then rivals, then starts."""
        goals = n_classes - 1 if n_classes > 2 else 0
        rivals = max(0, min(goals, (queries // (4 * _FEWEST + OVERHEAD)) - 1))
        steps = min(100, max(1, (queries // (rivals + 1) - OVERHEAD) // 4))
        return cls(steps, max(1, queries // ((4 * steps + OVERHEAD) * (rivals + 1))), rivals)


def fmn(
    problem: Problem,
    best: Best,
    slopes: Slopes,
    settings: Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
) -> Ran:
    """Lead each sample over the boundary inside a ball that shrinks while it is broken and grows while it is not.

    Until a sample is broken its ball reaches to the tangent plane of the boundary. Norms are l∞, l2, l1 and l0.

    Parameters
    ----------
    best : Best
        Filled in place; what is found is pulled back to the boundary.

    Returns
    -------
    Ran
    """
    before, every = slopes.spent.copy(), np.arange(len(problem.samples))
    if not len(every):
        return Ran(slopes.spent - before, [])
    rivals = rivals_of(slopes, every, settings.rivals) if settings.rivals else np.zeros((len(every), 0), dtype=np.intp)
    goals = [None, *range(rivals.shape[1])]
    runs = [(restart, rank) for restart in range(settings.restarts) for rank in goals]
    for (restart, rank), owner, here in turns(problem, runs, lambda: every, step):
        room = Room.of(problem, owner)
        points = room.origins.copy()
        if restart:
            streams = streams_of(problem, owner, seed, STREAM, restart)
            noise = np.stack([stream.uniform(-1.0, 1.0, points.shape[1]) for stream in streams])
            points = room.inside(points + 0.1 * noise * (room.high - room.low))
        rival = None if rank is None else rivals[owner, rank]
        _lead(slopes, best, settings, room, points, owner, rival, here, partial)
    return Ran(slopes.spent - before, [])


def _lead(
    slopes: Slopes,
    best: Best,
    settings: Settings,
    room: Room,
    points: Array,
    owner: Array,
    rival: Array | None,
    step: Step,
    partial: Partial,
) -> None:
    """Go from one start each; ``best`` takes what is broken, and the nearest is settled."""
    problem, nearest = slopes.problem, Best.nothing(slopes.problem)
    ball = _Ball(room, np.full(len(owner), np.inf), np.full(len(owner), np.inf))
    widest = (room.high - room.low).max(axis=1)
    towards = np.zeros(len(problem.samples), dtype=np.intp)
    if rival is not None:
        towards[owner] = rival

    def weigh(scores: Array, whose: Array) -> tuple[Array, Array]:
        return margin(scores, problem.labels[whose], None if rival is None else towards[whose])

    for t in range(settings.steps + 1):
        slopes.pause = functools.partial(step, t / (settings.steps + 1), "FMN", partial)
        scores, lead, slope = slopes.both(points, owner, weigh)
        hit = slopes.broken(points, owner, scores)
        some = np.flatnonzero(hit)
        if len(some):
            nearest.take(points[some], owner[some], slopes.keep(best, points[some], owner[some]))
        if t == settings.steps:
            break
        share = (1 + np.cos(np.pi * t / settings.steps)) / 2
        ball.change(points, hit, lead, slope, _STILL + (_GROW - _STILL) * share)
        pace = settings.size * widest * (_LAST + (1 - _LAST) * share)
        points = ball.inside(points + pace[:, None] * unit(slope), slope)
    some = np.flatnonzero(nearest.success)
    slopes.settle(best, nearest.points[some], some)


@dataclass(eq=False)
class _Ball:
    """The radius (r,) of each sample's ball, and the smallest one in which it was broken."""

    room: Room
    radius: Array
    least: Array
    first: bool = True

    def change(self, points: Array, hit: Array, lead: Array, slope: Array, rate: float) -> None:
        """Shrink where the sample is broken; else grow, or reach to the tangent plane where it never was."""
        norm, now = self.room.norm, self.room.size(points - self.room.origins)
        self.least = np.where(hit, np.minimum(self.least, now), self.least)
        once = np.isfinite(self.least)
        if norm == "l0":
            radius = np.where(np.isfinite(self.radius), self.radius, 1.0)
            fewer = np.minimum(np.minimum(radius - 1, np.floor(radius * (1 - rate))), self.least)
            more = np.maximum(radius + 1, np.floor(radius * (1 + rate)))
            self.radius = np.clip(np.where(hit, fewer, more), 1.0, points.shape[1])
            return
        steep = size(slope, _DUAL[norm])
        plane = now + (1 + rate) * np.divide(np.abs(lead), steep, out=np.full(len(now), np.inf), where=steep > 0)
        shrunk, grown = np.minimum(self.radius * (1 - rate), self.least), self.radius * (1 + rate)
        if self.first:
            grown, self.first = plane, False
        # a plane that is cut by the box is farther than it seems
        self.radius = np.where(hit, shrunk, np.where(once, grown, np.maximum(plane, grown)))

    def inside(self, points: Array, slope: Array) -> Array:
        """Return the points, moved into the balls; in l0 the changes that gain most are kept."""
        if self.room.norm != "l0":
            return self.room.project(points, self.radius)
        return self.room.project(points, self.radius, np.abs(slope))
