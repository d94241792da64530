"""What a model decides, beside how sure it is."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core.subject import Array, Predict


def labels(predict: Predict, decide: Predict | None, X: Array, outputs: Array | None = None) -> Array:
    """Return the classes (n,) that a model decides for: by its own rule, else the most probable ones.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities or one-hot labels.
    decide : callable or None
        (n, …) → (n,) numbers of the classes, where the model has a rule of its own.
    X : array (n, …)
    outputs : array (n, k), optional
        What ``predict`` has returned for X: it is not asked again.
    """
    if decide is not None:
        return np.asarray(decide(X))
    if outputs is None:
        outputs = predict(X)
    most: Array = outputs.argmax(axis=1)
    return most


def labels_and_count(predict: Predict, decide: Predict | None, X: Array) -> tuple[Array, int]:
    """Return the classes (n,) that a model decides for, and how many classes it knows; X has at least one sample."""
    outputs = predict(X if decide is None else X[:1])
    return labels(predict, decide, X, outputs), outputs.shape[1]


def shown(predict: Predict, decide: Predict | None, classes: int) -> Predict:
    """Return a function whose most probable class is the model's label: one-hot rows where it has its own rule."""
    return predict if decide is None else OneHot(decide, classes)


@dataclass(frozen=True, eq=False)
class OneHot:
    """Numbers of the classes as one-hot rows."""

    decide: Predict
    classes: int

    def __call__(self, X: Array) -> Array:
        """Return (n, k)."""
        rows: Array = np.eye(self.classes)[self.decide(X)]
        return rows
