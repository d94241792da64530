"""The greedy search of ProtoDash: one prototype more at a time, all weights solved anew."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from xrai_widgets.core import Array, Finding, Step
from xrai_widgets.engines.explanations.protodash.similarity import Means, Rows
from xrai_widgets.engines.explanations.protodash.weights import Weights

_PROBES, _BATCH = 64, 256
_NO_GAIN = 1e-10  # share of the largest mean similarity below which a gain is rounding


class Slope:
    """Mean similarities, made exact where single precision could decide the order."""

    def __init__(self, pool: Rows, to: Rows, means: Means) -> None:
        self._pool, self._to = pool, to
        self.means = means.values if means.exact else means.values.copy()
        self._exact = np.full(len(pool), means.exact)
        self._doubt = 0.0
        if not means.exact:
            probes = np.unique(np.linspace(0, len(pool) - 1, _PROBES).astype(np.intp))
            rough = self.means[probes]
            self._settle(probes)
            self._doubt = 4.0 * float(np.abs(rough - self.means[probes]).max())

    def best(self, gains: Array, taken: Array) -> int:
        """Return the row with the largest gain; those that single precision cannot tell from it are computed again."""
        while not self._exact[top := int(gains.argmax())] and gains[top] > -np.inf:
            close = np.flatnonzero((gains >= gains[top] - 2 * self._doubt) & ~self._exact)
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
        self._exact[rows] = True


@dataclass
class Chosen:
    """Prototypes in order of selection.

    Attributes
    ----------
    indices : list of int
        Rows of the pool.
    path : list of array
        The weights when there were 1, 2, … prototypes.
    objective : list of float
        wᵀμ − ½ wᵀKw at each of them.
    stopped : bool
        No further sample would have raised the objective.
    """

    indices: list[int] = field(default_factory=list)
    path: list[Array] = field(default_factory=list)
    objective: list[float] = field(default_factory=list)
    stopped: bool = False

    @property
    def weights(self) -> Array:
        """The weights of all prototypes together."""
        return self.path[-1] if self.path else np.zeros(0)


def search(
    pool: Rows,
    to: Rows,
    means: Means,
    most: int,
    memory: float,
    chosen: Chosen,
    step: Step,
    partial: Callable[[], Finding] | None = None,
) -> None:
    """Fill ``chosen``: the sample with the best single gain first, then always the one with the largest gradient.

    Parameters
    ----------
    pool, to : Rows
        Samples to choose from, samples to explain.
    means : Means
        Mean similarity of each row of the pool to ``to``.
    most : int
        How many prototypes.
    memory : float
        GB for the similarities of the pool to the prototypes; beyond it they are computed anew for every prototype.
    """
    n, diagonal = len(pool), pool.diagonal()
    slope = Slope(pool, to, means)
    keep = most * n * 8 <= memory * 1e9
    columns = np.empty((most if keep else 1, n))
    weights, free = Weights(most), np.ones(n, dtype=bool)
    none = _NO_GAIN * float(np.abs(means.values).max(initial=0.0))
    # the first: the best objective μ²/2K of a single sample, whose order for a Gaussian kernel is that of μ
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = np.where((slope.means > none) & (diagonal > 0), slope.means / np.sqrt(diagonal), -np.inf)
    taken = np.zeros(n)
    for number in range(most):
        best = slope.best(np.where(free, gains, -np.inf), taken)
        if not gains[best] > none:
            chosen.stopped = True
            return
        free[best] = False
        point = pool.points([best])
        columns[number if keep else 0] = pool.column(point[0])
        to_others = pool.kernel.matrix(point, pool.points(chosen.indices))[0] if chosen.indices else np.zeros(0)
        weights.add(to_others, float(diagonal[best]), float(slope.means[best]))
        chosen.indices.append(best)
        chosen.path.append(weights.values.copy())
        chosen.objective.append(weights.objective)
        taken = (
            weights.values @ columns[: number + 1]
            if keep
            else pool.mixture(pool.points(chosen.indices), weights.values)
        )
        gains = slope.means - taken
        step((number + 1) / most, f"{number + 1} of {most} prototypes", partial)


def at_random(pool: Rows, means: Means, most: int, draws: int, seed: int, step: Step) -> Array:
    """Return the objective (draws, most) that samples drawn at random reach, all with the same weight, the best one."""
    reached = np.zeros((draws, most))
    for draw in range(draws):
        step(draw / draws, "samples at random, to compare with")
        rows = np.random.default_rng((seed, 1, draw)).permutation(len(pool))[:most]
        points = pool.points(rows)
        squares = pool.kernel.matrix(points, points).cumsum(axis=0).cumsum(axis=1).diagonal()
        sums = np.maximum(means.values[rows].cumsum(), 0.0)
        reached[draw] = np.divide(sums**2, 2 * squares, out=np.zeros(most), where=squares > 0)
    return reached
