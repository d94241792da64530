"""The difference of one value between two outcomes, with its interval: paired where the samples are the same."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Outcome
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
        False: compare unpaired. By default told from the digests of the data.

    Notes
    -----
    Paired: the value is a sum over parts of means of per-sample contributions, so its difference is that of their
    differences; Student's interval with Welch's degrees of freedom (for areas under the curve that is DeLong's paired
    comparison), and for differences of shares Agresti and Min's (2005). Thresholds that an attack chose are taken as
    given. A median is compared by a bootstrap of the pairs. Unpaired: the two intervals are combined by square-and-add
    (Newcombe 1998; Zou and Donner 2008).
    """
    if first.finding is None or second.finding is None:
        return None
    values = [outcome.finding.values.get(key, math.nan) for outcome in (first, second) if outcome.finding]
    if any(math.isnan(value) for value in values):
        return None
    median = any(key in _table(outcome, MEDIANS) for outcome in (first, second))
    merged, why = _pairs(first, second, key, paired, MEDIANS if median else MEANS)
    if merged is not None:
        return (_paired_medians if median else _paired)(merged, values[1] - values[0])
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


def _paired(pairs: pd.DataFrame, value: float) -> Difference:
    pairs = pd.DataFrame({"part": pairs["part"], "difference": pairs["second"] - pairs["first"]})
    centre, terms = 0.0, []
    for _, column in pairs.groupby("part")["difference"]:
        d, extra = column.to_numpy(dtype=float), 0.0
        if np.isin(d, (-1.0, 0.0, 1.0)).all():
            extra = 2.0  # half a pair for each way in which two yes-or-no answers can meet
        n = len(d) + extra
        mean = float(d.sum()) / n
        square = (float(np.square(d).sum()) + extra / 2) / n - mean * mean
        centre += mean
        terms.append((square / n if extra else square / max(n - 1, 1), n - 1))
    variance = sum(term for term, _ in terms)
    freedom = variance**2 / sum(term**2 / max(left, 1) for term, left in terms) if variance > 0 else 1.0
    half = float(stats.t.ppf(0.975, max(freedom, 1.0))) * math.sqrt(variance)
    return Difference(value, min(centre - half, value), max(centre + half, value), len(pairs))


def _unpaired(first: Outcome, second: Outcome, key: str, why: str) -> Difference:
    assert first.finding is not None
    assert second.finding is not None
    a, b = first.finding.values[key], second.finding.values[key]
    unknown = (-math.inf, math.inf)
    a_low, a_high = first.finding.intervals.get(key, unknown)
    b_low, b_high = second.finding.intervals.get(key, unknown)
    below, above = math.hypot(b - b_low, a_high - a), math.hypot(b_high - b, a - a_low)
    return Difference(b - a, b - a - below, b - a + above, 0, why)
