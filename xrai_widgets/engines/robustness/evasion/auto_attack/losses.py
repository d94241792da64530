"""What is climbed: a loss of the scores (r, k), and its derivative with respect to them, whose rows sum to 0."""

import numpy as np

from xrai_widgets.core import Array

_TINY = 1e-12


def cross_entropy(scores: Array, label: Array) -> tuple[Array, Array]:
    """Return the cross-entropy of the labels (r,) and its derivative (r, k)."""
    row = np.arange(len(scores))
    top = scores.max(axis=1, keepdims=True)
    shares = np.exp(scores - top)
    total = shares.sum(axis=1, keepdims=True)
    loss = np.log(total[:, 0]) + top[:, 0] - scores[row, label]
    weights = shares / total
    weights[row, label] = 0.0
    weights[row, label] = -weights.sum(axis=1)  # exact where the model is sure: 1 − p would be rounded to 0
    return loss, weights


def likeliest(scores: Array, label: Array) -> Array:
    """Return the largest of the other classes (r,)."""
    others = scores.copy()
    others[np.arange(len(scores)), label] = -np.inf
    rival: Array = others.argmax(axis=1)
    return rival


def margin(scores: Array, label: Array, rival: Array | None = None) -> tuple[Array, Array]:
    """Return by how much the rival, or the largest of all others, leads over the label; and the derivative."""
    row, rival = np.arange(len(scores)), likeliest(scores, label) if rival is None else rival
    weights = np.zeros(scores.shape)
    weights[row, rival] += 1.0
    weights[row, label] -= 1.0
    return scores[row, rival] - scores[row, label], weights


def logits_ratio(scores: Array, label: Array, rival: Array | None = None) -> tuple[Array, Array]:
    """Return the difference-of-logits ratio and its derivative (Croce and Hein 2020, arXiv:2003.01690).

    With z_(1) ≥ z_(2) ≥ …: (max_{j≠y} z_j − z_y) / (z_(1) − z_(3)), which needs three classes; towards a rival t
    (z_t − z_y) / (z_(1) − (z_(3) + z_(4)) / 2), which needs four.
    """
    row = np.arange(len(scores))
    lead, weights = margin(scores, label, rival)
    order = np.argsort(-scores, axis=1, kind="stable")
    spread = np.zeros(scores.shape)
    spread[row, order[:, 0]] = 1.0
    if rival is None:
        spread[row, order[:, 2]] = -1.0
    else:
        spread[row, order[:, 2]] = spread[row, order[:, 3]] = -0.5
    width = (spread * scores).sum(axis=1) + _TINY
    loss = lead / width
    return loss, (weights - loss[:, None] * spread) / width[:, None]
