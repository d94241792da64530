"""The largest value that block maxima can have: the end of a reverse Weibull distribution, with an interval."""

from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array

_DROP = 2.996  # of the log-likelihood: half the 95 % point of χ² with two degrees of freedom
_COARSE, _FINE, _HALVINGS = 60, 9, 24
_NEAREST = 1e-4  # of the spread: how near the largest maximum the end is looked for


class Endpoints(NamedTuple):
    """The likeliest ends (m,) and their intervals; infinite where the maxima set no end on that side."""

    value: Array
    low: Array
    high: Array


def endpoints(maxima: Array, most: int) -> Endpoints:
    """Fit reverse Weibull distributions to block maxima (m, blocks) by maximum likelihood, each row by itself.

    For each end a > max s the likeliest shape c and scale of the distances a − s are had in closed form but for one
    equation; the end is the likeliest by this profile.

    Parameters
    ----------
    maxima : array (m, blocks)
        Rows whose maxima are not all equal.
    most : int
        Largest shape: the number of columns that can change. A slope that falls from its maximum along a straight line,
        at a corner of the cube, has tails of just that shape; at a face, inside or round a maximum it is less.

    Returns
    -------
    Endpoints
        At 95 %: the ends whose log-likelihood lies less than 3.0 below the best. Where the shape is 1 twice that drop
        has a χ² distribution with two degrees of freedom, with one where the shape is above 2 (Smith 1985): the
        interval holds its level in both, and is wide in the second.

    Notes
    -----
    The shape is at least 1: below, the likelihood has no maximum, and the largest of the maxima is the end.
    """
    top, spread = maxima.max(axis=1), np.ptp(maxima, axis=1)
    steps = np.geomspace(_NEAREST, 100.0 * (1 + most), _COARSE)
    heights = _profile(maxima, top[:, None] + spread[:, None] * steps, most)
    row, best = np.arange(len(maxima)), heights.argmax(axis=1)
    left, right = steps[np.maximum(best - 1, 0)], steps[np.minimum(best + 1, _COARSE - 1)]
    finer = left[:, None] * (right / left)[:, None] ** np.linspace(0, 1, _FINE)
    finer_heights = _profile(maxima, top[:, None] + spread[:, None] * finer, most)
    at = finer_heights.argmax(axis=1)
    peak = np.maximum(finer_heights[row, at], heights[row, best])
    inside = heights >= (peak - _DROP)[:, None]
    last = _COARSE - 1 - inside[:, ::-1].argmax(axis=1)
    first = inside.argmax(axis=1)
    low = np.where(first == 0, top, top + spread * steps[np.maximum(first - 1, 0)])
    high = np.where(last == _COARSE - 1, np.inf, top + spread * steps[np.minimum(last + 1, _COARSE - 1)])
    value = top + spread * finer[row, at]
    return Endpoints(value, np.minimum(low, value), np.maximum(high, value))


def _profile(maxima: Array, ends: Array, most: int) -> Array:
    """Return for each end (m, e) the log-likelihood of its likeliest shape and scale, per row."""
    heights = np.empty(ends.shape)
    for place in range(ends.shape[1]):
        heights[:, place] = _height(np.log(ends[:, place, None] - maxima), most)
    return heights


def _height(logs: Array, most: int) -> Array:
    """Return (m,) log-likelihoods of distances (m, blocks) from the end, given as logarithms."""
    n, centre = logs.shape[1], logs.mean(axis=1, keepdims=True)
    spare = logs - logs.max(axis=1, keepdims=True)
    below, above = np.zeros(len(logs)), np.full(len(logs), np.log(max(most, 1)))
    for _ in range(_HALVINGS):  # by the slope of the likelihood, which falls with the shape
        middle = (below + above) / 2
        shape = np.exp(middle)[:, None]
        weight = np.exp(shape * spare)
        rises = 1 / shape[:, 0] - (weight * logs).sum(axis=1) / weight.sum(axis=1) + centre[:, 0] > 0
        below, above = np.where(rises, middle, below), np.where(rises, above, middle)
    shape = np.exp((below + above) / 2)
    mean_power = np.log(np.exp(shape[:, None] * spare).mean(axis=1)) + shape * logs.max(axis=1)
    return np.asarray(n * np.log(shape) - n * mean_power + (shape - 1) * n * centre[:, 0] - n)
