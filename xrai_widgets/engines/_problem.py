"""What an attack asks: does this changed sample get another label?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from xrai_widgets.core import Array, Gradient, Predict
from xrai_widgets.core.decision import labels
from xrai_widgets.engines._band import seen
from xrai_widgets.engines._meter import Meter
from xrai_widgets.engines._space import Norm, Space, unit


@dataclass(frozen=True, eq=False)
class Problem:
    """Samples under attack.

    Parameters
    ----------
    predict : callable
    space : Space
    samples : array (n, d)
        Flat originals.
    labels : int array (n,)
        The model's label for each: an adversarial sample gets another one.
    numbers : int array (n,)
        Names of the samples' random streams: a sample is attacked alike whichever others are attacked with it.
    shape : tuple of int
        Shape of one sample for ``predict``.
    norm : {"l0", "l1", "l2", "linf"}
    rows : int
        How many samples may be held at once.
    decide : callable, optional
        Says the model's classes where they are not the most probable ones.
    offsets : array (n, k), optional
        What each sample adds to the outputs for its changes before the largest one decides the label: a `Band`.
    meter : Meter, optional
        What may be asked about each sample; what it refuses counts as not changed.
    """

    predict: Predict
    space: Space
    samples: Array
    labels: Array
    numbers: Array
    shape: tuple[int, ...]
    norm: Norm
    rows: int
    decide: Predict | None = None
    offsets: Array | None = None
    meter: Meter | None = None

    @cached_property
    def origins(self) -> Array:
        """Coordinates of the originals (n, D)."""
        return self.space.to_coordinates(self.samples)

    def classes(self, samples: Array) -> Array:
        """Return the model's classes for flat samples."""
        parts = [
            labels(self.predict, self.decide, samples[start : start + self.rows].reshape(-1, *self.shape))
            for start in range(0, len(samples), self.rows)
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.intp)

    def outputs(self, samples: Array) -> Array:
        """Return what `seen` turns into labels: the model's classes (r,), or with ``offsets`` its outputs (r, k)."""
        if self.offsets is None:
            return self.classes(samples)
        parts = [samples[start : start + self.rows] for start in range(0, max(len(samples), 1), self.rows)]
        return np.concatenate([self.predict(part.reshape(-1, *self.shape)) for part in parts])

    def seen(self, outputs: Array, owner: Array | int) -> Array:
        """Return the labels (r,) as those of changes of the samples ``owner``."""
        return seen(outputs, self.offsets, owner)

    def adversarial(self, points: Array, owner: Array) -> Array:
        """Return whether each point (r, D), a change of the sample number ``owner``, gets another label."""
        verdicts = np.zeros(len(points), dtype=bool)
        granted = self.granted(owner)
        for start in range(0, len(granted), self.rows):
            part = granted[start : start + self.rows]
            changed = self.space.to_samples(points[part], self.samples[owner[part]])
            verdicts[part] = self.seen(self.outputs(changed), owner[part]) != self.labels[owner[part]]
        return verdicts

    def granted(self, owner: Array, each: int = 1) -> Array:
        """Return the places of the rows that may be asked about the samples ``owner``, at ``each`` queries."""
        if self.meter is None:
            return np.arange(len(owner))
        return np.flatnonzero(self.meter.grant(owner, each))

    def some(self, rows: Array) -> "Problem":
        """Return the same for some of the samples."""
        parts = {name: getattr(self, name)[rows] for name in ("samples", "labels", "numbers")}
        offsets = None if self.offsets is None else self.offsets[rows]
        return replace(self, **parts, offsets=offsets, meter=None if self.meter is None else self.meter.part(rows))

    def distances(self, points: Array, owner: Array) -> Array:
        """Return how far the allowed samples nearest to the points are from their originals."""
        originals = self.samples[owner]
        return self.space.distance(self.space.to_samples(points, originals), originals, self.norm)

    def around(self, owner: Array) -> tuple[Array, Array, Array]:
        """Return the coordinates of the originals of the samples ``owner``, and the ends of the box around them."""
        origins = self.origins[owner]
        return (origins, *self.space.box_around(origins))

    def held(self, points: Array, radius: float, around: Sequence[Array]) -> Array:
        """Return the points, moved into the ball, of the largest change or else of the length, and into the box.

        Parameters
        ----------
        around : three arrays (r, D)
            Originals, and the ends of the box: those of `around`.
        """
        origins, low, high = around
        change: Array = (points - origins) * self.space.free
        if self.norm == "linf":
            change = np.clip(change, -radius, radius)
        else:
            size = np.linalg.norm(change, axis=1, keepdims=True)
            change = change * np.minimum(1.0, radius / np.maximum(size, 1e-12))
        moved: Array = np.clip(origins + change, low, high)
        return moved

    def along(self, slope: Gradient, points: Array, others: Array) -> Array:
        """Return by coordinates (r, D) what ``slope(X, others)`` gives by features, at points as they are."""
        space = self.space
        samples = points * space.slopes + space.bounds[0]
        parts = [
            slope(samples[a : a + self.rows].reshape(-1, *self.shape), others[a : a + self.rows])
            for a in range(0, len(samples), self.rows)
        ]
        flow: Array = np.concatenate(parts).reshape(len(points), -1) * space.slopes * space.free
        return flow

    def way(self, slope: Array) -> Array:
        """Return the direction in which steps of the norm go along a slope (r, D): its signs, or length 1."""
        return np.sign(slope) if self.norm == "linf" else unit(slope)

    def pull(self, points: Array, owner: Array, tolerance: float) -> Array:
        """Move adversarial points towards their originals, by bisection, until just before the label changes back.

        For ``l1`` and ``l2`` along the straight line, for ``linf`` by shrinking the cube around the original, for
        ``l0`` by taking back the smallest changes first.
        """
        if self.norm == "l0":
            return self._take_back(points, owner)
        origins = self.origins[owner]
        change = points - origins
        reach = np.abs(change).max(axis=1) if self.norm == "linf" else np.ones(len(points))
        low, high = np.zeros(len(points)), reach.copy()
        best = points.copy()
        for _ in range(int(np.ceil(np.log2(1 / tolerance)))):
            middle = (low + high) / 2
            if self.norm == "linf":
                tried = origins + np.clip(change, -middle[:, None], middle[:, None])
            else:
                tried = origins + middle[:, None] * change
            still = self.adversarial(tried, owner)
            high, low = np.where(still, middle, high), np.where(still, low, middle)
            best[still] = tried[still]
        return best

    def _take_back(self, points: Array, owner: Array) -> Array:
        """Return the points with as many of their smallest changes taken back as bisection finds to be not needed."""
        origins, row = self.origins[owner], np.arange(len(points))[:, None]
        size = np.abs(points - origins)
        rank = np.empty(size.shape, dtype=np.intp)
        rank[row, np.argsort(size, axis=1, kind="stable")] = np.arange(size.shape[1])
        low, high, best = (size == 0).sum(axis=1), np.full(len(points), size.shape[1]), points.copy()
        while len(some := np.flatnonzero(high - low > 1)):  # so many taken back are known to be few enough, too many
            middle = (low[some] + high[some]) // 2
            tried = np.where(rank[some] < middle[:, None], origins[some], points[some])
            still = self.adversarial(tried, owner[some])
            best[some[still]] = tried[still]
            low[some], high[some] = np.where(still, middle, low[some]), np.where(still, high[some], middle)
        return best


@dataclass(eq=False)
class Best:
    """The nearest adversarial sample found so far, for each sample under attack."""

    points: Array
    distance: Array

    @classmethod
    def nothing(cls, problem: Problem) -> "Best":
        """No sample found yet: infinite distance."""
        return cls(problem.origins.copy(), np.full(len(problem.samples), np.inf))

    def take(self, points: Array, owner: Array, distance: Array) -> None:
        """Keep those points that are nearer than what was known."""
        first = nearest(owner, distance)
        first = first[distance[first] < self.distance[owner[first]]]
        self.points[owner[first]] = points[first]
        self.distance[owner[first]] = distance[first]

    @property
    def success(self) -> Array:
        """Mask of the samples for which something was found."""
        return np.isfinite(self.distance)

    def reached(self, problem: Problem, attacked: Array) -> tuple[Array, Array]:
        """Return where the found ones stand among all drawn samples, of which a mask is attacked, and what they become.

        The samples (f, d) are flat, with marks where numbers are missing.
        """
        success = self.success
        return np.flatnonzero(attacked)[success], problem.space.to_samples(
            self.points[success], problem.samples[success]
        )


def nearest(owner: Array, distance: Array) -> Array:
    """Return for each owner the place of its smallest distance."""
    order = np.lexsort((distance, owner))
    first: Array = order[np.diff(owner[order], prepend=-1) > 0]
    return first


def settle(problem: Problem, best: Best, points: Array, owner: Array, tolerance: float) -> tuple[Array, Array]:
    """Pull adversarial points to the boundary, keep the nearest ones, and return all of them with their distances."""
    pulled = problem.pull(points, owner, tolerance)
    distance = problem.distances(pulled, owner)
    best.take(pulled, owner, distance)
    return pulled, distance
