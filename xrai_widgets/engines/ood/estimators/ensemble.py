"""Several detectors together: the harmonic mean of their p-values."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone

from xrai_widgets.core import Array
from xrai_widgets.engines.ood import _conformal as conformal
from xrai_widgets.engines.ood._scoring import foreignness_of
from xrai_widgets.engines.ood.estimators.detector import Detector
from xrai_widgets.engines.ood.estimators.forests import ShuffleForestDetector
from xrai_widgets.engines.ood.estimators.knn import KNNDetector
from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector

Member = tuple[str, Any] | tuple[str, Any, slice]


class EnsembleDetector(Detector):
    """The logarithm of the harmonic mean of the members' conformal p-values (Wilson 2019).

    A mean of p-values is none itself: calibrate the score again, on rows that made no member's p-value, as `Alarm` and
    `ReliableClassifier` do.

    Parameters
    ----------
    members : sequence of (name, detector) or (name, detector, slice of columns), optional
        By default Mahalanobis distance, the nearest neighbour and a forest that knows shuffled rows, of comparable
        columns as `TableEncoder` makes them.
    share : float
        Of the rows, those that make the members' p-values; the others fit the members.
    random_state : int
        Of the split.
    alpha : float
        Share of normal rows that `predict` may call foreign.
    """

    _finite: ClassVar[bool | str] = "allow-nan"  # members refuse what they cannot take

    def __init__(
        self,
        members: Sequence[Member] | None = None,
        *,
        share: float = 0.4,
        random_state: int = 0,
        alpha: float = 0.05,
    ) -> None:
        self.members, self.share, self.random_state, self.alpha = members, share, random_state, alpha

    @property
    def holds_rows(self) -> bool:  # type: ignore[override]  # its members say
        """Whether a member does."""
        return any(holds_rows(detector) for _, detector, _ in self._named())

    def fit(self, X: Any, y: Any = None, *, calibration: Any = None) -> Self:
        """Learn from normal rows.

        Parameters
        ----------
        X : array (n, d)
        y : int array (n,), optional
        calibration : array (m, d), optional
            Rows that make the members' p-values, where those of X do not look like new ones: of features of a model
            that was trained on them. Without it a share of X.
        """
        self._calibration = None if calibration is None else np.asarray(calibration, dtype=np.float64)
        try:
            return super().fit(X, y)
        finally:
            del self._calibration

    def _learn(self, X: Array, y: Array | None) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"share must lie in (0, 1), got {self.share!r}")
        fitting, apart = X, self._calibration
        if apart is None:
            order = np.random.default_rng(self.random_state).permutation(len(X))
            count = min(max(1, round(self.share * len(X))), len(X) - 1)
            apart, rest = X[order[:count]], np.sort(order[count:])
            fitting, y = X[rest], None if y is None else y[rest]
        self.members_ = [
            (name, clone(detector).fit(fitting[:, columns], y), columns) for name, detector, columns in self._named()
        ]
        scores = [foreignness_of(detector, apart[:, columns]) for _, detector, columns in self.members_]
        self.calibrations_ = [np.sort(scores) for scores in scores]
        p = [conformal.as_foreign(scores, np.sort(scores)) / len(scores) for scores in scores]  # each counts itself
        self._loo = harmonic(np.stack(p))

    def _fresh_scores(self, X: Array, y: Array | None) -> Array:  # noqa: ARG002
        scores = self._loo
        del self._loo
        return scores

    def _scores(self, X: Array) -> Array:
        return self.joined(self.member_p_values(X))

    def joined(self, p: Array) -> Array:
        """Return the scores of rows from their members' p-values (members, n)."""
        return harmonic(p)

    def member_p_values(self, X: Array) -> Array:
        """Return the members' p-values (members, n) of rows (n, d)."""
        return np.stack(
            [
                conformal.p_values(foreignness_of(detector, X[:, columns]), calibration)
                for (_, detector, columns), calibration in zip(self.members_, self.calibrations_, strict=True)
            ]
        )

    def _named(self) -> list[tuple[str, Any, slice]]:
        members: Sequence[Any] = self.members or [
            ("mahalanobis", MahalanobisDetector(normalize=False)),
            ("knn", KNNDetector(metric="euclidean")),
            ("shuffle_forest", ShuffleForestDetector(random_state=self.random_state)),
        ]
        return [(name, detector, *(columns or (slice(None),))) for name, detector, *columns in members]


def harmonic(p: Array) -> Array:
    """Return the logarithm of the harmonic mean of p-values (members, n)."""
    mean: Array = -np.log(np.mean(1.0 / p, axis=0))
    return mean


def holds_rows(detector: Any) -> bool:
    """Return whether a fitted detector, or the last step of a pipeline, holds rows that it was fitted on."""
    last = detector.steps[-1][1] if hasattr(detector, "steps") else detector
    return bool(getattr(last, "holds_rows", True))
