"""What an alarm does with normal, shifted and foreign samples, as numbers, tables and charts."""

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.core.holm import holm
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._rare import average_precision
from xrai_widgets.engines._statistics import LEVEL, Estimate
from xrai_widgets.engines.ood import _conformal as conformal
from xrai_widgets.engines.ood._alarm import FOLDS
from xrai_widgets.engines.ood._alarmed import Alarmed
from xrai_widgets.engines.ood._sets import NORMAL, SHOWN, Part, shown_groups

_POINTS = 100  # of the curve of accuracy
_LEVELS = {"detection_at_1": 0.01, "detection_at_5": 0.05}
SYNTHETIC = (
    "the foreign samples are synthetic: they say how the detector works, not whether it finds what will come; pass "
    "foreign= for that"
)
MUTE = " No sample is more foreign than these: this score can hardly ring at this α."


def share(p: Array, alpha: float) -> Estimate:
    """Return the share of alarms (Wilson)."""
    return statistics.wilson(int(conformal.rings(p, alpha).sum()), len(p))


def fpr_at_tpr(foreign: Array, normal: Array, tpr: float = 0.95) -> Estimate:
    """Return the false alarms of the highest cut that flags a share ``tpr`` of the foreign samples.

    The interval takes the ends of the cut (order statistics) and Wilson's there, each at 97.5 %: wide, not wrong.
    """
    ordered, half = np.sort(foreign), 1 - (1 - LEVEL) / 2
    cut = float(ordered[len(ordered) - int(np.ceil(tpr * len(ordered)))])
    _, low, high = statistics.quantile(foreign, 1 - tpr, half)
    most, least = (statistics.wilson(int((normal >= end).sum()), len(normal), half) for end in (low, high))
    value = float((normal >= cut).mean())
    return Estimate(value, min(least.low, value), max(most.high, value))


def _values(run: Alarmed) -> dict[str, tuple[Estimate, int]]:
    false = share(run.p, run.alpha)
    above = Estimate(*(end - run.alpha for end in false))
    values = {"false_alarms": (false, len(run.p)), "fpr_above_alpha": (above, len(run.p))}
    if run.strange is not None:
        foreign, p = run.strange
        if run.alarm.smallest_alpha <= run.alpha:
            values["detection"] = share(p, run.alpha), len(p)
        for key, level in _LEVELS.items():
            if conformal.rank(level, run.alarm.n) >= 1:
                values[key] = share(p, level), len(p)
        both = len(foreign) + len(run.foreignness)
        which = np.arange(both) < len(foreign)
        values["auroc"] = statistics.auc(foreign, run.foreignness), both
        values["aupr"] = average_precision(np.concatenate([foreign, run.foreignness]), which), both
        values["fpr_at_95_tpr"] = fpr_at_tpr(foreign, run.foreignness), both
    shifted = [part.p for part in run.shifted]
    if shifted:
        p = np.concatenate(shifted)
        values["shifted_alarms"] = share(p, run.alpha), len(p)
    if run.new is not None and len(run.new[1]):
        values["new_alarms"] = share(run.new[1], run.alpha), len(run.new[1])
    return values


def _set_rows(run: Alarmed) -> pd.DataFrame:
    """Return what the alarm does with each set of samples."""
    parts = [Part(NORMAL, NORMAL, run.foreignness, run.p), *run.parts]
    parts += [Part(f"synthetic: {made.name}", made.kind, f, p) for made, f, p in run.sets]
    rows = []
    for name, kind, f, p in parts:
        if not len(f):
            continue
        alarms, area = share(p, run.alpha), statistics.auc(f, run.foreignness)
        row = {"set": name, "kind": kind, "n": len(f), "alarms": alarms.value, "low": alarms.low, "high": alarms.high}
        if name != NORMAL:
            row |= {"auroc": area.value, "auroc_low": area.low, "auroc_high": area.high}
        rows.append(row)
    return pd.DataFrame(rows)


def _class_rows(run: Alarmed) -> pd.DataFrame:
    """Return the false alarms of each class, with p-values, corrected by Holm, that they are no more than α."""
    assert run.classes is not None
    rows = []
    for code in np.unique(run.classes):
        p = run.p[run.classes == code]
        alarms, count = share(p, run.alpha), int(conformal.rings(p, run.alpha).sum())
        test = float(stats.binomtest(count, len(p), run.alpha, alternative="greater").pvalue)
        row = {"class": run.class_names[int(code)], "n": len(p), "alarms": alarms.value, "low": alarms.low}
        rows.append(row | {"high": alarms.high, "p_value": test})
    table = pd.DataFrame(rows)
    table["p_value"] = holm(table["p_value"])
    return table


def _coverage(run: Alarmed) -> pd.DataFrame:
    """Return how accurate the model is on the samples that are less foreign than each of many cuts."""
    assert run.right is not None
    order = np.argsort(run.foreignness, kind="stable")
    ranked, hits = run.foreignness[order], np.cumsum(run.right[order])
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    places = last[np.unique(np.linspace(0, len(last) - 1, min(_POINTS, len(last))).astype(int))]
    low, high = statistics.wilson_ends(hits[places], places + 1)
    columns = {"covered": (places + 1) / len(ranked), "accuracy": hits[places] / (places + 1), "low": low, "high": high}
    return pd.DataFrame(columns | {"cut": ranked[places]})


def _samples(run: Alarmed) -> pd.DataFrame:
    frame = pd.DataFrame({"part": "X", "id": run.ids, "foreignness": run.foreignness, "p_value": run.p})
    frame["alarm"], frame["group"] = conformal.rings(run.p, run.alpha), NORMAL
    if run.right is not None:
        frame["right"] = run.right.astype(np.float64)  # not known of new ones
    if run.new is None or not len(run.new[1]):
        return frame
    f, p = run.new
    new = pd.DataFrame({"part": "X_new", "id": run.new_ids, "foreignness": f, "p_value": p})
    new["alarm"] = conformal.rings(p, run.alpha)
    new["group"] = shown_groups(run.foreign, run.new_sets, len(new))
    if run.new_sets is not None:
        frame["set"], new["set"] = NORMAL, np.asarray(run.new_sets).astype(str)
    new["discovery"] = conformal.discoveries(p, run.rate)
    frame["discovery"] = False
    return pd.concat([frame, new], ignore_index=True)


def _shown(run: Alarmed) -> pd.DataFrame:
    normal = (NORMAL, NORMAL, run.foreignness, run.p)
    rows = [normal, *((SHOWN[made.kind], made.name, f, p) for made, f, p in run.sets)]
    tables = [pd.DataFrame({"group": group, "set": name, "foreignness": f, "p_value": p}) for group, name, f, p in rows]
    return pd.concat(tables, ignore_index=True)


def _contributions(run: Alarmed, values: dict[str, tuple[Estimate, int]]) -> pd.DataFrame:
    alarms = conformal.rings(run.p, run.alpha)
    frame = pd.DataFrame({"part": "X", "id": run.ids, "fpr_above_alpha": alarms - run.alpha})
    if "detection" not in values or not run.labelled:
        return frame
    assert run.new is not None
    frame["detection"] = 0.0
    rung = conformal.rings(run.new[1][run.foreign], run.alpha).astype(float)
    other = pd.DataFrame({"part": "X_new", "id": run.new_ids[run.foreign], "fpr_above_alpha": 0.0, "detection": rung})
    return pd.concat([frame, other], ignore_index=True)


def _notes(run: Alarmed, by_class: pd.DataFrame | None) -> list[str]:
    alarm, notes = run.alarm, []
    if alarm.smallest_alpha > run.alpha:
        notes.append(
            f"This alarm cannot ring at α = {run.alpha:g}: {alarm.n} samples calibrate it, and the smallest α is "
            f"{alarm.smallest_alpha:.3g}. What it would detect is not known, and is not 0; α = {run.alpha:g} takes "
            f"{int(np.ceil(1 / run.alpha - 1e-9)) - 1} samples."
        )
    else:
        notes.append(
            f"{alarm.n} samples calibrate the alarm: the smallest α at which it can ring is {alarm.smallest_alpha:.3g}."
        )
    if alarm.factor > 1:
        notes.append(
            f"With so few training samples the alarm is calibrated fold by fold (cross-conformal, {FOLDS} folds): "
            f"false alarms are guaranteed to be at most 2α = {2 * run.alpha:g} on average, and are fewer than α where "
            "detectors differ from fold to fold. The foreignness that is shown is their mean, and the cut lies about "
            "where α does."
        )
    tied = max(int((part == alarm.threshold(run.alpha)).sum()) for part in alarm.calibrations)
    if tied > 1:
        notes.append(
            f"{tied} calibrating samples tie at the threshold and do not ring: there are fewer false alarms than α "
            f"allows, and less is detected.{MUTE if alarm.mute(run.alpha) else ''}"
        )
    if run.new is None:
        notes.append("No new samples were given (X_new): the foreign samples are synthetic, made of the samples of X.")
    else:
        notes.append(_batch_note(run))
    if run.by_name:
        notes.append("Which new samples are foreign is told by the names of their sets: near and far are, shifted not.")
    if run.missing:
        notes.append(f"{run.missing} samples have missing numbers: missing counts as a value of its own.")
    if by_class is not None:
        much = by_class[by_class["p_value"] <= 1 - LEVEL]["class"].tolist()
        if much:
            notes.append(f"More false alarms than α (Holm, {LEVEL:.0%}) in: {', '.join(map(str, much))}.")
    return notes


def _batch_note(run: Alarmed) -> str:
    assert run.new is not None
    m, n = len(run.new[1]), run.alarm.n
    need, one = conformal.fewest(m, n, run.rate), int(np.ceil(m / run.rate - 1e-9)) - 1
    count = int(conformal.discoveries(run.new[1], run.rate).sum())
    can = f"something can be found from {need} samples on that are as foreign as can be" if need <= m else "nothing can"
    folds = " Calibrated fold by fold, that share is not guaranteed." if run.alarm.factor > 1 else ""
    return (
        f"Over the batch of {m} with at most {run.rate:g} of the discoveries false on average (Benjamini–Hochberg): "
        f"with {n} samples that calibrate, {can}, and a single one from {one} calibrating samples on. {count} were "
        f"found.{folds}"
    )


def alarm_finding(run: Alarmed) -> Finding:
    """Return the finding."""
    values = _values(run)
    tables = {"samples": _samples(run), "sets": _set_rows(run), "contributions": _contributions(run, values)}
    cut = run.alarm.threshold(run.alpha)
    shown = "samples" if run.new is not None and len(run.new[1]) else "shown_scores"
    if shown == "shown_scores":
        tables[shown] = _shown(run)
    title = f"Foreignness by {run.name}"
    charts = [
        Chart(
            shown,
            "histogram",
            "foreignness",
            by="group",
            title=title,
            cut=cut if np.isfinite(cut) else float(np.max(run.foreignness)),
            part="X_new" if shown == "samples" else "",
        ),
        Chart("sets", "points", "alarms", y="set", low="low", high="high", title="Alarms in each set of samples"),
    ]
    if run.right is not None:
        tables["coverage"] = _coverage(run)
        title = "Accuracy of the less foreign samples"
        charts.append(Chart("coverage", "line", "covered", y="accuracy", low="low", high="high", title=title))
    by_class = None if run.classes is None else _class_rows(run)
    if by_class is not None:
        tables["class_alarms"] = by_class
        title = "False alarms in each class"
        charts.append(Chart("class_alarms", "points", "alarms", y="class", low="low", high="high", title=title))
    unjudged = {} if run.labelled else {"detection": SYNTHETIC}
    if run.alarm.mute(run.alpha) or conformal.rank(run.alpha, run.n_calibration) < 1:
        unjudged["fpr_above_alpha"] = f"no sample like those that calibrate can make it ring at α = {run.alpha:g}"
    return Finding(
        values={key: estimate.value for key, (estimate, _) in values.items()},
        intervals={key: (estimate.low, estimate.high) for key, (estimate, _) in values.items()},
        counts={key: count for key, (_, count) in values.items()},
        tables=tables,
        charts=tuple(charts),
        notes=tuple(_notes(run, by_class)),
        unjudged={key: reason for key, reason in unjudged.items() if key in values},
    )
