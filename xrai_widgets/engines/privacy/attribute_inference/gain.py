"""How much better is a guess with the model than without it? Numbers with intervals over samples."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate


@dataclass(frozen=True, eq=False)
class Guessed:
    """How well one feature was guessed in one part of the samples.

    Parameters
    ----------
    kind : {"category", "number"}
    target : array (n,)
        Codes or ranks.
    with_model, without : array (n,)
        Score per sample: share of right guesses, or 1 minus the distance in ranks; averaged over splits.
    """

    kind: str
    target: Array
    with_model: Array
    without: Array

    @property
    def weights(self) -> Array:
        """What a sample counts: balanced over categories, or in units of the error of who knows nothing."""
        if self.kind == "number":
            blind = np.abs(self.target - np.median(self.target)).mean()
            return np.full(len(self.target), 1.0 / max(float(blind), 1e-12))
        _, codes, counts = np.unique(self.target, return_inverse=True, return_counts=True)
        weights: Array = len(codes) / (len(counts) * counts[codes])
        return weights

    @property
    def added(self) -> Array:
        """What each sample adds to the gain, which is their mean."""
        added: Array = self.weights * (self.with_model - self.without)
        return added

    def level(self, scores: Array, level: float) -> Estimate:
        """Return the balanced accuracy, or how much of the error of who knows nothing is saved.

        Wilson per category, put together by square-and-add (Zou and Donner 2008); Student's for numbers.
        """
        if self.kind == "number":
            saved = statistics.mean(self.weights * (scores - 1.0), level)
            return Estimate(1.0 + saved.value, 1.0 + saved.low, 1.0 + saved.high)
        shares = [
            statistics.wilson(float(scores[self.target == code].sum()), int((self.target == code).sum()), level)
            for code in np.unique(self.target)
        ]
        value, low, high = np.array(shares).T
        k = len(shares)
        centre = float(value.mean())
        return Estimate(
            centre,
            centre - float(np.sqrt(np.square(value - low).sum())) / k,
            centre + float(np.sqrt(np.square(high - value).sum())) / k,
        )

    def gain(self, level: float = statistics.LEVEL) -> Estimate:
        """Return the gain of the model over the guess without it, paired.

        Numbers: Student's. Categories: in each one Agresti and Min's interval for paired shares (2005: half a pair for
        each way in which two yes-or-no outcomes can meet), then the mean over categories with Welch's degrees of
        freedom.
        """
        if self.kind == "number":
            return statistics.mean(self.added, level)
        terms, centres = [], []
        apart = self.with_model - self.without
        codes = np.unique(self.target)
        for code in codes:
            differences = apart[self.target == code]
            n = len(differences) + 2.0
            mean = float(differences.sum()) / n
            terms.append(
                (((float(np.square(differences).sum()) + 1.0) / n - mean * mean) / n / len(codes) ** 2, n - 1.0)
            )
            centres.append(mean)
        variance = sum(term for term, _ in terms)
        freedom = variance**2 / sum(term**2 / left for term, left in terms)
        half = float(stats.t.ppf(0.5 + level / 2, freedom)) * float(np.sqrt(variance))
        value, centre = float(self.added.mean()), float(np.mean(centres))
        return Estimate(value, min(value, centre - half), max(value, centre + half))

    def within(self, scores: Array, tolerance: float) -> float:
        """Return the share of numbers guessed to within so many ranks (as a share of all); a gap for categories."""
        return float((scores >= 1.0 - tolerance).mean()) if self.kind == "number" else float("nan")


def minus(first: Estimate, second: Estimate) -> Estimate:
    """Return the difference of two independent numbers by square-and-add (Zou and Donner 2008)."""
    value = first.value - second.value
    below = float(np.hypot(first.value - first.low, second.high - second.value))
    above = float(np.hypot(first.high - first.value, second.value - second.low))
    return Estimate(value, value - below, value + above)
