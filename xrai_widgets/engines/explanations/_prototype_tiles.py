"""Gaussian similarities of all pairs, tile by tile."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial import distance

from xrai_widgets.core import Array

TILE = 1024
_LONGEST = {np.dtype(np.float32): 1e2, np.dtype(np.float64): 1e6}  # squared length that the short formula stands


def tiles(first: Array, second: Array, dtype: np.dtype, same: bool) -> Iterator[tuple[slice, slice, Array]]:
    """Yield (rows, columns, Gaussian similarities); of a set with itself, only tiles on and above the diagonal."""
    left, right = _augmented(first, dtype), _augmented(second, dtype)
    right[:, -2:] = right[:, :-3:-1]
    for i in range(0, len(first), TILE):
        a = slice(i, min(i + TILE, len(first)))
        for j in range(i if same else 0, len(second), TILE):
            b = slice(j, min(j + TILE, len(second)))
            yield a, b, _tile(left[a], right[b], first[a], second[b])


def _augmented(points: Array, dtype: np.dtype) -> Array:
    """Points with −half their squared length and 1: products of these rows are exponents."""
    wide = np.empty((len(points), points.shape[1] + 2), dtype=dtype)
    wide[:, :-2] = points
    wide[:, -2] = -0.5 * np.einsum("ij,ij->i", points, points)
    wide[:, -1] = 1.0
    return wide


def _tile(left: Array, right: Array, first: Array, second: Array) -> Array:
    longest = min(-2.0 * float(left[:, -2].min()), -2.0 * float(right[:, -1].min()))
    if longest > _LONGEST[left.dtype]:
        squared = np.einsum("ij,ij->i", first, first)[:, None] + np.einsum("ij,ij->i", second, second)
        if longest > _LONGEST[np.dtype(np.float64)]:
            squared = distance.cdist(first, second, "sqeuclidean")
        else:
            squared -= 2.0 * (first @ second.T)
        return np.asarray(np.exp(-0.5 * squared))
    exponents = left @ right.T
    return np.asarray(np.exp(exponents, out=exponents))
