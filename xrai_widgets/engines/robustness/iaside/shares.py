"""Shapley values of the bands, and the score of a distribution over them."""

from math import comb

import numpy as np

from xrai_widgets.core import Array


def shapley_values(worth: Array) -> Array:
    """Return the exact Shapley values (M, n) of M players.

    Parameters
    ----------
    worth : array (2**M, n)
        What each coalition is worth; player i is in coalition s where bit i of s is set.
    """
    players, n = len(worth).bit_length() - 1, worth.shape[1]
    cube = worth.reshape(*(2,) * players, n)
    others = np.indices((2,) * (players - 1)).sum(axis=0) if players > 1 else np.zeros((), dtype=np.intp)
    weights = np.array([1 / players / comb(players - 1, size) for size in range(players)])[others][..., None]
    values = np.empty((players, n))
    for player in range(players):
        axis = players - 1 - player  # the first axis is the highest bit
        joined = np.take(cube, 1, axis=axis) - np.take(cube, 0, axis=axis)
        values[player] = (weights * joined).reshape(-1, n).sum(axis=0)
    return values


def drawn_orders(players: int, pairs: int, rng: np.random.Generator) -> Array:
    """Return random orders of the players (2 × pairs, M), each beside its reverse."""
    orders = np.stack([rng.permutation(players) for _ in range(pairs)])
    return np.concatenate([orders, orders[:, ::-1]])


def coalitions_of(orders: Array) -> Array:
    """Return the coalitions that grow along each order (orders, M + 1), from none to all."""
    grown = np.cumsum(1 << orders, axis=1)
    return np.column_stack([np.zeros(len(orders), dtype=grown.dtype), grown])


def sampled_values(orders: Array, worth: Array) -> Array:
    """Return the mean of what each player adds along orders, (M,): an unbiased estimate of the Shapley values.

    Parameters
    ----------
    orders : int array (r, M)
    worth : array (r, M + 1)
        What the coalitions of `coalitions_of` are worth.
    """
    added = np.empty(orders.shape)
    np.put_along_axis(added, orders, np.diff(worth, axis=1), axis=1)
    mean: Array = added.mean(axis=0)
    return mean


def shares_of(values: Array) -> Array:
    """Return the positive parts of Shapley values (…, M) as shares of their sum; NaN where none is positive."""
    positive = np.maximum(values, 0.0)
    whole = positive.sum(axis=-1, keepdims=True)
    shares: Array = np.divide(positive, whole, out=np.full(positive.shape, np.nan), where=whole > 0)
    return shares


def signed_scores(shares: Array, beta: float) -> Array:
    """Return the score of distributions over M bands (…, M): 1 if all is lowest, 0 if uniform, below it if high."""
    weights = beta ** np.arange(shares.shape[-1])
    middle = weights.mean()
    scores: Array = (shares @ weights - middle) / (weights[0] - middle)
    return scores


def lowest_score(bands: int, beta: float) -> float:
    """Return the signed score of a model that reads the highest band alone."""
    return float(signed_scores(np.eye(bands)[-1], beta))


def unsigned_scores(shares: Array, beta: float) -> Array:
    """Return the score of Luo, McDermott and O'Riordan (2024), which does not tell high bands from low ones."""
    weights = beta ** np.arange(shares.shape[-1])
    weights = weights / np.linalg.norm(weights)
    middle = weights.mean()
    scores: Array = np.abs(shares @ weights - middle) / abs(1 - middle)
    return scores
