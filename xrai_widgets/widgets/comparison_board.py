"""Several subjects side by side."""

from collections.abc import Iterable
from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Outcome
from xrai_widgets.results.compare import compare
from xrai_widgets.results.html import by_subject
from xrai_widgets.results.policy import Policy
from xrai_widgets.widgets.parts import Html, guarded
from xrai_widgets.widgets.session import Change


class ComparisonBoard(w.VBox):  # type: ignore[misc]
    """Values of several subjects, with verdicts and differences from the first one.

    Attributes
    ----------
    outcomes : tuple of Outcome
        Of any number of subjects, in any order; the first one's subject is the reference.
    policy : Policy
        A new one re-judges at once.
    """

    outcomes = traitlets.Tuple()
    policy = traitlets.Instance(Policy)

    def __init__(self, outcomes: Iterable[Outcome] = (), policy: Policy | None = None, **kwargs: Any) -> None:
        self.view, self.message = Html(), Html()
        super().__init__([self.message, self.view], **kwargs)
        self.set_trait("policy", policy or Policy.default())
        self.outcomes = tuple(outcomes)
        self.observe(self._draw, ["outcomes", "policy"])
        self._draw()

    @guarded
    def _draw(self, _: Change | None = None) -> None:
        runs = by_subject(self.outcomes)
        few = "Run the same assessments on two or more subjects to see them side by side."
        self.message.say("" if len(runs) > 1 else few, "info")
        self.view.show(compare(*runs, policy=self.policy).to_html() if len(runs) > 1 else "")
