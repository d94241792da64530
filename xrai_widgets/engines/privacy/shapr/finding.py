"""SHAPr values as numbers with intervals, tables and charts."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.privacy.shapr.knn_shapley import Shapley

_LEVELS = np.r_[0, 0.001, 0.005, np.arange(1, 100) / 100, 0.995, 0.999, 1]
_MEASURED, _PERMUTED = "measured", "training labels permuted"
_SHOWN = 20


def beside_null(scaled: Array, null: Array) -> pd.DataFrame:
    """Return the share of samples above values: measured, and the middle and spread over the permutations.

    Parameters
    ----------
    scaled : array (n,)
    null : array (permutations, n)
    """
    grid = np.unique(np.quantile(np.concatenate([scaled, null.ravel()]), _LEVELS))
    above = np.array([1 - np.searchsorted(np.sort(row), grid, side="right") / len(row) for row in (scaled, *null)])
    shares = [statistics.wilson(float(share) * len(scaled), len(scaled)) for share in above[0]]
    low, middle, high = np.quantile(above[1:], (0.025, 0.5, 0.975), axis=0)
    measured = {"share_above": above[0], "low": [x.low for x in shares], "high": [x.high for x in shares]}
    chance = {"share_above": middle, "low": low, "high": high}
    lines = ((_MEASURED, measured), (_PERMUTED, chance))
    return pd.concat([pd.DataFrame({"line": line, "shapr": grid, **given}) for line, given in lines], ignore_index=True)


def null_note(tail: Estimate, null: Array) -> str:
    """Return what the 95 % quantile is beside its null, in words."""
    low, high = np.quantile(np.quantile(null, 0.95, axis=1), (0.025, 0.975))
    return (
        f"With the training labels permuted {len(null)} times, the 95 % quantile is {low:.3g} to {high:.3g}, here "
        f"{tail.value:.3g}. Not even a model that memorises noise stands out from that: it is no threshold."
    )


def shapr_finding(result: Shapley, y_train: Array, ids: Array | None, classes: tuple[Any, ...], k: int) -> Finding:
    """Return the finding; ``k`` neighbours voted."""
    n, m = len(y_train), len(result.shares)
    scaled, null = result.values * n, result.null * n
    accuracy = statistics.wilson(float(result.shares.sum()), m)
    tails = {f"shapr_p{q}": statistics.quantile(scaled, q / 100) for q in (50, 95, 99)}
    estimates = {"knn_accuracy": accuracy, **tails}
    half = float(stats.t.ppf(0.975, max(m - 1, 1))) * result.errors * n
    names = np.array([str(label) for label in classes]) if classes else np.arange(y_train.max() + 1).astype(str)
    samples = pd.DataFrame(
        {
            "part": "X_train",
            "id": np.arange(n) if ids is None else ids,
            "class": names[y_train],
            "shapr": scaled,
            "low": scaled - half,
            "high": scaled + half,
        }
    )
    most = samples.sort_values("shapr", ascending=False, kind="stable").head(_SHOWN).reset_index(drop=True)
    most["sample"] = most["id"].astype(str)
    tables = {"samples": samples, "classes": _by_class(samples), "most_exposed": most.drop(columns="part")}
    if len(null):
        tables["null"] = beside_null(scaled, null)
    note = (
        f"The mean SHAPr, {accuracy.value:.3f}, is the accuracy of the {k}-nearest-neighbour vote in output space, "
        "not a leakage; values rank samples and are not judged by default."
    )
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts={"knn_accuracy": m, **dict.fromkeys(tails, n)},
        tables=tables,
        charts=_charts(tails["shapr_p95"].value, bool(len(null))),
        notes=(note, *([null_note(tails["shapr_p95"], null)] if len(null) else ())),
    )


def _charts(p95: float, with_null: bool) -> tuple[Chart, ...]:
    beside = Chart(
        "null",
        "line",
        "shapr",
        y="share_above",
        by="line",
        low="low",
        high="high",
        title="Samples above a value, as measured and by chance",
    )
    return (
        Chart("samples", "histogram", "shapr", by="class", title="SHAPr per training sample", cut=p95),
        *([beside] if with_null else ()),
        Chart("classes", "points", "p95", y="class", low="low", high="high", title="95 % quantile of SHAPr by class"),
        Chart("most_exposed", "points", "shapr", y="sample", low="low", high="high", title="Most exposed samples"),
    )


def _by_class(samples: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for label, group in samples.groupby("class", sort=False):
        scores = group["shapr"].to_numpy()
        tail, (first, middle, third) = statistics.quantile(scores, 0.95), np.quantile(scores, (0.25, 0.5, 0.75))
        spread = {"median": middle, "q1": first, "q3": third, "iqr": third - first}
        tails = {"p95": tail.value, "low": tail.low, "high": tail.high}
        rows.append({"class": label, "n": len(group), "mean": scores.mean(), **spread, **tails})
    return pd.DataFrame(rows)
