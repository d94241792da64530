"""What corruptions cost, as numbers with intervals, tables and charts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array, Chart, Finding, Step
from xrai_widgets.core.holm import holm
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._calibration import calibration_error
from xrai_widgets.engines._statistics import LEVEL, Estimate
from xrai_widgets.engines.robustness.corruptions.measured import Changed

_REPEATS = 200  # bootstrap draws of a calibration error
ALPHA = 0.05
BOUNDED = ("accuracy_fall", "worst_fall", "flip_share")
REFUSED = (
    "What the model refuses is counted neither as right nor as wrong: the falls are those of the errors that it takes, "
    "may be too small, and may fail a limit but never pass it."
)


@dataclass(frozen=True, eq=False)
class Corrupted:
    """The clean run, the corrupted ones, and the samples' names.

    Parameters
    ----------
    y : int array (n,)
    clean : Changed
    runs : mapping of (kind, severity) to Changed
    severity : int
        At which the headline is read.
    scored : bool
        Whether the model gives probabilities.
    """

    ids: Array
    y: Array
    clean: Changed
    runs: dict[tuple[str, int], Changed]
    severity: int
    scored: bool
    seed: int

    @property
    def kinds(self) -> list[str]:
        """The kinds of corruption that were measured."""
        return list(dict.fromkeys(kind for kind, _ in self.runs))

    def fall(self, keys: list[tuple[str, int]]) -> tuple[Array, Array]:
        """Return for each sample the share of runs in which it becomes wrong, and right."""
        right = self.clean.labels == self.y
        after = np.array([self.runs[key].labels == self.y for key in keys])
        return (right & ~after).mean(axis=0), (~right & after).mean(axis=0)

    def flips(self, keys: list[tuple[str, int]]) -> Array:
        """Return for each sample the share of runs that change its label."""
        share: Array = np.mean([self.runs[key].labels != self.clean.labels for key in keys], axis=0)
        return share

    def overconfidence(self, keys: list[tuple[str, int]]) -> Array:
        """Return for each sample how much confidence less rightness rises, on average over the runs."""
        before = self.clean.confidence - (self.clean.labels == self.y)
        rise: Array = np.mean([run.confidence - (run.labels == self.y) for run in map(self.runs.get, keys) if run], 0)
        more: Array = rise - before
        return more


def fall_of(lost: Array, gained: Array, level: float = LEVEL) -> Estimate:
    """Return the fall of accuracy with its paired interval."""
    return statistics.paired_difference(float(lost.sum()), float(gained.sum()), len(lost), level)


def values_of(run: Corrupted) -> dict[str, Estimate]:
    """Return the headline numbers at the severity that was asked for."""
    at = [(kind, run.severity) for kind in run.kinds]
    n, lost_gained = len(run.y), run.fall(at)
    each = [fall_of(*run.fall([key]), level=1 - (1 - LEVEL) / len(at)) for key in at]
    estimates = {
        "accuracy": statistics.wilson(int((run.clean.labels == run.y).sum()), n),
        "accuracy_fall": fall_of(*lost_gained),
        "worst_fall": Estimate(*(max(numbers) for numbers in zip(*each, strict=True))),
        "flip_share": statistics.wilson(float(run.flips(at).sum()), n),
    }
    if run.scored:
        estimates["overconfidence_rise"] = _rise(run, at)
    return estimates


def _rise(run: Corrupted, keys: list[tuple[str, int]]) -> Estimate:
    """Return the mean rise of confidence less rightness; at least as wide as the interval of the rightness."""
    student, fall = statistics.mean(run.overconfidence(keys)), fall_of(*run.fall(keys))
    below, above = (
        max(student.value - student.low, fall.value - fall.low),
        max(student.high - student.value, fall.high - fall.value),
    )
    return Estimate(student.value, student.value - below, student.value + above)


def curve_of(run: Corrupted, step: Step) -> pd.DataFrame:
    """Return a row for each kind and severity: accuracy, its fall, flips and calibration."""
    rows = []
    for kind, severity in step.over(list(run.runs), "intervals"):
        key, changed = (kind, severity), run.runs[kind, severity]
        accuracy = statistics.wilson(int((changed.labels == run.y).sum()), len(run.y))
        fall, flips = fall_of(*run.fall([key])), statistics.wilson(float(run.flips([key]).sum()), len(run.y))
        row = {"corruption": kind, "severity": severity, "accuracy": accuracy.value, "low": accuracy.low}
        row |= {"high": accuracy.high, "fall": fall.value, "fall_low": fall.low, "fall_high": fall.high}
        row |= {"flips": flips.value, "flips_low": flips.low, "flips_high": flips.high}
        if run.scored:
            error = calibration_error(changed.scores, run.y, seed=run.seed, repeats=_REPEATS, labels=changed.labels)
            rise, calibration = _rise(run, [key]), error.estimate
            row |= {"calibration_error": calibration.value, "calibration_low": calibration.low}
            row |= {"calibration_high": calibration.high, "overconfidence_rise": rise.value}
            row |= {"rise_low": rise.low, "rise_high": rise.high}
        rows.append(row)
    return pd.DataFrame(rows)


def errors_of(run: Corrupted) -> pd.DataFrame:
    """Return for each sample at how many severities each kind makes it wrong: what a comparison of models needs."""
    wrong = {
        kind: np.sum([changed.labels != run.y for (name, _), changed in run.runs.items() if name == kind], axis=0)
        for kind in run.kinds
    }
    return pd.DataFrame({"part": "X", "id": run.ids, **wrong})


def p_values(falls: Array) -> Array:
    """Return for each column (n, columns) the one-sided p-value that samples lose no more than they gain.

    The exact sign test over the samples that change, by Holm over the columns.
    """
    lose, gain = (falls > 0).sum(axis=0), (falls < 0).sum(axis=0)
    return holm(np.array([float(stats.binom.sf(a - 1, a + b, 0.5)) for a, b in zip(lose, gain, strict=True)]))


def columns_table(names: list[str], first: Array, places: Array, again: Array) -> pd.DataFrame:
    """Return the columns, the worst first; those that are named have what fresh draws say of them.

    Parameters
    ----------
    first, again : array (n, d), (n, len(places))
        How much rightness each sample loses at the first draws, and at fresh ones in the columns ``places``.
    """
    table = pd.DataFrame({"column": names, "first_fall": first.mean(axis=0)})
    table["p_value"] = p_values(first) if len(names) else []
    table["worst"] = np.isin(np.arange(len(names)), places)
    for key in ("fall", "low", "high"):
        table[key] = np.nan
    for number, place in enumerate(places.tolist()):
        lost, gained = np.maximum(again[:, number], 0), np.maximum(-again[:, number], 0)
        estimate = fall_of(lost, gained, 1 - (1 - LEVEL) / len(places))
        table.loc[place, ["fall", "low", "high"]] = [estimate.value, estimate.low, estimate.high]
    order = ["worst", "fall", "first_fall"]
    return table.sort_values(order, ascending=False, kind="stable").reset_index(drop=True)


def corruptions_finding(
    run: Corrupted, columns: pd.DataFrame | None, notes: list[str], step: Step, refused: bool = False
) -> Finding:
    """Return the finding; where the model has ``refused`` some samples, nothing that falls can be less than it says."""
    estimates, at = values_of(run), [(kind, run.severity) for kind in run.kinds]
    lost, gained = run.fall(at)
    right = run.clean.labels == run.y
    samples = pd.DataFrame({"part": "X", "id": run.ids, "right": right, "flip_share": run.flips(at), "lost": lost})
    adds = {"accuracy": right.astype(float), "accuracy_fall": lost - gained, "flip_share": run.flips(at)}
    if run.scored:
        adds["overconfidence_rise"] = run.overconfidence(at)
    curve = curve_of(run, step)
    here = curve[curve["severity"] == run.severity].sort_values("fall", ascending=False, kind="stable")
    tables = {
        "samples": samples,
        "severities": curve,
        "corruptions": here.reset_index(drop=True),
        "errors": errors_of(run),
        "contributions": pd.DataFrame({"part": "X", "id": run.ids, **adds}),
    }
    charts = [
        Chart("severities", "line", "severity", y="accuracy", by="corruption", title="Accuracy under corruption"),
        Chart(
            "corruptions",
            "points",
            "fall",
            y="corruption",
            low="fall_low",
            high="fall_high",
            title=f"Fall of accuracy at severity {run.severity}",
        ),
        Chart("samples", "histogram", "flip_share", title="Share of corruptions that change a label", cut=0.5),
    ]
    if columns is not None:
        tables["columns"] = columns
        if columns["worst"].any():
            tables["worst_columns"] = columns[columns["worst"]].reset_index(drop=True)
            title = "Worst columns, corrupted alone, on fresh draws"
            charts.append(Chart("worst_columns", "points", "fall", y="column", low="low", high="high", title=title))
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, len(run.y)),
        tables=tables,
        charts=tuple(charts),
        notes=(*notes, *[REFUSED] * refused),
        bounds=dict.fromkeys(BOUNDED, "lower") if refused else {},
    )
