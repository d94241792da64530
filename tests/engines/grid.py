"""Small models in two and three dimensions, and what a fine grid says of them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from xrai_widgets.core import Array, Subject

PER_AXIS = {2: 401, 3: 81}
MODELS: dict[str, Callable[[], Any]] = {
    "1 neighbour": lambda: KNeighborsClassifier(1),
    "5 neighbours": lambda: KNeighborsClassifier(5),
    "forest": lambda: RandomForestClassifier(50, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(50, random_state=0),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=50, random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=50, random_state=0),
    "kernels": lambda: _Kernels(),
    "network": lambda: MLPClassifier((32, 32), max_iter=3000, random_state=0),
}


class _Kernels:
    """A support vector machine whose two scores are its decision value and 0, through a softmax."""

    def fit(self, X: Array, y: Array) -> Callable[[Array], Array]:
        machine = SVC(C=10, gamma=20).fit(X, y)

        def probabilities(rows: Array) -> Array:
            one = 1 / (1 + np.exp(-3 * machine.decision_function(rows)))
            return np.column_stack([1 - one, one])

        return probabilities


@cache
def subject(kind: str, d: int) -> Subject:
    """A model of noisy labels, on columns from 0 to 1."""
    X, y = make_classification(
        400, d, n_informative=d, n_redundant=0, n_clusters_per_class=1, random_state=3, flip_y=0.05
    )
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    model = MODELS[kind]().fit(X[:200], y[:200])
    fields = {"X_train": X[:200], "y_train": y[:200], "classes": [0, 1]}
    return Subject.of(model, X[200:], y[200:], bounds=(0.0, 1.0), **fields)


@cache
def outputs_on_grid(kind: str, d: int) -> tuple[Array, Array]:
    """The points of the grid and the model's probabilities there."""
    axis = np.linspace(0, 1, PER_AXIS[d])
    grid = np.stack([part.ravel() for part in np.meshgrid(*[axis] * d, indexing="ij")], axis=1)
    return grid, np.concatenate([subject(kind, d).predict(part) for part in np.array_split(grid, 20)])


def nearest(kind: str, d: int, rows: Array, norm: str) -> Array:
    """The distance of each sample to the nearest point of the grid that is answered otherwise."""
    grid, outputs = outputs_on_grid(kind, d)
    labels, predicted = outputs.argmax(axis=1), subject(kind, d).predict(rows).argmax(axis=1)
    distance = []
    for x, label in zip(rows, predicted, strict=True):
        change = grid[labels != label] - x
        size = np.abs(change).max(axis=1) if norm == "linf" else np.linalg.norm(change, axis=1)
        distance.append(size.min(initial=np.inf))
    return np.array(distance)


def cheapest(kind: str, d: int, rows: Array, kappa: float, beta: float) -> Array:
    """β‖δ‖₁ + ‖δ‖₂² of the cheapest point of the grid whose other answer leads by kappa in log-probabilities."""
    grid, outputs = outputs_on_grid(kind, d)
    lead = np.diff(np.log(np.maximum(outputs, 1e-12)), axis=1)[:, 0]
    cost = []
    for x, label in zip(rows, subject(kind, d).predict(rows).argmax(axis=1), strict=True):
        wins = (lead if label == 0 else -lead) >= kappa
        change = np.abs(grid[wins & (outputs.argmax(axis=1) != label)] - x)
        cost.append((beta * change.sum(axis=1) + (change**2).sum(axis=1)).min(initial=np.inf))
    return np.array(cost)
