"""Rows of a table as numbers that a detector can measure: categories apart, columns in comparable units."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from xrai_widgets.core import Array


class TableEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # without types
    """Encode rows of a table; what it never saw stays visible.

    Numbers become z-scores; a missing one counts as the mean, and a column of its own says that it is missing. The last
    column counts what no fitted row had: unknown categories, and missing numbers in columns that lacked none.

    Parameters
    ----------
    categorical : sequence of int
        Places of the columns whose numbers are codes.
    one_hot : bool
        Make a standardised column of each category. Otherwise codes and numbers stay as they are, in one column each,
        and what is missing becomes a number below all others: for trees.
    """

    means_: Array
    deviations_: Array

    def __init__(self, *, categorical: Sequence[int] = (), one_hot: bool = True) -> None:
        self.categorical, self.one_hot = categorical, one_hot

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn categories, means and deviations from rows (n, d), NaN where a number is missing."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        outside = [column for column in self.categorical if not 0 <= column < X.shape[1]]
        if outside:
            raise ValueError(f"categorical must name columns 0 … {X.shape[1] - 1}, got {outside}")
        codes = sorted(set(self.categorical))
        self.codes_ = np.array(codes, dtype=np.intp)
        self.numbers_ = np.array([column for column in range(X.shape[1]) if column not in codes], dtype=np.intp)
        self.categories_ = [np.unique(X[:, column]) for column in codes]  # NaN, too: a category like others
        self.lacking_ = self.numbers_[np.isnan(X[:, self.numbers_]).any(axis=0)]
        low, high = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)
        low, high = (np.where(np.isnan(ends), 0.0, ends) for ends in (low, high))
        self.marks_ = low - 0.1 * np.maximum(high - low, 1.0)
        self.centres_ = np.array([_mean(X[:, column]) for column in self.numbers_])
        wide = self._wide(X)
        deviations = wide.std(axis=0)
        self.means_ = wide.mean(axis=0)
        self.deviations_ = np.where(deviations > 1e-12 * np.maximum(np.abs(self.means_), 1.0), deviations, 1.0)
        return self

    def transform(self, X: Any) -> Array:
        """Return the encoded rows, without NaN."""
        check_is_fitted(self)
        return self.encode_checked(validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False))

    def encode_checked(self, X: Array) -> Array:
        """Return the encoded rows of float64 rows that are known to have the right width: see `Detector`."""
        if not self.one_hot:
            rows: Array = np.where(np.isnan(X), self.marks_, X)
            return rows
        encoded: Array = (self._wide(X) - self.means_) / self.deviations_
        return encoded

    def _wide(self, X: Array) -> Array:
        numbers = X[:, self.numbers_]
        gone = np.isnan(numbers)
        parts = [np.where(gone, self.centres_, numbers), np.isnan(X[:, self.lacking_])]
        unseen = (gone & ~np.isin(self.numbers_, self.lacking_)).sum(axis=1)
        for column, categories in zip(self.codes_, self.categories_, strict=True):
            values = X[:, column, None]
            hot = (values == categories) | (np.isnan(values) & np.isnan(categories))
            unseen = unseen + ~hot.any(axis=1)
            parts.append(hot)
        return np.column_stack([*parts, unseen]).astype(np.float64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _mean(column: Array) -> float:
    there = column[~np.isnan(column)]
    return float(there.mean()) if len(there) else 0.0
