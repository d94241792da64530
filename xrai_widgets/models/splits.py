"""Where the models made of trees split: in scikit-learn, XGBoost, LightGBM and CatBoost."""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.models.input_columns import sources
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.linear import probes

Splits = Iterator[tuple[Array, Array]]  # (inputs of the model, values at which it splits)


def thresholds_of(model: Any, X: Array, inputs: Inputs) -> tuple[Array, ...] | None:
    """Return for each column of X the values at which an ensemble of trees splits, rising, else None.

    Scalers and encoders before the trees are seen through; of a category every code may be separated from its
    neighbour. That the outputs stay the same between two neighbours is checked on samples and on random points of their
    range.
    """
    steps = list(model.steps) if hasattr(model, "steps") else [("model", model)]
    before, final = [step for _, step in steps[:-1]], steps[-1][1]
    encoder = getattr(final, "_preprocessor", None)  # HistGradientBoosting puts categories first
    splits = list(_splits(final))
    if not splits:
        return None
    source = sources(before if encoder is None else [*before, encoder], X, inputs)
    if source is None:
        return None
    place, value = (np.concatenate(parts) for parts in zip(*splits, strict=True))
    if len(place) and place.max() >= len(source.column):
        return None
    column, slope, offset = source.column[place], source.slope[place], source.offset[place]
    seen = (column >= 0) & np.isfinite(value)
    column, value = column[seen], (value[seen] - offset[seen]) / slope[seen]
    values = []
    for c, kind in enumerate(inputs.constraints):
        codes = np.arange(len(kind.categories) - 1) + 0.5 if kind.kind == "category" else np.empty(0)
        values.append(np.unique(np.r_[codes, value[column == c]]))
    thresholds = tuple(values)
    return thresholds if _hold(model, thresholds, X, inputs) else None


def _splits(model: Any) -> Splits:
    """Yield what the trees of a model split, whatever is done with their predictions."""
    module = type(model).__module__.split(".")[0]
    if module == "xgboost":
        yield from _of_xgboost(model)
    elif module == "lightgbm":
        yield from _of_lightgbm(model)
    elif module == "catboost":
        for feature, borders in (model.get_borders() or {}).items():
            yield np.full(len(borders), int(feature)), np.asarray(borders, dtype=np.float64)
    elif hasattr(model, "tree_"):
        inner = model.tree_.feature >= 0
        yield model.tree_.feature[inner].astype(np.intp), model.tree_.threshold[inner].astype(np.float64)
    elif hasattr(model, "_predictors"):
        for tree in (tree for stage in model._predictors for tree in stage):
            inner = (tree.nodes["is_leaf"] == 0) & (tree.nodes["is_categorical"] == 0)
            yield tree.nodes["feature_idx"][inner].astype(np.intp), tree.nodes["num_threshold"][inner]
    elif hasattr(model, "estimators_"):
        members = np.ravel(np.asarray(model.estimators_, dtype=object))
        features = getattr(model, "estimators_features_", None)
        for number, member in enumerate(members):
            for place, value in _splits(member):
                yield place if features is None else np.asarray(features[number])[place], value


def _of_xgboost(model: Any) -> Splits:
    booster = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]["gradient_booster"]
    for tree in booster.get("gbtree", booster).get("model", {}).get("trees", []):
        inner = (np.array(tree["left_children"]) >= 0) & (np.array(tree["split_type"]) == 0)
        yield np.array(tree["split_indices"])[inner], np.array(tree["split_conditions"], dtype=np.float64)[inner]


def _of_lightgbm(model: Any) -> Splits:
    for tree in model.booster_.model_to_string().split("\nTree=")[1:]:
        lists = dict(re.findall(r"^(split_feature|threshold|decision_type)=(.*)$", tree, re.MULTILINE))
        if lists.get("split_feature"):
            feature, kind = (
                np.array(lists[name].split(), dtype=np.intp) for name in ("split_feature", "decision_type")
            )
            number = kind % 2 == 0  # odd: a set of categories
            yield feature[number], np.array(lists["threshold"].split(), dtype=np.float64)[number]


def _hold(model: Any, thresholds: tuple[Array, ...], X: Array, inputs: Inputs) -> bool:
    """Whether the outputs do not change when each number moves to anywhere between its two neighbouring values."""
    rows = probes(X, inputs)
    flat, rng = rows.reshape(len(rows), -1).astype(np.float64), np.random.default_rng(1)
    moved = flat.copy()
    for column, (values, kind) in enumerate(zip(thresholds, inputs.constraints, strict=True)):
        at = flat[:, column]
        if kind.kind == "category" or kind.group:
            continue
        edges = np.r_[
            min(at.min(), values.min(initial=np.inf)) - 1, values, max(at.max(), values.max(initial=-np.inf)) + 1
        ]
        place = np.clip(np.searchsorted(edges, at) - 1, 0, len(edges) - 2)
        low, high = edges[place], edges[place + 1]
        if kind.kind == "integer":
            low, high = np.floor(low) + 1, np.ceil(high) - 1
            to = np.where(low <= high, low + np.floor(rng.random(len(at)) * (high - low + 1)), at)
        else:
            to = low + (0.02 + 0.96 * rng.random(len(at))) * (high - low)
        near = np.min(np.abs(at[:, None] - edges), axis=1) <= 1e-6 * np.maximum(1.0, np.abs(at))  # rounding decides
        moved[:, column] = np.where(near & (kind.kind != "integer"), at, to)
    ask = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    asked = inputs.to_user(rows), inputs.to_user(moved.reshape(rows.shape).astype(rows.dtype))
    before, after = (np.asarray(ask(part)) for part in asked)
    if before.dtype.kind not in "fiub":
        return bool(np.array_equal(before, after))
    return bool(np.allclose(before, after, rtol=1e-6, atol=1e-9))
