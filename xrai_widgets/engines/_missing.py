"""Missing numbers in the arithmetic of a search: a mark stands for each, and the model gets it back as missing."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Gradient, Predict


def there(column: Array) -> Array:
    """Return the numbers of a column that are not missing; 0 if all are."""
    gone = np.isnan(column)
    return column if not gone.any() else np.zeros(1) if gone.all() else column[~gone]


@dataclass(frozen=True, eq=False)
class Blanks:
    """A number for each column that stands for a missing one, below all that the column may hold.

    Marks can be added, scaled and compared: between two equal ones there is no distance.

    Parameters
    ----------
    marks : array (d,)
    edges : array (d,)
        Whatever lies below is a mark, rounding included.
    """

    marks: Array
    edges: Array

    @classmethod
    def of(cls, bounds: Array, *parts: Array) -> "Blanks | None":
        """Return the marks for bounds (2, d) and flat samples (n, d) within or without them; None if none is needed."""
        if not any(np.isnan(part).any() for part in parts):
            return None
        low = np.fmin.reduce([bounds[0], *(np.fmin.reduce(part, axis=0) for part in parts)])
        high = np.fmax.reduce([bounds[1], *(np.fmax.reduce(part, axis=0) for part in parts)])
        size = np.where(high > low, high - low, 1.0)
        size = np.maximum(size, 1e-6 * np.maximum(np.abs(low), np.abs(high)))
        return cls(low - 3.0 * size, low - 1.5 * size)

    def fill(self, samples: Array) -> Array:
        """Return flat samples with marks where numbers are missing."""
        return np.where(np.isnan(samples), self.marks, samples)

    def empty(self, samples: Array) -> Array:
        """Return flat samples with marks turned into missing numbers again."""
        return np.where(samples < self.edges, np.nan, samples)

    def marked(self, samples: Array) -> Array:
        """Return the mask of the marks."""
        mask: Array = samples < self.edges
        return mask

    def asking(self, predict: Predict) -> Predict:
        """Return a function of samples with marks that gives what the model says of samples with missing numbers."""
        return _Asking(predict, self)

    def ruling(self, decide: Predict | None) -> Predict | None:
        """Return the same of the model's own rule, where it has one."""
        return None if decide is None else self.asking(decide)

    def slopes(self, gradient: Gradient | None) -> Gradient | None:
        """Return the gradient at samples with marks: 0 along what is missing."""
        return None if gradient is None else _Slopes(gradient, self)

    def notes(self, samples: Array, fillable: Array) -> list[str]:
        """Return what the reader must know about flat samples with marks, of which some columns (d,) may be filled."""
        gone = self.marked(samples)
        lacking, cells = int(gone.any(axis=1).sum()), int((gone & fillable).sum())
        if not lacking:
            return []
        opening = f"{lacking} of {len(samples)} samples lack numbers: "
        if not cells:
            return [f"{opening}these cells stay missing, and no change touches them."]
        rest = int(gone.sum()) - cells
        others = f"; the other {rest} stay missing" if rest else ""
        return [
            f"{opening}{cells} of these cells may be filled, by any number of their column's range, which counts as a "
            f"change by the whole range whatever the number{others}."
        ]


@dataclass(frozen=True, eq=False)
class _Asking:
    predict: Predict
    blanks: Blanks

    def __call__(self, X: Array) -> Array:
        return self.predict(self.blanks.empty(X))


@dataclass(frozen=True, eq=False)
class _Slopes:
    gradient: Gradient
    blanks: Blanks

    def __call__(self, X: Array, y: Array) -> Array:
        samples = self.blanks.empty(X)
        flow: Array = np.where(np.isnan(samples), 0.0, self.gradient(samples, y))
        return flow
