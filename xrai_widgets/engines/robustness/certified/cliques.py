"""A lower bound for sums of trees: no combination of leaves within the distance alters the label.

A combination is possible only if its boxes meet (Chen, Zhang, Si, Li, Boning, Hsieh 2019, arXiv:1906.03849). Trees are
joined in pairs; boxes whose sum cannot reach the other class, whatever the other trees add, are dropped at every level.
If all trees are joined before the budget is spent, the distance is exact.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines.robustness.certified.solver import Solver

_CLOSE = 1e-9  # relative: distances that are the same
_PASSES = ((1 / 64, 99), (1 / 8, 4), (1.0, 2))  # share of the effort, and how often it may settle nothing
_WITHIN = 0.99  # of an attack's distance: where it cannot be proved to be the nearest, it may be nearly so


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


@dataclass(frozen=True, eq=False)
class Nearest:
    """What is proved of one sample: no other label below ``low``; and where one may be (d,), if that was settled."""

    low: float
    witness: Array | None


def plain_bounds(leaves: Leaves, size: Array, label: int) -> Array:
    """Return for each class the distance at which leaves, each tree for itself, first allow it; infinite if never.

    Parameters
    ----------
    size : array (leaves,)
        How far one sample is from them.
    """
    order = np.lexsort((size, leaves.tree))
    order = order[np.isfinite(size[order])]
    tree, far = leaves.tree[order], size[order]
    begins = np.r_[True, tree[1:] != tree[:-1]]
    by_distance = np.argsort(far, kind="stable")
    first = np.full(leaves.value.shape[1], np.inf)
    for rival in range(len(first)):
        if rival == label:
            continue
        margin = leaves.value[order, rival] - leaves.value[order, label]
        best = _running_peaks(margin, begins)
        rise = np.where(begins, best, best - np.r_[0.0, best[:-1]])
        total = leaves.base[rival] - leaves.base[label] + np.cumsum(rise[by_distance])
        # before each tree has its first leaf the sum says nothing: first leaves are those the sample lies in
        counted = np.cumsum(begins[by_distance]) == begins.sum()
        ends = np.r_[far[by_distance][1:] != far[by_distance][:-1], True]  # all leaves at one distance
        reached = counted & ends & (total + leaves.slack(rival, label) > 0)
        if reached.any():
            first[rival] = far[by_distance][reached.argmax()]
    return first


def _running_peaks(margin: Array, begins: Array) -> Array:
    """Return the largest value so far in each group."""
    edges = np.r_[np.flatnonzero(begins), len(margin)]
    peaks = np.empty(len(margin))
    for start, stop in itertools.pairwise(edges.tolist()):
        np.maximum.accumulate(margin[start:stop], out=peaks[start:stop])
    return peaks


def nearest_combination(
    leaves: Leaves,
    reach: Reach,
    label: int,
    above: float,
    effort: int,
    solver: Solver | None = None,
    check: Callable[[], object] = lambda: None,
) -> Nearest:
    """Return bounds of the l∞ distance of one sample.

    Parameters
    ----------
    reach : Reach
        Of this sample alone.
    above : float
        A distance at which the label is seen to change, else infinite: nothing beyond is looked at.
    effort : int
        Most pairs of boxes that are compared in one step.
    solver : Solver, optional
        Decides instead, where it can.
    check : callable, optional
        Called before each step; may end the search.
    """
    size = leaves.distances(reach)[0]
    plain = plain_bounds(leaves, size, label)
    low, high = np.full(len(plain), np.inf), above
    witness: Array | None = None
    events = np.unique(size[np.isfinite(size)])
    for rival in np.argsort(plain, kind="stable"):
        if rival == label or not np.isfinite(plain[rival]) or plain[rival] >= high:
            low[rival] = plain[rival]
            continue
        first, last = np.searchsorted(events, plain[rival]), np.searchsorted(events, high, side="right")
        inside = events[first:last]

        def decided(radius: float, share: float, rival: int = int(rival)) -> Array | bool:
            check()
            if solver is not None and solver.serves(radius):
                return solver.decided(reach, radius, rival, label, share)
            return combination(leaves, reach, size, radius, rival, label, max(1, int(effort * share)), check)

        low[rival], radius, point = _halved(decided, reach, inside, np.isfinite(high))
        if point is not None and radius < high:
            high, witness = radius, point
    return Nearest(float(min(low.min(), high)), witness)


def _halved(
    decided: Callable[[float, float], Array | bool], reach: Reach, events: Array, attacked: bool
) -> tuple[float, float, Array | None]:
    """Return the least of the distances that is not proved safe; the least one that is proved not to be, and why.

    Each pass spends more on what the one before has not settled. Where an attack has been at the last of the distances,
    what is just below is looked at first.
    """
    safe, reached, radius = -1, len(events), np.inf
    witness: Array | None = None
    open_ = reached
    near = np.searchsorted(events, events[-1] * np.array([1 - _CLOSE, _WITHIN])) - 1 if len(events) else []
    for share, patience in _PASSES:
        open_, first = reached, [int(place) for place in near] if attacked else []
        while open_ - safe > 1 and patience:
            middle = first.pop(0) if first else (safe + open_) // 2
            if not safe < middle < open_:
                continue
            says = decided(float(events[middle]), share)
            if says is False:
                safe = middle
            elif says is True:
                open_, patience = middle, patience - 1
            else:
                witness, radius = says, _distance(says, reach)
                reached = open_ = min(middle, int(np.searchsorted(events, radius * (1 - _CLOSE))))
        if reached - safe <= 1:
            break
    if safe + 1 < len(events) and reached == safe + 1 and radius > events[reached] * (1 + _CLOSE):
        says = decided(float(events[reached]), 1.0)
        if not isinstance(says, bool):
            witness, radius = says, _distance(says, reach)
    return (float(events[safe + 1]) if safe + 1 < len(events) else np.inf), radius, witness


def _distance(point: Array, reach: Reach) -> float:
    """Return how far a point (d,) is from the sample."""
    share = np.abs(point - reach.samples[0]) / reach.span
    return float(np.where(reach.words, point != reach.samples[0], share).max())


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
