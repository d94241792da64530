"""Segments grown on one half of the samples and measured on the other, both ways."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from xrai_widgets.core import Array, Constraint
from xrai_widgets.core.holm import holm
from xrai_widgets.core.subject import Task
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import LEVEL, Estimate
from xrai_widgets.engines.robustness.weak_segments.rules import Rule
from xrai_widgets.engines.robustness.weak_segments.tree import leaves_of

HALVES = ("first half", "second half")


@dataclass(frozen=True, eq=False)
class Segment:
    """A leaf, and how its samples of the other half fare beside the rest of that half.

    Parameters
    ----------
    grown : int
        The half on which it was grown.
    n : int
        Samples of the other half in it.
    error, rest : float
        Mean errors there, in the segment and outside of it.
    same : float
        The excess on the samples on which it was grown: too large, as it was chosen by them.
    p, adjusted : float
        One-sided, that it is no worse than the rest; by Holm over all segments of both halves.
    """

    rule: Rule
    grown: int
    n: int
    error: float
    rest: float
    excess: Estimate
    same: float
    p: float
    adjusted: float = 1.0


def halves_of(n: int, seed: int) -> Array:
    """Return the half, 0 or 1, of each of n samples."""
    halves: Array = np.random.default_rng([seed, 7]).permutation(n) % 2
    return halves


def measured_on(rule: Rule, X: Array, errors: Array, task: Task, level: float) -> tuple[Estimate, float] | None:
    """Return the mean error of a segment less that of the rest, and the p-value; None where either is empty.

    Shares: Newcombe–Wilson, and Fisher's exact test. Sizes of residuals: Welch, and Mann and Whitney's test.
    """
    inside = rule.holds(X)
    there, rest = errors[inside], errors[~inside]
    if not len(there) or not len(rest):
        return None
    if task == "classification":
        wrong, others = int(there.sum()), int(rest.sum())
        shares = statistics.wilson(wrong, len(there), level), statistics.wilson(others, len(rest), level)
        counts = [[wrong, len(there) - wrong], [others, len(rest) - others]]
        return statistics.newcombe(*shares), float(stats.fisher_exact(counts, alternative="greater")[1])
    value = float(there.mean() - rest.mean())
    if min(len(there), len(rest)) < 2:
        return Estimate(value, -np.inf, np.inf), 1.0
    terms = [(part.var(ddof=1) / len(part), len(part) - 1) for part in (there, rest)]
    variance = sum(term for term, _ in terms)
    freedom = variance**2 / sum(term**2 / left for term, left in terms) if variance > 0 else 1.0
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * float(np.sqrt(variance))
    p = float(stats.mannwhitneyu(there, rest, alternative="greater").pvalue)
    return Estimate(value, value - half, value + half), p


def segments_of(
    X: Array,
    errors: Array,
    constraints: tuple[Constraint, ...],
    task: Task,
    *,
    depth: int,
    fewest: int,
    seed: int,
    level: float = LEVEL,
) -> list[Segment]:
    """Return the segments of both halves, the worst first; intervals hold for all of them together."""
    halves = halves_of(len(X), seed)
    grown = [
        (rule, half)
        for half in (0, 1)
        for rule in leaves_of(X[halves == half], errors[halves == half], constraints, depth, fewest, seed)
    ]
    each = 1 - (1 - level) / max(len(grown), 1)
    segments = []
    for rule, half in grown:
        here, other = halves == half, halves != half
        measured, same = (measured_on(rule, X[part], errors[part], task, each) for part in (other, here))
        if measured is None or same is None:
            continue
        inside = rule.holds(X[other])
        means = float(errors[other][inside].mean()), float(errors[other][~inside].mean())
        segments.append(Segment(rule, half, int(inside.sum()), *means, measured[0], same[0].value, measured[1]))
    adjusted = holm(np.array([segment.p for segment in segments]))
    segments = [replace(one, adjusted=float(p)) for one, p in zip(segments, adjusted, strict=True)]
    return sorted(segments, key=lambda one: (one.adjusted, -one.excess.value))
