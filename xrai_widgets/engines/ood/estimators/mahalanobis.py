"""Mahalanobis distance to the nearest class, or to all rows together."""

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.ood.estimators.detector import Detector


class MahalanobisDetector(Detector):
    """Squared Mahalanobis distance to the nearest class mean, with one covariance for all classes.

    Lee et al. 2018 (arXiv:1807.03888); with features of length 1 it is Mahalanobis++ (Müller and Hein 2025,
    arXiv:2505.18032).

    Parameters
    ----------
    normalize : bool
        Divide each row by its length: for embeddings. Rows of tables are standardised columns instead.
    ridge : float
        Added to the covariance, in units of the mean variance: directions in which the rows do not vary get it.
    alpha : float
        Share of normal rows that `predict` may call foreign.
    """

    means_: Array
    whitening_: Array

    def __init__(self, *, normalize: bool = True, ridge: float = 1e-6, alpha: float = 0.05) -> None:
        self.normalize, self.ridge, self.alpha = normalize, ridge, alpha

    def _learn(self, X: Array, y: Array | None) -> None:
        rows = self._prepared(X)
        classes, which = (None, np.zeros(len(X), dtype=np.intp)) if y is None else np.unique(y, return_inverse=True)
        count = 1 if classes is None else len(classes)
        means = np.stack([rows[which == c].mean(axis=0) for c in range(count)])
        centred = rows - means[which]
        covariance = centred.T @ centred / len(rows)
        size = float(np.trace(covariance)) / len(covariance)
        values, vectors = np.linalg.eigh(covariance)
        floor = self.ridge * size if size > 0 else 1.0
        self.whitening_ = vectors / np.sqrt(np.maximum(values, 0.0) + floor)
        self.means_ = means @ self.whitening_

    def _scores(self, X: Array) -> Array:
        white = self._prepared(X) @ self.whitening_
        nearest = np.full(len(X), np.inf)
        for mean in self.means_:  # class by class: (rows, classes, features) would not fit
            nearest = np.minimum(nearest, np.square(white - mean).sum(axis=1))
        return -nearest

    def _prepared(self, X: Array) -> Array:
        return unit(X) if self.normalize else X


def unit(X: Array) -> Array:
    """Return the rows divided by their lengths; rows of zeros stay."""
    length = np.linalg.norm(X, axis=1, keepdims=True)
    rows: Array = X / np.where(length > 0, length, 1.0)
    return rows
