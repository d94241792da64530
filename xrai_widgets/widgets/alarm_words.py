"""What an alarm says of one input, in words."""

from typing import Any

import numpy as np

from xrai_widgets.core import Array, Subject, registered
from xrai_widgets.results.words import number
from xrai_widgets.runtime.alarm import Alarm
from xrai_widgets.runtime.checked import Checked
from xrai_widgets.widgets.row_form import RowForm

_FEW = 5


def message_of(subject: Subject, alarm: Alarm, p: float, checked: Checked, output: Array) -> dict[str, Any]:
    """Return the headline and the reason for one input.

    Parameters
    ----------
    p : float
        Its p-value.
    checked : Checked
        Of one row.
    output : array (k,) or a number
        What the model predicts for it.
    """
    abstains = p <= alarm.alpha * (1 + 1e-12)
    says = _prediction(subject, checked, output)
    headline = f"Foreign: do not use the model's {says}" if abstains else f"The model says {says}"
    least = p <= alarm.smallest_alpha * (1 + 1e-9)
    if least:
        why = (
            f"None of the {alarm.n_calibration} normal samples that calibrate the alarm looks as foreign "
            f"(p = {number(p)}, the least there is)"
        )
    else:
        why = f"About {number(100 * p)} in 100 normal samples look at least as foreign (p = {number(p)})"
    rule = f"the alarm rings for up to {number(100 * alarm.alpha)} in 100"
    return {"abstains": abstains, "headline": headline, "reason": f"{why}; {rule}. No verdict on the model."}


def notes_of(alarm: Alarm, row: Array, form: RowForm | None) -> list[str]:
    """Return what must be read with the answer: numbers out of range, a constant picture, an alarm that is mute."""
    notes = []
    if form is not None:
        away = form.outside(row)
        if away:
            more = f", and {len(away) - _FEW} more" if len(away) > _FEW else ""
            notes.append(f"Outside of the range of the training samples: {', '.join(away[:_FEW])}{more}.")
    else:
        flat = row.reshape(-1)
        outside = int(((flat < alarm.service.low) | (flat > alarm.service.high)).sum())
        low, high = alarm.bounds
        if (flat < low).any() or (flat > high).any():
            notes.append(
                f"Pixels lie outside of the range of all training pictures, {number(low)} to {number(high)}: from "
                f"{number(float(flat.min()))} to {number(float(flat.max()))}."
            )
        elif outside:
            notes.append(f"{outside} of {len(flat)} pixels have a value that no training picture has at that place.")
        if np.ptp(flat) == 0:
            notes.append("All pixels are the same: there is nothing to see in this picture.")
    if alarm.mute:
        notes.append(
            "So many of the calibrating samples tie for the most foreign one that this alarm can hardly ring at this α."
        )
    return notes


def share_of(alarm: Alarm) -> str:
    """Return what the rate of false alarms is at most."""
    folds = " (2α: it is calibrated fold by fold)" if alarm.guarantee > alarm.alpha * 1.5 else ""
    return (
        f"Of samples like those that calibrate, at most {number(100 * alarm.guarantee)} in 100 ring on average{folds}; "
        f"α can be {number(alarm.smallest_alpha)} or more with {alarm.n_calibration} samples."
    )


def detector_of(name: str) -> str:
    """Return what people call a detector."""
    entry = registered().get(f"ood.{name}")
    title = "" if entry is None else entry.title.removeprefix("Foreign inputs by ").removeprefix("the ")
    return title or name.replace("_", " ")


def _prediction(subject: Subject, checked: Checked, output: Array) -> str:
    if np.ma.is_masked(checked.predictions):
        return "answer, which is that to another word: it cannot be given this one"
    if subject.task == "regression":
        return f"value {number(float(np.asarray(output).reshape(-1)[0]))}"
    assert checked.predictions is not None
    label = checked.predictions[0]
    place = [str(one) for one in subject.classes].index(str(label))
    if subject.outputs == "labels":
        return f"“{label}”"
    return f"“{label}”, {number(100 * float(output[place]))} % sure"
