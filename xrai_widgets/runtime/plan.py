"""Several assessments on one subject, one after the other, whatever happens to each."""

import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

import pandas as pd

import xrai_widgets.engines  # noqa: F401 - fills the catalog
from xrai_widgets.core import Assessment, Outcome, Subject, find, registered
from xrai_widgets.core.subjects import several
from xrai_widgets.io.plans import PlanFile, read_plan, read_plan_file
from xrai_widgets.models.constrained import constrained
from xrai_widgets.runtime.checkpoints import Afresh
from xrai_widgets.runtime.guard import Meter
from xrai_widgets.runtime.keep import keep, recall, unfinished
from xrai_widgets.runtime.parallel import Backend
from xrai_widgets.runtime.run import run
from xrai_widgets.runtime.run_step import Progress, RunStep
from xrai_widgets.runtime.store import Store

Plan = str | Path | Iterable[str | tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class PlanProgress:
    """How far a plan is: the running assessment's progress, and that of the whole."""

    assessment: str
    index: int
    total: int
    done: float
    remaining: float | None
    current: Progress


def catalog() -> pd.DataFrame:
    """Return the registered assessments as a table."""
    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "needs": ", ".join(entry.needs),
            "parameters": ", ".join(parameter.name for parameter in entry.parameters),
            "reference": entry.reference,
        }
        for entry in registered().values()
    ]
    return pd.DataFrame(rows).set_index("name")


def assess(
    subject: Subject,
    name: str,
    *,
    strict: bool = False,
    max_queries: int | None = None,
    max_seconds: float | None = None,
    store: Store | None = None,
    fresh: bool = False,
    **params: Any,
) -> Outcome:
    """Run one assessment.

    Parameters
    ----------
    subject : Subject
    name : str
        A name of the catalog, as ``privacy.shapr``.
    strict : bool
        Raise what the engine raises.
    max_queries : int, optional
        Most rows the model may be asked for; then the run ends as cancelled with what was found.
    max_seconds : float, optional
        Most wall time, likewise.
    store : Store, optional
        Returns at once what was run before, and keeps what is run. One that cannot keep it gives a warning, and
        the outcome says why in ``unsaved``.
    fresh : bool
        Run even if the store has the outcome, and from the beginning: else what a cancelled run of the same kind had
        done, by the store, is not done again where the assessment can go on (``privacy.pdtp`` can).
    **params
        Parameters of the assessment.

    Returns
    -------
    Outcome
        Also where the model does not fit: status "not applicable" and a reason.
    """
    given: object = subject
    if not isinstance(given, Subject):
        ways = "run_plan takes several; a model becomes one by Subject.of(model, X_test, y_test)"
        raise TypeError(f"assess takes one Subject, got {type(given).__name__}: {ways}")
    entry = find(name)
    checked = entry.check(params)
    stored = None if fresh else recall(store, subject, entry.name, checked)
    if stored is not None:
        return stored
    earlier = None if fresh else unfinished(store, (), subject, entry.name, checked)
    meter, again = Meter(max_queries=max_queries, max_seconds=max_seconds), Afresh() if fresh else None
    step = RunStep(meter, earlier=earlier, checkpoints=again)
    return _warned(keep(store, run(subject, entry, checked, step=step, strict=strict)))


def check_plan(plan: Plan) -> list[tuple[Assessment, dict[str, Any]]]:
    """Read and check a plan: names, parameters and their ranges, before anything is run.

    Parameters
    ----------
    plan : path of a TOML file, or an iterable of names or (name, parameters)
    """
    entries: Iterable[Any] = read_plan(plan) if isinstance(plan, str | Path) else plan
    pairs = [(entry, {}) if isinstance(entry, str) else (entry[0], dict(entry[1])) for entry in entries]
    if not pairs:
        raise ValueError("the plan must name at least one assessment, got none")
    return [(find(name), find(name).check(params)) for name, params in pairs]


class _Options(TypedDict, total=False):
    """What `run_plan` takes besides."""

    cancel: threading.Event | None
    each: Callable[[Outcome | PlanProgress], None] | None
    backend: Backend | None
    seconds: Sequence[float] | None
    store: Store | None
    fresh: bool
    earlier: Iterable[Outcome]


@overload
def run_plan(subject: Subject, plan: Plan, **options: Unpack[_Options]) -> list[Outcome]: ...


@overload
def run_plan(
    subject: Mapping[str, Subject] | Sequence[Subject], plan: Plan, **options: Unpack[_Options]
) -> dict[str, list[Outcome]]: ...


def run_plan(
    subject: Subject | Mapping[str, Subject] | Sequence[Subject],
    plan: Plan,
    *,
    cancel: threading.Event | None = None,
    each: Callable[[Outcome | PlanProgress], None] | None = None,
    backend: Backend | None = None,
    seconds: Sequence[float] | None = None,
    store: Store | None = None,
    fresh: bool = False,
    earlier: Iterable[Outcome] = (),
) -> list[Outcome] | dict[str, list[Outcome]]:
    """Run the assessments of a plan and return one outcome for each, in order. A failure does not stop the others.

    Parameters
    ----------
    subject : Subject, or a mapping or sequence of them
        As `Subject.of` returns them for a dict or list of models; then the lists of outcomes are returned by their
        names, as `compare` takes them.
    plan : path of a TOML file, or an iterable of names or (name, parameters)
        Checked whole before the first one is run. Constraints that the file says hold for ``subject``, too.
    cancel : threading.Event, optional
        Stops the running assessment, and the rest are not started.
    each : callable, optional
        Gets the progress of the running assessment and every outcome as it ends.
    backend : Parallel or (joblib's backend, n_jobs), optional
        Who does parallel work; by default what `parallel` says.
    seconds : sequence of float, optional
        Forecast per assessment, for the time left.
    store : Store, optional
        Returns at once what was run before; every other outcome is written to it the moment it ends, before
        ``each`` gets it. One that cannot be written says why in ``unsaved``.
    fresh : bool
        Run everything, even what the store has the outcome of, and from the beginning: networks are trained again.
    earlier : iterable of Outcome, optional
        What ended before, oldest first: a run that was cancelled and is asked for again goes on, as those of the store
        do.
    """
    subjects = several(subject)
    if isinstance(plan, str | Path):
        file = read_plan_file(plan)
        _check_batch(file, subjects)
        plan, subjects = file.entries, {name: constrained(one, file.constraints) for name, one in subjects.items()}
    work = check_plan(plan)
    stop, at_hand, outcomes = cancel or threading.Event(), tuple(earlier), dict[str, list[Outcome]]()
    again = Afresh() if fresh else None
    weights = (list(seconds) if seconds is not None else [1.0] * len(work)) * len(subjects)
    for index, (name, one, entry, params) in enumerate((n, s, *pair) for n, s in subjects.items() for pair in work):
        outcome = None if fresh or stop.is_set() else recall(store, one, entry.name, params)
        if outcome is None:
            listen = _listener(entry.name, index, weights, seconds is not None, each) if each is not None else None
            begun = None if fresh or stop.is_set() else unfinished(store, at_hand, one, entry.name, params)
            outcome = run(one, entry, params, step=RunStep(Meter(stop), listen, backend, begun, again))
            if stop.is_set() and outcome.status == "cancelled" and outcome.queries == 0 and outcome.finding is None:
                outcome = replace(outcome, reason="cancelled before it started")
            outcome = keep(store, outcome)
        outcomes.setdefault(name, []).append(outcome)
        (each or _warned)(outcome)
    return outcomes[subject.name] if isinstance(subject, Subject) else outcomes


def _check_batch(file: PlanFile, subjects: Mapping[str, Subject]) -> None:
    """Refuse a plan for a batch of new samples where the subjects have none: it is read when a subject is made."""
    lacking = [name for name, one in subjects.items() if one.X_new is None]
    if file.new is not None and lacking:
        raise ValueError(
            f"the plan names a batch of new samples ({file.new.name}), and {lacking[0]} was made without one: pass "
            "new= to xw.read_subject or xw.examples.load_with, or X_new= to Subject.of"
        )


def _warned(outcome: Outcome) -> Outcome:
    """Warn of an outcome that the store could not keep, where nothing else would say so."""
    if outcome.unsaved:
        warnings.warn(f"{outcome.assessment} was not saved: {outcome.unsaved}", stacklevel=3)
    return outcome


def _listener(
    name: str, index: int, weights: list[float], in_seconds: bool, each: Callable[[Outcome | PlanProgress], None]
) -> Callable[[Progress], None]:
    before, weight, whole = sum(weights[:index]), weights[index], sum(weights)
    started = time.monotonic()

    def listen(progress: Progress) -> None:
        done = (before + weight * progress.done) / whole if whole > 0 else progress.done
        left = progress.remaining
        if left is None and in_seconds:
            left = max(0.0, weight - (time.monotonic() - started))
        if left is not None:
            later = sum(weights[index + 1 :]) if in_seconds else None
            left = left + later if later is not None else (left if index + 1 == len(weights) else None)
        each(PlanProgress(name, index, len(weights), done, left, progress))

    return listen
