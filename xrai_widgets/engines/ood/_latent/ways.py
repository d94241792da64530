"""Ways to a change of mind: along slopes, on shells that grow, in a ball that shrinks."""

from collections.abc import Callable

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._space import unit
from xrai_widgets.engines.ood._latent.hunt import Hunt

_BEYOND = 1.02  # of the way to the tangent: what stops at the boundary does not cross it
_STEP = 0.7
_START = 0.3  # of a standard deviation: how far from the sample each further start begins
_TINY = 1e-12
_MOVING = 1024  # samples that move at once
_SHELLS = 12
_FIRST = 0.01  # of the reach: the first shell
_SHRINKS = 12


def along_slopes(hunt: Hunt, progress: Callable[[float], None]) -> None:
    """Move to where the tangent of the boundary is nearest to the sample, and keep the nearest change on the way.

    The step of DeepFool (Moosavi-Dezfooli, Fawzi, Frossard 2016, arXiv:1511.04599), always towards the point of the
    tangent that is nearest to where the sample lies, so that what is found comes nearer after the change, too. The
    first start goes to the most likely other class of each moment, the next ones to the second, third … of the sample,
    and those that are left begin beside it.
    """
    if hunt.mind.logit_gradient is None:
        return
    parts = range(0, len(hunt.origin), _MOVING)
    for place, start in enumerate(parts):
        some = np.arange(start, min(start + _MOVING, len(hunt.origin)))
        origin, starts = hunt.origin[some], hunt.settings.starts
        rivals = hunt.mind.rivals(hunt.generator.generate(origin), hunt.before[some], starts)
        for number in range(starts):
            led = number < len(rivals)
            moved = np.zeros_like(origin) if led else number * _START * hunt.draw(some, 1)[:, 0]
            moved = _within(moved, hunt.settings.reach)
            for k in range(hunt.settings.steps):
                progress((place + (number + k / hunt.settings.steps) / starts) / len(parts))
                moved = _stepped(hunt, some, moved, rivals[number] if led else rivals[0])


def _stepped(hunt: Hunt, some: Array, moved: Array, rival: Array | None) -> Array:
    samples, pull = hunt.generator.opened(hunt.origin[some] + moved)
    lead, slopes = hunt.mind.lead(samples, hunt.before[some], rival)
    slope = pull(slopes)
    size = np.sqrt((moved**2).sum(axis=1))
    over = (lead < 0) & (size > 0) & (size <= hunt.settings.reach)
    hunt.note(some[over], size[over], moved[over] / size[over, None])
    steep = (slope**2).sum(axis=1) + _TINY
    share = _BEYOND * ((slope * moved).sum(axis=1) - lead) / steep
    moved = moved + _STEP * (share[:, None].astype(moved.dtype) * slope - moved)
    return _within(moved, hunt.settings.reach)


def _within(moved: Array, reach: float) -> Array:
    size = np.sqrt((moved**2).sum(axis=1))
    shrunk: Array = moved * np.where(size > reach, reach / np.maximum(size, _TINY), 1.0)[:, None].astype(moved.dtype)
    return shrunk


def expand(hunt: Hunt, some: Array, progress: Callable[[float], None]) -> None:
    """Look on shells that grow until a change is found: their iterative search, for all samples at once."""
    ways, count = directions(hunt, some), hunt.settings.directions
    left = np.arange(len(some))
    for number, radius in enumerate(hunt.settings.reach * np.geomspace(_FIRST, 1.0, _SHELLS)):
        progress(number / _SHELLS)
        if not len(left):
            return
        there = hunt.changed(some[left], np.full((len(left), count), radius), ways[left])
        hits = there.any(axis=1)
        best = left[hits]
        hunt.note(some[best], np.full(len(best), radius), ways[best, there[hits].argmax(axis=1)])
        left = left[~hits]


def shrink(hunt: Hunt, some: Array, progress: Callable[[float], None]) -> None:
    """Look in the whole ball, then in the half of it below what was found, until that is empty: their hybrid search.

    Where the ball is empty its inner half is looked at: there are more candidates to the volume.
    """
    low, high = np.zeros(len(some)), np.full(len(some), hunt.settings.reach)
    for number in range(_SHRINKS):
        progress(number / _SHRINKS)
        ways = directions(hunt, some)
        share = hunt.uniform(some, hunt.settings.directions)
        distance = low[:, None] + (high - low)[:, None] * share
        there = hunt.changed(some, distance, ways)
        candidates = np.where(there, distance, np.inf)
        best = candidates.argmin(axis=1)
        row = np.arange(len(some))
        hunt.note(some, candidates[row, best], ways[row, best])
        nearest = hunt.distance[some]
        reached = np.isfinite(nearest)
        low = np.where(reached, np.where(there.any(axis=1), 0.5 * nearest, 0.5 * (low + nearest)), low)
        high = np.where(reached, nearest, np.where(number % 2 == 0, 0.5 * high, hunt.settings.reach))


def directions(hunt: Hunt, some: Array) -> Array:
    """Return random directions (s, directions, latent)."""
    drawn = hunt.draw(some, hunt.settings.directions)
    return unit(drawn.reshape(-1, drawn.shape[-1])).reshape(drawn.shape)
