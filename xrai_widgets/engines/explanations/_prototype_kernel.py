"""How similar two samples are: a Gaussian or linear kernel on tables of mixed columns, and on images."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.spatial import distance

from xrai_widgets.core import Array

Kind = Literal["gaussian", "linear"]
_FAR = 1e6  # squared length from which the short formula for squared distances loses digits


@dataclass(frozen=True, eq=False)
class Kernel:
    """Samples → points of a space, and the similarity of two points.

    A number is centred and multiplied by its scale; a category becomes one coordinate per category, 1 for the one that
    holds. So two different categories add 2 to the squared distance of the Gaussian kernel, the mean of what two draws
    of a standardised number add: exp(−d²/2σ²) is a Gaussian kernel on the numbers times the overlap kernel
    exp(−1/σ²)^(number of different categories) on the categories. In the linear kernel an equal category adds 1.
    Both are positive definite. A missing number is a value of its own: 0 along the number's coordinate, and 1 along one
    more that tells it from all numbers, so that missing and a number differ by what two draws differ by, 2 in the mean.

    Parameters
    ----------
    kind : {"gaussian", "linear"}
    numeric : int array
        Columns that are numbers.
    centre, scale : array
        Of the numeric columns; a scale of 0 leaves a column out.
    categories : tuple of (column, number of categories)
    sigma : float
        Width of the Gaussian.
    holes : int array
        Places among the numeric columns in which numbers are missing.
    """

    kind: Kind
    numeric: Array
    centre: Array
    scale: Array
    categories: tuple[tuple[int, int], ...] = ()
    sigma: float = 1.0
    holes: Array = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    @property
    def width(self) -> int:
        """Number of coordinates of a point."""
        return len(self.numeric) + sum(count for _, count in self.categories) + len(self.holes)

    def embed(self, samples: Array) -> Array:
        """Return the points (n, D) of samples (n, …), in units of sigma."""
        flat = samples.reshape(len(samples), -1)
        points = np.empty((len(flat), self.width))
        start = len(self.numeric)
        numbers = flat if start == flat.shape[1] else flat[:, self.numeric]
        np.subtract(numbers, self.centre, out=points[:, :start])
        points[:, :start] *= self.scale
        for column, count in self.categories:
            points[:, start : start + count] = flat[:, column, None] == np.arange(count)
            start += count
        if len(self.holes):
            gone = np.isnan(points[:, self.holes])
            points[:, start:] = gone * (self.scale[self.holes] > 0)
            points[:, self.holes] = np.where(gone, 0.0, points[:, self.holes])
        if self.kind == "gaussian":
            points /= self.sigma
        return points

    def matrix(self, first: Array, second: Array) -> Array:
        """Return the similarities (a, b) of points (a, D) and (b, D)."""
        if self.kind == "linear":
            product: Array = first @ second.T
            return product
        a, b = (np.einsum("ij,ij->i", points, points) for points in (first, second))
        if min(a.max(initial=0.0), b.max(initial=0.0)) > _FAR:
            squared = distance.cdist(first, second, "sqeuclidean")
        else:
            squared = np.maximum(a[:, None] + b - 2.0 * (first @ second.T), 0.0)
        similarity: Array = np.exp(-0.5 * squared)
        return similarity

    def diagonal(self, points: Array) -> Array:
        """Return the similarity of each point with itself."""
        return np.ones(len(points)) if self.kind == "gaussian" else np.einsum("ij,ij->i", points, points)
