"""What may still be asked about each sample: a budget that is kept whatever a search does."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array

_ENDLESS = np.iinfo(np.int64).max // 4


@dataclass(frozen=True, eq=False)
class Meter:
    """Queries that are granted about each sample, while they last.

    Parameters
    ----------
    left, spent : int array (n,)
        Queries that may be asked yet, and those that were asked since the meter was opened.
    refused : bool array (n,)
        About which samples more was to be asked.
    classes : int
        How many scores the model gives: what is refused has as many.
    place : int array (m,), optional
        Which of the n samples the owners 0 … m − 1 are.
    """

    left: Array
    spent: Array
    refused: Array
    classes: int = 2
    place: Array | None = None

    @classmethod
    def of(cls, count: int, classes: int = 2) -> "Meter":
        """Return a meter of so many samples that counts, and refuses nothing."""
        return cls(np.full(count, _ENDLESS), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool), classes)

    def open(self, most: int | None) -> None:
        """Begin to count anew; grant each sample ``most`` queries, or all that are asked."""
        self.left[:] = _ENDLESS if most is None else most
        self.spent[:] = 0
        self.refused[:] = False

    def part(self, rows: slice | Array) -> "Meter":
        """Return the same meter, for some of the samples."""
        place = np.arange(len(self.left)) if self.place is None else self.place
        return Meter(self.left, self.spent, self.refused, self.classes, place[rows])

    def numbers(self, owner: Array) -> Array:
        """Return which of the n samples the owners are."""
        return owner if self.place is None else self.place[owner]

    def grant(self, owner: Array, each: int = 1) -> Array:
        """Return which rows (r,) may be asked at ``each`` queries; a sample that runs out gets its first ones.

        Parameters
        ----------
        owner : int array (r,)
            About which sample each row is.
        """
        whose = self.numbers(owner)
        wanted = each * np.bincount(whose, minlength=len(self.left))
        granted = np.ones(len(whose), dtype=bool)
        short = wanted > self.left
        if short.any():
            order = np.argsort(whose, kind="stable")
            rank = np.arange(len(order)) - np.searchsorted(whose[order], whose[order])
            granted[order] = (rank + 1) * each <= self.left[whose[order]]
            self.refused[short] = True
            wanted = each * np.bincount(whose[granted], minlength=len(self.left))
        self.left[:] -= wanted
        self.spent[:] += wanted
        return granted
