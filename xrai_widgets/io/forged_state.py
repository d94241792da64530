"""Forged states: an index outside its array makes compiled code read foreign memory.

What can be checked is checked; what can be made anew from the rest of the model (search trees, splines) is made anew.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

_ENSEMBLES = {f"sklearn.ensemble.{name}" for name in ("_forest", "_gb", "_bagging", "_iforest")}
_FORGED = "the file is damaged or forged"


def check_states(parts: Iterable[Any]) -> None:
    """Check everything inside a model that compiled code indexes into, before the model is asked anything.

    Parameters
    ----------
    parts : iterable
        Every object that can be reached from the model.

    Raises
    ------
    ValueError
        if a part cannot be as it is.
    """
    checks = {
        "Tree": _check_tree,
        "BSpline": _check_spline,
        "HistGradientBoostingClassifier": _check_histogram,
        "HistGradientBoostingRegressor": _check_histogram,
    }
    for part in parts:
        kind = type(part)
        if kind.__name__ in checks:
            checks[kind.__name__](part)
        elif hasattr(part, "indptr") and hasattr(part, "check_format"):
            part.check_format(full_check=True)
        if kind.__module__.startswith("sklearn.") and hasattr(kind, "get_params"):
            _check_widths(part)
            _remake(part)
        if hasattr(part, "_dual_coef_") and kind.__module__.startswith("sklearn.svm"):
            _check_vectors(part)


def _check_tree(tree: Any) -> None:
    nodes = np.arange(tree.node_count)
    left, right, feature = (np.asarray(getattr(tree, name)) for name in ("children_left", "children_right", "feature"))
    leaf = left < 0
    # scikit-learn numbers children after their parent: then there are no cycles either
    sound = (
        tree.node_count > 0
        and len(left) == len(right) == len(feature) == len(tree.value) == tree.node_count
        and bool((leaf == (right < 0)).all())
        and bool((left[~leaf] > nodes[~leaf]).all() and (right[~leaf] > nodes[~leaf]).all())
        and bool((left < tree.node_count).all() and (right < tree.node_count).all())
        and bool((feature[~leaf] >= 0).all() and (feature < tree.n_features).all())
        and bool(np.isfinite(tree.value).all())
    )
    if not sound:
        raise ValueError(f"a decision tree in it has nodes that point outside of it: {_FORGED}")


def _check_widths(part: Any) -> None:
    """Check that a tree takes no more columns than its estimator, and its estimator no more than the ensemble."""
    width, tree = vars(part).get("n_features_in_"), vars(part).get("tree_")
    if tree is not None and tree.n_features != width:
        raise ValueError(f"a decision tree in it takes {tree.n_features} columns and its estimator {width}: {_FORGED}")
    members = vars(part).get("estimators_")
    if members is None or type(part).__module__ not in _ENSEMBLES:
        return
    subsets = vars(part).get("estimators_features_")
    if subsets is None:
        widths = {
            vars(m).get("n_features_in_") for m in np.ravel(np.array(members, dtype=object)) if hasattr(m, "tree_")
        }
        if not widths <= {width}:
            raise ValueError(f"trees of a {type(part).__name__} in it take another number of columns: {_FORGED}")
    elif len(subsets) != len(members) or any(
        len(columns) != getattr(member, "n_features_in_", len(columns))
        or not (np.asarray(columns) < width).all()
        or not (np.asarray(columns) >= 0).all()
        for columns, member in zip(subsets, members, strict=False)
    ):
        raise ValueError(f"members of a {type(part).__name__} in it take other columns than it says: {_FORGED}")
    if hasattr(part, "n_trees_per_iteration_") and np.shape(members)[1:] != (part.n_trees_per_iteration_,):
        raise ValueError(f"a {type(part).__name__} in it has another number of trees than it says: {_FORGED}")


def _check_histogram(model: Any) -> None:
    """Check the trees of a histogram gradient boosting: children, columns and sets of categories."""
    state = vars(model)
    width, mapper = state.get("_n_features"), state.get("_bin_mapper")
    if mapper is None or not isinstance(width, int | np.integer):
        raise ValueError(f"a {type(model).__name__} in it is not complete: {_FORGED}")
    words = np.asarray(mapper.is_categorical_).astype(bool)
    categories = [c for c in (mapper.known_categories or []) if c is not None]
    sound = words.shape == (width,) and all(((np.asarray(c) >= 0) & (np.asarray(c) < 256)).all() for c in categories)
    sound = sound and (state.get("_preprocessor") is not None or width == model.n_features_in_)
    sound = sound and all(len(row) == model.n_trees_per_iteration_ for row in model._predictors)
    if not sound or not all(_sound_nodes(tree, words) for row in model._predictors for tree in row):
        raise ValueError(f"a {type(model).__name__} in it has nodes that point outside of it: {_FORGED}")


def _sound_nodes(tree: Any, words: Any) -> bool:
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    nodes, sets = tree.nodes, [np.asarray(tree.raw_left_cat_bitsets), np.asarray(tree.binned_left_cat_bitsets)]
    if not isinstance(nodes, np.ndarray) or nodes.ndim != 1 or nodes.dtype != PREDICTOR_RECORD_DTYPE or not len(nodes):
        return False
    if any(part.ndim != 2 or part.shape[1] != 8 or part.dtype != np.uint32 for part in sets):
        return False
    place = np.arange(len(nodes))
    inner = nodes["is_leaf"] == 0
    left, right, column = (nodes[name][inner].astype(np.int64) for name in ("left", "right", "feature_idx"))
    if not ((column >= 0) & (column < len(words))).all():
        return False
    by_set = nodes["is_categorical"][inner] != 0
    return bool(
        # children are numbered after their parent: then there are no cycles either
        ((left > place[inner]) & (left < len(nodes)) & (right > place[inner]) & (right < len(nodes))).all()
        and words[column[by_set]].all()
        and (nodes["bitset_idx"][inner][by_set] < min(len(part) for part in sets)).all()
        and np.isfinite(nodes["value"]).all()
    )


def _check_spline(spline: Any) -> None:
    """Make the spline anew: the constructor checks knots, coefficients and degree."""
    from scipy.interpolate import BSpline

    made = BSpline(spline.t, spline.c, spline.k, spline.extrapolate, spline.axis)
    vars(spline).clear()
    vars(spline).update(vars(made))


def _remake(part: Any) -> None:
    """Make the search tree of a neighbours' model anew from the samples that it keeps; none is read from a file."""
    method = vars(part).get("_fit_method")
    if "_tree" not in vars(part) or method not in ("kd_tree", "ball_tree"):
        return
    from sklearn.neighbors import BallTree, KDTree

    kind = KDTree if method == "kd_tree" else BallTree
    samples, metric = part._fit_X, part.effective_metric_
    if not isinstance(metric, str) or not isinstance(samples, np.ndarray) or samples.ndim != 2:
        raise ValueError(f"a {type(part).__name__} in it keeps no samples or no known distance: {_FORGED}")
    part._tree = kind(samples, part.leaf_size, metric=metric, **part.effective_metric_params_)


def _check_vectors(model: Any) -> None:
    """Check the arrays that libsvm reads: as many of each as the others say."""
    counts = np.asarray(model._n_support)
    vectors, dual = model.support_vectors_, model._dual_coef_
    rows = model.shape_fit_[0] if isinstance(model._gamma, float) and model.kernel == "precomputed" else None
    classes = 2 if type(model).__name__ in ("SVR", "NuSVR", "OneClassSVM") else len(counts)
    pairs = classes * (classes - 1) // 2
    probabilities = {len(np.ravel(vars(model).get(name, ()))) for name in ("_probA", "_probB")}
    held = len(model.support_) if rows is not None else vectors.shape[0]
    sound = (
        (counts >= 0).all()
        and (classes == 2 or int(counts.sum()) == held)
        and dual.shape == (max(classes - 1, 1), held)
        and len(np.ravel(model._intercept_)) == pairs
        and len(model.support_) == held
        and probabilities <= {0, pairs}
        and (rows is not None or vectors.shape[1] == model.n_features_in_)
    )
    if classes == 2 and type(model).__name__ in ("SVC", "NuSVC"):
        sound = sound and int(counts.sum()) == held
    if not sound:
        raise ValueError(f"the support vectors of a {type(model).__name__} in it do not fit together: {_FORGED}")
