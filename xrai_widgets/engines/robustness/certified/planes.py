"""Linear models: the distance to the nearest other label in the box of what a sample may become."""

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._reach import Reach

_HALVINGS = 80


def distance_to_planes(weights: Array, bias: Array, reach: Reach, labels: Array, rounding: float) -> Array:
    """Return (n,) distances at which another score reaches that of the label; infinite where none can.

    Exact in l∞, whole numbers included, and in l2 where every column that may change is a continuous number.
    ``rounding`` is by how much, relative to the sizes in a score, the model's own arithmetic may differ.
    """
    scores = reach.samples @ weights.T + bias
    size = 1.0 + np.abs(scores).max(axis=1) + (np.abs(reach.samples) @ np.abs(weights).T).max(axis=1)
    nearest = np.full(len(labels), np.inf)
    for rival in range(len(weights)):
        other = labels != rival
        slope = weights[rival] - weights[labels]
        margin = scores[np.arange(len(labels)), labels] - scores[:, rival] - rounding * size
        room = np.where(slope > 0, reach.high - reach.samples, reach.samples - reach.low)
        far = _least(np.abs(slope), np.maximum(room, 0.0), margin, reach)
        nearest = np.where(other, np.minimum(nearest, far), nearest)
    return nearest


def _least(slope: Array, room: Array, margin: Array, reach: Reach) -> Array:
    """Return the least distances whose changes within the room (n, d) take the margin (n,) to 0."""
    most = (slope * room).sum(axis=1)
    low = np.zeros(len(margin))
    if reach.norm == "linf":
        high = (room / reach.span).max(axis=1, initial=0.0)
    else:
        pull = slope * reach.span
        high = np.where(pull > 0, room / reach.span / np.where(pull > 0, pull, 1.0), 0.0).max(axis=1, initial=0.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = (slope * _moved(slope, room, middle, reach)).sum(axis=1) >= margin
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    far = low if reach.norm == "linf" else np.linalg.norm(_moved(slope, room, low, reach) / reach.span, axis=1)
    far = np.where(margin <= 0, 0.0, np.where(most < margin, np.inf, far))
    return np.where(most <= 0, np.inf, far)  # nothing that may change enters the scores: no tie is broken, either


def _moved(slope: Array, room: Array, size: Array, reach: Reach) -> Array:
    """Return by how much each column moves: in l∞ as far as the distance goes, in l2 along the slope."""
    if reach.norm == "l2":
        along: Array = np.minimum(room, size[:, None] * slope * reach.span * reach.span)
        return along
    step = size[:, None] * reach.span
    moved: Array = np.minimum(room, np.where(reach.whole, np.floor(step * (1 + 1e-12) + 1e-12), step))
    return moved
