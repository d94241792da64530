"""CROWN: linear bounds of small ReLU networks, carried back to the inputs (Zhang et al. 2018, arXiv:1811.00866)."""

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.core.inside import Layers
from xrai_widgets.engines._reach import Reach

_HALVINGS = 24


def certified_radius(layers: Layers, reach: Reach, labels: Array) -> Array:
    """Return l∞ distances (n,) within which no other output passes that of the label; infinite if it never does."""
    low, high = np.zeros(len(labels)), np.full(len(labels), reach.farthest)
    still = (reach.high - reach.low) @ np.abs(layers.weights[0]).max(axis=1) <= 0  # nothing enters that may change
    whole = still | (margins(layers, *reach.ball(high), labels) > 0)
    at_all = margins(layers, *reach.ball(low), labels) > 0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        safe = margins(layers, *reach.ball(middle), labels) > 0
        low, high = np.where(safe, middle, low), np.where(safe, high, middle)
    return np.where(whole, np.inf, np.where(at_all, low, 0.0))


def margins(layers: Layers, low: Array, high: Array, labels: Array) -> Array:
    """Return a lower bound (n,) of the label's output minus the largest other one, over boxes (n, d)."""
    ranges: list[tuple[Array, Array]] = []
    for depth in range(len(layers.weights) - 1):
        n, width = len(low), layers.weights[depth].shape[1]
        one = np.broadcast_to(np.eye(width), (n, width, width))
        below = _carried(layers, depth, one, ranges, low, high)
        above = -_carried(layers, depth, -one, ranges, low, high)
        ranges.append((below, above))
    k = layers.weights[-1].shape[1]
    others = np.arange(k - 1)[None] + (np.arange(k - 1)[None] >= labels[:, None])
    against = np.eye(k)[labels][:, None] - np.eye(k)[others]
    bound: Array = _carried(layers, len(layers.weights) - 1, against, ranges, low, high).min(axis=1)
    return bound


def _carried(
    layers: Layers, depth: int, rows: Array, ranges: list[tuple[Array, Array]], low: Array, high: Array
) -> Array:
    """Return lower bounds (n, m) of linear functions ``rows`` (n, m, width) of what leaves the layer ``depth``."""
    constant = np.zeros(rows.shape[:2])
    size = np.zeros(rows.shape[:2])
    for at in range(depth, -1, -1):
        constant = constant + rows @ layers.biases[at]
        size = size + np.abs(rows) @ np.abs(layers.biases[at])
        rows = rows @ layers.weights[at].T
        if at:
            below, above = ranges[at - 1]
            crossing = (below < 0) & (above > 0)
            upper = np.where(crossing, above / np.where(crossing, above - below, 1.0), below >= 0)
            lower = np.where(crossing, above > -below, below >= 0)
            down = np.minimum(rows, 0.0)
            constant = constant - (down @ np.where(crossing, upper * below, 0.0)[:, :, None])[:, :, 0]
            rows = np.maximum(rows, 0.0) * lower[:, None] + down * upper[:, None]
    centre, half = (low + high) / 2, (high - low) / 2
    middle = (rows @ centre[:, :, None])[:, :, 0]
    width = (np.abs(rows) @ half[:, :, None])[:, :, 0]
    size = size + (np.abs(rows) @ np.abs(centre)[:, :, None])[:, :, 0] + width
    bound: Array = middle - width + constant - layers.rounding * (1.0 + size)
    return bound
