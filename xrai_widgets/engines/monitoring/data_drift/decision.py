"""Whether columns moved: it must be real and big. Both are said, and the verdict needs both."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.monitoring.data_drift.columns import Moved, simultaneous

DECIDES = {"values": "psi", "missing": "missing", "new": "new"}  # the effect that each test is read with
_TEST = {"category": "chi-square", "continuous": "Cramér–von Mises", "integer": "Cramér–von Mises"}


@dataclass(frozen=True)
class Limits:
    """From where on an effect is big, and a p-value small.

    Parameters
    ----------
    psi, missing, new : float
        Stability index; rise of the rate of missing cells; share of new words.
    alpha : float
        False discoveries among all tests of the table.
    correction : {"bh", "by"}
        Benjamini and Hochberg (1995), or Benjamini and Yekutieli (2001) for tests that depend on each other anyhow.
    """

    psi: float
    missing: float
    new: float
    alpha: float
    correction: str

    def of(self, about: str) -> float:
        """Return the limit of the effect that a test is read with."""
        return float(getattr(self, DECIDES[about]))


def decided(columns: Mapping[str, Moved], limits: Limits) -> pd.DataFrame:
    """Return a row per test: column, what it is about, effect with interval, p, adjusted p, real and big."""
    rows = [
        {
            "column": name,
            "about": about,
            "effect": DECIDES[about],
            "value": (estimate := column.effects[DECIDES[about]]).value,
            "low": estimate.low,
            "high": estimate.high,
            "test": _TEST[column.kind] if about == "values" else "Fisher",
            "p": p,
        }
        for name, column in columns.items()
        for about, p in column.p.items()
    ]
    keys = ["column", "about", "effect", "value", "low", "high", "test", "p"]
    table = pd.DataFrame(rows, columns=keys)
    adjusted = stats.false_discovery_control(table["p"], method=limits.correction) if len(table) else np.empty(0)
    real = adjusted <= limits.alpha
    big = table["value"].to_numpy(dtype=float) > np.array([limits.of(about) for about in table["about"]])
    return table.assign(p_adjusted=adjusted, real=real, big=big, moved=real & big)


def drifted_share(columns: Mapping[str, Moved], table: pd.DataFrame, limits: Limits) -> Estimate:
    """Return the share of columns that moved; low: of those that certainly did, high: of those that may have.

    A column certainly moved where the lower end of an effect, as wide as it must be for all columns together, is above
    the limit; it may have where an upper end is.
    """
    total = len(columns)
    value = table.loc[table["moved"], "column"].nunique() / total
    bands = [
        [
            (simultaneous(column.effects[effect], total), limits.of(about))
            for about, effect in DECIDES.items()
            if effect in column.effects
        ]
        for column in columns.values()
    ]
    sure = [any(band.low > limit for band, limit in column) for column in bands]
    maybe = [any(band.high > limit for band, limit in column) for column in bands]
    return Estimate(value, min(sum(sure) / total, value), max(sum(maybe) / total, value))


def largest(columns: Mapping[str, Moved], effect: str, least: float = 0.0) -> Estimate | None:
    """Return the largest effect of any column that has it, with an interval that holds for all columns together."""
    total = len(columns)
    ends = [simultaneous(one.effects[effect], total, least) for one in columns.values() if effect in one.effects]
    if not ends:
        return None
    return Estimate(*(max(getattr(one, end) for one in ends) for end in ("value", "low", "high")))
