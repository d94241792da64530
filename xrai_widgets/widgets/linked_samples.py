"""A histogram and the table of the samples that stand out most in it: one cut, one set of marks."""

from collections.abc import Iterable
from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Chart, Finding, Subject
from xrai_widgets.results.exposed import contents, top_samples
from xrai_widgets.widgets.sample_histogram import SampleHistogram
from xrai_widgets.widgets.sample_table import SampleTable, keys
from xrai_widgets.widgets.session import Change

_PAGE = 20
_LABELLED = 30  # marks that a histogram shows


class LinkedSamples(traitlets.HasTraits):
    """Look at a score per sample.

    Parameters
    ----------
    chart : Chart
        Of kind ``histogram`` with a ``cut``.
    finding : Finding
    subject : Subject, optional
        The one that was measured; without it samples are named by id only.
    selected : iterable of [part, id]
    assessment : str, optional
        Whose finding it is: its words are used.

    Attributes
    ----------
    selected : list of [part, id]
    widgets : list of Widget
        The histogram and, for a score of samples, the table.
    """

    selected: Any = traitlets.List()

    def __init__(
        self,
        chart: Chart,
        finding: Finding,
        subject: Subject | None = None,
        selected: Iterable[Any] = (),
        assessment: str = "",
    ) -> None:
        super().__init__(selected=[[str(part), str(name)] for part, name in selected])
        self.chart, self._assessment = chart, assessment
        self.histogram = SampleHistogram(chart, finding, assessment)
        self.widgets: list[w.Widget] = [self.histogram]
        self._frame = finding.tables[chart.table].dropna(subset=[chart.x])
        self._keys = keys(self._frame) if {"part", "id"} <= set(self._frame.columns) else []
        self.table: SampleTable | None = None
        if chart.table == "samples":
            self._add_table(finding, subject)
        self.observe(self._mark, "selected")
        self.histogram.observe(self._pick, "picked")
        self._mark()

    def _add_table(self, finding: Finding, subject: Subject | None) -> None:
        self._shown = top_samples(self.chart, finding)
        part = set(self._shown["part"])
        kind = {"X_train": "training ", "X_new": "new "}.get(next(iter(part)), "") if len(part) == 1 else ""
        caption = f"Most exposed {kind}samples"
        self.table = SampleTable(
            self._shown.head(0),
            caption,
            self.chart.x,
            self.selected,
            cut=self.chart.cut,
            beyond=self.chart.beyond,
            page=_PAGE,
            total=int(self._frame["part"].isin(part).sum()),
            assessment=self._assessment,
        )
        self.show(subject)
        w.jslink((self.histogram, "cut"), (self.table, "cut"))
        traitlets.link((self, "selected"), (self.table, "selected"))
        self.widgets.append(self.table)

    def show(self, subject: Subject | None) -> None:
        """Show what is in the samples, or their ids only if the subject is not at hand."""
        if self.table is None:
            return
        if subject is None:
            note = "Samples are named by id only: the model and its data are not at hand."
            self.table.show(self._shown, self._shown[[]], note=note)
            return
        inside = contents(subject, self._shown)
        self.table.show(self._shown, inside.table, inside.pictures, inside.note)

    def _mark(self, _: Change | None = None) -> None:
        if self._keys:
            marked = self._frame[[key in self.selected for key in self._keys]].head(_LABELLED)
            pairs = zip(marked[self.chart.x], marked["id"], strict=True)
            self.histogram.marks = [[float(value), str(name)] for value, name in pairs]

    def _pick(self, change: Change) -> None:
        """Mark the sample nearest to where the histogram was clicked; a marked one is marked no longer."""
        value = change["new"]
        if value is not None and self._keys:
            key = self._keys[int((self._frame[self.chart.x] - value).abs().to_numpy().argmin())]
            others = [mark for mark in self.selected if mark != key]
            self.selected = others if key in self.selected else [*others, key]
            self.histogram.picked = None
