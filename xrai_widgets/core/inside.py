"""What a model is made of, as plain arrays: trees and layers in the columns of X."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
_PAIRS = 2_000_000  # of rows and trees that descend at once


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of trees whose largest score is the label, ties going to the lower class.

    A sample goes left where ``x[feature] <= threshold`` in float64, whatever the library compares: a strict ``<``, the
    rounding to float32 and the scalers before the trees are part of the threshold, the last float64 that goes left.
    Among categories it goes left where ``words`` is True at its code.

    Parameters
    ----------
    roots : int array (t,)
        Node at which each tree begins; its nodes are those up to the next root.
    feature : int array (nodes,)
        Column of X; −1 in leaves, whose number of children is 0.
    threshold : array (nodes,)
    left, right : int array (nodes,)
        The children; a leaf is its own child.
    value : array (nodes, k)
        What a leaf adds to the scores.
    base : array (k,)
        Scores before any tree.
    word_set : int array (nodes,)
        Row of ``words`` of a split among categories; −1 of a split of numbers.
    words : bool array (sets, codes)
    rounding : float
        By how much the model's own arithmetic may differ from the scores here; 0: votes are counted, ties included.
    summed : bool
        The model adds up these very values and compares the sums: where numbers with few digits are added (multiples
        of 1/64) nothing is rounded, and the lower class wins a tie.
    """

    roots: Places
    feature: Places
    threshold: Numbers
    left: Places
    right: Places
    value: Numbers
    base: Numbers
    word_set: Places
    words: Flags
    rounding: float = 1e-9
    summed: bool = False

    def __post_init__(self) -> None:
        nodes, (sets, codes) = len(self.feature), self.words.shape
        itself = np.arange(nodes)
        children = np.r_[self.left[self.left != itself], self.right[self.right != itself]]
        shaped = all(len(part) == nodes for part in (self.threshold, self.left, self.right, self.value, self.word_set))
        inside = ((children >= 0) & (children < nodes)).all() and np.array_equal(np.sort(self.roots), self.roots)
        if not (shaped and inside and nodes and len(self.roots) and self.roots[0] == 0 and self.roots[-1] < nodes):
            raise ValueError(f"these are no trees: {nodes} nodes, children outside them, or arrays of other lengths")
        parents = np.bincount(children.astype(np.intp), minlength=nodes)
        if (parents > 1).any() or parents[self.roots].any():  # else some way down may never end
            raise ValueError("these are no trees: a node has two parents, or a root has one")
        if (self.word_set < -1).any() or (self.word_set >= sets).any() or (sets and not codes):
            raise ValueError(f"these are no trees: splits among categories beyond the {sets} sets of them")

    def __setstate__(self, state: dict[str, object]) -> None:  # what another process sends is looked at, too
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def scores(self, X: npt.NDArray[np.floating]) -> Numbers:
        """Return the scores (n, k) of samples without missing numbers."""
        rows = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
        total = np.empty((len(rows), self.value.shape[1]))
        at_once = max(1, _PAIRS // len(self.roots))
        for start in range(0, len(rows), at_once):
            leaves = self._leaves(rows[start : start + at_once])
            total[start : start + at_once] = self.base + self.value[leaves].sum(axis=1)
        return total

    def _leaves(self, rows: Numbers) -> Places:
        index, node = np.arange(len(rows))[:, None], np.repeat(self.roots[None], len(rows), axis=0)
        while True:
            at = rows[index, self.feature[node]]
            goes_left = at <= self.threshold[node]
            if len(self.words):
                chosen = self.word_set[node]
                code = np.clip(np.nan_to_num(at), 0, self.words.shape[1] - 1).astype(np.intp)
                goes_left = np.where(chosen >= 0, self.words[chosen, code], goes_left)
            after = np.where(goes_left, self.left[node], self.right[node])
            if np.array_equal(after, node):
                return node
            node = after

    @property
    def tree(self) -> Places:
        """Tree to which each node belongs."""
        return np.searchsorted(self.roots, np.arange(len(self.feature)), side="right") - 1


@dataclass(frozen=True, eq=False)
class Layers:
    """Affine layers with an element-wise activation between them: x ↦ … W₁ᵀx + b₁ ….

    The first layer already holds the affine preprocessing of a pipeline. The largest output is the label.

    Parameters
    ----------
    weights : tuple of array (inputs, outputs)
    biases : tuple of array (outputs,)
    activation : {"relu", "tanh", "logistic", "identity"}
    rounding : float
        By how much, relative to the sizes of the outputs, the model's own arithmetic may differ.
    """

    weights: tuple[Numbers, ...]
    biases: tuple[Numbers, ...]
    activation: str = "identity"
    rounding: float = 1e-9
