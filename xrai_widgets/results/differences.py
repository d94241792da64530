"""The difference of one value between two outcomes, with its interval: paired where the samples are the same."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array, Outcome
from xrai_widgets.core.finding import FOR_PAIRS
from xrai_widgets.results.medians import paired_interval

MEANS, MEDIANS = FOR_PAIRS


@dataclass(frozen=True)
class Difference:
    """A value of an outcome minus that of the reference.

    Parameters
    ----------
    value, low, high : float
        With a 95 % interval.
    pairs : int
        Number of samples that were compared with themselves; 0 for an unpaired interval.
    why : str
        For an unpaired interval, the reason.
    """

    value: float
    low: float
    high: float
    pairs: int = 0
    why: str = ""

    @property
    def shown(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def difference(first: Outcome, second: Outcome, key: str, paired: bool | None = None) -> Difference | None:
    """Return the value of the second outcome minus that of the first.

    Parameters
    ----------
    paired : bool, optional
        True: equal ids name the same samples although their contents differ, as for models with different columns.
        False: compare unpaired. By default the digests of the data decide.

    Notes
    -----
    Paired: the value is a sum over parts of means of per-sample contributions, so its difference is that of their
    differences; Student's interval with Welch's degrees of freedom (for areas under the curve that is DeLong's paired
    comparison), on either side at least as far as the two intervals and their correlation reach (Zou and Donner 2008);
    for differences of shares the exact intervals of what is gained and of what is lost, squared and added. Thresholds
    that an attack chose are taken as given. A median is compared by a bootstrap of the pairs.
    Unpaired: the two intervals are combined by square-and-add
    (Newcombe 1998; Zou and Donner 2008).
    """
    if first.finding is None or second.finding is None:
        return None
    values = [outcome.finding.values.get(key, math.nan) for outcome in (first, second) if outcome.finding]
    if any(math.isnan(value) for value in values):
        return None
    median = any(key in _table(outcome, MEDIANS) for outcome in (first, second))
    merged, why = _pairs(first, second, key, paired, MEDIANS if median else MEANS)
    if merged is not None and median:
        return _paired_medians(merged, values[1] - values[0])
    if merged is not None:
        return _paired(merged, values[1] - values[0], [_reaches(outcome, key) for outcome in (first, second)])
    return _unpaired(first, second, key, why)


def _table(outcome: Outcome, name: str) -> pd.DataFrame:
    tables = outcome.finding.tables if outcome.finding is not None else {}
    return tables.get(name, pd.DataFrame())


def _pairs(
    first: Outcome, second: Outcome, key: str, paired: bool | None, table: str
) -> tuple[pd.DataFrame | None, str]:
    """Return what each sample adds, side by side, or None and the reason."""
    if paired is False:
        return None, "as asked"
    frames = []
    for outcome in (first, second):
        frame = _table(outcome, table)
        if key not in frame:
            return None, "this number is no mean over samples"
        frames.append(frame.loc[frame[key].notna(), ["part", "id", key]].astype({"id": str}))
    parts = sorted({*frames[0]["part"], *frames[1]["part"]})
    other = [part for part in parts if not first.parts.get(part) or first.parts.get(part) != second.parts.get(part)]
    if other and not paired:
        return None, f"the samples of {' and '.join(other)} differ"
    merged = frames[0].merge(frames[1], on=["part", "id"], suffixes=("_first", "_second"))
    if not len(frames[0]) == len(frames[1]) == len(merged):
        return None, "not the same samples were measured"
    return merged.rename(columns={f"{key}_first": "first", f"{key}_second": "second"}), ""


def _paired_medians(pairs: pd.DataFrame, value: float) -> Difference:
    low, high = paired_interval(pairs["first"].to_numpy(), pairs["second"].to_numpy())
    return Difference(value, min(low, value), max(high, value), len(pairs))


def _reaches(outcome: Outcome, key: str) -> tuple[float, float]:
    """Return how far the value's own interval reaches below and above it, NaN where it has none."""
    assert outcome.finding is not None
    value = outcome.finding.values[key]
    low, high = outcome.finding.intervals.get(key, (math.nan, math.nan))
    return value - low, high - value


def _paired(pairs: pd.DataFrame, value: float, alone: list[tuple[float, float]]) -> Difference:
    both = [part.to_numpy(dtype=float).T for _, part in pairs.groupby("part")[["first", "second"]]]
    parts = [second - first for first, second in both]
    binary = [_is_binary(part) for part in parts]
    if any(binary):
        ends = np.array(
            [_of_shares(part) if yes else _student([part]) for part, yes in zip(parts, binary, strict=True)]
        )
        below, above = (float(np.hypot.reduce(np.abs(side))) for side in ends.T)
    else:
        below, above = _student(parts)
    if not all(binary):
        below, above = np.maximum((below, above), _squared_and_added(both, *alone)).tolist()
    return Difference(value, value - below, value + above, len(pairs))


def _squared_and_added(
    parts: list[Array], first: tuple[float, float], second: tuple[float, float]
) -> tuple[float, float]:
    """Return the reaches of the difference by those of either value and their correlation (Zou and Donner 2008).

    Of values near 1, of which most samples say nothing, Student's interval of the difference knows the few samples that
    were seen and no others; the values' own intervals keep room for them. 0 where a value has no interval.
    """
    if not np.isfinite([*first, *second]).all():
        return 0.0, 0.0
    terms = [np.cov(part) / part.shape[1] for part in parts if part.shape[1] > 1]
    (a, shared), (_, b) = np.sum(terms, axis=0) if terms else np.zeros((2, 2))
    tied = min(max(float(shared / math.sqrt(a * b)), -1.0), 1.0) if a * b > 0 else 0.0

    def reach(one: float, other: float) -> float:
        return math.sqrt(max(one**2 + other**2 - 2 * tied * one * other, 0.0))

    return reach(second[0], first[1]), reach(second[1], first[0])


def _is_binary(differences: Array) -> bool:
    """Whether the differences are those of two yes-or-no values."""
    return bool(np.isin(differences, (-1.0, 0.0, 1.0)).all())


def _of_shares(differences: Array) -> tuple[float, float]:
    """Return how far the interval of a difference of two shares of the same samples reaches below and above it.

    Square-and-add (Newcombe 1998; Zou and Donner 2008) of the exact intervals of the two kinds of change, a sample
    gained and a sample lost, with their correlation in a multinomial.
    """
    n = len(differences)
    (gain, gain_low, gain_high), (loss, loss_low, loss_high) = (
        _exact(int((differences == sign).sum()), n) for sign in (1.0, -1.0)
    )
    tied = math.sqrt(gain * loss / ((1 - gain) * (1 - loss))) if gain * loss > 0 else 0.0

    def reach(first: float, second: float) -> float:
        return math.sqrt(first**2 + second**2 + 2 * tied * first * second)

    return reach(gain - gain_low, loss_high - loss), reach(gain_high - gain, loss - loss_low)


def _exact(successes: int, n: int) -> tuple[float, float, float]:
    low = float(stats.beta.ppf(0.025, successes, n - successes + 1)) if successes else 0.0
    high = float(stats.beta.ppf(0.975, successes + 1, n - successes)) if successes < n else 1.0
    return successes / n, low, high


def _student(parts: list[Array]) -> tuple[float, float]:
    terms = [(part.var(ddof=1) / len(part) if len(part) > 1 else math.inf, max(len(part) - 1, 1)) for part in parts]
    variance = sum(term for term, _ in terms)
    if not 0 < variance < math.inf:
        return variance, variance
    freedom = variance**2 / sum(term**2 / left for term, left in terms)
    half = float(stats.t.ppf(0.975, max(freedom, 1.0))) * math.sqrt(variance)
    return half, half


def _unpaired(first: Outcome, second: Outcome, key: str, why: str) -> Difference:
    assert first.finding is not None
    assert second.finding is not None
    a, b = first.finding.values[key], second.finding.values[key]
    unknown = (-math.inf, math.inf)
    a_low, a_high = first.finding.intervals.get(key, unknown)
    b_low, b_high = second.finding.intervals.get(key, unknown)
    below, above = math.hypot(b - b_low, a_high - a), math.hypot(b_high - b, a - a_low)
    return Difference(b - a, b - a - below, b - a + above, 0, why)
