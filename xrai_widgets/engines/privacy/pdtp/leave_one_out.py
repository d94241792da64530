"""Leave-one-out predictions without refitting, where they are exact.

Every class computes the same two things for the training rows: what the model trained on all of them predicts, and what
the model trained without one of them predicts. None is used unless its prediction with everything in agrees with the
model itself.
"""

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pandas as pd

from xrai_widgets.core import Array
from xrai_widgets.engines.privacy.pdtp.discriminant import Discriminant, DiscriminantByFreedom
from xrai_widgets.engines.privacy.pdtp.naive_bayes import NaiveGaussian, NaiveMultinomial
from xrai_widgets.engines.privacy.pdtp.newton import LogisticModel

_SAME = 1e-6


class LeaveOneOut(Protocol):
    """Predictions at training rows."""

    def reference(self, rows: Array) -> Array:
        """Return (len(rows), k) predictions of the model trained on everything."""

    def without(self, index: int, rows: Array) -> Array:
        """Return (len(rows), k) predictions of the model trained without row ``index``."""


class Neighbours:
    """k nearest neighbours: without a row, its place among the neighbours goes to the next one."""

    def __init__(self, model: Any, X: Array, y: Array) -> None:
        self._k, self._weighted = model.n_neighbors, model.weights == "distance"
        names = getattr(model, "feature_names_in_", None)
        frame = X if names is None else pd.DataFrame(X, columns=names)
        self._near = model.kneighbors(frame, n_neighbors=self._k + 1)
        self._hot = np.eye(len(model.classes_))[y]
        self._all = self._vote(*(part[:, :-1] for part in self._near))

    def reference(self, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        outputs: Array = self._all[rows]
        return outputs

    def without(self, index: int, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        outputs: Array = self._all[rows]  # only those change that have the row among their neighbours
        touched = np.flatnonzero((self._near[1][rows, :-1] == index).any(axis=1))
        distance, near = (part[rows[touched]] for part in self._near)
        left = near != index
        shape = (len(touched), self._k)
        outputs[touched] = self._vote(distance[left].reshape(shape), near[left].reshape(shape))
        return outputs

    def _vote(self, distance: Array, index: Array) -> Array:
        weight = np.ones_like(distance)
        if self._weighted:
            touching = (distance == 0).any(axis=1, keepdims=True)
            weight = np.where(touching, distance == 0, 1 / np.where(distance == 0, 1, distance))
        votes = np.einsum("rn,rnk->rk", weight, self._hot[index])
        shares: Array = votes / votes.sum(axis=1, keepdims=True)
        return shares


class HatMatrix:
    """Least squares with or without a ridge: the residual of a row that is left out is its residual over 1 − h."""

    def __init__(self, model: Any, X: Array, y: Array) -> None:
        self._centred = bool(model.fit_intercept)
        shifted = X - X.mean(axis=0) if self._centred else X
        left, size, _ = np.linalg.svd(shifted, full_matrices=False)
        alpha = float(getattr(model, "alpha", 0.0))
        keep = size > size.max() * 1e-12
        self._left = left[:, keep]
        self._gain = size[keep] ** 2 / (size[keep] ** 2 + alpha)
        middle = y.mean() if self._centred else 0.0
        self._fitted = (self._left * self._gain) @ (self._left.T @ (y - middle)) + middle
        self._residual = y - self._fitted

    def reference(self, rows: Array) -> Array:
        """See `LeaveOneOut`; one column."""
        fitted: Array = self._fitted[rows][:, None]
        return fitted

    def without(self, index: int, rows: Array) -> Array:
        """See `LeaveOneOut`; one column."""
        offset = 1 / len(self._fitted) if self._centred else 0.0
        reach = (self._left[rows] * self._gain) @ self._left[index] + offset
        leverage = (self._left[index] ** 2 * self._gain).sum() + offset
        moved: Array = self._fitted[rows] - reach * self._residual[index] / (1 - leverage)
        return moved[:, None]


def everywhere(form: LeaveOneOut, indices: Array, n: int) -> Array:
    """Return (b, n, k): predictions at all n training rows of models that were each trained without one row."""
    together: Callable[[Array], Array] | None = getattr(form, "everywhere", None)
    if together is not None:
        return together(indices)
    rows = np.arange(n)
    return np.stack([form.without(int(index), rows) for index in indices])


def closed_form(model: Any, X: Array, y: Array, predict: Callable[[Array], Array]) -> LeaveOneOut | None:
    """Return the exact leave-one-out of a model, or None where there is none and refits are needed.

    Parameters
    ----------
    model : object
        The fitted estimator itself. A pipeline has none: its other steps learn from the row, too.
    X, y : array (n, d), array (n,)
        What it was trained on; classes as 0…k−1.
    predict : callable
        The model's own predictions, which must agree.
    """
    ours = type(model).__module__.startswith("sklearn.")
    if not ours or X.ndim != 2 or getattr(model, "n_features_in_", None) != X.shape[1] or not _plain(model, len(X)):
        return None
    rows, fitted = np.arange(len(X)), predict(X).reshape(len(X), -1)
    for form in _FORMS.get(type(model).__name__, ()):
        with contextlib.suppress(np.linalg.LinAlgError):  # a covariance that cannot be inverted
            candidate = form(model, X, y)
            tolerance = 0.05 if form is LogisticModel else _SAME  # a solver stops early
            scale = max(1.0, float(np.abs(fitted).max()))
            if np.allclose(candidate.reference(rows), fitted, atol=tolerance * scale, rtol=0):
                return candidate
    return None


def _plain(model: Any, n: int) -> bool:
    """Whether the options are those that the closed form knows."""
    name, has = type(model).__name__, model.get_params()
    if name == "KNeighborsClassifier":
        return has["weights"] in ("uniform", "distance") and model.n_samples_fit_ == n > has["n_neighbors"]
    if name == "LogisticRegression":
        ridge = has.get("penalty") in ("l2", None, "deprecated") and not has.get("l1_ratio")
        return ridge and has["class_weight"] is None and has["solver"] != "liblinear"
    if name.endswith("DiscriminantAnalysis"):
        estimated = has.get("shrinkage") is None and has.get("covariance_estimator") is None
        return estimated and has.get("solver", "svd") == "svd"
    if name == "MultinomialNB":
        return bool(np.ndim(has["alpha"]) == 0)
    if name in ("Ridge", "LinearRegression"):
        return bool(np.ndim(has.get("alpha", 0.0)) == 0 and not has["positive"] and np.ndim(model.coef_) == 1)
    return True


_FORMS: dict[str, tuple[Callable[[Any, Array, Array], LeaveOneOut], ...]] = {
    "KNeighborsClassifier": (Neighbours,),
    "GaussianNB": (NaiveGaussian,),
    "MultinomialNB": (NaiveMultinomial,),
    "LinearDiscriminantAnalysis": (Discriminant, DiscriminantByFreedom),
    "QuadraticDiscriminantAnalysis": (Discriminant, DiscriminantByFreedom),
    "LogisticRegression": (LogisticModel,),
    "Ridge": (HatMatrix,),
    "LinearRegression": (HatMatrix,),
}
