"""What a model has predicted before: among categories and thresholds the same samples are looked at again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._meter import Meter
from xrai_widgets.engines._space import Space


@dataclass(eq=False)
class Memory:
    """Scores by sample.

    Parameters
    ----------
    most : int
        Samples beyond which all are forgotten.
    """

    most: int
    cache: dict[bytes, Array] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, thresholds: Sequence[Array] | None, space: Space, most: int) -> "Memory | None":
        """Return a memory where it spares queries: of trees, unless all columns are free numbers."""
        repeats = any(kind.kind == "category" or kind.group for kind in space.constraints)
        return cls(most) if thresholds is not None and repeats else None

    def scores(self, ask: Callable[[Array], Array], flat: Array) -> Array:
        """Return the scores (n, k) of samples (n, d), asking for each one once."""
        if len(self.cache) > self.most:
            self.cache.clear()
        keys = [row.tobytes() for row in flat]
        new = {key: row for row, key in enumerate(keys) if key not in self.cache}
        if new:
            self.cache.update(zip(new, ask(flat[[*new.values()]]), strict=True))
        return np.stack([self.cache[key] for key in keys])

    def scores_within(self, ask: Callable[[Array], Array], flat: Array, meter: Meter, owner: Array) -> Array:
        """Return the scores (n, k) of changes of the instances ``owner``, NaN where the meter refuses.

        Each instance has a memory of its own: what it costs does not depend on the others.
        """
        if len(self.cache) > self.most:
            self.cache.clear()
        whose = meter.numbers(owner)
        keys = [number.tobytes() + row.tobytes() for number, row in zip(whose, flat, strict=True)]
        first = {key: row for row, key in enumerate(keys) if key not in self.cache}
        if first:
            rows = np.fromiter(first.values(), dtype=np.intp)
            rows = rows[meter.grant(owner[rows])]
            if len(rows):
                self.cache.update(zip([keys[row] for row in rows], ask(flat[rows]), strict=True))
        kept = [self.cache.get(key) for key in keys]
        width = next((len(scores) for scores in kept if scores is not None), 1)
        return np.stack([np.full(width, np.nan) if scores is None else scores for scores in kept])
