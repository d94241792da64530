"""Take the report away."""

from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Finding
from xrai_widgets.reporting.compose import Report, report
from xrai_widgets.results.policy import Policy
from xrai_widgets.widgets.download import Download, File
from xrai_widgets.widgets.session import Change


class ReportButtons(w.VBox):  # type: ignore[misc]
    """Save what was found as HTML, JSON or Markdown.

    Attributes
    ----------
    outcomes : tuple of Outcome
    policy : Policy
    quality : Finding or None
    """

    outcomes = traitlets.Tuple()
    policy = traitlets.Instance(Policy)
    quality = traitlets.Instance(Finding, allow_none=True)

    def __init__(self, outcomes: tuple[Any, ...] = (), policy: Policy | None = None, **kwargs: Any) -> None:
        self.download = Download(
            "Report",
            {
                "HTML": lambda: File("report.html", "text/html", self.report().to_html()),
                "JSON": lambda: File("report.json", "application/json", self.report().to_json()),
                "Markdown": lambda: File("report.md", "text/markdown", self.report().to_markdown()),
            },
        )
        super().__init__([self.download], **kwargs)
        self.set_trait("policy", policy or Policy.default())
        self.observe(self._ready, "outcomes")
        self.outcomes = tuple(outcomes)
        self._ready()

    def report(self) -> Report:
        """Return the report as it would be saved now."""
        return report(self.outcomes, self.policy, quality=self.quality)

    def _ready(self, _: Change | None = None) -> None:
        self.download.disabled = not self.outcomes
