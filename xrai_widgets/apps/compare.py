"""Several models side by side: the same assessments, verdicts and paired differences."""

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as w

from xrai_widgets import widgets as x
from xrai_widgets.core import Outcome, Subject
from xrai_widgets.core.subjects import several
from xrai_widgets.results.policy import Policy
from xrai_widgets.widgets.parts import heading
from xrai_widgets.widgets.session import Change, Session


class Compare(w.VBox):  # type: ignore[misc]
    """Compare models.

    Parameters
    ----------
    *subjects : Subject, or a mapping or sequence of them
        The first one is the reference; more can be picked on the page.
    outcomes : tuple of Outcome
        Outcomes that exist already.
    policy : Policy, optional
    selection : tuple of str, optional
        Names of the assessments that are ticked at first.
    """

    def __init__(
        self,
        *subjects: Subject | Mapping[str, Subject] | Sequence[Subject],
        outcomes: tuple[Outcome, ...] = (),
        policy: Policy | None = None,
        selection: tuple[str, ...] = (),
        **kwargs: Any,
    ) -> None:
        given = [one for some in subjects for one in several(some).values()]
        self.session = Session(policy=policy or Policy.default())
        self.picker, self.selector = x.SubjectPicker(), x.MetricSelector(selection=selection)
        self.forms, self.board, self.policy = x.ParameterForms(), x.ComparisonBoard(), x.PolicyEditor()
        self.report, self.code, self.defence = x.ReportButtons(), x.RunCode(), x.DefenceForm()
        self.runners, self._rows = dict[str, x.Runner](), w.VBox()
        more = w.Accordion([self.defence], titles=["Add a defended copy"])
        left = [
            heading("① Subjects"),
            self.picker,
            more,
            heading("② Assessments"),
            self.selector,
            heading("③ Parameters"),
        ]
        left += [self.forms, w.Accordion([self.policy], titles=["Policy"])]
        right = [heading("④ Run on each"), self._rows, self.board, self.report]
        right += [w.Accordion([self.code], titles=["The whole run as code"])]
        columns = [w.VBox(left, layout=_LEFT), w.VBox(right, layout=_RIGHT)]
        invisible = [x.A11y(), x.Watchdog(), x.Arrival()]
        super().__init__([*invisible, w.Box(columns, layout=w.Layout(flex_flow="row wrap"))], **kwargs)
        for component in (self.picker, self.selector, self.forms):
            self.session.link(component, subject="subject")
        for component in (self.board, self.report, self.policy, self.code):
            self.session.link(component, policy="policy")
        for component in (self.board, self.report, self.code):
            w.dlink((self.session, "outcomes"), (component, "outcomes"), self._in_order)
        w.dlink((self.selector, "selection"), (self.forms, "names"))
        w.dlink((self.forms, "plan"), (self.selector, "plan"))
        self.session.observe(self._add, "subject")
        self.defence.observe(lambda change: setattr(self.session, "subject", change["new"]), "made")
        self.session.outcomes = tuple(outcomes)
        for subject in (*given, *given[:1]):  # the reference is picked once more, so that it is shown
            self.session.subject = subject

    def _in_order(self, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """The reference first, whatever ended first."""
        order = list(self.runners)
        places = {outcome.subject: order.index(outcome.subject) for outcome in outcomes if outcome.subject in order}
        return tuple(sorted(outcomes, key=lambda outcome: places.get(outcome.subject, len(order))))

    def _add(self, change: Change) -> None:
        subject = change["new"]
        if subject is None or subject.fingerprint in self.runners:
            return
        runner = self.runners[subject.fingerprint] = x.Runner(subject)
        self.defence.subjects = (*self.defence.subjects, subject)
        w.dlink((self.forms, "plan"), (runner, "plan"))
        w.dlink((self.forms, "error"), (runner, "error"))
        runner.observe(lambda change: self.session.add(change["new"]), "latest")
        self._rows.children = [*self._rows.children, w.VBox([heading(subject.name, 4), runner])]


_LEFT = w.Layout(flex="1 1 300px", max_width="420px", min_width="280px", padding="0 16px 0 0")
_RIGHT = w.Layout(flex="4 1 540px", min_width="300px")
