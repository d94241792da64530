"""A prediction and a tolerance, as three classes: it stays within, rises above or falls below."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Gradient, Predict

WITHIN, ABOVE, BELOW = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Band:
    """A tolerance around each sample's own prediction.

    A changed sample has three scores, 0, v and −v, of its prediction v; with the offsets t, −c and c of the sample that
    it is a change of (c: the own prediction, t: the tolerance) the largest says whether v lies within, above or below.
    What knows the scores of several classes so knows a regression, too. Scores are in a power of two of y's unit near
    the tolerance: dividing by that rounds nothing.

    Parameters
    ----------
    predict : callable
        (n, …) → (n,) predictions.
    centre : array (n,)
        Predictions of the samples themselves.
    tolerance : float
        In y's unit; a prediction that differs by just as much is still within.
    """

    predict: Predict
    centre: Array
    tolerance: float

    @property
    def unit(self) -> float:
        """The unit of the scores, in that of y."""
        return float(2.0 ** np.floor(np.log2(self.tolerance)))

    @property
    def offsets(self) -> Array:
        """What is added to the scores of each sample's changes (n, 3)."""
        centre = self.centre / self.unit
        return np.column_stack([np.full(len(centre), self.tolerance / self.unit), -centre, centre])

    def scores(self, X: Array) -> Array:
        """Return (r, 3): 0, the prediction and its negative."""
        value = np.asarray(self.predict(X), dtype=np.float64) / self.unit
        return np.column_stack([np.zeros(len(value)), value, -value])

    def slopes(self, gradient: Gradient | None) -> Gradient | None:
        """Return the derivative of minus each score, where that of the prediction is known.

        Differences of it are those of a cross-entropy's derivative: the part that all classes share drops out.
        """
        return None if gradient is None else _Slopes(gradient, self.unit)

    def linear(self, linear: tuple[Array, Array] | None) -> tuple[Array, Array] | None:
        """Return weights (3, d) and intercepts (3,) of the scores of a linear model (1, d), (1,)."""
        if linear is None:
            return None
        sign = np.array([0.0, 1.0, -1.0]) / self.unit
        weights, bias = linear
        return sign[:, None] * weights, sign * bias

    def left(self, predictions: Array, owner: Array) -> Array:
        """Return whether predictions (r,) for changes of the samples ``owner`` lie outside."""
        outside: Array = np.abs(predictions - self.centre[owner]) > self.tolerance
        return outside


@dataclass(frozen=True, eq=False)
class _Slopes:
    gradient: Callable[..., Any]
    unit: float

    def __call__(self, X: Array, y: Array) -> Array:
        sign = np.array([0.0, -1.0, 1.0])[y] / self.unit
        flow: Array = self.gradient(X, y) * sign.reshape(-1, *[1] * (X.ndim - 1))
        return flow


def seen(outputs: Array, offsets: Array | None, owner: Array | int) -> Array:
    """Return labels (r,) from what a model returns for changes of the samples ``owner``.

    That is its classes, as they are, or with ``offsets`` (n, k) its scores.
    """
    if offsets is None:
        return outputs
    labels: Array = (outputs + offsets[owner]).argmax(axis=-1)
    return labels


def proposed(predictions: Array, y: Array) -> tuple[float, str] | None:
    """Return a tolerance that fits the model, and what it is: the median absolute residual, else a tenth of the spread.

    None where the predictions are all the same, too.
    """
    residuals = np.abs(predictions - y)
    residuals = residuals[np.isfinite(residuals)]
    typical = float(np.median(residuals)) if len(residuals) else 0.0
    if typical > 0:
        return _short(typical), "the median absolute residual"
    spread = float(np.std(predictions))
    return (_short(spread / 10), "a tenth of the standard deviation of the predictions") if spread > 0 else None


def _short(number: float) -> float:
    return float(f"{number:.2g}")
