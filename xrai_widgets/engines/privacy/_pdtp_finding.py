"""What leave-one-out leakage says, as values with intervals."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate

_SHOWN = 20


@dataclass
class Leakage:
    """What is known so far, by training sample, in the order of looking.

    ``raw`` is the log-ratio (classification) or the shift of the prediction (regression); ``null`` holds, for a
    randomised learner, the same statistic with nothing removed, (draws,) per sample.
    """

    chosen: Array
    exact: bool
    bound: float
    raw: list[float] = field(default_factory=list)
    null: list[Array] = field(default_factory=list)
    p: list[float] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)

    @property
    def some(self) -> bool:
        """Whether anything is known yet."""
        return any(value == value for value in self.raw)

    def skip(self, draws: int) -> None:
        """Note that a sample cannot be left out."""
        for values in (self.raw, self.p, self.residuals):
            values.append(float("nan"))
        self.null.append(np.full(draws, np.nan))

    def table(self, unit: float) -> pd.DataFrame:
        """Return one row per sample: statistic, excess over the null with its interval, p-value."""
        raw = np.array(self.raw) / unit
        m = len(raw)
        if self.exact:
            middle, spread, wide = np.zeros(m), np.zeros(m), 0.0
        else:
            null = np.array(self.null).reshape(m, -1) / unit
            draws = null.shape[1]
            middle, spread = null.mean(axis=1), null.std(axis=1, ddof=1) * np.sqrt(1 + 1 / draws)
            wide = float(stats.t.ppf(0.975, draws - 1))
        excess = raw - middle
        return pd.DataFrame(
            {
                "statistic": raw,
                "null": middle,
                "excess": excess,
                "low": excess - wide * spread,
                "high": excess + wide * spread,
                "p_value": np.array(self.p),
            }
        )

    def worst(self, table: pd.DataFrame, unit: float, total: int) -> Estimate:
        """Return the largest excess; its interval holds for all samples looked at together (Bonferroni).

        While some samples have not been looked at, the worst of them may be as large as the statistic can be.
        """
        excess = table["excess"].to_numpy()
        value, m = float(np.nanmax(excess)), int(np.isfinite(excess).sum())
        top = self.bound / unit
        if self.exact:
            return Estimate(value, value, value if m == total else max(top, value))
        draws = np.array(self.null).reshape(len(excess), -1).shape[1]
        half = (table["high"] - table["excess"]).to_numpy() / stats.t.ppf(0.975, draws - 1)
        half = half * stats.t.ppf(1 - 0.025 / m, draws - 1)
        high = float(np.nanmax(excess + half)) if m == total else top
        return Estimate(value, min(value, float(np.nanmax(excess - half))), max(value, high))


def pdtp_finding(
    leak: Leakage, y: Array, ids: Array | None, classes: tuple[Any, ...], regression: bool, notes: tuple[str, ...]
) -> Finding:
    """Return the finding for the samples looked at so far."""
    total, m = len(y), len(leak.raw)
    unit = _unit(leak) if regression else 1.0
    looked = leak.chosen[:m]
    table = leak.table(unit)
    what = "shift" if regression else "log_ratio"
    samples = pd.DataFrame({"part": "X_train", "id": looked if ids is None else ids[looked]})
    if not regression:
        samples["class"] = np.array([str(label) for label in classes] or np.arange(y.max() + 1).astype(str))[y[looked]]
        samples["ratio"] = np.exp(table["statistic"])
    samples = pd.concat([samples, table.rename(columns={"statistic": what})], axis=1)
    if leak.exact:
        samples = samples.drop(columns="p_value")
    done = table["excess"].dropna().to_numpy()
    if not len(done):
        raise ValueError("none of the chosen samples can be left out: only one class would remain")
    estimates = {
        "worst_excess": leak.worst(table, unit, total),
        "mean_excess": _mean(done, total),
        "excess_p95": statistics.quantile(done, 0.95),
        f"worst_{'shift' if regression else 'ratio'}": _largest(table["statistic"], leak, unit, regression, total),
    }
    if not leak.exact:
        estimates["share_significant"] = statistics.wilson(float((table["p_value"] <= 0.05).sum()), len(done))
    if regression:
        estimates["worst_excess_shift"] = estimates.pop("worst_excess")
    most = samples.sort_values("excess", ascending=False).head(_SHOWN).reset_index(drop=True)
    most["sample"] = most["id"].astype(str)
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, len(done)),
        tables={"samples": samples, "most_exposed": most.drop(columns="part")},
        charts=(
            Chart(
                "samples",
                "histogram",
                "excess",
                by="" if regression else "class",
                title="Excess leakage per training sample",
                cut=1.0 if not regression else float(estimates["excess_p95"].value),
            ),
            Chart("most_exposed", "points", "excess", y="sample", low="low", high="high", title="Most exposed samples"),
        ),
        notes=notes,
    )


def _unit(leak: Leakage) -> float:
    """Return σ̂: the root mean square of the left-out residuals."""
    residuals = np.array(leak.residuals)
    return float(np.sqrt(np.nanmean(residuals**2))) or 1.0


def _mean(values: Array, total: int) -> Estimate:
    """Return the mean over all training samples; the more of them were looked at, the narrower (Cochran 1977, 2.6)."""
    centre, low, high = statistics.mean(values)
    if len(values) == total:
        return Estimate(centre, centre, centre)
    left = np.sqrt(1 - len(values) / total)
    return Estimate(centre, centre - (centre - low) * left, centre + (high - centre) * left)


def _largest(statistic: pd.Series, leak: Leakage, unit: float, regression: bool, total: int) -> Estimate:
    value, count = float(statistic.max()), int(statistic.notna().sum())
    top = value if count == total else max(value, leak.bound / unit)
    return Estimate(value, value, top) if regression else Estimate(*(float(np.exp(x)) for x in (value, value, top)))
