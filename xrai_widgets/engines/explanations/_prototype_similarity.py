"""Mean similarities of many samples to many samples, tile by tile."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines.explanations._prototype_kernel import Kernel
from xrai_widgets.engines.explanations._prototype_tiles import TILE, tiles

_EXACT_PAIRS = 1e7  # up to so many pairs float64 costs less than a tenth of a second


@dataclass
class Rows:
    """Samples as points, held in memory where they fit, else made anew chunk by chunk.

    Parameters
    ----------
    kernel : Kernel
    samples : array (n, …)
    memory : float
        GB that the points may take.
    """

    kernel: Kernel
    samples: Array
    memory: float
    _held: Array | None = field(default=None, init=False)

    def __len__(self) -> int:
        return len(self.samples)

    def chunks(self) -> Iterator[tuple[slice, Array]]:
        """Yield (rows, points)."""
        rows = max(TILE, int(self.memory * 1e9 / 8 / max(1, self.kernel.width)))
        if len(self) <= rows:
            if self._held is None:
                self._held = self.kernel.embed(self.samples)
            yield slice(0, len(self)), self._held
            return
        for start in range(0, len(self), rows):
            part = slice(start, min(start + rows, len(self)))
            yield part, self.kernel.embed(self.samples[part])

    def points(self, index: Array | list[int]) -> Array:
        """Return the points of some rows."""
        return self.kernel.embed(self.samples[index]) if self._held is None else self._held[index]

    def column(self, point: Array) -> Array:
        """Return the similarity of every row to one point (D,)."""
        return self.mixture(point[None], np.ones(1))

    def mixture(self, points: Array, weights: Array) -> Array:
        """Return Σ weight × similarity to the points (s, D), for every row."""
        total = np.empty(len(self))
        for part, mine in self.chunks():
            for start in range(0, len(mine), 8 * TILE):
                tile = slice(start, start + 8 * TILE)
                total[part][tile] = self.kernel.matrix(mine[tile], points) @ weights
        return total

    def diagonal(self) -> Array:
        """Return the similarity of every row with itself."""
        return np.concatenate([self.kernel.diagonal(points) for _, points in self.chunks()])


@dataclass(frozen=True)
class Means:
    """Mean similarity of each row to a set of samples.

    ``exact`` is False where the mean was summed in single precision; ``square`` is the mean of the squared similarities
    of all pairs, known where the set is compared with itself.
    """

    values: Array
    exact: bool
    square: float = float("nan")


def mean_similarity(of: Rows, to: Rows, step: Step, note: str) -> Means:
    """Return the mean similarity of every row of ``of`` to the rows of ``to``."""
    if of.kernel.kind == "linear":
        return Means(of.mixture(_mean_point(to)[None], np.ones(1)), exact=True)
    dtype = np.dtype(np.float64 if len(of) * len(to) <= _EXACT_PAIRS else np.float32)
    total, done = np.zeros(len(of)), 0
    for mine, first in of.chunks():
        for _, second in to.chunks():
            for tile in tiles(first, second, dtype, same=False):
                total[mine][tile.rows] += tile.by_row
                done += tile.size
                step(done / (len(of) * len(to)), note)
    return Means(total / len(to), dtype == np.float64)


def own_similarity(rows: Rows, step: Step, note: str) -> Means:
    """Return the mean similarity of every row to all rows, itself included; each pair is computed once."""
    n = len(rows)
    if rows.kernel.kind == "linear":
        scatter = sum((points.T @ points for _, points in rows.chunks()), np.zeros((rows.kernel.width,) * 2)) / n
        return Means(rows.mixture(_mean_point(rows)[None], np.ones(1)), True, float((scatter**2).sum()))
    dtype = np.dtype(np.float64 if n * n <= 2 * _EXACT_PAIRS else np.float32)
    total, square, done = np.zeros(n), 0.0, 0
    for mine, first in rows.chunks():
        for others, second in rows.chunks():
            if others.start < mine.start:
                continue
            same = others.start == mine.start
            for tile in tiles(first, second, dtype, same):
                once = same and tile.rows == tile.columns
                total[mine][tile.rows] += tile.by_row
                square += tile.square * (1 if once else 2)
                done += tile.size * (1 if once else 2)
                if not once:
                    total[others][tile.columns] += tile.by_column
                step(done / n**2, note)
    return Means(total / n, dtype == np.float64, square / n**2)


def _mean_point(rows: Rows) -> Array:
    total = sum((points.sum(axis=0) for _, points in rows.chunks()), np.zeros(rows.kernel.width))
    return np.asarray(total / len(rows))
