"""Where does the number sit? The same engine measures models of which the predictions are known, on the same data."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from xrai_widgets.core import Assessment, Cancelled, Chart, Control, Finding, Subject
from xrai_widgets.core.control import CONTROLS, MODEL_ROW, SPLIT_LEAKS
from xrai_widgets.core.decision import shown
from xrai_widgets.runtime.control_subjects import control_subject, fewer, name_of
from xrai_widgets.runtime.control_warnings import ControlRun, Wrong, overlap_of, unjudged_by, wrong_of
from xrai_widgets.runtime.ending import Ending
from xrai_widgets.runtime.guard import Guard
from xrai_widgets.runtime.run_step import RunStep
from xrai_widgets.runtime.subgroups import with_subgroups

COLUMNS = ("control", "measure", "value", "low", "high", "n", "note")
_SHARE = 0.1  # of the progress bar
Measured = Callable[[Assessment, Subject, Mapping[str, Any], RunStep], Ending]


def with_controls(
    subject: Subject,
    entry: Assessment,
    params: Mapping[str, Any],
    step: RunStep,
    measured: Measured,
) -> Ending:
    """Measure the subject and its subgroups, then the controls that the assessment declares; return the ending.

    Parameters
    ----------
    measured : callable
        Runs an engine on a subject, with parameters and a step, and returns its ending.

    Notes
    -----
    The table ``controls`` of the finding has a row per control and judged number (per value, where none is judged),
    the subject's own first; the last chart shows the first of them. A control is made of at most 500 samples of each
    part, drawn by the seed with the shares of the classes kept; what chance gives in place of what was found is drawn
    from the samples of the finding itself. Where a control comes out wrong, a note says so, and what it is about is not
    judged. Cancelled between controls, the run keeps the whole finding and the controls that are done.
    """
    share = step.within(0.0, 1 - _SHARE, main=True) if entry.controls else step
    ended = with_subgroups(subject, entry, share, lambda part, inner: measured(entry, part, params, inner))
    if not entry.controls:
        return ended
    return ended if ended.status != "ok" else _add(ended, subject, entry, params, step, measured)


def _add(
    ending: Ending,
    subject: Subject,
    entry: Assessment,
    params: Mapping[str, Any],
    step: RunStep,
    measured: Measured,
) -> Ending:
    finding = ending.finding
    assert finding is not None
    few = fewer(subject, int(params.get("seed") or 0))
    controls = [control for control in entry.controls if not control.about or {*control.about} & {*finding.values}]
    runs: list[ControlRun] = []
    for number, control in enumerate(controls):
        start, stop = (1 - _SHARE * (1 - (number + end) / len(controls)) for end in (0, 1))
        try:
            step(start, f"control: {name_of(control)}")
            share = step.within(start, stop)
            if control.measured is not None:
                ended = _by_chance(finding, subject, entry, control, params, share, measured)
            else:
                ended = _by_model(few, entry, control, params, share, measured)
        except Cancelled as cancelled:
            ended = Ending("cancelled", reason=str(cancelled))
        if ended.status == "cancelled":
            ending = ending.broken_off(ended, "the controls")
            break
        runs.append((control, ended.finding, ended.failure))
    measures = [measure for measure in entry.measures if measure.key in finding.values]
    keys = [measure.key for measure in measures] or list(finding.values)
    rows = _rows(MODEL_ROW, finding, keys, {})
    for control, its, failure in runs:
        about = [key for key in keys if not control.about or key in control.about]
        says = {key: failure or _says(control, key, entry) for key in about}
        rows += _rows(name_of(control), its, about, says)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": float, "low": float, "high": float})
    chart = Chart(
        CONTROLS,
        "points",
        "value",
        y="control",
        by="measure",
        only=keys[0],
        low="low",
        high="high",
        title=f"{keys[0].replace('_', ' ').capitalize()} beside its controls",
    )
    wrong = wrong_of(runs, entry)
    additions: dict[str, Any] = {
        "notes": (*finding.notes, *(one.note for one in wrong), *overlap_of(subject, entry)),
        "unjudged": {
            **split_leak(finding, runs, wrong, entry),
            **unjudged_by(wrong, finding, entry),
            **finding.unjudged,
        },
    }
    tables = {**finding.tables, CONTROLS: table}
    return ending.but(replace(finding, tables=tables, charts=(*finding.charts, chart), **additions))


def _by_model(
    few: Subject, entry: Assessment, control: Control, params: Mapping[str, Any], step: RunStep, measured: Measured
) -> Ending:
    """Run the engine on the model of a control."""
    asks_the_model = control.kind in ("chance", "shuffled")
    ask = Guard(shown(few.predict, few.decide, few.n_classes), step.meter)
    made = control_subject(few, control, int(params.get("seed") or 0), ask)
    given = control.given(params)
    gap = entry.gap(made, given)
    if gap is not None:
        return Ending("not applicable", reason=gap.reason)
    meter = None if asks_the_model else step.meter.uncounted()  # the user's model is not asked
    return measured(entry, made, given, step.within(0.0, 1.0, meter=meter))


def _by_chance(
    finding: Finding,
    subject: Subject,
    entry: Assessment,
    control: Control,
    params: Mapping[str, Any],
    step: RunStep,
    measured: Measured,
) -> Ending:
    """Measure what chance gives in place of what the engine found: an engine of its own, that knows the finding."""
    assert control.measured is not None
    engine = replace(entry, engine=partial(control.measured, finding), isolated=False)
    wanted = inspect.signature(engine.engine).parameters
    return measured(engine, subject, {key: value for key, value in params.items() if key in wanted}, step)


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


def split_leak(
    finding: Finding, runs: Sequence[ControlRun], wrong: Sequence[Wrong], entry: Assessment
) -> dict[str, str]:
    """Return the measures that must not be judged, with the reason; none where members look like the others.

    Where the data alone separate members from others, an attack on the model finds that difference, too, and its number
    is no leak up to the upper end of what they show. Who judges still fails what lies beyond that end and the limit
    together (`xrai_widgets.results.split_leak.beyond`).
    """
    if not any(one.control.kind == "blind" for one in wrong):
        return {}
    for control, its, _ in runs:
        if control.kind != "blind" or its is None:
            continue
        keys = [m.key for m in entry.measures if m.key in finding.values and m.key in its.intervals]
        return {
            key: f"{SPLIT_LEAKS}: without any model the data tell members from others with {_words(its, key)}"
            for key in keys
        }
    return {}


def _words(finding: Finding, key: str) -> str:
    low, high = finding.intervals[key]
    return f"{key.replace('_', ' ')} {finding.values[key]:.3g} [{low:.3g}, {high:.3g}]"
