"""Detectors by scikit-learn's trees and neighbours: rows against shuffled rows, isolation, local density."""

from typing import Any, ClassVar

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, IsolationForest
from sklearn.neighbors import NearestNeighbors

from xrai_widgets.core import Array
from xrai_widgets.engines.ood._trees import Trees
from xrai_widgets.engines.ood.estimators.detector import Detector, look_up

_NOT_0 = 1e-10  # as scikit-learn's
_TREES = 10  # that grow between two looks at whether somebody cancelled


class ShuffleForestDetector(Detector):
    """A forest that tells rows from rows whose columns were shuffled: how much it takes a row for a real one.

    Shuffled columns have the same values and none of their dependencies (Breiman and Cutler's unsupervised forest; Shi
    and Horvath 2006), so what is foreign is a combination, where detectors that look at each column alone are blind.

    Parameters
    ----------
    n_estimators : int
        Trees.
    min_samples_leaf : int
        Rows in a leaf, at least.
    random_state : int
        Of all that is drawn.
    alpha : float
        Share of normal rows that `predict` may call foreign.
    """

    trees_: Trees

    def __init__(
        self, *, n_estimators: int = 100, min_samples_leaf: int = 1, random_state: int = 0, alpha: float = 0.05
    ) -> None:
        self.n_estimators, self.min_samples_leaf = n_estimators, min_samples_leaf
        self.random_state, self.alpha = random_state, alpha

    def _learn(self, X: Array, y: Array | None) -> None:  # noqa: ARG002 - classes are not used
        rng = np.random.default_rng(self.random_state)
        both = np.concatenate([X, rng.permuted(X, axis=0)])
        forest = ExtraTreesClassifier(
            min_samples_leaf=self.min_samples_leaf,
            bootstrap=True,
            warm_start=True,
            random_state=self.random_state,
        )
        real = np.repeat([1, 0], len(X))
        for count in range(0, self.n_estimators, _TREES):
            look_up()
            forest.set_params(n_estimators=min(count + _TREES, self.n_estimators)).fit(both, real)
        self._forest = forest
        members = [tree.tree_ for tree in forest.estimators_]
        self.trees_ = Trees.of(members, [tree.value[:, 0, -1] for tree in members])

    def _fresh_scores(self, X: Array, y: Array | None) -> Array:  # noqa: ARG002
        """Let those trees vote on a row that did not see it."""
        votes, count, rows = np.zeros(len(X)), np.zeros(len(X)), X.astype(np.float32)
        for tree, seen in zip(self._forest.estimators_, self._forest.estimators_samples_, strict=True):
            new = ~np.isin(np.arange(len(X)), seen)
            votes[new] += tree.tree_.predict(rows[new])[:, -1] if new.any() else 0.0
            count += new
        del self._forest
        voted: Array = votes[count > 0] / count[count > 0]
        return voted if len(voted) else self._scores(X)

    def _scores(self, X: Array) -> Array:
        return self.trees_.total(X) / len(self.trees_.roots)


class IsolationForestDetector(Detector):
    """How many random splits set a row apart (Liu, Ting and Zhou 2008). Blind to broken dependencies between columns.

    Parameters
    ----------
    n_estimators : int
        Trees.
    random_state : int
        Of all that is drawn.
    alpha : float
        Share of normal rows that `predict` may call foreign.
    """

    trees_: Trees
    usual_: float

    def __init__(self, *, n_estimators: int = 100, random_state: int = 0, alpha: float = 0.05) -> None:
        self.n_estimators, self.random_state, self.alpha = n_estimators, random_state, alpha

    def _learn(self, X: Array, y: Array | None) -> None:  # noqa: ARG002
        forest = IsolationForest(n_estimators=self.n_estimators, random_state=self.random_state).fit(X)
        # what a leaf adds to the path: how deep it lies, and how deep its rows would lie if they were set apart
        members = [tree.tree_ for tree in forest.estimators_]
        paths = [tree.compute_node_depths() - 1.0 + _unset(tree.n_node_samples) for tree in members]
        self.trees_ = Trees.of(members, paths, forest.estimators_features_)
        self.usual_ = float(len(paths) * _unset(np.array([forest.max_samples_]))[0])

    def _scores(self, X: Array) -> Array:
        path = self.trees_.total(X)
        scores: Array = -(2.0 ** -(path / self.usual_)) if self.usual_ > 0 else -np.ones(len(X))
        return scores


def _unset(count: Array) -> Array:
    """Return the mean depth at which random splits set one of so many rows apart (Liu et al. 2008, equation 1)."""
    many = np.maximum(count, 2) - 1.0
    depth = 2.0 * (np.log(many) + np.euler_gamma) - 2.0 * many / (many + 1.0)
    scores: Array = np.where(count > 2, depth, np.where(count == 2, 1.0, 0.0))
    return scores


class LocalOutlierFactorDetector(Detector):
    """Minus the density of a row's neighbours relative to its own (Breunig et al. 2000), among the fitted rows.

    Parameters
    ----------
    n_neighbors : int
        Neighbours; of fewer rows, all others.
    alpha : float
        Share of normal rows that `predict` may call foreign.
    """

    holds_rows: ClassVar[bool] = True
    rows_: Array
    reach_: Array
    density_: Array
    neighbours_: Any

    def __init__(self, *, n_neighbors: int = 20, alpha: float = 0.05) -> None:
        self.n_neighbors, self.alpha = n_neighbors, alpha

    def _learn(self, X: Array, y: Array | None) -> None:  # noqa: ARG002
        self.rows_ = X.copy()
        self.settle()
        distances, places = self.neighbours_.kneighbors()  # of each row among the others
        self.reach_ = distances[:, -1]
        self.density_ = self._density(distances, places)
        self._fresh = self.density_[places].mean(axis=1) / self.density_

    def settle(self) -> None:
        """Make the search for neighbours anew, from the rows."""
        count = min(self.n_neighbors, len(self.rows_) - 1)
        self.neighbours_ = NearestNeighbors(n_neighbors=count).fit(self.rows_)

    def _scores(self, X: Array) -> Array:
        distances, places = self.neighbours_.kneighbors(X)
        scores: Array = -(self.density_[places] / self._density(distances, places)[:, None]).mean(axis=1)
        return scores

    def _density(self, distances: Array, places: Array) -> Array:
        """Return the local reachability density of rows, by their neighbours (definition 6)."""
        density: Array = 1.0 / (np.maximum(distances, self.reach_[places]).mean(axis=1) + _NOT_0)
        return density

    def _fresh_scores(self, X: Array, y: Array | None) -> Array:  # noqa: ARG002
        scores: Array = -self._fresh
        del self._fresh
        return scores
