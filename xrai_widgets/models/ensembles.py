"""Single trees and sums of trees as flat arrays, as their libraries hold them: scikit-learn, XGBoost and LightGBM."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array

_ZERO = float(np.float32(1e-35))  # LightGBM takes whatever is no larger for 0


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree over the inputs of the model; children of −1 in leaves.

    Parameters
    ----------
    feature, threshold, left, right : array (nodes,)
    value : array (nodes, k)
        What it adds to the scores of the classes.
    """

    feature: Array
    threshold: Array
    left: Array
    right: Array
    value: Array


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trees whose values are added to ``base``; of two classes with one score the other one's is 0.

    Parameters
    ----------
    trees : list of Tree
    base : array (k,)
    scores : callable
        Inputs of the model → (n, k) or (n,): what the library itself says, on the same scale.
    strict : bool
        A number goes left where it is ``<`` the threshold; else ``<=``.
    single : bool
        Numbers are rounded to float32 before they are compared.
    rounding : float
        Relative error of the library's own sums; sums of whole numbers have none.
    summed : bool
        The library adds up these very values, and the largest sum, the first of several, is its label.
    """

    trees: list[Tree]
    base: Array
    scores: Callable[[Any], Array]
    strict: bool = False
    single: bool = True
    rounding: float = 1e-12
    summed: bool = False


def ensemble_of(model: Any, rows: Any) -> Ensemble | None:
    """Return the trees of a fitted classifier, or None for a kind that is not read.

    Parameters
    ----------
    model : object
        The estimator itself, without the steps before it.
    rows : array
        One sample or more, as they enter the estimator.
    """
    module, name = type(model).__module__.split(".")[0], type(model).__name__
    if not hasattr(model, "predict_proba") or len(getattr(model, "classes_", ())) < 2:
        return None
    if module == "xgboost":
        read = _of_xgboost(model, rows)
    elif module == "lightgbm":
        read = _of_lightgbm(model)
    elif name in ("DecisionTreeClassifier", "ExtraTreeClassifier"):
        read = Ensemble([_of_tree(model.tree_, 1.0)], np.zeros(len(model.classes_)), model.predict_proba)
    elif name in ("RandomForestClassifier", "ExtraTreesClassifier"):
        n, trees = len(model.estimators_), [_of_tree(member.tree_, 1.0) for member in model.estimators_]
        none = np.zeros(len(model.classes_))
        read = Ensemble(trees, none, lambda part: n * model.predict_proba(part), summed=True)
    elif name == "GradientBoostingClassifier":
        read = _of_gradient_boosting(model, rows)
    elif name == "HistGradientBoostingClassifier":
        read = _of_histograms(model)
    else:
        return None
    return read if read is None or len(read.base) > 1 else _with_zero(read)


def _with_zero(read: Ensemble) -> Ensemble:
    trees = [replace(tree, value=np.hstack([np.zeros_like(tree.value), tree.value])) for tree in read.trees]
    return replace(read, trees=trees, base=np.r_[0.0, read.base])


def _of_tree(tree: Any, weight: float) -> Tree:
    left, right = tree.children_left.astype(np.intp), tree.children_right.astype(np.intp)
    value = np.where(left[:, None] < 0, tree.value[:, 0, :] * weight, 0.0)
    return Tree(tree.feature.astype(np.intp), tree.threshold.astype(np.float64), left, right, value)


def _in_column(tree: Tree, column: int, k: int) -> Tree:
    value = np.zeros((len(tree.value), k))
    value[:, column] = tree.value[:, 0]
    return replace(tree, value=value)


def _of_gradient_boosting(model: Any, rows: Any) -> Ensemble:
    stages = np.asarray(model.estimators_, dtype=object)
    k = stages.shape[1]
    trees = [
        _in_column(_of_tree(stages[stage, column].tree_, model.learning_rate), column, k)
        for stage in range(len(stages))
        for column in range(k)
    ]
    start = np.asarray(model._raw_predict_init(np.asarray(rows[:1], dtype=np.float32)), dtype=np.float64)[0]
    return Ensemble(trees, start, model.decision_function)


def _of_histograms(model: Any) -> Ensemble | None:
    if getattr(model, "_preprocessor", None) is not None:  # categories of its own
        return None
    k, trees = model.n_trees_per_iteration_, []
    for stage in model._predictors:
        for column, predictor in enumerate(stage):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"] != 0
            if nodes["is_categorical"].any():
                return None
            left, right = (np.where(leaf, -1, nodes[side].astype(np.intp)) for side in ("left", "right"))
            value = np.where(leaf, nodes["value"], 0.0)[:, None]
            tree = Tree(nodes["feature_idx"].astype(np.intp), nodes["num_threshold"], left, right, value)
            trees.append(_in_column(tree, column, k))
    return Ensemble(trees, np.ravel(model._baseline_prediction), model.decision_function, single=False)


def _of_xgboost(model: Any, rows: Any) -> Ensemble | None:
    booster = model.get_booster()
    held = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    if "tree_info" not in held.get("model", {}):
        return None
    classes, k = held["model"]["tree_info"], 1 if len(model.classes_) == 2 else len(model.classes_)
    best = getattr(booster, "best_iteration", None) if "best_iteration" in booster.attributes() else None
    last = len(classes) if best is None else (int(best) + 1) * len(classes) // booster.num_boosted_rounds()
    trees = []
    for number, tree in enumerate(held["model"]["trees"][:last]):
        if np.any(tree["split_type"]):  # sets of categories
            return None
        left, right = (np.array(tree[f"{side}_children"], dtype=np.intp) for side in ("left", "right"))
        threshold = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)  # decimals of float32
        value = np.where(left < 0, threshold, 0.0)[:, None]
        trees.append(
            _in_column(
                Tree(np.array(tree["split_indices"], dtype=np.intp), threshold, left, right, value), classes[number], k
            )
        )

    def margins(part: Any) -> Array:
        return np.asarray(model.predict(part, output_margin=True), dtype=np.float64)

    none = Ensemble(trees, np.zeros(k), margins, strict=True, rounding=1e-6)
    first = np.asarray(rows[:1], dtype=np.float64)
    return replace(none, base=np.atleast_1d(margins(rows[:1])[0]) - raw_sum(none, first)[0])


def _of_lightgbm(model: Any) -> Ensemble | None:
    k, trees = 1 if len(model.classes_) == 2 else len(model.classes_), []
    for number, text in enumerate(model.booster_.model_to_string().split("\nTree=")[1:]):
        fields = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
        leaf = np.array(fields["leaf_value"].split(), dtype=np.float64)
        inner = np.array(fields.get("split_feature", "").split(), dtype=np.intp)
        if fields.get("num_cat", "0") != "0" or fields.get("is_linear", "0") != "0":
            return None
        n, none = len(inner), np.full(len(leaf), -1)
        children = [np.array(fields.get(f"{side}_child", "").split(), dtype=np.intp) for side in ("left", "right")]
        left, right = (np.r_[np.where(child < 0, n + ~child, child), none] for child in children)
        threshold = np.r_[np.array(fields.get("threshold", "").split(), dtype=np.float64), np.zeros(len(leaf))]
        inside = np.abs(threshold) <= _ZERO
        threshold = np.where(inside, np.where(threshold >= 0, _ZERO, np.nextafter(-_ZERO, -np.inf)), threshold)
        tree = Tree(np.r_[inner, none], threshold, left, right, np.r_[np.zeros(n), leaf][:, None])
        trees.append(_in_column(tree, number % k, k))

    def raw(part: Any) -> Array:
        return np.asarray(model.predict(part, raw_score=True), dtype=np.float64)

    return Ensemble(trees, np.zeros(k), raw, single=False)


def raw_sum(read: Ensemble, rows: Array) -> Array:
    """Return the scores (n, k) of inputs of the model, tree by tree: slow and plain."""
    compared = rows.astype(np.float32).astype(np.float64) if read.single else rows
    total = np.repeat(read.base[None], len(rows), axis=0)
    for tree in read.trees:
        node = np.zeros(len(rows), dtype=np.intp)
        while (inner := tree.left[node] >= 0).any():
            at = compared[np.arange(len(rows)), np.maximum(tree.feature[node], 0)]
            goes = at < tree.threshold[node] if read.strict else at <= tree.threshold[node]
            node = np.where(inner, np.where(goes, tree.left[node], tree.right[node]), node)
        total = total + tree.value[node]
    return total
