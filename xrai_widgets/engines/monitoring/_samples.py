"""Two samples of numbers: the distances of their distribution functions, with intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._statistics import LEVEL, Estimate
from xrai_widgets.engines.monitoring._shares import Rows, redrawn

GROUPS, DRAWS = 64, 500  # cells and redraws for the intervals of distances
_SIGMA = 1.349  # IQR of the standard normal distribution


class Distances(NamedTuple):
    """Distances of two distribution functions F and G."""

    ks: Array
    w1: Array
    cvm: Array


@dataclass(frozen=True, eq=False)
class TwoSamples:
    """Two sorted samples of numbers, none missing and none empty, on their pooled distinct values.

    Parameters
    ----------
    before, now : array
        Sorted.
    """

    before: Array
    now: Array

    @classmethod
    def of(cls, before: Array, now: Array) -> "TwoSamples":
        """Return two samples, their missing numbers left out."""
        return cls(*(np.sort(part[~np.isnan(part)]) for part in (before, now)))

    @cached_property
    def pooled(self) -> tuple[Array, Rows]:
        """Distinct values of both, rising, and how often either holds each."""
        both = np.concatenate([self.before, self.now])
        order = np.argsort(both, kind="stable")  # of two sorted runs: a merge
        values, first = both[order], order < len(self.before)
        last = np.append(np.flatnonzero(values[1:] != values[:-1]), len(values) - 1)
        mine = np.diff(np.cumsum(first)[last], prepend=0)
        return values[last], Rows(mine, np.diff(last, prepend=-1) - mine)

    @cached_property
    def tied(self) -> bool:
        """Whether any value is there twice."""
        return len(self.pooled[0]) < len(self.before) + len(self.now)

    @property
    def spread(self) -> float:
        """The baseline's interquartile range over that of the standard normal distribution: robust units."""
        low, high = np.quantile(self.before, [0.25, 0.75])
        return float(high - low) / _SIGMA

    @cached_property
    def distances(self) -> Distances:
        """Kolmogorov–Smirnov D, Wasserstein-1 in the data's own units, and Cramér–von Mises ω²."""
        values, rows = self.pooled
        return distances(values, rows)

    def in_bins(self, bins: int) -> Rows:
        """Return counts between the baseline's quantiles, tied ones merged and the ends open.

        A value that more of the baseline holds than a bin should is a bin of its own: else what lies below it would be
        counted with it, and nothing could be seen of a column whose largest value is that one.
        """
        edges = np.unique(np.quantile(self.before, np.arange(1, bins) / bins))
        held = np.subtract(*(np.searchsorted(self.before, edges, side=side) for side in ("right", "left")))
        heavy = edges[held * bins > len(self.before)]
        counts = []
        for part in (self.before, self.now):
            cuts = [np.searchsorted(part, edges, side="right"), np.searchsorted(part, heavy, side="left")]
            counts.append(np.diff(np.sort(np.concatenate(cuts)), prepend=0, append=len(part)))
        return Rows(*counts)

    def estimates(self, rng: np.random.Generator) -> tuple[Estimate, Estimate]:
        """Return D and Wasserstein-1 in robust units with 95 % intervals.

        Notes
        -----
        The samples are grouped at quantiles of both, and both rows of counts are redrawn. A redraw is less its mean
        bias, and less that of the samples themselves, from 0 on. The latter is that of redraws of F − G shrunk towards
        0, wholly up to the size that clean samples reach in 2.5 % of draws: both statistics are too large on average,
        most where there is nothing.
        """
        values, rows = self.pooled
        ends = np.unique(np.linspace(0, len(values), min(GROUPS, len(values)) + 1).astype(int)[:-1])
        grouped = Rows(*(np.add.reduceat(part, ends) for part in rows))
        centres = np.add.reduceat(values * (rows.before + rows.now), ends) / (grouped.before + grouped.now)
        again = Rows(*(redrawn(part, rng, DRAWS) for part in grouped))
        gap, drawn = _gap(grouped), _gap(again)
        ks = _debiased(float(self.distances.ks), gap, drawn, lambda part: np.abs(part).max(axis=-1), 1.0)
        steps = np.diff(centres)
        units = _units(again.before, centres)
        w1 = _debiased(float(self.distances.w1), gap, drawn, lambda part: np.abs(part[..., :-1]) @ steps, units=units)
        unit = self.spread
        if unit == 0:
            return ks, Estimate(float("nan"), 0.0, float("inf"))
        return ks, Estimate(*(end / unit for end in w1))


def _gap(rows: Rows) -> Array:
    n, m = (part.sum(axis=-1, keepdims=True) for part in rows)
    gap: Array = np.cumsum(rows.before, axis=-1) / n - np.cumsum(rows.now, axis=-1) / m
    return gap


def _units(drawn: Array, centres: Array) -> Array:
    """Return the interquartile range of redraws of counts over the median one, 1 where there is none."""
    shares = np.cumsum(drawn, axis=1) / drawn.sum(axis=1, keepdims=True)
    ranges = np.array([np.subtract(*np.interp([0.75, 0.25], row, centres)) for row in shares])
    middle = float(np.median(ranges))
    units: Array = np.where(ranges > 0, ranges, middle) / middle if middle > 0 else np.ones(len(ranges))
    return units


def _debiased(
    value: float,
    gap: Array,
    drawn: Array,
    size: Callable[[Array], Array],
    least: float = 0.0,
    units: Array | None = None,
) -> Estimate:
    """Return a norm of F − G with its interval; see `TwoSamples.estimates`.

    The lower end is at least ``least`` times as far away as that of a share where F and G differ most: the place was
    chosen. ``units`` (draws,) are those of the redraws over those of the sample.
    """
    noise, plain = drawn - gap, float(size(gap))
    clean = float(np.quantile(size(noise), (1 + LEVEL) / 2))
    shrunk = gap * max(0.0, 1 - (clean / plain) ** 2) if plain > 0 else gap * 0.0
    bias = float(size(shrunk + noise).mean() - size(shrunk))
    sizes = size(drawn) if units is None else size(drawn) / units
    below, above = np.abs(np.quantile(sizes, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - float(sizes.mean()))
    below = max(float(below), float(np.quantile(noise[:, int(np.abs(gap).argmax())], (1 + LEVEL) / 2)) * least)
    low, high = max(value - bias - below, 0.0), value + float(above)
    return Estimate(value, min(float(low), value), max(float(high), value))


def distances(values: Array, rows: Rows) -> Distances:
    """Return the distances of two samples, or of many pairs of them, by their counts at rising values.

    ω² is nm/N² times the sum of (F − G)² over both samples; where several share a value, the mean of both of its sides.
    """
    n, m = (part.sum(axis=-1, keepdims=True) for part in rows)
    gap = np.cumsum(rows.before, axis=-1) / n - np.cumsum(rows.now, axis=-1) / m
    gap[..., -1] = 0.0
    weights = rows.before + rows.now
    square = np.square(gap)
    both_sides = square + np.concatenate([np.zeros_like(square[..., :1]), square[..., :-1]], axis=-1)
    scale = (n * m / np.square(n + m))[..., 0]
    return Distances(
        np.abs(gap).max(axis=-1),
        (np.abs(gap[..., :-1]) * np.diff(values)).sum(axis=-1),
        scale * (weights * both_sides).sum(axis=-1) / 2,
    )
