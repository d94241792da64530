"""Which threshold? A slider that reads false alarms and detection off the scores of one run."""

from collections.abc import Iterable
from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results.views.detector.html import beside
from xrai_widgets.results.views.detector.reading import at_threshold, has_detector, named_thresholds, span
from xrai_widgets.widgets.parts import LABELS, Html, wide
from xrai_widgets.widgets.session import Change

_STEPS = 500


class DetectorSlider(w.VBox):  # type: ignore[misc]
    """Move the threshold of an outcome of ``robustness.confidence_detection``; the model is not asked again.

    Parameters
    ----------
    outcome : Outcome
    subject : Subject, optional
    selected : iterable of [part, id], optional

    Attributes
    ----------
    threshold : float
        Samples with a lower score are flagged.
    subject, selected
        As in the other views; nothing here depends on them.

    Raises
    ------
    ValueError
        if the outcome has no scores of a detector.
    """

    threshold = traitlets.Float(0.0)
    selected: Any = traitlets.List()
    subject = traitlets.Instance(Subject, allow_none=True)

    def __init__(
        self, outcome: Outcome, subject: Subject | None = None, selected: Iterable[Any] = (), **kwargs: Any
    ) -> None:
        if outcome.finding is None:
            raise ValueError(f"{outcome.assessment} has no finding: {outcome.status}, {outcome.reason}")
        if not has_detector(outcome.finding):
            raise ValueError(f"{outcome.assessment} has no scores of a detector, robustness.confidence_detection has")
        self._finding = outcome.finding
        self.named = named_thresholds(self._finding)
        low, high = span(self._finding)
        first = next(iter(self.named.values()), low)
        first = next((value for name, value in self.named.items() if name.startswith("fixed")), first)
        self.slider = w.FloatSlider(
            value=first,
            min=low,
            max=high if high > low else low + 1.0,
            step=(high - low) / _STEPS or 1.0,
            description="threshold",
            tooltip="score below which a sample is flagged; the shares are read off the scores, nothing is run again",
            readout_format=".3g",
            style=LABELS,
            layout=wide(),
        )
        self.buttons = [self._button(name, value) for name, value in self.named.items()]
        self._table = Html()
        super().__init__([self.slider, w.HBox(self.buttons), self._table], **kwargs)
        self.subject, self.selected = subject, [[str(part), str(name)] for part, name in selected]
        self.threshold = first
        self._show()
        self.observe(self._show, "threshold")
        self.slider.observe(self._moved, "value")

    def _button(self, name: str, value: float) -> w.Button:
        button = w.Button(description=f"{name}: {value:.3g}", tooltip=f"put the slider at the {name} threshold")
        button.on_click(lambda _: self.set_trait("threshold", value))
        return button

    def _moved(self, _: Change) -> None:
        self.threshold = self.slider.value

    def _show(self, _: Change | None = None) -> None:
        self.slider.value = self.threshold
        which = next((name for name, value in self.named.items() if value == self.threshold), "")
        self._table.show(beside(self.threshold, which, at_threshold(self._finding, self.threshold)))

    def __repr__(self) -> str:
        return f"DetectorSlider({self.threshold:g})"


WIDGET = DetectorSlider
