"""Limits on a prediction, as two or three classes: on which side of them does it lie?"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xrai_widgets.core import Array, Gradient, NotApplicable, Predict
from xrai_widgets.engines._search.scorer import Scorer

_PREDICTIONS = 10_000  # samples from which limits are proposed
_SPREAD = 1000  # and the unit of the scores


@dataclass(frozen=True, eq=False)
class Zones:
    """The parts into which limits cut the predictions, as classes with scores.

    The first class is what no limit is broken by: at most ``above``, at least ``below``, or between the two. A class
    leads by as much, in units, as the prediction lies beyond its limit; one that lies on it breaks none.

    Parameters
    ----------
    above, below : float, optional
        In y's unit; of both, ``below`` is not above ``above``.
    unit : float
        The unit of the scores, in that of y: a power of two, dividing by which rounds nothing.
    """

    above: float | None
    below: float | None
    unit: float = 1.0

    @classmethod
    def of(cls, above: float | None, below: float | None, predictions: Array) -> "Zones":
        """Return the zones, their scores in a unit near the spread of some predictions."""
        spread = float(np.std(predictions))
        return cls(above, below, float(2.0 ** np.floor(np.log2(spread))) if spread > 0 else 1.0)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the classes are called."""
        if self.below is None:
            return f"at most {self.above:.6g}", f"above {self.above:.6g}"
        if self.above is None:
            return f"at least {self.below:.6g}", f"below {self.below:.6g}"
        return f"{self.below:.6g} to {self.above:.6g}", f"below {self.below:.6g}", f"above {self.above:.6g}"

    @cached_property
    def _limits(self) -> tuple[Array, Array]:
        """Sign and limit of each class but the first."""
        sides = [(-1.0, self.below), (1.0, self.above)]
        sides_given = [(sign, limit / self.unit) for sign, limit in sides if limit is not None]
        sign, limit = zip(*sides_given, strict=True)
        return np.array(sign), np.array(limit)

    def scores_of(self, predictions: Array) -> Array:
        """Return (n, k) scores of predictions (n,)."""
        sign, limit = self._limits
        beyond = sign * (np.asarray(predictions, dtype=np.float64)[:, None] / self.unit - limit)
        return np.hstack([np.zeros((len(beyond), 1)), beyond])

    def predictions(self, scores: Array) -> Array:
        """Return the predictions (n,) that have these scores."""
        sign, limit = self._limits
        predictions: Array = (scores[:, 1] * sign[0] + limit[0]) * self.unit
        return predictions

    def codes(self, predictions: Array) -> Array:
        """Return the class (n,) of predictions, or of true values."""
        codes: Array = self.scores_of(predictions).argmax(axis=1)
        return codes

    def asking(self, predict: Predict) -> Predict:
        """Return samples → scores."""
        return _Scores(predict, self)

    def scorer(self, scorer: Scorer) -> Scorer:
        """Return the scorer of a model that predicts values: their scores for the classes."""
        scores, slopes = self.asking(scorer.predict), None
        if scorer.gradient is not None:
            slopes = _Slopes(scorer.gradient, np.r_[0.0, self._limits[0]] / self.unit)
        return Scorer(scores, scores, slopes, scorer.shape, scorer.rows)


@dataclass(frozen=True, eq=False)
class _Scores:
    predict: Predict
    zones: Zones

    def __call__(self, X: Array) -> Array:
        return self.zones.scores_of(self.predict(X))


@dataclass(frozen=True, eq=False)
class _Slopes:
    """The derivative of minus each score: in differences it is that of a cross-entropy."""

    gradient: Gradient
    sign: Array

    def __call__(self, X: Array, y: Array) -> Array:
        flow: Array = self.gradient(X, y) * -self.sign[y].reshape(-1, *[1] * (X.ndim - 1))
        return flow


def zones_of(task: str, above: float | None, below: float | None, predict: Predict, X: Array) -> Zones | None:
    """Return the zones of a regression; None for a classification.

    Parameters
    ----------
    X : array (n, …)
        Held-out samples, of which the predictions propose limits, and the unit of the scores.

    Raises
    ------
    NotApplicable
        for a regression without limits, with some that are proposed; and for a classification with limits.
    ValueError
        if ``below`` exceeds ``above``.
    """
    if task == "classification":
        if above is not None or below is not None:
            reason = "above and below are for a regression: for a classification, another class is searched"
            raise NotApplicable(reason, "above=None, below=None")
        return None
    if above is None and below is None:
        raise NotApplicable(*_proposal(np.asarray(predict(X[:_PREDICTIONS]))))
    if above is not None and below is not None and below > above:
        raise ValueError(
            f"below must be at most above = {above:g}, got {below:g}: with both, predictions below the one, between "
            "them and above the other are distinguished"
        )
    return Zones.of(above, below, predict(X[:_SPREAD]))


def _proposal(predictions: Array) -> tuple[str, str]:
    """Return why a limit is needed, and some that divide the predictions."""
    low, high = (float(f"{number:.3g}") for number in np.quantile(predictions, (0.25, 0.75)))
    asks = "a regression has no other class: above or below which value, in the unit of y, should the prediction come?"
    return (
        f"{asks} The quartiles of the held-out predictions propose above={high:g}, or below={low:g}: set one in the "
        f"form, or pass it (--set above={high:g} on the command line)",
        f"above={high:g}",
    )
