"""Square: squares of an image are changed at random, and kept where scores say so (arXiv:1912.00049)."""

import functools
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, NotApplicable
from xrai_widgets.core.step import Partial, Step
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines.robustness.evasion.auto_attack.losses import likeliest
from xrai_widgets.engines.robustness.evasion.auto_attack.room import Room
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import (
    OVERHEAD,
    Ran,
    Slopes,
    standing,
    streams_of,
    turns,
    within,
)
from xrai_widgets.engines.robustness.evasion.auto_attack.squares import Draws, bumps, stripes, with_bumps, with_square

STREAM = 15
_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 steps


@dataclass(frozen=True)
class Settings:
    """Budget of the attack.

    Parameters
    ----------
    radius : float
    steps, restarts : int
        Squares that are tried from each start; starts.
    share : float
        Share of the image that the first squares cover.
    """

    radius: float
    steps: int = 5000
    restarts: int = 1
    share: float = 0.8

    @classmethod
    def within(cls, radius: float, queries: int) -> "Settings":
        """Return what can be had for so many queries per sample."""
        return cls(radius, min(5000, max(1, queries - OVERHEAD)), max(1, queries // (5000 + OVERHEAD)))


def square(
    problem: Problem,
    best: Best,
    slopes: Slopes,
    settings: Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
) -> Ran:
    """Search at random inside the ball of one radius (Andriushchenko et al. 2020); needs scores, no gradients.

    Samples that are broken within the radius already are left alone. Norms are l∞ and l2.

    Parameters
    ----------
    best : Best
        Filled in place; what is found is pulled back to the boundary.

    Returns
    -------
    Ran

    Raises
    ------
    NotApplicable
        for samples that are no images, and in another norm.
    """
    if len(problem.shape) != 3:
        raise NotApplicable("Square changes squares of images, and these samples are none", "attack='hop_skip_jump'")
    if problem.norm not in ("linf", "l2"):
        raise NotApplicable(f"Square is made for l∞ and l2, not for {problem.norm}", "norm='linf'")
    before = slopes.spent.copy()
    if settings.radius <= 0:
        return Ran(slopes.spent - before, [])
    for restart, owner, here in turns(problem, range(settings.restarts), lambda: standing(best, settings.radius), step):
        streams = streams_of(problem, owner, seed, STREAM, restart)
        _search(slopes, best, settings, owner, streams, here, partial)
    return Ran(slopes.spent - before, [])


def side(t: int, steps: int, share: float, shape: tuple[int, ...]) -> int:
    """Return the side of the squares at a step: the share that they cover is halved at fixed parts of the budget."""
    halved = sum(t / steps * 10_000 > at for at in _HALVED_AT)
    area = share / 2**halved * shape[1] * shape[2]
    return int(np.clip(np.rint(np.sqrt(area)), 1, min(shape[1:])))


def _search(
    slopes: Slopes,
    best: Best,
    settings: Settings,
    owner: Array,
    streams: list[np.random.Generator],
    step: Step,
    partial: Partial,
) -> None:
    """Keep what lowers the label's lead; whatever breaks is settled and searches no more."""
    problem, radius, shape = slopes.problem, settings.radius, slopes.problem.shape
    room, draws = Room.of(problem, owner), Draws(streams, shape)
    change = stripes(draws, radius) if room.norm == "linf" else bumps(draws, shape, radius)
    points = room.project(room.origins + change, radius)
    lead = np.full(len(owner), np.inf)
    broken: list[tuple[Array, Array]] = []
    for t in range(settings.steps):
        slopes.pause = functools.partial(step, t / settings.steps, f"Square at ε = {radius:g}", partial)
        if t:
            width = side(t - 1, settings.steps, settings.share, shape)
            if room.norm == "linf":
                tried = with_square(points, draws, width, radius)
            else:
                tried = with_bumps(points, room.origins, draws, max(width, 3), radius)
            tried = room.project(tried, radius)
        else:
            tried = points
        scores = slopes.scores(tried, owner)
        label, row = problem.labels[owner], np.arange(len(owner))
        ahead = scores[row, label] - scores[row, likeliest(scores, label)]
        better = ahead < lead
        points = np.where(better[:, None], tried, points)
        lead = np.where(better, ahead, lead)
        hit = np.flatnonzero(slopes.broken(tried, owner, scores))
        if not len(hit):
            continue
        hit = hit[within(slopes.keep(best, tried[hit], owner[hit]), radius)]
        broken.append((tried[hit], owner[hit]))
        going = np.ones(len(owner), dtype=bool)
        going[hit] = False
        room, points, lead, owner = room.keep(going), points[going], lead[going], owner[going]
        draws.keep(going)
        if not len(owner):
            break
    if broken:
        slopes.settle(best, *(np.concatenate(part) for part in zip(*broken, strict=True)))
