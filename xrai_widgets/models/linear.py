"""Weights of linear models in the columns of X."""

from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.models.differentiable import affine, preprocessing
from xrai_widgets.models.inputs import Inputs

_PROBES = 64


def linear_of(model: Any, X: Array, inputs: Inputs) -> tuple[Array, Array] | None:
    """Return (W (k, d), b (k,)) of an estimator, or a pipeline that ends in one, else None.

    The last step needs ``coef_`` and ``intercept_``, and the steps before it to be affine. Labels and, where it has
    them, scores are checked on samples and on random points of their range: what does not agree is not offered.
    """
    steps = list(model.steps) if hasattr(model, "steps") else [("model", model)]
    final = steps[-1][1]
    if (
        not hasattr(final, "coef_")
        or not hasattr(final, "intercept_")
        or getattr(final, "kernel", "linear") != "linear"
    ):
        return None
    if not all(affine(step) for _, step in steps[:-1]):
        return None
    coef = final.coef_
    weights = np.atleast_2d(np.asarray(coef.toarray() if hasattr(coef, "toarray") else coef, dtype=np.float64))
    intercept = np.broadcast_to(np.asarray(final.intercept_, dtype=np.float64).ravel(), (len(weights),))
    classes = getattr(final, "classes_", None)
    before = model[:-1] if len(steps) > 1 else None
    if before is not None or hasattr(inputs.to_user(X[:1]), "columns"):
        slope, offset = preprocessing(before, X, inputs.to_user)
    else:
        slope, offset = np.eye(weights.shape[1]), np.zeros(weights.shape[1])
    if slope.shape[1] != weights.shape[1]:
        return None
    bias, weights = weights @ offset + intercept, weights @ slope.T
    if classes is not None and len(weights) == 1:  # one score for two classes: the other one is 0
        weights, bias = np.vstack([np.zeros_like(weights), weights]), np.r_[0.0, bias]
    if classes is not None and len(weights) != len(classes):  # one class against another, pair by pair
        return None
    return (weights, bias) if _agrees(model, weights, bias, classes, X, inputs) else None


def _agrees(model: Any, weights: Array, bias: Array, classes: Any, X: Array, inputs: Inputs) -> bool:
    rows = probes(X, inputs)
    expected = rows.reshape(len(rows), -1) @ weights.T + bias
    size = 1.0 + np.abs(expected).max()
    if classes is None:
        values = np.asarray(model.predict(inputs.to_user(rows))).ravel()
        return values.shape == expected[:, 0].shape and bool(np.allclose(values, expected[:, 0], atol=1e-6 * size))
    if hasattr(model, "decision_function"):
        scores = np.asarray(model.decision_function(inputs.to_user(rows)), dtype=np.float64)
        scores = np.column_stack([np.zeros(len(rows)), scores]) if scores.ndim == 1 else scores
        if scores.shape != expected.shape or not np.allclose(scores, expected, atol=1e-6 * size):
            return False
    best = np.sort(expected, axis=1)
    clear = best[:, -1] - best[:, -2] > 1e-9 * size
    predicted = np.asarray(model.predict(inputs.to_user(rows)))
    return bool(np.array_equal(predicted[clear], np.asarray(classes)[expected.argmax(axis=1)][clear]))


def probes(X: Array, inputs: Inputs, seed: int = 0, count: int = _PROBES) -> Array:
    """Return the first samples, and as many random points between the least and the largest values of each column."""
    rng = np.random.default_rng(seed)
    flat = X.reshape(len(X), -1).astype(np.float64)
    low, high = flat.min(axis=0), flat.max(axis=0)
    drawn = low + rng.random((count, len(low))) * (high - low)
    whole = np.array([kind.kind != "continuous" for kind in inputs.constraints])
    drawn[:, whole] = np.rint(drawn[:, whole])
    for group in {kind.group for kind in inputs.constraints if kind.group}:
        members = np.flatnonzero([kind.group == group for kind in inputs.constraints])
        drawn[:, members] = flat[np.ix_(rng.integers(0, len(flat), count), members)]
    rows: Array = np.vstack([flat[:count], drawn]).reshape(-1, *X.shape[1:])
    return rows
