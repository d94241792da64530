"""What changing one column does to a sum of trees: every value at once, from the leaves that one column keeps out."""

from dataclasses import dataclass
from functools import cached_property

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

    @cached_property
    def _worded(self) -> Array:
        """Mask of the columns of categories."""
        mask = np.zeros(len(self.origin), dtype=bool)
        mask[self.columns] = True
        return mask

    @property
    def price(self) -> int:
        """What a look at one point counts, in queries: a query ends in one leaf of each tree, a look tests them all."""
        return max(1, -(-len(self.lead) // max(1, len(self.edges))))

    def share(self, points: Array) -> Array:
        """Return the changes (m, d) of points, column by column."""
        share: Array = np.abs(points - self.origin) / self.span
        if len(self.columns):
            share[:, self.columns] = points[:, self.columns] != self.origin[self.columns]
        return share

    def look(self, points: Array) -> "Look":
        """Return which leaves points (m, d) lie in, and what that gives."""
        outside = (points[:, None] < self.low) | (points[:, None] > self.high)
        if len(self.columns):
            outside[:, :, self.columns] = (self.words >> points[:, None, self.columns].astype(np.int64)) & 1 == 0
        count = np.count_nonzero(outside, axis=2)
        inside = count == 0
        held = np.add.reduceat(np.where(inside, self.lead, 0.0), self.edges, axis=1)
        return Look(self, points, outside, count, inside, held, self.start + held.sum(axis=1))

    def moves(self, points: Array, margin: Array, point: Array, leaf: Array, column: Array, gain: Array) -> Move:
        """Return what single columns do, from the leaves that one column keeps a point out of, and what each gains."""
        d = points.shape[1]
        numbers = ~self._worded[column]
        p, j, rows = point[numbers], column[numbers], leaf[numbers]
        low, high = np.maximum(self.low[rows, j], self.least[j]), np.minimum(self.high[rows, j], self.most[j])
        some = low <= high
        p, j, low, high = p[some], j[some], low[some], high[some]
        rise = gain[numbers][some]
        key = np.tile(p * d + j, 2)
        place, change = np.concatenate([low, np.nextafter(high, np.inf)]), np.concatenate([rise, -rise])
        order = np.lexsort((place, key))
        key, place, total = key[order], place[order], np.cumsum(change[order])
        if not len(key):
            empty = np.empty(0)
            return self._with_words(
                points, margin, (point, leaf, column, gain), (empty.astype(np.intp),) * 2, empty, empty
            )
        last = np.ones(len(key), dtype=bool)  # all that begins or ends at one place
        last[:-1] = (key[1:] != key[:-1]) | (place[1:] != place[:-1])
        key, place, total = key[last], place[last], total[last]
        follows = np.flatnonzero(key[1:] == key[:-1])
        key, begin, end, total = key[follows], place[follows], place[follows + 1], total[follows]
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
        new = np.abs(value - self.origin[j]) / self.span[j]
        if len(self.columns):
            new = np.where(self._worded[j], value != self.origin[j], new)
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


@dataclass(frozen=True, eq=False)
class Look:
    """Points among the leaves.

    Parameters
    ----------
    outside : bool array (m, leaves, d)
        Which columns keep each point out of each leaf; ``count`` (m, leaves) how many, ``inside`` where none does.
    held : array (m, trees)
        The lead of the leaf of each tree.
    margin : array (m,)
        The rival's lead.
    """

    around: Around
    points: Array
    outside: Array
    count: Array
    inside: Array
    held: Array
    margin: Array

    def settled(self, rows: Array) -> Array:
        """Return some of the points, moved back towards the original as far as their leaves go."""
        around, settled = self.around, self.points[rows]
        before = around.origin[around.columns]
        for place, row in enumerate(rows):
            leaves = np.flatnonzero(self.inside[row])
            if not len(leaves):
                continue
            back = np.clip(around.origin, around.low[leaves].max(axis=0), around.high[leaves].min(axis=0))
            may = (np.bitwise_and.reduce(around.words[leaves], axis=0) >> before.astype(np.int64)) & 1 > 0
            back[around.columns] = np.where(may, before, settled[place, around.columns])
            settled[place] = back
        return settled

    def moves(self, rows: Array) -> Move:
        """Return all changes of one column of some of the points, that alter the leaf of any tree."""
        around = self.around
        row, leaf = np.nonzero(self.count[rows] == 1)
        point = rows[row]
        column = self.outside[point, leaf].argmax(axis=1)
        tree = np.searchsorted(around.edges, leaf, side="right") - 1
        return around.moves(self.points, self.margin, point, leaf, column, around.lead[leaf] - self.held[point, tree])
