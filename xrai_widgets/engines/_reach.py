"""What samples may become: ranges, whole numbers, categories and directions, column by column."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._space import Norm, Space


@dataclass(frozen=True, eq=False)
class Reach:
    """Boxes of what flat samples may become, a superset where columns depend on each other (one-hot groups).

    Parameters
    ----------
    samples, low, high : array (n, d)
    span : array (d,)
        Raw units per unit of distance.
    whole, words, still : bool array (d,)
        Columns of whole numbers, of categories (another one is at distance 1), and those that may not change.
    norm : {"l2", "linf"}
    """

    samples: Array
    low: Array
    high: Array
    span: Array
    whole: Array
    words: Array
    still: Array
    norm: Norm
    grouped: bool

    @classmethod
    def of(cls, space: Space, samples: Array, norm: Norm) -> "Reach":
        """Return what the constraints of a space leave of each sample's range."""
        kinds = space.constraints
        sign = np.array([kind.monotone for kind in kinds])
        low, high = np.minimum(space.bounds[0], samples), np.maximum(space.bounds[1], samples)
        low = np.where(space.fixed | (sign > 0), samples, low)
        high = np.where(space.fixed | (sign < 0), samples, high)
        whole = np.array([kind.kind == "integer" for kind in kinds])
        return cls(
            samples,
            np.where(whole, np.ceil(low), low),
            np.where(whole, np.floor(high), high),
            space.span,
            whole,
            np.array([kind.kind == "category" for kind in kinds]),
            space.fixed,
            norm,
            any(kind.group for kind in kinds),
        )

    def rows(self, chosen: Array) -> "Reach":
        """Return that of some samples."""
        parts = (self.samples[chosen], self.low[chosen], self.high[chosen])
        return Reach(*parts, self.span, self.whole, self.words, self.still, self.norm, self.grouped)

    @property
    def farthest(self) -> float:
        """Distance (l∞) beyond which no sample can go."""
        size = np.maximum(self.high - self.samples, self.samples - self.low) / self.span
        most = float(size[:, ~self.words].max(initial=0.0))
        return max(most, 1.0) if (self.words & ~self.still).any() else most

    def ball(self, radius: Array) -> tuple[Array, Array]:
        """Return the boxes (n, d) that hold whatever is within l∞ distances (n,): a hair too large."""
        size = radius[:, None] * self.span * (1 + 1e-12)
        slack = 4 * np.spacing(np.abs(self.samples) + size)
        low = np.maximum(self.low, self.samples - size - slack)
        high = np.minimum(self.high, self.samples + size + slack)
        low = np.where(self.whole, np.minimum(np.ceil(low), self.samples), np.minimum(low, self.samples))
        high = np.where(self.whole, np.maximum(np.floor(high), self.samples), np.maximum(high, self.samples))
        return low, high
