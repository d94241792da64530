"""Subjects as estimators of the Adversarial Robustness Toolbox, for engines that offer it as a second opinion."""

from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Gradient, Predict


def black_box(predict: Predict, shape: tuple[int, ...], n_classes: int, clip: tuple[Any, Any] | None = None) -> Any:
    """Return an ART classifier that only implements ``predict``.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k).
    shape : tuple of int
        Shape of one sample.
    n_classes : int
    clip : (low, high), optional
        Scalars or arrays of the sample's shape.
    """
    from art.estimators.classification import BlackBoxClassifier

    return BlackBoxClassifier(predict, shape, n_classes, clip_values=clip)


def white_box(
    predict: Predict, gradient: Gradient, shape: tuple[int, ...], n_classes: int, clip: tuple[Any, Any] | None = None
) -> Any:
    """Return an ART classifier with loss gradients, made of two functions."""
    from art.estimators.classification import BlackBoxClassifier
    from art.estimators.estimator import LossGradientsMixin

    class WhiteBox(LossGradientsMixin, BlackBoxClassifier):  # type: ignore[misc]
        def loss_gradient(self, x: Array, y: Array, **_: Any) -> Array:
            labels = np.argmax(y, axis=1) if y.ndim == 2 else y
            return gradient(x, labels).astype(x.dtype)

    return WhiteBox(predict, shape, n_classes, clip_values=clip)


def black_box_values(predict: Predict, shape: tuple[int, ...]) -> Any:
    """Return an ART regressor that only implements ``predict``, (n, …) → (n,)."""
    from art.estimators.regression import BlackBoxRegressor

    return BlackBoxRegressor(predict, shape)


def class_box(
    scores: Predict, slope: Gradient | None, shape: tuple[int, ...], n_classes: int, clip: tuple[Any, Any] | None = None
) -> Any:
    """Return an ART classifier of scores whose slopes ART may ask for class by class; without slopes a black box.

    Parameters
    ----------
    scores : callable
        (n, …) → (n, k) logits, or log-probabilities.
    slope : callable, optional
        (X, j) → derivative of the score of class j, of each row.
    """
    if slope is None:
        return black_box(scores, shape, n_classes, clip)
    from art.estimators.classification import BlackBoxClassifier
    from art.estimators.classification.classifier import ClassGradientsMixin

    class ClassBox(ClassGradientsMixin, BlackBoxClassifier):  # type: ignore[misc]  # ART has no types
        def class_gradient(self, x: Array, label: Any = None, **_: Any) -> Array:
            if label is None:
                wanted = np.tile(np.arange(n_classes), (len(x), 1))
            else:
                wanted = np.broadcast_to(np.asarray(label, dtype=np.intp).reshape(-1, 1), (len(x), 1))
            assert slope is not None
            parts = [slope(x, wanted[:, place]).astype(x.dtype) for place in range(wanted.shape[1])]
            return np.stack(parts, axis=1)

    return ClassBox(scores, shape, n_classes, clip_values=clip)
