"""What a search looks for: which change alters the prediction, which part suffices to keep it, and at what cost?"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._band import seen
from xrai_widgets.engines._meter import Meter
from xrai_widgets.engines._search.scorer import Scorer
from xrai_widgets.engines._space import Space, length

Mode = Literal["PN", "PP"]
Price = Literal["elastic", "l0", "l1", "linf"]
_TINY = 1e-12
_AHEAD = 1e6  # lead of the own label where nothing may be asked
_SIGN = 1e-300  # a lead that is none, but for its sign


class Penalty(Protocol):
    """What is added to the cost of flat samples, and its derivative."""

    def __call__(self, flat: Array) -> Array:
        """Return (n,)."""

    def slope(self, flat: Array) -> Array:
        """Return (n, d)."""


def agreeing(gap: Array, other: Array) -> Array:
    """Return the leads of other classes with the sign that the predicted label demands."""
    return np.where(other, np.maximum(gap, _SIGN), np.minimum(gap, -_SIGN))


@dataclass(frozen=True, eq=False)
class Contrast:
    """Instances, and what counts as an explanation of them.

    A pertinent negative (PN) is an allowed change of the instance with another label; a pertinent positive (PP) lies
    between a baseline and the instance and has the instance's label. Both are counted from an origin: the PN from the
    instance, the PP from the baseline. Dhurandhar et al. 2018, equations 1 to 4.

    Parameters
    ----------
    mode : {"PN", "PP"}
    scorer : Scorer
    space : Space
    samples, labels : array (n, d), int array (n,)
        Flat instances, and the model's labels for them.
    origins, low, high : array (n, d)
        Where the search starts, and the box it stays in.
    kappa, beta : float
    penalty : Penalty, optional
        γ times the error of the autoencoder.
    price : {"elastic", "l0", "l1", "linf"}
        What a change costs: β‖δ‖₁ + ‖δ‖₂², or that norm.
    offsets : array (n, k), optional
        What each instance adds to the scores of its changes: a `Band`.
    meter : Meter, optional
        What may be asked about each instance; what it refuses counts as the instance's own label, by far.
    """

    mode: Mode
    scorer: Scorer
    space: Space
    samples: Array
    labels: Array
    origins: Array
    low: Array
    high: Array
    kappa: float
    beta: float
    penalty: Penalty | None = None
    price: Price = "elastic"
    offsets: Array | None = None
    meter: Meter | None = None

    def scores(self, flat: Array, owner: Array) -> Array:
        """Return (r, k) of samples that belong to the instances ``owner``."""
        scores = self.scorer.scores(flat, self.meter, owner)
        if self.meter is not None:
            scores = self._refused(scores, owner, self.meter.classes)
        return scores if self.offsets is None else scores + self.offsets[owner]

    def _refused(self, scores: Array, owner: Array, classes: int) -> Array:
        """Return the scores with those of the own label ahead where the model was not asked."""
        unknown = np.isnan(scores[:, 0])
        if scores.shape[1] == 1:  # of none it was asked
            scores = np.zeros((len(scores), classes))
        if unknown.any():
            scores[unknown] = 0.0
            scores[unknown, self.labels[owner[unknown]]] = _AHEAD
        return scores

    def predicted(self, flat: Array, owner: Array, scores: Array) -> Array:
        """Return the model's labels (r,), by its own rule where it has one."""
        if self.scorer.decide is None or self.meter is None:
            return self.scorer.labels(flat, scores)
        decided, granted = self.labels[owner].copy(), self.meter.grant(owner)
        if granted.any():
            decided[granted] = self.scorer.again(flat[granted])
        return decided

    def outputs(self, flat: Array) -> Array:
        """Return what `seen` turns into labels: classes (r,), or with ``offsets`` scores (r, k)."""
        return self.scorer.labels(flat) if self.offsets is None else self.scorer.scores(flat)

    def seen(self, outputs: Array, owner: Array | int) -> Array:
        """Return the labels (r,) as those of changes of the instances ``owner``."""
        return seen(outputs, self.offsets, owner)

    def judge(self, flat: Array, owner: Array) -> tuple[Array, Array, Array]:
        """Return (margin, class of the best rival, success) of samples that belong to the instances ``owner``.

        Where the model has a rule of its own, a success is judged by it, and the rival is what it decides instead; a
        margin that says the opposite is cut at 0.
        """
        scores = self.scores(flat, owner)
        label, row = self.labels[owner], np.arange(len(flat))
        predicted = self.predicted(flat, owner, scores)
        label_score = scores[row, label]
        others = scores.copy()
        others[row, label] = -np.inf
        rival: Array = others.argmax(axis=1)
        gap = others[row, rival] - label_score
        if self.scorer.decide is not None:
            rival = np.where(predicted != label, predicted, rival)
            gap = agreeing(others[row, rival] - label_score, predicted != label)
        margin = gap if self.mode == "PN" else -gap
        success = (margin >= self.kappa) & ((predicted == label) == (self.mode == "PP"))
        return margin, rival, success

    def cost(self, flat: Array, owner: Array) -> Array:
        """Return β‖δ‖₁ + ‖δ‖₂² + γ‖AE error‖²: the paper's objective but for the term that a success has at its end."""
        size = self.space.share(flat, self.origins[owner])
        total = self.priced(size)
        return total if self.penalty is None else total + self.penalty(flat)

    def priced(self, size: Array) -> Array:
        """Return what changes of the sizes (r, d) cost by themselves."""
        if self.price != "elastic":
            return length(size, self.price)
        total: Array = self.beta * size.sum(axis=1) + (size**2).sum(axis=1)
        return total

    def stretch(self, change: Array, cost: Array) -> Array:
        """Return the factors (r,) by which changes (r, d), in shares of the ranges, cost just ``cost``."""
        size = np.abs(change)
        if self.price == "l0":
            return np.ones(len(change))  # longer or shorter, it costs the same
        if self.price != "elastic":
            factor: Array = cost / np.maximum(length(size, self.price), 1e-300)
            return factor
        square, total = np.maximum((size**2).sum(axis=1), 1e-300), self.beta * size.sum(axis=1)
        root: Array = np.sqrt(total**2 + 4 * square * cost)
        share: Array = (root - total) / (2 * square)
        return share

    def allowed(self, flat: Array, owner: Array) -> Array:
        """Return the nearest samples that are allowed changes of their instances and lie in the box."""
        inside = np.clip(flat, self.low[owner], self.high[owner])
        if self._free and not self.space.fillable.any():
            return inside
        samples = self.space.to_samples(self.space.to_coordinates(inside), self.samples[owner])
        return np.clip(samples, self.low[owner], self.high[owner])

    def allowed_from(self, flat: Array, owner: Array) -> Array:
        """Return the allowed changes of the instances that come nearest to other real samples."""
        samples = self.space.to_samples(self.space.to_coordinates(flat), self.samples[owner])
        low, high = self.low[owner], self.high[owner]
        outside = (samples < low) | (samples > high)
        return np.where(outside & self._categories, self.samples[owner], np.clip(samples, low, high))

    @cached_property
    def moving(self) -> Array:
        """Mask of the columns that hold numbers of their own and may change for some instance."""
        numeric = np.array([kind.kind != "category" and not kind.group for kind in self.space.constraints])
        mask: Array = numeric & (self.low < self.high).any(axis=0)
        return mask

    @cached_property
    def fillable(self) -> Array:
        """Mask (n, d) of the missing numbers that a change may fill."""
        mask: Array = self.space.gaps(self.origins)[1] & (self.low < self.high)
        return mask

    @cached_property
    def _categories(self) -> Array:
        return np.array([kind.kind == "category" for kind in self.space.constraints])

    @cached_property
    def _free(self) -> bool:
        return all(kind.kind == "continuous" and not kind.group for kind in self.space.constraints)

    @cached_property
    def span(self) -> Array:
        """Raw units per unit of change."""
        return self.space.span

    @cached_property
    def still(self) -> Array:
        """Mask of the columns along which no slope is known: they stay as they are while others move."""
        differences = self.scorer.differences
        no_slope = self.scorer.gradient is None and differences is not None
        mask: Array = (differences.steps == 0) if no_slope and differences else np.zeros(len(self.span), dtype=bool)
        return mask

    def part(self, rows: slice | Array) -> "Contrast":
        """Return the same for some of the instances."""
        sliced = {name: getattr(self, name)[rows] for name in ("samples", "labels", "origins", "low", "high")}
        offsets = None if self.offsets is None else self.offsets[rows]
        return replace(self, **sliced, offsets=offsets, meter=None if self.meter is None else self.meter.part(rows))

    @cached_property
    def room(self) -> Array:
        """Ranges (d,) of the columns as changes: what it costs to fill a gap."""
        low, high = self.space.bounds
        ranges: Array = (high - low) / self.span
        return ranges

    @property
    def smooth(self) -> bool:
        """Whether every point of the box is allowed, so that closed forms hold."""
        return self._free and self.penalty is None
