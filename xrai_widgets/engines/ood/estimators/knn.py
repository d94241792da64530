"""Distance to the k-th nearest training row."""

from typing import ClassVar, Literal

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.ood.estimators.detector import Detector, look_up
from xrai_widgets.engines.ood.estimators.mahalanobis import unit

_TILE = 4_000_000  # distances at once


class KNNDetector(Detector):
    """Minus the distance to the k-th nearest row that it was fitted on (Sun et al. 2022, arXiv:2204.06507).

    Parameters
    ----------
    n_neighbors : int
        k; 1 is best on small networks.
    metric : {"cosine", "euclidean"}
        1 − cosine of the angle between two rows; or their distance.
    alpha : float
        Share of normal rows that `predict` may call foreign.
    """

    holds_rows: ClassVar[bool] = True
    rows_: Array

    def __init__(
        self, *, n_neighbors: int = 1, metric: Literal["cosine", "euclidean"] = "cosine", alpha: float = 0.05
    ) -> None:
        self.n_neighbors, self.metric, self.alpha = n_neighbors, metric, alpha

    def _learn(self, X: Array, y: Array | None) -> None:  # noqa: ARG002 - classes are not used
        if self.metric not in ("cosine", "euclidean"):
            raise ValueError(f"metric must be 'cosine' or 'euclidean', got {self.metric!r}")
        if not 1 <= self.n_neighbors < len(X):
            raise ValueError(f"n_neighbors must lie in [1, {len(X) - 1}] for {len(X)} rows, got {self.n_neighbors}")
        self.rows_ = unit(X) if self.metric == "cosine" else X.copy()

    def _scores(self, X: Array) -> Array:
        return -self._distances(X, self.n_neighbors)

    def _fresh_scores(self, X: Array, y: Array | None) -> Array:  # noqa: ARG002
        return -self._distances(X, self.n_neighbors + 1)  # each is its own nearest one

    def _distances(self, X: Array, k: int) -> Array:
        rows = unit(X) if self.metric == "cosine" else X
        tile = max(1, _TILE // len(self.rows_))
        scores = []
        for first in range(0, len(rows), tile):
            look_up()
            scores.append(self._kth(rows[first : first + tile], k))
        return np.concatenate(scores)

    def _kth(self, rows: Array, k: int) -> Array:
        cross = rows @ self.rows_.T
        if self.metric == "cosine":
            distance = np.maximum(1.0 - cross, 0.0)
        else:
            lengths = np.square(rows).sum(axis=1)[:, None] + np.square(self.rows_).sum(axis=1)
            distance = np.sqrt(np.maximum(lengths - 2.0 * cross, 0.0))
        kth: Array = distance.min(axis=1) if k == 1 else np.partition(distance, k - 1, axis=1)[:, k - 1]
        return kth
