"""Forged trees: a child or feature index outside its array makes the compiled predictor read foreign memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np


def check_trees(model: Any) -> None:
    """Check every decision tree inside a model before it is asked anything.

    Raises
    ------
    ValueError
        if a tree has a child, feature or leaf that cannot be.
    """
    from sklearn.tree._tree import Tree

    for part in _parts(model, set()):
        if isinstance(part, Tree):
            _check(part)


def _check(tree: Any) -> None:
    own = np.arange(tree.node_count)
    left, right, feature = (np.asarray(getattr(tree, name)) for name in ("children_left", "children_right", "feature"))
    leaf = left < 0
    # scikit-learn numbers children after their parent: then there are no cycles either
    sound = (
        tree.node_count > 0
        and len(left) == len(right) == len(feature) == len(tree.value) == tree.node_count
        and bool((leaf == (right < 0)).all())
        and bool((left[~leaf] > own[~leaf]).all() and (right[~leaf] > own[~leaf]).all())
        and bool((left < tree.node_count).all() and (right < tree.node_count).all())
        and bool((feature[~leaf] >= 0).all() and (feature < tree.n_features).all())
        and bool(np.isfinite(tree.value).all())
    )
    if not sound:
        raise ValueError("a decision tree in it has nodes that point outside of it: the file is damaged or forged")


def _parts(value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen or value is None or isinstance(value, str | bytes | int | float | bool):
        return
    seen.add(id(value))
    yield value
    if isinstance(value, dict):
        inside = list(value.values())
    elif isinstance(value, list | tuple | set) or (isinstance(value, np.ndarray) and value.dtype == object):
        inside = list(np.ravel(value)) if isinstance(value, np.ndarray) else list(value)
    else:
        inside = list(getattr(value, "__dict__", {}).values())
    for part in inside:
        yield from _parts(part, seen)
