"""Look at what would change the model's prediction for an instance, and at what suffices for it."""

from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results.views.contrast.html import explained, frequent, measures
from xrai_widgets.results.views.contrast.reading import is_contrastive, pictured
from xrai_widgets.widgets.parts import Html, wide
from xrai_widgets.widgets.sample_table import keys
from xrai_widgets.widgets.session import Change

_MOST = 500  # instances that the list offers; a mark in another view leads to any


class ContrastView(w.VBox):  # type: ignore[misc]
    """Look at the instances of an outcome of ``explanations.cem`` beside their pertinent negatives and positives.

    Parameters
    ----------
    outcome : Outcome
    subject : Subject, optional
        The model that was measured: then every feature is shown in its own units, else those that differ.
    selected : iterable of [part, id], optional

    Attributes
    ----------
    place : int
        Which instance is shown, counted from 0 in the order of the table ``samples``. Setting it marks that sample.
    selected : list of [part, id]
        The marked samples; marking an instance shows it.
    subject : Subject or None

    Raises
    ------
    ValueError
        if the outcome holds no contrastive explanations, or if the subject is not the one that was measured.
    """

    place = traitlets.Int(0)
    selected: Any = traitlets.List()
    subject = traitlets.Instance(Subject, allow_none=True)

    def __init__(self, outcome: Outcome, subject: Subject | None = None, selected: Any = (), **kwargs: Any) -> None:
        finding = outcome.finding
        if finding is None:
            raise ValueError(f"{outcome.assessment} has no finding: {outcome.status}, {outcome.reason}")
        if not is_contrastive(finding):
            raise ValueError("the finding has no array 'original' beside 'pn' or 'pp': that of explanations.cem has")
        self._outcome, self._finding = outcome, finding
        samples = finding.tables["samples"]
        self._keys = keys(samples)
        predictions = samples["answer"].astype(str)
        self._names = [
            f"{key[1]} (predicted {prediction})" for key, prediction in zip(self._keys, predictions, strict=True)
        ]
        tip = "which sample is explained; the one that is chosen is marked in every view"
        self.picker = w.Dropdown(description="instance", tooltip=tip, layout=w.Layout(flex="0 1 380px", width="auto"))
        self.previous = w.Button(description="◀ previous", tooltip="previous instance", layout=wide())
        self.next = w.Button(description="next ▶", tooltip="next instance", layout=wide())
        self.every = w.Checkbox(
            description="show all features",
            tooltip="also those that no explanation changes or needs",
            indent=False,
            layout=wide(),
        )
        self._body, self._frequent = Html(), frequent(finding)
        row = w.HBox([self.picker, self.previous, self.next, self.every], layout=w.Layout(flex_flow="row wrap"))
        super().__init__([row, self._body], **kwargs)
        self.selected = [[str(part), str(name)] for part, name in selected]
        self.subject = subject
        self.place = self._marked() or 0
        self._list()
        self._show()
        self.picker.observe(self._picked, "value")
        self.previous.on_click(lambda _: self._step(-1))
        self.next.on_click(lambda _: self._step(1))
        self.every.observe(self._show, "value")
        self.observe(self._moved, "place")
        self.observe(self._mark, "selected")
        self.observe(self._show, "subject")

    @traitlets.validate("place")
    def _within(self, proposal: Any) -> int:
        if not 0 <= proposal["value"] < len(self._keys):
            raise ValueError(f"place must lie in [0, {len(self._keys) - 1}], got {proposal['value']}")
        return int(proposal["value"])

    @traitlets.validate("subject")
    def _measured(self, proposal: Any) -> Subject | None:
        subject: Subject | None = proposal["value"]
        if subject is not None and subject.fingerprint != self._outcome.subject:
            raise ValueError(
                f"the subject must be the one that was measured ({self._outcome.subject_name}), got {subject.name}, "
                "whose model or data differ"
            )
        return subject

    def _marked(self) -> int | None:
        """The instance that was marked last."""
        marked = [self._keys.index(key) for key in self.selected if key in self._keys]
        return marked[-1] if marked else None

    def _list(self) -> None:
        shown = list(range(min(_MOST, len(self._names))))
        if self.place not in shown:
            shown.append(self.place)
        if len(self.picker.options) != len(shown) or self.picker.options[-1][1] != shown[-1]:
            self.picker.options = [(self._names[place], place) for place in shown]
        self.picker.value = self.place

    def _picked(self, _: Change) -> None:
        if self.picker.value is not None:
            self.place = self.picker.value

    def _step(self, by: int) -> None:
        self.place = (self.place + by) % len(self._keys)

    def _moved(self, change: Change) -> None:
        """Show the instance and mark it instead of the one before."""
        self._list()
        self._show()
        before, now = self._keys[change["old"]], self._keys[self.place]
        if now not in self.selected:
            self.selected = [*(key for key in self.selected if key != before), now]

    def _mark(self, change: Change) -> None:
        new = [key for key in change["new"] if key not in change["old"] and key in self._keys]
        if new:
            self.place = self._keys.index(new[-1])

    def _show(self, _: Change | None = None) -> None:
        finding, alone = self._finding, self.subject is None or pictured(self._finding)
        self.every.layout.display = "none" if alone else ""
        self.previous.disabled = self.next.disabled = len(self._keys) < 2
        shown = explained(finding, self.place, self.subject, every=self.every.value)
        self._body.show(shown + measures(finding, self.place) + self._frequent)

    def __repr__(self) -> str:
        return f"ContrastView({self._names[self.place]}, {self.place + 1} of {len(self._names)})"


WIDGET = ContrastView
