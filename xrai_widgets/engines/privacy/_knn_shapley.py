"""Shapley values of the K-nearest-neighbour vote, exact under ties, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from xrai_widgets.core import Array, Step

_ARRAYS = 14  # float64 arrays of the size of one block that are alive at once
_BLOCK = 1 << 20  # more entries per block than this no longer fit the cache


class Shapley(NamedTuple):
    """Values per training sample (mean over test samples), their standard error, and the vote share per test sample."""

    values: Array
    errors: Array
    shares: Array


@dataclass(frozen=True)
class _Outputs:
    """Distinct training outputs, and how many training samples of each class have them."""

    rows: Array
    place: Array
    counts: Array
    by_class: Array

    @classmethod
    def of(cls, outputs: Array, labels: Array, k: int) -> "_Outputs":
        rows, place = np.unique(outputs, axis=0, return_inverse=True)
        place = place.ravel()
        by_class = np.zeros((k, len(rows)))
        np.add.at(by_class, (labels, place), 1.0)
        return cls(rows, place, by_class.sum(axis=0), by_class)


def knn_shapley(
    train: Array, y_train: Array, test: Array, y_test: Array, *, n_neighbors: int, memory: float, step: Step
) -> Shapley:
    """Return each training sample's Shapley value in the game "share of right labels among the K nearest".

    Parameters
    ----------
    train, test : array (n, k), (m, k)
        Points, here the model's outputs.
    y_train, y_test : int array
        Labels.
    n_neighbors : int
        K.
    memory : float
        GB that the working arrays may take.

    Notes
    -----
    Jia et al. 2019 (arXiv:1908.08619) without ties. Among tied points every order is equally likely: the mean over
    the orders has a closed form. Equal outputs tie because distances are taken to distinct rows, so that they cannot
    differ by rounding. Training samples are summed by (distinct output, class): with label t of the test sample, all
    samples of an output share two values, one for the label t and one for the others.
    """
    k = int(max(y_train.max(), y_test.max())) + 1
    outputs = _Outputs.of(train, y_train, k)
    u, m = len(outputs.rows), len(test)
    vote = _Vote(len(train), n_neighbors)
    other, extra = np.zeros((2, u)), np.zeros((2, k, u))  # sums of values and of their squares
    shares = np.empty(m)
    done = 0
    for label, index in _blocks(y_test, max(1, min(_BLOCK, int(memory * 1e9 / 8 / _ARRAYS)) // u)):
        distance = cdist(test[index], outputs.rows, "sqeuclidean")
        order = np.argsort(distance, axis=1)
        miss, hit, shares[index] = vote.values(np.take_along_axis(distance, order, axis=1), order, outputs, label)
        flat = order.ravel()
        for power in (0, 1):
            low, high = miss ** (power + 1), hit ** (power + 1)
            other[power] += np.bincount(flat, low, minlength=u)
            extra[power, label] += np.bincount(flat, high - low, minlength=u)
        done += len(index)
        step(done / m, "neighbours of test samples")
    total, squares = (other[power][outputs.place] + extra[power][y_train, outputs.place] for power in (0, 1))
    average = total / m
    if m == 1:
        return Shapley(average, np.full(len(average), np.inf), shares)
    spread = np.maximum(squares / m - average**2, 0.0)
    return Shapley(average, np.sqrt(spread / (m - 1)), shares)


class _Vote:
    """The weights c_j = min(K, j)/j and their running sums for n training samples."""

    def __init__(self, n: int, n_neighbors: int) -> None:
        ranks = np.arange(1, n + 1)
        self.n, self.k = n, n_neighbors
        self.c = np.r_[1.0, np.minimum(n_neighbors, ranks) / ranks]
        self.running = np.r_[0.0, np.cumsum(self.c[1:])]

    def values(self, distance: Array, order: Array, outputs: _Outputs, label: int) -> tuple[Array, Array, Array]:
        """Return the values, in sorted order, of samples with another and with the same label; and the shares."""
        tied = distance[:, 1:] == distance[:, :-1]
        if self.n == len(outputs.rows) and not tied.any():
            return self._distinct(outputs.by_class[label][order])
        return self._tied(tied, outputs.counts[order], outputs.by_class[label][order])

    def _distinct(self, match: Array) -> tuple[Array, Array, Array]:
        drop = match * (self.c[:-1] - self.c[1:])
        later = np.zeros_like(drop)
        later[:, :-1] = np.cumsum(drop[:, :0:-1], axis=1)[:, ::-1]
        miss = later / -self.k
        hit = (self.c[1:] - later) / self.k
        shares = (match * hit + (1.0 - match) * miss).sum(axis=1)
        return miss.ravel(), hit.ravel(), shares

    def _tied(self, tied: Array, size: Array, match: Array) -> tuple[Array, Array, Array]:
        rows, u = size.shape
        first = np.ones((rows, u), dtype=bool)
        first[:, 1:] = ~tied
        starts = np.flatnonzero(first)
        g = np.add.reduceat(size.ravel(), starts)
        q = np.add.reduceat(match.ravel(), starts)
        row = starts // u
        last = (np.cumsum(g) - row * self.n).round().astype(np.intp)
        before = last - g.astype(np.intp)
        mean = (self.running[last] - self.running[before]) / g
        drop = np.where(before > 0, q / g * (self.c[before] - self.c[last]), 0.0)
        later = _later_in_row(drop, row, rows)
        within = np.divide(mean - self.c[last], g - 1.0, out=np.zeros_like(g), where=g > 1)
        miss = (-q * within - later) / self.k
        hit = (mean - (q - 1.0) * within - later) / self.k
        shares = np.bincount(row, q * hit + (g - q) * miss, minlength=rows)
        length = np.diff(np.r_[starts, rows * u])
        return np.repeat(miss, length), np.repeat(hit, length), shares


def _later_in_row(values: Array, row: Array, rows: int) -> Array:
    """Return for each entry the sum of the entries behind it in its row."""
    behind = np.r_[np.cumsum(values[::-1])[::-1], 0.0]
    end = np.cumsum(np.bincount(row, minlength=rows))
    later: Array = behind[1:] - behind[end[row]]
    return later


def _blocks(labels: Array, rows: int) -> Iterator[tuple[int, Array]]:
    for label in np.unique(labels):
        index = np.flatnonzero(labels == label)
        for start in range(0, len(index), rows):
            yield int(label), index[start : start + rows]
