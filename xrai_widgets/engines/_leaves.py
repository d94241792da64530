"""The leaves of trees as boxes, and how far samples are from each."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, NotApplicable, Step
from xrai_widgets.core.inside import Trees
from xrai_widgets.engines._reach import Reach

_CELLS = 4_000_000  # of samples and leaves at once
_BYTES = 40  # that a node takes for each column, all in all
_CODES = 63  # categories that fit into the bits of a number
GRID = 1 / 64  # multiples of it are added without rounding


@dataclass(frozen=True, eq=False)
class Leaves:
    """Closed boxes of float64 numbers, disjoint within a tree, and what each adds to the scores.

    Parameters
    ----------
    low, high : array (leaves, d)
        Whole numbers in columns of those.
    words : int array (leaves, c)
        For each column of categories, as bits, the codes that lead there.
    columns : int array (c,)
        Those columns.
    value : array (leaves, k)
    tree : int array (leaves,)
        Rising.
    base : array (k,)
    rounding : float
    fine : bool array (leaves,)
        Whose values are added without rounding.
    """

    low: Array
    high: Array
    words: Array
    columns: Array
    value: Array
    tree: Array
    base: Array
    rounding: float
    fine: Array

    @classmethod
    def of(cls, trees: Trees, reach: Reach, memory_limit: float) -> "Leaves":
        """Follow every path from the roots.

        Raises
        ------
        NotApplicable
            for more leaves than the memory holds, and for a column of more than 63 categories.
        """
        nodes, d = len(trees.feature), reach.samples.shape[1]
        need = nodes * d * _BYTES / 1e9
        if need > memory_limit:
            raise NotApplicable(
                f"the {nodes:,} nodes of the trees over {d} columns need {need:.1f} GB", "a larger memory_limit"
            )
        columns = np.flatnonzero(reach.words)
        if trees.words.shape[1] > _CODES:
            raise NotApplicable(
                f"a column of {trees.words.shape[1]} categories: up to {_CODES} are served", "robustness.evasion"
            )
        low, high = np.full((nodes, d), -np.inf), np.full((nodes, d), np.inf)
        words = np.full((nodes, len(columns)), (1 << _CODES) - 1, dtype=np.int64)
        bits = trees.words @ (1 << np.arange(trees.words.shape[1], dtype=np.int64))
        place = np.searchsorted(columns, np.maximum(trees.feature, 0))
        reached = np.zeros(nodes, dtype=bool)  # a library may keep nodes that it has cut off
        at = trees.roots
        while len(at):
            reached[at] = True
            at = at[trees.left[at] != at]
            left, right, feature, cut = trees.left[at], trees.right[at], trees.feature[at], trees.threshold[at]
            for child in (left, right):
                low[child], high[child], words[child] = low[at], high[at], words[at]
            number = trees.word_set[at] < 0
            a, b, f, c = left[number], right[number], feature[number], cut[number]
            high[a, f] = np.minimum(high[a, f], c)
            low[b, f] = np.maximum(low[b, f], np.nextafter(c, np.inf))
            a, b, w = left[~number], right[~number], bits[trees.word_set[at[~number]]]
            words[a, place[at[~number]]] &= w
            words[b, place[at[~number]]] &= ~w
            at = np.r_[left, right]
        low, high = np.where(reach.whole, np.ceil(low), low), np.where(reach.whole, np.floor(high), high)
        leaf = reached & (trees.left == np.arange(nodes)) & (low <= high).all(axis=1) & (words != 0).all(axis=1)
        return cls(
            low[leaf],
            high[leaf],
            words[leaf],
            columns,
            trees.value[leaf],
            trees.tree[leaf],
            trees.base,
            trees.rounding,
            _fine(trees, trees.value[leaf]),
        )

    @property
    def single(self) -> bool:
        """Whether they are of one tree."""
        return bool(self.tree[-1] == self.tree[0])

    @property
    def used(self) -> Array:
        """Columns of numbers that some tree splits."""
        return np.flatnonzero(np.isfinite(self.low).any(axis=0) | np.isfinite(self.high).any(axis=0))

    def slack(self, rival: int, label: int) -> float:
        """Return what is added to a margin, above 0 where the rival may win: room for rounding, or half a vote.

        Where votes are counted, the lower class wins a tie.
        """
        return 2 * self.rounding if self.rounding else 0.5 if rival < label else -0.5

    def holding(self, point: Array) -> Array:
        """Return which leaves, one of each tree, hold a point (d,)."""
        inside = ((self.low <= point) & (self.high >= point))[:, ~np.isin(np.arange(len(point)), self.columns)].all(
            axis=1
        )
        code = np.rint(point[self.columns]).astype(np.int64)
        return np.flatnonzero(inside & ((self.words >> code) & 1 > 0).all(axis=1))

    def leads(self, held: Array, rival: int, label: int) -> bool:
        """Whether the rival may win where one leaf of each tree is held."""
        lead = float(self.base[rival] - self.base[label] + (self.value[held, rival] - self.value[held, label]).sum())
        if rival > label and self.fine[held].all():
            return lead > 0
        return lead + self.slack(rival, label) > 0

    def distances(self, reach: Reach) -> Array:
        """Return how far samples are from leaves (n, leaves): infinite where a sample cannot come there."""
        shape = len(reach.samples), len(self.tree)
        size = np.zeros(shape)
        for column in self.used:
            x = reach.samples[:, column, None]
            low = np.maximum(self.low[:, column], reach.low[:, column, None])
            high = np.minimum(self.high[:, column], reach.high[:, column, None])
            gap = np.maximum(np.maximum(low - x, x - high), 0.0) / reach.span[column]
            _add(size, np.where(low <= high, gap, np.inf), reach.norm)
        for place, column in enumerate(self.columns):
            code = np.rint(reach.samples[:, column]).astype(np.int64)
            same = (self.words[:, place] >> code[:, None]) & 1 > 0
            _add(size, np.where(same, 0.0, np.inf if reach.still[column] else 1.0), reach.norm)
        return np.sqrt(size) if reach.norm == "l2" else size


def _fine(trees: Trees, value: Array) -> Array:
    """Return which leaves (n,) add to the scores without rounding."""
    if not trees.summed or trees.base.any():
        return np.zeros(len(value), dtype=bool)
    fine: Array = (np.rint(value / GRID) * GRID == value).all(axis=1)
    return fine


def _add(size: Array, part: Array, norm: str) -> None:
    if norm == "l2":
        size += part * part
    elif norm == "l1":
        size += part
    elif norm == "l0":
        size += np.where(np.isinf(part), part, part > 0)
    else:
        np.maximum(size, part, out=size)


def nearest_other_leaf(leaves: Leaves, reach: Reach, labels: Array, step: Step) -> Array:
    """Return the distances (n,) to the nearest leaf whose label differs; infinite where none can be reached."""
    label = (leaves.base + leaves.value).argmax(axis=1)
    nearest, at_once = np.empty(len(labels)), max(1, _CELLS // len(label))
    for start in step.over(range(0, len(labels), at_once), "leaves with another label"):
        part = np.arange(start, min(start + at_once, len(labels)))
        size = leaves.distances(reach.rows(part))
        nearest[part] = np.where(label == labels[part, None], np.inf, size).min(axis=1)
    return nearest
