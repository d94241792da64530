"""The columns of two tables, one after the other: how far each moved, and whether that may be chance."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Constraint
from xrai_widgets.engines._statistics import LEVEL, Estimate, clopper_pearson, newcombe, wilson
from xrai_widgets.engines.monitoring._samples import TwoSamples
from xrai_widgets.engines.monitoring._shares import Rows, apart
from xrai_widgets.engines.monitoring._tests import of_categories, of_numbers, of_shares

_NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Moved:
    """One column of the batch against that of the baseline.

    Parameters
    ----------
    effects : mapping of str to Estimate
        psi, js, and ks and wasserstein (numbers) or v (categories); missing (rise of the rate), new (share of words
        that the baseline does not know) or outside (share of numbers outside of its range).
    p : mapping of str to float
        Of the tests that decide, by what they are about: values, missing, new.
    shown : mapping of str to float
        Of the tests that are shown beside them.
    words : mapping of code to int
        How often each new word occurs.
    """

    kind: str
    n: int
    m: int
    effects: dict[str, Estimate]
    p: dict[str, float]
    shown: dict[str, float]
    words: dict[int, int]


def moved(before: Array, now: Array, kind: Constraint, bins: int, rng: np.random.Generator) -> Moved:
    """Compare one column: (n,) and (m,), categories as codes and NaN where a number is missing."""
    gone = [np.isnan(part) for part in (before, now)]
    lost = [int(part.sum()) for part in gone]
    category = kind.kind == "category"
    there = TwoSamples.of(before, now)
    effects: dict[str, Estimate] = {}
    p: dict[str, float] = {}
    shown: dict[str, float] = {}
    if not len(there.before) or not len(there.now):
        rows = Rows(np.array([len(there.before), lost[0]]), np.array([len(there.now), lost[1]]))
    elif category:
        rows = _by_code(before[~gone[0]], now[~gone[1]])
        p["values"] = of_categories(rows, rng)
        rows = _with_missing(rows, lost)
    else:
        effects["ks"], effects["wasserstein"] = there.estimates(rng)
        both = of_numbers(there, rng)
        p["values"], shown["ks"] = both.cvm, both.ks
        rows = _with_missing(there.in_bins(bins), lost)
    distance = apart(rows, rng)
    effects |= {"psi": distance.psi, "js": distance.js} | ({"v": distance.v} if category else {})
    words = _new_words(now, len(kind.categories)) if category else {}
    effects["missing"] = newcombe(wilson(lost[1], len(now)), wilson(lost[0], len(before)))
    if sum(lost):
        p["missing"] = of_shares(lost[0], len(before), lost[1], len(now))
    strange = sum(words.values()) if category else _outside(there)
    effects["new" if category else "outside"] = clopper_pearson(strange, len(now))
    if category and strange:
        p["new"] = of_shares(0, len(before), strange, len(now))
    return Moved(kind.kind, len(before), len(now), effects, p, shown, words)


def simultaneous(estimate: Estimate, columns: int, least: float = 0.0) -> Estimate:
    """Return an interval as wide as it must be for all of so many columns to be right together (Bonferroni)."""
    from scipy import stats

    tail = (1 - LEVEL) / 2
    wider = float(stats.norm.isf(tail / columns) / stats.norm.isf(tail))
    low = estimate.value - wider * (estimate.value - estimate.low)
    return Estimate(estimate.value, max(low, least), estimate.value + wider * (estimate.high - estimate.value))


def _by_code(before: Array, now: Array) -> Rows:
    size = int(max(before.max(), now.max())) + 1
    return Rows(*(np.bincount(part.astype(int), minlength=size) for part in (before, now)))


def _with_missing(rows: Rows, lost: list[int]) -> Rows:
    return Rows(*(np.append(part, count) for part, count in zip(rows, lost, strict=True))) if sum(lost) else rows


def _new_words(now: Array, categories: int) -> dict[int, int]:
    codes, counts = np.unique(now[now >= categories], return_counts=True)
    return {int(code): int(count) for code, count in zip(codes, counts, strict=True)}


def _outside(there: TwoSamples) -> int:
    """Return how many numbers of the batch lie outside of the baseline's range."""
    if not len(there.before) or not len(there.now):
        return 0
    low, high = there.before[0], there.before[-1]
    return int(np.searchsorted(there.now, low, "left") + len(there.now) - np.searchsorted(there.now, high, "right"))
