"""What a detector by confidence does with clean, attacked and foreign samples, as numbers, tables and charts."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate

_STEPS = 100  # thresholds that are tabulated beside the fixed and the calibrated one
CALIBRATED, FIXED = "calibrated", "fixed"
PLAIN, ADAPTIVE, FOREIGN = "plain attack", "adaptive attack", "foreign inputs"


@dataclass(eq=False)
class Detected:
    """Scores of all samples, and what became of those that were attacked.

    Parameters
    ----------
    score, right : array (n,), bool array (n,)
        Of the clean samples of X.
    calibration : bool array (n,)
        Which of them set the threshold; the others are measured.
    drawn : int array
        Rows of X that were drawn to be attacked: of them those that are ``right`` were.
    plain, distance, adaptive : array (attacked,)
        Score of what the plain attack found inside ε, and how far its find is, wherever it lies; score of the most
        trusted sample of the adaptive one. NaN where nothing is inside ε.
    foreign, foreign_ids : array
        Scores and names of the foreign inputs.
    calibrated, fixed : float, float or None
        Thresholds below which a sample is flagged; −∞ flags nothing.
    others : DataFrame
        What other scores do.
    plain_samples, adaptive_samples : array (attacked, d)
        What both attacks found inside ε, flat; NaN where nothing is there. Without columns until they have ended.
    """

    ids: Array
    score: Array
    right: Array
    calibration: Array
    drawn: Array
    foreign: Array
    foreign_ids: Array
    calibrated: float
    fixed: float | None
    alpha: float
    epsilon: float
    name: str
    plain: Array = field(init=False)
    distance: Array = field(init=False)
    adaptive: Array = field(init=False)
    others: pd.DataFrame = field(default_factory=pd.DataFrame)
    plain_samples: Array = field(init=False)
    adaptive_samples: Array = field(init=False)

    def __post_init__(self) -> None:
        self.plain, self.distance, self.adaptive = (np.full(len(self.attacked), np.nan) for _ in range(3))
        self.plain_samples, self.adaptive_samples = np.empty((2, len(self.attacked), 0))

    @property
    def attacked(self) -> Array:
        """Rows of X that were attacked."""
        rows: Array = self.drawn[self.right[self.drawn]]
        return rows

    @property
    def groups(self) -> dict[str, Array]:
        """Scores of the attacked and the foreign samples, by what they are."""
        parts = {PLAIN: self.plain, ADAPTIVE: self.adaptive}
        scores = {name: part[np.isfinite(part)] for name, part in parts.items()} | {FOREIGN: self.foreign}
        return {name: part for name, part in scores.items() if len(part)}

    def flagged(self, scores: Array, threshold: float) -> Estimate:
        """Return the share of scores below the threshold (Wilson)."""
        return statistics.wilson(int((scores < threshold).sum()), len(scores))

    def guarded(self, threshold: float) -> Array:
        """Return for each drawn sample whether it is right, and stands or is flagged under the adaptive attack."""
        safe = np.zeros(len(self.drawn), dtype=bool)
        safe[self.right[self.drawn]] = ~(self.adaptive >= threshold)
        return safe


def _values(run: Detected) -> dict[str, tuple[Estimate, int]]:
    """Return each number with its interval and how many samples it rests on."""
    clean, cut = run.score[~run.calibration], run.calibrated
    values: dict[str, tuple[Estimate, int]] = {}
    for mark, threshold in (("", cut), ("_fixed", run.fixed)):
        if threshold is None or not np.isfinite(threshold):
            continue
        values[f"false_alarms{mark}"] = run.flagged(clean, threshold), len(clean)
        for name, key in ((ADAPTIVE, "adaptive"), (PLAIN, "plain"), (FOREIGN, "foreign")):
            if name in run.groups:
                values[f"{key}_detection{mark}"] = run.flagged(run.groups[name], threshold), len(run.groups[name])
        safe = run.guarded(threshold)
        if not mark and len(safe):
            values["guarded_accuracy"] = statistics.wilson(int(safe.sum()), len(safe)), len(safe)
    calm = run.score[run.calibration]
    for name, key in ((ADAPTIVE, "adaptive"), (PLAIN, "plain"), (FOREIGN, "foreign")):
        if name in run.groups:
            values[f"{key}_auc"] = statistics.auc(-run.groups[name], -calm), len(run.groups[name]) + len(calm)
    return values


def _thresholds(run: Detected) -> pd.DataFrame:
    """Return what each of many thresholds does, rising: shares with their intervals."""
    clean, right = run.score[~run.calibration], run.right[~run.calibration]
    every = np.concatenate([run.score, *run.groups.values()])
    names = {run.calibrated: CALIBRATED} if np.isfinite(run.calibrated) else {}
    if run.fixed is not None:
        names[run.fixed] = f"{FIXED} and {CALIBRATED}" if run.fixed in names else FIXED
    steps = np.quantile(every, np.linspace(0, 1, _STEPS + 1), method="inverted_cdf")
    rows = []
    for threshold in np.unique(np.r_[steps, [*names]]):
        passed = clean >= threshold
        row: dict[str, Any] = {"threshold": threshold, "which": names.get(float(threshold), "")}
        for key, part in {"false_alarms": clean, **{_column(name): part for name, part in run.groups.items()}}.items():
            share = run.flagged(part, threshold)
            row |= {key: share.value, f"{key}_low": share.low, f"{key}_high": share.high}
        accuracy = statistics.wilson(int((passed & right).sum()), int(passed.sum()))
        row |= {"covered": passed.mean(), "accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high}
        rows.append(row)
    return pd.DataFrame(rows)


def _column(name: str) -> str:
    return name.partition(" ")[0] + "_detection"


def _roc(run: Detected) -> pd.DataFrame:
    calm = run.score[run.calibration]
    parts = []
    for name, scores in run.groups.items():
        fpr, tpr, threshold = statistics.roc(-scores, -calm)
        parts.append(pd.DataFrame({"attack": name, "fpr": fpr, "tpr": tpr, "threshold": -threshold}))
    columns = ["attack", "fpr", "tpr", "threshold"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _samples(run: Detected) -> pd.DataFrame:
    n = len(run.score)
    status = np.full(n, "not attacked", dtype=object)
    status[run.drawn] = "answered wrongly before"
    columns = {name: np.full(n, np.nan) for name in ("plain_score", "plain_distance", "adaptive_score")}
    rows = run.attacked
    status[rows] = np.where(np.isfinite(run.adaptive), "found", "not found")
    columns["plain_score"][rows], columns["adaptive_score"][rows] = run.plain, run.adaptive
    columns["plain_distance"][rows] = np.where(np.isfinite(run.distance), run.distance, np.nan)
    frame = pd.DataFrame({"part": "X", "id": run.ids, "score": run.score, **columns})
    frame["status"], frame["role"] = status, np.where(run.calibration, "calibration", "measured")
    frame["right"] = run.right
    if not len(run.foreign):
        return frame
    others = pd.DataFrame({"part": "X_new", "id": run.foreign_ids, "score": run.foreign, "status": "not attacked"})
    return pd.concat([frame, others.assign(role="foreign")], ignore_index=True)


def _shown(run: Detected) -> pd.DataFrame:
    """Return the scores of clean, attacked and foreign samples, one below the other."""
    groups = {"clean": run.score[~run.calibration], **run.groups}
    return pd.concat([pd.DataFrame({"group": name, "score": part}) for name, part in groups.items()], ignore_index=True)


def _notes(run: Detected) -> list[str]:
    notes, n = [], int(run.calibration.sum())
    if not np.isfinite(run.calibrated):
        need = int(np.ceil(1 / run.alpha - 1e-9)) - 1
        notes.append(
            f"No calibrated threshold: {n} samples to calibrate on are too few for false alarms of at most "
            f"{run.alpha:g}, which takes {need} (twice as many in X). What it would detect is not known, and is not 0."
        )
    tied = int((run.score[run.calibration] == run.calibrated).sum())
    if tied > 1:
        notes.append(
            f"{tied} of the {n} samples that calibrate tie at the threshold and are not flagged: there are fewer false "
            "alarms than α allows, and less is detected."
        )
    broken, plain = int(np.isfinite(run.adaptive).sum()), int(np.isfinite(run.plain).sum())
    total = len(run.attacked)
    if not broken:
        notes.append(
            f"No attack found another label inside ε = {run.epsilon:g} for any of the {total} attacked samples, so "
            "nothing is said of what is detected: that is no proof that there is nothing."
        )
    elif broken > plain:
        notes.append(
            f"The adaptive attack found another label for {broken - plain} samples more than the plain one, of {total}."
        )
    if len(run.foreign) and run.fixed is not None:
        passed = int((run.foreign >= run.fixed).sum())
        notes.append(
            f"{passed} of {len(run.foreign)} foreign inputs pass the fixed threshold of {run.fixed:g}; the most "
            f"trusted one has {run.foreign.max():.3g}."
        )
    if broken:
        notes.append(
            "A stronger attacker may find samples that are trusted more: what is detected under attack is at most this."
        )
    return notes


def detection_finding(run: Detected, notes: list[str]) -> Finding:
    """Return the finding."""
    values = _values(run)
    cut = run.calibrated if np.isfinite(run.calibrated) else run.fixed
    tables = {"samples": _samples(run), "thresholds": _thresholds(run), "roc": _roc(run), "shown_scores": _shown(run)}
    tables["coverage"] = tables["thresholds"].iloc[::-1][["covered", "accuracy", "low", "high", "threshold"]]
    tables["coverage"] = tables["coverage"].query("covered > 0").reset_index(drop=True)
    if len(run.others):
        tables["detectors"] = run.others
    if "guarded_accuracy" in values:
        safe = run.guarded(run.calibrated).astype(float)
        tables["contributions"] = pd.DataFrame({"part": "X", "id": run.ids[run.drawn], "guarded_accuracy": safe})
    charts = [
        Chart("shown_scores", "histogram", "score", by="group", title=f"Clean and attacked samples by {run.name}"),
        Chart(
            "coverage", "line", "covered", y="accuracy", low="low", high="high", title="Accuracy of what is not flagged"
        ),
    ]
    if run.groups:
        title = "Detected against false alarms, by attack"
        charts.insert(0, Chart("roc", "line", "fpr", y="tpr", by="attack", title=title))
    if np.isfinite(run.adaptive).any():
        title = "Trust in attacked samples: beyond the cut they pass"
        charts.append(Chart("samples", "histogram", "adaptive_score", title=title, cut=cut, beyond="above"))
    return Finding(
        values={key: estimate.value for key, (estimate, _) in values.items()},
        intervals={key: (estimate.low, estimate.high) for key, (estimate, _) in values.items()},
        counts={key: count for key, (_, count) in values.items()},
        tables=tables,
        charts=tuple(charts),
        arrays={"index": run.attacked, "plain": run.plain_samples, "adaptive": run.adaptive_samples},
        shareable=("index",),
        notes=(*notes, *_notes(run)),
    )
