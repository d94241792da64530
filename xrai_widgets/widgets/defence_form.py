"""Make a defended copy of a subject: choose the model, the defence and its parameters."""

from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Subject
from xrai_widgets.models.defences import DEFENCES, changed_predictions, defended
from xrai_widgets.results import words
from xrai_widgets.runtime import Job
from xrai_widgets.runtime.guard import Meter
from xrai_widgets.runtime.run_step import Progress, RunStep
from xrai_widgets.widgets.parameter_form import ParameterForm
from xrai_widgets.widgets.parts import LABELS, Html, guarded, wide
from xrai_widgets.widgets.session import Change

_ADD = ("Add defended copy", "put it beside the others, to be compared")
_CANCEL = ("Cancel", "stop; nothing of it is kept")


class DefenceForm(w.VBox):  # type: ignore[misc]
    """Add a defended copy.

    Attributes
    ----------
    subjects : tuple of Subject
        Those that can be defended.
    made : Subject or None
        The last copy.
    """

    subjects = traitlets.Tuple()
    made = traitlets.Instance(Subject, allow_none=True)

    def __init__(self, subjects: tuple[Subject, ...] = (), **kwargs: Any) -> None:
        self._model = w.Dropdown(
            description="model to defend", tooltip="the model of which a copy is defended", style=LABELS, layout=wide()
        )
        self._defence = w.Dropdown(
            options=list(DEFENCES),
            description="defence",
            tooltip="what is done to its outputs, its inputs or its training",
            style=LABELS,
            layout=wide(),
        )
        self._summary, self._parameters = Html(), w.VBox()
        self._forms: dict[str, ParameterForm] = {}
        self.button = w.Button(description=_ADD[0], tooltip=_ADD[1])
        self.message, self.status = Html(), Html()
        self._job: Job[tuple[Subject, int]] | None = None
        super().__init__(
            [
                *(self._model, self._defence, self._summary, self._parameters),
                *(self.button, self.status, self.message),
            ],
            **kwargs,
        )
        self.button.on_click(lambda _: self.add() if self._job is None else self.cancel())
        self._defence.observe(self._turn, "value")
        self._model.observe(self._ready, "value")
        self.observe(self._list, "subjects")
        self._turn()
        self.subjects = tuple(subjects)

    @property
    def form(self) -> ParameterForm:
        """The parameters of the chosen defence."""
        return self._forms[self._defence.value]

    @guarded
    def add(self) -> None:
        """Make the copy, in the background: the model is asked for its outputs, or trained anew."""
        place, defence, params = self._model.value, self._defence.value, dict(self.form.params)
        if place is None or self._why_not() or self._job is not None:
            return
        subject: Subject = self.subjects[place]
        self.message.say("")

        def work(job: Job[tuple[Subject, int]]) -> tuple[Subject, int]:
            step = RunStep(Meter(job.cancel_event), job.post)
            made = defended(subject, defence, step=step, **params)
            assert made.fingerprint  # asks the model, so it is taken here and not when the page needs it
            return made, changed_predictions(subject, made)

        self._job = Job(work, self._hear)
        self._ready()
        self.status.say(f"Defending {subject.name} …", "status")
        self._job.start()

    def cancel(self) -> None:
        """Stop a training that is under way; nothing of it is kept."""
        if self._job is not None:
            self.button.disabled = True
            self.status.say("cancelling …", "status")
            self._job.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the copy, in scripts and tests; return whether it ended."""
        return self._job is None or self._job.wait(timeout)

    def _hear(self, news: Any) -> None:
        if not isinstance(news, Progress):
            self._ended(news)
        elif self._job is not None and not self._job.cancel_event.is_set():
            left = f" · {words.seconds(news.remaining)} left" if news.remaining is not None else ""
            self.status.say(f"{news.done:.0%}{left} · {news.note}", "status")

    def _ended(self, job: Job[tuple[Subject, int]]) -> None:
        self._job = None
        self._ready()
        if job.error is not None or job.result is None:
            self.message.say(str(job.error))
            return
        made, changed = job.result
        self.made = made
        self.status.say(
            f"Added {made.name}. It changes the prediction for {changed:,} of {len(made.X):,} held-out samples.",
            "status",
        )

    @guarded
    def _turn(self, _: Change | None = None) -> None:
        name = self._defence.value
        if name not in self._forms:
            self._forms[name] = ParameterForm(DEFENCES[name])
            self._forms[name].observe(self._ready, ["error", "params"])
        self._summary.say(DEFENCES[name].summary, "info")
        self._parameters.children = [self.form]
        self._ready()

    @guarded
    def _list(self, _: Change) -> None:
        chosen = self._model.value
        self._model.options = [(subject.name, place) for place, subject in enumerate(self.subjects)]
        self._model.value = (chosen or 0) if self.subjects else None
        self._ready()

    def _ready(self, _: Change | None = None) -> None:
        busy = self._job is not None
        reason = "" if busy else self._why_not()
        self.button.disabled = bool(reason)
        self.button.description, self.button.tooltip = _CANCEL if busy else _ADD
        if not busy:
            self.status.say(reason, "status")

    def _why_not(self) -> str:
        """Why nothing can be defended now."""
        if self._model.value is None:
            return "Choose a subject first."
        if self.form.error:
            return f"Correct this first: {self.form.error}"
        gap = DEFENCES[self._defence.value].gap(self.subjects[self._model.value], self.form.params)
        if gap is None:
            return ""
        return f"Not possible: {gap.reason}." + (f" Instead: {gap.instead}." if gap.instead else "")
