"""Call an engine, in this thread and process, with model functions that are guarded."""

from collections.abc import Mapping
from typing import Any

from xrai_widgets.core import Assessment, Finding, Subject
from xrai_widgets.core.until import UNTIL
from xrai_widgets.runtime.guard import Guard
from xrai_widgets.runtime.output_check import OutputCheck
from xrai_widgets.runtime.run_step import RunStep
from xrai_widgets.runtime.until import Until

_CHECKED = ("logits", "gradient", "logit_gradient", "embed")
_GUARDED = ("predict", "decide", *_CHECKED)


def call_engine(subject: Subject, entry: Assessment, params: Mapping[str, Any], step: RunStep) -> Finding:
    """Call the engine with guarded model functions, in this thread and process."""
    fields = entry.inputs_of(subject)
    checks = {
        "predict": OutputCheck(probabilities=subject.task == "classification"),
        "decide": OutputCheck("the model's own labels", classes=subject.n_classes),
        **{key: OutputCheck(f"the model's {key.replace('_', ' ')}") for key in _CHECKED},
    }
    guarded = {key: Guard(fields[key], step.meter, checks.get(key)) for key in _GUARDED if fields.get(key) is not None}
    if (before := fields.get("undefended")) is not None:
        guarded["undefended"] = before.asked_by(lambda key, call: Guard(call, step.meter, checks.get(key)))
    of_engine = dict(params)
    widths = of_engine.pop(UNTIL, None)
    step.until = (
        None if widths is None else Until(widths, entry.narrowing, {key: entry.label(key) or key for key in widths})
    )
    finding: Finding = entry.engine(**(fields | guarded), **of_engine, step=step)
    step(1.0, "done")
    return finding if step.until is None else step.until.with_note(finding)
