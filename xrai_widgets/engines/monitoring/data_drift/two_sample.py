"""Classifier two-sample test: can rows of the batch be told from rows of the baseline?"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from xrai_widgets.core import Array, Constraint, Step
from xrai_widgets.engines._statistics import Estimate, auc

_TREES, _AT_ONCE = 60, 20
_MOST_CODES = 254  # categories that the learner takes as such
TOP = 3


@dataclass(frozen=True)
class Separation:
    """What a classifier tells of two tables.

    Parameters
    ----------
    auc : Estimate
        Area under the curve of rows that it did not learn from; ½: it tells nothing.
    p : float
        Mann–Whitney, one-sided, of the scores of those rows.
    importance : array (d,)
        How much of the area is lost when a column is shuffled.
    without : dict of column to Estimate
        The area of a classifier that never sees the column, for those that matter most.
    rows, scores : arrays
        The rows of either table that were scored, and the probabilities of the batch, those of the baseline first.
    """

    auc: Estimate
    p: float
    importance: Array
    without: dict[int, Estimate] = field(default_factory=dict)
    rows: tuple[Array, Array] = (np.empty(0, dtype=int), np.empty(0, dtype=int))
    scores: Array = field(default_factory=lambda: np.empty(0))


def separation(before: Array, now: Array, constraints: tuple[Constraint, ...], seed: int, step: Step) -> Separation:
    """Train boosted trees on half of both tables and score the other half (Lopez-Paz and Oquab 2017)."""
    rng = np.random.default_rng([seed, 7])
    halves = [rng.permutation(len(part)) for part in (before, now)]
    cut = [len(part) // 2 for part in (before, now)]
    X = [np.concatenate([before[halves[0][sides[0]]], now[halves[1][sides[1]]]]) for sides in _sides(cut)]
    sizes = [(len(before[halves[0][a]]), len(now[halves[1][b]])) for a, b in _sides(cut)]
    y = [np.repeat([0, 1], both) for both in sizes]
    empty = np.isnan(X[0]).all(axis=0)  # the learner takes no such column: it becomes whether there is a number
    X = [np.where(empty, ~np.isnan(part), part) for part in X]
    kinds = _categorical(before, now, constraints)
    model = _fitted(X[0], y[0], kinds, seed, step.part(0.0, 0.4))
    scores = model.predict_proba(X[1])[:, 1]
    positive, negative = scores[y[1] == 1], scores[y[1] == 0]
    area = auc(positive, negative)
    p = float(stats.mannwhitneyu(positive, negative, alternative="greater", method="asymptotic").pvalue)
    lost = np.zeros(X[1].shape[1])
    for column in step.part(0.4, 0.6).over(list(range(len(lost))), "which columns tell"):
        shuffled = X[1].copy()
        shuffled[:, column] = shuffled[np.random.default_rng([seed, column]).permutation(len(shuffled)), column]
        other = model.predict_proba(shuffled)[:, 1]
        lost[column] = area.value - auc(other[y[1] == 1], other[y[1] == 0]).value
    without: dict[int, Estimate] = {}
    top = [int(column) for column in np.argsort(-lost, kind="stable")[:TOP] if lost[column] > 0 and len(lost) > 1]
    for number, column in enumerate(top):
        kept = np.arange(len(lost)) != column
        part = step.part(0.6 + 0.4 * number / TOP, 0.6 + 0.4 * (number + 1) / TOP)
        other = _fitted(X[0][:, kept], y[0], kinds[kept], seed, part).predict_proba(X[1][:, kept])[:, 1]
        without[column] = auc(other[y[1] == 1], other[y[1] == 0])
    return Separation(area, p, lost, without, (halves[0][cut[0] :], halves[1][cut[1] :]), scores)


def _sides(cut: list[int]) -> list[tuple[slice, slice]]:
    return [(slice(None, cut[0]), slice(None, cut[1])), (slice(cut[0], None), slice(cut[1], None))]


def _categorical(before: Array, now: Array, constraints: tuple[Constraint, ...]) -> Array:
    most = np.fmax(np.nanmax(before, axis=0, initial=0), np.nanmax(now, axis=0, initial=0))
    kinds = [kind.kind == "category" for kind in constraints] or [False] * before.shape[1]
    return np.array(kinds) & (most <= _MOST_CODES)


def _fitted(X: Array, y: Array, kinds: Array, seed: int, step: Step) -> Any:
    """Fit a few trees at a time, so that a cancel lands."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    few = min(20, max(2, len(X) // 20))
    model = HistGradientBoostingClassifier(
        max_iter=_AT_ONCE,
        warm_start=True,
        early_stopping=False,
        min_samples_leaf=few,
        max_leaf_nodes=15,
        categorical_features=kinds if kinds.any() else None,
        class_weight="balanced",
        random_state=seed,
    )
    for trees in step.over(list(range(_AT_ONCE, _TREES + 1, _AT_ONCE)), "telling the batch from the baseline"):
        model.set_params(max_iter=trees).fit(X, y)
    return model
