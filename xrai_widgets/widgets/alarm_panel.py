"""Try an input: is it foreign, what does the model say of it, and what is it like?"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import ipywidgets as w
import numpy as np
import traitlets

from xrai_widgets.core import Array, Subject
from xrai_widgets.results.views.foreign import html
from xrai_widgets.runtime import Job
from xrai_widgets.runtime.alarm import Alarm
from xrai_widgets.runtime.checked import Checked
from xrai_widgets.runtime.guard import Meter
from xrai_widgets.runtime.run_step import Progress, RunStep
from xrai_widgets.widgets.alarm_gauge import AlarmGauge
from xrai_widgets.widgets.alarm_words import detector_of, message_of, notes_of, share_of
from xrai_widgets.widgets.nearest_samples import NearestSamples
from xrai_widgets.widgets.parts import LABELS, Html, guarded, wide
from xrai_widgets.widgets.picture_input import PictureInput
from xrai_widgets.widgets.row_form import RowForm
from xrai_widgets.widgets.session import Change

_LISTED = 200  # samples to start from; any other one that is marked joins them
_KEPT = 4  # alarms, for views that are made anew
_made: "OrderedDict[tuple[str, str], Alarm]" = OrderedDict()


class AlarmPanel(w.VBox):  # type: ignore[misc]
    """Try a picture or a row on a model with an alarm for foreign inputs.

    The alarm is fitted and calibrated once, in the background, when `fit` is called.

    Parameters
    ----------
    subject : Subject
    detector : str
        Name of an assessment of the family ``ood``.
    alpha : float
    params : mapping, optional
        Its other parameters.

    Attributes
    ----------
    alpha : float
        Share of false alarms allowed; nothing is fitted or asked again when it moves.
    alarm : Alarm or None
    checked : Checked or None
        What the alarm says of the input.
    selected : list of [part, id]
        The marked samples; one that is marked elsewhere becomes the input.
    """

    alpha = traitlets.Float(0.05)
    alarm = traitlets.Instance(Alarm, allow_none=True)
    checked = traitlets.Instance(Checked, allow_none=True)
    selected: Any = traitlets.List()

    def __init__(
        self,
        subject: Subject,
        detector: str = "ensemble",
        alpha: float = 0.05,
        params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._subject, self._detector = subject, detector
        self._params = {key: value for key, value in (params or {}).items() if key != "alpha"}
        self._job: Job[Any] | None = None
        self._outputs: Array | None = None
        self.message, self.status = Html(), Html()
        self.button = w.Button(
            description="Fit the alarm", tooltip="fit and calibrate the detector", button_style="primary"
        )
        self.bar = w.FloatProgress(min=0, max=1, description="progress", layout=w.Layout(width="auto", display="none"))
        self._body = w.Box(layout=w.Layout(flex_flow="row wrap"))
        self.gauge = AlarmGauge(label="How foreign this input is")
        self.reply, self.votes = Html(), Html()
        self.input: PictureInput | RowForm | None = None
        self.near: NearestSamples | None = None
        super().__init__([self.button, self.bar, self.status, self.message, self._body], **kwargs)
        self.alpha = alpha
        self.button.on_click(lambda _: self._cancel() if self._job is not None else self.fit())
        self.observe(self._moved, "alpha")
        self.observe(self._marked, "selected")

    @guarded
    def fit(self) -> None:
        """Fit the alarm, in the background; returns at once."""
        if self.alarm is not None or self._job is not None:
            return
        self.message.say("")
        key = self._subject.fingerprint, repr((self._detector, sorted(self._params.items(), key=str)))
        kept = _made.get(key)
        if kept is not None and kept.subject is self._subject:
            self._serve(kept)
            return
        self.button.description, self.button.button_style = "Cancel", "warning"
        self.bar.layout.display = ""
        self.status.say("The alarm is fitted and calibrated …", "status")

        def work(job: Job[Alarm]) -> Alarm:
            step = RunStep(Meter(job.cancel_event), job.post, job.backend)
            return Alarm.of(self._subject, self._detector, alpha=0.5, step=step, **self._params)

        def ended(job: Job[Alarm]) -> None:
            if job.error is None and job.result is not None:
                _made[key] = job.result
                while len(_made) > _KEPT:
                    _made.popitem(last=False)
                self._serve(job.result)
            else:
                self._idle(str(job.error))

        self._start(work, ended)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for what is being computed, in scripts and tests; return whether it ended."""
        reading = self.input if isinstance(self.input, PictureInput) else None
        return (reading is None or reading.wait(timeout)) and (self._job is None or self._job.wait(timeout))

    def _start(self, work: Any, ended: Any) -> None:
        if self._job is not None:
            self._job.cancel()

        def hear(news: Any) -> None:
            if self._job is not job:  # another input took its place
                return
            if isinstance(news, Progress):
                self.bar.value = news.done
            else:
                self._job = None
                ended(news)

        job: Job[Any] = Job(work, hear)
        self._job = job
        job.start()

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._job = None
        self._idle("")

    def _idle(self, error: str) -> None:
        self.button.description, self.button.button_style = "Fit the alarm", "primary"
        self.bar.layout.display = "none"
        self.status.say("")
        self.message.say(error)

    def _serve(self, alarm: Alarm) -> None:
        self._idle("")
        self.button.layout.display = "none"
        self.alarm = alarm
        subject = self._subject
        low, high = alarm.service.low, alarm.service.high
        self.input = PictureInput(subject) if subject.image_shape is not None else RowForm(subject, (low, high))
        self.input.observe(self._ask, "sample")
        self.near = NearestSamples(subject, alarm, [list(mark) for mark in self.selected])
        traitlets.link((self, "selected"), (self.near, "selected"))
        self.gauge.least = alarm.smallest_alpha
        traitlets.link((self, "alpha"), (self.gauge, "alpha"))
        self.samples = w.Dropdown(
            options=[("choose a sample …", None), *self._listed()],
            description="or one of its samples" if subject.image_shape is not None else "start from",
            tooltip="a sample of the model's own data: held out, or new",
            style=LABELS,
            layout=wide(),
        )
        self.samples.observe(self._chosen, "value")
        left = (
            [self.samples, self.input]
            if isinstance(self.input, RowForm)
            else [self.input.field, self.samples, self.input]
        )
        if isinstance(self.input, PictureInput):
            self.input.children = [child for child in self.input.children if child is not self.input.field]
        right = [self.reply, self.gauge, self.votes]
        self._body.children = [w.VBox(left, layout=_column()), w.VBox(right, layout=_column()), self.near]
        self._tell(None)
        if isinstance(self.input, RowForm):
            self.samples.value = self._listed()[0][1]
        self._marked()

    def _listed(self) -> list[tuple[str, tuple[str, int]]]:
        subject = self._subject
        parts = [("X", subject.X, "held out"), ("X_new", subject.X_new, "new")]
        listed = []
        for part, rows, called in parts:
            if rows is not None:
                ids = subject.naming.of(part, len(rows))
                listed += [(f"{ids[row]} ({called})", (part, row)) for row in range(min(len(rows), _LISTED))]
        return listed

    def _chosen(self, _: Change) -> None:
        if self.samples.value is not None and self.input is not None:
            part, row = self.samples.value
            self.input.start(getattr(self._subject, part)[row])

    def _marked(self, change: Change | None = None) -> None:
        """Take a sample that was just marked in another view as the input."""
        if self.alarm is None or change is None:
            return
        new = [mark for mark in change["new"] if mark not in change["old"] and mark[0] in ("X", "X_new")]
        if not new:
            return
        part, name = new[-1]
        rows = getattr(self._subject, part)
        names = [str(one) for one in self._subject.naming.of(part, 0 if rows is None else len(rows))]
        if name in names:
            key = (part, names.index(name))
            if key not in [value for _, value in self.samples.options]:
                self.samples.options = [*self.samples.options, (f"{name} (marked)", key)]
            self.samples.value = key

    @guarded
    def _ask(self, _: Change) -> None:
        """Score the input, in the background: a model may take its time."""
        sample, alarm, subject = self.input.sample if self.input is not None else None, self.alarm, self._subject
        if sample is None or alarm is None:
            self._job = None  # what is still being scored belongs to an input that is gone
            self.message.say("")
            self._tell(None)
            return
        row = np.asarray(sample, dtype=subject.X.dtype)[None]

        def work(_: Job[Any]) -> tuple[Checked, Array]:
            return alarm.check(row), np.asarray(subject.predict(row))

        def ended(job: Job[tuple[Checked, Array]]) -> None:
            if job.error is not None or job.result is None:
                self._tell(None)
                self.message.say(f"This input could not be scored: {job.error}")
                return
            self.message.say("")
            self.checked, self._outputs = job.result
            self._tell(row[0])

        self._start(work, ended)

    def _tell(self, row: Array | None) -> None:
        if row is None or self.checked is None or self.alarm is None:
            self.checked = self._row = None
            self.gauge.p = None
            self.reply.say("Choose a picture or a sample: it is scored at once.", "info")
            self.votes.show("")
            if self.near is not None:
                self.near.show(None, None, self.input)
            return
        self._row = row
        self.gauge.p = float(self.checked.p_values[0])
        if self.near is not None:
            self.near.show(self.checked, row, self.input)
        self._moved()

    def _moved(self, _: Change | None = None) -> None:
        """Say what holds at α; the p-values stay what they are."""
        if self.alarm is None or self.checked is None or self._row is None or self._outputs is None:
            return
        alarm = self.alarm.at(max(self.alpha, self.alarm.smallest_alpha))
        p = float(self.checked.p_values[0])
        message = message_of(self._subject, alarm, p, self.checked, self._outputs[0])
        form = self.input if isinstance(self.input, RowForm) else None
        message["notes"] = notes_of(alarm, self._row, form)
        self.reply.show(html.reply(message))
        self.gauge.message = share_of(alarm)
        rows = [(detector_of(str(name)), float(value)) for name, value in self.checked.votes.iloc[0].items()]
        together = len(rows) > 1
        judged = f"; together, calibrated again: p = {p:.3g}" if together else ""
        self.votes.show(html.votes(rows, alarm.alpha, judged))

    def __repr__(self) -> str:
        return f"AlarmPanel({self._subject.name}, {self._detector})"


def _column() -> w.Layout:
    return w.Layout(flex="1 1 360px", min_width="280px", padding="0 16px 0 0")
