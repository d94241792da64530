"""How well weighted prototypes stand for samples: MMD² with its standard error."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import stats

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.explanations.protodash.explained import Explained
from xrai_widgets.engines.explanations.protodash.similarity import Means, Rows

_ROWS = 8192


class Distance(NamedTuple):
    """MMD² as the paper has it; without the bias of comparing samples with themselves; the variance of the latter."""

    mmd2: float
    unbiased: float
    variance: float


@dataclass(frozen=True, eq=False)
class Fit:
    """Moments over n explained samples of a (mean similarity to the others) and g (similarity to each prototype).

    The standard error is that of a U-statistic with both terms of its variance (Hoeffding 1948; Lee 1990, section 1.3),
    the prototypes and their weights taken as given: near a perfect fit the first term vanishes and the second remains.
    """

    n: int
    mean: Array
    second: Array
    within: float
    others: float
    square: float
    kernel: Array

    @classmethod
    def of(cls, rows: Rows, within: Means, prototypes: Array) -> "Fit":
        """Measure the samples against the points (s, D)."""
        n, s = len(rows), len(prototypes)
        diagonal = rows.diagonal()
        others = (n * within.values - diagonal) / (n - 1) if n > 1 else within.values
        mean, second = np.zeros(s + 1), np.zeros((s + 1, s + 1))
        for part, points in rows.chunks():
            for start in range(0, len(points), _ROWS):
                tile = points[start : start + _ROWS]
                at = slice(part.start + start, part.start + start + len(tile))
                seen = np.column_stack([others[at], rows.kernel.matrix(tile, prototypes)])
                mean += seen.sum(axis=0)
                second += seen.T @ seen
        pairs = (n * n * within.square - float((diagonal**2).sum())) / (n * (n - 1)) if n > 1 else 0.0
        kernel = rows.kernel.matrix(prototypes, prototypes)
        return cls(n, mean / n, second / n, float(within.values.mean()), float(others.mean()), pairs, kernel)

    def distance(self, weights: Array) -> Distance:
        """Return MMD² between the samples and the first prototypes with these weights."""
        t, n = len(weights), self.n
        product = float(weights @ self.mean[1 : t + 1])
        rest = float(weights @ self.kernel[:t, :t] @ weights) - 2 * product
        if n < 2:
            return Distance(self.within + rest, self.within + rest, float("inf"))
        first = 4 * (n - 2) / (n * (n - 1)) * self._spread(np.r_[1.0, -weights])
        return Distance(self.within + rest, self.others + rest, first + self._pairs(weights))

    def share_variance(self, weights: Array, within: float, mmd2: float) -> float:
        """Return the variance of this fit's part in 1 − mmd2 / own, both of which may be sums over several fits."""
        if self.n < 2:
            return float("inf")
        slope = np.r_[mmd2 / within - 1.0, weights] / within
        return 4 / self.n * self._spread(slope) + self._pairs(weights) / within**2

    def _spread(self, slope: Array) -> float:
        size = len(slope)
        centre = slope @ self.mean[:size]
        raw = slope @ self.second[:size, :size] @ slope - centre**2
        return max(float(raw), 0.0) * self.n / (self.n - 1)

    def _pairs(self, weights: Array) -> float:
        t, n = len(weights), self.n
        cross = float(weights @ self.second[0, 1 : t + 1])
        squared = float(weights @ self.second[1 : t + 1, 1 : t + 1] @ weights)
        mean = float(weights @ self.mean[1 : t + 1])
        sums = 2 * squared + 2 * (n * mean**2 - squared) / (n - 1)
        variance = self.square - 4 * cross + sums - (self.others - 2 * mean) ** 2
        return 2 / (n * (n - 1)) * max(variance, 0.0)


def distances(done: Sequence[Explained], fits: Sequence[Fit], n: int) -> dict[str, Estimate]:
    """MMD² and the share of similarity that is explained, groups weighted by their size."""
    parts = np.array([fit.n / n for fit in fits])
    within = float(parts @ [fit.within for fit in fits])
    others = float(parts @ [fit.others for fit in fits])
    apart = [fit.distance(one.chosen.weights) for one, fit in zip(done, fits, strict=True)]
    mmd2 = max(float(parts @ [d.mmd2 for d in apart]), 0.0)
    unbiased = float(parts @ [d.unbiased for d in apart])
    error = float(np.sqrt(parts**2 @ [d.variance for d in apart]))
    shares = [fit.share_variance(one.chosen.weights, within, mmd2) for one, fit in zip(done, fits, strict=True)]
    explained, unseen = 1 - mmd2 / within, 1 - unbiased / others
    return {
        "mmd2": around(mmd2, unbiased, error, n, 0.0, np.inf),
        "explained": around(explained, unseen, float(np.sqrt(parts**2 @ shares)), n, -np.inf, 1.0),
    }


def around(value: float, centre: float, error: float, n: int, least: float, most: float) -> Estimate:
    """Return a value with Student's interval around its unbiased centre, cut to what is possible."""
    half = _student(n) * error if n > 1 else np.inf
    low, high = np.clip([centre - half, centre + half], least, most)
    return Estimate(value, min(float(low), value), max(float(high), value))


def agreement(done: Sequence[Explained], predictions: Array, train_predictions: Array) -> Estimate:
    """Share of the explained samples that are predicted as the prototype is that is nearest in the kernel."""
    points = np.concatenate([one.points for one in done])
    theirs = train_predictions[np.concatenate([one.rows for one in done])]
    agreed = n = 0
    for one in done:
        kernel = one.to.kernel
        length, mine = kernel.diagonal(points), predictions[one.group.explained]
        for part, tile in one.to.chunks():
            for start in range(0, len(tile), _ROWS):
                near = (kernel.matrix(tile[start : start + _ROWS], points) - 0.5 * length).argmax(axis=1)
                agreed += int((theirs[near] == mine[part][start : start + _ROWS]).sum())
        n += len(mine)
    return statistics.wilson(agreed, n)


@cache
def _student(n: int) -> float:
    return float(stats.t.ppf(0.5 + statistics.LEVEL / 2, n - 1))
