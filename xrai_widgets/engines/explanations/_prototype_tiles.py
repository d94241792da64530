"""Sums of the Gaussian similarities of all pairs, tile by tile."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.spatial import distance

from xrai_widgets.core import Array
from xrai_widgets.engines.explanations._prototype_threads import in_threads

TILE, _STRIP = 1024, 256
_LONGEST = {np.dtype(np.float32): 1e2, np.dtype(np.float64): 1e6}  # squared length that the short formula stands
_held = threading.local()


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
