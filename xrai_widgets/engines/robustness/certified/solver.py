"""Exact decisions about sums of trees by Veritas (Devos, Meert, Davis 2021, ICML), an optional package.

It gets the trees with ranks in place of numbers: the k-th split of a column lies between the whole numbers k and k + 1,
so neither ``<`` against ``<=`` nor rounding plays a part, and what it finds are boxes of the trees' own leaves.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.core.inside import Trees
from xrai_widgets.engines._leaves import Leaves
from xrai_widgets.engines._reach import Reach

_TINY = 1e-9  # sums that are no larger than minus that are below 0
_GREED, _FOCUS = 0.2, 1000  # a search that goes for an example first: half the time on LightGBM
_GB = 2**30


@dataclass(eq=False)
class Solver:
    """A search for the largest lead of a rival in a box, for one model.

    Parameters
    ----------
    steps : int
        Most steps of one search.
    memory_limit : float
        GB of one search.
    """

    trees: Trees
    leaves: Leaves
    steps: int
    memory_limit: float
    cuts: list[Array] = field(init=False)
    _made: dict[tuple[int, int], Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        numbers = (self.trees.feature >= 0) & (self.trees.word_set < 0) & np.isfinite(self.trees.threshold)
        d = self.leaves.low.shape[1]
        by = [self.trees.threshold[numbers & (self.trees.feature == column)] for column in range(d)]
        self.cuts = [np.unique(cuts) for cuts in by]

    @classmethod
    def of(cls, trees: Trees, leaves: Leaves, steps: int, memory_limit: float) -> "Solver | None":
        """Return a solver, or None where the package is not installed."""
        return None if _package() is None else cls(trees, leaves, steps, memory_limit)

    def serves(self, radius: float) -> bool:
        """Whether it can decide: categories stay as they are within this distance."""
        return radius < 1.0 or not len(self.leaves.columns)

    def decided(self, reach: Reach, radius: float, rival: int, label: int, share: float) -> Array | bool:
        """Return a sample (d,) within the radius where the rival may win; False if there is none; True: not settled.

        Parameters
        ----------
        reach : Reach
            Of this sample alone.
        share : float
            Of the steps.
        """
        package = _package()
        low, high = (side[0] for side in reach.ball(np.array([radius])))
        sample = reach.samples[0]
        box = []
        for column, cuts in enumerate(self.cuts):
            least, most = np.searchsorted(cuts, [low[column], high[column]])
            box.append(package.Interval(float(least), float(most + 1)))
        box += [package.Interval(float(side), float(side + 1)) for side in self._sides(sample)]
        config = package.Config(package.HeuristicType.MAX_OUTPUT)
        config.ignore_state_when_worse_than = -_TINY
        config.stop_when_num_solutions_exceeds = 1
        config.focal_eps, config.max_focal_size = _GREED, _FOCUS
        config.max_memory = int(self.memory_limit * _GB)
        search = config.get_search(self._ensemble(rival, label), box)
        reason = search.steps(max(1, int(self.steps * share)))
        if search.num_solutions():
            return self._point(search.get_solution(0).box(), (low, high), reach)
        return bool(reason != package.StopReason.NO_MORE_OPEN)

    def _sides(self, sample: Array) -> Array:
        """Return for each split among categories 0 where the sample goes left, else 1."""
        nodes = np.flatnonzero(self.trees.word_set >= 0)
        code = np.rint(sample[self.trees.feature[nodes]]).astype(np.intp)
        return np.where(self.trees.words[self.trees.word_set[nodes], code], 0, 1)

    def _point(self, found: Any, ball: tuple[Array, Array], reach: Reach) -> Array:
        """Return the point of a box of ranks that is nearest to the sample."""
        point: Array = reach.samples[0].copy()
        for column, interval in found.items():
            if column >= len(self.cuts):
                continue
            cuts, whole = self.cuts[column], reach.whole[column]
            low, high = ball[0][column], ball[1][column]
            if interval.lo >= 1:
                low = max(low, np.nextafter(cuts[int(interval.lo) - 1], np.inf))
            if interval.hi <= len(cuts):
                high = min(high, cuts[int(interval.hi) - 1])
            low, high = (np.ceil(low), np.floor(high)) if whole else (low, high)
            point[column] = np.clip(point[column], low, high)
        return point

    def _ensemble(self, rival: int, label: int) -> Any:
        if (rival, label) in self._made:
            return self._made[rival, label]
        package, trees = _package(), self.trees
        made = package.AddTree(1, package.AddTreeType.REGR)
        base = float(trees.base[rival] - trees.base[label]) + self.leaves.slack(rival, label)
        made.set_base_score(0, base)
        feature, place = trees.feature.copy(), np.zeros(len(trees.feature))
        for column, cuts in enumerate(self.cuts):
            mine = trees.feature == column
            split = trees.threshold[mine]
            place[mine] = np.where(split == -np.inf, 0, np.searchsorted(cuts, split) + 1)
        among = np.flatnonzero(trees.word_set >= 0)
        feature[among], place[among] = len(self.cuts) + np.arange(len(among)), 1.0
        lead = trees.value[:, rival] - trees.value[:, label]
        for root in trees.roots.tolist():
            tree = made.add_tree()
            waiting = [(root, tree.root())]
            while waiting:
                node, where = waiting.pop()
                left, right = int(trees.left[node]), int(trees.right[node])
                if left == node:
                    tree.set_leaf_value(where, 0, float(lead[node]))
                    continue
                tree.split(where, int(feature[node]), float(place[node]))
                waiting += [(left, tree.left(where)), (right, tree.right(where))]
        self._made[rival, label] = made
        return made


def _package() -> Any:
    try:
        import veritas
    except ImportError:
        return None
    return veritas if hasattr(veritas, "AddTree") else None
