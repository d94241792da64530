"""Slopes of models without gradients, by predicting a small step to either side."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._space import Space

_STEP = 1e-3  # of a range: large enough for the rounding of float32 models


@dataclass(frozen=True, eq=False)
class Differences:
    """Central differences along the columns that hold free numbers.

    Parameters
    ----------
    steps : array (d,)
        0 where a column is no number, belongs to a group or must not change.
    whole : bool array (d,)
        Where only whole numbers occur: the step is 1.
    low, high : array (d,)
        No value beyond them is asked for, but where the sample itself lies there.
    """

    steps: Array
    whole: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, space: Space) -> "Differences":
        """Return the steps for a space."""
        low, high = (side.copy() for side in space.bounds)
        whole = np.array([kind.kind == "integer" for kind in space.constraints])
        low[whole], high[whole] = np.ceil(low[whole]), np.floor(high[whole])
        steps = np.where(whole, 1.0, _STEP * (high - low))
        for column, kind in enumerate(space.constraints):
            if kind.kind == "category" or kind.group or kind.immutable:
                steps[column] = 0.0
        return cls(np.where(high > low, steps, 0.0), whole, low, high)

    def slope(
        self, scores: Callable[[Array, Array], Array], flat: Array, first: Array, second: Array, rows: int
    ) -> Array:
        """Return the derivative of score ``first`` minus score ``second``, (n, d); at most ``rows`` are asked at once.

        ``scores`` is given samples, and to which row of ``flat`` each belongs.
        At the end of a range the difference is one-sided.
        """
        moving = np.flatnonzero(self.steps)
        rise = np.zeros_like(flat)
        count = len(flat) * len(moving)
        half = max(1, rows // 2)
        for start in range(0, count, half):
            row, place = np.divmod(np.arange(start, min(start + half, count)), len(moving))
            column, now = moving[place], np.arange(len(row))
            at = flat[row, column]
            sides = [
                np.minimum(at + self.steps[column], np.maximum(self.high[column], at)),
                np.maximum(at - self.steps[column], np.minimum(self.low[column], at)),
            ]
            asked = np.concatenate([flat[row], flat[row]])
            for part, values in enumerate(sides):
                asked[now + part * len(now), column] = values
            outputs = scores(asked, np.concatenate([row, row]))
            each, (one, other) = np.arange(len(outputs)), (np.tile(names[row], 2) for names in (first, second))
            lead = outputs[each, one] - outputs[each, other]
            gap = sides[0] - sides[1]
            rise[row, column] = np.divide(
                lead[: len(now)] - lead[len(now) :], gap, out=np.zeros(len(gap)), where=gap > 0
            )
        return rise
