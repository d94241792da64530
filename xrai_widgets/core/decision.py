"""What a model answers, beside how sure it is."""

import numpy as np

from xrai_widgets.core.subject import Array, Predict


def labels(predict: Predict, decide: Predict | None, X: Array, outputs: Array | None = None) -> Array:
    """Return the classes (n,) that a model answers with: by its own rule, else the most probable ones.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities or one-hot labels.
    decide : callable or None
        (n, …) → (n,) numbers of the classes, where the model has a rule of its own.
    X : array (n, …)
    outputs : array (n, k), optional
        What ``predict`` has said of X: it is not asked again.
    """
    if decide is not None:
        return np.asarray(decide(X))
    if outputs is None:
        outputs = predict(X)
    most: Array = outputs.argmax(axis=1)
    return most
