"""Trees as plain arrays: what they say of few rows comes at once, and a file can hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array

_STEPS = 4  # between two looks at which rows are in leaves
_ROWS = 256  # that descend together
_DEEPEST = 10_000


@dataclass(frozen=True, eq=False)
class Trees:
    """The nodes of all trees, one after the other.

    Parameters
    ----------
    roots : int array (trees,)
    children : int array (2, nodes)
        Where a row goes whose number is above the threshold, and where it goes otherwise; of leaves themselves.
    feature : int array (nodes,)
        −1 in leaves.
    threshold : array (nodes,)
    value : array (nodes,)
        What a leaf says.
    """

    roots: Array
    children: Array
    feature: Array
    threshold: Array
    value: Array

    @classmethod
    def of(cls, trees: Sequence[Any], values: Sequence[Array], columns: Sequence[Array] | None = None) -> "Trees":
        """Return scikit-learn's trees with what their nodes say; ``columns`` are those that each tree takes."""
        counts = [tree.node_count for tree in trees]
        offsets = np.cumsum([0, *counts])
        shift = np.repeat(offsets[:-1], counts)
        left, right = (
            np.concatenate([getattr(tree, f"children_{side}") for tree in trees]) for side in ("left", "right")
        )
        leaf, itself = left < 0, np.arange(offsets[-1])
        taken = [
            tree.feature if columns is None else columns[k][np.maximum(tree.feature, 0)] for k, tree in enumerate(trees)
        ]
        return cls(
            roots=offsets[:-1].astype(np.int64),
            children=np.stack([np.where(leaf, itself, right + shift), np.where(leaf, itself, left + shift)]),
            feature=np.where(leaf, -1, np.concatenate(taken)).astype(np.int64),
            threshold=np.where(leaf, 0.0, np.concatenate([tree.threshold for tree in trees])),
            value=np.concatenate(values).astype(np.float64),
        )

    def total(self, rows: Array) -> Array:
        """Return the sum over the trees of what the leaf of each row (n, d) says, in the order of the trees (n,)."""
        parts = [self._total(rows[first : first + _ROWS]) for first in range(0, len(rows), _ROWS)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _total(self, rows: Array) -> Array:
        numbers = rows.astype(np.float32).ravel()  # as scikit-learn does
        count, nodes = len(self.roots), len(self.feature)
        node = np.tile(self.roots, len(rows))
        start = np.repeat(np.arange(len(rows)) * rows.shape[1], count)
        active, children = np.arange(len(node)), self.children.ravel()
        while len(active):
            here, begin = node.take(active), start.take(active)
            for _ in range(_STEPS):  # in a leaf it stays where it is
                below = numbers.take(begin + self.feature.take(here), mode="wrap") <= self.threshold.take(here)
                here = children.take(here + nodes * below)
            node[active] = here
            active = active[self.feature.take(here) >= 0]
        # cumsum adds in the order of the trees; sum() would add pairwise and differ in the last bit
        total: Array = self.value[node].reshape(len(rows), -1).cumsum(axis=1)[:, -1]
        return total


def check_trees(trees: Trees, width: int) -> None:
    """Refuse trees that point outside of their arrays or of rows (n, width), or in which a row never reaches a leaf.

    Raises
    ------
    ValueError
        if it is so.
    """
    count, inner = len(trees.feature), trees.feature >= 0
    children, place = trees.children[:, inner], np.flatnonzero(inner)
    # children are numbered after their parent, and each has one: then there are no cycles
    sound = (
        len(trees.roots) > 0
        and bool(((trees.roots >= 0) & (trees.roots < count)).all())
        and bool(((trees.feature >= -1) & (trees.feature < width)).all())
        and bool(((children > place) & (children < count)).all())
        and len(np.unique(children)) == children.size
    )
    level, depth = trees.roots, 0
    while sound and len(level := level[trees.feature[level] >= 0]):
        level, depth = trees.children[:, level].ravel(), depth + 1
        sound = depth <= _DEEPEST
    if not sound:
        raise ValueError("a tree in it points outside of itself")
