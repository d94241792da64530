"""Where changes of samples may lead: balls around them, cut at what each coordinate may become."""

from dataclasses import dataclass, replace

import numpy as np

from xrai_widgets.core import Array, NotApplicable
from xrai_widgets.engines._problem import Problem
from xrai_widgets.engines._search.boxes import negative_box

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Room:
    """The box of coordinates around some samples, row by row; where both ends meet nothing moves.

    Parameters
    ----------
    norm : {"l0", "l1", "l2", "linf"}
    origins, low, high : array (r, D)
    """

    norm: str
    origins: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, problem: Problem, owner: Array) -> "Room":
        """Return the room of the samples ``owner``.

        Raises
        ------
        NotApplicable
            where a column holds categories: there is no slope along them.
        """
        space, samples = problem.space, problem.samples[owner]
        if len(space.free) != samples.shape[1] or len(space.slopes) != samples.shape[1]:
            raise NotApplicable("this attack follows slopes, and categories have none", "attack='hop_skip_jump'")
        low, high = (
            (side - space.bounds[0]) / space.span if len(samples) else samples
            for side in negative_box(samples, space, None)
        )
        origins = problem.origins[owner]
        free = space.free
        return cls(problem.norm, origins, np.where(free, low, origins), np.where(free, high, origins))

    def keep(self, mask: Array) -> "Room":
        """Return the room of some of the rows."""
        return replace(self, origins=self.origins[mask], low=self.low[mask], high=self.high[mask])

    def inside(self, points: Array) -> Array:
        """Return the points, moved into the box."""
        moved: Array = np.clip(points, self.low, self.high)
        return moved

    def size(self, change: Array) -> Array:
        """Return the norm (r,) of changes."""
        return size(change, self.norm)

    def project(self, points: Array, radius: Array | float, worth: Array | float = 1.0) -> Array:
        """Return the nearest points inside the box and within the radius, a number or one per row.

        For l0 the radius is a number of coordinates: those stay that change most, times what that is worth (r, D).
        """
        around = np.broadcast_to(np.asarray(radius, dtype=np.float64), len(points))[:, None]
        change = points - self.origins
        if self.norm == "linf":
            change = np.clip(change, -around, around)
        elif self.norm == "l2":
            change = _within_length(change, self.low - self.origins, self.high - self.origins, around[:, 0])
        elif self.norm == "l1":
            change = _within_sum(change, self.low - self.origins, self.high - self.origins, around[:, 0])
        else:
            change = _largest(self.inside(points) - self.origins, around[:, 0], worth)
        return self.inside(self.origins + change)


def size(change: Array, norm: str) -> Array:
    """Return the norm (r,) of changes (r, D)."""
    if norm == "linf":
        length: Array = np.abs(change).max(axis=1, initial=0.0)
    elif norm == "l2":
        length = np.sqrt(np.einsum("ij,ij->i", change, change))
    elif norm == "l1":
        length = np.abs(change).sum(axis=1)
    else:
        length = (change != 0).sum(axis=1).astype(np.float64)
    return length


def _within_length(change: Array, low: Array, high: Array, radius: Array) -> Array:
    """Return the nearest changes with low ≤ δ ≤ high and ‖δ‖₂ ≤ radius, row by row.

    δ = clip(t u, low, high) with the largest t ≤ 1 for which it fits: ‖δ‖² is quadratic in t between D known values.
    """
    full = np.clip(change, low, high)
    over = size(full, "l2") > radius
    if not over.any():
        return full
    weight, room, target = np.abs(change[over]), np.where(change > 0, high, -low)[over], radius[over]
    ends = np.divide(room, weight, out=np.full(weight.shape, np.inf), where=weight > 0)
    order = np.argsort(ends, axis=1)
    ends = np.take_along_axis(ends, order, axis=1)
    cut = np.cumsum(np.take_along_axis(room, order, axis=1) ** 2, axis=1)
    steep = np.take_along_axis(weight, order, axis=1) ** 2
    free = np.cumsum(steep[:, ::-1], axis=1)[:, ::-1]  # from each coordinate on
    with np.errstate(invalid="ignore"):
        reached = np.where(
            np.isfinite(ends), (cut - np.take_along_axis(room, order, axis=1) ** 2) + ends**2 * free, np.inf
        )
    row, place = np.arange(len(ends)), (reached < target[:, None] ** 2).sum(axis=1).clip(max=ends.shape[1] - 1)
    before = np.where(place > 0, cut[row, place - 1], 0.0)
    share = np.sqrt(np.maximum(target**2 - before, 0.0) / np.maximum(free[row, place], _TINY))
    full[over] = np.clip(share[:, None] * change[over], low[over], high[over])
    return full


def _within_sum(change: Array, low: Array, high: Array, radius: Array) -> Array:
    """Return the nearest changes with low ≤ δ ≤ high and Σ|δ| ≤ radius, row by row.

    δ_i = sign(u_i) · clip(|u_i| − λ, 0, room_i); what remains, Σ|δ_i|, falls with λ and is linear between 2D values of
    it, so that λ is found by sorting them (Duchi et al. 2008; with a box: Croce and Hein 2021, arXiv:2103.01208).
    """
    weight, room = np.abs(change), np.where(change > 0, high, -low)
    full = np.minimum(weight, room)
    over = full.sum(axis=1) > radius
    if not over.any():
        return _signed(full, change)
    weight, room, target = weight[over], room[over], radius[over]
    starts = np.maximum(weight - room, 0.0)  # up to here λ costs nothing, from here on 1 until |u_i|
    events = np.hstack([starts, weight])
    order = np.argsort(events, axis=1, kind="stable")
    at = np.take_along_axis(events, order, axis=1)
    rate = np.cumsum(np.where(order < weight.shape[1], 1.0, -1.0), axis=1)
    lost = np.cumsum(rate[:, :-1] * np.diff(at, axis=1), axis=1)
    lost = np.hstack([np.zeros((len(at), 1)), lost])
    need = full[over].sum(axis=1) - target
    row, place = np.arange(len(at)), np.maximum((lost < need[:, None]).sum(axis=1) - 1, 0)
    ahead = np.divide(need - lost[row, place], rate[row, place], out=np.zeros(len(at)), where=rate[row, place] > 0)
    cut = at[row, place] + ahead
    full[over] = np.clip(weight - cut[:, None], 0.0, room)
    return _signed(full, change)


def _signed(size: Array, sign: Array) -> Array:
    signed: Array = np.copysign(size, sign)
    return signed


def _largest(change: Array, count: Array, worth: Array | float) -> Array:
    """Return the changes with only the ``count`` coordinates of each row kept that are worth most."""
    rank = np.empty(change.shape, dtype=np.intp)
    order = np.argsort(-np.abs(change) * worth, axis=1, kind="stable")
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(change.shape[1]), change.shape), axis=1)
    kept: Array = np.where(rank < count[:, None], change, 0.0)
    return kept
