"""What leave-one-out leakage says, as values with intervals."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array, Chart, Finding, Measure
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._rows import not_judged
from xrai_widgets.engines._statistics import Estimate

MEASURES = (
    Measure(
        "worst_excess",
        "lower",
        0.0,
        task="classification",
        label="worst excess log-ratio",
        sentence="Leaving out the most exposed of the samples looked at makes a class {value:exp} times as likely or "
        "unlikely, beyond what chance does; at most {limit:exp} times are allowed.",
    ),
    Measure(
        "worst_excess_shift",
        "lower",
        0.0,
        task="regression",
        label="worst excess shift (σ̂)",
        sentence="Leaving out the most exposed of the samples looked at moves a prediction by {value} times the "
        "model's typical error, beyond what chance does; at most {limit} times are allowed.",
    ),
)
WORDS = {
    "mean_excess": "mean excess log-ratio",
    "excess_p95": "excess, 95 % quantile",
    "worst_ratio": "worst raw ratio",
    "worst_shift": "worst raw shift (σ̂)",
    "share_significant": "share with p ≤ 5 %",
    "excess": "excess over the noise",
}
_SHOWN = 20
_KEPT = 2**20  # numbers of the predictions with everything in that a cancelled run keeps; more are computed again


@dataclass
class Leakage:
    """What is known so far, by training sample, in the order of looking.

    Parameters
    ----------
    chosen : int array (c,)
        Rows of the training samples.
    bound : float
        Largest value the statistic can take.
    reference : array (p, k)
        Predictions with everything in.
    noise : array (c, draws)
        The statistic with nothing removed; no draws where training is free of noise.
    notes : tuple of str
    raw, p, residuals : array (c,)
        Log-ratio (classification) or shift of the prediction (regression), rank p-value, residual.
    skipped : list of str
        Why a sample could not be left out.
    done : int
        Samples looked at.
    last_words : str
        Of the last refit that failed, in full.
    """

    chosen: Array
    bound: float
    reference: Array
    noise: Array
    notes: tuple[str, ...] = ()
    done: int = 0
    last_words: str = ""
    raw: Array = field(init=False)
    p: Array = field(init=False)
    residuals: Array = field(init=False)
    skipped: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.raw, self.p, self.residuals = (np.full(len(self.chosen), np.nan) for _ in range(3))
        self.skipped = [""] * len(self.chosen)

    @property
    def draws(self) -> int:
        """Means with nothing removed; 0 where training is free of noise."""
        return int(self.noise.shape[1])

    @property
    def some(self) -> bool:
        """Whether anything is known yet."""
        return bool(np.isfinite(self.raw[: self.done]).any())

    def table(self, unit: float) -> pd.DataFrame:
        """Return one row per sample: statistic, excess over the null with its interval, p-value."""
        raw = self.raw[: self.done] / unit
        middle, spread, wide = np.zeros(len(raw)), np.zeros(len(raw)), 0.0
        if self.draws:
            null = self.noise[: self.done] / unit
            middle, spread = null.mean(axis=1), null.std(axis=1, ddof=1) * np.sqrt(1 + 1 / self.draws)
            wide = float(stats.t.ppf(0.975, self.draws - 1))
        excess = raw - middle
        return pd.DataFrame(
            {
                "statistic": raw,
                "null": middle,
                "excess": excess,
                "low": excess - wide * spread,
                "high": excess + wide * spread,
                "p_value": self.p[: self.done],
            }
        )

    def worst(self, table: pd.DataFrame, unit: float, total: int) -> Estimate:
        """Return the largest excess; its interval holds for all samples looked at together (Bonferroni).

        While some samples have not been looked at, the worst of them may be as large as the statistic can be.
        """
        excess = table["excess"].to_numpy()
        value, m = float(np.nanmax(excess)), int(np.isfinite(excess).sum())
        top = self.bound / unit
        if not self.draws:
            return Estimate(value, value, value if m == total else max(top, value))
        half = (table["high"] - table["excess"]).to_numpy() / stats.t.ppf(0.975, self.draws - 1)
        half = half * stats.t.ppf(1 - 0.025 / m, self.draws - 1)
        high = float(np.nanmax(excess + half)) if m == total else top
        return Estimate(value, min(value, float(np.nanmax(excess - half))), max(value, high))

    def state(self) -> dict[str, Array]:
        """Return what a later run needs to go on from here."""
        arrays = {"looked": np.array([part[: self.done] for part in (self.raw, self.p, self.residuals)])}
        if self.draws and self.reference.size + self.noise.size <= _KEPT:
            arrays |= {"reference": self.reference, "noise": self.noise}
        return arrays

    def take(self, earlier: Finding) -> None:
        """Take over what an earlier run had done."""
        m = done_by(earlier)
        self.raw[:m], self.p[:m], self.residuals[:m] = earlier.arrays["looked"]
        if "skipped" in earlier.tables["samples"]:
            self.skipped[:m] = [str(word) for word in earlier.tables["samples"]["skipped"]]
        self.done = m
        self.notes += (f"Continued: {m} of {len(self.chosen)} samples were done by a run that was cancelled.",)

    def lose(self, place: int, reason: str, message: str) -> None:
        """Note that a sample could not be left out."""
        self.skipped[place] = reason
        self.last_words = message


def carried(earlier: Finding | None, chosen: Array, ids: Array) -> Finding | None:
    """Return what an earlier run had found, if it looked at the same samples in the same order."""
    if earlier is None or "looked" not in earlier.arrays:
        return None
    table = earlier.tables["samples"]
    same = len(table) <= len(chosen) and [str(x) for x in table["id"]] == [str(x) for x in ids[chosen[: len(table)]]]
    return earlier if same else None


def done_by(earlier: Finding) -> int:
    """Return how many samples an earlier run had looked at."""
    return int(earlier.arrays["looked"].shape[1])


def pdtp_finding(
    leak: Leakage,
    y: Array,
    ids: Array,
    classes: tuple[Any, ...],
    regression: bool,
    *,
    named: str = "",
    unfinished: bool = False,
) -> Finding:
    """Return the finding for the samples looked at so far; an unfinished one holds what a later run needs to go on.

    Of samples that were asked for by name (``named``) the largest excess may be judged: of all it is no smaller.
    """
    total, m = len(y), leak.done
    unit = _unit(leak) if regression else 1.0
    table = leak.table(unit)
    done = table["excess"].dropna().to_numpy()
    if not len(done):
        why = leak.last_words or "only one class would be left"
        raise ValueError(f"none of the chosen samples can be left out: {why}")
    samples = _samples(leak, table, y, ids, classes, regression)
    estimates = {
        "worst_excess": leak.worst(table, unit, total),
        "mean_excess": _mean(done, total),
        "excess_p95": statistics.quantile(done, 0.95),
        f"worst_{'shift' if regression else 'ratio'}": _largest(table["statistic"], leak, unit, regression, total),
    }
    if leak.draws:
        estimates["share_significant"] = statistics.wilson(float((table["p_value"] <= 0.05).sum()), len(done))
    if regression:
        estimates["worst_excess_shift"] = estimates.pop("worst_excess")
    most = samples.dropna(subset="excess").sort_values("excess", ascending=False, kind="stable").head(_SHOWN)
    most = most.reset_index(drop=True)
    most["sample"] = most["id"].astype(str)
    going = (f"{m} of {len(leak.chosen)} samples are done: the same run, started again, goes on from here.",)
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, len(done)),
        tables={"samples": samples, "most_exposed": most.drop(columns="part")},
        charts=_charts(regression, float(estimates["excess_p95"].value)),
        arrays=leak.state() if unfinished else {},
        notes=(*leak.notes, *_losses(leak), *(going if unfinished else ())),
        unjudged=not_judged(named, {*estimates} & {"mean_excess", "excess_p95", "share_significant"}),
    )


def _samples(
    leak: Leakage, table: pd.DataFrame, y: Array, ids: Array, classes: tuple[Any, ...], regression: bool
) -> pd.DataFrame:
    looked = leak.chosen[: leak.done]
    samples = pd.DataFrame({"part": "X_train", "id": ids[looked]})
    if not regression:
        samples["class"] = np.array([str(label) for label in classes] or np.arange(y.max() + 1).astype(str))[y[looked]]
        samples["ratio"] = np.exp(table["statistic"])
    table = table.rename(columns={"statistic": "shift" if regression else "log_ratio"})
    samples = pd.concat([samples, table], axis=1)
    if not leak.draws:
        samples = samples.drop(columns="p_value")
    if any(leak.skipped[: leak.done]):
        samples["skipped"] = leak.skipped[: leak.done]
    return samples


def _charts(regression: bool, p95: float) -> tuple[Chart, ...]:
    return (
        Chart(
            "samples",
            "histogram",
            "excess",
            by="" if regression else "class",
            title="Excess leakage per training sample",
            cut=p95 if regression else 1.0,
        ),
        Chart("most_exposed", "points", "excess", y="sample", low="low", high="high", title="Most exposed samples"),
    )


def _losses(leak: Leakage) -> list[str]:
    reasons = [reason for reason in leak.skipped[: leak.done] if reason]
    return [f"Not measured: {reasons.count(reason)} of the samples, {reason}." for reason in dict.fromkeys(reasons)]


def _unit(leak: Leakage) -> float:
    """Return σ̂: the root mean square of the left-out residuals."""
    residuals = leak.residuals[: leak.done]
    finite = residuals[np.isfinite(residuals)]
    return float(np.sqrt(np.mean(finite**2))) or 1.0 if len(finite) else 1.0


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
