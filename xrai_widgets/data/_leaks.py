"""What is suspicious about a split table: rows on both sides, and columns that give the target away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

_TELLS = 0.99  # of 1: what one column alone reaches on rows that its tree has not seen
_FEW = 5
_LEAVES = 32
_MOST = 20_000  # rows that are looked at


def repeated(X_train: pd.DataFrame, X_test: pd.DataFrame) -> list[str]:
    """Return a note on the test rows whose features stand in the training part, too."""
    keys = pd.util.hash_pandas_object(X_train, index=False), pd.util.hash_pandas_object(X_test, index=False)
    both = keys[1].isin(set(keys[0])).to_numpy()
    if not both.any():
        return []
    rows = X_test.index[both].tolist()
    few = ", ".join(map(str, rows[:_FEW])) + (", …" if len(rows) > _FEW else "")
    return [
        f"{len(rows)} of {len(X_test)} test rows have the features of a training row (rows {few}): the test is easier "
        "than it looks"
    ]


def leaking(X: pd.DataFrame, y: pd.Series[Any], classes: bool) -> list[str]:
    """Return a note for each column that alone predicts the target of rows not seen before.

    A small tree on one column is cross-validated: balanced accuracy for classes, R² of the ranks for values.
    """
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    rows = np.random.default_rng(0).permutation(len(X))[:_MOST]
    target = y.iloc[rows].astype(str).to_numpy() if classes else y.iloc[rows].rank().to_numpy()
    folds = min(5, len(rows) // 4, int(pd.Series(target).value_counts().min()) if classes else 5)
    if folds < 2:
        return []
    tree: Any = DecisionTreeRegressor(max_leaf_nodes=8 * _LEAVES, random_state=0)
    if classes:
        tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, random_state=0)
    measure, name = ("balanced_accuracy", "balanced accuracy") if classes else ("r2", "R² of its ranks")
    notes = []
    for column in X.columns:
        cells = X[column].iloc[rows]
        numbers = cells.to_numpy(dtype=np.float64, na_value=np.nan) if cells.dtype.kind in "iufb" else _codes(cells)
        score = float(cross_val_score(tree, _filled(numbers), target, cv=folds, scoring=measure).mean())
        if score >= _TELLS:
            notes.append(f"{column} alone predicts the target ({name} {score:.3f}): is it known before the target is?")
    return notes


def _codes(cells: pd.Series[Any]) -> Any:
    return pd.factorize(cells.astype(object).where(cells.notna(), None), sort=False)[0].astype(np.float64)


def _filled(numbers: Any) -> Any:
    low = np.nanmin(numbers) if np.isfinite(numbers).any() else 0.0
    return np.where(np.isfinite(numbers), numbers, low - 1.0).reshape(-1, 1)
