"""Where does the number sit? The same engine measures models of which the answer is known, on the same data."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Assessment, Cancelled, Chart, Control, Finding, Measure, Subject
from xrai_widgets.runtime.control_models import Learner, blind
from xrai_widgets.runtime.guard import Meter
from xrai_widgets.runtime.run_step import RunStep

TABLE = "controls"
COLUMNS = ("control", "measure", "value", "low", "high", "n", "note")
MOST = 500  # samples of X and of X_train that a control is made of
_OWN = "your model"
_NAMES = {
    "constant": "constant model",
    "memorising": "memorising model",
    "chance": "members dealt at random",
    "shuffled": "labels dealt at random",
    "blind": "no model, the data alone",
}
_SHARE = 0.1  # of the progress bar
_SIZE = 0.05  # of the way from chance to a full leak: less is no leak worth a warning
Measured = Callable[[Subject, Mapping[str, Any], RunStep], dict[str, Any]]


def with_controls(
    subject: Subject,
    entry: Assessment,
    params: Mapping[str, Any],
    step: RunStep,
    whole: Callable[[RunStep], dict[str, Any]],
    measured: Measured,
) -> dict[str, Any]:
    """Measure the subject, then the controls that the assessment declares; return the ending of the run.

    Parameters
    ----------
    whole : callable
        Measures the subject and returns the ending: status, finding, reason.
    measured : callable
        Runs the engine on a control, with parameters, and returns the ending.

    Notes
    -----
    The table ``controls`` of the finding has a row per control and judged number (per value, where none is judged),
    the subject's own first; the last chart shows the first of them. A control is made of at most 500 samples of each
    part, drawn by the seed with the shares of the classes kept. Cancelled between controls, the run keeps the whole
    finding and the controls that are done.
    """
    if not entry.controls:
        return whole(step)
    ended = whole(step.within(0.0, 1 - _SHARE, main=True))
    return ended if ended["status"] != "ok" else ended | _add(ended["finding"], subject, entry, params, step, measured)


def _add(
    finding: Finding,
    subject: Subject,
    entry: Assessment,
    params: Mapping[str, Any],
    step: RunStep,
    measured: Measured,
) -> dict[str, Any]:
    seed = int(params.get("seed") or 0)
    few = _fewer(subject, seed)
    found: list[tuple[Control, Finding | None, str]] = []
    ending: dict[str, Any] = {}
    for number, control in enumerate(entry.controls):
        start, stop = (1 - _SHARE * (1 - (number + end) / len(entry.controls)) for end in (0, 1))
        try:
            step(start, f"control: {_NAMES[control.kind]}")
            made = control_subject(few, control, seed)
            own = None if control.kind in ("chance", "shuffled") else _uncounted(step.meter)
            ended = measured(made, {**params, **control.params}, step.within(start, stop, meter=own))
        except Cancelled as cancelled:
            ended = {"status": "cancelled", "reason": str(cancelled)}
        if ended["status"] == "cancelled":
            ending = {"status": "cancelled", "reason": f"{ended['reason']}; the controls are not complete"}
            break
        found.append((control, ended.get("finding"), _failure(ended)))
    measures = [measure for measure in entry.measures if measure.key in finding.values]
    keys = [measure.key for measure in measures] or list(finding.values)
    rows = _rows(_OWN, finding, keys, {})
    for control, its, failure in found:
        says = {key: failure or _says(control, key, entry) for key in keys}
        rows += _rows(_NAMES[control.kind], its, keys, says)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": float, "low": float, "high": float})
    chart = Chart(
        TABLE,
        "points",
        "value",
        y="control",
        by="measure",
        only=keys[0],
        low="low",
        high="high",
        title=f"{keys[0].replace('_', ' ').capitalize()} beside its controls",
    )
    notes = (*finding.notes, *_warnings(found, entry), *_overlap(subject, entry))
    full = replace(finding, tables={**finding.tables, TABLE: table}, charts=(*finding.charts, chart), notes=notes)
    return {**ending, "finding": full}


def control_subject(subject: Subject, control: Control, seed: int) -> Subject:
    """Return the subject of a control, made of the samples of ``subject``."""
    X, y = subject.X_train, subject.y_train
    assert X is not None
    assert y is not None
    rng = np.random.default_rng((seed, 3))
    name = f"{subject.name} · {_NAMES[control.kind]}"
    if control.kind == "shuffled":
        return replace(subject, name=name, y_train=rng.permutation(y))
    if control.kind == "chance":
        return replace(_dealt(subject, rng), name=name)
    if control.kind == "blind":
        predict: Any = blind(subject, seed)
        fit = None
    else:
        fit = Learner(control.kind == "memorising", subject.n_classes, subject.outputs == "labels")
        predict = fit(X, y)
    without = dict.fromkeys(("gradient", "logits", "embed", "state"))
    return replace(subject, name=name, model=predict, predict=predict, fit=fit, **without)  # type: ignore[arg-type]


def _dealt(subject: Subject, rng: np.random.Generator) -> Subject:
    """Deal members and non-members anew."""
    assert subject.X_train is not None
    order = rng.permutation(len(subject.X_train) + len(subject.X))
    fields: dict[str, Any] = {}
    for inside, outside in (("X_train", "X"), ("y_train", "y"), ("train_ids", "ids")):
        first, second = getattr(subject, inside), getattr(subject, outside)
        if first is None:
            continue
        # names of both parts may be equal, and are shown to nobody here
        both = np.arange(len(order)) if inside == "train_ids" else np.concatenate([first, second])
        fields[inside], fields[outside] = np.split(both[order], [len(subject.X_train)])
    return replace(subject, **fields)


def _fewer(subject: Subject, seed: int) -> Subject:
    """Return the subject with at most `MOST` samples in X and X_train, the shares of the classes kept."""
    rng = np.random.default_rng((seed, 2))
    fields: dict[str, Any] = dict.fromkeys(("groups", "train_groups", "X_new", "y_new", "new_ids"))
    for part, names in (("y_train", ("X_train", "y_train", "train_ids")), ("y", ("X", "y", "ids"))):
        y = getattr(subject, part)
        if y is not None and len(y) > MOST:
            rows = _drawn(y if subject.task == "classification" else np.zeros(len(y)), rng)
            fields |= {name: getattr(subject, name)[rows] for name in names if getattr(subject, name) is not None}
    return replace(subject, **fields)


def _drawn(groups: Array, rng: np.random.Generator) -> Array:
    """Return `MOST` rows: of groups in random order one after the other, every n/`MOST`-th."""
    order = rng.permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    return np.sort(order[np.linspace(0, len(order), MOST, endpoint=False).astype(int)])


def _uncounted(meter: Meter) -> Meter:
    """Return a meter that stops with this one, but does not count: the user's model is not asked."""
    spent = time.monotonic() - meter.started
    return Meter(meter.cancel, max_seconds=None if meter.max_seconds is None else max(meter.max_seconds - spent, 0.0))


def _failure(ended: Mapping[str, Any]) -> str:
    if ended.get("finding") is not None:
        return ""
    # an error may quote a sample, and this table is part of every report: its number leads to the log
    failed = ended["status"] == "error"
    return f"failed ({ended['reason'].rpartition('(')[2]}" if failed else f"{ended['status']}: {ended['reason']}"


def _rows(name: str, finding: Finding | None, keys: list[str], notes: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = []
    for key in keys:
        row: dict[str, Any] = {"control": name, "measure": key, "n": 0, "note": notes.get(key, "")}
        if finding is not None and key in finding.values:
            low, high = finding.intervals.get(key, (float("nan"), float("nan")))
            row |= {"value": finding.values[key], "low": low, "high": high, "n": finding.counts.get(key, 0)}
        rows.append(row)
    return rows


def _says(control: Control, key: str, entry: Assessment) -> str:
    if control.says:
        return control.says
    chance = next((measure.chance for measure in entry.measures if measure.key == key), None)
    if chance is None:
        return "should be small" if control.expect == "no leak" else "should be large"
    return f"should be {'near' if control.expect == 'no leak' else 'far from'} {chance:g}"


def _warnings(found: list[tuple[Control, Finding | None, str]], entry: Assessment) -> list[str]:
    """Say which controls do not show what they should."""
    values = {control.kind: its for control, its, _ in found if its is not None}
    full = values.get("memorising")
    said = []
    for control, its, _ in found:
        if its is None or control.expect == "anything" or entry.measures[0].key not in its.values:
            continue
        measure = entry.measures[0]
        excess, sure = _beyond(its, measure)
        far = _SIZE * abs(_beyond(full, measure)[0]) if full is not None else 0.0
        wrong = excess - 1.5 * (excess - sure) > far if control.expect == "no leak" else sure <= 0
        if wrong:
            words = f"{measure.key.replace('_', ' ')} {its.values[measure.key]:.3g}"
            said.append(f"Control failed: {_NAMES[control.kind]}, {words}. {_WHY[control.kind]}")
    return said


def _beyond(finding: Finding, measure: Measure) -> tuple[float, float]:
    """Return how far the value lies on the bad side of chance, and how far at least by its interval."""
    assert measure.chance is not None
    value = finding.values[measure.key]
    low, high = finding.intervals.get(measure.key, (value, value))
    return (
        (value - measure.chance, low - measure.chance)
        if measure.better == "lower"
        else (
            measure.chance - value,
            measure.chance - high,
        )
    )


_WHY = {
    "constant": "It knows nothing of any sample, so labels alone tell the training samples from the others: their "
    "classes (or values) are distributed differently in X_train and X, and so much of the number is no leak.",
    "memorising": "With these samples and parameters even a model that knows its training samples by heart is not "
    "found, so a low number says nothing about yours.",
    "chance": "There is nothing to find here, so the assessment itself finds too much with these samples and "
    "parameters. By luck that happens in fewer than 1 of 300 runs.",
    "blind": "The training samples differ from the held-out ones so much that they can be told apart without the "
    "model: they do not come from the same distribution, and so much of the number may be no leak.",
}


def _overlap(subject: Subject, entry: Assessment) -> list[str]:
    """Say how many held-out samples stand in the training samples, too, where they are to be told apart."""
    if "y" not in entry.uses or subject.X_train is None or all(c.expect != "leak" for c in entry.controls):
        return []
    known = {hash(row.tobytes()) for row in np.ascontiguousarray(subject.X_train)}
    both = sum(hash(row.tobytes()) in known for row in np.ascontiguousarray(subject.X))
    if both < max(1, 0.01 * len(subject.X)):
        return []
    return [
        f"{both:,} of {len(subject.X):,} held-out samples stand in the training samples, too: they are members and "
        "non-members at once, and the leak looks smaller than it is."
    ]
