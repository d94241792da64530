"""Run one assessment on one subject. Whatever happens, the result is an Outcome."""

import time
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from xrai_widgets.core import Assessment, Outcome, Subject, find
from xrai_widgets.core.belonging import inputs_of
from xrai_widgets.runtime.call import call_engine
from xrai_widgets.runtime.ending import Ending, ended
from xrai_widgets.runtime.isolated import call_isolated
from xrai_widgets.runtime.retraining import with_retraining
from xrai_widgets.runtime.run_step import RunStep
from xrai_widgets.runtime.versions import versions


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
        origin=subject.origin,
        inputs=inputs_of(subject, entry),
        params=checked,
        status="not applicable",
        versions=versions(),
        seed=checked.get("seed"),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        parts=subject.parts,
        series=subject.series,
        batch=subject.batch,
    )
    if (gap := entry.gap(subject, checked)) is not None:
        return replace(outcome, reason=gap.reason, instead=gap.instead)
    work = partial(with_retraining, subject, entry, checked, step, partial(_measured, strict))
    ending = _remarked(ended(work, entry, step, strict), step)
    fields_of_ending = {field.name: getattr(ending, field.name) for field in fields(ending)}
    return replace(outcome, **fields_of_ending, seconds=time.perf_counter() - begun, queries=step.meter.queries)


def _remarked(ending: Ending, step: RunStep) -> Ending:
    """Add why the work was not spread over workers."""
    finding = ending.finding
    if finding is None or not step.remarks:
        return ending
    return ending.but(replace(finding, notes=(*finding.notes, *step.remarks)))


def _measured(strict: bool, entry: Assessment, subject: Subject, params: Mapping[str, Any], step: RunStep) -> Ending:
    """Call the engine, here or in a process of its own."""
    call = call_isolated if entry.isolated else call_engine
    return ended(lambda: Ending("ok", call(subject, entry, params, step)), entry, step, strict)
