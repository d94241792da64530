"""What changing one column does to a sum of trees: every value at once, from the leaves that one column keeps out."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._reach import Reach

_TINY = 1e-9


def length(share: Array, norm: str) -> Array:
    """Return the sizes (…,) of changes (…, d), in shares of the ranges."""
    size: Array
    match norm:
        case "linf":
            size = share.max(axis=-1, initial=0.0)
        case "l1":
            size = share.sum(axis=-1)
        case "l0":
            size = (share > 0).sum(axis=-1).astype(np.float64)
        case _:
            size = np.sqrt((share * share).sum(axis=-1))
    return size


@dataclass(frozen=True, eq=False)
class Move:
    """Changes of one column each.

    Parameters
    ----------
    point, column : int array (m,)
        Which point moves, and along which column.
    value : array (m,)
        Where to: of all values with the same trees' leaves the one that is nearest to the original.
    margin, size : array (m,)
        What the rival's lead and the distance become.
    """

    point: Array
    column: Array
    value: Array
    margin: Array
    size: Array


@dataclass(frozen=True, eq=False)
class Around:
    """One sample, the leaves that it may come to, and which way is up.

    Parameters
    ----------
    origin : array (d,)
    low, high : array (leaves, d)
        Boxes of the leaves in columns of numbers.
    words : int array (leaves, c)
        Bits of the codes that lead there, in columns of categories.
    lead : array (leaves,)
        What the leaf adds to the rival's score, less what it adds to that of the label.
    start : float
        Lead before any tree, less what rounding may hide.
    edges : int array (t,)
        Where each tree's leaves begin.
    """

    origin: Array
    low: Array
    high: Array
    words: Array
    lead: Array
    start: float
    edges: Array
    least: Array
    most: Array
    span: Array
    whole: Array
    columns: Array
    free_words: Array
    norm: str

    @classmethod
    def of(
        cls, leaves: Leaves, reach: Reach, size: Array, farthest: float, rival: int, label: int, norm: str
    ) -> "Around":
        """Return what is within ``farthest`` of one sample; ``size`` (leaves,) is how far it is from each of them."""
        near = np.flatnonzero(size <= farthest * (1 + _TINY))
        edges = np.r_[0, np.flatnonzero(np.diff(leaves.tree[near])) + 1]
        lead = leaves.value[near, rival] - leaves.value[near, label]
        start = float(leaves.base[rival] - leaves.base[label])
        start += leaves.slack(rival, label) if leaves.rounding == 0 else -2 * leaves.rounding
        least, most = reach.low[0], reach.high[0]
        return cls(
            reach.samples[0], leaves.low[near], leaves.high[near], leaves.words[near], lead, start, edges, least, most,
            reach.span, reach.whole, leaves.columns, ~reach.still[leaves.columns], norm,
        )  # fmt: skip

    @property
    def price(self) -> int:
        """What a look at one point counts, in queries: a query ends in one leaf of each tree, a look tests them all."""
        return max(1, -(-len(self.lead) // max(1, len(self.edges))))

    def share(self, points: Array) -> Array:
        """Return the changes (m, d) of points, column by column."""
        share: Array = np.abs(points - self.origin) / self.span
        share[:, self.columns] = points[:, self.columns] != self.origin[self.columns]
        return share

    def look(self, points: Array) -> tuple[Array, Array, Move]:
        """Return the rival's lead (m,), the points moved back as far as their leaves go, and all single moves."""
        outside = (points[:, None] < self.low) | (points[:, None] > self.high)
        outside[:, :, self.columns] = (self.words >> points[:, None, self.columns].astype(np.int64)) & 1 == 0
        count = outside.sum(axis=2)
        inside = count == 0
        held = np.add.reduceat(np.where(inside, self.lead, 0.0), self.edges, axis=1)
        margin = self.start + held.sum(axis=1)
        settled = self._settled(points, inside)
        point, leaf = np.nonzero(count == 1)
        column = outside[point, leaf].argmax(axis=1)
        tree = np.searchsorted(self.edges, leaf, side="right") - 1
        gain = self.lead[leaf] - held[point, tree]
        return margin, settled, self._moves(points, margin, point, leaf, column, gain)

    def _settled(self, points: Array, inside: Array) -> Array:
        low = np.where(inside[:, :, None], self.low, -np.inf).max(axis=1)
        high = np.where(inside[:, :, None], self.high, np.inf).min(axis=1)
        settled = np.clip(self.origin, low, high)
        may = np.bitwise_and.reduce(np.where(inside[:, :, None], self.words, -1), axis=1)
        before = self.origin[self.columns]
        back = (may >> before.astype(np.int64)) & 1 > 0
        settled[:, self.columns] = np.where(back, before, points[:, self.columns])
        return np.where(np.isfinite(settled), settled, points)

    def _moves(self, points: Array, margin: Array, point: Array, leaf: Array, column: Array, gain: Array) -> Move:
        d = points.shape[1]
        numbers = ~np.isin(column, self.columns)
        p, j, rows = point[numbers], column[numbers], leaf[numbers]
        low, high = np.maximum(self.low[rows, j], self.least[j]), np.minimum(self.high[rows, j], self.most[j])
        some = low <= high
        p, j, low, high = p[some], j[some], low[some], high[some]
        rise = gain[numbers][some]
        key = np.r_[p * d + j, p * d + j]
        place, change = np.r_[low, np.nextafter(high, np.inf)], np.r_[rise, -rise]
        order = np.lexsort((place, key))
        key, place, total = key[order], place[order], np.cumsum(change[order])
        if not len(key):
            empty = np.empty(0)
            return self._with_words(
                points, margin, (point, leaf, column, gain), (empty.astype(np.intp),) * 2, empty, empty
            )
        last = np.r_[(key[1:] != key[:-1]) | (place[1:] != place[:-1]), True]  # all that begins or ends at one place
        key, place, total = key[last], place[last], total[last]
        follows = np.r_[key[1:] == key[:-1], False]
        key, begin, end, total = key[follows], place[follows], place[np.flatnonzero(follows) + 1], total[follows]
        p, j = np.divmod(key, d)
        value = np.clip(self.origin[j], begin, np.nextafter(end, -np.inf))
        value = np.where(self.whole[j], np.where(value > self.origin[j], np.ceil(begin), np.floor(value)), value)
        fits = (value >= begin) & (value < end)
        return self._with_words(
            points, margin, (point, leaf, column, gain), (p[fits], j[fits]), value[fits], total[fits]
        )

    def _with_words(
        self, points: Array, margin: Array, ones: tuple[Array, ...], key: tuple[Array, Array], value: Array, gain: Array
    ) -> Move:
        point, leaf, column, rise = ones
        parts = [(key[0], key[1], value, gain)]
        for place, c in enumerate(self.columns):
            here = np.flatnonzero(column == c)
            if not self.free_words[place] or not len(here):
                continue
            most = int(self.most[c]) + 1
            total = np.zeros((len(points), most))
            for code in range(most):
                leads = (self.words[leaf[here], place] >> code) & 1 > 0
                np.add.at(total[:, code], point[here][leads], rise[here][leads])
            p, codes = np.nonzero(np.arange(most)[None] != points[:, [c]])
            parts.append((p, np.full(len(p), c), codes.astype(np.float64), total[p, codes]))
        p, j, value, gain = (np.concatenate(part) for part in zip(*parts, strict=True))
        share = self.share(points)
        new = np.where(np.isin(j, self.columns), value != self.origin[j], np.abs(value - self.origin[j]) / self.span[j])
        return Move(p, j, value, margin[p] + gain, _replaced(share, p, j, new, self.norm))


def _replaced(share: Array, point: Array, column: Array, new: Array, norm: str) -> Array:
    """Return the sizes of changes of which one column's share is replaced."""
    rows = np.arange(len(share))
    old = share[point, column]
    size: Array
    if norm == "linf":
        largest = share.argmax(axis=1)
        rest = share.copy()
        rest[rows, largest] = 0.0
        others = np.where(column == largest[point], rest.max(axis=1)[point], share[rows, largest][point])
        size = np.maximum(others, new)
    elif norm == "l1":
        size = share.sum(axis=1)[point] - old + new
    elif norm == "l0":
        size = ((share > 0).sum(axis=1)[point] - (old > 0) + (new > 0)).astype(np.float64)
    else:
        size = np.sqrt(np.maximum((share * share).sum(axis=1)[point] - old * old + new * new, 0.0))
    return size
