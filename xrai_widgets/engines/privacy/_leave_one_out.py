"""Leave-one-out predictions without refitting, where they are exact.

Every class answers the same two questions about the training rows: what the model trained on all of them predicts, and
what the model trained without one of them predicts. None is used unless its answer with everything in agrees with the
model itself.
"""

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pandas as pd

from xrai_widgets.core import Array
from xrai_widgets.engines.privacy._newton import LogisticModel

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
        answers: Array = self._all[rows]
        return answers

    def without(self, index: int, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        answers: Array = self._all[rows]  # only those change that have the row among their neighbours
        touched = np.flatnonzero((self._near[1][rows, :-1] == index).any(axis=1))
        distance, near = (part[rows[touched]] for part in self._near)
        left = near != index
        shape = (len(touched), self._k)
        answers[touched] = self._vote(distance[left].reshape(shape), near[left].reshape(shape))
        return answers

    def _vote(self, distance: Array, index: Array) -> Array:
        weight = np.ones_like(distance)
        if self._weighted:
            touching = (distance == 0).any(axis=1, keepdims=True)
            weight = np.where(touching, distance == 0, 1 / np.where(distance == 0, 1, distance))
        votes = np.einsum("rn,rnk->rk", weight, self._hot[index])
        shares: Array = votes / votes.sum(axis=1, keepdims=True)
        return shares


class NaiveGaussian:
    """Gaussian naive Bayes: counts, means and variances without a row follow from those with it."""

    def __init__(self, model: Any, X: Array, y: Array) -> None:
        self._X, self._y, self._k = X, y, len(model.classes_)
        self._priors, self._smoothing = model.priors, model.var_smoothing
        self._counts = np.bincount(y, minlength=self._k).astype(float)
        self._means = np.array([X[y == c].mean(axis=0) for c in range(self._k)])
        self._squares = np.array([((X[y == c] - self._means[c]) ** 2).sum(axis=0) for c in range(self._k)])
        self._mean, self._square = X.mean(axis=0), ((X - X.mean(axis=0)) ** 2).sum(axis=0)

    def reference(self, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        return self._answer(rows, self._counts, self._means, self._squares, self._square / len(self._X))

    def without(self, index: int, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        x, c, n = self._X[index], self._y[index], len(self._X)
        counts, means, squares = self._counts.copy(), self._means.copy(), self._squares.copy()
        counts[c] -= 1
        if counts[c]:
            squares[c] -= (x - means[c]) ** 2 * self._counts[c] / counts[c]
            means[c] = (self._counts[c] * means[c] - x) / counts[c]
        variance = (self._square - (x - self._mean) ** 2 * n / (n - 1)) / (n - 1)
        return self._answer(rows, counts, means, squares, variance)

    def _answer(self, rows: Array, counts: Array, means: Array, squares: Array, variance: Array) -> Array:
        there = counts > 0
        spread = np.maximum(squares[there], 0) / counts[there, None] + self._smoothing * variance.max()
        prior = counts / counts.sum() if self._priors is None else np.asarray(self._priors)
        logs, X = np.full((len(rows), self._k), -np.inf), self._X[rows]
        heads = np.log(prior[there]) - 0.5 * np.log(2 * np.pi * spread).sum(axis=1)
        for c, head, mean, narrow in zip(np.flatnonzero(there), heads, means[there], 1 / spread, strict=True):
            apart = X - mean
            apart *= apart
            logs[:, c] = head - 0.5 * (apart @ narrow)
        return _softmax(logs)


class NaiveMultinomial:
    """Multinomial naive Bayes: counts are sums over rows."""

    def __init__(self, model: Any, X: Array, y: Array) -> None:
        self._X, self._y = X, y
        self._features, self._counts = model.feature_count_, model.class_count_
        self._alpha, self._prior = float(model.alpha), _prior(model)

    def reference(self, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        return self._answer(rows, self._features, self._counts)

    def without(self, index: int, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        features, counts = self._features.copy(), self._counts.copy()
        features[self._y[index]] -= self._X[index]
        counts[self._y[index]] -= 1
        return self._answer(rows, features, counts)

    def _answer(self, rows: Array, features: Array, counts: Array) -> Array:
        there = counts > 0
        smooth = np.maximum(features[there], 0) + self._alpha
        table = np.log(smooth) - np.log(smooth.sum(axis=1, keepdims=True))
        logs = np.full((len(rows), len(counts)), -np.inf)
        logs[:, there] = self._X[rows] @ table.T + self._prior(counts)[there]
        return _softmax(logs)


class Discriminant:
    """Linear and quadratic discriminant analysis: a covariance without a row is a rank-one change of that with it."""

    # covariances are divided by n since scikit-learn 1.9, by the degrees of freedom before
    _lost = 0

    def __init__(self, model: Any, X: Array, y: Array) -> None:
        self._X, self._y, self._k = X, y, len(model.classes_)
        self._linear = type(model).__name__ == "LinearDiscriminantAnalysis"
        self._ridge = 0.0 if self._linear else float(model.reg_param)
        self._priors = model.priors
        self._counts = np.bincount(y, minlength=self._k).astype(float)
        self._means = np.array([X[y == c].mean(axis=0) for c in range(self._k)])
        apart = X - self._means[y]
        self._scatter = np.array([apart[y == c].T @ apart[y == c] for c in range(self._k)])
        if self._linear:
            self._scatter = self._scatter.sum(axis=0, keepdims=True)

    def reference(self, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        return self._answer(rows, self._counts, self._means, self._scatter)

    def without(self, index: int, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        c, counts, means, scatter = self._y[index], self._counts.copy(), self._means.copy(), self._scatter.copy()
        apart = self._X[index] - means[c]
        counts[c] -= 1
        if counts[c]:
            scatter[0 if self._linear else c] -= np.outer(apart, apart) * self._counts[c] / counts[c]
            means[c] -= apart / counts[c]
        return self._answer(rows, counts, means, scatter)

    def _answer(self, rows: Array, counts: Array, means: Array, scatter: Array) -> Array:
        prior = counts / counts.sum() if self._priors is None else np.asarray(self._priors)
        logs = np.full((len(rows), self._k), -np.inf)
        pooled = _factor(scatter[0] / (counts.sum() - self._lost * (counts > 0).sum())) if self._linear else None
        for c in np.flatnonzero(counts > (0 if self._linear else 1)):
            shape = pooled or _factor(
                (1 - self._ridge) * scatter[c] / (counts[c] - self._lost) + self._ridge * np.eye(self._X.shape[1])
            )
            white, half = shape
            apart = (self._X[rows] - means[c]) @ white
            logs[:, c] = np.log(prior[c]) - 0.5 * (apart**2).sum(axis=1) - half
        return _softmax(logs)


class DiscriminantByFreedom(Discriminant):
    """As before scikit-learn 1.9."""

    _lost = 1


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
        own = (self._left[index] ** 2 * self._gain).sum() + offset
        moved: Array = self._fitted[rows] - reach * self._residual[index] / (1 - own)
        return moved[:, None]


def closed_form(model: Any, X: Array, y: Array, predict: Callable[[Array], Array]) -> LeaveOneOut | None:
    """Return the exact leave-one-out of a model, or None where there is none and refits are needed.

    Parameters
    ----------
    model : object
        The fitted estimator itself. A pipeline has none: its other steps learn from the row, too.
    X, y : array (n, d), array (n,)
        What it was trained on; classes as 0…k−1.
    predict : callable
        The model's own answer, which must agree.
    """
    ours = type(model).__module__.startswith("sklearn.")
    if not ours or X.ndim != 2 or getattr(model, "n_features_in_", None) != X.shape[1] or not _plain(model, len(X)):
        return None
    rows, own = np.arange(len(X)), predict(X).reshape(len(X), -1)
    for form in _FORMS.get(type(model).__name__, ()):
        with contextlib.suppress(np.linalg.LinAlgError):  # a covariance that cannot be inverted
            found = form(model, X, y)
            tolerance = 0.05 if form is LogisticModel else _SAME  # a solver stops early
            scale = max(1.0, float(np.abs(own).max()))
            if np.allclose(found.reference(rows), own, atol=tolerance * scale, rtol=0):
                return found
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


def _prior(model: Any) -> Callable[[Array], Array]:
    if model.class_prior is not None:
        given = np.log(np.asarray(model.class_prior))
        return lambda _: given
    if not model.fit_prior:
        return lambda counts: np.full(len(counts), -np.log(len(counts)))
    with np.errstate(divide="ignore"):
        return lambda counts: np.log(counts / counts.sum())


def _factor(covariance: Array) -> tuple[Array, float]:
    """Return (W, h): ‖(x − m) W‖² is the Mahalanobis distance, h half the logarithm of the determinant."""
    lower = np.linalg.cholesky(covariance)
    white = np.linalg.inv(lower).T
    return white, float(np.log(np.diag(lower)).sum())


def _softmax(logs: Array) -> Array:
    shares: Array = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
