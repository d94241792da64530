"""Logistic regression without one row, by Newton steps from the solution with it."""

from typing import Any

import numpy as np
from scipy import special

from xrai_widgets.core import Array

_TOLERANCE = 1e-10
_MOST = 100


class LogisticModel:
    """Binary and multinomial logistic regression with an L2 penalty, at its converged optimum.

    The solution with all rows is refined to the same tolerance as those without one: at a solver's default tolerance
    the distance to the optimum would be taken for the influence of the row.
    """

    def __init__(self, model: Any, X: Array, y: Array) -> None:
        k = len(model.classes_)
        self._width = 1 if k == 2 else k
        ones = np.ones((len(X), 1)) if model.fit_intercept else np.empty((len(X), 0))
        self._A = np.hstack([X, ones])
        self._T = (y == 1).astype(float)[:, None] if k == 2 else np.eye(k)[y]
        strength = 0.0 if model.penalty is None else 1.0 / model.C
        self._penalty = np.r_[np.full(X.shape[1], strength), np.zeros(ones.shape[1])]
        start = np.hstack([model.coef_, model.intercept_[:, None][:, : ones.shape[1]]])
        self._all = self._solve(start.T, np.ones(len(X)))

    def reference(self, rows: Array) -> Array:
        """Return the probabilities at rows with everything in."""
        return self._probabilities(self._all, rows)

    def without(self, index: int, rows: Array) -> Array:
        """Return the probabilities at rows without row ``index``."""
        weight = np.ones(len(self._A))
        weight[index] = 0.0
        return self._probabilities(self._solve(self._all, weight), rows)

    def _probabilities(self, w: Array, rows: Array) -> Array:
        return _shares(self._A[rows] @ w)

    def _solve(self, w: Array, weight: Array) -> Array:
        """Minimise weighted cross-entropy + ½ Σ penalty w²; damped Newton steps."""
        value = self._loss(w, weight)
        for _ in range(_MOST):
            p = special.expit(self._A @ w) if self._width == 1 else special.softmax(self._A @ w, axis=1)
            gradient = self._A.T @ (weight[:, None] * (p - self._T)) + self._penalty[:, None] * w
            if np.abs(gradient).max() <= _TOLERANCE * len(self._A):
                return w
            step = np.linalg.solve(self._hessian(p, weight), gradient.T.ravel()).reshape(self._width, -1).T
            size = 1.0
            while (trial := self._loss(w - size * step, weight)) > value and size > 1e-4:
                size /= 2
            if trial >= value:  # as near as floating point comes
                return w
            w, value = w - size * step, trial
        return w

    def _loss(self, w: Array, weight: Array) -> float:
        z = self._A @ w
        if self._width == 1:
            each = np.logaddexp(0, z[:, 0]) - self._T[:, 0] * z[:, 0]
        else:
            each = special.logsumexp(z, axis=1) - (self._T * z).sum(axis=1)
        return float(weight @ each + 0.5 * (self._penalty[:, None] * w**2).sum())

    def _hessian(self, p: Array, weight: Array) -> Array:
        d, k = self._A.shape[1], self._width
        if k == 1:
            hessian: Array = (self._A.T * (weight * p[:, 0] * (1 - p[:, 0]))) @ self._A
            hessian[np.diag_indices(d)] += self._penalty
            return hessian
        hessian = np.empty((k * d, k * d))
        for a in range(k):
            for b in range(a, k):
                curve = weight * p[:, a] * ((a == b) - p[:, b])
                block = (self._A.T * curve) @ self._A
                hessian[a * d : a * d + d, b * d : b * d + d] = block
                hessian[b * d : b * d + d, a * d : a * d + d] = block.T
        hessian[np.diag_indices(k * d)] += np.tile(self._penalty, k)
        free = np.flatnonzero(np.tile(self._penalty == 0, k))
        # adding a constant to every class changes nothing: without a penalty that direction is held where it is
        same = (free[:, None] - free[None, :]) % d == 0
        hessian[np.ix_(free, free)] += same * weight.sum() / k
        return hessian


def _shares(z: Array) -> Array:
    if z.shape[1] == 1:
        p = special.expit(z)
        return np.hstack([1 - p, p])
    shares: Array = special.softmax(z, axis=1)
    return shares
