"""CLEVER scores as numbers with intervals, tables and charts."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._rows import SEEN, not_judged
from xrai_widgets.engines.robustness.clever.estimate import (
    CENSORED,
    CONSTANT,
    NO_FIT,
    NO_ROOM,
    NOT_FINITE,
    Scores,
)

WRONG, OF_TARGET, WAITING = "answered wrongly before", "of the target class", "not looked at"
_SHOWN = 20
_WAYS_OUT = {
    NO_FIT: "many blocks have the same largest slope, so nothing can be fitted: lower block_size or raise radius",
    NOT_FINITE: "a probability of 0 or a slope that is not finite leaves no lead to measure",
    NO_ROOM: "none of their columns may change",
    CENSORED: "their scores are at least the radius of the ball: raise radius to learn more",
}


@dataclass(eq=False)
class Scored:
    """The drawn samples, and the scores so far.

    Parameters
    ----------
    ids, y, labels : array (n,)
        Of the drawn samples; ``labels`` are the model's.
    attacked : int array (m,)
        Places of those that are scored: classified correctly, and not of the target class.
    parts : list of Scores
        Of the first ones of these.
    named : str
        Ids of samples that were asked for.
    """

    part: str
    ids: Array
    y: Array
    classes: tuple[str, ...]
    labels: Array
    attacked: Array
    parts: list[Scores] = field(default_factory=list)
    named: str = ""

    def column(self, name: str, fill: object = np.nan) -> Array:
        """Return one field of the scores over all drawn samples."""
        done = [getattr(part, name) for part in self.parts]
        values = np.full(len(self.ids), fill, dtype=object if isinstance(fill, str) else np.float64)
        if done:
            numbers = np.concatenate(done)
            values[self.attacked[: len(numbers)]] = numbers
        return values


def clever_finding(scored: Scored) -> Finding:
    """Return the finding for the scores so far."""
    done = scored.attacked[: sum(len(part.value) for part in scored.parts)]
    value, status = scored.column("value"), _status(scored)
    low, high = scored.column("low"), scored.column("high")
    estimates = (
        {"measured_share": statistics.wilson(int(np.isfinite(value[done]).sum()), len(done))} if len(done) else {}
    )
    notes, median = _notes(status[done]), _median(value[done], low[done], high[done])
    if median is None:
        notes.append("No median score: half of the samples or more reach the radius, or have none.")
    else:
        estimates["median_distance"] = median
    if len(done) < len(scored.attacked):
        notes.append(f"{len(scored.attacked) - len(done)} samples were not looked at.")
    if scored.part == "X_train":
        notes.append(SEEN)
    table = _samples(scored, status, value, low, high)
    lowest = table[np.isfinite(table["distance"])].nsmallest(_SHOWN, "distance").reset_index(drop=True)
    numbers = np.where(np.isnan(value[done]), high[done], value[done])
    medians = pd.DataFrame({"part": scored.part, "id": scored.ids[done], "median_distance": numbers})
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, len(done)),
        tables={"samples": table, "lowest": lowest, "medians": medians},
        charts=_charts(lowest),
        notes=tuple(notes),
        unjudged=not_judged(scored.named, estimates),
    )


def _median(value: Array, low: Array, high: Array) -> statistics.Estimate | None:
    """Return the median score; what could not be had may lie anywhere between its ends."""
    median = statistics.censored_median(value[~np.isnan(value)])
    if median is None:
        return None
    ends = (np.where(np.isnan(value), end, value) for end in (low, high))
    least, most = (statistics.censored_median(end) for end in ends)
    bottom = median.low if least is None else min(least.low, median.value)
    return statistics.Estimate(median.value, bottom, np.inf if most is None else max(most.high, median.value))


def _status(scored: Scored) -> Array:
    status = scored.column("status", WAITING)
    status[scored.labels != scored.y] = WRONG
    left = np.setdiff1d(np.flatnonzero(scored.labels == scored.y), scored.attacked)
    status[left] = OF_TARGET
    return status


def _samples(scored: Scored, status: Array, value: Array, low: Array, high: Array) -> pd.DataFrame:
    names, rival = np.array(scored.classes, dtype=object), scored.column("rival", -1.0)
    return pd.DataFrame(
        {
            "part": scored.part,
            "id": scored.ids,
            "class": names[scored.y],
            "status": status,
            "distance": np.where(np.isfinite(value), value, np.nan),
            "low": low,
            "high": high,
            "rival": np.where(rival >= 0, names[rival.astype(int)], ""),
            "radius": scored.column("radius"),
        }
    )


def _notes(status: Array) -> list[str]:
    counts = {word: int((status == word).sum()) for word in [*_WAYS_OUT, CONSTANT]}
    notes = [
        f"{counts[word]} of {len(status)} samples have no score: {why}."
        for word, why in _WAYS_OUT.items()
        if counts[word]
    ]
    if counts[CONSTANT]:
        notes.append(
            f"Around {counts[CONSTANT]} of {len(status)} samples all slopes that were met are one: there the model is "
            "linear, and the score is exact unless a small part of the ball that no point fell into is steeper."
        )
    return [*notes, "A CLEVER score is an estimate, not a bound: an attack may find a smaller change."]


def _charts(lowest: pd.DataFrame) -> tuple[Chart, ...]:
    histogram = Chart("samples", "histogram", "distance", by="class", title="CLEVER scores")
    if not len(lowest):
        return (histogram,)
    return histogram, Chart(
        "lowest",
        "points",
        "distance",
        y="id",
        low="low",
        high="high",
        title="Lowest CLEVER scores, with the fit's intervals",
    )
