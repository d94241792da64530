"""At which α does the alarm ring, what does that cost, and what does it say of an input of one's own?"""

from collections.abc import Iterable
from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results.views.foreign.html import beside, covered, sentence
from xrai_widgets.results.views.foreign.reading import curve, has_p_values, least_alpha
from xrai_widgets.widgets.alarm_gauge import AlarmGauge
from xrai_widgets.widgets.alarm_panel import AlarmPanel
from xrai_widgets.widgets.parts import Html, heading
from xrai_widgets.widgets.session import Change

_LEAST, _MOST = 0.001, 0.5  # of α, as the assessments take it


class ForeignView(w.VBox):  # type: ignore[misc]
    """Move the α of an outcome of the family ``ood``, and try an input.

    Moving α reads shares off the p-values of the run; the model is not asked again.

    Parameters
    ----------
    outcome : Outcome
    subject : Subject, optional
        The model that was measured: then an input can be tried.
    selected : iterable of [part, id], optional

    Attributes
    ----------
    alpha : float
    panel : AlarmPanel or None
    selected : list of [part, id]
        The marked samples; one that is marked elsewhere becomes the input that is tried.
    subject : Subject or None

    Raises
    ------
    ValueError
        if the outcome has no p-values of an alarm.
    """

    alpha = traitlets.Float(0.05)
    selected: Any = traitlets.List()
    subject = traitlets.Instance(Subject, allow_none=True)

    def __init__(
        self, outcome: Outcome, subject: Subject | None = None, selected: Iterable[Any] = (), **kwargs: Any
    ) -> None:
        if outcome.finding is None:
            raise ValueError(f"{outcome.assessment} has no finding: {outcome.status}, {outcome.reason}")
        if not has_p_values(outcome.finding):
            raise ValueError(f"{outcome.assessment} has no p-values of an alarm, the family ood has")
        self._outcome, self._finding = outcome, outcome.finding
        self.draws = () if curve(self._finding).empty else ("coverage",)
        least = min(max(least_alpha(self._finding), _LEAST), 0.1)
        alpha = float(outcome.params.get("alpha", 0.05))
        self.gauge = AlarmGauge(least=least, most=_MOST, alpha=alpha, label="α, at which the alarm rings")
        self._curve, self._table = Html(), Html()
        self.panel: AlarmPanel | None = None
        self.fold = w.Accordion([w.VBox()], titles=["Try an input"])
        columns = w.Box(
            [w.VBox([part], layout=_column()) for part in (self._curve, self._table)],
            layout=w.Layout(flex_flow="row wrap"),
        )
        super().__init__([self.fold, heading("What the alarm costs at each α", 4), self.gauge, columns], **kwargs)
        self.selected = [[str(part), str(name)] for part, name in selected]
        self.alpha = self.gauge.alpha
        traitlets.link((self, "alpha"), (self.gauge, "alpha"))
        self.observe(self._show, "alpha")
        self.observe(self._on_subject, "subject")
        self.fold.observe(self._opened, "selected_index")
        self.subject = subject
        self._on_subject()
        self._show()

    def _on_subject(self, _: Change | None = None) -> None:
        self.fold.layout.display = "none" if self.subject is None else ""
        if self.subject is None or (self.panel is not None and self.panel._subject is not self.subject):
            self.fold.selected_index = None
            self.panel = None
            self.fold.children[0].children = []

    def _opened(self, _: Change) -> None:
        if self.fold.selected_index is None or self.panel is not None or self.subject is None:
            return
        self.panel = AlarmPanel(self.subject, self._outcome.assessment, self.alpha, self._outcome.params)
        self.panel.selected = [list(mark) for mark in self.selected]
        traitlets.link((self, "selected"), (self.panel, "selected"))
        traitlets.link((self, "alpha"), (self.panel, "alpha"))
        self.fold.children[0].children = [self.panel]
        self.panel.fit()

    def _show(self, _: Change | None = None) -> None:
        self.gauge.message = sentence(self._finding, self.alpha)
        self._curve.show(covered(self._finding, self.alpha))
        self._table.show(beside(self._finding, self.alpha))

    def __repr__(self) -> str:
        return f"ForeignView({self._outcome.assessment}, alpha={self.alpha:g})"


def _column() -> w.Layout:
    return w.Layout(flex="1 1 340px", min_width="280px", padding="0 16px 0 0")


WIDGET = ForeignView
