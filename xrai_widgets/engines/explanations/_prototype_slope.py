"""The next prototype: the sample with the largest gain, told apart exactly."""

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.explanations._prototype_similarity import Means, Rows

_PROBES, _BATCH = 64, 256


class Slope:
    """Mean similarities, made exact where single precision could decide the order."""

    def __init__(self, pool: Rows, to: Rows, means: Means) -> None:
        self._pool, self._to = pool, to
        self.means = means.values if means.exact else means.values.copy()
        self._known = np.full(len(pool), means.exact)
        self._doubt = 0.0
        if not means.exact:
            probes = np.unique(np.linspace(0, len(pool) - 1, _PROBES).astype(np.intp))
            rough = self.means[probes]
            self._settle(probes)
            self._doubt = 4.0 * float(np.abs(rough - self.means[probes]).max())

    def best(self, gains: Array, taken: Array) -> int:
        """Return the row with the largest gain; those that single precision cannot tell from it are computed again."""
        while not self._known[top := int(gains.argmax())] and gains[top] > -np.inf:
            close = np.flatnonzero((gains >= gains[top] - 2 * self._doubt) & ~self._known)
            close = close[np.argsort(-gains[close], kind="stable")[:_BATCH]]
            self._settle(close)
            gains[close] = self.means[close] - taken[close]
        return top

    def _settle(self, rows: Array) -> None:
        points, total = self._pool.points(rows), np.zeros(len(rows))
        for _, others in self._to.chunks():
            for start in range(0, len(others), 8192):
                total += self._pool.kernel.matrix(others[start : start + 8192], points).sum(axis=0)
        self.means[rows] = total / len(self._to)
        self._known[rows] = True
