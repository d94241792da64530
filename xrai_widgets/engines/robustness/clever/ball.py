"""Balls around samples, inside the ranges of the columns: points drawn in them, and the dual norms of slopes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xrai_widgets.core import Array

BallNorm = Literal["l1", "l2", "linf"]
_TINY = 1e-300
_DUAL = {"l1": np.inf, "l2": 2, "linf": 1}


@dataclass(frozen=True, eq=False)
class Room:
    """Where samples may go: in units of distance, each column by itself.

    Parameters
    ----------
    norm : {"l1", "l2", "linf"}
    span : array (d,)
        Raw units per unit of distance.
    bounds : array (2, d)
        A sample outside of them may stay where it is.
    fixed : bool array (d,)
        Columns that never change.
    """

    norm: BallNorm
    span: Array
    bounds: Array
    fixed: Array

    def free(self, samples: Array) -> Array:
        """Return the mask (n, d) of the cells that may change: what is missing stays so."""
        mask: Array = ~self.fixed & ~np.isnan(samples)
        return mask

    def widest(self) -> float:
        """Return the size of the change from one corner of the ranges to the opposite one."""
        sides = np.where(self.fixed, 0.0, (self.bounds[1] - self.bounds[0]) / self.span)
        return float(np.linalg.norm(sides, ord={"l1": 1, "l2": 2, "linf": np.inf}[self.norm]))

    def points(self, sample: Array, radius: float, size: int, rng: np.random.Generator) -> Array:
        """Return (size, d) points of the ball around a sample (d,), drawn evenly in it and moved into the ranges.

        The cube is drawn inside the ranges from the start. Of the other balls a point that lies outside of the ranges
        is moved to their edge, column by column, which brings it no farther from the sample.
        """
        free = self.free(sample)
        low, high = np.fmin(self.bounds[0], sample), np.fmax(self.bounds[1], sample)
        points = np.repeat(sample[None], size, axis=0)
        if self.norm == "linf":
            reach = radius * self.span[free]
            low, high = np.maximum(low[free], sample[free] - reach), np.minimum(high[free], sample[free] + reach)
            points[:, free] = low + rng.random((size, int(free.sum()))) * (high - low)
            return points
        change = radius * self.span[free] * unit_ball(self.norm, size, int(free.sum()), rng)
        points[:, free] = np.clip(sample[free] + change, low[free], high[free])
        return points

    def downhill(self, points: Array, samples: Array, slopes: Array, length: Array) -> Array:
        """Return points (n, d) moved against the slopes of a function, each by its length, and kept in the ranges."""
        steep = np.where(self.free(samples), slopes * self.span, 0.0)
        match self.norm:
            case "linf":
                direction = np.sign(steep)
            case "l2":
                direction = steep / np.maximum(np.linalg.norm(steep, axis=1, keepdims=True), _TINY)
            case "l1":
                direction = np.sign(steep) * np.eye(steep.shape[1])[np.abs(steep).argmax(axis=1)]
        moved = points - self.span * direction * length[:, None]
        low, high = np.fmin(self.bounds[0], samples), np.fmax(self.bounds[1], samples)
        return np.asarray(np.where(self.free(samples), np.clip(moved, low, high), points))

    def steepness(self, slopes: Array, free: Array) -> Array:
        """Return (n,) dual norms of derivatives (n, d) by raw columns: change of the function per unit of distance."""
        return np.asarray(np.linalg.norm(np.where(free, slopes * self.span, 0.0), ord=_DUAL[self.norm], axis=1))


def unit_ball(norm: BallNorm, size: int, dimensions: int, rng: np.random.Generator) -> Array:
    """Return (size, dimensions) points drawn evenly in the ball of radius 1 (Barthe et al. 2005, arXiv:math/0503650).

    Densities ∝ exp(−|x|^p), column by column, over the p-th root of their summed powers and an exponential number.
    """
    rest = rng.exponential(size=(size, 1))
    if norm == "linf":
        return rng.uniform(-1, 1, (size, dimensions))
    if norm == "l1":
        drawn = rng.laplace(size=(size, dimensions))
        return np.asarray(drawn / (np.abs(drawn).sum(axis=1, keepdims=True) + rest))
    drawn = rng.normal(size=(size, dimensions)) * np.sqrt(0.5)
    return np.asarray(drawn / np.sqrt(np.square(drawn).sum(axis=1, keepdims=True) + rest))
