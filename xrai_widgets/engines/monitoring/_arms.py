"""Metrics of a baseline and of a batch of other samples, and how much worse the batch is: unpaired intervals."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from xrai_widgets.core import Array
from xrai_widgets.engines._statistics import LEVEL, Estimate, auc, mean, newcombe, wilson

_REPEATS = 500
_LEAST = 1e-15  # probability that a logarithm is taken of
MOST_LOG_LOSS = float(-np.log(_LEAST))
_FEWEST = 30  # rows of either side whose redraws say how far a root of squares strays


@dataclass(frozen=True)
class Fall:
    """One metric on both sides, and how much worse it is on the batch (positive: worse)."""

    before: Estimate
    now: Estimate
    worse: Estimate

    @property
    def p(self) -> float:
        """The level at which the interval of the change would end at 0 (its ends scale as a normal one's)."""
        end = self.worse.low if self.worse.value > 0 else self.worse.high
        reach = abs(self.worse.value - end)
        if self.worse.value == 0 or not np.isfinite(reach):
            return 1.0
        z = float(stats.norm.ppf((1 + LEVEL) / 2))
        return float(2 * stats.norm.sf(abs(self.worse.value) / reach * z)) if reach > 0 else 0.0


def fall(before: Estimate, now: Estimate, *, rise: bool = False, span: float = np.inf) -> Fall:
    """Return how much a metric fell (or rose, where less is better), as `newcombe` has it."""
    return Fall(before, now, newcombe(now, before, span=span) if rise else newcombe(before, now, span=span))


def rise_of_means(before: Array, now: Array, *, least: float = 0.0, most: float = np.inf) -> Fall:
    """Return how much a mean of numbers from ``least`` to ``most`` rose, with Welch's interval.

    A sample whose numbers are all equal says nothing of how far others stray: there, the intervals of both means are
    squared and added, that of the equal ones by the share of others that may have been missed.
    """
    value = float(now.mean() - before.mean())
    terms = [float(part.var(ddof=1)) / len(part) if len(part) > 1 else np.inf for part in (before, now)]
    if not np.isfinite(sum(terms)):
        return Fall(mean(before), mean(now), Estimate(value, -np.inf, np.inf))
    if min(terms) == 0:
        return fall(_mean_of(before, least, most), _mean_of(now, least, most), rise=True, span=most - least)
    freedom = sum(terms) ** 2 / sum(t**2 / (len(p) - 1) for t, p in zip(terms, (before, now), strict=True))
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * float(np.sqrt(sum(terms)))
    return Fall(mean(before), mean(now), Estimate(value, value - half, value + half))


def _mean_of(part: Array, least: float, most: float) -> Estimate:
    if np.ptp(part) > 0:
        return mean(part)
    value, missed = float(part[0]), 1 - float(((1 - LEVEL) / 2) ** (1 / len(part)))
    ends = [value + missed * (end - value) if end != value else value for end in (least, most)]
    return Estimate(value, *ends)


def mean_of_shares(shares: list[Estimate]) -> Estimate:
    """Return the mean of independent shares, their intervals squared and added (Zou and Donner 2008)."""
    value = float(np.mean([one.value for one in shares]))
    below = float(np.sqrt(sum((one.value - one.low) ** 2 for one in shares))) / len(shares)
    above = float(np.sqrt(sum((one.high - one.value) ** 2 for one in shares))) / len(shares)
    return Estimate(value, max(value - below, 0.0), min(value + above, 1.0))


def recalls(labels: Array, y: Array, classes: int) -> list[Estimate]:
    """Return the share of each class's samples that get its label; NaN without any."""
    return [wilson(int((labels[y == c] == c).sum()), int((y == c).sum())) for c in range(classes)]


def precisions(labels: Array, y: Array, classes: int) -> list[Estimate]:
    """Return the share of each label's samples that are of its class; NaN without any."""
    return [wilson(int((y[labels == c] == c).sum()), int((labels == c).sum())) for c in range(classes)]


def ranking(outputs: Array, y: Array) -> Estimate | None:
    """Return the area under the curve of two classes; None where one is missing."""
    if outputs.shape[1] != 2 or len(np.unique(y)) < 2:
        return None
    return auc(outputs[y == 1, 1], outputs[y == 0, 1])


def log_losses(outputs: Array, y: Array) -> Array:
    """Return −ln p of the true class, p at least 10⁻¹⁵."""
    losses: Array = -np.log(np.clip(outputs[np.arange(len(y)), y], _LEAST, 1.0))
    return losses


def brier_losses(outputs: Array, y: Array) -> Array:
    """Return the squared distance of the probabilities from the truth; of two classes that of class 1 alone."""
    if outputs.shape[1] == 2:
        return np.asarray(np.square(outputs[:, 1] - y))
    truth = np.arange(outputs.shape[1]) == y[:, None]
    return np.asarray(np.square(outputs - truth).sum(axis=1))


def resampled(outputs: Array, y: Array, seed: list[int]) -> dict[str, Array]:
    """Return RMSE and R² of the sample, first, and of redraws of its rows."""
    n, rng = len(y), np.random.default_rng(seed)
    square = np.square(outputs - y)
    rows = np.empty((_REPEATS + 1, 2))
    for draw in range(_REPEATS + 1):
        taken = slice(None) if draw == 0 else rng.integers(0, n, n)
        truth = y[taken]
        spread = float(np.square(truth - truth.mean()).sum())
        error = float(square[taken].sum())
        rows[draw] = np.sqrt(error / n), 1 - error / spread if spread > 0 else np.nan
    return {"rmse": rows[:, 0], "r2": rows[:, 1]}


def of_redraws(before: Array, now: Array, sizes: tuple[int, int], *, rise: bool) -> Fall:
    """Return how much a metric fell (or rose) by redraws of both sides: percentile intervals (Efron 1979).

    ``sizes`` are the rows of both sides: redraws of few are all alike, and then nothing is known.
    """
    ends = (1 - LEVEL) / 2, (1 + LEVEL) / 2

    def estimate(drawn: Array, rows: int) -> Estimate:
        if rows < _FEWEST or np.isnan(drawn[0]) or not np.isfinite(drawn[1:]).any():
            return Estimate(float(drawn[0]), -np.inf, np.inf)
        low, high = np.nanquantile(drawn[1:], ends)
        return Estimate(float(drawn[0]), min(float(low), float(drawn[0])), max(float(high), float(drawn[0])))

    change = estimate(now - before if rise else before - now, min(sizes))
    return Fall(estimate(before, sizes[0]), estimate(now, sizes[1]), change)


@dataclass(frozen=True)
class Parts:
    """The fall of the accuracy in two parts that add up to it exactly: another mix of classes, and each class worse."""

    mix: Estimate
    within: Estimate


def parts_of_fall(right: tuple[Array, Array], y: tuple[Array, Array], classes: int) -> Parts | None:
    """Return Σ (π − π′)·acc and Σ π′·(acc − acc′) over classes; None where either side lacks a class of the other.

    Intervals: the mix by the variance of both class shares, the classes' falls (Newcombe) squared and added with the
    batch's shares.
    """
    counts = [np.bincount(part, minlength=classes).astype(float) for part in y]
    there = counts[0] + counts[1] > 0
    if (counts[0][there] == 0).any() or (counts[1][there] == 0).any():
        return None
    shares = [part / part.sum() for part in counts]
    by_class = [
        [wilson(int(hits[part == c].sum()), int((part == c).sum())) for c in np.flatnonzero(there)]
        for hits, part in zip(right, y, strict=True)
    ]
    accuracy = np.array([one.value for one in by_class[0]])
    weights, others = shares[1][there], shares[0][there]
    mix = float(((others - weights) * accuracy).sum())
    variance = sum(
        (float((share * accuracy**2).sum()) - float((share * accuracy).sum()) ** 2) / len(part)
        for share, part in ((others, y[0]), (weights, y[1]))
    )
    half = float(stats.norm.ppf((1 + LEVEL) / 2)) * float(np.sqrt(max(variance, 0.0)))
    falls = [fall(a, b).worse for a, b in zip(*by_class, strict=True)]
    value = float((weights * [one.value for one in falls]).sum())
    below = float(np.sqrt(np.square(weights * [one.value - one.low for one in falls]).sum()))
    above = float(np.sqrt(np.square(weights * [one.high - one.value for one in falls]).sum()))
    return Parts(Estimate(mix, mix - half, mix + half), Estimate(value, value - below, value + above))
