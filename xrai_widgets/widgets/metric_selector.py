"""Choose assessments: what fits, with a forecast of its time; what does not, with the reason and an alternative."""

from typing import Any

import ipywidgets as w
import traitlets
from ipywidgets.widgets.widget_bool import CheckboxStyle
from ipywidgets.widgets.widget_string import LabelStyle

from xrai_widgets.core import Assessment, Subject, registered
from xrai_widgets.core.assessment import family_title
from xrai_widgets.results import html
from xrai_widgets.runtime import Forecast, Job, forecast
from xrai_widgets.widgets.parts import Html, heading, wide
from xrai_widgets.widgets.session import Change


class MetricSelector(w.VBox):  # type: ignore[misc]
    """Tick assessments.

    Attributes
    ----------
    subject : Subject or None
        What they are to fit.
    selection : tuple of str
        Names of the ticked assessments that fit.
    plan : tuple of (name, params)
        Parameters to forecast with; names that are missing are forecast with defaults.
    forecasts : dict of str to Forecast
    """

    subject = traitlets.Instance(Subject, allow_none=True)
    selection = traitlets.Tuple()
    plan = traitlets.Tuple()
    forecasts = traitlets.Dict()

    def __init__(self, subject: Subject | None = None, selection: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.message = Html()
        self._job: Job[None] | None = None
        self._boxes: dict[str, w.Checkbox] = {}
        self._times: dict[str, w.Label] = {}
        self._wanted = set(selection)
        # none of these is ever changed, so the rows share them: every widget costs the first visit a moment
        self._look = {"layout": wide(), "style": CheckboxStyle()}
        self._aside = {"layout": w.Layout(margin="0 0 0 auto"), "style": LabelStyle()}
        self._across = w.Layout()
        self._list = w.VBox()
        super().__init__([self._list, self.message], **kwargs)
        self.observe(self._resubject, "subject")
        self.observe(lambda _: self._pilot(), ["selection", "plan"])
        self.subject = subject
        if subject is None:
            self._fill()

    def box(self, name: str) -> w.Checkbox:
        """Return the checkbox of an assessment."""
        return self._boxes[name]

    def _resubject(self, _: Change) -> None:
        self.forecasts = {}
        self._fill()

    def _fill(self) -> None:
        """List what fits by family, and what does not with the reason."""
        self._boxes, self._times = {}, {}
        entries = list(registered().values())
        gaps = {e.name: e.gap(self.subject) for e in entries} if self.subject is not None else {}
        rows: list[w.Widget] = []
        for family in dict.fromkeys(e.family for e in entries):
            fitting = [e for e in entries if e.family == family and self.subject is not None and gaps[e.name] is None]
            if fitting:
                rows += [heading(family_title(family), 3), *(self._row(e) for e in fitting)]
        missing = [(e, gaps[e.name]) for e in entries if gaps.get(e.name) is not None]
        if missing:
            rows += [heading("does not fit this model", 3), self._misfits(missing)]
        if self.subject is None:
            self.message.say("Choose a subject first.", "info")
        else:
            self.message.say("")
        self._list.children = rows
        self._choose()

    def _row(self, entry: Assessment) -> w.Widget:
        box = w.Checkbox(value=entry.name in self._wanted, description=entry.title, indent=False, **self._look)
        box.tooltip = f"{entry.summary} ({entry.name})"
        box.observe(self._ticked, "value")
        time = w.Label("", **self._aside)
        self._boxes[entry.name], self._times[entry.name] = box, time
        return w.HBox([box, time], layout=self._across)

    def _misfits(self, missing: list[Any]) -> Html:
        shown = Html()
        shown.show(html.render("misfits.html", missing=missing))
        return shown

    def _ticked(self, _: Change) -> None:
        for name, box in self._boxes.items():
            (self._wanted.add if box.value else self._wanted.discard)(name)
        self._choose()

    def _choose(self) -> None:
        self.selection = tuple(name for name, box in self._boxes.items() if box.value)

    def _pilot(self) -> None:
        """Forecast the chosen assessments in the background."""
        if self._job is not None:
            self._job.cancel()
        if self.subject is None or not self.selection:
            return
        subject, params = self.subject, dict(self.plan)
        work = [(registered()[name], params.get(name, {})) for name in self.selection]
        for name in self.selection:
            self._times[name].value = "…"

        def pilot(job: Job[None]) -> None:
            for entry, params in work:
                if not job.cancel_event.is_set():
                    job.post((entry.name, forecast(subject, entry, params, cancel=job.cancel_event)))

        self._job = Job(pilot, lambda news: self._on_forecast(job, news))
        job = self._job
        job.start()

    def _on_forecast(self, job: Job[None], news: Any) -> None:
        if job is not self._job or news is job or job.cancel_event.is_set():
            return
        name, estimate = news
        self.forecasts = {**self.forecasts, name: estimate}
        if name in self._times:
            self._times[name].value = str(estimate)

    def total(self) -> Forecast:
        """Return the forecast of the whole selection."""
        seconds = [self.forecasts[name].seconds for name in self.selection if name in self.forecasts]
        sure = len(seconds) == len(self.selection) and None not in seconds
        return Forecast(sum(seconds) if sure else None, 0.0)
