"""An alarm that goes into service: fitted on a subject, then asked about rows that come one by one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Step, Subject, find
from xrai_widgets.core.step import quiet
from xrai_widgets.engines._training.watch import watched
from xrai_widgets.engines.ood._alarm import Alarm
from xrai_widgets.engines.ood._features import flat
from xrai_widgets.engines.ood._measured import Given, Watch, alarm_of
from xrai_widgets.engines.ood._reference import MOST, Reference
from xrai_widgets.engines.ood._watches import METHODS, Part, Seen

_PROBES = 16
_VAE = ("corrected", "epochs", "latent", "hidden", "batch_size", "learning_rate", "memory_limit", "device")
_AGREED = 1e-4  # of outputs of the same model on another machine


@dataclass(frozen=True, eq=False)
class Service:
    """A calibrated alarm, what it looks at, and the training samples that a foreign input is compared with.

    Parameters
    ----------
    method : str
        Of the detector: ``"ood.knn"``.
    alarm : Alarm
    parts : tuple of str
        What it looks at.
    seen : Seen
        The model, as far as it is there.
    low, high : array (d,)
        Range of each column, or pixel, of the samples that it was fitted on; NaN for a column without numbers.
    reference : Reference, optional
    probe : array (m, k) or (m,), optional
        What the model says of samples drawn from that range: a model that says something else is another one.
    digest : str
        SHA-256 of the samples that fit and calibrate.
    """

    method: str
    alarm: Alarm
    parts: tuple[Part, ...]
    seen: Seen
    low: Array
    high: Array
    reference: Reference | None
    probe: Array | None
    digest: str

    @property
    def asks(self) -> bool:
        """Whether it looks at what the model says."""
        return self.parts != ("samples",)

    def ask(self, X: Array) -> tuple[Array, Array]:
        """Return foreignness and p-value of each sample (n, …)."""
        return self.alarm.ask(self.features(X))

    def features(self, X: Array, outputs: Array | None = None) -> Array:
        """Return what is looked at (n, d); ``outputs`` are what the model has predicted for X: it is not asked again.

        Raises
        ------
        ValueError
            where the model is not there; where it says what is not a finite number.
        """
        seen = self.seen if outputs is None else self.seen.with_outputs(outputs)
        made = np.asarray(seen.look(self.parts)(X), dtype=np.float64)
        bad = ~np.isfinite(made) if self.asks else np.isinf(made)
        if bad.any():
            row, got = int(np.argwhere(bad)[0, 0]), "NaN" if np.isnan(made[bad][0]) else "an infinite number"
            raise ValueError(f"what the detector looks at must be finite, and the model gives {got} for row {row}")
        return made

    def located(self, X: Array) -> Array:
        """Return the coordinates (n, d) in which samples are compared with the training samples."""
        return located(self.alarm.detectors[0], X)

    def outside(self, X: Array) -> Array:
        """Return how many numbers of each sample (n, …) lie outside of the range of those it was fitted on."""
        rows = flat(X)
        return np.asarray(((rows < self.low) | (rows > self.high)).sum(axis=1))

    def bound(self, seen: Seen) -> "Service":
        """Return the same with a model.

        Raises
        ------
        ValueError
            for a model of other samples, or another model than the one it was calibrated with.
        """
        if self.probe is not None and seen.predict is not None:
            outputs = np.asarray(seen.predict(probes(seen, self.low, self.high)))
            if outputs.shape != self.probe.shape or not np.allclose(outputs, self.probe, rtol=_AGREED, atol=_AGREED):
                raise ValueError(
                    "the model must be the one that the alarm was made with, got one that says something else of the "
                    "same samples: fit the alarm anew"
                )
        made = replace(self, seen=seen)
        seen.look(self.parts)
        return made


def serve(subject: Subject, method: str, params: Mapping[str, Any], step: Step = quiet) -> tuple[Service, float]:
    """Fit and calibrate an alarm on a subject, as the assessment of that name does; return it and its α.

    Raises
    ------
    ValueError
        for an unknown detector or parameter, one that does not fit the subject, and what does not go with it.
    """
    name = method if method.startswith("ood.") else f"ood.{method}"
    if name.removeprefix("ood.") not in METHODS:
        raise ValueError(f"detector must be one of {', '.join(METHODS)}, got {method!r}")
    entry = find(name)
    gap = entry.gap(subject, params)
    if gap is not None:
        raise ValueError(f"{name} does not fit {subject.name}: {gap.reason}")
    checked = entry.check(params)
    seen = seen_of(subject)
    chosen = METHODS[name.removeprefix("ood.")](seen, **_options(name, checked))
    n_fit = checked.get("n_fit", len(subject.X))
    watch = Watch.of(chosen, seen, checked["alpha"], checked["false_discoveries"], n_fit, checked["seed"])
    given = Given(subject.predict, subject.X, subject.y, subject.X_train, subject.y_train, subject.constraints)
    with watched(step.part(0.0, 0.9)):  # a training reports there
        alarm = alarm_of(given, watch, step.part(0.0, 0.9))
    step(0.9, "the training samples")
    rows, ids = (subject.X, subject.ids) if subject.X_train is None else (subject.X_train, subject.train_ids)
    kept = np.sort(
        np.random.default_rng(checked["seed"]).permutation(len(rows))[: min(checked.get("n_fit", MOST), MOST)]
    )
    names = np.arange(len(rows)) if ids is None else np.asarray(ids)
    space = located(alarm.detectors[0], rows[kept])
    numbers = flat(rows)
    low, high = np.fmin.reduce(numbers, axis=0), np.fmax.reduce(numbers, axis=0)
    service = Service(
        method=name,
        alarm=alarm,
        parts=chosen.parts,
        seen=seen,
        low=low,
        high=high,
        reference=Reference.of(space, names[kept].astype(str), checked["seed"]),
        probe=None if subject.unstable else np.asarray(subject.predict(probes(seen, low, high))),
        digest=_digest(subject),
    )
    return service, float(checked["alpha"])


def seen_of(subject: Subject) -> Seen:
    """Return what of a subject a detector may look at."""
    classes = subject.task == "classification"
    return Seen(subject.predict, subject.X.shape[1:], classes, subject.constraints, subject.embed, subject.logits)


def located(detector: Any, X: Array) -> Array:
    """Return coordinates of samples (n, …): latent variables, columns as the detector's encoder makes them, pixels."""
    rows = flat(X)
    steps = dict(getattr(detector, "steps", ()))
    members = getattr(detector, "members_", ())
    if not steps and members and hasattr(members[0][1], "steps"):
        steps = dict(members[0][1].steps)
    encoder = steps.get("tableencoder")
    last = detector.steps[-1][1] if hasattr(detector, "steps") else detector
    if encoder is not None:
        rows = encoder.encode_checked(rows)
    if hasattr(last, "autoencoder_"):
        return np.asarray(last.embed(rows))
    return np.asarray(np.nan_to_num(rows, nan=-1.0))


def probes(seen: Seen, low: Array, high: Array) -> Array:
    """Return samples drawn evenly from a range: numbers, codes of categories, pixels."""
    rng = np.random.default_rng(0)
    least, most = np.nan_to_num(low), np.nan_to_num(high)
    rows = least + (most - least) * rng.random((_PROBES, len(low)))
    whole = np.array([c.kind != "continuous" for c in seen.constraints] or [False] * len(low))
    rows[:, whole] = np.rint(rows[:, whole])
    return np.asarray(rows.reshape(_PROBES, *seen.shape), dtype=np.float32 if len(seen.shape) == 3 else np.float64)


def _options(name: str, checked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that make the detector."""
    taken = {*signature(METHODS[name.removeprefix("ood.")]).parameters} | ({*_VAE} if name == "ood.vae" else set())
    return {key: value for key, value in checked.items() if key in taken}


def _digest(subject: Subject) -> str:
    parts = {part: digest for part, digest in subject.parts.items() if part != "X_new"}
    return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()
