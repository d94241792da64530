"""Whether a module can be differentiated is seen by trying."""

import numpy as np

from xrai_widgets.core.subject import Array, Gradient


def gradient_if_any(possible: bool, gradient: Gradient, rows: Array) -> Gradient | None:
    """Return the gradient if it can be had at some rows: quantised layers and embeddings have none."""
    if not possible:
        return None
    try:
        gradient(rows, np.zeros(len(rows), dtype=np.int64))
    except RuntimeError:
        return None
    return gradient
