"""Naive Bayes without one row, for many rows at once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from xrai_widgets.core import Array


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
        learned = (self._counts, self._means, self._squares, self._square / len(self._X))
        probabilities: Array = self._probabilities(self._X[rows], *(part[None] for part in learned))[0]
        return probabilities

    def without(self, index: int, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        probabilities: Array = self._probabilities(self._X[rows], *self._learned(np.array([index])))[0]
        return probabilities

    def everywhere(self, indices: Array) -> Array:
        """See `everywhere`."""
        return self._probabilities(self._X, *self._learned(indices))

    def _learned(self, indices: Array) -> tuple[Array, Array, Array, Array]:
        """Return counts (b, k), means and sums of squares (b, k, d), and variances of all rows (b, d)."""
        each, c, n = np.arange(len(indices)), self._y[indices], len(self._X)
        counts, means, squares = (np.repeat(x[None], len(each), 0) for x in (self._counts, self._means, self._squares))
        counts[each, c] -= 1
        left, apart = np.maximum(counts[each, c], 1)[:, None], self._X[indices] - self._means[c]
        squares[each, c] -= apart**2 * self._counts[c][:, None] / left
        means[each, c] -= apart / left
        variance = (self._square - (self._X[indices] - self._mean) ** 2 * n / (n - 1)) / (n - 1)
        return counts, means, squares, variance

    def _probabilities(self, X: Array, counts: Array, means: Array, squares: Array, variance: Array) -> Array:
        there = np.maximum(counts, 1)
        spread = np.maximum(squares, 0) / there[:, :, None] + self._smoothing * variance.max(axis=1)[:, None, None]
        given = None if self._priors is None else np.asarray(self._priors)
        prior = counts / counts.sum(axis=1, keepdims=True) if given is None else np.broadcast_to(given, counts.shape)
        with np.errstate(divide="ignore"):  # a class without a row has no share
            heads = np.log(np.where(counts > 0, prior, 0)) - 0.5 * np.log(2 * np.pi * spread).sum(axis=2)
        narrow, moved = 1 / spread, means - self._means
        logs = np.empty((self._k, len(counts), len(X)))
        for c in range(self._k):
            # distances from the mean with everything in, from which the others are not far: nothing cancels
            apart = X - self._means[c]
            logs[c] = (narrow[:, c] * moved[:, c]) @ apart.T
            apart *= apart
            logs[c] -= 0.5 * (narrow[:, c] @ apart.T)
            logs[c] += (heads[:, c] - 0.5 * (narrow[:, c] * moved[:, c] ** 2).sum(axis=1))[:, None]
        return shares(logs)


class NaiveMultinomial:
    """Multinomial naive Bayes: counts are sums over rows."""

    def __init__(self, model: Any, X: Array, y: Array) -> None:
        self._X, self._y = X, y
        self._features, self._counts = model.feature_count_, model.class_count_
        self._alpha, self._prior = float(model.alpha), _prior(model)
        self._all = self._likelihood(self._features, X)

    def reference(self, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        probabilities: Array = shares(self._all[:, None, rows] + self._head(self._counts[None])[:, :, None])[0]
        return probabilities

    def without(self, index: int, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        probabilities: Array = self._probabilities(np.array([index]), rows)[0]
        return probabilities

    def everywhere(self, indices: Array) -> Array:
        """See `everywhere`."""
        return self._probabilities(indices, slice(None))

    def _probabilities(self, indices: Array, rows: Any) -> Array:
        each, c = np.arange(len(indices)), self._y[indices]
        counts = np.repeat(self._counts[None], len(each), 0)
        counts[each, c] -= 1
        logs = np.repeat(self._all[:, None, rows], len(each), 1)
        logs[c, each] = self._likelihood(self._features[c] - self._X[indices], self._X[rows])
        return shares(logs + self._head(counts)[:, :, None])

    def _likelihood(self, features: Array, X: Array) -> Array:
        smooth = np.maximum(features, 0) + self._alpha
        likelihood: Array = (np.log(smooth) - np.log(smooth.sum(axis=1, keepdims=True))) @ X.T
        return likelihood

    def _head(self, counts: Array) -> Array:
        """Return (k, b) logarithms of the shares of the classes; a class without a row has none."""
        heads = np.where(counts > 0, self._prior(counts), -np.inf)
        return heads.T


def _prior(model: Any) -> Callable[[Array], Array]:
    if model.class_prior is not None:
        given = np.log(np.asarray(model.class_prior))
        return lambda _: given
    if not model.fit_prior:
        return lambda counts: np.full(counts.shape, -np.log(counts.shape[1]))

    def part(counts: Array) -> Array:
        with np.errstate(divide="ignore"):
            logs: Array = np.log(counts / counts.sum(axis=1, keepdims=True))
        return logs

    return part


def shares(logs: Array) -> Array:
    """Return probabilities (b, n, k) of logarithms (k, b, n): sums over a long axis in memory are the fast ones."""
    logs = logs - logs.max(axis=0)
    probabilities: Array = np.exp(logs, out=logs)
    probabilities /= probabilities.sum(axis=0)
    return np.moveaxis(probabilities, 0, -1)
