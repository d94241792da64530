"""Where an input lies among the training samples: the nearest of them, and a map in two dimensions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xrai_widgets.core import Array

MOST = 5000  # samples that are held
_SPARE = 32
_MOST_FITTED = 1000  # rows that settle the axes of the map


@dataclass(frozen=True, eq=False)
class Reference:
    """Training samples, in coordinates in which distances mean something.

    Parameters
    ----------
    rows : array (n, d)
        Standardised columns, pixels, or latent variables.
    ids : array (n,)
        What the samples are called.
    axes : array (d, 2)
        Of the map: the two leading principal components.
    centre : array (d,)
    """

    rows: Array
    ids: Array
    axes: Array
    centre: Array

    @classmethod
    def of(cls, rows: Array, ids: Array, seed: int) -> "Reference":
        """Return the reference of training samples (n, d) and their names (n,)."""
        some = np.sort(np.random.default_rng(seed).permutation(len(rows))[:_MOST_FITTED])
        centre = rows[some].mean(axis=0)
        axes = np.linalg.svd(rows[some] - centre, full_matrices=False)[2][:2].T
        if axes.shape[1] < 2:
            axes = np.column_stack([axes, np.zeros((len(axes), 2 - axes.shape[1]))])
        largest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
        return cls(rows, ids, axes * np.where(largest < 0, -1.0, 1.0), centre)

    def positions(self, rows: Array) -> Array:
        """Return where rows (m, d) lie on the map (m, 2)."""
        # one row at a time: a product of matrices rounds a row differently beside others
        return np.stack([(row - self.centre) @ self.axes for row in rows])

    def nearest(self, rows: Array, count: int) -> tuple[Array, Array]:
        """Return the places of the nearest training samples of rows (m, d), and their distances; both (m, k).

        The nearest first, of equal distances the first sample; k is ``count``, or the number of samples.
        """
        count = min(count, len(self.rows))
        places, distances = np.empty((len(rows), count), dtype=np.intp), np.empty((len(rows), count))
        for number, row in enumerate(rows):
            # fast and rounded first; then those that may be among the nearest once more
            rough = self._lengths - 2.0 * (self.rows @ row)
            last = min(count + _SPARE, len(rough)) - 1
            some = np.sort(np.argpartition(rough, last)[: last + 1])
            squared = np.square(self.rows[some] - row).sum(axis=1)
            order = np.argsort(squared, kind="stable")[:count]
            places[number], distances[number] = some[order], np.sqrt(squared[order])
        return places, distances

    @cached_property
    def _lengths(self) -> Array:
        return np.asarray(np.square(self.rows).sum(axis=1))
