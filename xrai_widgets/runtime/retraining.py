"""Does `fit` train the model that is audited? Asked once per subject, before an assessment that trains models anew."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from xrai_widgets.cells.cell import CellDied
from xrai_widgets.core import Array, Assessment, Cancelled, Finding, NotApplicable, Predict, Subject
from xrai_widgets.core.refit import refit
from xrai_widgets.runtime.guard import Guard
from xrai_widgets.runtime.likeness import Likeness, compared, is_settled
from xrai_widgets.runtime.run_step import RunStep

_MOST = 5000  # samples of X_train and of X at which models are compared
_ROUNDS = (1, 2, 3)  # trainings before each look: most models are the first one, by its random state
_SHARE = 0.05  # of the progress bar
_LONGEST = 200  # characters of a library's error that are quoted
_PATIENCE = 0.05  # seconds between two looks for Cancel
_NOTE = "does a model trained anew answer as this one?"
Answered = Callable[[Subject, RunStep], dict[str, Any]]


def with_retraining(subject: Subject, entry: Assessment, step: RunStep, measured: Answered) -> dict[str, Any]:
    """Compare the model with one trained anew, where the assessment trains models; return the ending of the run.

    Parameters
    ----------
    measured : callable
        Measures a subject with a step and returns the ending: status, finding, reason.

    Notes
    -----
    The comparison is kept for each fingerprint as long as the process lives. Where the model differs by more than
    chance in training explains, and where it has parts that no training reaches, its numbers are not judged.

    Raises
    ------
    Cancelled
    NotApplicable
        if the model cannot be trained anew.
    """
    if "fit" not in entry.uses or subject.fit is None or subject.X_train is None:
        return measured(subject, step)
    known, rest = _known.get(subject.fingerprint), step
    if known is None:
        try:
            known = _asked(subject, entry, step.within(0.0, _SHARE, meter=step.meter.uncounted()))
        except NotApplicable as gap:
            if "fit" in entry.needs:
                raise
            ended = measured(replace(subject, fit=None), step)  # the engine can do without
            return _add(ended, Said((f"The model {gap.reason}.",), {}))
        rest = step.within(_SHARE, 1.0, main=True)
    return _add(measured(subject, rest), _said(subject, entry, known))


class Said(NamedTuple):
    """What a comparison adds to a finding: notes, and for each measure why nobody may judge it."""

    notes: tuple[str, ...]
    unjudged: Mapping[str, str]


_known: dict[str, Likeness] = {}
_asking: dict[str, threading.Lock] = {}


def _asked(subject: Subject, entry: Assessment, step: RunStep) -> Likeness:
    """Return how like the model its refits are; of several runs of one subject, one finds out and the others wait."""
    name = subject.fingerprint
    with _alone(_asking.setdefault(name, threading.Lock()), step):
        if name not in _known:
            _known[name] = _likeness(subject, entry, step)
    return _known[name]


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
    own = Guard(subject.predict, step.meter)(probes)
    train = _Again(subject.fit, subject.X_train, subject.y_train, probes)
    unit = 1.0 if subject.task == "classification" else float(np.std(subject.y_train)) or 1.0
    answers: list[Array] = []
    for number, more in enumerate(_ROUNDS):
        part = step.within(number / len(_ROUNDS), (number + 1) / len(_ROUNDS))
        work = range(len(answers), len(answers) + more)
        answers += _trained(train, work, subject, entry, part)
        if is_settled(own, answers, unit):
            break
    return compared(own, answers, unit, len(_some(subject.X_train)))


def _trained(train: "_Again", work: range, subject: Subject, entry: Assessment, step: RunStep) -> list[Array]:
    try:
        return list(step.map(train, work, f"{_NOTE} (training {work.stop} of it)"))
    except (Cancelled, NotApplicable, ModuleNotFoundError, MemoryError, CellDied):
        raise
    except Exception as error:
        if "fit" in subject.trained_with:  # the user's own function
            raise
        without = " and ".join(subject.trained_with)
        lacks = f", not even with {without}" if without else " without what its own training was given"
        advice = "pass sample_weight=, fit_params= or fit= to Subject.of in a notebook"
        raise NotApplicable(
            f"cannot be trained anew{lacks} ({advice}): {_first_line(error)}",
            "privacy.membership_inference" if entry.family == "privacy" else "",
        ) from error


@dataclass(frozen=True, eq=False)
class _Again:
    """Train the model on the same samples; runs on a worker. The first time in their order, by its own random state."""

    fit: Callable[..., Predict]
    X: Array
    y: Array
    probes: Array

    def __call__(self, number: int) -> Array:
        """Return the answers at the probes."""
        rows = np.arange(len(self.X))
        rows = rows if number == 0 else np.random.default_rng(number).permutation(rows)
        seed = None if number == 0 else number
        return np.asarray(refit(self.fit, self.X[rows], self.y[rows], seed=seed, rows=rows)(self.probes))


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line[:_LONGEST]}{'…' if len(line) > _LONGEST else ''}"


def _some(X: Array) -> Array:
    return X[np.unique(np.linspace(0, len(X) - 1, min(_MOST, len(X))).astype(int))]


def _said(subject: Subject, entry: Assessment, like: Likeness) -> Said:
    """Return the notes, and the reason not to judge where there is one."""
    reasons = []
    if like.differs:
        reasons.append(
            f"a model trained anew on the same samples differs from this one {_size(subject, like)}{_chance(like)}: pass "
            "what it was trained with (sample_weight=, fit_params=), the X_train that it was trained on, or fit= to "
            "Subject.of in a notebook"
        )
    if subject.frozen:
        reasons.append(
            f"{', '.join(subject.frozen)} in it is frozen: training anew leaves it as it is, with all that it has "
            "learnt of a sample: pass fit=, which trains all of it, to Subject.of in a notebook"
        )
    reason = "; and ".join(reasons)
    notes = _notes(subject, like)
    if reason and not entry.measures:  # nothing that would be judged
        notes = (*notes, f"{reason[0].upper()}{reason[1:]}.")
    return Said(notes, dict.fromkeys((measure.key for measure in entry.measures), reason) if reason else {})


def _notes(subject: Subject, like: Likeness) -> tuple[str, ...]:
    times = "once" if like.trainings == 1 else f"{like.trainings} times"
    said = f"Trained anew {times}{f' (with {", ".join(subject.trained_with)})' if subject.trained_with else ''}: "
    if like.differs:
        said += f"not this model, which differs {_size(subject, like)}{_chance(like)}."
    elif like.noise:
        said += (
            f"the model differs {_size(subject, like)} from the first of these, and that is no more than chance in "
            f"training explains{_chance(like)}."
        )
    else:
        said += "the same model."
    weighted = any(name.endswith("sample_weight") for name in subject.trained_with)
    return said, *(("Samples that are none of X_train are trained on with the mean weight.",) if weighted else ())


def _size(subject: Subject, like: Likeness) -> str:
    at_members = like.size >= 1e-3 * like.elsewhere
    where = "" if at_members else ", at held-out samples"
    unit = "in a class probability" if subject.task == "classification" else "in a prediction"
    return f"by up to {like.size if at_members else like.elsewhere:.3g} {unit}{where}"


def _chance(like: Likeness) -> str:
    return f" ({like.trainings} of them by up to {like.noise:.3g} from each other)" if like.noise else ""


def _add(ended: dict[str, Any], said: Said) -> dict[str, Any]:
    finding: Finding | None = ended.get("finding")
    if finding is None:
        return ended
    unjudged = dict(finding.unjudged)
    for key in {*said.unjudged} & {*finding.values}:
        unjudged[key] = "; and ".join(filter(None, (said.unjudged[key], unjudged.get(key))))
    return ended | {"finding": replace(finding, notes=(*finding.notes, *said.notes), unjudged=unjudged)}
