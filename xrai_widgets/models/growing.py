"""Random forests grown tree by tree, without what scikit-learn checks anew for every tree: hundreds of refits."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array

_KINDS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
_CRITERIA = ("gini", "entropy", "log_loss", "squared_error")
_PLAIN = {
    "oob_score": False,
    "warm_start": False,
    "class_weight": None,
    "max_leaf_nodes": None,
    "max_samples": None,
    "ccp_alpha": 0.0,
    "min_weight_fraction_leaf": 0.0,
    "monotonic_cst": None,
    "verbose": 0,
}
_CORES = "LOKY_MAX_CPU_COUNT"  # what joblib takes for the cores of this process: 1 in a worker
_DRAWN = np.iinfo(np.int32).max  # seeds of trees lie below


@dataclass(frozen=True, eq=False)
class Grown:
    """A fitted forest: it predicts what scikit-learn's own would, to the last bit.

    Parameters
    ----------
    trees : tuple of sklearn.tree._tree.Tree
    classes_ : array (k,), optional
        None for a regressor.
    before : object, optional
        The fitted steps of the pipeline whose last step it is.
    """

    trees: tuple[Any, ...]
    classes_: Array | None
    before: Any = None

    def predict_proba(self, X: Any) -> Array:
        """Return (n, k)."""
        return self._mean(X)

    def predict(self, X: Any) -> Array:
        """Return (n,): classes or values."""
        mean = self._mean(X)
        if self.classes_ is None:
            return mean[:, 0]
        labels: Array = self.classes_.take(mean.argmax(axis=1), axis=0)
        return labels

    def _mean(self, X: Any) -> Array:
        from sklearn.utils import check_array

        rows = X if self.before is None else self.before.transform(X)
        entering = check_array(rows, dtype=np.float32, accept_sparse="csr", ensure_all_finite="allow-nan")
        if entering.shape[1] != (wanted := self.trees[0].n_features):  # a tree would read past the row
            raise ValueError(f"X has {entering.shape[1]} features, but the forest is expecting {wanted} as input")
        total = np.zeros((entering.shape[0], 1 if self.classes_ is None else len(self.classes_)))
        for tree in self.trees:
            total += tree.predict(entering)
        return total / len(self.trees)


def grown(model: Any, X: Any, y: Array, sample_weight: Array | None = None, **fit_params: Any) -> Any:
    """Fit a forest, or a pipeline that ends in one, and return what predicts as it would.

    Every fit is proven on its first tree, which scikit-learn grows, too: where it is another one, or the forest's
    settings or data are not of the plain kind, scikit-learn fits the whole.

    Parameters
    ----------
    model : estimator
        Unfitted; it may be fitted afterwards, or not.
    X : array or table (n, …)
    y : array (n,)
    sample_weight : array (n,), optional
    **fit_params
        What else ``fit`` is given; scikit-learn fits the whole then.

    Returns
    -------
    Grown or the model
        With ``predict``, and ``predict_proba`` and ``classes_`` of a classifier.
    """
    from sklearn.pipeline import Pipeline

    whole = type(model) is Pipeline and len(model.steps) > 1
    forest = model.steps[-1][1] if whole else model
    weight = {} if sample_weight is None else {"sample_weight": sample_weight}
    by_itself = whole and (model.memory is not None or getattr(model, "transform_input", None) is not None)
    if fit_params or by_itself or not _is_plain(forest):
        prefix = f"{model.steps[-1][0]}__" if hasattr(model, "steps") else ""
        model.fit(X, y, **{f"{prefix}{word}": value for word, value in weight.items()}, **fit_params)
        return model
    before = model[:-1] if whole else None
    rows = X if before is None else before.fit_transform(X, y)
    made = _grown(forest, rows, y, weight)
    if made is not None:
        return Grown(*made, before)
    forest.fit(rows, y, **weight)
    return model


def _is_plain(forest: Any) -> bool:
    if not type(forest).__module__.startswith("sklearn.ensemble.") or type(forest).__name__ not in _KINDS:
        return False
    has = forest.get_params(deep=False)
    return (
        all(_is(has.get(name, value), value) for name, value in _PLAIN.items())
        and has["criterion"] in _CRITERIA
        and isinstance(has["random_state"], Integral)
        and isinstance(has["n_estimators"], Integral)
        and int(has["n_estimators"]) >= 1
        and all(isinstance(has[name], Integral) for name in ("min_samples_leaf", "min_samples_split"))
        and (has["n_jobs"] in (None, 1) or os.environ.get(_CORES) == "1")
    )


def _is(setting: Any, value: Any) -> bool:
    return np.ndim(setting) == 0 and bool(setting == value)  # constraints of monotony may be an array


def _grown(forest: Any, rows: Any, y: Array, weight: dict[str, Array]) -> tuple[tuple[Any, ...], Array | None] | None:
    """Return trees and classes; None where only scikit-learn can grow them."""
    from sklearn.base import clone

    first = clone(forest).set_params(n_estimators=1).fit(rows, y, **weight)  # refuses what the forest would refuse
    entering = np.asarray(rows, dtype=np.float32) if not hasattr(rows, "toarray") else None
    if entering is None or np.ndim(y) != 1 or np.isnan(entering).any():
        return None
    try:
        trees = _trees(forest, first.estimators_[0], entering, y, weight.get("sample_weight"))
        made = [next(trees)]
    except (ImportError, AttributeError, TypeError, ValueError):  # another version has others inside
        return None
    if not _same(made[0], first.estimators_[0].tree_):
        return None
    return (*made, *trees), getattr(first, "classes_", None)


def _trees(forest: Any, first: Any, X: Array, y: Array, weight: Array | None) -> Iterator[Any]:
    """Yield the trees; their seeds, draws and settings are those that scikit-learn (1.9) gives them."""
    from sklearn.tree import _classes, _tree

    classes, target = np.unique(y, return_inverse=True) if hasattr(first, "classes_") else (np.zeros(1), y)
    target = np.ascontiguousarray(target, dtype=np.float64)[:, None]
    sizes = np.array([len(classes)], dtype=np.intp)
    leaf, deepest = int(forest.min_samples_leaf), forest.max_depth or np.iinfo(np.int32).max
    split = max(int(forest.min_samples_split), 2 * leaf)
    splitters, classifies = _classes.DENSE_SPLITTERS, hasattr(first, "classes_")
    draw = np.random.RandomState(forest.random_state)
    chance = None if weight is None else np.asarray(weight, dtype=np.float64) / np.sum(weight)
    for _ in range(forest.n_estimators):
        seed = draw.randint(_DRAWN)
        counts = weight if weight is None else np.asarray(weight, dtype=np.float64)
        if forest.bootstrap:
            stream = np.random.RandomState(seed)
            drawn = stream.randint(0, len(X), len(X)) if chance is None else stream.choice(len(X), len(X), p=chance)
            counts = np.bincount(drawn, minlength=len(X)).astype(np.float64)
        by = _classes.CRITERIA_CLF[forest.criterion](1, sizes) if classifies else None
        by = by or _classes.CRITERIA_REG[forest.criterion](1, len(X))
        splitter = splitters[first.splitter](by, first.max_features_, leaf, 0.0, np.random.RandomState(seed), None)
        tree = _tree.Tree(X.shape[1], sizes, 1)
        builder = _tree.DepthFirstTreeBuilder(splitter, split, leaf, 0.0, deepest, float(forest.min_impurity_decrease))
        builder.build(tree, X, target, counts, None)
        yield tree


def _same(one: Any, other: Any) -> bool:
    if one.node_count != other.node_count:
        return False
    parts = ("children_left", "children_right", "feature", "threshold", "value")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in parts)
