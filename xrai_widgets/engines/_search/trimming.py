"""Taking changes back that were not needed, wholly or in part."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.levels import Levels, snap

_BACK = (0.0, 0.5, 0.8, 0.95)  # share of a change that is tried instead of all of it
_CELLS_BACK = (0.0, 0.5, 1.0)  # where thresholds are known; the last one stands for one cell less
_CELLS = (1, 4, 16, 64)  # that are left behind in one round
_LEAST = 1e-4  # relative saving below which taking back has ended


@dataclass(frozen=True, eq=False)
class Units:
    """What changes together: a column, or the columns of a one-hot group."""

    of: Array  # unit number of each column
    count: int

    @classmethod
    def read(cls, contrast: Contrast) -> "Units":
        names = [kind.group or f"\0{column}" for column, kind in enumerate(contrast.space.constraints)]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        return cls(np.array([numbers[name] for name in names]), len(numbers))


def trim(
    contrast: Contrast,
    incumbents: Incumbents,
    step: Step,
    partial: Partial = None,
    *,
    units: Units | None = None,
    rows: int = 100_000,
    back: tuple[float, ...] = _BACK,
    levels: Levels | None = None,
) -> None:
    """Take changes back, wholly or in part, as long as the explanation holds and becomes cheaper.

    Where the thresholds are known, a part ends just beyond one, and the smallest part is one cell.
    """
    units = units or Units.read(contrast)
    if levels is not None:
        back = _CELLS_BACK
        snap(contrast, incumbents, levels, np.flatnonzero(incumbents.done & (incumbents.cost > 0)))
    # each instance has its own place in ``back``: queries of all of them are put together
    stage, turns = np.zeros(len(incumbents.cost), dtype=int), np.zeros(len(incumbents.cost), dtype=int)
    size = max(1, rows // units.count)
    while len(owner := np.flatnonzero(incumbents.done & (incumbents.cost > 0) & (stage < len(back)))):
        step(float(stage[owner].min()) / len(back), f"{contrast.mode}: taking back what is not needed", partial)
        before = incumbents.cost[owner].copy()
        for start in range(0, len(owner), size):
            some = owner[start : start + size]
            _take_back(contrast, incumbents, some, units, np.array(back)[stage[some]], levels)
        turns[owner] += 1
        ended = owner[(incumbents.cost[owner] >= before * (1 - _LEAST)) | (turns[owner] >= 2 * units.count + 20)]
        stage[ended], turns[ended] = stage[ended] + 1, 0


def _take_back(
    contrast: Contrast, incumbents: Incumbents, owner: Array, units: Units, keep: Array, levels: Levels | None
) -> None:
    """Try every change alone, then the first 2, 4, 8, … of them together, those first that leave the largest margin.

    Of each instance a share ``keep`` of its changes is tried instead of all of it.
    """
    points = incumbents.points[owner]
    less, *farther = _less(contrast, points, owner, keep, levels)
    tried, place, differs = _singly(points, less, units)
    if not len(place):
        return
    more = [_singly(points, far, units, than)[:2] for than, far in zip([less, *farther], farther, strict=False)]
    asked = np.vstack([tried, *(rows for rows, _ in more)])
    whose = owner[np.concatenate([place, *(places for _, places in more)])]
    margin, rival, success = contrast.judge(asked, whose)
    incumbents.take(contrast, asked, whose, margin, rival, success)
    margin = margin[: len(place)]
    order = np.lexsort((-margin, place))
    rank = np.empty(len(order), dtype=np.intp)
    starts = np.r_[0, np.cumsum(np.bincount(place, minlength=len(owner)))]
    rank[order] = np.arange(len(order)) - starts[place[order]]
    ranks = np.full((len(owner), units.count), units.count)
    ranks[place, np.nonzero(differs)[1]] = rank
    changed = differs.sum(axis=1)
    counts = 2 ** np.arange(1, int(changed.max()).bit_length() + 1)
    row, which = np.nonzero(counts < 2 * changed[:, None])
    if len(row):
        first = ranks[row][:, units.of] < counts[which, None]
        incumbents.ask(contrast, np.where(first, less[row], points[row]), owner[row])


def _less(contrast: Contrast, points: Array, owner: Array, keep: Array, levels: Levels | None) -> list[Array]:
    """Return the points with less of every change, and among cells those with less and less of them."""
    less = [points.copy() for _ in _CELLS[: 1 if levels is None else None]]
    for share in np.unique(keep):
        rows = np.flatnonzero(keep == share)
        here, whose = points[rows], owner[rows]
        origins = contrast.origins[whose]
        if levels is not None and share == 1.0:
            nearer = [levels.snap(here, origins, cells) for cells in _CELLS]
        else:
            part = _towards(contrast, here, origins, float(share))
            nearer = [part if levels is None or share == 0 else levels.snap(part, origins)] * len(less)
        for one, part in zip(less, nearer, strict=True):
            one[rows] = contrast.allowed(part, whose)
    return less


def _singly(points: Array, less: Array, units: Units, than: Array | None = None) -> tuple[Array, Array, Array]:
    """Return the points with one change each taken back, whose they are, and the mask (n, units) of what differs.

    Where the same was done before (``than``) it is left out.
    """
    differs = np.zeros((len(points), units.count), dtype=bool)
    row, column = np.nonzero((less != points) if than is None else (less != than))
    differs[row, units.of[column]] = True
    place, unit = np.nonzero(differs)
    return np.where(units.of[None] == unit[:, None], less[place], points[place]), place, differs


def _towards(contrast: Contrast, points: Array, origins: Array, keep: float) -> Array:
    """Return the points with a share of every change; categories and one-hot columns go back wholly or not at all."""
    less = origins + keep * (points - origins)
    if keep > 0:
        whole = np.array([kind.kind == "category" or bool(kind.group) for kind in contrast.space.constraints])
        less[:, whole] = points[:, whole]
    return less
