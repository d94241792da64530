"""How far the probability of the predicted label lies from how often it is right, less what chance adds to that."""

from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import LEVEL, Estimate

_BINS, _FEWEST = 10, 5  # bins, and samples of each
_AT_ONCE = 1_000_000  # numbers of draws held together


class CalibrationError(NamedTuple):
    """The error with its interval, and the debiased squared error that it is the root of; that may lie below 0."""

    estimate: Estimate
    squared: float


def calibration_error(
    outputs: Array,
    y: Array,
    *,
    seed: int,
    repeats: int = 1000,
    level: float = LEVEL,
    labels: Array | None = None,
) -> CalibrationError:
    """Return the root of the debiased squared calibration error of the predicted label over ten equally full bins.

    Parameters
    ----------
    outputs : array (n, k)
        Class probabilities.
    y : int array (n,)
    labels : int array (n,), optional
        What the model decides; by default the most probable classes.

    Notes
    -----
    In each bin the gap is the mean probability of the label minus the share of right labels; its square is too large
    by the variance of that mean, which is taken off: Σ (n_b / n) (gap² − s² / n_b), s² the variance of probability
    minus rightness in the bin. Where all probabilities of a bin are equal, s² / n_b is o (1 − o) / (n_b − 1) of the
    debiased error of Kumar, Liang and Ma (2019, arXiv:1909.10155). Equal probabilities share a bin.

    The interval is a bootstrap, bins fixed, of the debiased error, re-centred: samples are drawn from a population
    whose error is the plug-in one, v̂, so with q the quantiles of what is drawn the ends are v + v̂ − q, cut at 0 and
    rooted.
    The upper end is at least what the accuracy's interval leaves between it and the mean probability: few samples that
    are all right do not show that a certain prediction is right for certain.
    """
    labels = outputs.argmax(axis=1) if labels is None else labels
    top, sums = _sums(outputs, y, labels)
    gap = top - (labels == y)
    squared, plug = (float(error[0]) for error in _errors(sums.sum(axis=0, keepdims=True)))
    drawn = _drawn(sums, np.random.default_rng(seed), repeats)
    low, high = squared + plug - np.quantile(drawn, [(1 + level) / 2, (1 - level) / 2])
    value, *ends = np.sqrt(np.maximum([squared, low, high], 0))
    accuracy = statistics.wilson(float((top - gap).sum()), len(gap), level)
    on_average = [abs(float(top.mean()) - end) for end in (accuracy.low, accuracy.high)]
    if drawn.max() - drawn.min() < 1e-12:  # all labels right, or all wrong, at one probability: no draw differs
        ends[0] = 0.0 if accuracy.low <= top.mean() <= accuracy.high else min(on_average)
    estimate = Estimate(float(value), min(float(ends[0]), float(value)), max(float(ends[1]), float(value), *on_average))
    return CalibrationError(estimate, squared)


def calibration_rise(
    outputs: tuple[Array, Array], y: Array, labels: tuple[Array, Array], *, seed: int, repeats: int = 1000
) -> tuple[Estimate, Estimate, Estimate]:
    """Return the calibration errors of two models on the same samples, and the second less the first.

    The interval of the difference is made of both models' own ones and the correlation of their errors over bootstrap
    samples that are the same for both (Zou and Donner 2008). Where one of them may be calibrated, the correlation of
    errors that have no sign says nothing, and the reaches of both are added: in simulations with 100 and 300 samples
    (calibrated, over- and underconfident) the truth lies outside in at most 3 % of draws.
    """
    first, second = (
        calibration_error(one, y, seed=seed, repeats=repeats, labels=those).estimate
        for one, those in zip(outputs, labels, strict=True)
    )
    drawn = [
        _drawn(_sums(one, y, those)[1], np.random.default_rng(seed), repeats)
        for one, those in zip(outputs, labels, strict=True)
    ]
    spread = [float(part.std()) for part in drawn]
    sure = min(first.low, second.low, *spread) > 0
    tied = float(np.corrcoef(drawn[0], drawn[1])[0, 1]) if sure else -1.0

    def reach(one: float, other: float) -> float:
        return float(np.sqrt(max(one * one + other * other - 2 * tied * one * other, 0.0)))

    value = second.value - first.value
    below = reach(second.value - second.low, first.high - first.value)
    above = reach(second.high - second.value, first.value - first.low)
    return first, second, Estimate(value, value - below, value + above)


def _sums(outputs: Array, y: Array, labels: Array) -> tuple[Array, Array]:
    """Return probability of the label, and for each sample its bin, its gap and the gap's square in that bin."""
    top = outputs[np.arange(len(outputs)), labels]
    gap = top - (labels == y)
    bins = _bins(top)
    parts = np.eye(bins.max() + 1)[bins]
    return top, np.hstack([parts, parts * gap[:, None], parts * np.square(gap)[:, None]])


def _bins(top: Array) -> Array:
    """Return the bin of each sample: between quantiles of the top probability, equal ones together."""
    count = max(min(_BINS, len(top) // _FEWEST), 1)
    edges = np.unique(np.quantile(top, np.arange(1, count) / count))
    return np.unique(np.searchsorted(edges, top, side="right"), return_inverse=True)[1]


def _drawn(sums: Array, rng: np.random.Generator, repeats: int) -> Array:
    """Return the debiased squared error of each bootstrap sample."""
    n, drawn = len(sums), np.empty(repeats)
    size = max(1, _AT_ONCE // n)
    for start in range(0, repeats, size):
        count = min(size, repeats - start)
        places = rng.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
        times = np.bincount(places.ravel(), minlength=count * n).reshape(count, n)
        drawn[start : start + count] = _errors(times @ sums)[0]
    return drawn


def _errors(sums: Array) -> tuple[Array, Array]:
    """Return the debiased squared error and the plug-in one.

    Parameters
    ----------
    sums : array (draws, 3 · bins)
        Number of samples, sum of gaps and sum of their squares in each bin.
    """
    size, total, square = np.split(sums, 3, axis=1)
    mean = total / np.maximum(size, 1)
    spread = np.maximum(square / np.maximum(size, 1) - mean * mean, 0) / np.maximum(size - 1, 1)
    share = size / size.sum(axis=1, keepdims=True)
    return (share * (mean * mean - spread)).sum(axis=1), (share * mean * mean).sum(axis=1)
