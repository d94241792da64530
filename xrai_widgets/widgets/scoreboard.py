"""All results at a glance, headed by the model's own quality."""

from collections.abc import Iterable
from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Finding, Outcome, Subject
from xrai_widgets.results import html
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import Job, model_quality
from xrai_widgets.widgets.arrival import Arrival
from xrai_widgets.widgets.parts import Html
from xrai_widgets.widgets.session import Change


class Scoreboard(w.VBox):  # type: ignore[misc]
    """The table of verdicts.

    Attributes
    ----------
    subject : Subject or None
        Its quality is measured in the background and heads the board.
    outcomes : tuple of Outcome
    policy : Policy
        A new one re-judges at once; nothing is run again.
    quality : Finding or None
        The model's own accuracy, AUROC and calibration.
    """

    subject = traitlets.Instance(Subject, allow_none=True)
    outcomes = traitlets.Tuple()
    policy = traitlets.Instance(Policy)
    quality = traitlets.Instance(Finding, allow_none=True)

    def __init__(
        self,
        outcomes: Iterable[Outcome] = (),
        policy: Policy | None = None,
        subject: Subject | None = None,
        **kwargs: Any,
    ) -> None:
        self.view, self.message = Html(), Html()
        self._job: Job[Finding] | None = None
        super().__init__([self.message, self.view, Arrival()], **kwargs)
        self.set_trait("policy", policy or Policy.default())
        self.outcomes = tuple(outcomes)
        self.observe(self._draw, ["outcomes", "policy", "quality"])
        self.observe(self._measure, "subject")
        self.subject = subject
        self._draw()

    def _measure(self, _: Change) -> None:
        self.quality = None
        self.message.say("")
        subject = self.subject
        if subject is not None:
            self._job = Job(lambda _: model_quality(subject), self._measured).start()

    def _measured(self, job: Job[Finding]) -> None:
        if job is self._job:
            self.quality = job.result
            self.message.say("" if job.error is None else f"the model's quality could not be measured: {job.error}")

    def _draw(self, _: Change | None = None) -> None:
        self.view.show(html.scoreboard(self.outcomes, self.policy, self.quality))
