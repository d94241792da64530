"""Decisions about sums of trees by an integer program that holds what can be reached and nothing else.

One number per cut of a column says whether the sample lies below it, one per leaf whether its tree ends there
(Kantchelian, Tygar, Joseph 2016, arXiv:1509.07892). All leaves of a tree on one side of a cut share a row, which makes
the relaxation tight (Mišić 2020, Operations Research 68(5)). Within a distance few leaves can be reached, and HiGHS
decides most forests at its first node.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._leaves import GRID, Leaves
from xrai_widgets.engines._reach import Reach

_ROOM = 1e-4  # of the largest leaf: a hundred times what the solver's tolerances make of a row
_ENTRIES = 20_000  # beyond, one relaxation takes too long to wait for


@dataclass(frozen=True, eq=False)
class Near:
    """Leaves within a distance of one sample, and the box in which all trees have one of them.

    Parameters
    ----------
    place : int array (m,)
        Which of the leaves they are.
    low, high : array (m, d)
    words : int array (m, c)
        Bits of the codes of each column of categories.
    margin : array (m,)
        What each adds to the rival's lead.
    tree : int array (m,)
    box : tuple of array (d,), array (d,), int array (c,)
        Lowest and highest numbers, codes.
    start : float
        The lead before.
    coarse : bool array (m,) or None
        Leaves that may be rounded when they are added: without any of them a tie is lost. None: no such thing.
    """

    place: Array
    low: Array
    high: Array
    words: Array
    margin: Array
    tree: Array
    box: tuple[Array, Array, Array]
    start: float
    coarse: Array | None

    @classmethod
    def of(cls, leaves: Leaves, reach: Reach, size: Array, radius: float, rival: int, label: int) -> "Near | None":
        """Return them; None where the rival cannot win, whichever of them meet."""
        near = np.flatnonzero(size <= radius)
        low, high, words = leaves.low[near], leaves.high[near], leaves.words[near]
        margin, tree = leaves.value[near, rival] - leaves.value[near, label], leaves.tree[near]
        start = float(leaves.base[rival] - leaves.base[label]) + leaves.slack(rival, label)
        bottom, top = (side[0] for side in reach.ball(np.array([radius])))
        codes = _codes(leaves, reach, radius)
        trees = len(np.unique(tree))
        while True:
            _, number = np.unique(tree, return_inverse=True)
            peak = np.full(trees, -np.inf)
            np.maximum.at(peak, number, margin)
            total = start + peak.sum()
            if total <= 0:
                return None
            may = margin - peak[number] + total > -_ROOM * np.abs(margin).max()
            alone = np.bincount(number[may], minlength=trees)[number] == 1  # where such trees end, the sample must lie
            alone &= may
            bottom = np.maximum(bottom, low[alone].max(axis=0, initial=-np.inf))
            top = np.minimum(top, high[alone].min(axis=0, initial=np.inf))
            codes = codes & np.bitwise_and.reduce(words[alone], axis=0, initial=-1)
            may &= ((low <= top) & (high >= bottom)).all(axis=1) & ((words & codes) != 0).all(axis=1)
            if len(np.unique(tree[may])) < trees or (bottom > top).any() or not codes.all():
                return None
            if may.all():
                coarse = ~leaves.fine[near] if rival > label and leaves.fine.any() else None
                low, high, words = np.maximum(low, bottom), np.minimum(high, top), words & codes
                return cls(near, low, high, words, margin, number, (bottom, top, codes), start, coarse)
            near, low, high, words, margin, tree = (part[may] for part in (near, low, high, words, margin, tree))


def _codes(leaves: Leaves, reach: Reach, radius: float) -> Array:
    """Return the bits of the codes that each column of categories may hold within the radius."""
    columns = leaves.columns
    present: Array = np.int64(1) << np.rint(reach.samples[0, columns]).astype(np.int64)
    if radius < 1.0:
        return present
    last = np.rint(reach.high[0, columns]).astype(np.int64)
    codes: Array = np.where(reach.still[columns], present, (np.int64(1) << (last + 1)) - 1 | present)
    return codes


@dataclass(eq=False)
class _Rows:
    """Sparse rows with their limits, as they come."""

    row: list[Array]
    column: list[Array]
    value: list[Array]
    least: list[Array]
    most: list[Array]
    n: int = 0

    def add(self, row: Array, column: Array, value: Array, least: Array, most: Array) -> None:
        """Take in rows that are numbered from 0."""
        self.row.append(row + self.n)
        self.column.append(column)
        self.value.append(value)
        self.least.append(least)
        self.most.append(most)
        self.n += len(least)


class Program:
    """Is there a sample in the box where the rival may win?"""

    def __init__(self, leaves: Leaves, near: Near, reach: Reach, rivals: tuple[int, int]) -> None:
        self.leaves, self.near, self.reach, self.rivals = leaves, near, reach, rivals
        self.rows = _Rows([], [], [], [], [])
        self.cuts: dict[int, tuple[int, Array]] = {}
        self.codes: dict[int, tuple[int, Array]] = {}
        self.n = len(near.tree)
        place, one = np.arange(self.n), np.ones(int(near.tree.max()) + 1)
        self.rows.add(near.tree, place, np.ones(self.n), one, one)
        self._lead(place)
        for column in np.flatnonzero((near.low > near.box[0]).any(axis=0) | (near.high < near.box[1]).any(axis=0)):
            self._numbers(int(column))
        for column in range(near.words.shape[1]):
            if (near.words[:, column] != near.box[2][column]).any():
                self._categories(column)

    def _lead(self, place: Array) -> None:
        """The row that lets the rival win; where nothing is rounded, by the least that it can lead.

        In units of the largest leaf: the solver's tolerances are no shares, and would hide small ones.
        """
        near = self.near
        unit = float(np.abs(near.margin).max()) or 1.0
        least = -near.start / unit - _ROOM
        row, half = np.zeros(len(place), dtype=np.intp), np.zeros(0)
        if near.coarse is not None:
            rounded = np.flatnonzero(near.coarse)
            self.rows.add(
                np.zeros(len(rounded) + 1, dtype=np.intp), np.r_[rounded, self.n],
                np.r_[-np.ones(len(rounded)), 1.0], np.full(1, -np.inf), np.zeros(1),
            )  # fmt: skip
            row, place, half = np.r_[row, 0], np.r_[place, self.n], np.full(1, GRID / 2 / unit)
            least += GRID / 2 / unit
            self.n += 1
        self.rows.add(row, place, np.r_[near.margin / unit, half], np.array([least]), np.full(1, np.inf))

    def _numbers(self, column: int) -> None:
        """Rows of one column of numbers: cells between cuts, and the leaves on one side of a cut."""
        low, high, tree = self.near.low[:, column], self.near.high[:, column], self.near.tree
        bottom, top = self.near.box[0][column], self.near.box[1][column]
        below = low - 1 if self.reach.whole[column] else np.nextafter(low, -np.inf)
        cuts = np.unique(np.r_[below[low > bottom], high[high < top]])
        first, last = np.where(low > bottom, np.searchsorted(cuts, below) + 1, 0), np.searchsorted(cuts, high)
        self.cuts[column] = self.n, cuts
        start, k = self.n, len(cuts)
        self.n += k
        ascending = np.repeat(np.arange(k - 1), 2)
        self.rows.add(
            ascending, start + ascending + np.tile([0, 1], k - 1), np.tile([1.0, -1.0], k - 1),
            np.full(k - 1, -np.inf), np.zeros(k - 1),
        )  # fmt: skip
        for bound, side, most in ((last, 1, 0.0), (first - 1, -1, 1.0)):
            real = (bound < k) if side > 0 else (bound >= 0)
            keys = np.unique(tree[real] * np.int64(k) + bound[real])
            of, cut = keys // k, keys % k
            member = (tree == of[:, None]) & ((bound <= cut[:, None]) if side > 0 else (bound >= cut[:, None]))
            row, leaf = np.nonzero(member)
            every = np.arange(len(keys))
            self.rows.add(
                np.r_[row, every], np.r_[leaf, start + cut], np.r_[np.ones(len(row)), np.full(len(keys), -float(side))],
                np.full(len(keys), -np.inf), np.full(len(keys), most),
            )  # fmt: skip

    def _categories(self, column: int) -> None:
        """Rows of one column of categories: one code, and the leaves that a set of codes leads to."""
        words, tree = self.near.words[:, column], self.near.tree
        allowed = int(self.near.box[2][column])
        codes = np.array([code for code in range(allowed.bit_length()) if allowed >> code & 1])
        self.codes[column] = self.n, codes
        start = self.n
        self.n += len(codes)
        self.rows.add(
            np.zeros(len(codes), dtype=np.intp), start + np.arange(len(codes)), np.ones(len(codes)),
            np.ones(1), np.ones(1),
        )  # fmt: skip
        for of, bits in {(int(t), int(w)) for t, w in zip(tree, words, strict=True) if w != allowed}:
            leaf = np.flatnonzero((tree == of) & (words & ~bits == 0))
            inside = start + np.flatnonzero(bits >> codes & 1)
            self.rows.add(
                np.zeros(len(leaf) + len(inside), dtype=np.intp), np.r_[leaf, inside],
                np.r_[np.ones(len(leaf)), -np.ones(len(inside))], np.full(1, -np.inf), np.zeros(1),
            )  # fmt: skip

    def solved(self, nodes: int) -> Array | bool:
        """Return a sample (d,) that the rival may win; False if there is none; True if that was not settled."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        rows, leaves = self.rows, len(self.near.tree)
        entries = np.concatenate(rows.value)
        if len(entries) > _ENTRIES:
            return True
        matrix = csr_array((entries, (np.concatenate(rows.row), np.concatenate(rows.column))), shape=(rows.n, self.n))
        limits = LinearConstraint(matrix, np.concatenate(rows.least), np.concatenate(rows.most))
        fractions = leaves + (self.near.coarse is not None)
        whole = np.r_[np.zeros(fractions), np.ones(self.n - fractions)]
        result: Any = milp(
            np.zeros(self.n), constraints=limits, integrality=whole, bounds=Bounds(0, 1), options={"node_limit": nodes}
        )
        if result.status == 2 and "infeasible" in result.message:  # a model in error has this number, too
            return False
        if result.x is None:
            return True
        return self._point(result.x)

    def _point(self, x: Array) -> Array | bool:
        """Return the point of the solution's cell that is nearest to the sample; True where the rival does not lead."""
        near = self.near
        point: Array = self.reach.samples[0].copy()
        low, high, bits = (part.copy() for part in near.box)
        for column, (start, cuts) in self.cuts.items():
            at = int((x[start : start + len(cuts)] < 0.5).sum())
            if at:
                step = 1.0 if self.reach.whole[column] else np.nextafter(cuts[at - 1], np.inf) - cuts[at - 1]
                low[column] = max(low[column], cuts[at - 1] + step)
            if at < len(cuts):
                high[column] = min(high[column], cuts[at])
        for column, (start, codes) in self.codes.items():
            bits[column] = 1 << int(codes[x[start : start + len(codes)].argmax()])
        inside = ((near.low <= high) & (near.high >= low)).all(axis=1) & ((near.words & bits) != 0).all(axis=1)
        held = near.place[inside]
        if len(held) != int(near.tree.max()) + 1 or not self.leaves.leads(held, *self.rivals):
            return True
        numbers = ~self.reach.words
        point[numbers] = np.clip(point, low, high)[numbers]
        for place, column in enumerate(np.flatnonzero(self.reach.words)):
            if not int(bits[place]) >> round(point[column]) & 1:
                point[column] = (int(bits[place]) & -int(bits[place])).bit_length() - 1
        return point


def by_program(
    leaves: Leaves, reach: Reach, size: Array, radius: float, rival: int, label: int, nodes: int
) -> Array | bool:
    """Return a sample (d,) within the radius where the rival may win; False if there is none; True: not settled.

    Parameters
    ----------
    reach : Reach
        Of this sample alone.
    size : array (leaves,)
        How far it is from the leaves.
    nodes : int
        Most nodes of the search.
    """
    near = Near.of(leaves, reach, size, radius, rival, label)
    if near is None:
        return False
    return Program(leaves, near, reach, (rival, label)).solved(nodes)
