"""What a search has found so far: the cheapest explanation of each instance."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._problem import nearest
from xrai_widgets.engines._search.contrast import Contrast


@dataclass(eq=False)
class Incumbents:
    """The best explanation of each instance so far, and where there is none the nearest attempt."""

    points: Array
    cost: Array
    margin: Array
    label: Array

    @classmethod
    def untouched(cls, contrast: Contrast) -> "Incumbents":
        """Nothing was looked at yet: margin −∞."""
        n = len(contrast.samples)
        return cls(contrast.origins.copy(), np.full(n, np.inf), np.full(n, -np.inf), contrast.labels.copy())

    def better(self, contrast: Contrast, starts: Array, other: "Incumbents") -> None:
        """Take what copies of the instances, ``starts`` saying of which, have found."""
        nearer = ~self.done[starts] & (other.margin > self.margin[starts])
        some = np.flatnonzero((other.done & (other.cost < self.cost[starts])) | nearer)
        if len(some):
            self.take(
                contrast, other.points[some], starts[some], other.margin[some], other.label[some], other.done[some]
            )

    def part(self, rows: slice | Array) -> "Incumbents":
        """Return some of the instances; what is found for those of a slice stands here, too."""
        return Incumbents(self.points[rows], self.cost[rows], self.margin[rows], self.label[rows])

    def beside(self, other: "Incumbents") -> "Incumbents":
        """Return these instances, then the other ones."""
        return Incumbents(
            *(np.concatenate(pair) for pair in zip(vars(self).values(), vars(other).values(), strict=True))
        )

    def forget(self, contrast: Contrast, which: Array) -> None:
        """Nothing was looked at yet of some instances (n,)."""
        fresh = Incumbents.untouched(contrast)
        for name, values in vars(self).items():
            values[which] = getattr(fresh, name)[which]

    def copy(self) -> "Incumbents":
        """Return the same state, to be changed without changing this one."""
        return Incumbents(self.points.copy(), self.cost.copy(), self.margin.copy(), self.label.copy())

    def begin(self, contrast: Contrast) -> None:
        """Look at the origins."""
        self.ask(contrast, contrast.origins, np.arange(len(self.cost)))

    @property
    def done(self) -> Array:
        """Mask of the instances with an explanation."""
        return np.isfinite(self.cost)

    def ask(self, contrast: Contrast, flat: Array, owner: Array) -> tuple[Array, Array, Array]:
        """Judge samples, keep the best, and return (margin, rival, success)."""
        margin, rival, success = contrast.judge(flat, owner)
        self.take(contrast, flat, owner, margin, rival, success)
        return margin, rival, success

    def ask_nearer(self, contrast: Contrast, flat: Array, owner: Array) -> None:
        """Judge those samples only that are changes, and would cost less than what is known."""
        some = contrast.cost(flat, owner) < self.cost[owner]
        some &= (flat != contrast.origins[owner]).any(axis=1)
        if some.any():
            self.ask(contrast, flat[some], owner[some])

    def take(self, contrast: Contrast, flat: Array, owner: Array, margin: Array, rival: Array, success: Array) -> None:
        """Keep the cheapest success of each instance, else the attempt that came nearest to one."""
        good = np.flatnonzero(success)
        if len(good):
            cost = contrast.cost(flat[good], owner[good])
            first = nearest(owner[good], cost)
            first = first[cost[first] < self.cost[owner[good][first]]]
            chosen = good[first]
            self._put(contrast, flat, owner, margin, rival, chosen)
            self.cost[owner[chosen]] = cost[first]
        rest = np.flatnonzero(~success & ~self.done[owner] & (margin > self.margin[owner]))
        if len(rest):
            self._put(contrast, flat, owner, margin, rival, rest[nearest(owner[rest], -margin[rest])])

    def _put(self, contrast: Contrast, flat: Array, owner: Array, margin: Array, rival: Array, chosen: Array) -> None:
        whose = owner[chosen]
        self.points[whose], self.margin[whose] = flat[chosen], margin[chosen]
        changed = (margin[chosen] > 0) == (contrast.mode == "PN")
        self.label[whose] = np.where(changed, rival[chosen], contrast.labels[whose])
