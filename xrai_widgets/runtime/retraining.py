"""Does `fit` train the model that is audited? Asked once per subject, before an assessment that trains models anew."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xrai_widgets.cells.cell import CellDied
from xrai_widgets.core import Array, Assessment, Cancelled, NotApplicable, Predict, Subject
from xrai_widgets.core.refit import refit
from xrai_widgets.runtime.controls import Measured, with_controls
from xrai_widgets.runtime.ending import Ending
from xrai_widgets.runtime.guard import Guard
from xrai_widgets.runtime.likeness import Likeness, compared, is_settled
from xrai_widgets.runtime.retraining_words import RetrainingNotes, retraining_notes
from xrai_widgets.runtime.run_step import RunStep

_MOST = 5000  # samples of X_train and of X at which models are compared
_ROUNDS = ((0,), (1, 2), (3, 4, 5))  # trainings before each look: most models are the first one, by its random state
_SHARE = 0.05  # of the progress bar
_LONGEST = 200  # characters of a library's error that are quoted
_COMPARED = ("X", "X_train", "y_train", "fit", "trained_with", "seeded")  # what the comparison depends on
_PATIENCE = 0.05  # seconds between two looks for Cancel
_NOTE = "does a model trained anew predict as this one? (checked once, 1 to 6 trainings)"


def with_retraining(
    subject: Subject, entry: Assessment, params: Mapping[str, Any], step: RunStep, measured: Measured
) -> Ending:
    """Compare the model with one trained anew, where the assessment trains models; then see `with_controls`.

    Parameters
    ----------
    measured : callable
        Runs an engine on a subject, with parameters and a step, and returns its ending.

    Notes
    -----
    The comparison is kept for each model and its data as long as the process lives. Where the model differs by more
    than chance in training explains, and where it has parts that no training reaches, its numbers are not judged.

    Raises
    ------
    Cancelled
    NotApplicable
        if the model cannot be trained anew.
    """
    if "fit" not in entry.uses or subject.fit is None or subject.X_train is None:
        return with_controls(subject, entry, params, step, measured)
    like, rest = _likenesses.get(subject.digest(_COMPARED)), step
    if like is None:
        try:
            like = _asked(subject, entry, step.within(0.0, _SHARE, meter=step.meter.uncounted()))
        except NotApplicable as gap:
            if "fit" in entry.needs:
                raise
            able = replace(subject, fit=None)  # the engine can do without
            ended = with_controls(able, entry, params, step, measured)
            return _add(ended, RetrainingNotes((f"{gap.reason[0].upper()}{gap.reason[1:]}.",), {}))
        rest = step.within(_SHARE, 1.0, main=True)
    return _add(with_controls(subject, entry, params, rest, measured), retraining_notes(subject, entry, like))


_likenesses: dict[str, Likeness] = {}
_asking: dict[str, threading.Lock] = {}


def _asked(subject: Subject, entry: Assessment, step: RunStep) -> Likeness:
    """Return how like the model its refits are; of several runs of one subject, one finds out and the others wait."""
    name = subject.digest(_COMPARED)
    with _alone(_asking.setdefault(name, threading.Lock()), step):
        if name not in _likenesses:
            _likenesses[name] = _likeness(subject, entry, step)
    return _likenesses[name]


@contextmanager
def _alone(lock: threading.Lock, step: RunStep) -> Iterator[None]:
    step(0.0, _NOTE)
    while not lock.acquire(timeout=_PATIENCE):
        step(0.0, _NOTE)
    try:
        yield
    finally:
        lock.release()


def _likeness(subject: Subject, entry: Assessment, step: RunStep) -> Likeness:
    assert subject.fit is not None
    assert subject.X_train is not None
    assert subject.y_train is not None
    probes = np.concatenate([_some(subject.X_train), _some(subject.X)])
    outputs = Guard(subject.predict, step.meter)(probes)
    train = _Again(subject.fit, subject.X_train, subject.y_train, probes)
    unit = 1.0 if subject.task == "classification" else float(np.std(subject.y_train)) or 1.0
    retrained: list[Array] = []
    for number, work in enumerate(_ROUNDS):
        part = step.within(number / len(_ROUNDS), (number + 1) / len(_ROUNDS))
        retrained += _trained(train, work, subject, entry, part)
        if number == 0 and not is_settled(outputs, retrained, unit) and subject.seeded:
            twice = [*retrained, *_trained(train, work, subject, entry, part)]
            if is_settled(outputs, twice, unit):  # the same once more: no chance is left that could explain it
                retrained = twice
        if is_settled(outputs, retrained, unit):
            break
    return compared(outputs, retrained, unit, len(_some(subject.X_train)))


def _trained(train: "_Again", work: Iterable[int], subject: Subject, entry: Assessment, step: RunStep) -> list[Array]:
    try:
        return list(step.map(train, work, _NOTE))
    except (Cancelled, NotApplicable, ModuleNotFoundError, MemoryError, CellDied):
        raise
    except Exception as error:
        if "fit" in subject.trained_with:  # the user's own function
            raise
        instead = "privacy.membership_inference" if entry.family == "privacy" else ""
        raise NotApplicable(_untrainable(subject, error), instead) from error


def _untrainable(subject: Subject, error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    line = f"{line[:_LONGEST]}{'…' if len(line) > _LONGEST else ''}"
    if "clone" in line:  # scikit-learn's: nothing that the training could be given helps
        return f"the estimator cannot be trained anew: {line}; pass fit= to Subject.of in a notebook"
    lacks = " and ".join(subject.trained_with)
    given = f"even with {lacks}" if lacks else "without what its own training was given"
    return (
        f"the model cannot be trained anew {given}: pass sample_weight=, fit_params= or fit= to Subject.of in a "
        f"notebook ({type(error).__name__}: {line})"
    )


@dataclass(frozen=True, eq=False)
class _Again:
    """Train the model on the same samples; runs on a worker. The first time in their order, by its own random state."""

    fit: Callable[..., Predict]
    X: Array
    y: Array
    probes: Array

    def __call__(self, number: int) -> Array:
        """Return the outputs at the probes."""
        rows = np.arange(len(self.X))
        rows = rows if number == 0 else np.random.default_rng(number).permutation(rows)
        seed = None if number == 0 else number
        return np.asarray(refit(self.fit, self.X[rows], self.y[rows], seed=seed, rows=rows)(self.probes))


def _some(X: Array) -> Array:
    some: Array = X[np.unique(np.linspace(0, len(X) - 1, min(_MOST, len(X))).astype(int))]
    return some


def _add(ended: Ending, additions: RetrainingNotes) -> Ending:
    finding = ended.finding
    if finding is None:
        return ended
    unjudged = dict(finding.unjudged)
    for key in {*additions.unjudged} & {*finding.values}:
        unjudged[key] = "; and ".join(filter(None, (additions.unjudged[key], unjudged.get(key))))
    notes = (*finding.notes[:1], *additions.notes, *finding.notes[1:])  # the first one says what was measured
    return ended.but(replace(finding, notes=notes, unjudged=unjudged))
