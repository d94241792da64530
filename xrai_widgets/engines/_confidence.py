"""How trustworthy does a prediction look by the model's own outputs? Higher is more trustworthy, for every score.

Each score comes with its derivative with respect to the logits, so that an attacker can climb it.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from xrai_widgets.core import Array

ScoreName = Literal["confidence", "margin", "entropy", "energy", "GEN"]
_TINY = 1e-300
_GAMMA, _LARGEST = 0.1, 100  # of GEN, as its authors set them


class Score(NamedTuple):
    """A score and its derivative.

    Parameters
    ----------
    value : callable
        (n, k) → (n,).
    slope : callable
        (n, k) → (n, k), the derivative with respect to the logits.
    of_logits : bool
        Whether it is read off the logits; else off the probabilities.
    """

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    of_logits: bool = False


def _through_softmax(weighted: Array, p: Array) -> Array:
    """Return the derivative with respect to the logits, given p · (derivative with respect to p)."""
    flow: Array = weighted - p * weighted.sum(axis=1, keepdims=True)
    return flow


def _picked(p: Array, places: Array) -> Array:
    """Return p where it is one of the places (n,), 0 elsewhere."""
    part = np.zeros_like(p)
    rows = np.arange(len(p))
    part[rows, places] = p[rows, places]
    return part


def confidence(p: Array) -> Array:
    """Return the largest probability."""
    most: Array = p.max(axis=1)
    return most


def _confidence_slope(p: Array) -> Array:
    return _through_softmax(_picked(p, p.argmax(axis=1)), p)


def margin(p: Array) -> Array:
    """Return the largest probability less the second largest."""
    two = np.sort(p, axis=1)[:, -2:]
    lead: Array = two[:, -1] - two[:, 0] if p.shape[1] > 1 else two[:, -1]
    return lead


def _margin_slope(p: Array) -> Array:
    if p.shape[1] == 1:
        return np.zeros_like(p)
    order = p.argsort(axis=1, kind="stable")
    return _through_softmax(_picked(p, order[:, -1]) - _picked(p, order[:, -2]), p)


def entropy(p: Array) -> Array:
    """Return minus the entropy, in nats: 0 for a certain prediction, −log k for a uniform one."""
    negative: Array = (p * np.log(np.maximum(p, _TINY))).sum(axis=1)
    return negative


def _entropy_slope(p: Array) -> Array:
    # the 1 of the derivative log p + 1 drops out
    return _through_softmax(p * np.log(np.maximum(p, _TINY)), p)


def energy(z: Array) -> Array:
    """Return minus the free energy of the logits at temperature 1, log Σ exp z (Liu et al. 2020, arXiv:2010.03759)."""
    top = z.max(axis=1)
    free: Array = top + np.log(np.exp(z - top[:, None]).sum(axis=1))
    return free


def softmax(z: Array) -> Array:
    """Return the probabilities (n, k) of logits, which are the slope of `energy`, too."""
    weight = np.exp(z - z.max(axis=1, keepdims=True))
    p: Array = weight / weight.sum(axis=1, keepdims=True)
    return p


def gen(p: Array) -> Array:
    """Return minus the generalised entropy Σ pᵞ (1 − p)ᵞ, γ = 0.1, of the 100 largest probabilities.

    Liu, Lochman and Zach (2023, CVPR).
    """
    p, rest = _largest(p)
    negative: Array = -np.power(p * rest, _GAMMA).sum(axis=1)
    return negative


def _gen_slope(p: Array) -> Array:
    largest, rest = _largest(p)
    with np.errstate(divide="ignore"):
        steep = np.where(rest > 0, np.power(np.maximum(rest, _TINY), _GAMMA - 1), 0.0)
    weighted = np.zeros_like(p)
    places = _places(p)
    values = -_GAMMA * np.power(largest, _GAMMA) * steep * (rest - largest)
    np.put_along_axis(weighted, places, values, axis=1)
    return _through_softmax(weighted, p)


def _places(p: Array) -> Array:
    """Return the places of the largest probabilities, the largest first."""
    places: Array = np.argsort(-p, axis=1, kind="stable")[:, :_LARGEST]
    return places


def _largest(p: Array) -> tuple[Array, Array]:
    """Return the largest probabilities and what each leaves to the others, exact where one is nearly 1."""
    largest = np.take_along_axis(p, _places(p), axis=1)
    rest = np.maximum(1.0 - largest, 0.0)
    first = _places(p)[:, :1]
    others = np.array(p)
    np.put_along_axis(others, first, 0.0, axis=1)
    rest[:, 0] = others.sum(axis=1)
    return largest, rest


SCORES: dict[str, Score] = {
    "confidence": Score(confidence, _confidence_slope),
    "margin": Score(margin, _margin_slope),
    "entropy": Score(entropy, _entropy_slope),
    "energy": Score(energy, softmax, of_logits=True),
    "GEN": Score(gen, _gen_slope),
}


def calibrated_threshold(clean: Array, alpha: float) -> float:
    """Return the threshold below which at most a share ``alpha`` of new clean samples lies (split conformal).

    Parameters
    ----------
    clean : array (n,)
        Scores of clean samples that the model has not seen, exchangeable with the new ones.
    alpha : float
        At most 0.5.

    Returns
    -------
    float
        The k-th smallest score, k = ⌊α (n + 1)⌋; a new score lies strictly below it with a probability of at most
        k / (n + 1) ≤ α, ties included. −∞ where n is too small for any: nothing is flagged.
    """
    rank = int(np.floor(alpha * (len(clean) + 1) * (1 + 1e-12)))
    return float(np.sort(clean)[min(rank, len(clean)) - 1]) if rank >= 1 else float("-inf")
