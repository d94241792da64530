"""One result in full: figure, table, meaning, code, and the thresholds that judge it."""

from typing import Any

import ipywidgets as w
import pandas as pd
import traitlets

from xrai_widgets.core import Chart, Finding, Outcome, Subject
from xrai_widgets.core.control import CONTROLS
from xrai_widgets.core.finding import FOR_PAIRS
from xrai_widgets.results import html, words
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.runtime import Job
from xrai_widgets.widgets.arrival import Arrival
from xrai_widgets.widgets.linked_samples import LinkedSamples
from xrai_widgets.widgets.parts import LABELS, Html, wide
from xrai_widgets.widgets.sample_table import SampleTable
from xrai_widgets.widgets.session import Change
from xrai_widgets.widgets.threshold_slider import ThresholdSlider
from xrai_widgets.widgets.views import method_views
from xrai_widgets.widgets.waiver_form import WaiverForm

_TABS = ("Figure", "Numbers", "Meaning", "As code")


class OutcomeView(w.VBox):  # type: ignore[misc]
    """Look at outcomes, one at a time.

    Parameters
    ----------
    outcome : Outcome, optional
        The one to show; shorthand for ``outcomes=(outcome,)``.
    policy : Policy, optional
    subject : Subject, optional
        The model that was measured: then the most exposed samples are shown in original units, else by id only. What
        is shown is part of the widget's state, which a notebook may save; reports never hold it.

    Attributes
    ----------
    outcomes : tuple of Outcome
        What can be chosen.
    outcome : Outcome or None
        What is shown.
    policy : Policy
        Moving a threshold slider replaces it.
    subject : Subject or None
    selected : tuple of (fingerprint, part, id)
        The marked samples. Linked views mark the same ones: ``traitlets.link((a, "selected"), (b, "selected"))``.
    """

    outcomes = traitlets.Tuple()
    selected = traitlets.Tuple()
    outcome = traitlets.Instance(Outcome, allow_none=True)
    policy = traitlets.Instance(Policy)
    subject = traitlets.Instance(Subject, allow_none=True)

    def __init__(
        self,
        outcome: Outcome | None = None,
        policy: Policy | None = None,
        subject: Subject | None = None,
        **kwargs: Any,
    ) -> None:
        self._choice = w.Dropdown(description="result", tooltip="which result is shown", style=LABELS, layout=wide())
        self._head, self._values = Html(), Html()
        self._tables = w.VBox()
        self._thresholds = w.VBox()
        self.waivers = WaiverForm()
        self._pages = [w.VBox(), w.VBox([self._values, self._tables]), w.VBox(), w.VBox()]
        self._tabs = w.Tab(self._pages, titles=_TABS)
        self._filled: set[int] = set()
        self._drawing: Job[None] | None = None
        self._linked: list[LinkedSamples] = []
        self._method_views: list[Any] = []
        super().__init__([self._choice, self._head, self._thresholds, self.waivers, self._tabs, Arrival()], **kwargs)
        self.set_trait("policy", policy or Policy.default())
        traitlets.link((self, "policy"), (self.waivers, "policy"))
        traitlets.dlink((self, "outcome"), (self.waivers, "outcome"))
        self._choice.observe(self._chosen, "value")
        self._tabs.observe(lambda _: self._fill(), "selected_index")
        self.observe(self._list, "outcomes")
        self.observe(self._show, "outcome")
        self.observe(self._judge, "policy")
        self.observe(self._mark, "selected")
        self.subject = subject
        self.observe(self._on_subject, "subject")
        if outcome is not None:
            self.outcomes = (outcome,)
        self._show()

    def _list(self, _: Change) -> None:
        self._choice.options = [
            (f"{number}. {_title(outcome)} ({outcome.status})", number)
            for number, outcome in enumerate(self.outcomes, 1)
        ]
        self.outcome = self.outcomes[-1] if self.outcomes else None
        self._choice.value = len(self.outcomes) or None

    def _chosen(self, _: Change) -> None:
        if self._choice.value is not None:
            self.outcome = self.outcomes[self._choice.value - 1]

    def _show(self, _: Change | None = None) -> None:
        outcome = self.outcome
        self._choice.layout.display = "" if len(self.outcomes) > 1 else "none"
        self._tabs.layout.display = "none" if outcome is None or outcome.finding is None else ""
        self._thresholds.children = [] if outcome is None else self._sliders(outcome)
        self._filled.clear()
        self._tabs.selected_index = 0
        self._fill()
        self._judge()

    def _sliders(self, outcome: Outcome) -> list[ThresholdSlider]:
        checks = [check for check in judge(outcome, self.policy).checks if check.threshold is not None]
        made = [ThresholdSlider(outcome, check.key, self.policy) for check in checks]
        for slider in made:
            traitlets.link((self, "policy"), (slider, "policy"))
        return made

    def _judge(self, _: Change | None = None) -> None:
        """Draw what depends on the policy, and nothing else."""
        if self.outcome is None:
            self._head.show('<div class="xrai xrai-soft"><p>Results are shown here as they end.</p></div>')
            self._values.show("")
            return
        verdict = judge(self.outcome, self.policy)
        self._head.show(html.head(self.outcome, verdict) + html.controls(self.outcome, verdict))
        self._values.show(html.values(self.outcome, verdict))
        if 2 in self._filled:
            self._fill_meaning()

    def _fill(self) -> None:
        """Make the page that is looked at; the others are made when they are."""
        index = self._tabs.selected_index
        if self.outcome is None or self.outcome.finding is None or index is None or index in self._filled:
            return
        self._filled.add(index)
        (self._fill_figures, self._fill_tables, self._fill_meaning, self._fill_code)[index]()

    def _fill_figures(self) -> None:
        assert self.outcome is not None
        finding = self.outcome.finding
        assert finding is not None
        self._method_views = method_views(self.outcome, self._at_hand(), self._marked_here())
        for view in self._method_views:
            view.observe(self._marked, "selected")
        made: list[w.Widget] = [*self._method_views]
        drawn = {table for view in self._method_views for table in getattr(view, "draws", ())}
        self._linked = []
        blank: list[tuple[Html, Chart]] = []
        for chart in finding.charts:
            if chart.table == CONTROLS or chart.table in drawn:  # they stand beside the number, or in a view
                continue
            if chart.kind == "histogram" and chart.cut is not None:
                linked = LinkedSamples(chart, finding, self._at_hand(), self._marked_here(), self.outcome.assessment)
                linked.observe(self._marked, "selected")
                self._linked.append(linked)
                made += linked.widgets
            else:
                picture = Html()
                picture.say("Drawing …", "status")
                made.append(picture)
                blank.append((picture, chart))
        if not made:
            made = [Html()]
            made[0].say("There is nothing to draw.", "info")
        self._pages[0].children = made
        self._draw(blank, finding)

    def _draw(self, blank: list[tuple[Html, Chart]], finding: Finding) -> None:
        """Draw in the background: the libraries for it take half a second to load, a large table as long to draw."""
        if self._drawing is not None:
            self._drawing.cancel()

        name = "" if self.outcome is None else self.outcome.assessment

        def work(job: Job[None]) -> None:
            for place, chart in blank:
                if not job.cancel_event.is_set():
                    job.post((place, html.picture(chart, finding, name)))

        def hear(news: Any) -> None:
            if isinstance(news, tuple):
                place, picture = news
                place.show(f'<div class="xrai">{picture}</div>')
            elif news.error is not None:
                for place, chart in blank:
                    place.say(f"{chart.title} could not be drawn: {news.error}")

        self._drawing = Job(work, hear).start() if blank else None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until everything is drawn, in scripts and tests; return whether it is."""
        return self._drawing is None or self._drawing.wait(timeout)

    def _fill_tables(self) -> None:
        assert self.outcome is not None
        finding = self.outcome.finding
        assert finding is not None
        made = []
        for name, frame in finding.tables.items():
            if not frame.empty and name not in FOR_PAIRS:
                scores = [
                    str(column) for column in frame.columns if name == "samples" and frame[column].dtype.kind == "f"
                ]
                source = next((linked for linked in self._linked if linked.chart.table == name), None)
                table = self._table(name, frame, scores[0] if scores else "", source)
                table.observe(self._marked, "selected")
                made.append(table)
        self._tables.children = made

    def _table(self, name: str, frame: pd.DataFrame, first: str, source: LinkedSamples | None) -> SampleTable:
        """Return a table; where its score has a cut, the flags follow it."""
        assessment = "" if self.outcome is None else self.outcome.assessment
        title = words.label(name, assessment)
        if source is None:
            return SampleTable(frame, title, first, self._marked_here(), assessment=assessment)
        chart, cut = source.chart, source.histogram.cut
        table = SampleTable(
            frame, title, chart.x, self._marked_here(), cut=cut, beyond=chart.beyond, assessment=assessment
        )
        w.jslink((source.histogram, "cut"), (table, "cut"))
        return table

    def _at_hand(self) -> Subject | None:
        """The subject that was measured, if it is here."""
        if self.subject is None or self.outcome is None or self.subject.fingerprint != self.outcome.subject:
            return None
        return self.subject

    def _on_subject(self, _: Change) -> None:
        for linked in self._linked:
            linked.show(self._at_hand())
        for view in self._method_views:
            view.subject = self._at_hand()

    def _marked_here(self) -> list[list[str]]:
        """The marked samples of this outcome's subject."""
        subject = self.outcome.subject if self.outcome is not None else ""
        return [[part, name] for owner, part, name in self.selected if owner == subject]

    def _mark(self, _: Change) -> None:
        marked = self._marked_here()
        for view in [*self._linked, *self._method_views, *(table for table in self._tables.children if table.samples)]:
            if view.selected != marked:
                view.selected = marked

    def _marked(self, change: Change) -> None:
        assert self.outcome is not None
        subject = self.outcome.subject
        others = tuple(mark for mark in self.selected if mark[0] != subject)
        self.selected = (*others, *((subject, str(part), str(name)) for part, name in change["new"]))

    def _fill_meaning(self) -> None:
        assert self.outcome is not None
        page = Html()
        page.show(html.meaning(self.outcome, judge(self.outcome, self.policy)))
        self._pages[2].children = [page]

    def _fill_code(self) -> None:
        assert self.outcome is not None
        page = Html()
        page.show(html.code(self.outcome))
        self._pages[3].children = [page]


def _title(outcome: Outcome) -> str:
    entry = html.entry_of(outcome)
    return entry.title if entry is not None else outcome.assessment
