"""Tree ensembles as flat arrays: a handful of rows is predicted many times faster than by scikit-learn."""

from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.models.bounds import ranges
from xrai_widgets.models.inputs import Inputs

FEW_ROWS = 300  # above this scikit-learn's compiled loop wins


class FlatForest:
    """All trees of a classifier in one set of arrays; every (row, tree) pair descends at once.

    Parameters
    ----------
    estimator : DecisionTreeClassifier, RandomForestClassifier or ExtraTreesClassifier
        A fitted single-output scikit-learn model. `predict_proba` equals the model's own bit for bit: the trees'
        leaf fractions are added in the same order and divided once.
    """

    def __init__(self, estimator: Any) -> None:
        members = getattr(estimator, "estimators_", None)
        trees = [member.tree_ for member in members] if members is not None else [estimator.tree_]
        counts = [tree.node_count for tree in trees]
        offsets = np.cumsum([0, *counts])
        shift = np.repeat(offsets[:-1], counts)
        itself = np.arange(offsets[-1])
        leaf = np.concatenate([tree.children_left for tree in trees]) < 0
        self._roots = offsets[:-1]
        self._left = np.where(leaf, itself, np.concatenate([tree.children_left for tree in trees]) + shift)
        self._right = np.where(leaf, itself, np.concatenate([tree.children_right for tree in trees]) + shift)
        self._feature = np.maximum(np.concatenate([tree.feature for tree in trees]), 0)
        self._threshold = np.concatenate([tree.threshold for tree in trees])
        self._value = np.concatenate([tree.value[:, 0, :] for tree in trees])
        self._depth = max(int(tree.max_depth) for tree in trees)

    def predict_proba(self, X: Array) -> Array:
        """Return (n, k) class probabilities."""
        rows = np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float32)  # of a sparse encoder
        index = np.arange(len(rows))[:, None]
        node = np.repeat(self._roots[None], len(rows), axis=0)
        for _ in range(self._depth):
            goes_left = rows[index, self._feature[node]] <= self._threshold[node]
            node = np.where(goes_left, self._left[node], self._right[node])
        # cumsum adds in the order of the trees; sum() would add pairwise and differ in the last bit
        total: Array = self._value[node].cumsum(axis=1)[:, -1]
        return total / len(self._roots)


def is_flat(estimator: Any) -> bool:
    """Whether the model is an ensemble that has a flat form."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

    kinds = (DecisionTreeClassifier, ExtraTreeClassifier, RandomForestClassifier, ExtraTreesClassifier)
    return type(estimator) in kinds


def flatten(estimator: Any, rows: Array) -> FlatForest | None:
    """Return the flat form if the model is such an ensemble and both agree on ``rows``."""
    if not is_flat(estimator):
        return None
    flat = FlatForest(estimator)
    # threads may add the trees in another order, hence not array_equal
    return flat if np.allclose(flat.predict_proba(rows), estimator.predict_proba(rows), rtol=0, atol=1e-12) else None


def leaf_boxes(estimator: Any, X: Array, inputs: Inputs) -> Array | None:
    """Return the leaves of a single tree as closed boxes (2, leaves, d) in the columns of X, or None.

    scikit-learn compares in float32: a box ends at the last float32 number on its side of each threshold, or the last
    whole number in a column of those. That the tree predicts the same all over each box is checked at its corners.
    Where numbers are missing, a third plane is 1 for the columns that a sample may lack and still come to the leaf;
    that is checked for all of them at once.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

    values = type(estimator) in (DecisionTreeRegressor, ExtraTreeRegressor)
    if not values and type(estimator) not in (DecisionTreeClassifier, ExtraTreeClassifier):
        return None
    d = int(np.prod(X.shape[1:]))
    column = inputs.places  # the model may take them in another order
    tree = estimator.tree_
    boxes = np.empty((3, tree.node_count, d))
    boxes[0], boxes[1], boxes[2] = -np.inf, np.inf, 1.0
    for node in range(tree.node_count):  # children follow their parents
        left, right = tree.children_left[node], tree.children_right[node]
        if left < 0:
            continue
        place, threshold = column[tree.feature[node]], float(tree.threshold[node])
        below = np.float32(threshold)
        below = below if float(below) <= threshold else np.nextafter(below, np.float32(-np.inf))
        boxes[:, left], boxes[:, right] = boxes[:, node], boxes[:, node]
        boxes[1, left, place] = min(boxes[1, left, place], float(below))
        boxes[0, right, place] = max(boxes[0, right, place], float(np.nextafter(below, np.float32(np.inf))))
        boxes[2, right if tree.missing_go_to_left[node] else left, place] = 0.0
    whole = np.array([constraint.kind == "integer" for constraint in inputs.constraints])
    leaves = np.flatnonzero(tree.children_left < 0)
    boxes = np.where(whole, np.stack([np.ceil(boxes[0]), np.floor(boxes[1]), boxes[2]]), boxes)[:, leaves]
    only = np.isposinf(boxes[0])  # "not missing" is a split, too: beyond it comes no number
    reached = ~only | ((boxes[2] > 0) & inputs.holes)
    held = ((boxes[0] <= boxes[1]) & reached).all(axis=1)  # between two whole numbers there may be nothing
    boxes, only = boxes[:, held], only[held]
    least, most = ranges(X.reshape(len(X), -1))
    corners = [
        np.where(np.isinf(boxes[0]), np.minimum(boxes[1], least), boxes[0]),
        np.where(np.isinf(boxes[1]), np.maximum(boxes[0], most), boxes[1]),
    ]
    corners = [np.where(only, np.nan, corner) for corner in corners]
    if inputs.holes:
        corners.append(np.where(boxes[2] > 0, np.nan, corners[0]))
    else:
        boxes = boxes[:2]
    expected = tree.value[leaves[held], 0, 0] if values else tree.value[leaves[held], 0]
    ask = estimator.predict if values else estimator.predict_proba
    outputs = [ask(inputs.to_user(corner.reshape(-1, *X.shape[1:]))) for corner in corners]
    near = 1e-9 * max(1.0, float(np.abs(expected).max())) if values else 1e-9
    return boxes if all(np.allclose(output, expected, rtol=0, atol=near) for output in outputs) else None
