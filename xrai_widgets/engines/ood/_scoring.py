"""How a detector, or one behind an encoder, is asked: few rows without scikit-learn's look at each of them."""

from typing import Any

import numpy as np

from xrai_widgets.core import Array

_FEW = 64


def foreignness_of(detector: Any, X: Array) -> Array:
    """Return how foreign rows (n, d) are to a fitted detector (n,): minus its scores."""
    rows = np.asarray(X)
    if len(rows) > _FEW or rows.dtype != np.float64 or rows.ndim != 2:
        return -np.asarray(detector.score_samples(X))
    encoder, last = _parts(detector)
    width = getattr(detector if encoder is None else encoder, "n_features_in_", None)
    quick = hasattr(last, "score_checked") and (encoder is None or hasattr(encoder, "encode_checked"))
    finite = encoder is not None or bool(np.isfinite(rows).all())
    if not quick or width != rows.shape[1] or not len(rows) or not finite or np.isinf(rows).any():
        return -np.asarray(detector.score_samples(X))
    return -np.asarray(last.score_checked(rows if encoder is None else encoder.encode_checked(rows)))


def _parts(detector: Any) -> tuple[Any, Any]:
    """Return the encoder that stands before a detector, if it is one alone, and the detector itself."""
    steps = getattr(detector, "steps", None)
    if steps is None:
        return None, detector
    return (steps[0][1], steps[1][1]) if len(steps) == 2 else (None, None)
