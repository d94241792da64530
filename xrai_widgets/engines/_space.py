"""The space in which an attack moves: unit coordinates that respect ranges, categories and other constraints."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from xrai_widgets.core import Array, Constraint
from xrai_widgets.engines._missing import Blanks

Norm = Literal["l0", "l1", "l2", "linf"]
ROUNDING = 1e-9  # of a range: by so much a value may move on its way to coordinates and back


def unit(slope: Array) -> Array:
    """Return the rows (r, d), divided by their length; rows of zeros stay."""
    size = np.linalg.norm(slope, axis=1, keepdims=True)
    scaled: Array = np.divide(slope, size, out=np.zeros_like(slope), where=size > 0)
    return scaled


def length(change: Array, norm: Norm) -> Array:
    """Return the size (…,) of changes (…, d): how many parts there are, their sum, their length, or the largest.

    What is no more than the rounding of a column's value is no change.
    """
    if norm == "l2":
        size: Array = np.linalg.norm(change, axis=-1)
    elif norm == "linf":
        size = np.abs(change).max(axis=-1, initial=0.0)
    elif norm == "l1":
        size = np.abs(change).sum(axis=-1)
    else:
        size = (np.abs(change) > ROUNDING).sum(axis=-1).astype(np.float64)
    return size


@dataclass(frozen=True, eq=False)
class Space:
    """Samples ⇄ search coordinates.

    A number becomes ``(x − low) / scale``; a category column becomes one coordinate per category, 1 for the one that
    holds. Whatever an attack proposes, `to_samples` returns the nearest sample that may exist: inside the ranges,
    where a value that lies outside may stay or come nearer, whole numbers where only those occur, one category, one
    member of a one-hot group, immutable columns untouched, monotone ones changed in the allowed direction only.

    Parameters
    ----------
    bounds : array (2, d)
    constraints : sequence of Constraint
        One per column; empty if every column is a free number.
    scale : {"range", "raw"}
        Distances as shares of each column's range, or in raw units.
    blanks : Blanks, optional
        The marks of missing numbers: they stay, sample by sample, and nothing becomes one. Where the constraint of a
        column says that it is fillable, a mark may become any number of the range, at the cost of all of it.
    """

    bounds: Array
    constraints: Sequence[Constraint]
    scale: Literal["range", "raw"] = "range"
    blanks: Blanks | None = None
    _low: Array = field(init=False)
    _span: Array = field(init=False)
    _blocks: list[tuple[int, slice]] = field(init=False)
    _numeric: Array = field(init=False)
    _groups: list[Array] = field(init=False)

    def __post_init__(self) -> None:
        if self.bounds.ndim != 2 or len(self.bounds) != 2 or not (self.bounds[0] <= self.bounds[1]).all():
            raise ValueError(f"bounds must be (2, d) with the lowest values first, got {self.bounds!r}")
        low, high = self.bounds
        kinds = self.constraints or [Constraint() for _ in low]
        if len(kinds) != len(low):
            raise ValueError(f"constraints must be one per column ({len(low)}), got {len(kinds)}")
        categories = [column for column, kind in enumerate(kinds) if kind.kind == "category"]
        numeric = np.array([column for column in range(len(low)) if column not in categories], dtype=np.intp)
        blocks, start = [], len(numeric)
        for column in categories:
            width = len(kinds[column].categories)
            blocks.append((column, slice(start, start + width)))
            start += width
        names = {kind.group for kind in kinds if kind.group}
        groups = [np.array([c for c, kind in enumerate(kinds) if kind.group == name]) for name in sorted(names)]
        put = object.__setattr__
        put(self, "constraints", kinds)
        put(self, "_low", low)
        put(self, "_span", np.where(high > low, high - low, 1.0) if self.scale == "range" else np.ones_like(low))
        put(self, "_blocks", blocks)
        put(self, "_numeric", numeric)
        put(self, "_groups", groups)

    @cached_property
    def fixed(self) -> Array:
        """Mask of the columns that may not change: immutable ones, and those whose range is one value."""
        mask: Array = np.array([kind.immutable for kind in self.constraints]) | (self.bounds[1] <= self.bounds[0])
        return mask

    @cached_property
    def _bound(self) -> tuple[list[int], list[int], list[int]]:
        """Columns of whole numbers, those that may only rise, and those that may only fall."""
        kinds = list(enumerate(self.constraints))
        rising, falling = ([column for column, kind in kinds if sign * kind.monotone > 0] for sign in (1, -1))
        return [column for column, kind in kinds if kind.kind == "integer"], rising, falling

    @cached_property
    def free(self) -> Array:
        """Mask of the coordinates that may change."""
        parts = [~self.fixed[self._numeric]]
        parts += [np.full(block.stop - block.start, not self.fixed[column]) for column, block in self._blocks]
        return np.concatenate(parts)

    @cached_property
    def box(self) -> tuple[Array, Array]:
        """Lowest and highest value of every coordinate."""
        low, high = (
            (side[self._numeric] - self._low[self._numeric]) / self._span[self._numeric] for side in self.bounds
        )
        rest = sum(block.stop - block.start for _, block in self._blocks)
        return np.r_[low, np.zeros(rest)], np.r_[high, np.ones(rest)]

    @cached_property
    def fillable(self) -> Array:
        """Mask of the columns whose missing numbers may become numbers."""
        mask: Array = np.array([kind.fillable for kind in self.constraints]) & ~self.fixed
        return mask & (self.blanks is not None)

    def gaps(self, samples: Array) -> tuple[Array, Array]:
        """Return the masks (n, d) of what is missing in flat samples and stays so, and of what may be filled."""
        gone = self.missing(samples)
        return gone & ~self.fillable, gone & self.fillable

    def notes(self, samples: Array) -> list[str]:
        """Return what the reader must know about the missing numbers of flat samples."""
        return [] if self.blanks is None else self.blanks.notes(samples, self.fillable)

    def box_around(self, points: Array) -> tuple[Array, Array]:
        """Return the box (n, D) for changes of originals, which may lie outside the ranges themselves."""
        low, high = (np.minimum(self.box[0], points), np.maximum(self.box[1], points))
        if self.blanks is None:
            return low, high
        held = (points < self._edges) & ~self._filled
        return np.where(held, points, low), np.where(held, points, high)

    def held(self, points: Array, origins: Array) -> Array:
        """Return the coordinates of other samples as changes: what is missing here or there stays as in the origins."""
        if self.blanks is None:
            return points
        return np.where((points < self._edges) | ((origins < self._edges) & ~self._filled), origins, points)

    def empty(self, samples: Array) -> Array:
        """Return flat samples as the user has them, with missing numbers instead of their marks."""
        return samples if self.blanks is None else self.blanks.empty(samples)

    def missing(self, samples: Array) -> Array:
        """Return the mask (n, d) of what is missing in flat samples."""
        return np.zeros(samples.shape, dtype=bool) if self.blanks is None else self.blanks.marked(samples)

    @cached_property
    def _edges(self) -> Array:
        """Coordinates below which a mark lies; −∞ for categories."""
        assert self.blanks is not None
        edges = ((self.blanks.edges - self._low) / self._span)[self._numeric]
        every: Array = np.r_[edges, np.full(sum(block.stop - block.start for _, block in self._blocks), -np.inf)]
        return every

    @cached_property
    def _filled(self) -> Array:
        """Mask of the coordinates along which a mark may move."""
        rest = sum(block.stop - block.start for _, block in self._blocks)
        mask: Array = np.r_[self.fillable[self._numeric], np.zeros(rest, dtype=bool)]
        return mask

    @property
    def span(self) -> Array:
        """Raw units per unit of change, column by column."""
        return self._span

    @cached_property
    def slopes(self) -> Array:
        """Raw units per coordinate, for the chain rule; spaces with categories have none."""
        return self._span[self._numeric]

    def to_coordinates(self, samples: Array) -> Array:
        """Return (n, D) coordinates of flat samples (n, d)."""
        parts = [((samples - self._low) / self._span)[:, self._numeric]]
        for column, block in self._blocks:
            parts.append(np.eye(block.stop - block.start)[np.rint(samples[:, column]).astype(np.intp)])
        return np.hstack(parts)

    def to_samples(self, points: Array, origins: Array) -> Array:
        """Return the allowed samples (n, d) nearest to ``points`` (n, D), as changes of ``origins`` (n, d)."""
        samples = origins.astype(np.float64)
        raw = points[:, : len(self._numeric)] * self._span[self._numeric] + self._low[self._numeric]
        low, high = np.minimum(self.bounds[0], origins), np.maximum(self.bounds[1], origins)
        samples[:, self._numeric] = np.clip(raw, low[:, self._numeric], high[:, self._numeric])
        for column, block in self._blocks:
            samples[:, column] = points[:, block].argmax(axis=1)
        for group in self._groups:
            samples[:, group] = self._one_of(group, samples[:, group], origins[:, group])
        whole, rising, falling = self._bound
        samples[:, whole] = np.clip(np.rint(samples[:, whole]), np.ceil(low[:, whole]), np.floor(high[:, whole]))
        samples[:, rising] = np.maximum(samples[:, rising], origins[:, rising])
        samples[:, falling] = np.minimum(samples[:, falling], origins[:, falling])
        samples[:, self.fixed] = origins[:, self.fixed]
        if self.blanks is not None:
            still, gone = self.gaps(origins)
            below = np.zeros(samples.shape, dtype=bool)
            below[:, self._numeric] = raw < self.blanks.edges[self._numeric]
            samples[still | below] = origins[still | below]
            self._fill(samples, raw, gone & ~below)
        return samples

    def _fill(self, samples: Array, raw: Array, cells: Array) -> None:
        """Put allowed numbers in place of missing ones: no direction binds them."""
        for place, column in enumerate(self._numeric):
            if (put := cells[:, column]).any():
                low, high = self.bounds[:, column]
                whole = self.constraints[column].kind == "integer"
                value = np.clip(np.rint(raw[put, place]), np.ceil(low), np.floor(high)) if whole else raw[put, place]
                samples[put, column] = np.clip(value, low, high)

    def _one_of(self, group: Array, proposed: Array, origins: Array) -> Array:
        """Return one-hot rows: the largest of the proposed members among those that the original may become."""
        kinds, (low, high) = [self.constraints[column] for column in group], self.bounds[:, group]
        rises = np.array([not kind.immutable and kind.monotone >= 0 for kind in kinds]) & (high >= 1)
        falls = np.array([not kind.immutable and kind.monotone <= 0 for kind in kinds]) & (low <= 0)
        held = np.eye(len(group), dtype=bool)[origins.argmax(axis=1)]
        may = held | (rises & (held & falls).any(axis=1, keepdims=True))
        rows: Array = np.eye(len(group))[np.where(may, proposed, -np.inf).argmax(axis=1)]
        return rows

    def share(self, samples: Array, origins: Array) -> Array:
        """Return the size of the change of each column, (…, d).

        Any change of a category counts as 1, and any number in place of a missing one as the column's whole range.
        """
        change: Array = np.abs(samples - origins) / self._span
        if self.fillable.any():
            put = self.missing(origins) & ~self.missing(samples)
            change = np.where(put, (self.bounds[1] - self.bounds[0]) / self._span, change)
        for column, _ in self._blocks:
            change[..., column] = samples[..., column] != origins[..., column]
        return change

    def distance(self, samples: Array, origins: Array, norm: Norm) -> Array:
        """Return (n,) distances."""
        return length(self.share(samples, origins), norm)
