"""The nearest distance at which a sum of trees may give another label, by halving.

At each distance three ways are asked: a search that goes for an example and decides few or shallow trees in no time
(Veritas, or joined boxes where it is not installed), and an integer program, which decides forests.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines.robustness.certified.cliques import combination
from xrai_widgets.engines.robustness.certified.program import by_program
from xrai_widgets.engines.robustness.certified.solver import Solver

_CLOSE = 1e-9  # relative: distances that are the same
_PASSES = ((1 / 64, 99), (1 / 8, 4), (1.0, 2))  # share of the effort, and how often it may settle nothing
_WITHIN = 0.99  # of an attack's distance: where it cannot be proved to be the nearest, it may be nearly so
_PAIRS_A_NODE = 300  # pairs of boxes that take about as long as one node of the integer program


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


@dataclass(frozen=True, eq=False)
class _Decider:
    """May a rival win within a distance of one sample?"""

    leaves: Leaves
    reach: Reach
    size: Array
    label: int
    effort: int
    solver: Solver | None
    check: Callable[[], object]

    def decided(self, radius: float, share: float, rival: int) -> Array | bool:
        """Return a sample (d,) where it may; False if there is none; True: not settled."""
        for way in (self._searched, self._programmed):
            self.check()
            says = way(radius, share, rival)
            if says is False:
                return False
            if says is not True and self.leaves.leads(self.leaves.holding(says), rival, self.label):
                return says
        return True

    def _searched(self, radius: float, share: float, rival: int) -> Array | bool:
        if self.solver is not None and self.solver.serves(radius):
            return self.solver.decided(self.reach, radius, rival, self.label, share)
        most = max(1, int(self.effort * share))
        return combination(self.leaves, self.reach, self.size, radius, rival, self.label, most, self.check)

    def _programmed(self, radius: float, share: float, rival: int) -> Array | bool:
        nodes = int(self.effort * share) // _PAIRS_A_NODE
        if not nodes:
            return True
        return by_program(self.leaves, self.reach, self.size, radius, rival, self.label, nodes)


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
        Asked first, where it can decide.
    check : callable, optional
        Called before each step; may end the search.
    """
    size = leaves.distances(reach)[0]
    plain = plain_bounds(leaves, size, label)
    low, high = np.full(len(plain), np.inf), above
    witness: Array | None = None
    decider = _Decider(leaves, reach, size, label, effort, solver, check)
    events = np.unique(size[np.isfinite(size)])
    for rival in np.argsort(plain, kind="stable"):
        if rival == label or not np.isfinite(plain[rival]) or plain[rival] >= high:
            low[rival] = plain[rival]
            continue
        first, last = np.searchsorted(events, plain[rival]), np.searchsorted(events, high, side="right")
        inside = events[first:last]

        low[rival], radius, point = _halved(
            partial(decider.decided, rival=int(rival)), reach, inside, np.isfinite(high)
        )
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
