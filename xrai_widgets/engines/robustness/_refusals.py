"""What a model says of odd inputs, or that it refuses them."""

from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array, Cancelled, NotApplicable, Predict


class Refusal(NamedTuple):
    """That the model gave no valid output, in the words of a report, and in full."""

    reason: str
    message: str


class Outputs(NamedTuple):
    """What the model gives for samples: classes (or values), and probabilities (values, of a regression)."""

    labels: Array
    scores: Array


def outputs_or_refusal(predict: Predict, decide: Predict | None, X: Array) -> Outputs | Refusal:
    """Return labels and scores of samples, or why there are none: an error, or outputs that are not finite."""
    try:
        scores = np.asarray(predict(X), dtype=np.float64)
        labels = scores if scores.ndim == 1 else scores.argmax(axis=1) if decide is None else np.asarray(decide(X))
    except (Cancelled, NotApplicable, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a model raises for inputs that it does not take
        return Refusal(f"the model raises {type(error).__name__}", str(error))
    if not np.isfinite(scores).all():
        return Refusal("the model gives NaN or infinite outputs", "")
    return Outputs(labels, scores)
