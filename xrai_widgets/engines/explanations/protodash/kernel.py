"""How similar two samples are: a Gaussian or linear kernel on tables of mixed columns, and on images."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy.spatial import distance

from xrai_widgets.core import Array, Constraint
from xrai_widgets.engines._missing import there

_PAIRS = 1000  # samples whose distances the median heuristic looks at

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


def make_kernel(
    kind: Kind,
    sigma: float | None,
    scaled: bool,
    samples: Array,
    constraints: Sequence[Constraint],
    seed: int,
    others: Array | None = None,
) -> Kernel:
    """Return the kernel whose scales, and whose width if none is given, are those of ``samples``.

    Scaled numbers are divided by their standard deviation for the Gaussian kernel, and brought to [0, 1] for the linear
    one, which must not be centred. Members of one-hot groups are taken as they are. Without a sigma it is the median
    distance between two samples. Where numbers are missing in ``samples`` or ``others``, scales are those of the rest.

    Raises
    ------
    ValueError
        for an unknown kind, or a width that is not positive.
    """
    if kind not in ("gaussian", "linear"):
        raise ValueError(f"kernel must be 'gaussian' or 'linear', got {kind!r}")
    if sigma is not None and not 0 < sigma < float("inf"):
        raise ValueError(f"sigma must be a positive number, or None for the median distance, got {sigma!r}")
    flat = samples.reshape(len(samples), -1)
    columns = range(flat.shape[1])
    kinds = list(constraints) or [Constraint()] * len(columns)
    categories = tuple((c, len(kinds[c].categories)) for c in columns if kinds[c].kind == "category")
    numeric = np.array([c for c in columns if kinds[c].kind != "category"], dtype=np.intp)
    numbers = flat if len(numeric) == flat.shape[1] else flat[:, numeric]
    holes = _holes(numeric, samples, samples if others is None else others)
    low, high = (numbers.min(axis=0), numbers.max(axis=0)) if not len(holes) else _ends(numbers)
    scale = np.ones(len(numeric))
    if scaled:
        # column by column: the deviations of a whole table would take as much memory as the table
        unit = np.array([there(column).std() for column in numbers.T]) if kind == "gaussian" else high - low
        member = np.array([bool(kinds[c].group) for c in numeric], dtype=bool)
        varies = high > low
        scale = np.where(varies, 1.0 / np.where(varies, unit, 1.0), 0.0)
        scale[member] = 1.0
        low = np.where(member, 0.0, low)
    centre = numbers.mean(axis=0) if kind == "gaussian" else low if scaled else np.zeros(len(numeric))
    for place in holes if kind == "gaussian" else ():
        centre[place] = there(numbers[:, place]).mean()
    kernel = Kernel(kind, numeric, centre, scale, categories, holes=holes)
    if kind == "linear":
        return kernel
    return replace(kernel, sigma=_median_distance(kernel, samples, seed) if sigma is None else float(sigma))


def _holes(numeric: Array, *parts: Array) -> Array:
    """Return the places among the numeric columns in which a number is missing."""
    gone = np.any([np.isnan(part.reshape(len(part), -1)).any(axis=0) for part in parts], axis=0)
    return np.flatnonzero(gone[numeric])


def _ends(numbers: Array) -> tuple[Array, Array]:
    ends = np.array([(column.min(), column.max()) for column in map(there, numbers.T)]).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def _median_distance(kernel: Kernel, samples: Array, seed: int) -> float:
    rows = np.random.default_rng((seed, 0)).permutation(len(samples))[:_PAIRS]
    apart = distance.pdist(kernel.embed(samples[np.sort(rows)]))
    positive = apart[apart > 0]
    if not len(positive):
        return 1.0  # all samples are alike: every width says the same
    middle = float(np.median(apart))
    return middle if middle > 0 else float(np.median(positive))
