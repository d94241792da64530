"""Intervals and rank statistics used by several engines. Intervals are two-sided, at 95 % unless stated otherwise."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

from xrai_widgets.core import Array

LEVEL = 0.95


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float


def wilson(successes: float, n: int, level: float = LEVEL) -> Estimate:
    """Return a share with its Wilson score interval (Wilson 1927).

    ``successes`` may be fractional: the interval of a mean of numbers in [0, 1] is then conservative, since their
    variance is at most that of a share.
    """
    if n == 0:
        return Estimate(float("nan"), 0.0, 1.0)
    low, high = wilson_ends(successes, n, level)
    return Estimate(successes / n, float(low), float(high))


def wilson_ends(successes: Array | float, n: Array | int, level: float = LEVEL) -> tuple[Array, Array]:
    """Return the ends of `wilson`'s intervals of many shares, ``n`` above 0."""
    p, z = np.asarray(successes) / n, float(stats.norm.ppf(0.5 + level / 2))
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return np.minimum(p, np.maximum(0.0, centre - half)), np.maximum(p, np.minimum(1.0, centre + half))


def newcombe(first: Estimate, second: Estimate, *, span: float = 1.0) -> Estimate:
    """Return the difference of two independent numbers, their intervals squared and added.

    Of shares it is the Newcombe–Wilson interval (Newcombe 1998, method 10), of others Zou and Donner's (2008).
    ``span``: the largest difference there can be.
    """
    difference = first.value - second.value
    below = np.hypot(first.value - first.low, second.high - second.value)
    above = np.hypot(first.high - first.value, second.value - second.low)
    return Estimate(difference, max(-span, difference - below), min(span, difference + above))


def widened(share: float, level: float = LEVEL) -> float:
    """Return the level at which an interval over n samples is as wide as one at ``level`` over ``share`` · n."""
    return float(2 * stats.norm.cdf(stats.norm.ppf(0.5 + level / 2) / np.sqrt(share)) - 1)


def clopper_pearson(successes: float, n: float, level: float = LEVEL) -> Estimate:
    """Return a share with its exact binomial interval (Clopper and Pearson 1934)."""
    if n == 0:
        return Estimate(float("nan"), 0.0, 1.0)
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, successes, n - successes + 1)) if successes > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return Estimate(successes / n, low, high)


def paired_difference(gained: float, lost: float, n: int, level: float = LEVEL) -> Estimate:
    """Return the share of n samples that gain minus the share that lose, no sample doing both.

    Square-and-add (Newcombe 1998; Zou and Donner 2008) of the exact intervals of both shares, with their correlation in
    a multinomial. Sums of numbers in [0, 1] are taken, too: the interval is then conservative.
    """
    gain, loss = (clopper_pearson(part, n, level) for part in (gained, lost))
    p, q = gain.value, loss.value
    tied = float(np.sqrt(p * q / ((1 - p) * (1 - q)))) if p * q > 0 else 0.0

    def reach(first: float, second: float) -> float:
        return float(np.sqrt(first**2 + second**2 + 2 * tied * first * second))

    value = p - q
    below, above = reach(p - gain.low, loss.high - q), reach(gain.high - p, q - loss.low)
    return Estimate(value, max(value - below, -1.0), min(value + above, 1.0))


def auc(positive: Array, negative: Array, level: float = LEVEL) -> Estimate:
    """Return the area under the ROC curve with an interval that keeps its level with ties and few samples.

    DeLong's variance (placements by mid-ranks: DeLong, DeLong, Clarke-Pearson 1988; Sun and Xu 2014) says of how many
    independent pairs the area is a share; the interval is the exact binomial one of that many. Two placements, one of 0
    and one of 1, are added to each group before the variance is taken, as Agresti and Coull (1998) do for shares: a
    group whose samples are all placed alike is not taken to vary by nothing. In simulations with 3 to 200 samples on
    either side, tied or not, the truth lies above or below the interval in at most 4 % of draws each.
    """
    m, n = len(positive), len(negative)
    if not m or not n:
        return Estimate(float("nan"), 0.0, 1.0)
    above, below = placements(positive, negative)
    area, fewest = float(above.mean()), min(m, n)
    centre = (area * fewest + 1.5) / (fewest + 3)  # where groups lie apart this makes about ``fewest`` pairs
    pairs = centre * (1 - centre) / (_variance_of_mean(above) + _variance_of_mean(below))
    return clopper_pearson(area * pairs, pairs, level)._replace(value=area)


def _variance_of_mean(shares: Array) -> float:
    n = len(shares) + 2
    mean = (float(shares.sum()) + 1) / n
    return ((float(np.square(shares).sum()) + 1) / n - mean * mean) / (n - 1)


def placements(positive: Array, negative: Array) -> tuple[Array, Array]:
    """Return the share of the other group that each positive lies above, and each negative lies below (ties: half)."""
    m, n = len(positive), len(negative)
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - stats.rankdata(positive)) / n
    below = 1.0 - (ranks[m:] - stats.rankdata(negative)) / m
    return above, below


def roc(positive: Array, negative: Array) -> tuple[Array, Array, Array]:
    """Return false-positive rate, true-positive rate and threshold of the rule ``score ≥ threshold``.

    The first point is (0, 0) at threshold ∞, the last one (1, 1).
    """
    thresholds = np.unique(np.concatenate([positive, negative]))[::-1]
    tpr, fpr = (
        (len(scores) - np.searchsorted(np.sort(scores), thresholds)) / len(scores) for scores in (positive, negative)
    )
    return np.r_[0.0, fpr], np.r_[0.0, tpr], np.r_[np.inf, thresholds]


def tpr_at_fpr(positive: Array, negative: Array, limit: float) -> tuple[float, float, float]:
    """Return (fpr, tpr, threshold) of the most sensitive rule whose false-positive rate does not exceed ``limit``.

    Of the thresholds that give the same rates, the one at an observed score is returned.
    """
    fpr, tpr, thresholds = roc(positive, negative)
    allowed = np.flatnonzero(fpr <= limit + 1e-12)
    best = allowed[np.argmax(tpr[allowed])]
    return float(fpr[best]), float(tpr[best]), float(thresholds[best])


def quantile(values: Array, q: float, level: float = LEVEL) -> Estimate:
    """Return a quantile with the distribution-free interval between two order statistics.

    The ranks are the (1 ± level)/2 points of Binomial(n, q), so the interval does not depend on the distribution. It is
    open to a side on which n samples are too few: 50 samples set no upper limit to a 99 % quantile.
    """
    ordered = np.sort(values)
    n = len(ordered)
    low, high = (int(rank) for rank in stats.binom.ppf([(1 - level) / 2, (1 + level) / 2], n, q))
    middle = float(np.quantile(ordered, q))
    bottom = float(ordered[low - 1]) if low > 0 else float("-inf")
    top = float(ordered[high]) if high < n else float("inf")
    return Estimate(middle, min(bottom, middle), max(top, middle))


def mean(values: Array, level: float = LEVEL) -> Estimate:
    """Return a mean with Student's interval."""
    n, centre = len(values), float(np.mean(values))
    if n < 2:
        return Estimate(centre, float("-inf"), float("inf"))
    half = float(stats.t.ppf(0.5 + level / 2, n - 1)) * float(np.std(values, ddof=1)) / np.sqrt(n)
    return Estimate(centre, centre - half, centre + half)


def bootstrap(
    statistic: Callable[[Array], float], n: int, *, seed: int, repeats: int = 500, level: float = LEVEL
) -> Estimate:
    """Return ``statistic(indices)`` with a percentile bootstrap interval over n samples (Efron 1979).

    Draws for which the statistic is not defined are left out; if it is defined for none, nothing is known.
    """
    rng = np.random.default_rng(seed)
    value = statistic(np.arange(n))
    draws = np.array([statistic(rng.integers(0, n, n)) for _ in range(repeats)])
    defined = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(defined):
        return Estimate(value, float("-inf"), float("inf"))
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, min(float(low), value), max(float(high), value))


def skewed_mean(values: Array, *, seed: int, repeats: int = 1000, level: float = LEVEL) -> Estimate:
    """Return a mean with the wider of Student's interval and the bootstrap-t one, on either side (Efron 1982, §10.10).

    Of numbers with a long upper tail Student's interval ends too low four times as often as it should; with this one
    the truth lies above in 4 % of draws of 100 lognormal numbers with σ = 1, in 8 % with σ = 1.5.
    """
    student, n = mean(values, level), len(values)
    deviation = float(np.std(values, ddof=1)) if n > 1 else 0.0
    if deviation == 0.0:
        return student
    rng, ratios = np.random.default_rng(seed), []
    for _ in range(repeats):
        drawn = values[rng.integers(0, n, n)]
        if (spread := float(np.std(drawn, ddof=1))) > 0:
            ratios.append((float(np.mean(drawn)) - student.value) / spread)
    if not ratios:
        return student
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    least, most = student.value - float(high) * deviation, student.value - float(low) * deviation
    return Estimate(student.value, min(student.low, least), max(student.high, most))


def censored_median(values: Array, level: float = LEVEL) -> Estimate | None:
    """Return the median of numbers from 0 on, infinite where they are beyond measure; None where the median is so.

    The interval is that of `quantile`: the infinite ones are larger than all others, whatever they are.
    """
    if not len(values) or np.isinf(np.quantile(values, 0.5, method="higher")):
        return None
    far = 10.0 * float(values[np.isfinite(values)].max()) + 1.0  # np.quantile interpolates: infinite ones would be NaN
    value, low, high = quantile(np.where(np.isfinite(values), values, far), 0.5, level)
    return Estimate(value, max(low, 0.0), float("inf") if high >= far else high)
