"""The whole way on one page: subject, assessments, parameters, run, verdicts, report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as w

from xrai_widgets import widgets as x
from xrai_widgets.core import Outcome, Subject
from xrai_widgets.io.store_place import served
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime.keep import named_store
from xrai_widgets.runtime.store import Store
from xrai_widgets.widgets.parts import heading
from xrai_widgets.widgets.session import Change, Session


class Workbench(w.VBox):  # type: ignore[misc]
    """Audit a model.

    Parameters
    ----------
    subject : Subject, or a mapping or sequence of them, optional
        What is audited; of several the first one is at first. By default it is chosen on the page.
    policy : Policy, optional
    selection : tuple of str, optional
        Names of the assessments that are ticked at first.
    store : Store, str or Path, optional
        Keeps every outcome as it ends, and shows earlier ones. By default ("auto") what the setting ``XRAI_STORE``
        names; without it, a notebook has a file in the user's own data folder, and a page under Voilà has none. Under
        Voilà each visitor's browser finds its own outcomes only, unless a `Store` is given. None keeps nothing.
    """

    def __init__(
        self,
        subject: Subject | Mapping[str, Subject] | Sequence[Subject] | None = None,
        policy: Policy | None = None,
        selection: tuple[str, ...] = (),
        store: Store | str | Path | None = "auto",
        **kwargs: Any,
    ) -> None:
        self.session = Session(policy=policy or Policy.default())
        self.picker, self.selector, self.forms = (
            x.SubjectPicker(subject),
            x.MetricSelector(selection=selection),
            x.ParameterForms(),
        )
        self.constraints = x.ConstraintEditor()
        self.runner, self.board, self.view = x.Runner(), x.Scoreboard(), x.OutcomeView()
        self.history = x.History(named_store(store))
        self.report, self.policy = x.ReportButtons(), x.PolicyEditor()
        left = [
            *(heading("① Subject"), self.picker, self.constraints, heading("② Assessments"), self.selector),
            *(heading("③ Parameters"), self.forms, heading("④ Run"), self.runner),
            w.Accordion([self.policy], titles=["Policy"]),
        ]
        self.code = x.RunCode()
        below = w.Accordion([self.history, self.code], titles=["History", "The whole run as code"])
        right = [self.board, self.report, below, self.view]
        columns = w.Box(
            [w.VBox(left, layout=_LEFT), w.VBox(right, layout=_RIGHT)], layout=w.Layout(flex_flow="row wrap")
        )
        self.visitor = x.Visitor()
        invisible = [x.A11y(), x.Watchdog(), x.Arrival(), *([self.visitor] if served() else [])]
        super().__init__([*invisible, columns], **kwargs)
        self.add_class("xrai-app")
        first = self.picker.subject
        self._wire()
        self.visitor.observe(lambda _: self.history.set_trait("store", named_store(store, self.visitor.name)), "name")
        self.session.subject = first

    def _wire(self) -> None:
        asking = (self.constraints, self.picker, self.selector, self.forms, self.runner)
        for component in (*asking, self.board, self.history, self.view):
            self.session.link(component, subject="subject")
        for component in (self.board, self.view, self.report, self.policy, self.history, self.code):
            self.session.link(component, policy="policy")
        self.session.link(self.view, selected="selected")
        w.dlink((self.history, "store"), (self.runner, "store"))
        w.dlink((self.board, "quality"), (self.report, "quality"))
        w.dlink((self.selector, "selection"), (self.forms, "names"))
        w.dlink((self.forms, "plan"), (self.selector, "plan"))
        w.dlink((self.forms, "plan"), (self.runner, "plan"))
        w.dlink((self.forms, "error"), (self.runner, "error"))
        w.dlink((self.picker, "loading"), (self.runner, "waiting"))
        w.dlink((self.selector, "forecasts"), (self.runner, "forecasts"))
        self.runner.observe(lambda change: self.session.add(change["new"]), "latest")
        self.runner.observe(lambda _: self.history.look(), "latest")
        self.history.observe(lambda change: self.session.recall(change["new"]), "earlier")
        self.history.observe(self._open, "opened")
        self.session.observe(self._show, ["outcomes", "subject"])

    def _show(self, _: Change) -> None:
        for component in (self.board, self.view, self.report, self.code):
            component.outcomes = self.session.current

    def _open(self, change: Change) -> None:
        opened: Outcome = change["new"]
        others = (o for o in self.session.current if (o.key, o.started) != (opened.key, opened.started))
        self.view.outcomes = (*others, opened)


_LEFT = w.Layout(flex="1 1 300px", max_width="420px", min_width="280px", padding="0 16px 0 0")
_RIGHT = w.Layout(flex="4 1 540px", min_width="300px")
