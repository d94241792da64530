"""Balls of one radius around samples, and the steps of the gradient loop inside them, norm by norm."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._problem import Problem
from xrai_widgets.engines.robustness.evasion.auto_attack.climbing import sparse
from xrai_widgets.engines.robustness.evasion.auto_attack.room import Room

_STEEPEST = 0.05  # share of the coordinates along which a step in l1 goes


@dataclass(frozen=True, eq=False)
class Ball:
    """The balls around samples (r, D), cut at the box.

    Parameters
    ----------
    radius : float
        A number of coordinates in l0.
    around : tuple of arrays
        Originals, and the ends of the box.
    room : Room, optional
        Of the norms whose balls are projected onto exactly together with the box: l1 and l0.
    """

    problem: Problem
    radius: float
    around: tuple[Array, Array, Array]
    room: Room | None

    @classmethod
    def of(cls, problem: Problem, owner: Array, radius: float) -> "Ball":
        """Return the balls around the samples ``owner``."""
        room = Room.of(problem, owner) if problem.norm in ("l1", "l0") else None
        return cls(problem, radius, problem.around(owner), room)

    def part(self, rows: Array) -> "Ball":
        """Return some of the balls."""
        room = None if self.room is None else self.room.keep(rows)
        origins, low, high = (side[rows] for side in self.around)
        return Ball(self.problem, self.radius, (origins, low, high), room)

    def held(self, points: Array, worth: Array | float = 1.0) -> Array:
        """Return the points, moved into the balls; in l0 those changes stay that are largest, times their worth."""
        if self.room is None:
            return self.problem.held(points, self.radius, self.around)
        return self.room.project(points, self.radius, worth)

    def onward(self, points: Array, slope: Array, share: float) -> Array:
        """Return the points after a step of steepest ascent.

        Parameters
        ----------
        share : float
            Of the radius that the step is long; in l0 of the range.
        """
        if self.room is None:
            return self.held(points + share * self.radius * self.problem.way(slope))
        stuck = ((slope > 0) & (points >= self.room.high)) | ((slope < 0) & (points <= self.room.low))
        slope = np.where(stuck, 0.0, slope)
        if self.room.norm == "l1":  # along the steepest coordinates: Tramèr and Boneh 2019, arXiv:1904.13000
            return self.held(points + share * self.radius * sparse(slope, np.full(len(slope), _STEEPEST)))
        steepest = np.abs(slope).max(axis=1, keepdims=True)  # Croce and Hein 2019, arXiv:1909.05040
        way = np.divide(slope, steepest, out=np.zeros_like(slope), where=steepest > 0)
        range_of = (self.room.high - self.room.low).max(axis=1, keepdims=True)
        return self.held(points + share * range_of * way, np.abs(slope) + 1e-3 * steepest)


def radii_of(problem: Problem, sizes: tuple[float, ...]) -> list[float]:
    """Return the radii to climb at, rising: the sizes; in l0 whole numbers, and where none is given 1, 2, 4, …"""
    if problem.norm != "l0":
        return sorted(sizes)
    whole = sorted({float(int(size)) for size in sizes if size >= 1})
    most = int(problem.space.free.sum())
    return whole or [float(2**power) for power in range(max(1, most.bit_length()))]
