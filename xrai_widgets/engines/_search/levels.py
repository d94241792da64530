"""The values at which a model made of trees changes its prediction, as places to go to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._space import Space

_BEYOND = 2.5e-7  # of the size of a value: scikit-learn and others compare in float32, behind a scaler
_CELLS, _FIRST = 4000, 64  # combinations of levels that are looked at for one instance, and so many at first


@dataclass(frozen=True, eq=False)
class Levels:
    """Thresholds of each column, rising; none for categories, members of a group and columns that must not change.

    Parameters
    ----------
    values : tuple of arrays
    beyond : array (d,)
        How far beyond a threshold one must go.
    edges : array (d,)
        Below lies what is missing: −∞ where nothing is.
    """

    values: tuple[Array, ...]
    beyond: Array
    edges: Array

    @classmethod
    def of(cls, thresholds: Sequence[Array], space: Space) -> "Levels":
        """Return the thresholds inside the ranges of a space; between whole numbers where only those occur."""
        values = []
        for column, (cuts, kind) in enumerate(zip(thresholds, space.constraints, strict=True)):
            numeric = kind.kind != "category" and not kind.group and not space.fixed[column]
            cuts = np.asarray(cuts, dtype=np.float64) if numeric else np.empty(0)
            if kind.kind == "integer":  # on which side of a whole threshold it lies itself depends on the library
                whole = cuts == np.rint(cuts)
                cuts = np.unique(np.r_[np.floor(cuts) + 0.5, cuts[whole] - 0.5])
            values.append(cuts)
        size = np.maximum(np.abs(space.bounds).max(axis=0), 1e-30)
        edges = np.full(len(size), -np.inf) if space.blanks is None else space.blanks.edges
        return cls(tuple(values), _BEYOND * size, edges)

    def after(self, column: int, cuts: Array, origin: Array) -> Array:
        """Return the values just beyond ``cuts``, seen from the origins."""
        up = cuts >= origin
        moved: Array = cuts + np.where(up, self.beyond[column], -self.beyond[column])
        return moved

    def snap(self, points: Array, origins: Array, cells: int = 0) -> Array:
        """Return the points with every column moved back towards its origin as far as no threshold is crossed.

        Or as far as so many ``cells`` are left behind.
        """
        snapped = points.copy()
        for column, cuts in enumerate(self.values):
            to, start = points[:, column], origins[:, column]
            if not len(cuts) or not (to != start).any():
                continue
            padded = np.r_[np.full(cells + 1, -np.inf), cuts, np.full(cells + 1, np.inf)]
            place = np.searchsorted(cuts, to, "left")
            below, above = padded[place], padded[place + 2 * cells + 1]
            rises, falls = (to > start) & (start >= self.edges[column]), to < start  # filled is filled
            beyond = self.beyond[column]
            up = np.where(below >= start, np.minimum(below + beyond, to), start)
            down = np.where(above <= start, np.maximum(above - beyond, to), start)
            snapped[:, column] = np.where(rises, up, np.where(falls, down, to))
        return snapped


def snap(contrast: Contrast, incumbents: Incumbents, levels: Levels, owner: Array) -> None:
    """Make what is found as small as its cell allows."""
    if len(owner):
        points = levels.snap(incumbents.points[owner], contrast.origins[owner])
        incumbents.ask(contrast, contrast.allowed(points, owner), owner)


def enumerate_cells(contrast: Contrast, incumbents: Incumbents, levels: Levels) -> Array:
    """Try the combinations of levels that cost less than what is found, the cheapest first; fill ``incumbents``.

    Returns
    -------
    bool array (n,)
        For which instances none is left that costs less: what is found is the optimum.
    """
    n = len(contrast.samples)
    settled = np.zeros(n, dtype=bool)
    if contrast.penalty is not None or any(
        kind.kind == "category" or kind.group for kind in contrast.space.constraints
    ):
        return settled
    waiting = {}
    for number in range(n):
        cells = _cells(contrast, number, levels, float(incumbents.cost[number]))
        if cells is None:
            continue
        if len(cells):
            waiting[number] = cells
        else:  # nothing that is nearer could get another label
            settled[number] = True
    first, size = 0, _FIRST
    while waiting:
        parts = {number: cells[first : first + size] for number, cells in waiting.items()}
        asked = np.vstack([*parts.values()])
        owner = np.repeat(np.array([*parts]), [len(part) for part in parts.values()])
        _, _, success = incumbents.ask(contrast, contrast.allowed(asked, owner), owner)
        first, size = first + size, 2 * size
        for number in np.unique(owner[success]):
            waiting.pop(int(number))
            settled[number] = True
        for number in [number for number, cells in waiting.items() if first >= len(cells)]:
            waiting.pop(number)
            settled[number] = True
    # a rule may tell samples apart that the trees do not
    return settled & (contrast.scorer.decide is None)


def _cells(contrast: Contrast, number: int, levels: Levels, most: float) -> Array | None:
    """Return the nearest points of the cells around an instance, rising in cost, or None if they are too many."""
    origin, low, high = contrast.origins[number], contrast.low[number], contrast.high[number]
    active, sides, sizes, count = [], [], [], 1
    for column, cuts in enumerate(levels.values):
        room = np.array([0.0])
        if len(cuts) and low[column] < high[column]:
            values = levels.after(column, cuts, np.full(len(cuts), origin[column]))
            if gap := contrast.fillable[number, column]:
                values = np.r_[contrast.space.bounds[0, column], values]
            if contrast.space.constraints[column].kind == "integer":
                values = np.rint(values)
            values = np.unique(values[(values >= low[column]) & (values <= high[column])])
            change = (values - origin[column]) / contrast.span[column]
            size = np.full(len(change), contrast.room[column]) if gap else np.abs(change)
            near = contrast.priced(size[:, None])
            room, size = np.r_[0.0, change[near < most]], np.r_[0.0, size[near < most]]
        if len(room) > 1:
            active.append(column)
            sides.append(room)
            sizes.append(size)
            count *= len(room)
        if count > 4 * _CELLS:
            return None
    if not sides:
        return np.empty((0, len(origin)))
    grid, size = (
        np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1) for axes in (sides, sizes)
    )
    cost = contrast.priced(size)
    order = np.argsort(cost, kind="stable")
    order = order[(cost[order] > 0) & (cost[order] < most)]
    if len(order) > _CELLS:
        return None
    points = np.tile(origin, (len(order), 1))
    points[:, active] += grid[order] * contrast.span[active]
    return points
