"""Mean similarities of many samples to many samples, tile by tile."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.spatial import distance

from xrai_widgets.core import Array, Step
from xrai_widgets.engines._threads import in_threads
from xrai_widgets.engines.explanations.protodash.kernel import Kernel

TILE, _STRIP = 1024, 256
_LONGEST = {np.dtype(np.float32): 1e2, np.dtype(np.float64): 1e6}  # squared length that the short formula stands
_held = threading.local()
_EXACT_PAIRS = 1e7  # up to so many pairs float64 costs less than a tenth of a second


class Sums(NamedTuple):
    """Of one tile: which rows and columns, their sums, and the sum of squares."""

    rows: slice
    columns: slice
    by_row: Array
    by_column: Array
    square: float

    @property
    def size(self) -> int:
        """Number of pairs."""
        return len(self.by_row) * len(self.by_column)


def tiles(first: Array, second: Array, dtype: np.dtype, same: bool) -> Iterator[Sums]:
    """Yield the sums of all tiles of points (a, D) × (b, D); of a set with itself, those on and above the diagonal."""
    left, right = _augmented(first, dtype), _augmented(second, dtype)
    right[:, -2:] = right[:, :-3:-1]
    places = [
        (slice(i, min(i + TILE, len(first))), slice(j, min(j + TILE, len(second))))
        for i in range(0, len(first), TILE)
        for j in range(i if same else 0, len(second), TILE)
    ]
    return in_threads(partial(_sums, left, right, first, second), places)


def _augmented(points: Array, dtype: np.dtype) -> Array:
    """Points with −half their squared length and 1: products of these rows are exponents."""
    wide = np.empty((len(points), points.shape[1] + 2), dtype=dtype)
    wide[:, :-2] = points
    wide[:, -2] = -0.5 * np.einsum("ij,ij->i", points, points)
    wide[:, -1] = 1.0
    return wide


def _sums(left: Array, right: Array, first: Array, second: Array, place: tuple[slice, slice]) -> Sums:
    rows, columns = place
    by_row, by_column, square = np.empty(rows.stop - rows.start), np.zeros(columns.stop - columns.start), 0.0
    for start in range(0, len(by_row), _STRIP):  # strips stay in the cache
        here = slice(start, min(start + _STRIP, len(by_row)))
        strip = slice(rows.start + here.start, rows.start + here.stop)
        similar = _similar(left[strip], right[columns], first[strip], second[columns])
        by_row[here] = similar.sum(axis=1)
        by_column += similar.sum(axis=0)
        square += float(np.vdot(similar, similar))
    return Sums(rows, columns, by_row, by_column, square)


def _similar(left: Array, right: Array, first: Array, second: Array) -> Array:
    longest = min(-2.0 * float(left[:, -2].min()), -2.0 * float(right[:, -1].min()))
    if longest > _LONGEST[left.dtype]:
        squared = np.einsum("ij,ij->i", first, first)[:, None] + np.einsum("ij,ij->i", second, second)
        if longest > _LONGEST[np.dtype(np.float64)]:
            squared = distance.cdist(first, second, "sqeuclidean")
        else:
            squared -= 2.0 * (first @ second.T)
        return np.asarray(np.exp(-0.5 * squared))
    exponents = _space(len(left), len(right), left.dtype)
    np.matmul(left, right.T, out=exponents)
    return np.asarray(np.exp(exponents, out=exponents))


def _space(rows: int, columns: int, dtype: np.dtype) -> Array:
    """Return this thread's own memory, which is used again and again."""
    size = rows * columns
    space: Array | None = getattr(_held, dtype.name, None)
    if space is None or len(space) < size:
        space = np.empty(size, dtype)
        setattr(_held, dtype.name, space)
    return space[:size].reshape(rows, columns)


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


def within_similarity(rows: Rows, step: Step, note: str) -> Means:
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
