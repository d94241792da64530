"""Shapley values of the K-nearest-neighbour vote, exact under ties, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from xrai_widgets.core import Array, Step

_ARRAYS = 14  # float64 arrays of the size of one block that are alive at once
_TOGETHER = 8  # blocks that are one item of work
_BLOCK = 1 << 20  # more entries per block than this no longer fit the cache


class Shapley(NamedTuple):
    """Values per training sample (mean over test samples), their standard error, and the vote share per test sample.

    ``null``, (permutations, n): the values where the labels of the training samples are permuted.
    """

    values: Array
    errors: Array
    shares: Array
    null: Array = np.empty((0, 0))


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
    train: Array,
    y_train: Array,
    test: Array,
    y_test: Array,
    *,
    n_neighbors: int,
    memory: float,
    step: Step,
    permuted: Array | None = None,
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
    permuted : int array (permutations, n), optional
        Other labels of the training samples, for which the values are computed, too: ranks are shared.

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
    rows = max(1, min(_BLOCK, int(memory * 1e9 / 8 / _ARRAYS)) // u)
    labels = np.empty((0, len(train)), int) if permuted is None else permuted
    ranked = _Ranked(test, outputs, labels, len(train), n_neighbors)
    blocks = list(_blocks(y_test, rows))
    items = [tuple(blocks[start : start + _TOGETHER]) for start in range(0, len(blocks), _TOGETHER)]
    other, extra = np.zeros((2, u)), np.zeros((2, k, u))  # sums of values and of their squares
    shares, null = np.empty(m), np.zeros(labels.shape)
    at_most = max(1, int(memory * 1e9 / 8 / _ARRAYS) // (rows * u))
    for item, sums in zip(items, step.map(ranked, items, "neighbours of test samples", at_most), strict=True):
        other += sums.other
        extra += sums.extra
        null += sums.null
        shares[np.concatenate([index for _, index in item])] = sums.shares
    total, squares = (other[power][outputs.place] + extra[power][y_train, outputs.place] for power in (0, 1))
    average = total / m
    if m == 1:
        return Shapley(average, np.full(len(average), np.inf), shares, null / m)
    spread = np.maximum(squares / m - average**2, 0.0)
    return Shapley(average, np.sqrt(spread / (m - 1)), shares, null / m)


class _Sums(NamedTuple):
    """What the test samples of an item add: values and their squares by output, the same for a label, shares, null."""

    other: Array
    extra: Array
    shares: Array
    null: Array


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Ranks the training samples for test samples; runs on a worker."""

    test: Array
    outputs: _Outputs
    permuted: Array
    n: int
    n_neighbors: int

    def __call__(self, blocks: tuple[tuple[int, Array], ...]) -> _Sums:
        """Return the sums over blocks of test samples with one label each."""
        outputs, u = self.outputs, len(self.outputs.rows)
        vote = _Vote(self.n, self.n_neighbors)
        other, extra = np.zeros((2, u)), np.zeros((2, len(outputs.by_class), u))
        null, parts = _Null(self.permuted, outputs, vote), []
        for label, index in blocks:
            distance = cdist(self.test[index], outputs.rows, "sqeuclidean")
            order = np.argsort(distance, axis=1)
            tied = vote.ties(np.take_along_axis(distance, order, axis=1), outputs)
            match = outputs.by_class[label][order]
            miss, hit, shares = vote.values(tied, outputs.counts[order], match)
            parts.append(shares)
            flat = order.ravel()
            for power in (0, 1):
                low, high = miss ** (power + 1), hit ** (power + 1)
                other[power] += np.bincount(flat, low, minlength=u)
                extra[power, label] += np.bincount(flat, high - low, minlength=u)
            null.add(label, order, tied)
        return _Sums(other, extra, np.concatenate(parts), null.values)


class _Vote:
    """The weights c_j = min(K, j)/j and their running sums for n training samples."""

    def __init__(self, n: int, n_neighbors: int) -> None:
        ranks = np.arange(1, n + 1)
        self.n, self.k = n, n_neighbors
        self.c = np.r_[1.0, np.minimum(n_neighbors, ranks) / ranks]
        self.running = np.r_[0.0, np.cumsum(self.c[1:])]

    def ties(self, distance: Array, outputs: _Outputs) -> Array | None:
        """Return where a sorted distance equals the one before it, (rows, u - 1); None if no two samples tie."""
        tied = distance[:, 1:] == distance[:, :-1]
        return tied if self.n > len(outputs.rows) or tied.any() else None

    def values(self, tied: Array | None, size: Array, match: Array) -> tuple[Array, Array, Array]:
        """Return the values, in sorted order, of samples with another and with the same label; and the shares."""
        return self._distinct(match) if tied is None else self._tied(tied, size, match)

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


class _Null:
    """Values where the training samples have other labels; everything but the labels is as it was."""

    def __init__(self, labels: Array, outputs: _Outputs, vote: _Vote) -> None:
        self._labels, self._outputs, self._vote = labels, outputs, vote
        self.values = np.zeros(labels.shape)

    def add(self, label: int, order: Array, tied: Array | None) -> None:
        """Add the values of a block of test samples with one label."""
        if len(self._labels) and tied is None:
            self._distinct(label, order)
        elif len(self._labels):
            self._tied(label, order, tied)

    def _distinct(self, label: int, order: Array) -> None:
        c, u, place = self._vote.c, order.shape[1], self._outputs.place
        far = np.ascontiguousarray(order[:, ::-1]).ravel()  # the farthest first: sums over later ranks run forward
        drop = (c[:-1] - c[1:])[::-1]
        shape = order.shape
        # what a sample of the label has beyond one of another: its own drop, which the sum includes, and its weight
        more = np.bincount(far, np.broadcast_to(drop + c[:0:-1], shape).ravel(), minlength=u)[place] / self._vote.k
        buffer = np.empty(len(far))
        by_place = np.empty(u)
        for values, labels in zip(self.values, self._labels, strict=True):
            same = labels == label
            by_place[place] = same
            np.take(by_place, far, out=buffer)
            later = buffer.reshape(shape)
            later *= drop
            np.cumsum(later, axis=1, out=later)
            values -= np.bincount(far, buffer, minlength=u)[place] / self._vote.k
            values[same] += more[same]

    def _tied(self, label: int, order: Array, tied: Array | None) -> None:
        place, u = self._outputs.place, len(self._outputs.rows)
        flat, size = order.ravel(), self._outputs.counts[order]
        for values, labels in zip(self.values, self._labels, strict=True):
            same = labels == label
            match = np.bincount(place[same], minlength=u).astype(np.float64)[order]
            miss, hit, _ = self._vote.values(tied, size, match)
            values += np.bincount(flat, miss, minlength=u)[place]
            values[same] += np.bincount(flat, hit - miss, minlength=u)[place[same]]


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
