"""What is said of the columns that moved, and of all of them together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Chart, Finding, Names
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.monitoring.data_drift.columns import Moved
from xrai_widgets.engines.monitoring.data_drift.decision import Limits, decided, drifted_share, largest
from xrai_widgets.engines.monitoring.data_drift.joint import Joint

_MOST_NAMED = 8


def drift_finding(
    columns: Mapping[str, Moved], limits: Limits, joint: Joint | None, naming: Names, names: tuple[str, ...]
) -> Finding:
    """Return the finding of two tables."""
    table = decided(columns, limits)
    first = next(iter(columns.values()))
    estimates = {
        "drifted_share": drifted_share(columns, table, limits),
        "largest_psi": largest(columns, "psi"),
        "missing_rise": largest(columns, "missing", -1.0),
        "new_category_share": largest(columns, "new"),
    }
    present: dict[str, Estimate] = {key: one for key, one in estimates.items() if one is not None}
    counts = {key: len(columns) if key == "drifted_share" else first.m for key in present}
    values: dict[str, float] = {key: one.value for key, one in present.items()}
    tables = {"columns": table, "effects": _effects(columns), "samples": _samples(joint, naming, first)}
    if (words := _words(columns, naming, names)) is not None:
        tables["rows"] = words
    charts = [Chart("columns", "points", "value", y="label", low="low", high="high", title="How far each column moved")]
    tables["columns"] = table.assign(label=[f"{n}: {a}" for n, a in zip(table["column"], table["about"], strict=True)])
    notes = _notes(table, first, limits)
    if joint is not None and joint.separation is not None and joint.discrepancy is not None:
        present["c2st_auc"] = joint.separation.auc
        values["c2st_auc"] = joint.separation.auc.value
        counts["c2st_auc"] = len(joint.separation.rows[1])
        tables |= {"joint": _joint(joint), "tells": _tells(joint, names)}
        notes += _sampled(joint, first)
    elif joint is not None:
        notes.append(joint.reason)
    return Finding(
        values=values,
        intervals={key: (one.low, one.high) for key, one in present.items()},
        counts=counts,
        tables=tables,
        charts=tuple(charts),
        notes=tuple(notes),
    )


def _effects(columns: Mapping[str, Moved]) -> pd.DataFrame:
    rows = []
    for name, column in columns.items():
        for effect, estimate in column.effects.items():
            p = column.shown.get(effect, float("nan"))
            rows.append((name, column.kind, effect, estimate.value, estimate.low, estimate.high, p))
    return pd.DataFrame(rows, columns=["column", "kind", "effect", "value", "low", "high", "p"])


def _words(columns: Mapping[str, Moved], naming: Names, names: tuple[str, ...]) -> pd.DataFrame | None:
    """Return the new words by name: contents of samples, which reports leave out."""
    rows: list[tuple[str, Any, int]] = []
    for place, name in enumerate(names):
        for code, count in columns[name].words.items():
            word: Any = code
            if naming.decode is not None:
                row = np.zeros((1, len(names)))
                row[0, place] = code
                word = naming.decode(row).iloc[0, place]
            rows.append((name, str(word), count))
    return pd.DataFrame(rows, columns=["column", "category", "count"]) if rows else None


def _samples(joint: Joint | None, naming: Names, first: Moved) -> pd.DataFrame:
    """Return how much each row that the classifier did not learn from looks like one of the batch."""
    if joint is None or joint.separation is None:
        return pd.DataFrame({"part": pd.Series(dtype=str), "id": [], "looks_new": pd.Series(dtype=float)})
    rows, scores = joint.separation.rows, joint.separation.scores
    ids = [naming.of("X", first.n)[rows[0]], naming.of("X_new", first.m)[rows[1]]]
    part = np.repeat(["X", "X_new"], [len(rows[0]), len(rows[1])])
    both = np.concatenate([one.astype(object) for one in ids])
    return pd.DataFrame({"part": part, "id": both, "looks_new": scores})


def _joint(joint: Joint) -> pd.DataFrame:
    assert joint.separation is not None
    assert joint.discrepancy is not None
    auc, gap = joint.separation.auc, joint.discrepancy
    rows = [
        ("classifier", "c2st_auc", auc.value, auc.low, auc.high, joint.separation.p, *joint.rows),
        ("kernel", "mmd2", gap.mmd2, float("nan"), float("nan"), gap.p, *joint.mmd_rows),
    ]
    return pd.DataFrame(rows, columns=["test", "statistic", "value", "low", "high", "p", "n_baseline", "n_batch"])


def _tells(joint: Joint, names: tuple[str, ...]) -> pd.DataFrame:
    assert joint.separation is not None
    nothing = Estimate(float("nan"), float("nan"), float("nan"))
    rows = []
    for place in np.argsort(-joint.separation.importance, kind="stable"):
        without = joint.separation.without.get(int(place), nothing)
        rows.append((names[place], float(joint.separation.importance[place]), *without))
    return pd.DataFrame(rows, columns=["column", "importance", "auc_without", "auc_without_low", "auc_without_high"])


def _notes(table: pd.DataFrame, first: Moved, limits: Limits) -> list[str]:
    named = table.loc[table["moved"], "column"].unique().tolist()
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    words = f"Drifted: {', '.join(named[:_MOST_NAMED])}{more}." if named else "No column drifted, as far as is seen."
    real = table.loc[table["real"] & ~table["big"], "column"].nunique()
    notes = [words]
    if real:
        notes.append(f"{real} more moved beyond chance, by no more than the limit: real, and not big.")
    notes.append(
        f"With a baseline of {first.n} rows and a batch of {first.m}, a PSI of ten bins is known to about ±"
        f"{_half_width(first):.2g}."
    )
    if first.n < 10 * first.m:
        notes.append(
            "The baseline holds less than ten times as many rows as the batch: its own chance deviations show in every "
            "batch, so that a small p-value day after day says less than it seems to."
        )
    if limits.correction == "bh":
        notes.append("Benjamini–Hochberg holds for columns that depend positively on each other; BY holds for all.")
    return notes


def _half_width(first: Moved) -> float:
    """Return about how far a stability index of ten bins strays where nothing moved: its upper 97.5 % point."""
    from scipy import stats

    return float(stats.chi2.ppf(0.975, 9) - 9) * (1 / first.n + 1 / first.m)


def _sampled(joint: Joint, first: Moved) -> list[str]:
    whole = (first.n, first.m)
    drawn = [name for name, rows in (("MMD", joint.mmd_rows), ("the classifier", joint.rows)) if rows != whole]
    return [f"{' and '.join(drawn)} looked at a seeded draw of the rows: see the table joint."] if drawn else []
