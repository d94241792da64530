"""A shallow tree of a model's errors, grown on some samples, and its leaves as rules."""

from dataclasses import dataclass, replace

import numpy as np

from xrai_widgets.core import Array, Constraint
from xrai_widgets.engines.robustness.weak_segments.rules import Rule, cut_between


@dataclass(frozen=True, eq=False)
class _Scale:
    """The places of one column's values: numbers in their order, words by their mean error, missing at −1."""

    values: Array
    words: bool

    @classmethod
    def of(cls, column: Array, errors: Array, words: bool) -> "_Scale":
        there = ~np.isnan(column)
        values, places = np.unique(column[there], return_inverse=True)
        if words and len(values):
            means = np.bincount(places, errors[there]) / np.bincount(places)
            values = values[np.argsort(means, kind="stable")]
        return cls(values, words)

    def places(self, column: Array) -> Array:
        """Return the place of each value of the samples by which the scale was made."""
        order = np.argsort(self.values)
        at = order[np.searchsorted(self.values[order], np.where(np.isnan(column), self.values[:1], column))]
        return np.where(np.isnan(column), -1, at)

    def split(self, rule: Rule, column: int, place: int) -> tuple[Rule, Rule]:
        """Return the rule for places up to ``place``, and the rule for those above."""
        now = rule.of(column)
        if self.words:
            mine = set(self.values.astype(int).tolist()) if now.codes is None else set(now.codes)
            left = frozenset(mine & set(self.values[: place + 1].astype(int).tolist()))
            return rule.but(replace(now, codes=left)), rule.but(replace(now, codes=frozenset(mine - left)))
        if place < 0:
            return rule.but(replace(now, there=False)), rule.but(replace(now, missing=False))
        cut = cut_between(float(self.values[place]), float(self.values[place + 1]))
        return rule.but(replace(now, high=cut)), rule.but(replace(now, low=cut, missing=False))


def leaves_of(
    X: Array, errors: Array, constraints: tuple[Constraint, ...], depth: int, fewest: int, seed: int
) -> list[Rule]:
    """Return the leaves of a regression tree of the errors as rules; none where nothing splits.

    Parameters
    ----------
    X, errors : array (n, d), array (n,)
        The samples on which it is grown.
    depth, fewest : int
        Splits in a row, and samples of a leaf.

    Notes
    -----
    The tree sees the places of values, so that a split lies between two values, words in the order of their mean error,
    and an empty cell before all others. A word that these samples lack is in no leaf that asks for words.
    """
    from sklearn.tree import DecisionTreeRegressor

    kinds = constraints or (Constraint(),) * X.shape[1]
    columns = [(X[:, place], kind) for place, kind in enumerate(kinds)]
    scales = [_Scale.of(column, errors, kind.kind == "category") for column, kind in columns]
    used = [place for place, scale in enumerate(scales) if len(scale.values)]
    if len(X) < 2 * fewest or not used:
        return []
    data = np.column_stack([scales[place].places(X[:, place]) for place in used])
    tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=fewest, random_state=seed).fit(data, errors).tree_
    if tree.node_count == 1:
        return []
    leaves: list[Rule] = []
    waiting = [(0, Rule())]
    while waiting:
        node, rule = waiting.pop()
        if tree.children_left[node] < 0:
            leaves.append(rule)
            continue
        column, place = used[tree.feature[node]], int(np.floor(tree.threshold[node]))
        left, right = scales[column].split(rule, column, place)
        waiting += [(tree.children_right[node], right), (tree.children_left[node], left)]
    return leaves
