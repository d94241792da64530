"""What an evasion attack found, as numbers with intervals, tables and charts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._band import Band
from xrai_widgets.engines.robustness.evasion.parts import (
    Attacked,
    AttackSummary,
    assembled,
    largest_changes,
    search_names,
)


def prediction_summary(attacked: Attacked, band: Band, finished: bool) -> AttackSummary:
    """Return the share of predictions that stay within the tolerance, and what becomes of each."""
    n, standing = len(attacked.index), attacked.standing
    change = f"a change of the prediction by more than {band.tolerance:g}"
    histogram = Chart(
        "samples", "histogram", "distance", title=f"Distance to {change}", cut=attacked.epsilon, beyond="below"
    )
    return AttackSummary(
        key="stable_share",
        estimates={"stable_share": statistics.wilson(int(standing.sum()), n)},
        shares={"stable_share": standing.astype(float)},
        samples=_predicted_samples(attacked, band, finished),
        height="stable_share",
        title=f"Security curve: predictions that stay within {band.tolerance:g}",
        histogram=histogram,
    )


def _predicted_samples(attacked: Attacked, band: Band, finished: bool) -> pd.DataFrame:
    best, becomes = attacked.best, np.full(len(attacked.index), np.nan)
    place, changed = best.reached(attacked.problem, attacked.right)
    if len(place) and finished:
        becomes[place] = _predictions(band, changed, attacked.problem.shape, attacked.problem.rows)
    columns: dict[str, Any] = {
        "part": attacked.part,
        "id": attacked.ids[attacked.index],
        "prediction": band.centre,
        "status": np.where(best.success, "found", "not found"),
        "distance": np.where(best.success, best.distance, np.nan),
        "becomes": becomes,
        "found_by": search_names(attacked),
        "distance_linf": largest_changes(attacked),
    }
    return pd.DataFrame(columns)


def _predictions(band: Band, flat: Array, shape: tuple[int, ...], rows: int) -> Array:
    parts = [flat[start : start + rows].reshape(-1, *shape) for start in range(0, len(flat), rows)]
    return np.concatenate([np.asarray(band.predict(part), dtype=np.float64) for part in parts])


def evasion_finding(attacked: Attacked, notes: list[str], *, finished: bool = True) -> Finding:
    """Return the finding for the state of the attack as it is.

    An attack that is not finished may have been cancelled: then the model is not asked what the samples become.
    """
    band = attacked.band
    summary = _label_summary(attacked, finished) if band is None else prediction_summary(attacked, band, finished)
    return assembled(attacked, summary, notes, finished=finished)


def _label_summary(attacked: Attacked, finished: bool) -> AttackSummary:
    n, standing, right = len(attacked.index), attacked.standing, attacked.right.astype(float)
    histogram = Chart(
        "samples",
        "histogram",
        "distance",
        by="class",
        title="Distance to another label",
        cut=attacked.epsilon,
        beyond="below",
    )
    return AttackSummary(
        key="robust_accuracy",
        estimates={
            "robust_accuracy": statistics.wilson(int(standing.sum()), n),
            "accuracy": statistics.wilson(int(right.sum()), n),
        },
        shares={"robust_accuracy": standing.astype(float), "accuracy": right},
        samples=_samples(attacked, finished),
        height="accuracy",
        title="Security curve: accuracy under attack",
        histogram=histogram,
    )


def unsteady_finding(attacked: Attacked, note: str) -> Finding:
    """Return the accuracy alone, of a model that predicts at random: what an attack finds there is chance."""
    n = len(attacked.index)
    accuracy = statistics.wilson(int(attacked.right.sum()), n)
    return Finding(
        values={"accuracy": accuracy.value},
        intervals={"accuracy": (accuracy.low, accuracy.high)},
        counts={"accuracy": n},
        notes=(note,),
    )


def idle_finding(attacked: Attacked, notes: list[str]) -> Finding:
    """Return the accuracy alone, and why no attack was run."""
    finding = unsteady_finding(attacked, "")
    tables = {} if attacked.tally is None else {"attacks": attacked.tally.table(attacked.best)}
    return replace(finding, tables=tables, notes=tuple(notes))


def _samples(attacked: Attacked, finished: bool) -> pd.DataFrame:
    problem, best = attacked.problem, attacked.best
    names = np.array(attacked.classes, dtype=object)
    status = np.full(len(attacked.index), "answered wrongly before", dtype=object)
    status[attacked.right] = np.where(best.success, "found", "not found")
    distance = np.full(len(attacked.index), np.nan)
    distance[attacked.right] = np.where(best.success, best.distance, np.nan)
    becomes = np.full(len(attacked.index), "", dtype=object)
    place, changed = best.reached(problem, attacked.right)
    if len(place) and finished:
        becomes[place] = names[problem.classes(changed)] if attacked.target is None else names[attacked.target]
    return pd.DataFrame(
        {
            "part": attacked.part,
            "id": attacked.ids[attacked.index],
            "class": names[attacked.y[attacked.index]],
            "status": status,
            "distance": distance,
            "becomes": becomes,
            "found_by": search_names(attacked),
            "distance_linf": largest_changes(attacked),
        }
    )
