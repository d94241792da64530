"""How well weighted prototypes stand for samples: MMD² with its standard error."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.explanations._prototype_similarity import Means, Rows

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
    own: float
    others: float
    square: float
    kernel: Array

    @classmethod
    def of(cls, rows: Rows, own: Means, prototypes: Array) -> "Fit":
        """Measure the samples against the points (s, D)."""
        n, s = len(rows), len(prototypes)
        diagonal = rows.diagonal()
        others = (n * own.values - diagonal) / (n - 1) if n > 1 else own.values
        mean, second = np.zeros(s + 1), np.zeros((s + 1, s + 1))
        for part, points in rows.chunks():
            for start in range(0, len(points), _ROWS):
                tile = points[start : start + _ROWS]
                at = slice(part.start + start, part.start + start + len(tile))
                seen = np.column_stack([others[at], rows.kernel.matrix(tile, prototypes)])
                mean += seen.sum(axis=0)
                second += seen.T @ seen
        pairs = (n * n * own.square - float((diagonal**2).sum())) / (n * (n - 1)) if n > 1 else 0.0
        kernel = rows.kernel.matrix(prototypes, prototypes)
        return cls(n, mean / n, second / n, float(own.values.mean()), float(others.mean()), pairs, kernel)

    def distance(self, weights: Array) -> Distance:
        """Return MMD² between the samples and the first prototypes with these weights."""
        t, n = len(weights), self.n
        product = float(weights @ self.mean[1 : t + 1])
        rest = float(weights @ self.kernel[:t, :t] @ weights) - 2 * product
        if n < 2:
            return Distance(self.own + rest, self.own + rest, float("inf"))
        first = 4 * (n - 2) / (n * (n - 1)) * self._spread(np.r_[1.0, -weights])
        return Distance(self.own + rest, self.others + rest, first + self._pairs(weights))

    def share_variance(self, weights: Array, own: float, mmd2: float) -> float:
        """Return the variance of this fit's part in 1 − mmd2 / own, both of which may be sums over several fits."""
        if self.n < 2:
            return float("inf")
        slope = np.r_[mmd2 / own - 1.0, weights] / own
        return 4 / self.n * self._spread(slope) + self._pairs(weights) / own**2

    def _spread(self, slope: Array) -> float:
        size = len(slope)
        centre = slope @ self.mean[:size]
        raw = slope @ self.second[:size, :size] @ slope - centre**2
        return max(float(raw), 0.0) * self.n / (self.n - 1)

    def _pairs(self, weights: Array) -> float:
        t, n = len(weights), self.n
        with_own = float(weights @ self.second[0, 1 : t + 1])
        squared = float(weights @ self.second[1 : t + 1, 1 : t + 1] @ weights)
        mean = float(weights @ self.mean[1 : t + 1])
        sums = 2 * squared + 2 * (n * mean**2 - squared) / (n - 1)
        variance = self.square - 4 * with_own + sums - (self.others - 2 * mean) ** 2
        return 2 / (n * (n - 1)) * max(variance, 0.0)
