"""What all detectors share.

This package is made of scikit-learn's classes, so it imports scikit-learn, and is itself imported inside functions.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from xrai_widgets.core import Array

_ROWS = 2000  # that are scored between two looks at whether somebody cancelled
_DIGITS = 1e-9  # of a score that may be its rounding
_look: ContextVar[Callable[[], None]] = ContextVar("look", default=lambda: None)


@contextmanager
def looking(look: Callable[[], None]) -> Iterator[None]:
    """Call ``look`` every now and then while detectors fit and score, so that an exception of it stops them."""
    token = _look.set(look)
    try:
        yield
    finally:
        _look.reset(token)


def look_up() -> None:
    """Let whoever waits for a detector stop it."""
    _look.get()()


class Detector(OutlierMixin, BaseEstimator):  # type: ignore[misc]  # without types
    """A detector of foreign rows. Subclasses say how it learns and how it scores.

    A subclass has a constructor that only keeps its keyword arguments, among them ``alpha``, and defines

    * ``_learn(X, y)``: keep in attributes with a trailing underscore what scoring needs;
    * ``_scores(X)``: (m, d) → (m,), higher is more normal, each row's score independent of the other rows;
    * ``_fresh_scores(X, y)``, where the rows that it learned from look more normal to it than new ones do: their scores
      as if each were new. ``offset_`` is set by them.

    ``holds_rows`` says that the fitted detector holds rows that it learned from.

    Attributes
    ----------
    offset_ : float
        The score below which `predict` says −1: the α-quantile of the scores of the rows it was fitted on.
    n_features_in_ : int
    """

    alpha: float
    offset_: float
    n_features_in_: int
    holds_rows: ClassVar[bool] = False
    _finite: ClassVar[bool | str] = True  # "allow-nan" where other steps deal with missing numbers

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from normal rows.

        Parameters
        ----------
        X : array (n, d)
            Two rows or more.
        y : int array (n,), optional
            Classes, where the detector uses them.

        Returns
        -------
        Detector
            Itself.

        Raises
        ------
        ValueError
            for rows that are not finite numbers, or fewer than two; for ``alpha`` outside (0, 0.5].
        """
        if not 0 < self.alpha <= 0.5:
            raise ValueError(f"alpha must lie in (0, 0.5], got {self.alpha!r}")
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2, ensure_all_finite=self._finite)
        labels = None if y is None else column_or_1d(y)
        if labels is not None and len(labels) != len(X):
            raise ValueError(f"y must hold a class for each of the {len(X)} rows, got {len(labels)}")
        self._learn(X, labels)
        self.offset_ = _below(self._fresh_scores(X, labels), self.alpha)
        return self

    def score_samples(self, X: Any) -> Array:
        """Return the score (m,) of each row: higher is more normal, whatever the other rows of the call.

        Raises
        ------
        ValueError
            for rows that are not finite, or of another width than those it was fitted on.
        """
        rows = self._checked(X)
        parts = []
        for first in range(0, len(rows), _ROWS):
            look_up()
            parts.append(self._scores(rows[first : first + _ROWS]))
        return np.concatenate(parts)

    def score_checked(self, X: Array) -> Array:
        """Return the scores (m,) of few rows that are known to be finite float64 of the right width.

        To look at them takes scikit-learn longer than to score one.
        """
        return self._scores(X)

    def decision_function(self, X: Any) -> Array:
        """Return the scores less ``offset_``: below 0 is foreign."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Array:
        """Return 1 for rows that look normal and −1 for foreign ones."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _learn(self, X: Array, y: Array | None) -> None:
        raise NotImplementedError

    def _scores(self, X: Array) -> Array:
        raise NotImplementedError

    def _fresh_scores(self, X: Array, y: Array | None) -> Array:  # noqa: ARG002 - detectors with classes use them
        return self._scores(X)

    def _checked(self, X: Any) -> Array:
        check_is_fitted(self, "n_features_in_")
        checked: Array = validate_data(self, X, dtype=np.float64, ensure_all_finite=self._finite, reset=False)
        return checked


def _below(scores: Array, alpha: float) -> float:
    """Return the limit below which at most the share ``alpha`` of the scores lies.

    A hair under one of them: at the score itself the last digit would decide, which depends on how many rows are
    scored at once.
    """
    limit = float(np.quantile(scores, alpha, method="lower"))
    return limit - _DIGITS * (1.0 + abs(limit))
