"""A model of several classes as one of two: the class that an attack aims at, and all others."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Gradient, Names, NotApplicable, Predict

_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Aim:
    """The class that changed samples are to get, as an attack on two classes: 0 is any other class, 1 the one aimed at.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) probabilities, or one-hot labels.
    target : int
        Number of the class.
    """

    predict: Predict
    target: int

    def pair(self, scores: Array) -> tuple[Array, Array]:
        """Return the largest score of the others beside that of the target (n, 2), and which class it is (n,).

        A tie goes to the class with the smaller number, as in `argmax`.
        """
        others = scores.astype(np.float64)
        others[:, self.target] = -np.inf
        rival = others.argmax(axis=1)
        largest, aimed = others.max(axis=1), scores[:, self.target].astype(np.float64)
        tie = (largest == aimed) & (self.target < rival)
        return np.column_stack([np.where(tie, np.nextafter(largest, -np.inf), largest), aimed]), rival

    def scores(self, X: Array) -> Array:
        """Return the two probabilities, one given that it is one of the two (n, 2)."""
        pair, _ = self.pair(self.predict(X))
        shares: Array = pair / np.maximum(pair.sum(axis=1, keepdims=True), _TINY)
        return shares

    def of_logits(self, logits: Predict | None) -> Predict | None:
        """Return the two logits, where the model has them."""
        return None if logits is None else lambda X: self.pair(logits(X))[0]

    def ruling(self, decide: Predict | None) -> Predict | None:
        """Return whether the model decides for the target, where it has a rule of its own."""
        return None if decide is None else lambda X: (np.asarray(decide(X)) == self.target).astype(np.intp)

    def slopes(self, gradient: Gradient | None) -> Gradient | None:
        """Return the derivative of the cross-entropy of the two."""
        if gradient is None:
            return None

        def slope(X: Array, y: Array) -> Array:
            scores = self.predict(X)
            pair, rival = self.pair(scores)
            # the cross-entropy of class j is logsumexp − score j: in the difference the first part drops out
            lead = gradient(X, np.full(len(X), self.target)) - gradient(X, rival)
            share = pair / np.maximum(pair.sum(axis=1, keepdims=True), _TINY)
            weight = np.where(y == 0, -share[:, 1], share[:, 0])
            flow: Array = lead * weight.reshape(-1, *[1] * (X.ndim - 1))
            return flow

        return slope

    def logit_slopes(self, logit_gradient: Gradient | None) -> Gradient | None:
        """Return the derivative of weighted sums of the two logits."""
        if logit_gradient is None:
            return None

        def slope(X: Array, V: Array) -> Array:
            scores = self.predict(X)
            _, rival = self.pair(scores)
            weights = np.zeros(scores.shape)
            weights[np.arange(len(X)), rival] = V[:, 0]
            weights[:, self.target] += V[:, 1]
            return logit_gradient(X, weights)

        return slope

    def linear(self, linear: tuple[Array, Array] | None) -> tuple[Array, Array] | None:
        """Return weights and intercepts of two classes; of several there is no closed form for one of them."""
        if linear is None or len(linear[0]) != 2:
            return None
        order = [1 - self.target, self.target]
        return linear[0][order], linear[1][order]


def class_aimed_at(target: str, task: str, naming: Names, count: Callable[[], int]) -> int | None:
    """Return the number of the class; None where any other one will do. ``count`` says how many classes there are.

    Raises
    ------
    ValueError
        for the name of no class.
    NotApplicable
        for a regression.
    """
    if not target.strip():
        return None
    if task != "classification":
        reason = f"target={target!r} names a class, and a regression has none: its prediction moves up or down"
        raise NotApplicable(reason, "target=''")
    classes = naming.of_classes(count())
    if target.strip() not in classes:
        few = ", ".join(map(repr, classes[:10]))
        raise ValueError(f"target must be '' (any other class) or one of the classes {few}, got {target!r}")
    return classes.index(target.strip())
