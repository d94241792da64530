"""Non-negative weights that are solved anew, exactly, each time a prototype joins."""

import numpy as np
from scipy.linalg.lapack import dtrtrs

from xrai_widgets.core import Array

_DEPENDENT = 1e-12  # share of a point's squared length that is left once the others are taken off


class Weights:
    """min ½ wᵀKw − uᵀw, w ≥ 0: the active-set method of Lawson and Hanson (1974) on a growing Cholesky factor.

    Parameters
    ----------
    most : int
        How many prototypes will join at most.

    Attributes
    ----------
    values : array (s,)
    """

    def __init__(self, most: int) -> None:
        self._kernel = np.zeros((most, most))
        self._means = np.zeros(most)
        self._factor = np.zeros((most, most))
        self._positive: list[int] = []
        self.values = np.zeros(0)

    @property
    def objective(self) -> float:
        """Return uᵀw − ½ wᵀKw."""
        s, w = len(self.values), self.values
        return float(w @ self._means[:s] - 0.5 * w @ self._kernel[:s, :s] @ w)

    @property
    def kernel(self) -> Array:
        """Similarities (s, s) of the prototypes."""
        return self._kernel[: len(self.values), : len(self.values)]

    def add(self, similarities: Array, self_similarity: float, mean: float) -> None:
        """Let a prototype join: its similarities (s,) to those there are, to itself, and its mean similarity u."""
        s = len(self.values)
        self._kernel[s, :s] = self._kernel[:s, s] = similarities
        self._kernel[s, s], self._means[s] = self_similarity, mean
        self.values = np.append(self.values, 0.0)
        self._solve()

    def _solve(self) -> None:
        s = len(self.values)
        means, tiny = self._means[:s], 1e-14 * float(np.abs(self._means[:s]).max(initial=0.0))
        refused: set[int] = set()
        while True:
            slope = means - self.kernel @ self.values
            slope[[*self._positive, *refused]] = -np.inf
            best = int(slope.argmax())
            if slope[best] <= tiny:
                return
            if not self._enter(best):
                refused.add(best)
                continue
            wanted = self._unconstrained()
            if wanted[-1] <= 0:  # rounding: there is nothing to gain
                self._positive.pop()
                refused.add(best)
                continue
            if self._walk(wanted):
                refused.clear()

    def _walk(self, wanted: Array) -> bool:
        """Go to the best weights without leaving w ≥ 0; return whether any weight became 0 on the way."""
        left = False
        while len(wanted) and wanted.min() <= 0:
            left = True
            held = self.values[self._positive]
            stops = np.flatnonzero(wanted <= 0)
            shares = held[stops] / np.maximum(held[stops] - wanted[stops], 1e-300)
            held = held + shares.min() * (wanted - held)
            zero = set(stops[shares <= shares.min() * (1 + 1e-12)].tolist())
            self.values[:] = 0.0
            kept = [
                (row, value) for at, (row, value) in enumerate(zip(self._positive, held, strict=True)) if at not in zero
            ]
            self._positive = []
            for row, value in kept:
                if self._enter(row):
                    self.values[row] = max(float(value), 0.0)
            wanted = self._unconstrained()
        self.values[:] = 0.0
        self.values[self._positive] = wanted
        return left

    def _enter(self, row: int) -> bool:
        """Append a row to the factor; False if it depends on the others."""
        p = len(self._positive)
        part = self._kernel[self._positive, row]
        if p:
            part = _solved(self._factor[:p, :p], part)
        rest = self._kernel[row, row] - float(part @ part)
        if rest <= _DEPENDENT * self._kernel[row, row]:
            return False
        self._factor[p, :p], self._factor[p, p] = part, np.sqrt(rest)
        self._positive.append(row)
        return True

    def _unconstrained(self) -> Array:
        p = len(self._positive)
        if not p:
            return np.zeros(0)
        factor = self._factor[:p, :p]
        return _solved(factor, _solved(factor, self._means[self._positive]), transposed=True)


def _solved(factor: Array, right: Array, transposed: bool = False) -> Array:
    """Solve Lx = b or Lᵀx = b; `scipy.linalg.solve_triangular` takes ten times as long to look at its arguments."""
    solution: Array
    solution, failed = dtrtrs(factor, right, lower=1, trans=int(transposed))
    assert not failed
    return solution
