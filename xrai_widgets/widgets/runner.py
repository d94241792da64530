"""Run a plan in the background: progress, time left, cancel; outcomes as they end."""

from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results import html, words
from xrai_widgets.runtime import Job, PlanProgress, run_plan
from xrai_widgets.runtime.parallel import Parallel, active, most_jobs, with_jobs
from xrai_widgets.runtime.store import Store
from xrai_widgets.widgets.parts import Html, guarded
from xrai_widgets.widgets.session import Change

_CORES = "most cores that work of more than some seconds is spread over; the numbers do not depend on it"


class Runner(w.VBox):  # type: ignore[misc]
    """The Run button.

    Parameters
    ----------
    subject : Subject, optional
    plan : tuple of (name, params), optional

    Attributes
    ----------
    subject, plan
        What is run.
    error : str
        Why it cannot be run now; shown beside the button.
    forecasts : dict of str to Forecast
    outcomes : tuple of Outcome
        Everything that ended, in the order of ending.
    latest : Outcome or None
        The last one that ended.
    running, waiting : bool
        Waiting for another subject, so that the one before is not started by mistake.
    store, fresh
        A `Store` keeps what ends, and returns what was run before. What was cancelled goes on where it stopped, if
        the assessment can. Neither is done while ``fresh`` is ticked.
    jobs : int
        Most cores that long work is spread over; numbers do not depend on it.
    """

    subject = traitlets.Instance(Subject, allow_none=True)
    plan = traitlets.Tuple()
    error = traitlets.Unicode()
    forecasts = traitlets.Dict()
    outcomes = traitlets.Tuple()
    latest = traitlets.Instance(Outcome, allow_none=True)
    running = traitlets.Bool(False)
    waiting = traitlets.Bool(False)
    store = traitlets.Instance(Store, allow_none=True)
    fresh = traitlets.Bool(False)
    jobs = traitlets.Int(1)

    def __init__(self, subject: Subject | None = None, plan: tuple[Any, ...] = (), **kwargs: Any) -> None:
        self.message, self.status, self._partial = Html(), Html(), Html()
        self._job: Job[list[Outcome]] | None = None
        self._reason = ""
        self.button = w.Button(description="Run", button_style="primary", tooltip="run the chosen assessments")
        self.bar = w.FloatProgress(min=0, max=1, description="progress")
        self.bar.layout = w.Layout(width="auto", visibility="hidden")
        self._fresh = w.Checkbox(description="run again what the store knows", indent=False)
        most, backend = most_jobs(), active()
        self._jobs = w.BoundedIntText(value=1, min=1, max=most, description="cores", tooltip=_CORES)
        self._jobs.layout = w.Layout(
            width="160px", display="" if most > 1 and isinstance(backend, Parallel) else "none"
        )
        super().__init__(
            [self.button, self._jobs, self._fresh, self.bar, self.status, self.message, self._partial], **kwargs
        )
        self.button.on_click(lambda _: self.cancel() if self.running else self.run())
        self.observe(self._ready, ["subject", "plan", "error", "running", "waiting", "forecasts"])
        traitlets.link((self, "fresh"), (self._fresh, "value"))
        traitlets.link((self, "jobs"), (self._jobs, "value"))
        self.jobs = min(backend.jobs, most) if isinstance(backend, Parallel) else 1
        self.observe(self._offer, ["store", "outcomes"])
        self.subject, self.plan = subject, plan
        self._ready()
        self._offer()

    @guarded
    def run(self) -> None:
        """Start the plan in the background. Returns at once."""
        if self.subject is None or not self.plan or self.running:
            return
        self.message.say("")
        subject, plan, seconds = self.subject, list(self.plan), self._seconds()
        store, fresh, earlier, jobs = self.store, self.fresh, self.outcomes, self.jobs

        def work(job: Job[list[Outcome]]) -> list[Outcome]:
            backend = with_jobs(job.backend, jobs)
            heard: dict[str, Any] = {"cancel": job.cancel_event, "each": job.post, "backend": backend}
            return run_plan(subject, plan, seconds=seconds, store=store, fresh=fresh, earlier=earlier, **heard)

        # a cancelled run must not speak after the next began: news of a job that is no longer current is dropped
        job = Job(work, lambda news: self._hear(news) if self._job is job else None)
        self._job = job
        self.bar.value, self.bar.layout.visibility = 0.0, "visible"
        self.status.say("started", "status")
        self.running = True
        job.start()

    def cancel(self) -> None:
        """Stop; what is done is kept."""
        if self._job is not None and self.running:
            self.button.disabled = True
            self.status.say("cancelling …", "status")
            self._job.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, in scripts and tests; return whether it came."""
        return self._job is None or self._job.wait(timeout)

    def _hear(self, news: Any) -> None:
        if isinstance(news, PlanProgress):
            self._show(news)
        elif isinstance(news, Outcome):
            self._partial.show("")
            if news.unsaved:
                self.message.say(f"{news.assessment} was not saved, but stays on this page: {news.unsaved}")
            self.outcomes, self.latest = (*self.outcomes, news), news
        else:
            self._end(news)

    def _show(self, progress: PlanProgress) -> None:
        if self._job is not None and self._job.cancel_event.is_set():
            return
        self.bar.value = progress.done
        left = f" · {words.seconds(progress.remaining)} left" if progress.remaining is not None else ""
        place = f"{progress.index + 1} of {progress.total}: " if progress.total > 1 else ""
        self.status.say(f"{progress.done:.0%}{left} · {place}{progress.assessment} · {progress.current.note}", "status")
        if progress.current.partial is not None:
            values = html.finding_values(progress.current.partial, "So far, not finished:", progress.assessment)
            self._partial.show(values)

    def _end(self, job: Job[list[Outcome]]) -> None:
        self.bar.layout.visibility = "hidden"
        self._partial.show("")
        self.running = False
        if job.error is not None:
            self.message.say(f"{type(job.error).__name__}: {job.error}")
            self.status.say("")
            return
        expected = {name: forecast.seconds for name, forecast in self.forecasts.items()}
        ended = (words.ending(outcome, expected.get(outcome.assessment)) for outcome in job.result or [])
        self.status.say(" · ".join(ended), "status")

    def _seconds(self) -> list[float] | None:
        """How long each entry of the plan will take, if all have a forecast."""
        expected = [self.forecasts[name].seconds for name, _ in self.plan if name in self.forecasts]
        finite = [seconds for seconds in expected if seconds is not None]
        return finite if len(finite) == len(self.plan) else None

    def _ready(self, _: Change | None = None) -> None:
        """Turn Run into Cancel while running; grey it, with the reason beside it, while nothing can be run."""
        if self.running:
            self.button.description, self.button.button_style = "Cancel", "warning"
            self.button.tooltip, self.button.disabled = "stop; what is done is kept", False
            return
        reason, seconds = self._why_not(), self._seconds()
        count = f" {len(self.plan)}" if len(self.plan) > 1 else ""
        about = f" · about {words.seconds(max(sum(seconds), 0.1))}" if seconds else ""
        self.button.description = f"Run{count}{about}"
        self.button.button_style, self.button.disabled = "primary", bool(reason)
        self.button.tooltip = reason or "run the chosen assessments"
        if reason or self._reason:
            self.status.say(reason, "status")
        self._reason = reason

    def _offer(self, _: Change | None = None) -> None:
        """Offer a fresh start where there is something else to start from."""
        begun = any(outcome.status == "cancelled" and outcome.finding is not None for outcome in self.outcomes)
        self._fresh.layout.display = "" if begun or self.store is not None else "none"
        again = "run again what the store knows"
        self._fresh.description = again if self.store is not None else "start over what was cancelled"

    def _why_not(self) -> str:
        if self.waiting or self.subject is None:
            return "Another model is being read." if self.waiting else "Choose a subject to run on."
        if not self.plan:
            return "Choose at least one assessment."
        return f"Correct this first: {self.error}" if self.error else ""
