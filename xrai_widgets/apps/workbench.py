"""The whole way on one page: subject, assessments, parameters, run, verdicts, report."""

from typing import Any

import ipywidgets as w

from xrai_widgets import widgets as x
from xrai_widgets.core import Subject
from xrai_widgets.results.policy import Policy
from xrai_widgets.widgets.parts import heading
from xrai_widgets.widgets.session import Change, Session


class Workbench(w.VBox):  # type: ignore[misc]
    """Audit a model.

    Parameters
    ----------
    subject : Subject, optional
        What is audited; by default it is chosen on the page.
    policy : Policy, optional
    selection : tuple of str, optional
        Names of the assessments that are ticked at first.
    """

    def __init__(
        self,
        subject: Subject | None = None,
        policy: Policy | None = None,
        selection: tuple[str, ...] = (),
        **kwargs: Any,
    ) -> None:
        self.session = Session(policy=policy or Policy.default())
        self.picker, self.selector, self.forms = (
            x.SubjectPicker(),
            x.MetricSelector(selection=selection),
            x.ParameterForms(),
        )
        self.runner, self.board, self.view = x.Runner(), x.Scoreboard(), x.OutcomeView()
        self.report, self.policy = x.ReportButtons(), x.PolicyEditor()
        left = [
            *(heading("① Subject"), self.picker, heading("② Assessments"), self.selector, heading("③ Parameters")),
            *(self.forms, heading("④ Run"), self.runner, w.Accordion([self.policy], titles=["Policy"])),
        ]
        self.code = x.RunCode()
        right = [self.board, self.report, w.Accordion([self.code], titles=["The whole run as code"]), self.view]
        columns = w.Box(
            [w.VBox(left, layout=_LEFT), w.VBox(right, layout=_RIGHT)], layout=w.Layout(flex_flow="row wrap")
        )
        super().__init__([x.A11y(), columns], **kwargs)
        self._wire()
        self.session.subject = subject

    def _wire(self) -> None:
        for component in (self.picker, self.selector, self.forms, self.runner, self.board):
            self.session.link(component, subject="subject")
        for component in (self.board, self.view, self.report, self.policy, self.code):
            self.session.link(component, policy="policy")
        self.session.link(self.view, selected="selected")
        w.dlink((self.board, "quality"), (self.report, "quality"))
        w.dlink((self.selector, "selection"), (self.forms, "names"))
        w.dlink((self.forms, "plan"), (self.selector, "plan"))
        w.dlink((self.forms, "plan"), (self.runner, "plan"))
        w.dlink((self.forms, "error"), (self.runner, "error"))
        w.dlink((self.selector, "forecasts"), (self.runner, "forecasts"))
        self.runner.observe(lambda change: self.session.add(change["new"]), "latest")
        self.session.observe(self._show, ["outcomes", "subject"])

    def _show(self, _: Change) -> None:
        for component in (self.board, self.view, self.report, self.code):
            component.outcomes = self.session.current


_LEFT = w.Layout(flex="1 1 300px", max_width="420px", min_width="280px", padding="0 16px 0 0")
_RIGHT = w.Layout(flex="4 1 540px", min_width="300px")
