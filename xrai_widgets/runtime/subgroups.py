"""The judged numbers once more in each subgroup: the engine runs again on the samples of that subgroup alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Assessment, Cancelled, Measure, Subject
from xrai_widgets.runtime.ending import Ending
from xrai_widgets.runtime.run_step import RunStep

FEWEST, MOST = 10, 20
COLUMNS = ("group", "measure", "value", "low", "high", "n", "note")
_PARTS = {
    "X": ("groups", ("X", "y", "ids")),
    "X_train": ("train_groups", ("X_train", "y_train", "train_ids")),
    "X_new": ("new_groups", ("X_new", "y_new", "new_ids", "foreign")),
}
Measured = Callable[[Subject, RunStep], Ending]


def subgroups_of(subject: Subject, entry: Assessment) -> list[Any]:
    """Return the subgroups in which an assessment is measured, too; none if it has no number that is judged."""
    if subject.groups is None or not entry.measures:
        return []
    groups: list[Any] = np.unique(
        subject.groups.astype(str) if subject.groups.dtype == object else subject.groups
    ).tolist()
    return groups


def with_subgroups(subject: Subject, entry: Assessment, step: RunStep, measured: Measured) -> Ending:
    """Measure all samples, then each subgroup; return the ending of the run.

    Parameters
    ----------
    measured : callable
        Runs the engine on a subject and returns its ending.

    Notes
    -----
    The table ``subgroups`` of the finding has a row per judged number and subgroup. A subgroup with fewer than 10
    samples in a part that the engine uses gets no number. Cancelled between subgroups, the run keeps the whole finding
    and the subgroups that are done.
    """
    groups = subgroups_of(subject, entry)
    if not groups:
        return measured(subject, step)
    ended = measured(subject, step.within(0.0, 1 / (len(groups) + 1), main=True))
    return ended if ended.status != "ok" else _add(ended, subject, entry, step, groups, measured)


def _add(
    ending: Ending, subject: Subject, entry: Assessment, step: RunStep, groups: list[Any], measured: Measured
) -> Ending:
    finding = ending.finding
    assert finding is not None
    gap = _gap(subject, entry, len(groups))
    if gap:
        return ending.but(replace(finding, notes=(*finding.notes, gap)))
    rows: list[dict[str, Any]] = []
    for number, group in enumerate(groups, 1):
        share = step.within(number / (len(groups) + 1), (number + 1) / (len(groups) + 1))
        try:
            step(number / (len(groups) + 1), f"subgroup {group}")
            ended = _measure(subject, entry, group, share, measured)
        except Cancelled as cancelled:
            ended = Ending("cancelled", reason=str(cancelled))
        if ended.status == "cancelled":
            ending = ending.broken_off(ended, "the subgroups")
            break
        rows += _rows([m for m in entry.measures if m.task in (None, subject.task)], group, ended)
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": float, "low": float, "high": float})
    return ending.but(replace(finding, tables={**finding.tables, "subgroups": frame}))


def only(subject: Subject, group: Any) -> Subject:
    """Return the subject with the samples of one subgroup alone."""
    fields: dict[str, Any] = dict.fromkeys(role for role, _ in _PARTS.values())
    for role, names in _PARTS.values():
        groups = getattr(subject, role)
        if groups is not None:
            mask = _mask(groups, group)
            fields |= {name: getattr(subject, name)[mask] for name in names if getattr(subject, name) is not None}
    return replace(subject, **fields)


def _gap(subject: Subject, entry: Assessment, count: int) -> str:
    if count > MOST:
        return f"No subgroups: {count} are too many, at most {MOST} are measured; pass coarser groups to Subject.of."
    # where they are a help only, as real samples towards which is searched, all of them may serve each subgroup
    if "X_train" in entry.needs and subject.X_train is not None and subject.train_groups is None:
        return "No subgroups: those of the training samples are not known; pass train_groups= to Subject.of."
    if "fit" in entry.uses:
        return "No subgroups: the model would be trained on one of them alone, which says nothing about this model."
    if "X_new" in entry.uses and subject.X_new is not None:
        if subject.new_groups is None:
            return "No subgroups: those of the new samples are not known; pass new_groups= to Subject.of."
        if not np.isin(subject.new_groups.astype(str), np.asarray(subject.groups).astype(str)).any():
            return "No subgroups: those of the new samples are none of those of X."
    return ""


def _measure(subject: Subject, entry: Assessment, group: Any, step: RunStep, measured: Measured) -> Ending:
    sizes = {
        part: int(_mask(getattr(subject, role), group).sum())
        for part, (role, _) in _PARTS.items()
        if part in entry.uses and getattr(subject, role) is not None
    }
    if min(sizes.values(), default=0) < FEWEST:
        counts = ", ".join(f"{count} in {part}" for part, count in sizes.items())
        return Ending("not applicable", reason=f"too few: {counts or 'no samples'}; at least {FEWEST} are needed")
    return measured(only(subject, group), step)


def _rows(measures: list[Measure], group: Any, ended: Ending) -> list[dict[str, Any]]:
    finding, name = ended.finding, str(group)
    if finding is None:
        reason = ended.reason if ended.status != "error" else ended.failure
        return [{"group": name, "measure": measure.key, "n": 0, "note": reason} for measure in measures]
    rows = []
    for measure in measures:
        if measure.key not in finding.values:
            rows.append({"group": name, "measure": measure.key, "n": 0, "note": "no such number in this subgroup"})
            continue
        low, high = finding.intervals.get(measure.key, (float("nan"), float("nan")))
        numbers = {"value": finding.values[measure.key], "low": low, "high": high}
        rows.append(
            {"group": name, "measure": measure.key, **numbers, "n": finding.counts.get(measure.key, 0), "note": ""}
        )
    return rows


def _mask(groups: Array, group: Any) -> Array:
    mask: Array = (groups.astype(str) == group) if groups.dtype == object else groups == group
    return mask
