"""Linear and quadratic discriminant analysis without one row."""

from typing import Any

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._confidence import softmax
from xrai_widgets.engines.privacy.pdtp.naive_bayes import shares

_LEAST = 1e-6  # below that, the determinant is computed anew
_SINGULAR = 1e-10


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
        return self._probabilities(rows, self._counts, self._means, self._scatter)

    def without(self, index: int, rows: Array) -> Array:
        """See `LeaveOneOut`."""
        c, counts, means, scatter = self._y[index], self._counts.copy(), self._means.copy(), self._scatter.copy()
        apart = self._X[index] - means[c]
        counts[c] -= 1
        if counts[c]:
            slot = 0 if self._linear else c
            scatter[slot] -= np.outer(apart, apart) * self._counts[c] / counts[c]
            if not self._ridge and (self._linear or counts[c] > 1):
                _require_rank(self._scatter[slot], scatter[slot])
            means[c] -= apart / counts[c]
        return self._probabilities(rows, counts, means, scatter)

    def everywhere(self, indices: Array) -> Array:
        """See `everywhere`."""
        rows, each, labels = np.arange(len(self._X)), np.arange(len(indices)), self._y[indices]
        counts = np.repeat(self._counts[None], len(each), 0)
        counts[each, labels] -= 1
        prior = counts / counts.sum(axis=1, keepdims=True) if self._priors is None else np.asarray(self._priors)[None]
        logs, exact = self._pooled(indices) if self._linear else self._by_class(indices)
        with np.errstate(divide="ignore"):
            logs += np.log(np.where(counts > (0 if self._linear else 1), prior, 0)).T[:, :, None]
        probabilities = shares(logs)
        for place in np.flatnonzero(~exact):
            probabilities[place] = self.without(int(indices[place]), rows)
        return probabilities

    def _pooled(self, indices: Array) -> tuple[Array, Array]:
        """Return (k, b, n) log-likelihoods under the covariance of all classes; and where they are well conditioned."""
        labels = self._y[indices]
        left = self._counts[labels] - 1
        divisor = 1 / (len(self._X) - 1 - self._lost * (self._counts > 0).sum())
        white, _ = _factor(divisor * self._scatter[0])
        apart = [(self._X - mean) @ white for mean in self._means]
        gone = np.array([apart[c][index] for c, index in zip(labels, indices, strict=True)])
        lost = (divisor * self._counts[labels] / np.maximum(left, 1))[:, None]
        logs, exact = np.empty((self._k, len(labels), len(self._X))), left > 0
        for c in range(self._k):
            moved = np.where(labels == c, 1 / np.maximum(left, 1), 0.0)[:, None]
            squared, gap = _distances(apart[c], gone, lost, moved)
            logs[c] = -0.5 * squared
            exact &= gap[:, 0] > _LEAST
        return logs, exact

    def _by_class(self, indices: Array) -> tuple[Array, Array]:
        """Return (k, b, n) log-likelihoods under each class's own covariance; and where they are well conditioned."""
        labels = self._y[indices]
        logs, exact = np.full((self._k, len(labels), len(self._X)), -np.inf), np.ones(len(labels), dtype=bool)
        for c in range(self._k):
            mine = labels == c
            if self._counts[c] > 1:
                logs[c, ~mine] = self._likelihood(c)[0]
            if self._counts[c] > 2 and mine.any():
                logs[c, mine], exact[mine] = self._one_less(c, indices[mine])
        return logs, exact

    def _likelihood(self, c: int, fewer: int = 0) -> tuple[Array, Array, float, float]:
        """Return log-likelihoods (n,) of a class, whitened rows (n, d), half a log-determinant and 1 over the divisor.

        ``fewer`` rows are missing in the divisor of the covariance, not in the scatter.
        """
        divisor = (1 - self._ridge) / (self._counts[c] - fewer - self._lost)
        white, half = _factor(divisor * self._scatter[c] + self._ridge * np.eye(self._X.shape[1]))
        apart = (self._X - self._means[c]) @ white
        return -0.5 * (apart**2).sum(axis=1) - half, apart, half, divisor

    def _one_less(self, c: int, indices: Array) -> tuple[Array, Array]:
        """Return (b, n) log-likelihoods of a class that lost one row; and where that is well conditioned."""
        _, apart, half, divisor = self._likelihood(c, fewer=1)
        left = self._counts[c] - 1
        squared, gap = _distances(apart, apart[indices], divisor * self._counts[c] / left, 1 / left)
        return -0.5 * (squared + np.log(np.maximum(gap, _LEAST))) - half, gap[:, 0] > _LEAST

    def _probabilities(self, rows: Array, counts: Array, means: Array, scatter: Array) -> Array:
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
        return softmax(logs)


class DiscriminantByFreedom(Discriminant):
    """As before scikit-learn 1.9."""

    _lost = 1


def _distances(apart: Array, gone: Array, lost: Any, moved: Any) -> tuple[Array, Array]:
    """Return (b, n) squared distances and (b, 1) how much of the determinant is left, one row being out.

    The covariance loses a rank of one (Sherman and Morrison 1950), the mean may move along the same direction.

    Parameters
    ----------
    apart : array (n, d)
        Whitened rows less the mean.
    gone : array (b, d)
        Those that are left out.
    lost, moved : float or array (b, 1)
        Weight in the covariance; share by which the mean moves away.
    """
    length = (gone**2).sum(axis=1)[:, None]
    gap = 1 - lost * length
    along = gone @ apart.T
    squared = (apart**2).sum(axis=1) + (2 * along + length * moved) * moved
    squared += lost / np.maximum(gap, _LEAST) * (along + length * moved) ** 2
    return squared, gap


def _require_rank(before: Array, after: Array) -> None:
    """Refuse a scatter that is singular once a row is out: what is left there is rounding."""
    (_, old), (sign, new) = np.linalg.slogdet(before), np.linalg.slogdet(after)
    if sign <= 0 or new - old < np.log(_SINGULAR):
        raise np.linalg.LinAlgError("a covariance cannot be inverted without this sample")


def _factor(covariance: Array) -> tuple[Array, float]:
    """Return (W, h): ‖(x − m) W‖² is the Mahalanobis distance, h half the logarithm of the determinant."""
    lower = np.linalg.cholesky(covariance)
    white = np.linalg.inv(lower).T
    return white, float(np.log(np.diag(lower)).sum())
