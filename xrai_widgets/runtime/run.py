"""Run one assessment on one subject. Whatever happens, the answer is an Outcome."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from xrai_widgets.core import Assessment, Cancelled, Finding, NotApplicable, Outcome, Subject, find
from xrai_widgets.runtime.guard import Guard
from xrai_widgets.runtime.output_check import OutputCheck
from xrai_widgets.runtime.retraining import with_retraining
from xrai_widgets.runtime.run_step import RunStep
from xrai_widgets.runtime.versions import versions

logger = logging.getLogger("xrai_widgets")
_GUARDED = ("predict", "decide", "logits", "gradient", "embed")
_EXTRAS = {"torch": "torch", "aix360": "aix360", "multiprocess": "attacks"}


def run(
    subject: Subject,
    assessment: Assessment | str,
    params: Mapping[str, object] | None = None,
    *,
    step: RunStep | None = None,
    strict: bool = False,
) -> Outcome:
    """Run an assessment and return what happened.

    Parameters
    ----------
    subject : Subject
    assessment : Assessment or str
        An entry of the catalog, or its name.
    params : mapping, optional
        Parameters that differ from their defaults.
    step : RunStep, optional
        Carries progress, cancel and budgets.
    strict : bool
        Raise what the engine raises instead of returning an outcome with status "error".

    Raises
    ------
    ValueError, TypeError
        for an unknown name or a parameter out of its range: nothing is run.
    """
    entry = find(assessment) if isinstance(assessment, str) else assessment
    checked = entry.check(params or {})
    step = step or RunStep()
    begun = time.perf_counter()
    outcome = Outcome(
        assessment=entry.name,
        subject=subject.fingerprint,
        subject_name=subject.name,
        subject_source=subject.source,
        params=checked,
        status="not applicable",
        versions=versions(),
        seed=checked.get("seed"),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        parts=subject.parts,
    )
    if (gap := entry.gap(subject, checked)) is not None:
        return replace(outcome, reason=gap.reason, instead=gap.instead)
    work = partial(with_retraining, subject, entry, checked, step, partial(_ending, strict))
    ended = _ended(work, entry, step, strict)
    return replace(outcome, **ended, seconds=time.perf_counter() - begun, queries=step.meter.queries)


def call_engine(subject: Subject, entry: Assessment, params: Mapping[str, Any], step: RunStep) -> Finding:
    """Call the engine with guarded model functions, in this thread and process."""
    fields = entry.inputs_of(subject)
    checks = {
        "predict": OutputCheck(probabilities=subject.task == "classification"),
        "decide": OutputCheck("the model's own answers", classes=subject.n_classes),
        **{key: OutputCheck(f"the model's {key}") for key in ("logits", "gradient", "embed")},
    }
    guarded = {key: Guard(fields[key], step.meter, checks.get(key)) for key in _GUARDED if fields.get(key) is not None}
    finding: Finding = entry.engine(**(fields | guarded), **params, step=step)
    step(1.0, "done")
    return finding


def _ending(
    strict: bool, entry: Assessment, subject: Subject, params: Mapping[str, Any], step: RunStep
) -> dict[str, Any]:
    """Run the engine; return status, finding and reason."""
    from xrai_widgets.runtime.isolated import call_isolated

    call = call_isolated if entry.isolated else call_engine
    return _ended(lambda: {"status": "ok", "finding": call(subject, entry, params, step)}, entry, step, strict)


def _ended(work: Callable[[], dict[str, Any]], entry: Assessment, step: RunStep, strict: bool) -> dict[str, Any]:
    """Do the work; return its ending, whatever happens."""
    try:
        return work()
    except NotApplicable as gap:
        return {"status": "not applicable", "reason": gap.reason, "instead": gap.instead}
    except Cancelled as cancelled:
        return {"status": "cancelled", "finding": _partial(step, entry), "reason": str(cancelled) or "cancelled"}
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package in _EXTRAS:
            said = f"needs the package {package}: pip install 'xrai-widgets[{_EXTRAS[package]}]'"
            return {"status": "not applicable", "reason": said}
        return _failed(missing, entry, strict, step)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # the one place where a failure becomes an outcome
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # it is the user's
        return _failed(error, entry, strict, step)


def _partial(step: RunStep, entry: Assessment) -> Finding | None:
    try:
        return step.partial()
    except Exception:
        logger.info("no partial finding of %s", entry.name, exc_info=True)
        return None


def _failed(error: BaseException, entry: Assessment, strict: bool, step: RunStep) -> dict[str, Any]:
    if strict:
        raise error
    number = uuid.uuid4().hex[:8]
    logger.error("error %s in %s", number, entry.name, exc_info=error)
    said = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
    said = f"{said}{error} (error {number}; the log has the details)"
    return {"status": "error", "finding": _partial(step, entry), "reason": said}
