"""What an assessment of a detector does: fit it, calibrate it, and ask it about everything there is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Step
from xrai_widgets.core.decision import labels
from xrai_widgets.engines.ood._alarm import ENOUGH, FOLDS, Alarm, calibrated, cross_calibrated, split_calibrated
from xrai_widgets.engines.ood._finding import Alarmed, alarm_finding
from xrai_widgets.engines.ood._synthetic import synthetic
from xrai_widgets.engines.ood._watches import Chosen, Seen

_SHARE = 0.2  # of the training samples, calibrates a score that does not ask the model
_LEAST = 4  # samples of X: each half calibrates the other


@dataclass(frozen=True, eq=False)
class Given:
    """What the subject says: fields of `Subject`; ``regression`` where the model gives values."""

    predict: Predict
    X: Array
    y: Array
    X_train: Array | None = None
    y_train: Array | None = None
    constraints: tuple[Constraint, ...] = ()
    X_new: Array | None = None
    foreign: Array | None = None
    decide: Predict | None = None
    naming: Names = UNNAMED


@dataclass(frozen=True, eq=False)
class Watch:
    """A detector to be fitted, what it looks at, and what is asked of it.

    Parameters
    ----------
    name : str
        What people call the score.
    detector : estimator
        Not fitted.
    features : callable
        Samples (n, …) → array (n, d) that the detector takes.
    asks : bool
        Whether the features are what the model says, which of its training samples is not what it says of new ones.
    by_class : bool
        Whether the detector learns the classes of the training samples.
    nested : bool
        Whether fitting takes rows that the model was not trained on, beside the training samples.
    learns : bool
        Whether it learns anything from training samples.
    alpha, rate : float
        False alarms and, over a batch, false discoveries that are allowed.
    n_fit : int
        Training samples that it learns from, at most.
    """

    name: str
    detector: Any
    features: Callable[[Array], Array]
    asks: bool
    alpha: float
    rate: float
    n_fit: int
    seed: int
    by_class: bool = False
    nested: bool = False
    learns: bool = True

    @classmethod
    def of(cls, chosen: Chosen, seen: Seen, alpha: float, rate: float, n_fit: int, seed: int) -> "Watch":
        """Return what a chosen detector is asked, of what it may see."""
        return cls(
            name=chosen.called,
            detector=chosen.detector,
            features=seen.look(chosen.parts),
            asks=chosen.asks,
            alpha=alpha,
            rate=rate,
            n_fit=n_fit,
            seed=seed,
            by_class=chosen.by_class,
            nested=chosen.nested,
            learns=chosen.learns,
        )


def measure(given: Given, watch: Watch, step: Step) -> Finding:
    """Return what the detector's alarm does with the samples, new ones and synthetic ones."""
    if len(given.X) < _LEAST:
        raise ValueError(
            f"X must hold at least {_LEAST} samples, two to calibrate and two to measure, got {len(given.X)}"
        )
    step(0.0, "what the detector looks at")
    features = _features(watch, given.X, "X")
    training, classes = _training(given, watch)
    with _stoppable(step.part(0.1, 0.6)) as here:
        if watch.asks:
            alarm, foreignness, p, n = _by_halves(watch, features, training, classes, here)
        else:
            assert training is not None  # such engines ask for training samples
            alarm = _of_training(watch, training, classes, here)
            foreignness, p = alarm.ask(features)
            n = alarm.n
    outputs = np.asarray(given.predict(given.X))
    regression = outputs.ndim == 1
    right = None if regression else labels(given.predict, given.decide, given.X, outputs) == given.y
    run = Alarmed(
        name=watch.name,
        alpha=watch.alpha,
        rate=watch.rate,
        ids=given.naming.of("X", len(given.X)),
        classes=None if regression else given.y,
        class_names=given.naming.of_classes(0 if regression else outputs.shape[1]),
        foreignness=foreignness,
        p=p,
        right=right,
        n_calibration=n,
        alarm=alarm,
        missing=_missing(given),
        seed=watch.seed,
    )
    with _stoppable(step.part(0.6, 0.8)):
        if given.X_new is not None:
            run.new_ids = given.naming.of("X_new", len(given.X_new))
            run.new = alarm.ask(_features(watch, given.X_new, "X_new")) if len(given.X_new) else (np.empty(0),) * 2
            run.foreign = None if given.foreign is None else np.asarray(given.foreign, dtype=bool)
    made = synthetic(given.X, given.X if given.X_train is None else given.X_train, given.constraints, watch.seed)
    for one in step.part(0.8, 0.98).over(made, "synthetic samples"):
        with _stoppable(step.part(0.98, 0.98)):
            run.sets.append((one, *alarm.ask(_features(watch, one.samples, f"the synthetic samples {one.name!r}"))))
    return alarm_finding(run)


def alarm_of(given: Given, watch: Watch, step: Step) -> Alarm:
    """Return the alarm for new samples, as `measure` asks it.

    Raises
    ------
    ValueError
        for fewer than four samples in X, or fewer than ten in X_train; for features that are not finite.
    """
    if watch.asks and len(given.X) < _LEAST:
        raise ValueError(f"X must hold at least {_LEAST} samples that calibrate, got {len(given.X)}")
    training, classes = _training(given, watch)
    with _stoppable(step) as here:
        if watch.asks:
            return _by_halves(watch, _features(watch, given.X, "X"), training, classes, here)[0]
        if training is None:
            raise ValueError("this detector learns from training samples: X_train must be given, got None")
        return _of_training(watch, training, classes, here)


def _training(given: Given, watch: Watch) -> tuple[Array | None, Array | None]:
    """Return features and classes of the training samples that the detector may learn from."""
    if given.X_train is None or not watch.learns:
        return None, None
    rows = np.sort(np.random.default_rng(watch.seed).permutation(len(given.X_train))[: watch.n_fit])
    classes = given.y_train[rows] if watch.by_class and given.y_train is not None else None
    return _features(watch, given.X_train[rows], "X_train"), classes


def _features(watch: Watch, samples: Array, part: str) -> Array:
    features = np.asarray(watch.features(samples), dtype=np.float64)
    bad = np.flatnonzero(np.isinf(features).any(axis=1))
    if len(bad):
        raise ValueError(f"what the detector looks at must be finite, got an infinite number for {part}, row {bad[0]}")
    return features


def _by_halves(
    watch: Watch, features: Array, training: Array | None, classes: Array | None, step: Step
) -> tuple[Alarm, Array, Array, int]:
    """Calibrate each half of X by the other; return the alarm for new samples, and what X itself gets."""
    from sklearn.base import clone

    n = len(features)
    first = np.zeros(n, dtype=bool)
    order = np.random.default_rng([watch.seed, 1]).permutation(n)
    first[order[: n // 2]] = True
    foreignness, p = np.empty(n), np.empty(n)
    fitted = None if watch.nested else clone(watch.detector).fit(features if training is None else training, classes)
    fewest = n
    for half in (first, ~first):
        step(0.2 if half is first else 0.5, "calibrating on one half")
        rows = order[half[order]]  # in the drawn order: those of X may be sorted, by class or time
        if fitted is None:
            inner, rows = rows[: len(rows) // 2], rows[len(rows) // 2 :]
            detector = clone(watch.detector).fit(training, classes, calibration=features[inner])
        else:
            detector = fitted
        foreignness[~half], p[~half] = calibrated(detector, features[rows]).ask(features[~half])
        fewest = min(fewest, len(rows))
    step(0.8, "calibrating for new samples")
    if fitted is not None:
        return calibrated(fitted, features), foreignness, p, fewest
    detector = clone(watch.detector).fit(training, classes, calibration=features[first])
    return calibrated(detector, features[~first]), foreignness, p, fewest


def _of_training(watch: Watch, training: Array, classes: Array | None, step: Step) -> Alarm:
    """Calibrate on a part of the training samples, or fold by fold where these are few."""
    if len(training) < FOLDS:
        raise ValueError(f"X_train must hold at least {FOLDS} samples, got {len(training)}")
    if len(training) < ENOUGH:
        return cross_calibrated(watch.detector, training, classes, watch.seed, step)
    step(0.0, "fitting and calibrating the detector")
    return split_calibrated(watch.detector, training, classes, _SHARE, watch.seed)


def _missing(given: Given) -> int:
    parts = [part for part in (given.X, given.X_train, given.X_new) if part is not None]
    return sum(int(np.isnan(part.reshape(len(part), -1)).any(axis=1).sum()) for part in parts)


@contextmanager
def _stoppable(step: Step) -> Iterator[Step]:
    """Let a cancel stop a detector while it fits or scores."""
    from xrai_widgets.engines.ood.estimators.detector import looking

    done = _Remembering(step)
    with looking(lambda: done(done.last, done.note)):
        yield done


class _Remembering(Step):
    """A step that knows what it last reported, so that it can report the same again."""

    def __init__(self, step: Step) -> None:
        self._step, self.last, self.note = step, 0.0, ""

    def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
        self.last, self.note = max(self.last, done), note
        self._step(self.last, note, partial)
