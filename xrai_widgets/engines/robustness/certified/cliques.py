"""Which leaves of several trees can be held at once, by joining their boxes.

A combination is possible only if its boxes meet (Chen, Zhang, Si, Li, Boning, Hsieh 2019, arXiv:1906.03849). Trees are
joined in pairs; boxes whose sum cannot reach the other class, whatever the other trees add, are dropped at every level.
If all trees are joined before the budget is spent, the answer is exact.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._reach import Reach


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes with what they add to the margin of a rival."""

    margin: Array
    low: Array
    high: Array
    words: Array

    def at(self, chosen: Array) -> "Boxes":
        """Return some of them."""
        return Boxes(self.margin[chosen], self.low[chosen], self.high[chosen], self.words[chosen])


def combination(
    leaves: Leaves,
    reach: Reach,
    size: Array,
    radius: float,
    rival: int,
    label: int,
    effort: int,
    check: Callable[[], object] = lambda: None,
) -> Array | bool:
    """Return a sample (d,) within the radius where the rival may win; False if there is none; True: not settled."""
    near = np.flatnonzero(size <= radius)
    groups, split, may = _groups(leaves, reach, near, radius, rival, label)
    start = float(leaves.base[rival] - leaves.base[label]) + leaves.slack(rival, label)
    while True:
        peaks = np.array([group.margin.max() for group in groups])
        total = start + peaks.sum()
        if total <= 0:
            return False
        # whatever the other trees add: a hair is left for the rounding of the sum
        groups = [g.at(g.margin - p + total > -1e-12) for g, p in zip(groups, peaks, strict=True)]
        if len(groups) == 1:
            return _point(groups[0].at(np.array([groups[0].margin.argmax()])), reach, split, leaves.columns[may])
        groups.sort(key=lambda group: len(group.margin))
        joined: list[Boxes] = []
        rest = groups
        while len(rest) > 1:
            check()
            pair = _meet(rest[0], rest[1], effort)
            if pair is None:
                break
            if not len(pair.margin):
                return False
            joined, rest = [*joined, pair], rest[2:]
        if not joined:
            return True
        groups = [*joined, *rest]


def _point(box: Boxes, reach: Reach, split: Array, columns: Array) -> Array:
    """Return the point of a box that is nearest to the sample."""
    point: Array = reach.samples[0].copy()
    point[split] = np.clip(point[split], box.low[0], box.high[0])
    for bits, column in zip(box.words[0].tolist(), columns.tolist(), strict=True):
        if not bits >> round(point[column]) & 1:
            point[column] = (bits & -bits).bit_length() - 1
    return point


def _groups(
    leaves: Leaves, reach: Reach, near: Array, radius: float, rival: int, label: int
) -> tuple[list[Boxes], Array, Array]:
    """Return the boxes of each tree inside the ball in those columns that separate some of them; these columns.

    And of the columns of categories those whose category may change.
    """
    ball = [side[0] for side in reach.ball(np.array([radius]))]
    low, high = np.maximum(leaves.low[near], ball[0]), np.minimum(leaves.high[near], ball[1])
    split = ((low > ball[0]) | (high < ball[1])).any(axis=0) & ~reach.words
    code = np.rint(reach.samples[0, leaves.columns]).astype(np.int64)
    may = ~reach.still[leaves.columns] & (radius >= 1.0)
    words = leaves.words[near] & np.where(may, np.int64((1 << 63) - 1), np.int64(1) << code)
    margin = leaves.value[near, rival] - leaves.value[near, label]
    boxes = Boxes(margin, low[:, split], high[:, split], words[:, may])
    edges = np.flatnonzero(np.diff(leaves.tree[near])) + 1
    return [boxes.at(part) for part in np.split(np.arange(len(near)), edges)], split, may


def _meet(first: Boxes, second: Boxes, effort: int) -> Boxes | None:
    """Return the pairs of boxes that meet; None where there are too many to look at."""
    n, m = len(first.margin), len(second.margin)
    if n * m > effort:
        return None
    a, b = (part.ravel() for part in np.divmod(np.arange(n * m), m))
    for column in range(first.low.shape[1]):
        one = np.maximum(first.low[a, column], second.low[b, column])
        meets = one <= np.minimum(first.high[a, column], second.high[b, column])
        a, b = a[meets], b[meets]
    for column in range(first.words.shape[1]):
        meets = (first.words[a, column] & second.words[b, column]) != 0
        a, b = a[meets], b[meets]
    return Boxes(
        first.margin[a] + second.margin[b],
        np.maximum(first.low[a], second.low[b]),
        np.minimum(first.high[a], second.high[b]),
        first.words[a] & second.words[b],
    )
