"""The state of APGD: where each sample stands on its climb, how long its steps are, and the best point so far."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._space import unit
from xrai_widgets.engines.robustness.evasion.auto_attack.room import Room

_MOMENTUM, _RISING = 0.75, 0.75
_SPARSER, _SHRINK, _LEAST = 0.95, 1.5, 10.0  # of the steps in l1


@dataclass(eq=False)
class Climbing:
    """Where each sample stands on its climb, (r, …).

    Parameters
    ----------
    points, former : array (r, D)
        Where it is, and where it was a step before.
    size : array (r,)
        Of the steps.
    loss, slope : array (r,), (r, D)
        At the points.
    top, top_points, top_slope : array
        The highest loss so far, where it was, and the slope there.
    top_before, rises, halved : array (r,)
        Since the last checkpoint: the highest loss at it, how often the loss rose, whether the step was halved at it.
    sparse, moved : array (r,)
        In l1: the share of the coordinates along which a step goes, and how many the best point had moved.
    """

    room: Room
    owner: Array
    points: Array
    former: Array
    size: Array
    loss: Array
    slope: Array
    top: Array
    top_points: Array
    top_slope: Array
    top_before: Array
    rises: Array
    halved: Array
    sparse: Array
    moved: Array

    def keep(self, mask: Array) -> None:
        """Forget the others."""
        for name, value in vars(self).items():
            setattr(self, name, value.keep(mask) if isinstance(value, Room) else value[mask])

    def note(self, loss: Array, slope: Array) -> None:
        """Take in what the model says of the points."""
        self.rises += loss > self.loss
        self.loss, self.slope = loss, slope
        higher = loss > self.top
        self.top[higher] = loss[higher]
        self.top_points[higher], self.top_slope[higher] = self.points[higher], slope[higher]

    def back(self, mask: Array) -> None:
        """Go on from the best point."""
        self.points[mask], self.slope[mask] = self.top_points[mask], self.top_slope[mask]

    def adapt(self, window: int, radius: float) -> None:
        """Look at a checkpoint whether the step is too long."""
        if self.room.norm == "l1":
            self._adapt_sparse(radius)
        else:
            stuck = ~self.halved & (self.top_before >= self.top)
            self.halved = (self.rises <= _RISING * window) | stuck
            self.size[self.halved] /= 2
            self.back(self.halved)
        self.top_before = self.top.copy()
        self.rises[:] = 0

    def _adapt_sparse(self, radius: float) -> None:
        """In l1 the steps become sparser with the best point, and shorter where that no longer does."""
        count = (self.top_points != self.room.origins).sum(axis=1).astype(np.float64)
        sparser = count < _SPARSER * self.moved
        self.sparse = count / self.points.shape[1] / 1.5
        self.size = np.where(sparser, radius, np.maximum(self.size / _SHRINK, radius / _LEAST))
        self.moved = count
        self.back(sparser)

    def move(self, radius: float, first: bool) -> None:
        """Take a step up, with momentum but in l1."""
        norm, points = self.room.norm, self.points
        if norm == "l1":
            here = self.room.project(points + self.size[:, None] * sparse(self.slope, self.sparse), radius)
        else:
            way = np.sign(self.slope) if norm == "linf" else unit(self.slope)
            here = self.room.project(points + self.size[:, None] * way, radius)
            share = 1.0 if first else _MOMENTUM
            here = self.room.project(points + share * (here - points) + (1 - share) * (points - self.former), radius)
        self.former, self.points = points, here


def sparse(slope: Array, share: Array) -> Array:
    """Return steps of l1 length 1 along the steepest coordinates: the share of them that each row has."""
    size, width = np.abs(slope), slope.shape[1]
    count = np.clip(((1 - share) * width).astype(np.intp), 0, width - 1)
    least = np.take_along_axis(np.sort(size, axis=1), count[:, None], axis=1)
    way = np.sign(slope) * (size >= least)
    steps: Array = way / np.maximum(np.abs(way).sum(axis=1, keepdims=True), 1.0)
    return steps
