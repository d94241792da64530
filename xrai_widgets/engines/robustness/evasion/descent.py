"""From an adversarial sample among trees to nearer ones: shrink all of it, then win the label back column by column."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._problem import nearest
from xrai_widgets.engines.robustness.evasion.leaf_moves import Around, Look, Move, length

_SAME = 1e-9
_CLIMBS = 25  # columns changed one after the other
# how all of it is made smaller, and what share of the distance it may take then
_ATTEMPTS: dict[str, tuple[tuple[str, float, float], ...]] = {
    "linf": (
        ("cut", 0.8, 0.8), ("cut", 0.93, 0.93), ("cut", 0.985, 0.985), ("cut", 0.9985, 0.9985),
        ("origin", 0.0, 0.95), ("origin", 0.0, 0.995),
    ),
    "l0": (("without", 0, 0.999), ("without", 1, 0.999), ("without", 2, 0.999), ("origin", 0.0, 0.999)),
    "": (
        ("scaled", 0.7, 0.9), ("scaled", 0.85, 0.97), ("scaled", 0.93, 0.998), ("without", 0, 0.998),
        ("without", 1, 0.998), ("without", 2, 0.998), ("origin", 0.0, 0.95), ("origin", 0.0, 0.998),
    ),
}  # fmt: skip


@dataclass(eq=False)
class Descent:
    """Points (m, d) on their way, each for itself.

    Parameters
    ----------
    nearest : array (m, d)
        The nearest one with another label; ``size`` how far it is.
    """

    around: Around
    points: Array
    nearest: Array = field(init=False)
    size: Array = field(init=False)

    def __post_init__(self) -> None:
        m = len(self.points)
        self.nearest, self.size = self.points.copy(), np.full(m, np.inf)
        self._number = np.full(m, -1)  # of the attempt
        self._gained = np.zeros(m, dtype=bool)
        self._climbs = np.zeros(m, dtype=np.intp)
        self._room = np.full(m, np.inf)
        self.waits = np.ones(m, dtype=bool)

    def run(self, rounds: int, pay: Callable[[int], Array]) -> None:
        """Go on until nothing is nearer, or for so many rounds; ``pay`` says which of so many points to look at."""
        for _ in range(rounds):
            active = np.flatnonzero(self.waits)
            active = active[pay(len(active))]
            if not len(active):
                return
            self._round(active, self.around.look(self.points[active]))

    def _round(self, active: Array, look: Look) -> None:
        margin, good = look.margin, look.margin > 0
        points, settled = self.points[active], self.points[active]
        settled[good] = look.settled(np.flatnonzero(good))
        self.points[active[good]] = settled[good]
        size = length(self.around.share(self.points[active]), self.around.norm)
        nearer = good & (size < self.size[active] * (1 - _SAME))
        changed = active[nearer]
        self._gained[changed] |= size[nearer] < self.size[changed] * (1 - 1e-4)
        self.nearest[changed], self.size[changed] = self.points[changed], size[nearer]
        moved = good & (settled != points).any(axis=1)  # moves are those of the points as they were
        if moved.all():
            return
        moves = look.moves(np.flatnonzero(~moved))
        shrinks = (good & ~moved)[moves.point] & (moves.margin > 0) & (moves.size < size[moves.point] * (1 - _SAME))
        moved |= self._go(active, moves, np.flatnonzero(shrinks), moves.size)
        climbs = ~good[moves.point] & (moves.size <= self._room[active][moves.point])
        climbs &= (moves.margin > margin[moves.point] + 1e-12) & (self._climbs[active] < _CLIMBS)[moves.point]
        self._climbs[active[~good]] += 1
        moved |= self._go(active, moves, np.flatnonzero(climbs), -moves.margin)
        for place in np.flatnonzero(~moved):
            self._next(int(active[place]))

    def _go(self, active: Array, moves: Move, some: Array, by: Array) -> Array:
        """Make the move of each point that is least; return which points of ``active`` moved."""
        moved = np.zeros(len(active), dtype=bool)
        if len(some):
            some = some[np.lexsort((moves.size[some], by[some]))]
            first = some[nearest(moves.point[some], np.arange(len(some), dtype=np.float64))]
            self.points[active[moves.point[first]], moves.column[first]] = moves.value[first]
            moved[moves.point[first]] = True
        return moved

    def _next(self, place: int) -> None:
        attempts = _ATTEMPTS.get(self.around.norm, _ATTEMPTS[""])
        if not np.isfinite(self.size[place]) or self.size[place] == 0:
            self.waits[place] = False
            return
        if self._number[place] + 1 >= len(attempts):
            if not self._gained[place]:
                self.waits[place] = False
                return
            self._number[place], self._gained[place] = -1, False
        self._number[place] += 1
        kind, share, room = attempts[self._number[place]]
        self._room[place], self._climbs[place] = room * self.size[place], 0
        self.points[place] = self._smaller(self.nearest[place], kind, share, float(self._room[place]))

    def _smaller(self, point: Array, kind: str, share: float, room: float) -> Array:
        around, origin = self.around, self.around.origin
        change = point - origin
        if kind == "origin":
            return origin.copy()
        if kind == "cut":
            change = np.clip(change, -room * around.span, room * around.span)
        elif kind == "scaled":
            change = share * change
        else:
            order = np.argsort(-np.abs(change) / around.span, kind="stable")
            change[order[int(share) : int(share) + 1]] = 0.0
        change = np.where(around.whole, np.trunc(change), change)
        words = around.columns
        change[words] = np.where(room < 1, 0.0, (point - origin)[words] if kind != "without" else change[words])
        smaller: Array = origin + change
        return smaller
