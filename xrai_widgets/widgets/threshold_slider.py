"""A slider for a threshold of the policy: moving it re-judges what is there, nothing is run again."""

from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Outcome
from xrai_widgets.results import html, words
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.widgets.parts import Html, wide
from xrai_widgets.widgets.session import Change


class ThresholdSlider(w.VBox):  # type: ignore[misc]
    """Move one threshold.

    Parameters
    ----------
    outcome : Outcome
        What is judged.
    key : str
        The measure.
    policy : Policy, optional

    Attributes
    ----------
    policy : Policy
        Replaced whenever the slider moves.
    """

    policy = traitlets.Instance(Policy)

    def __init__(self, outcome: Outcome, key: str, policy: Policy | None = None, **kwargs: Any) -> None:
        self.outcome, self.key = outcome, key
        self.verdict = Html()
        policy = policy or Policy.default()
        threshold = policy.threshold(outcome.assessment, key)
        if threshold is None or outcome.finding is None or key not in outcome.finding.values:
            raise ValueError(f"the policy must have a threshold for {outcome.assessment} {key}, got none")
        low, high = _span(outcome, key, threshold.value)
        self._first = threshold.value
        name = words.label(key, outcome.assessment)
        word = "at most" if threshold.bound == "max" else "at least"
        self.slider = w.FloatSlider(
            value=threshold.value,
            min=low,
            max=high,
            step=(high - low) / 200,
            description=f"{name}: {word}",
            tooltip=f"threshold for {name}; re-judges at once, nothing is run again",
            readout_format=".3g",
            style={"description_width": "initial"},
            layout=wide(),
        )
        super().__init__([self.slider, self.verdict], **kwargs)
        self.set_trait("policy", policy)
        self.slider.observe(self._moved, "value")
        self.observe(self._draw, "policy")
        self._draw()

    def _moved(self, _: Change) -> None:
        self.policy = self.policy.with_threshold(self.outcome.assessment, self.key, self.slider.value)

    def _draw(self, _: Change | None = None) -> None:
        threshold = self.policy.threshold(self.outcome.assessment, self.key)
        if threshold is not None and abs(threshold.value - self.slider.value) > 1e-12:
            self.slider.value = threshold.value
        check = next(c for c in judge(self.outcome, self.policy).checks if c.key == self.key)
        self.verdict.show(html.check(self.outcome, check, (self._first, self._first)))


def _span(outcome: Outcome, key: str, threshold: float) -> tuple[float, float]:
    """Return a range that holds the interval and the threshold; shares get 0 to 1."""
    assert outcome.finding is not None
    low, high = outcome.finding.intervals.get(key, (outcome.finding.values[key],) * 2)
    high = outcome.finding.values[key] if high == float("inf") else high
    if 0 <= threshold <= 1 and low >= -1 and high <= 1:
        return min(0.0, threshold), 1.0
    return min(0.0, low, threshold), 1.5 * max(high, threshold, 1e-9)
