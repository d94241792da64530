"""An alarm in service: a model, a detector of foreign inputs and a threshold, for rows that come one by one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Step, Subject
from xrai_widgets.core.decision import labels
from xrai_widgets.core.step import quiet
from xrai_widgets.engines.ood import _conformal as conformal
from xrai_widgets.engines.ood._packing import put_together, taken_apart
from xrai_widgets.engines.ood._service import Service, seen_of, serve
from xrai_widgets.engines.ood._watches import Seen
from xrai_widgets.models.form import Form, form_of, same_form
from xrai_widgets.runtime.alarm_batches import Batches
from xrai_widgets.runtime.checked import Checked


@dataclass(frozen=True, eq=False, repr=False)
class Alarm(Batches):
    """A model, a calibrated detector of foreign inputs, and the share of false alarms that is allowed.

    Made by `Alarm.of`, from any kind of model that a `Subject` holds: estimators, torch modules, functions.

    Parameters
    ----------
    service : Service
        Detector, calibration and training samples.
    form : Form
        What rows must look like.
    alpha : float
        Share of normal rows for which it may ring.
    made : str
        When it was calibrated, UTC.
    subject : Subject, optional
        The model; None after `load` without one.
    """

    service: Service
    form: Form
    alpha: float
    made: str
    subject: Subject | None = None

    @classmethod
    def of(
        cls, subject: Subject, detector: str = "ensemble", *, alpha: float = 0.05, step: Step = quiet, **params: Any
    ) -> "Alarm":
        """Fit a detector on a subject's training samples and calibrate it, as the assessment of that name does.

        Parameters
        ----------
        subject : Subject
        detector : str
            Name of an assessment of the family ``ood``: ``"knn"``, ``"ensemble"``.
        alpha : float
            Share of normal rows for which it may ring, in [0.001, 0.5].
        **params
            Other parameters of that assessment.

        Raises
        ------
        ValueError
            for a detector that there is not or that does not fit the subject, and where so few samples calibrate that
            it could never ring at α: the smallest α is named.
        """
        service, alpha = serve(subject, detector, {**params, "alpha": alpha}, step)
        made = cls(service, Form.of(subject), alpha, datetime.now(UTC).isoformat(timespec="seconds"), subject)
        return made.at(alpha)

    @property
    def n_calibration(self) -> int:
        """Rows that calibrate."""
        return self.service.alarm.n

    @property
    def smallest_alpha(self) -> float:
        """1 / (n + 1): below it the alarm cannot ring."""
        return self.service.alarm.smallest_alpha

    @property
    def guarantee(self) -> float:
        """What the share of false alarms is at most, on average: α, or 2α where it is calibrated fold by fold."""
        return self.alpha * self.service.alarm.factor

    @property
    def threshold(self) -> float:
        """Foreignness above which it rings; of an alarm that is calibrated fold by fold roughly."""
        return self.service.alarm.threshold(self.alpha)

    @property
    def mute(self) -> bool:
        """Whether no row like those that calibrate can make it ring at α: too many tie for the most foreign one."""
        return self.service.alarm.mute(self.alpha)

    def __repr__(self) -> str:
        beside = "" if self.subject is None else f", beside {self.subject.name!r}"
        return f"Alarm({self.service.method!r}, alpha={self.alpha:g}, n_calibration={self.n_calibration}{beside})"

    @property
    def digest(self) -> str:
        """SHA-256 of the samples that fit and calibrate."""
        return self.service.digest

    @property
    def map(self) -> pd.DataFrame | None:
        """Where the training samples lie on the map: ``id, x, y``; None where the alarm holds none."""
        reference = self.service.reference
        if reference is None:
            return None
        x, y = reference.positions(reference.rows).T
        return pd.DataFrame({"id": reference.ids, "x": x, "y": y})

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and largest number of all samples that it was fitted on: for pictures, what a pixel may be."""
        return float(np.nanmin(self.service.low)), float(np.nanmax(self.service.high))

    def at(self, alpha: float) -> "Alarm":
        """Return the same alarm at another α; nothing is fitted again.

        Raises
        ------
        ValueError
            if it could never ring at that α, naming the smallest.
        """
        if not 0 < alpha <= 0.5:
            raise ValueError(f"alpha must lie in (0, 0.5], got {alpha!r}")
        if conformal.rank(alpha, self.n_calibration) < 1:
            need = int(np.ceil(1 / alpha - 1e-9)) - 1
            raise ValueError(
                f"alpha must be at least {self.smallest_alpha:.3g} with {self.n_calibration} rows that calibrate, or "
                f"the alarm can never ring, got {alpha!r}: it takes {need} rows"
            )
        return replace(self, alpha=float(alpha))

    def check(self, X: Any, *, n_nearest: int = 3) -> Checked:
        """Return for each row whether the alarm rings, how foreign it is, and to which training samples it is closest.

        Parameters
        ----------
        X : DataFrame or array
            Rows as the model's own (a DataFrame with its columns in any order; pictures in the model's size), or as
            `Subject.X` holds them.
        n_nearest : int
            Training samples that are named for each row.

        Raises
        ------
        ValueError, TypeError
            naming what does not fit: columns, shape, text where numbers are asked for; or that the detector asks the
            model and none is there.
        """
        if n_nearest < 1:
            raise ValueError(f"n_nearest must be at least 1, got {n_nearest!r}")
        rows = self.form.encode(X)
        outputs = None if self.subject is None else np.asarray(self.subject.predict(rows))
        features = self.service.features(rows, outputs)
        foreignness, p, votes = self.service.alarm.ask_members(features)
        nearest = distances = positions = None
        if (reference := self.service.reference) is not None:
            located = self.service.located(rows)
            places, distances = reference.nearest(located, n_nearest)
            nearest, positions = reference.ids[places], reference.positions(located)
        return Checked(
            foreignness=foreignness,
            p_values=p,
            abstain=conformal.rings(p, self.alpha),
            votes=pd.DataFrame(votes or {self.service.method.removeprefix("ood."): p}),
            nearest=nearest,
            distances=distances,
            positions=positions,
            outside=self.service.outside(rows),
            predictions=None if outputs is None else self._masked_labels(rows, outputs),
        )

    def save(self, path: str | Path, *, include_rows: bool = False) -> Path:
        """Write the alarm, without its model, to a file that only its owner may read.

        The file holds numbers and names and nothing that could be run: scores that calibrate, the range of each column
        and the words of categories are in it always, training rows only if asked for.

        Parameters
        ----------
        path : str or Path
            Must end in ``.safetensors``.
        include_rows : bool
            Write training rows, too: detectors of neighbours are made of them, and the nearest samples and the map
            need them.

        Raises
        ------
        ValueError
            for another ending; without ``include_rows`` for a detector that is made of training rows, or was fitted on
            so few that its means give them away.
        """
        from xrai_widgets.io.alarm_files import write_alarm

        manifest, arrays = taken_apart(self.service, include_rows)
        manifest |= {"form": asdict(self.form), "alpha": self.alpha, "made": self.made}
        return write_alarm(path, manifest, arrays)

    @classmethod
    def load(cls, path: str | Path, subject: Subject | None = None) -> "Alarm":
        """Read an alarm; nothing in the file is run.

        Parameters
        ----------
        path : str or Path
        subject : Subject, optional
            The model that it was made with, on samples of the same columns. Without it there are no predictions, and
            detectors that look at what the model says cannot be asked.

        Raises
        ------
        ValueError
            for what is no such file, is damaged, or holds what cannot be; for a subject of other columns, kinds, words
            or shape; for a model that says something else than the one that the alarm was made with.
        """
        from xrai_widgets.io.alarm_files import read_alarm, refused

        manifest, arrays = read_alarm(path)
        try:
            alarm = _read(manifest, arrays)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise refused(path, error) from None
        return alarm if subject is None else alarm.beside(subject)

    def beside(self, subject: Subject) -> "Alarm":
        """Return the alarm with a model: that which it was made with.

        Raises
        ------
        ValueError
            as `load` does.
        """
        same_form(self.form, Form.of(subject))
        return replace(self, service=self.service.bound(seen_of(subject)), subject=subject)

    def predict(self, X: Any, on_foreign: Literal["mask", "raise"] = "mask") -> Any:
        """Return the model's labels for rows, and none where the alarm rings.

        The *conditional classifier* of the Safety-in-AI project, which refuses what is not of its population.

        Parameters
        ----------
        X : DataFrame or array
            As for `check`.
        on_foreign : {"mask", "raise"}
            Return a masked array, or raise `ForeignInput`, which names the rows.

        Raises
        ------
        ValueError
            where the alarm was loaded without its model; and as `check` does.
        """
        from xrai_widgets.engines.ood.estimators.reliable_classifier import ForeignInput

        if on_foreign not in ("mask", "raise"):
            raise ValueError(f"on_foreign must be 'mask' or 'raise', got {on_foreign!r}")
        checked = self.check(X, n_nearest=1)
        if checked.predictions is None:
            raise ValueError(
                "the alarm has no model that could predict: pass it to Alarm.load, or call beside(subject)"
            )
        if on_foreign == "raise" and checked.abstain.any():
            raise ForeignInput(np.flatnonzero(checked.abstain), checked.p_values[checked.abstain], self.alpha)
        return np.ma.masked_array(checked.predictions, checked.abstain)  # type: ignore[no-untyped-call]  # without types

    def _p(self, X: Any) -> Array:
        return self.service.ask(self.form.encode(X))[1]

    def _labels(self, rows: Array, outputs: Array) -> Array:
        subject = self.subject
        assert subject is not None
        if subject.task == "regression":
            return outputs
        codes = labels(subject.predict, subject.decide, rows, outputs)
        return np.array([subject.classes[code] for code in codes])

    def _masked_labels(self, rows: Array, outputs: Array) -> Array:
        """Return what the model says, and nothing of a row whose word the model cannot be given."""
        assert self.subject is not None
        names, unknown = self._labels(rows, outputs), self.form.unknown(rows, self.subject.decode is not None)
        return np.ma.masked_array(names, unknown) if unknown.any() else names  # type: ignore[no-untyped-call]  # without types


def _read(manifest: Any, arrays: Mapping[str, Array]) -> Alarm:
    form = form_of(manifest["form"])
    alpha, made = manifest["alpha"], manifest["made"]
    if not isinstance(alpha, float) or not isinstance(made, str) or len(made) > 40:
        raise ValueError("it says no α or no date")
    seen = Seen(None, form.shape, True, form.constraints)
    return Alarm(put_together(manifest, arrays, seen), form, alpha, made).at(alpha)
