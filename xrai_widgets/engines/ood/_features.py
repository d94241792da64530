"""What a detector looks at: samples, the last hidden layer, logits."""

from typing import Any

import numpy as np

from xrai_widgets.core import Array, Constraint, Predict

_TINY = 1e-300


def flat(X: Array) -> Array:
    """Return samples as rows."""
    return X.reshape(len(X), -1).astype(np.float64)


def log_probabilities(predict: Predict) -> Predict:
    """Return a function that gives the logarithm of the probabilities: logits, but for a number that all share."""

    def logits(X: Array) -> Array:
        outputs: Array = np.log(np.maximum(np.asarray(predict(X), dtype=np.float64), _TINY))
        return outputs

    return logits


def of_table(detector: Any, constraints: tuple[Constraint, ...], *, one_hot: bool = True) -> Any:
    """Return the detector behind an encoder of a table's rows."""
    from sklearn.pipeline import make_pipeline

    from xrai_widgets.engines.ood.estimators.table_encoder import TableEncoder

    return make_pipeline(TableEncoder(categorical=categories(constraints), one_hot=one_hot), detector)


def categories(constraints: tuple[Constraint, ...]) -> tuple[int, ...]:
    """Return the places of the columns that hold codes of categories."""
    return tuple(place for place, kind in enumerate(constraints) if kind.kind == "category")
