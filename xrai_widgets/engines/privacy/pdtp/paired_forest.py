"""Leave-one-out of a random forest by pairing its bootstraps: another, quieter estimator than honest refits.

A sample that is left out gets the weight 0 in the bootstraps that drew it, and only those trees are grown anew, from
the same seed. All other trees are the same with and without it and cancel.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array, NotApplicable, Step

_KINDS = ("RandomForestClassifier", "RandomForestRegressor")


@dataclass(frozen=True, eq=False)
class Bootstraps:
    """The trees of several forests.

    Parameters
    ----------
    tree : object
        An unfitted tree with the forest's settings.
    X, y : array
        Training samples.
    count : int
        Trees in all forests together.
    size : int
        Samples drawn for each tree.
    classes : int
        0 for a regression.
    seed : int
    """

    tree: Any
    X: Array
    y: Array
    count: int
    size: int
    classes: int
    seed: int

    def weights(self, number: int) -> Array:
        """Return how often the bootstrap of a tree drew each sample, (n,)."""
        drawn = np.random.default_rng((self.seed, 2, number)).integers(len(self.X), size=self.size)
        return np.bincount(drawn, minlength=len(self.X))

    def grow(self, number: int, weights: Array, probes: Array, again: int = 0) -> Array:
        """Return (p, k) predictions of a tree; with another ``again`` its own chance is another one."""
        from sklearn.base import clone

        seed = int(np.random.default_rng((self.seed, 3, number, again)).integers(2**31 - 1))
        tree = clone(self.tree).set_params(random_state=seed).fit(self.X, self.y, sample_weight=weights)
        output: Array = tree.predict_proba(probes) if self.classes else tree.predict(probes)[:, None]
        return output

    def __call__(self, index: int) -> Array:
        """Return (k,): at a sample, the sum over the trees that drew it, grown without it."""
        total = np.zeros(max(self.classes, 1))
        for number in range(self.count):
            weights = self.weights(number)
            if weights[index]:
                weights[index] = 0
                total += self.grow(number, weights, self.X[index : index + 1])[0]
        return total


@dataclass(frozen=True, eq=False)
class _Forest:
    """All trees with nothing left out."""

    bootstraps: Bootstraps
    probes: Array

    def __call__(self, again: int) -> Array:
        """Return (trees, p, k)."""
        trees, numbers = self.bootstraps, range(self.bootstraps.count)
        return np.array([trees.grow(number, trees.weights(number), self.probes, again) for number in numbers])


def bootstraps_of(model: Any, X: Array, y: Array, classes: int, repeats: int, seed: int) -> Bootstraps:
    """Return the trees of ``repeats`` fresh forests with the settings of a fitted one.

    Raises
    ------
    NotApplicable
        if the model is no random forest that draws bootstraps.
    """
    from sklearn.base import clone

    plain = type(model).__module__.startswith("sklearn.") and type(model).__name__ in _KINDS
    if not plain or X.ndim != 2 or not model.bootstrap or getattr(model, "class_weight", None) is not None:
        raise NotApplicable(
            "paired bootstraps are those of scikit-learn's random forests with bootstrap=True and no class_weight",
            "forest='honest refits'",
        )
    drawn = getattr(model, "_n_samples_bootstrap", None) or len(X)
    tree = clone(model.estimators_[0])
    return Bootstraps(tree, X, y, repeats * len(model.estimators_), int(drawn), classes, seed)


class Pairs:
    """With and without a sample, in the same trees.

    ``reference``, (c, k), holds the predictions with everything in; ``null``, (draws, c, k), the same where the trees
    that drew a sample are grown from other seeds, with it.
    """

    def __init__(self, bootstraps: Bootstraps, chosen: Array, draws: int, step: Step) -> None:
        self.bootstraps = bootstraps
        self._drew = np.array([bootstraps.weights(number)[chosen] > 0 for number in range(bootstraps.count)])
        grown = step.map(_Forest(bootstraps, bootstraps.X[chosen]), range(draws + 1), "forests with everything in")
        trees = next(grown)
        self._mine = self._of_those_that_drew(trees)
        self.reference: Array = trees.mean(axis=0)
        self.null = np.empty((draws, *self.reference.shape))
        for number, other in enumerate(grown):
            self.null[number] = self.reference + (self._of_those_that_drew(other) - self._mine) / bootstraps.count

    def without(self, place: int, total: Array) -> Array:
        """Return (1, k): the predictions without a sample, of the sum over its trees without it."""
        output: Array = self.reference[place] + (total - self._mine[place]) / self.bootstraps.count
        return output[None]

    def _of_those_that_drew(self, trees: Array) -> Array:
        summed: Array = np.einsum("bc,bck->ck", self._drew.astype(float), trees)
        return summed
